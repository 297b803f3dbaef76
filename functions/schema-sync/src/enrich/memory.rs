//! What the LLM was asked and did not answer, so that it is not asked at every sync.

use std::collections::BTreeMap;

use schema::document::{Column, Mode, Table};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::paths;

/// Stored next to the document between runs. It is void for another model, which may know better.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    model: String,
    /// The shape of each column when it was asked about, by table and path (empty for the table itself).
    unanswered: Shapes,
    /// The same for what failed once. A failure may be chance, or the fault of another column of the
    /// same call.
    failed: Shapes,
    /// The hash of the schema for which examples were requested last.
    examples_for: String,
    /// The hash of the schema for which the request for examples failed once.
    examples_failed_for: String,
}

type Shapes = BTreeMap<String, BTreeMap<String, String>>;

impl Memory {
    /// Forgets everything for another model, and tables that no longer exist.
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

    /// Whether the LLM was asked about the path with this shape, and did not answer.
    pub(super) fn is_unanswered(&self, table: &str, path: &str, shape: &str) -> bool {
        self.unanswered
            .get(table)
            .and_then(|paths| paths.get(path))
            .is_some_and(|remembered| remembered == shape)
    }

    pub(super) fn set_unanswered(&mut self, table: &str, path: &str, shape: String) {
        let paths = self.unanswered.entry(table.to_owned()).or_default();
        paths.insert(path.to_owned(), shape);
    }

    /// The second consecutive failure counts as no answer, because a third would cost the same.
    pub(super) fn set_failed(&mut self, table: &str, path: &str, shape: String) {
        let paths = self.failed.entry(table.to_owned()).or_default();
        if paths.get(path) == Some(&shape) {
            paths.remove(path);
            self.set_unanswered(table, path, shape);
        } else {
            paths.insert(path.to_owned(), shape);
        }
    }

    /// [`Self::set_failed`] for examples.
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

/// What a description of the table depends on: if it changes, the description may be wrong.
pub(super) fn table_shape(table: &Table) -> String {
    format!("{:?}", table.kind)
}

/// What a description of the column depends on.
pub(super) fn column_shape(column: &Column) -> String {
    let mode = match column.mode {
        Mode::Nullable => "",
        Mode::Required => " REQUIRED",
        Mode::Repeated => " REPEATED",
    };
    format!("{}{mode}", column.data_type)
}

/// A hash of all names and types.
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
