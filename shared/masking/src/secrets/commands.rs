//! The passwords in options of commands: `curl -u user:password`, `mysql -ppassword`.

use std::ops::Range;

use super::place::{LONGEST, ends};
use super::value::is_code;
use super::words::worth;
use crate::text::Text;

/// The longest line before an option in which its command is searched.
const LINE: usize = 100;

/// The options of commands whose value is a password. `false`: only without a space, since with one it is asked for.
const OPTIONS: [(&str, &str, bool); 26] = [
    ("curl", "-u", true),
    ("curl", "--user", true),
    ("curl", "-U", true),
    ("curl", "--proxy-user", true),
    ("http", "-a", true),
    ("http", "--auth", true),
    ("https", "-a", true),
    ("https", "--auth", true),
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
    ("sqlcmd", "-P", true),
    ("smbclient", "-U", true),
    ("smbclient", "--user", true),
    ("rpcclient", "-U", true),
    ("rpcclient", "--user", true),
];

/// The commands whose option has a user, a mark and the password, of any length.
const WITH_USER: [(&str, char); 5] = [
    ("curl", ':'),
    ("http", ':'),
    ("https", ':'),
    ("smbclient", '%'),
    ("rpcclient", '%'),
];

/// Options of curl without a value, which may be joined with the next one: `curl -sSu user:password`.
const FLAGS: &str = "sSkLvfgiINn#46";

/// The commands whose subcommand "login" takes a password.
const WITH_LOGIN: [&str; 11] = [
    "docker", "podman", "nerdctl", "buildah", "skopeo", "helm", "oras", "crane", "az", "oc", "cf",
];

/// Options whose value is the name of a container or a host, which may be that of a command.
const NAMING: [&str; 12] = [
    "--name",
    "--hostname",
    "--host",
    "--network",
    "--network-alias",
    "--container",
    "--service",
    "--app",
    "-h",
    "-n",
    "-c",
    "-l",
];

/// Words after which a command begins.
const BEFORE: [&str; 11] = [
    "sudo", "env", "time", "nohup", "then", "do", "&&", "||", "|", "$", "#",
];

pub fn in_command(text: &Text, dash: usize) -> Option<Range<usize>> {
    // `["curl", "-u", "user:password"]`
    let quote = Some(text.before(dash)).filter(|unit| matches!(unit, '"' | '\''));
    if quote.is_none() && !matches!(text.before(dash), ' ' | '\n') {
        return None;
    }
    let option = |option: &str| {
        let mut units = option.chars().enumerate();
        units.all(|(place, letter)| text.at(dash + place) == letter)
    };
    let flags = (dash + 1..dash + LINE).take_while(|&unit| FLAGS.contains(text.at(unit)));
    let user = dash + 1 + flags.count();
    let joined = user > dash + 1 && text.at(user) == 'u' && text.at(user + 1) == ' ';
    if !joined && !OPTIONS.iter().any(|(_, name, _)| option(name)) {
        return None;
    }
    let line = text.folded.units(dash.saturating_sub(LINE)..dash);
    let line = String::from_iter(line.rsplit(|&unit| unit == '\n').next()?);
    let marks = |unit: char| quote.is_some() && matches!(unit, '"' | '\'' | ',' | '[');
    let words = line.split(|unit: char| unit.is_ascii_whitespace() || marks(unit));
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    let (command, name_end, spaced, place) = if joined {
        ("curl", user + 1, true, runs(&words, "curl")?)
    } else {
        OPTIONS.iter().find_map(|&(command, name, spaced)| {
            let place = option(name).then(|| runs(&words, command)).flatten()?;
            Some((command, dash + name.len(), spaced, place))
        })?
    };
    let listed =
        quote.is_some_and(|quote| text.at(name_end) == quote && text.at(name_end + 1) == ',');
    let name_end = name_end + 2 * usize::from(listed);
    let mut start = text.folded.skip_spaces(name_end);
    if start > name_end && !spaced {
        return None;
    }
    start += usize::from(text.at(start) == '=');
    start += usize::from(matches!(text.at(start), '"' | '\''));
    let end = (start..start + LONGEST).find(|&unit| ends(text.at(unit)))?;
    let units = text.folded.units(start..end);
    let with_user = WITH_USER.iter().find(|(known, _)| *known == command);
    let password = if let Some((_, mark)) = with_user {
        let user = units.iter().position(|unit| unit == mark)?;
        &units[user + 1..]
    } else if is_port(units, begins(&words, place)) {
        return None;
    } else {
        units
    };
    let long = password.len() >= if with_user.is_some() { 1 } else { 3 };
    (long && worth(password) && !is_code(password, true)).then_some(start..end)
}

/// The place of a command among the words of a line, also within the arguments of another command.
fn runs(words: &[&str], command: &str) -> Option<usize> {
    let mut places = (0..words.len()).filter(|&place| {
        let file = words[place].rsplit('/').next().unwrap_or_default();
        file.trim_start_matches(['`', '$', '(', '"', '\'']) == command
    });
    places.find(|&place| {
        let is_name = place > 0 && NAMING.contains(&words[place - 1]);
        let of_login =
            command != "login" || words[..place].iter().any(|word| WITH_LOGIN.contains(word));
        !is_name && of_login
    })
}

/// Whether a command begins at a word of a line.
fn begins(words: &[&str], place: usize) -> bool {
    place == 0 || {
        let before = words[place - 1];
        BEFORE.contains(&before) || before.contains('=') || before.ends_with([';', ':'])
    }
}

/// Whether the value of `-p` publishes or names a port: 27017:27017, 127.0.0.1:80:80/tcp. The options of a command
/// within the arguments of another one may be those of the other one.
fn is_port(units: &[char], begins: bool) -> bool {
    let digits = |units: &[char]| units.iter().all(char::is_ascii_digit);
    let published = String::from_iter(units);
    let published = published.trim_end_matches("/tcp").trim_end_matches("/udp");
    let numeric = published
        .chars()
        .all(|unit| unit.is_ascii_digit() || matches!(unit, ':' | '.' | '-'));
    numeric && published.contains(':') || !begins && units.len() <= 5 && digits(units)
}
