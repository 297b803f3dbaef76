//! How a value follows its name: "password: value", "--token value", "비밀번호는 value", "Das Passwort ist value".

use super::markup::{after_value_key, begins_line, closed, closed_after_sign, next_cell};
use super::purpose::{after_note, after_phrase};
use super::suffix::{field_end, is_other, name_end};
use crate::labels::{Class, Label};
use crate::text::Text;

/// The longest name of a variable or a function that is read back.
const NAME: usize = 30;

/// The most units of a tag before the value of its attribute.
const TAG: usize = 60;

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
    /// "password is value", "password -> value", `define('PASSWORD', 'value')`, or on the next line after a sign.
    Is,
    /// `| password | value |`
    Cell,
    /// Alone on a line after the name; whether an empty line is between them.
    Line { apart: bool },
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

/// The most marks, spaces and line ends between a name and a value on a later line.
const BETWEEN: usize = 12;

/// How the value of a label follows it, and where the value begins.
pub fn link(text: &Text, label: &Label) -> Option<(Link, usize)> {
    let non_latin = !text.before(label.end).is_ascii();
    let name_end = field_end(text, name_end(text, label));
    if text.at(name_end) == '>' && in_tag(text, label.start) {
        return Some((Link::Sign { close: false }, name_end + 1));
    }
    if let Some(value) = next_cell(text, label.start, name_end) {
        return Some((Link::Cell, value));
    }
    let mut at = closed(text, name_end);
    at = after_note(text, label, at).unwrap_or(at);
    let particle = match text.at(at) {
        '는' | '은' | '가' | '이' | '도' => !text.at(at + 1).is_alphanumeric(),
        'は' | '是' | '为' | '為' => true,
        _ => false,
    };
    at += usize::from(particle);
    if let Some(value) = after_genitive(text, at) {
        return Some((Link::Is, value));
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
    if quoted && text.at(at) == '>' && is_property(text, label.start) {
        return Some((Link::Sign { close: false }, at + 1));
    }
    if quoted && text.at(at) == ',' {
        return after_comma(text, label, at);
    }
    if text.folded.has(at, "%3d") || text.folded.has(at, "%3a") {
        return Some((Link::Sign { close: true }, at + 3));
    }
    // R assigns with an arrow: password <- "value"
    let arrows = ["<<-", "<-"]
        .iter()
        .find(|arrow| text.folded.has(at, arrow));
    let arrow = arrows.map_or(0, |arrow| arrow.len());
    let assigned = text.folded.skip_spaces(at + arrow);
    if arrow > 0 && matches!(text.at(assigned), '"' | '\'') {
        return Some((Link::Sign { close: false }, assigned));
    }
    if matches!(text.at(at), ':' | '=') {
        return Some(after_sign(text, name_end, at));
    }
    if text.at(at) == '\n' && !quoted {
        return on_line(text, label, at);
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
        if let Some(sign) = after_phrase(text, label, at)
            && label.class.meets(Class::SECRET)
        {
            return match after_is(text, label, sign) {
                Some(value) => Some((Link::Is, value)),
                None => Some(after_sign(text, name_end, sign)),
            };
        }
    }
    // "ID kim PW 1234"
    let near = non_latin || label.end - label.start == 2;
    if near && at > after_name || particle {
        return Some((Link::Near { particle }, at));
    }
    (at > after_name).then_some((Link::Space, at))
}

/// The value after the contraction of "is": "my password's value". The genitive has the same form: "the password's
/// length".
fn after_genitive(text: &Text, at: usize) -> Option<usize> {
    if !text.folded.has(at, "'s ") {
        return None;
    }
    let value = text.folded.skip_spaces(at + 3);
    let word = (value..value + NAME).take_while(|&unit| text.at(unit).is_ascii_alphabetic());
    let word: String = text
        .folded
        .units(value..value + word.count())
        .iter()
        .collect();
    (!is_other(&word.to_ascii_lowercase())).then_some(value)
}

/// The value on a line after the line that ends with its name.
fn on_line(text: &Text, label: &Label, end: usize) -> Option<(Link, usize)> {
    let value = below(text, end)?;
    if let Some(value) = after_value_key(text, value) {
        return Some((Link::Sign { close: false }, value));
    }
    let apart = text.at(end + 1) == '\n';
    begins_line(text, label.start).then_some((Link::Line { apart }, value))
}

/// The first unit of the next line with a text, without the marks of a quotation.
fn below(text: &Text, end: usize) -> Option<usize> {
    (end..end + BETWEEN).find(|&unit| !matches!(text.at(unit), '\n' | ' ' | '>'))
}

/// Whether "is" or an arrow follows, with a value after it.
pub fn is_value_next(text: &Text, label: &Label, at: usize) -> bool {
    after_is(text, label, at).is_some()
}

/// Whether this is a sign after a phrase. The colon of a time or of a URL touches what follows.
pub fn sign_after(text: &Text, at: usize) -> bool {
    let next = text.at(at + 1);
    text.at(at) == '='
        || text.at(at) == ':' && (matches!(next, ' ' | '\n' | '*' | '_' | '<') || !next.is_ascii())
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

/// Elements of XML whose text is the value of the name in an attribute.
const PROPERTIES: [&str; 7] = [
    "property",
    "prop",
    "entry",
    "param",
    "parameter",
    "setting",
    "variable",
];

/// Whether a name is that of a property in XML: `<property name="db.password">`.
fn is_property(text: &Text, start: usize) -> bool {
    let open = (1..NAME).find(|&steps| {
        let unit = text.folded.back(start, steps);
        !(unit.is_ascii_alphanumeric() || matches!(unit, ':' | '_' | '-' | '.'))
    });
    let Some(open) = open.map(|steps| start.saturating_sub(steps)) else {
        return false;
    };
    let quoted = matches!(text.at(open), '"' | '\'');
    let named = ["name=", "key="]
        .iter()
        .any(|name| text.folded.has(open.saturating_sub(name.len()), name));
    let tag = (1..TAG).find(|&steps| matches!(text.folded.back(open, steps), '<' | '>' | '\0'));
    let element = tag.map_or(open, |steps| open.saturating_sub(steps));
    quoted
        && named
        && text.at(element) == '<'
        && PROPERTIES.iter().any(|name| {
            text.folded.has(element + 1, name) && text.at(element + 1 + name.len()) == ' '
        })
}

fn after_sign(text: &Text, name_end: usize, sign: usize) -> (Link, usize) {
    let close = sign == name_end && text.at(sign) == '=';
    let mut at = sign + 1;
    at += usize::from(matches!(text.at(at), '=' | '>' | ':'));
    at = closed_after_sign(text, at);
    let value = text.folded.skip_spaces(at);
    if text.at(value) == '\n' {
        let value = below(text, value).unwrap_or(value);
        return match after_value_key(text, value) {
            Some(value) => (Link::Sign { close: false }, value),
            None => (Link::Is, value),
        };
    }
    if let Some(value) = after_block(text, value) {
        return (Link::Sign { close: false }, value);
    }
    // `"password": {"value": "x"}`
    if text.at(value) == '{'
        && let Some(value) = below(text, value + 1).and_then(|key| after_value_key(text, key))
    {
        return (Link::Sign { close: false }, value);
    }
    let first = value + usize::from(matches!(text.at(value), '"' | '\''));
    if let Some(scheme) = SCHEMES.iter().find(|scheme| text.folded.has(first, scheme)) {
        return (Link::Scheme, text.folded.skip_spaces(first + scheme.len()));
    }
    let close = close && value == at;
    (Link::Sign { close }, value)
}

/// The value on the indented line after the mark of a block in YAML: `password: |-`.
fn after_block(text: &Text, mark: usize) -> Option<usize> {
    let block = matches!(text.at(mark), '|' | '>');
    let more = (mark + 1..mark + 3)
        .take_while(|&unit| matches!(text.at(unit), '-' | '+' | '1'..='9'))
        .count();
    let end = text.folded.skip_spaces(mark + 1 + more);
    let value = text.folded.skip_spaces(end + 1);
    (block && text.at(end) == '\n' && value > end + 1).then_some(value)
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
    // `"name": "password", "value": "x"`
    if let Some(value) = after_value_key(text, value) {
        return Some((Link::Sign { close: false }, value));
    }
    let is_quote = |unit| matches!(unit, '"' | '\'' | '`');
    let name = (1..NAME).find(|&steps| is_quote(text.folded.back(label.start, steps)))?;
    let mut open = label.start - name;
    let option = text.at(open + 1) == '-';
    open -= usize::from(text.before(open) == ' ');
    // `["mysql", "--password", "value"]`. The first argument of a call defines an option.
    if option && matches!(text.before(open), '[' | ',') {
        let told = is_quote(text.at(value)) && text.at(value + 1) != '-';
        return told.then_some((Link::Option, value));
    }
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
