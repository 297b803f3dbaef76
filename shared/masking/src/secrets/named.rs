//! Secrets after their name. A password may be a word, a token has digits and letters, and the value of a "key" or a
//! "signature" is a secret only if it is random.

use std::ops::Range;

use super::ends::{concludes, ends_line};
use super::entropy::{is_generated, is_likely, is_random, is_uuid};
use super::link::{Link, link};
use super::markup::{opened, wrapped};
use super::password::is_password;
use super::quoted::{
    closing, foreign_word, in_brackets, in_quotes, is_bracketed, is_dense, literal, triple,
};
use super::suffix::name_end;
use super::value::{is_code, is_limit, is_name, is_object, is_path, is_reference, is_type, judged};
use super::words::{is_scheme_word, is_setting, is_state, worth};
use crate::fold::PLACEHOLDER;
use crate::labels::{Class, Label};
use crate::text::Text;

/// The most marks at the end of a value that belong to the sentence.
const MARKS: usize = 8;

/// The longest value in quotes.
const QUOTED: usize = 200;

/// A value after a name.
pub struct Value {
    pub at: Range<usize>,
    /// The unit after the value and the marks around it.
    pub after: usize,
}

/// The value after a label of a secret: "password=...", "비밀번호는 ... 입니다".
pub fn named(text: &Text, label: &Label) -> Option<Range<usize>> {
    let (link, at) = link(text, label)?;
    let assigned = text.before(at) == '=' || text.folded.back(at, 2) == '=';
    let at = literal(text, opened(text, at));
    let mut at = triple(text, at).unwrap_or(at);
    let first = text.at(at);
    if let Some(close) = closing(first) {
        at += 1;
        let mut closed =
            (at..at + QUOTED).take_while(|&unit| !matches!(text.at(unit), '\0' | '\n'));
        let end = closed.find(|&unit| text.at(unit) == close);
        if let Some(end) = end.filter(|_| label.class.meets(Class::SECRET)) {
            return in_quotes(text, label, link, at..end);
        }
    }
    if first == '<' && text.before(at) != '>' {
        let inside = at + 1..in_brackets(text, at).unwrap_or(at + 1);
        let told = label.class.meets(Class::SECRET) && link != Link::Space;
        if told && is_bracketed(text, label, inside.clone()) {
            return Some(inside);
        }
        // An element of XML begins with a letter.
        at += usize::from(text.at(at + 1).is_ascii_digit());
    }
    let chosen = label.class.is(Class::PASSWORD);
    if chosen && is_dense(text.at(at)) && matches!(link, Link::Sign { .. } | Link::Is | Link::Cell)
    {
        return foreign_word(text, at);
    }
    let value = match wrapped(text, at) {
        Some(inside) => Value {
            after: inside.end + inside.start - at,
            at: inside,
        },
        None => {
            let end = value_end(text, at, label);
            Value {
                at: at..end,
                after: end,
            }
        }
    };
    let units = judged(text, &value.at);
    let end = value.at.end;
    let is_value = if chosen {
        is_password(text, label, link, &value)
    } else if label.class.meets(Class::SECRET) {
        is_token_or_key(text, label, link, &value)
    } else {
        link == Link::Scheme && is_credential(text, units, end)
            || is_random(units) && !is_uuid(units) && !is_object(units)
    };
    let numeric = units.iter().all(char::is_ascii_digit);
    let long = units.len() >= 4 || units.len() >= 2 && !units[0].is_ascii();
    (is_value
        && long
        && worth(units)
        && !is_code(units, assigned)
        && !is_path(units)
        && !is_limit(text, value.at.clone())
        && !(numeric && text.amount(end)))
    .then_some(value.at)
}

/// Whether the credentials after a scheme in a header are a secret, and not a word for one.
fn is_credential(text: &Text, units: &[char], end: usize) -> bool {
    let word =
        units.len() >= 6 && ends_line(text, end) && !is_scheme_word(units) && !is_type(units);
    is_likely(units) || word
}

/// Whether a text is a secret by the JSON key before it.
pub fn is_secret_of(key: &Text, value: &str) -> bool {
    let mut names = key.labels.iter().rev();
    let name = names.find(|label| label.class.meets(Class::SECRET));
    name.is_some_and(|label| {
        name_end(key, label) == key.folded.len() && is_secret(label.class, value)
    })
}

/// The meaning of a name, such as a JSON key, that ends with a label.
#[derive(Clone, Copy)]
pub struct Name(Class);

impl Name {
    pub fn is_secret(self) -> bool {
        self.0.meets(Class::SECRET)
    }

    pub fn is_password(self) -> bool {
        self.0.is(Class::PASSWORD)
    }
}

/// The meaning of a JSON key that ends with a label, so that a part of its value has the same name.
pub fn name(key: &Text) -> Option<Name> {
    let label = key.labels.last();
    let label = label.filter(|label| name_end(key, label) == key.folded.len());
    label.map(|label| Name(label.class))
}

/// Whether a word in a map below a name is a secret.
pub fn is_word_of(name: Name, value: &str) -> bool {
    let units: Vec<char> = value.chars().collect();
    let secret = is_secret(name.0, value)
        && worth(&units)
        && !is_type(&units)
        && !is_name(&units)
        && !is_path(&units)
        && !is_state(&units);
    let address = value.contains("://") || value.starts_with("arn:") || is_object(&units);
    secret
        && (name.is_password() && units.len() >= 4 || is_likely(&units) || is_generated(&units))
        && !address
}

/// Whether a number of these digits is a secret by the JSON key before it.
pub fn is_secret_number_of(key: &Text, digits: &str) -> bool {
    let mut names = key.labels.iter().rev();
    let name = names.find(|label| label.class.meets(Class::SECRET));
    digits.len() >= 4
        && digits.bytes().all(|digit| digit.is_ascii_digit())
        && name.is_some_and(|label| name_end(key, label) == key.folded.len() && is_sure(key, label))
}

/// Whether a name is only that of secrets. "tokens" and "pass" also name counts.
fn is_sure(text: &Text, label: &Label) -> bool {
    let length = label.end - label.start;
    let pass = length == 4 && text.folded.has(label.start, "pass");
    let plural = text.before(label.end) == 's' && text.folded.has(label.start, "password");
    !label.class.is(Class::TOKEN) && !pass && !plural
}

/// Whether a text is the value of a name of this class.
pub fn is_secret(class: Class, value: &str) -> bool {
    let units: Vec<char> = value.chars().collect();
    if is_setting(value) || is_reference(value) {
        return false;
    }
    // "token" also names words, and "credentials" names modes.
    !class.is(Class::TOKEN) || is_likely(&units) || is_generated(&units) || is_pair(&units)
}

/// Whether this is a user with a password: kim:word.
fn is_pair(units: &[char]) -> bool {
    let mut parts = units.split(|&unit| unit == ':');
    let long = |part: Option<&[char]>| {
        part.is_some_and(|part| part.len() >= 3 && part.iter().all(char::is_ascii_alphanumeric))
    };
    long(parts.next()) && long(parts.next()) && parts.next().is_none()
}

/// Whether the units after the name of a token or a key are one.
fn is_token_or_key(text: &Text, label: &Label, link: Link, value: &Value) -> bool {
    let (start, end) = (value.at.start, value.after);
    let units = judged(text, &value.at);
    let letters = units
        .iter()
        .filter(|unit| unit.is_ascii_alphabetic())
        .count();
    let url = units.windows(3).any(|marks| marks == [':', '/', '/']);
    let name = is_name(units) || is_type(units) || text.folded.has(start, "arn:") || url;
    let pair = label.class.is(Class::TOKEN) && is_pair(units);
    let likely = is_likely(units) || is_generated(units) || pair;
    let numeric =
        units.len() >= 5 && units.iter().all(char::is_ascii_digit) && is_sure(text, label);
    let is_value = match link {
        // ?token=swordfish, TOKEN=swordfish, pass=swordfish
        Link::Sign { close: true } => {
            let query = matches!(text.before(label.start), '?' | '&' | '#');
            let capitals = text.before(label.end).is_ascii_uppercase();
            let pass = ["pass", "secret"]
                .iter()
                .any(|name| text.folded.has(label.start, name));
            likely || numeric || letters >= 4 && (query || capitals || pass) && concludes(text, end)
        }
        Link::Sign { .. } => likely || numeric,
        Link::Scheme => likely || is_credential(text, units, end),
        Link::Option | Link::Near { .. } | Link::Is | Link::Cell => likely,
        Link::Pair { .. } => false,
        Link::Space | Link::Line { .. } => is_generated(units),
    };
    is_value && !name
}

/// The end of a value. Marks separate it from the next one unless they are part of a password.
fn value_end(text: &Text, start: usize, label: &Label) -> usize {
    let is_password = label.class.is(Class::PASSWORD);
    let run = if is_password {
        &text.password
    } else {
        &text.value
    };
    let mut end = run.end(start, |at| {
        let unit = text.at(at);
        let ends = unit == '\0' || unit.is_whitespace() || unit == PLACEHOLDER;
        let is_quote = matches!(unit, '"' | '\'' | '`' | '<' | '>' | '}' | ']');
        let separates = matches!(unit, ',' | ';' | '&' | '|')
            && !(is_password && within_password(text, at + 1));
        // A particle or the next word, since passwords are written in Latin letters.
        !(ends || is_quote || separates || is_dense(unit))
    });
    let least = end.saturating_sub(MARKS).max(start);
    while end > least && matches!(text.before(end), '.' | ')' | ':' | '-') {
        end -= 1;
    }
    end
}

/// Whether what follows a mark is the rest of a password and not the next name or word: "P@ss,w0rd".
fn within_password(text: &Text, start: usize) -> bool {
    let rest = (start..start + 20).take_while(|&unit| {
        let unit = text.at(unit);
        unit.is_ascii_alphanumeric()
            || matches!(unit, '!' | '@' | '#' | '$' | '%' | '^' | '*' | '_' | '-')
    });
    let rest = text.folded.units(start..start + rest.count());
    let word = rest.iter().all(char::is_ascii_lowercase) || rest.iter().all(char::is_ascii_digit);
    !word && !matches!(text.at(start + rest.len()), '=' | ':')
}
