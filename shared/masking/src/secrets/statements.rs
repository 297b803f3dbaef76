//! Passwords in statements of SQL and PowerShell: `create user a identified by 'value'`, `alter role a password 'value'`,
//! `set password for a = 'value'`, `ConvertTo-SecureString 'value' -AsPlainText`.

use std::ops::Range;

use super::place::ends;
use super::value::is_reference;
use super::words::worth;
use crate::text::Text;

/// The most units before a word in which its statement begins.
const BEFORE: usize = 120;

/// The most units of the name of an authentication plugin.
const PLUGIN: usize = 40;

/// The most units of "for" and the name of an account with its host.
const ACCOUNT: usize = 80;

/// The words after a password without quotes.
const CLAUSES: [&str; 8] = [
    "replace ",
    "default ",
    "account ",
    "require ",
    "temporary ",
    "quota ",
    "profile ",
    "password ",
];

/// The longest password.
const LONGEST: usize = 200;

/// The first words of statements that set a password.
const STATEMENTS: [&str; 3] = ["create", "alter", "grant"];

/// What a password is set for.
const OWNERS: [&str; 4] = ["user", "role", "login", "group"];

/// The options of `ConvertTo-SecureString` that may be before its value.
const OPTIONS: [&str; 3] = ["-string ", "-asplaintext ", "-force "];

/// The password of a statement, at the word before it.
pub fn in_statement(text: &Text, start: usize) -> Option<Range<usize>> {
    let at = |word: &str| text.folded.has(start, word).then_some(start + word.len());
    match text.at(start) {
        'i' | 'I' => identified(text, start, at("identified ")?),
        'p' | 'P' => password(text, start, at("password")?),
        'c' | 'C' => {
            let mut value = text.folded.skip_spaces(at("convertto-securestring ")?);
            for _ in OPTIONS {
                let option = OPTIONS.iter().find(|it| text.folded.has(value, it));
                let end = option.map_or(value, |option| value + option.len());
                value = text.folded.skip_spaces(end);
            }
            quoted(text, value).filter(|value| text.at(value.start) != '$')
        }
        _ => None,
    }
}

/// The password after its name: `alter role a password 'value'`, `set password for a = password('value')`.
fn password(text: &Text, start: usize, name_end: usize) -> Option<Range<usize>> {
    let mut at = text.folded.skip_spaces(name_end);
    if matches!(text.at(at), '"' | '\'') {
        return (at > name_end && sets(text, start, true))
            .then(|| quoted(text, at))
            .flatten();
    }
    if !text.folded.has(start.saturating_sub(4), "set ") {
        return None;
    }
    if text.folded.has(at, "for ") {
        at = (at..at + ACCOUNT).find(|&unit| matches!(text.at(unit), '=' | '\n' | '\0'))?;
    }
    let value = text.folded.skip_spaces(at + 1);
    let function = text.folded.has(value, "password(");
    let open = if function { value + 9 } else { value };
    (text.at(at) == '=').then(|| quoted(text, open)).flatten()
}

/// The password after "by", or after the plugin that checks it: `identified with plugin as 'value'`.
fn identified(text: &Text, start: usize, mut at: usize) -> Option<Range<usize>> {
    at = text.folded.skip_spaces(at);
    if text.folded.has(at, "with ") {
        let plugin = text.folded.skip_spaces(at + 5);
        let end = (plugin + 1..plugin + PLUGIN).find(|&unit| ends(text.at(unit)))?;
        let end = end + usize::from(matches!(text.at(end), '"' | '\'' | '`'));
        at = text.folded.skip_spaces(end);
    }
    let words = ["by password ", "by values ", "by ", "as ", "using "];
    let word = words.iter().find(|word| text.folded.has(at, word))?;
    let value = text.folded.skip_spaces(at + word.len());
    if matches!(text.at(value), '"' | '\'') {
        return sets(text, start, false)
            .then(|| quoted(text, value))
            .flatten();
    }
    // Sentences have the same words: "create user stories identified by the team".
    let end = (value..value + LONGEST).find(|&unit| ends(text.at(unit)) || text.at(unit) == ';')?;
    let next = text.folded.skip_spaces(end);
    let clause = CLAUSES.iter().any(|clause| text.folded.has(next, clause));
    let concludes = clause || matches!(text.at(next), ';' | '\n' | '\0');
    (concludes && sets(text, start, true))
        .then(|| secret(text, value..end))
        .flatten()
}

/// Whether a statement that sets a password begins before a word.
fn sets(text: &Text, word: usize, owned: bool) -> bool {
    let before = text.folded.units(word.saturating_sub(BEFORE)..word);
    let Some(statement) = before.rsplit(|&unit| unit == ';').next() else {
        return false;
    };
    let statement = String::from_iter(statement).to_ascii_lowercase();
    let mut words = statement.split(|unit: char| !unit.is_alphanumeric());
    words.any(|word| STATEMENTS.contains(&word))
        && (!owned || words.take(3).any(|word| OWNERS.contains(&word)))
}

fn quoted(text: &Text, open: usize) -> Option<Range<usize>> {
    let quote = text.at(open);
    if !matches!(quote, '"' | '\'') {
        return None;
    }
    let mut inside =
        (open + 1..open + LONGEST).take_while(|&unit| !matches!(text.at(unit), '\0' | '\n'));
    let end = inside.find(|&unit| text.at(unit) == quote)?;
    secret(text, open + 1..end)
}

/// The units of a value that may be a password.
pub(super) fn secret(text: &Text, at: Range<usize>) -> Option<Range<usize>> {
    let units = text.folded.units(at.clone());
    (units.len() >= 3 && worth(units) && !is_reference(&String::from_iter(units))).then_some(at)
}
