//! The faults of a file, and where they are.

use std::fmt::Display;

use serde_json::Value;
use serde_path_to_error::{Path, Segment};

use super::text::Step;
use super::{REWRITE, SchemaFileError};
use crate::name;

/// How many faults of a file are listed.
const MAX_FAULTS: usize = 20;

#[derive(Default)]
pub(super) struct Faults {
    listed: Vec<String>,
    more: usize,
    /// Whether a fault lists the types, which is enough once.
    pub(super) has_types: bool,
    /// Whether a fault tells how to write the file anew, which is enough once.
    has_rewrite: bool,
}

impl Faults {
    pub(super) fn add(&mut self, fault: String) {
        if self.listed.len() < MAX_FAULTS {
            self.listed.push(fault);
        } else {
            self.more += 1;
        }
    }

    pub(super) fn count(&self) -> usize {
        self.listed.len() + self.more
    }

    /// A value of a form that can't be read.
    pub(super) fn unreadable(&mut self, place: &str, error: &dyn Display) {
        let rewrite = match std::mem::replace(&mut self.has_rewrite, true) {
            false => format!(", or {REWRITE}"),
            true => String::new(),
        };
        self.add(format!("{place}: {error}; correct it{rewrite}"));
    }

    pub(super) fn wrong(&mut self, place: &str, expected: &str, found: &Value) {
        let found = match found {
            Value::Null => "null",
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::String(_) => "a text",
            Value::Array(_) => "a list",
            Value::Object(_) => "an object",
        };
        self.unreadable(place, &format!("expected {expected}, not {found}"));
    }

    pub(super) fn finish(self) -> Result<(), SchemaFileError> {
        if self.listed.is_empty() {
            return Ok(());
        }
        let more = match self.more {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        Err(SchemaFileError(format!("{}{more}", self.listed.join("; "))))
    }
}

/// A place in the JSON by the names of its columns: ``column items.price, `precision` ``.
pub(super) fn place(json: &Value, path: &[Step]) -> String {
    let mut value = Some(json);
    let mut column = String::new();
    let mut rest: Vec<String> = Vec::new();
    for step in path {
        match step {
            Step::Index(index) => {
                value = value.and_then(|it| it.get(index));
                let named = value.and_then(|it| it.get("name")).and_then(Value::as_str);
                match named.filter(|name| !name.trim().is_empty()) {
                    Some(name) => {
                        column = name::path(&column, &shown(name));
                        rest.clear();
                    }
                    None => rest.push(format!("number {}", index + 1)),
                }
            }
            Step::Key(key) => {
                value = value.and_then(|it| it.get(key));
                rest.push(format!("`{}`", shown(key)));
            }
        }
    }
    match (column.is_empty(), rest.is_empty()) {
        (true, true) => "the file".to_owned(),
        (true, false) => rest.join(", "),
        (false, true) => format!("column {column}"),
        (false, false) => format!("column {column}, {}", rest.join(", ")),
    }
}

pub(super) fn steps(path: &Path) -> Vec<Step> {
    let steps = path.iter().filter_map(|segment| match segment {
        Segment::Seq { index } => Some(Step::Index(*index)),
        Segment::Map { key } => Some(Step::Key(key.clone())),
        Segment::Enum { .. } | Segment::Unknown => None,
    });
    steps.collect()
}

/// A name with escapes for what nobody sees.
pub(super) fn shown(name: &str) -> String {
    name.chars().fold(String::new(), |mut shown, character| {
        match is_invisible(character) {
            true => shown.extend(character.escape_unicode()),
            false => shown.push(character),
        }
        shown
    })
}

/// Whether a character of a name can't be seen: a control character, the end of a line, a mark of direction, or a
/// character without width.
pub(super) fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        )
}
