//! What the LLM was asked and had no answer for, so that it is not asked at every sync.

use std::collections::BTreeMap;

use schema::document::{Column, Mode, Table};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::paths;

/// Kept by the sync between its runs, beside the document. It is void for another model: that one
/// may know better.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    model: String,
    /// By table and path (empty: the table itself), how the column was when it was asked about.
    unanswered: Shapes,
    /// As `unanswered`: what got nonsense or a refusal, once. One failure may be chance, or the
    /// fault of another column that was asked about in the same call.
    failed: Shapes,
    /// The schema for which examples were asked last, as a hash.
    examples_for: String,
    /// The schema for which examples got nonsense or a refusal, once.
    examples_failed_for: String,
}

type Shapes = BTreeMap<String, BTreeMap<String, String>>;

impl Memory {
    /// Forgets what is not so any more: another model, tables that are gone.
    pub(super) fn renew(&mut self, model: &str, tables: &[Table]) {
        if self.model != model {
            *self = Self {
                model: model.to_owned(),
                ..Self::default()
            };
        }
        let names: std::collections::BTreeSet<&str> =
            tables.iter().map(|table| table.name.as_str()).collect();
        for shapes in [&mut self.unanswered, &mut self.failed] {
            shapes.retain(|table, _| names.contains(table.as_str()));
        }
    }

    /// Whether the LLM was asked about a path as it is now, and had nothing to say.
    pub(super) fn is_unanswered(&self, table: &str, path: &str, shape: &str) -> bool {
        self.unanswered
            .get(table)
            .and_then(|paths| paths.get(path))
            .is_some_and(|asked| asked == shape)
    }

    pub(super) fn set_unanswered(&mut self, table: &str, path: &str, shape: String) {
        let paths = self.unanswered.entry(table.to_owned()).or_default();
        paths.insert(path.to_owned(), shape);
    }

    /// The second failure in a row counts as an answer: a third question would cost the same, for
    /// nothing.
    pub(super) fn set_failed(&mut self, table: &str, path: &str, shape: String) {
        let paths = self.failed.entry(table.to_owned()).or_default();
        if paths.get(path) == Some(&shape) {
            paths.remove(path);
            self.set_unanswered(table, path, shape);
        } else {
            paths.insert(path.to_owned(), shape);
        }
    }

    /// See [`Self::set_failed`].
    pub(super) fn set_failed_examples(&mut self, tables: &[Table]) {
        let schema = fingerprint(tables);
        if self.examples_failed_for == schema {
            self.examples_for = schema;
        } else {
            self.examples_failed_for = schema;
        }
    }

    pub(super) fn has_asked_examples(&self, tables: &[Table]) -> bool {
        self.examples_for == fingerprint(tables)
    }

    pub(super) fn set_asked_examples(&mut self, tables: &[Table]) {
        self.examples_for = fingerprint(tables);
    }
}

/// What a description depends on: one of an altered column may be wrong.
pub(super) fn table_shape(table: &Table) -> String {
    format!("{:?}", table.kind)
}

/// See [`table_shape`].
pub(super) fn column_shape(column: &Column) -> String {
    let mode = match column.mode {
        Mode::Nullable => "",
        Mode::Required => " REQUIRED",
        Mode::Repeated => " REPEATED",
    };
    format!("{}{mode}", column.data_type)
}

/// Of all names and types.
fn fingerprint(tables: &[Table]) -> String {
    let mut hash = Sha256::new();
    for table in tables {
        hash.update(table.name.as_bytes());
        hash.update([0]);
        paths::walk(&table.columns, &mut |path, column| {
            hash.update(path.as_bytes());
            hash.update([1]);
            hash.update(column_shape(column).as_bytes());
            hash.update([2]);
        });
    }
    hex::encode(hash.finalize())
}
