//! Masks JSON: strings, keys and numbers. A key is a label for its value.

use std::collections::HashMap;

use serde_json::{Map, Number, Value};

use super::fold::{Folded, PLACEHOLDER};
use super::text::Text;
use super::{Counts, Error, Kind, LONGEST, Masker, Placeholders, look, secrets};

/// The levels that `serde_json` parses.
const MAX_DEPTH: usize = 128;
const MAX_VALUES: usize = 100_000;
/// The bytes of a key that serve as a label for its value.
pub const KEY: usize = 100;

/// Keys of an object whose value is the name of another value in it.
const NAME_KEYS: [&str; 5] = ["name", "key", "field", "label", "variable"];

struct Walk<'a> {
    masker: &'a Masker,
    placeholders: &'a mut Placeholders,
    counts: Counts,
    values: usize,
    bytes: usize,
}

pub(super) fn mask(
    masker: &Masker,
    value: &mut Value,
    placeholders: &mut Placeholders,
) -> Result<Counts, Error> {
    let mut walk = Walk {
        masker,
        placeholders,
        counts: Counts::default(),
        values: 0,
        bytes: 0,
    };
    walk.value("", value, 0)?;
    Ok(walk.counts)
}

impl Walk<'_> {
    /// `key` is the nearest key above: the key of an array applies to its items.
    fn value(&mut self, key: &str, value: &mut Value, depth: usize) -> Result<(), Error> {
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(Error::TooMany(MAX_VALUES));
        }
        if depth > MAX_DEPTH {
            return Err(Error::TooDeep(MAX_DEPTH));
        }
        match value {
            Value::Null | Value::Bool(_) => {}
            Value::String(text) => *text = self.string(key, text)?,
            Value::Number(number) if self.is_secret_number(key, number) => {
                self.add(&number.to_string())?;
                *value = Value::String(self.secret());
            }
            Value::Number(number) => {
                let written = number.to_string();
                // A float without decimals may be an integer.
                let written = written.strip_suffix(".0").unwrap_or(&written);
                let masked = self.text(key, written)?;
                if masked != written {
                    *value = Value::String(masked);
                }
            }
            Value::Array(values) => {
                for value in values {
                    self.value(key, value, depth + 1)?;
                }
            }
            Value::Object(object) => self.object(key, object, depth)?,
        }
        Ok(())
    }

    /// `above` is the key of the object.
    fn object(
        &mut self,
        above: &str,
        object: &mut Map<String, Value>,
        depth: usize,
    ) -> Result<(), Error> {
        let above = self.name_of_values(above, object);
        let mut masked = Map::with_capacity(object.len());
        let mut duplicates: HashMap<String, usize> = HashMap::new();
        for (key, mut value) in std::mem::take(object) {
            let name = self.text("", &key)?;
            let mut free = name.clone();
            // Two keys with the same masked name keep both values.
            while masked.contains_key(&free) {
                look(1);
                let count = duplicates.entry(name.clone()).or_insert(1);
                *count += 1;
                free = format!("{name} ({count})");
            }
            // The new name is the label, so that masking again gives the same result.
            let label = match &above {
                Some(above) if secrets::VALUE_KEYS.contains(&free.as_str()) => above,
                _ => &free,
            };
            self.value(label, &mut value, depth + 1)?;
            masked.insert(free, value);
        }
        *object = masked;
        Ok(())
    }

    /// The name of the values in an object that has a label as its key, `{"password": {"value": "x"}}`, or in it,
    /// `{"name": "password", "value": "x"}`.
    fn name_of_values(&self, above: &str, object: &Map<String, Value>) -> Option<String> {
        let names = |name: &str| {
            let name = Text::new(start_of(name), self.masker.dictionary);
            secrets::names_value(&name)
        };
        let has_value = secrets::VALUE_KEYS
            .iter()
            .any(|key| object.contains_key(*key));
        if !has_value {
            return None;
        }
        let within = NAME_KEYS
            .iter()
            .filter_map(|key| object.get(*key)?.as_str());
        let mut candidates = within.chain([above]).filter(|name| names(name));
        candidates.next().map(ToOwned::to_owned)
    }

    fn is_secret_number(&self, key: &str, number: &Number) -> bool {
        let name = Text::new(start_of(key), self.masker.dictionary);
        self.masker.policy.masks(Kind::Secret)
            && secrets::is_secret_number_of(&name, &number.to_string())
    }

    /// The placeholder of a secret that is a whole value.
    fn secret(&mut self) -> String {
        let mut masked = String::new();
        self.placeholders.write(&mut masked, Kind::Secret, &[]);
        self.counts.add(Kind::Secret);
        masked
    }

    fn string(&mut self, key: &str, text: &str) -> Result<String, Error> {
        let name = Text::new(start_of(key), self.masker.dictionary);
        let secret = secrets::is_secret_of(&name, text) && !is_placeholder(text);
        if secret && self.masker.policy.masks(Kind::Secret) {
            self.add(text)?;
            return Ok(self.secret());
        }
        self.text(key, text)
    }

    fn text(&mut self, key: &str, text: &str) -> Result<String, Error> {
        self.add(text)?;
        if key.is_empty() {
            return self
                .masker
                .after(0, text, self.placeholders, &mut self.counts);
        }
        let label = format!("{}: ", start_of(key));
        let whole = format!("{label}{text}");
        let mut masked =
            self.masker
                .after(label.len(), &whole, self.placeholders, &mut self.counts)?;
        Ok(masked.split_off(label.len()))
    }

    fn add(&mut self, text: &str) -> Result<(), Error> {
        self.bytes += text.len();
        if self.bytes > LONGEST {
            return Err(Error::TooLong(self.bytes));
        }
        Ok(())
    }
}

fn start_of(key: &str) -> &str {
    &key[..key.floor_char_boundary(KEY)]
}

fn is_placeholder(text: &str) -> bool {
    // A fast path: longer texts are no placeholders.
    text.len() < 20 && {
        let folded = Folded::new(text);
        folded.len() == 1 && folded.at(0) == PLACEHOLDER
    }
}
