//! JSON: strings, keys, and numbers that identify somebody. A key says what its value is, as a label
//! does in a text.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::fold::{Folded, PLACEHOLDER};
use super::text::Text;
use super::{Counts, Error, Kind, LONGEST, Masker, Placeholders, look, secrets};

/// `serde_json` parses 128.
const DEEPEST: usize = 128;
const MOST: usize = 100_000;
/// More of a key than this says nothing more about its value.
pub const KEY: usize = 100;

struct Walk<'a> {
    masker: &'a Masker,
    people: &'a mut Placeholders,
    counts: Counts,
    values: usize,
    bytes: usize,
}

pub(super) fn mask(
    masker: &Masker,
    value: &mut Value,
    people: &mut Placeholders,
) -> Result<Counts, Error> {
    let mut walk = Walk {
        masker,
        people,
        counts: Counts::default(),
        values: 0,
        bytes: 0,
    };
    walk.value("", value, 0)?;
    Ok(walk.counts)
}

impl Walk<'_> {
    /// `key` is the nearest one above: that of an array holds for what is in it.
    fn value(&mut self, key: &str, value: &mut Value, depth: usize) -> Result<(), Error> {
        self.values += 1;
        if self.values > MOST {
            return Err(Error::TooMany(MOST));
        }
        if depth > DEEPEST {
            return Err(Error::TooDeep(DEEPEST));
        }
        match value {
            Value::Null | Value::Bool(_) => {}
            Value::String(text) => *text = self.string(key, text)?,
            Value::Number(number) => {
                let written = number.to_string();
                // A float that is whole is somebody's integer.
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
            Value::Object(object) => self.object(object, depth)?,
        }
        Ok(())
    }

    fn object(&mut self, object: &mut Map<String, Value>, depth: usize) -> Result<(), Error> {
        let mut masked = Map::with_capacity(object.len());
        let mut alike: HashMap<String, usize> = HashMap::new();
        for (key, mut value) in std::mem::take(object) {
            let name = self.text("", &key)?;
            let mut free = name.clone();
            // Two keys that are masked alike keep both their values.
            while masked.contains_key(&free) {
                look(1);
                let count = alike.entry(name.clone()).or_insert(1);
                *count += 1;
                free = format!("{name} ({count})");
            }
            // Under its new name, by which it would be masked the next time.
            self.value(&free, &mut value, depth + 1)?;
            masked.insert(free, value);
        }
        *object = masked;
        Ok(())
    }

    fn string(&mut self, key: &str, text: &str) -> Result<String, Error> {
        let name = Text::new(start_of(key), &self.masker.dictionary);
        let secret = secrets::is_name(&name) && !text.is_empty() && !is_placeholder(text);
        if secret && self.masker.policy.masks(Kind::Secret) {
            self.add(text)?;
            let mut masked = String::new();
            self.people.write(&mut masked, Kind::Secret, &[]);
            self.counts.add(Kind::Secret);
            return Ok(masked);
        }
        self.text(key, text)
    }

    fn text(&mut self, key: &str, text: &str) -> Result<String, Error> {
        self.add(text)?;
        if key.is_empty() {
            return self.masker.after(0, text, self.people, &mut self.counts);
        }
        let said = format!("{}: ", start_of(key));
        let whole = format!("{said}{text}");
        let mut masked = self
            .masker
            .after(said.len(), &whole, self.people, &mut self.counts)?;
        Ok(masked.split_off(said.len()))
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
    // A longer one is none, and need not be folded to see that.
    text.len() < 20 && {
        let folded = Folded::new(text);
        folded.len() == 1 && folded.at(0) == PLACEHOLDER
    }
}
