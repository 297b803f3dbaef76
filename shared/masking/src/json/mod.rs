//! Masks JSON: strings, keys and numbers. A key is a label for its value.

mod arguments;
mod pairs;

use std::collections::HashMap;

use serde_json::{Map, Number, Value};

use arguments::Line;
use pairs::Values;

use super::fold::{Folded, PLACEHOLDER};
use super::text::Text;
use super::{Counts, Error, Kind, LONGEST, Masker, Placeholders, look, secrets};

/// The levels that `serde_json` parses.
const MAX_DEPTH: usize = 128;
const MAX_VALUES: usize = 100_000;
/// The bytes of a key that serve as a label for its value.
pub const KEY: usize = 100;

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
        self.count()?;
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
            Value::Array(values) if arguments::are(key, values) && !self.is_label(key) => {
                self.arguments(String::new(), values)?;
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
        let mut masked = Map::with_capacity(object.len());
        let mut duplicates: HashMap<String, usize> = HashMap::new();
        for (key, value) in std::mem::take(object) {
            let name = self.text("", &key)?;
            let mut free = name.clone();
            // Two keys with the same masked name keep both values.
            while masked.contains_key(&free) {
                look(1);
                let count = duplicates.entry(name.clone()).or_insert(1);
                *count += 1;
                free = format!("{name} ({count})");
            }
            masked.insert(free, value);
        }
        *object = masked;
        self.values_of(above, object, depth)
    }

    /// Masks the values of an object. Its masked keys are the labels, and the arguments follow their masked command, so
    /// that masking again gives the same result.
    fn values_of(
        &mut self,
        above: &str,
        object: &mut Map<String, Value>,
        depth: usize,
    ) -> Result<(), Error> {
        let names = Values::of(above, object, self.masker.dictionary);
        let has_command = !arguments::command(object).is_empty();
        let of_command = |key: &str, value: &Value| {
            let list = value.as_array();
            has_command
                && arguments::is_key(key)
                && list.is_some_and(|list| arguments::are(key, list))
        };
        for (key, value) in object.iter_mut() {
            if !of_command(key, value) {
                let label = names.label(key, value, self.masker.dictionary);
                self.value(label.unwrap_or(key), value, depth + 1)?;
            }
        }
        let command = arguments::command(object);
        for (key, value) in object.iter_mut() {
            if of_command(key, value)
                && let Value::Array(values) = value
            {
                self.arguments(command.clone(), values)?;
            }
        }
        Ok(())
    }

    /// Masks the arguments of a command, which may begin in another value. Each follows the masked ones before it, so that
    /// masking again gives the same result.
    fn arguments(&mut self, command: String, values: &mut [Value]) -> Result<(), Error> {
        let mut line = Line(command);
        for value in values {
            self.count()?;
            match value {
                Value::String(text) => {
                    *text = self.argument(&line, text)?;
                    line.push(text);
                }
                value => {
                    let written = value.to_string();
                    let masked = self.argument(&line, &written)?;
                    line.push(&masked);
                    if masked != written {
                        *value = Value::String(masked);
                    }
                }
            }
        }
        Ok(())
    }

    fn argument(&mut self, line: &Line, text: &str) -> Result<String, Error> {
        let named = line.option();
        let name = Text::new(start_of(named), self.masker.dictionary);
        let password = secrets::name(&name).is_some_and(secrets::Name::is_password);
        if text.starts_with("--") {
            // It is not the value of the option before it.
            self.after(line.without_option(), text)
        } else if password && !text.starts_with('-') {
            self.string(named, text)
        } else {
            self.after(&line.0, text)
        }
    }

    fn is_label(&self, key: &str) -> bool {
        secrets::name(&Text::new(start_of(key), self.masker.dictionary)).is_some()
    }

    fn count(&mut self) -> Result<(), Error> {
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(Error::TooMany(MAX_VALUES));
        }
        Ok(())
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
        if key.is_empty() {
            self.after("", text)
        } else {
            self.after(&format!("{}: ", start_of(key)), text)
        }
    }

    /// Masks a text after a label or other words that say what it is.
    fn after(&mut self, before: &str, text: &str) -> Result<String, Error> {
        self.add(text)?;
        let whole = format!("{before}{text}");
        let mut masked =
            self.masker
                .after(before.len(), &whole, self.placeholders, &mut self.counts)?;
        Ok(masked.split_off(before.len()))
    }

    fn add(&mut self, text: &str) -> Result<(), Error> {
        self.bytes += text.len();
        if self.bytes > LONGEST {
            return Err(Error::TooLong(self.bytes));
        }
        Ok(())
    }
}

/// The start of a key that serves as a label, without the brackets of a form: `user[password]`, `password[]`.
fn start_of(key: &str) -> &str {
    let start = &key[..key.floor_char_boundary(KEY)];
    let Some(inside) = start.strip_suffix(']') else {
        return start;
    };
    let name = inside.trim_end_matches(|unit: char| unit.is_ascii_digit());
    match name.strip_suffix('[') {
        Some(name) => name.strip_suffix(']').unwrap_or(name),
        None => inside,
    }
}

fn is_placeholder(text: &str) -> bool {
    // A fast path: longer texts are no placeholders.
    text.len() < 20 && {
        let folded = Folded::new(text);
        folded.len() == 1 && folded.at(0) == PLACEHOLDER
    }
}
