//! Objects that store a name and its value under two keys, and maps below the name of a secret.

use serde_json::{Map, Value};

use super::start_of;
use crate::labels::Dictionary;
use crate::secrets::{self, Name};
use crate::text::Text;

/// Keys of an object whose value is the name of another value in it. Keys that end with "key" or "name" are others.
const NAME_KEYS: [&str; 5] = ["name", "key", "field", "label", "variable"];

/// Keys whose value is a name only if it is that of a secret.
const OTHER_NAME_KEYS: [&str; 11] = [
    "title",
    "type",
    "id",
    "parameter",
    "attribute",
    "property",
    "setting",
    "option",
    "header",
    "env",
    "k",
];

/// Keys whose value is a text if it has several words.
const CONTENTS: [&str; 2] = ["content", "contents"];

/// Keys of an object that describes a value, besides those that name no secret.
const ATTRIBUTES: &str = "default example examples enum const items properties readonly writeonly icon class widget \
    component layout variant kind autocomplete autofocus multiline mask masked sensitive nullable unique generated \
    encrypted alphabet charset chars characters symbols digits uppercase lowercase special numbers letters complexity \
    namespace user login account project region zone";

/// The name of the values of an object.
pub enum Values {
    /// Only those under a key such as "value", with the name of its object or the name in it.
    Named(String),
    /// All those in a map below the name of a secret, which is how they are: `{"password": {"dev": "x"}}`.
    Mapped(String, Name),
    /// Those below the name of a secret whose key says where it is used, in an object with other keys.
    Used(String, Name),
    Own,
}

impl Values {
    /// `above` is the key of the object.
    pub fn of(above: &str, object: &Map<String, Value>, dictionary: &Dictionary) -> Self {
        let name = |name: &str| secrets::name(&Text::new(start_of(name), dictionary));
        if object.keys().any(|key| secrets::is_value_key(key)) {
            return named(above, object, name).map_or(Self::Own, Self::Named);
        }
        match name(above) {
            Some(above_name) if above_name.is_secret() => {
                let own = |key: &String| name(key).is_some_and(Name::is_secret);
                let label = above.to_owned();
                if object.keys().any(own) {
                    Self::Own
                } else if object.iter().any(|(key, value)| is_attribute(key, value)) {
                    Self::Used(label, above_name)
                } else {
                    Self::Mapped(label, above_name)
                }
            }
            _ => Self::Own,
        }
    }

    /// The label of a value besides its own key.
    pub fn label(&self, key: &str, value: &Value, dictionary: &Dictionary) -> Option<&str> {
        match self {
            Self::Named(name) => {
                let pair = secrets::is_value_key(key) && !is_text(key, value);
                (pair && !is_name_again(name, value)).then_some(name)
            }
            Self::Mapped(label, name) => {
                let fits = !is_attribute(key, value) && fits(value, *name, dictionary);
                fits.then_some(label)
            }
            Self::Used(label, name) => {
                let used = secrets::is_use(&start_of(key).to_lowercase());
                (used && fits(value, *name, dictionary)).then_some(label)
            }
            Self::Own => None,
        }
    }
}

/// The name of the values in an object that has a label as its key, `{"password": {"value": "x"}}`, or in it,
/// `{"name": "password", "value": "x"}`. The name of a secret comes first.
fn named(
    above: &str,
    object: &Map<String, Value>,
    name: impl Fn(&str) -> Option<Name>,
) -> Option<String> {
    let names = object
        .iter()
        .filter_map(|(key, value)| Some((folded(key), value.as_str()?)));
    let within: Vec<(bool, &str)> = names
        .filter_map(|(key, value)| {
            let sure = NAME_KEYS.contains(&key.as_str());
            let other = OTHER_NAME_KEYS.contains(&key.as_str())
                || key.ends_with("key")
                || key.ends_with("name");
            (sure || other).then_some((sure, value))
        })
        .collect();
    let secret = within
        .iter()
        .find(|(_, value)| name(value).is_some_and(Name::is_secret));
    let sure = || {
        within
            .iter()
            .find(|(sure, value)| *sure && name(value).is_some())
    };
    let found = secret.or_else(sure).map(|(_, value)| *value);
    let above = || name(above).is_some().then_some(above);
    found.or_else(above).map(ToOwned::to_owned)
}

/// A key or a name without its case and marks: "stringValue", "STRING_VALUE".
fn folded(key: &str) -> String {
    let letters = start_of(key).chars().filter(|unit| unit.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

fn is_text(key: &str, value: &Value) -> bool {
    CONTENTS.contains(&folded(key).as_str())
        && value
            .as_str()
            .is_some_and(|text| text.contains(char::is_whitespace))
}

/// Whether a value is the name, as in the choices of a form: `{"label": "Password", "value": "password"}`.
fn is_name_again(name: &str, value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|value| folded(value) == folded(name))
}

/// Whether a key and its value describe a secret: `"minLength": 8`, `"required": true`, `"type": "string"`.
fn is_attribute(key: &str, value: &Value) -> bool {
    let described = match value {
        Value::Null | Value::Bool(_) => true,
        Value::Number(number) => number.to_string().len() < 4,
        _ => false,
    };
    let word = start_of(key).rfind(|unit: char| unit.is_uppercase() || !unit.is_alphanumeric());
    let last = &start_of(key)[word.unwrap_or(0)..];
    let last = last
        .trim_start_matches(|unit: char| !unit.is_alphanumeric())
        .to_lowercase();
    let all = start_of(key).to_lowercase();
    described
        || key.starts_with('$')
        || [last, all].iter().any(|word| {
            secrets::is_other(word)
                || ATTRIBUTES
                    .split_ascii_whitespace()
                    .any(|known| known == word)
        })
}

/// Whether a value in a map is one of its secrets, and not a message or another name: `{"password": {"de": "Passwort"}}`.
fn fits(value: &Value, name: Name, dictionary: &Dictionary) -> bool {
    match value {
        Value::String(text) => {
            let named = || secrets::name(&Text::new(start_of(text), dictionary)).is_some();
            !text.contains(char::is_whitespace) && secrets::is_word_of(name, text) && !named()
        }
        Value::Array(values) => values.iter().all(|value| fits(value, name, dictionary)),
        Value::Number(_) | Value::Object(_) => true,
        Value::Null | Value::Bool(_) => false,
    }
}
