//! The bytes of a file as JSON.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::faults::place;
use super::{MAX_DEPTH, REWRITE, SchemaFileError};

/// The text in UTF-8, or in UTF-16 with a byte order mark, which PowerShell writes.
pub(super) fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, SchemaFileError> {
    let utf16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let invalid = || SchemaFileError("it is not valid UTF-16: save it as UTF-8".to_owned());
        let (pairs, rest) = bytes.as_chunks();
        if !rest.is_empty() {
            return Err(invalid());
        }
        let units: Vec<u16> = pairs.iter().map(|pair| unit(*pair)).collect();
        let text = String::from_utf16(&units).map_err(|_| invalid());
        text.map(Cow::Owned)
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] | rest => {
            let text = std::str::from_utf8(rest).map_err(|error| {
                let at = bytes.len() - rest.len() + error.valid_up_to();
                SchemaFileError(format!("byte {at} is not valid UTF-8: save it as UTF-8"))
            });
            text.map(Cow::Borrowed)
        }
    }
}

/// A step of a path in JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

/// Parses JSON, and adds the places of the keys that an object has twice. Of their values, the last counts.
pub(super) fn parse(text: &str, repeated: &mut Vec<String>) -> Result<Value, SchemaFileError> {
    if text.trim().is_empty() {
        return Err(SchemaFileError(format!("it is empty: {REWRITE}")));
    }
    let mut parser = serde_json::Deserializer::from_str(text);
    let (mut path, mut paths) = (Vec::new(), Vec::new());
    let reader = Reader {
        path: &mut path,
        repeated: &mut paths,
    };
    let value = reader.deserialize(&mut parser);
    let value = value.and_then(|value| parser.end().map(|()| value));
    let value = value.map_err(|error| {
        let error = error.to_string();
        SchemaFileError(if error.starts_with("recursion limit") {
            format!("it is nested too deeply: BigQuery nests at most {MAX_DEPTH} records")
        } else {
            format!("invalid JSON: {error}; correct it, or {REWRITE}")
        })
    })?;
    repeated.extend(paths.iter().map(|path| place(&value, path)));
    Ok(value)
}

/// Reads any JSON value, as [`Value`] does, and keeps the paths of repeated keys.
struct Reader<'a> {
    path: &'a mut Vec<Step>,
    repeated: &'a mut Vec<Vec<Step>>,
}

impl Reader<'_> {
    fn below(&mut self, step: Step) -> Reader<'_> {
        self.path.push(step);
        Reader {
            path: self.path,
            repeated: self.repeated,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self.below(Step::Index(list.len())))? {
            list.push(item);
            self.path.pop();
        }
        // The step to the item that there was not.
        self.path.pop();
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            let value = entries.next_value_seed(self.below(Step::Key(key.clone())))?;
            if object.insert(key, value).is_some() {
                self.repeated.push(self.path.clone());
            }
            self.path.pop();
        }
        Ok(object.into())
    }
}
