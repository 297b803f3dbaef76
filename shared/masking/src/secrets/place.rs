//! Credentials that are recognized by their place in a URL, a command or a data source name.

use std::ops::Range;

use super::entropy::is_random;
use super::value::{is_code, worth};
use crate::fold::PLACEHOLDER;
use crate::text::Text;

/// The longest credentials.
const LONGEST: usize = 200;

/// The longest line before an option in which its command is searched.
const LINE: usize = 100;

fn ends(unit: char) -> bool {
    matches!(unit, '\0' | '"' | '\'' | '`' | '<' | '>' | PLACEHOLDER) || unit.is_whitespace()
}

/// The credentials before the host of a URL: https://user:password@host. People also write passwords whose marks
/// should be escaped.
pub fn in_url(text: &Text, colon: usize) -> Option<Range<usize>> {
    if text.at(colon + 1) != '/' || text.at(colon + 2) != '/' {
        return None;
    }
    let start = colon + 3;
    let (mut password, mut port, mut user) = (false, true, true);
    let mut end = None;
    for unit in start..start + LONGEST {
        match text.at(unit) {
            '@' if password => end = Some(unit),
            // A token in place of the user: https://token@host
            '@' if user => {
                if is_random(text.folded.units(start..unit)) {
                    return Some(start..unit);
                }
                user = false;
            }
            ':' if !password => password = true,
            // After a port, this is the path.
            '/' | '?' | '#' if end.is_some() || port => break,
            other if ends(other) => break,
            other => port &= !password || other.is_ascii_digit(),
        }
    }
    end.filter(|&end| end > start).map(|end| start..end)
}

/// The credentials before the address of a data source name: user:password@tcp(host)/database.
pub fn in_source(text: &Text, at: usize) -> Option<Range<usize>> {
    let network = ["tcp(", "unix(", "("]
        .iter()
        .any(|name| text.folded.has(at + 1, name));
    if !network {
        return None;
    }
    let mut start = at;
    let mut password = false;
    while start > 0 && at - start < LINE && !ends(text.before(start)) && text.before(start) != '=' {
        start -= 1;
        password |= text.at(start) == ':';
    }
    password.then_some(start..at)
}

/// The options of commands whose value is a password. `false`: only without a space, since with one it is asked for.
const OPTIONS: [(&str, &str, bool); 16] = [
    ("curl", "-u", true),
    ("curl", "--user", true),
    ("curl", "--proxy-user", true),
    ("mysql", "-p", false),
    ("mysqldump", "-p", false),
    ("mysqladmin", "-p", false),
    ("mariadb", "-p", false),
    ("sshpass", "-p", true),
    ("login", "-p", true),
    ("mongo", "-p", true),
    ("mongosh", "-p", true),
    ("mongodump", "-p", true),
    ("redis-cli", "-a", true),
    ("ldapsearch", "-w", true),
    ("7z", "-p", false),
    ("unzip", "-P", true),
];

/// The password in an option of a command: `curl -u user:password`, `mysql -ppassword`.
pub fn in_command(text: &Text, dash: usize) -> Option<Range<usize>> {
    if !matches!(text.before(dash), ' ' | '\n') {
        return None;
    }
    let option = |option: &str| {
        let units = option.chars().enumerate();
        units
            .into_iter()
            .all(|(place, letter)| text.at(dash + place) == letter)
    };
    if !OPTIONS.iter().any(|(_, name, _)| option(name)) {
        return None;
    }
    let line = text.folded.units(dash.saturating_sub(LINE)..dash);
    let line = line.rsplit(|&unit| unit == '\n').next()?;
    let words = || line.split(|&unit| unit == ' ' || unit == '/');
    let (command, name, spaced) = OPTIONS.iter().find(|(command, name, _)| {
        option(name) && words().any(|word| command.chars().eq(word.iter().copied()))
    })?;
    let name_end = dash + name.len();
    let mut start = text.folded.skip_spaces(name_end);
    if start > name_end && !spaced {
        return None;
    }
    start += usize::from(text.at(start) == '=');
    start += usize::from(matches!(text.at(start), '"' | '\''));
    let end = (start..start + LONGEST).find(|&unit| ends(text.at(unit)))?;
    let units = text.folded.units(start..end);
    let password = if *command == "curl" {
        let colon = units.iter().position(|&unit| unit == ':')?;
        &units[colon + 1..]
    } else {
        units
    };
    (password.len() >= 3 && worth(password) && !is_code(password)).then_some(start..end)
}
