//! How a value follows its name: "password: value", "--token value", "비밀번호는 value", "Das Passwort ist value".

use crate::labels::Label;
use crate::text::Text;

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
    /// "password is value", "password -> value", or on the next line.
    Is,
    /// "password value"
    Space,
}

/// "is" in the languages of the labels.
const IS: [&str; 14] = [
    "is", "was", "ist", "lautet", "est", "es", "é", "è", "er", "är", "jest", "je", "on", "is:",
];

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
    let numbered = after_number(text, label.end);
    let mut at = numbered;
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
    // define('DB_PASSWORD', 'value')
    if quoted && text.at(at) == ',' {
        return Some((Link::Is, text.folded.skip_spaces(at + 1)));
    }
    if text.folded.has(at, "%3d") || text.folded.has(at, "%3a") {
        return Some((Link::Sign { close: true }, at + 3));
    }
    if matches!(text.at(at), ':' | '=') {
        return Some(after_sign(text, label, at));
    }
    // A number belongs to the name only before a sign: "password1: value".
    if numbered > label.end {
        return None;
    }
    if at > after_name {
        if let Some(value) = after_is(text, at) {
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

/// The end of a number of up to three digits after a name: "password1", "Signature-256".
pub fn after_number(text: &Text, end: usize) -> usize {
    let first = end + usize::from(matches!(text.at(end), '-' | '_'));
    let digits = (first..first + 4).take_while(|&unit| text.at(unit).is_ascii_digit());
    match digits.count() {
        count @ 1..=3 => first + count,
        _ => end,
    }
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

fn after_sign(text: &Text, label: &Label, sign: usize) -> (Link, usize) {
    let close = sign == label.end && text.at(sign) == '=';
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
fn after_is(text: &Text, at: usize) -> Option<usize> {
    let arrow = match (text.at(at), text.at(at + 1)) {
        ('-', ' ') | ('→', _) => 1,
        ('-', '>') => 2,
        _ => 0,
    };
    let word = IS
        .iter()
        .find(|word| text.folded.has(at, word) && text.at(at + word.chars().count()) == ' ');
    let end = at + word.map_or(arrow, |word| word.chars().count());
    (end > at).then(|| text.folded.skip_spaces(end))
}
