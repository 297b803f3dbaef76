//! How a value follows its name: "password: value", "--token value", "비밀번호는 value", "Das Passwort ist value".

use super::suffix::name_end;
use crate::labels::Label;
use crate::text::Text;

/// The longest name of a variable or a function that is read back.
const NAME: usize = 30;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// `password: value`, `password=value`; whether the value follows an equals sign without a space.
    Sign { close: bool },
    /// `--password value`
    Option,
    /// `Authorization: Basic value`
    Scheme,
    /// "비밀번호는 value", "PW value"; whether a particle joins them.
    Near { particle: bool },
    /// "password is value", "password -> value", `define('PASSWORD', 'value')`, or on the next line.
    Is,
    /// `('password', 'value')`, or the next name of a list; whether both are alone within a list of pairs.
    Pair { alone: bool },
    /// "password value"
    Space,
}

/// "is" in the language of a label, by the first letters of the label.
const IS: [(&str, &str); 29] = [
    ("passwort", "ist lautet war"),
    ("kennwort", "ist lautet war"),
    ("zugangscode", "ist lautet war"),
    ("geheimnis", "ist lautet war"),
    ("schl", "ist lautet war"),
    ("mot", "est était"),
    ("clé", "est était"),
    ("cle", "est était"),
    ("jeton", "est était"),
    ("contrase", "es era"),
    ("clave", "es era"),
    ("llave", "es era"),
    ("senha", "é era"),
    ("palavra", "é era"),
    ("chave", "é era"),
    ("segredo", "é era"),
    ("wachtwoord", "is was"),
    ("lösenord", "är var"),
    ("losenord", "är var"),
    ("adgangskode", "er var"),
    ("passord", "er var"),
    ("salasana", "on oli"),
    ("hasło", "to jest brzmi"),
    ("haslo", "to jest brzmi"),
    ("heslo", "je"),
    ("parol", "è era este"),
    ("kata", "adalah"),
    ("mật", "là"),
    ("mat", "là la"),
];

/// "is" after an English label, also where it is a loanword. None of these words has another meaning in English.
const IS_IN_ENGLISH: &str = "is was is: ist lautet est es é è er är jest je";

/// Schemes of authentication, which precede the credentials in a header (RFC 7235).
const SCHEMES: [&str; 6] = [
    "basic ",
    "bearer ",
    "token ",
    "apikey ",
    "digest ",
    "negotiate ",
];

/// How the value of a label follows it, and where the value begins.
pub fn link(text: &Text, label: &Label) -> Option<(Link, usize)> {
    let non_latin = !text.before(label.end).is_ascii();
    let name_end = name_end(text, label);
    let mut at = name_end;
    let particle = match text.at(at) {
        '는' | '은' | '가' | '이' | '도' => !text.at(at + 1).is_alphanumeric(),
        'は' | '是' | '为' | '為' => true,
        _ => false,
    };
    at += usize::from(particle);
    if text.at(at) == '>' && in_tag(text, label.start) {
        return Some((Link::Sign { close: false }, at + 1));
    }
    // The quote after a JSON key.
    let quoted = matches!(text.at(at), '"' | '\'' | '`');
    at += usize::from(quoted);
    at += usize::from(quoted && text.at(at) == ']');
    let after_name = at;
    at = text.folded.skip_spaces(at);
    if quoted && text.folded.has(at, "value=") {
        return Some((Link::Sign { close: false }, at + 6));
    }
    if quoted && text.at(at) == ',' {
        return after_comma(text, label, at);
    }
    if text.folded.has(at, "%3d") || text.folded.has(at, "%3a") {
        return Some((Link::Sign { close: true }, at + 3));
    }
    if matches!(text.at(at), ':' | '=') {
        return Some(after_sign(text, name_end, at));
    }
    // A number or a word belongs to the name only before a sign: "password1: value".
    if name_end > label.end {
        return None;
    }
    if at > after_name {
        if let Some(value) = after_is(text, label, at) {
            return Some((Link::Is, value));
        }
        if is_option(text, label.start) {
            return Some((Link::Option, at));
        }
    }
    // "ID kim PW 1234"
    let near = non_latin || label.end - label.start == 2;
    if near && at > after_name || particle {
        return Some((Link::Near { particle }, at));
    }
    (at > after_name).then_some((Link::Space, at))
}

/// Whether a name is that of an option: `--db-password`.
fn is_option(text: &Text, start: usize) -> bool {
    let name = (1..30).take_while(|&steps| {
        let unit = text.folded.back(start, steps);
        unit.is_ascii_alphanumeric() || unit == '-'
    });
    let length = name.count();
    length > 0 && text.folded.back(start, length) == '-'
}

/// Whether a name is that of an XML element: `<db:password>`.
fn in_tag(text: &Text, start: usize) -> bool {
    let name = (1..30).find(|&steps| {
        let unit = text.folded.back(start, steps);
        !(unit.is_ascii_alphanumeric() || matches!(unit, ':' | '_' | '-' | '.'))
    });
    name.is_some_and(|steps| text.folded.back(start, steps) == '<')
}

fn after_sign(text: &Text, name_end: usize, sign: usize) -> (Link, usize) {
    let close = sign == name_end && text.at(sign) == '=';
    let mut at = sign + 1;
    at += usize::from(matches!(text.at(at), '=' | '>' | ':'));
    let value = text.folded.skip_spaces(at);
    if text.at(value) == '\n' {
        return (Link::Is, text.folded.skip_spaces(value + 1));
    }
    let first = value + usize::from(matches!(text.at(value), '"' | '\''));
    if let Some(scheme) = SCHEMES.iter().find(|scheme| text.folded.has(first, scheme)) {
        return (Link::Scheme, text.folded.skip_spaces(first + scheme.len()));
    }
    let close = close && value == at;
    (Link::Sign { close }, value)
}

/// The start of the value after "is" or an arrow.
fn after_is(text: &Text, label: &Label, at: usize) -> Option<usize> {
    let arrow = match (text.at(at), text.at(at + 1)) {
        ('-', ' ') | ('→', _) => 1,
        ('-', '>') => 2,
        _ => 0,
    };
    let words = IS
        .iter()
        .find(|(label_start, _)| text.folded.has(label.start, label_start));
    let mut words = words
        .map_or(IS_IN_ENGLISH, |(_, words)| words)
        .split_ascii_whitespace();
    let word =
        words.find(|word| text.folded.has(at, word) && text.at(at + word.chars().count()) == ' ');
    let end = at + word.map_or(arrow, |word| word.chars().count());
    (end > at).then(|| text.folded.skip_spaces(end))
}

/// Functions that set a value by its name, or return it with a default: `define('DB_PASSWORD', 'value')`.
const SETTERS: [&str; 17] = [
    "define",
    "setenv",
    "putenv",
    "getenv",
    "env",
    "config",
    "set",
    "put",
    "append",
    "setitem",
    "setproperty",
    "getproperty",
    "getordefault",
    "setdefault",
    "setvar",
    "environ.get",
    "env.get",
];

/// The value after a quoted name and a comma. In a list, the next name follows instead.
fn after_comma(text: &Text, label: &Label, comma: usize) -> Option<(Link, usize)> {
    let value = text.folded.skip_spaces(comma + 1);
    let is_quote = |unit| matches!(unit, '"' | '\'' | '`');
    let name = (1..NAME).find(|&steps| is_quote(text.folded.back(label.start, steps)))?;
    let mut open = label.start - name;
    open -= usize::from(text.before(open) == ' ');
    if !is_quote(text.at(value)) || !matches!(text.before(open), '(' | '[') {
        return None;
    }
    let called = (2..NAME).take_while(|&steps| {
        let unit = text.folded.back(open, steps);
        unit.is_ascii_alphanumeric() || matches!(unit, '_' | '.')
    });
    let called = text.folded.units(open - 1 - called.count()..open - 1);
    let called: String = called
        .iter()
        .filter(|unit| **unit != '_')
        .map(char::to_ascii_lowercase)
        .collect();
    let sets = text.before(open) == '('
        && SETTERS.iter().any(|setter| {
            let before = called.strip_suffix(setter);
            before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
        });
    let around = open - 1 - usize::from(text.folded.back(open, 2) == ' ');
    let alone = matches!(text.before(around), '\0' | '\n' | '[' | '{' | ',');
    Some((if sets { Link::Is } else { Link::Pair { alone } }, value))
}
