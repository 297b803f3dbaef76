//! Compares two trees of columns.

use std::collections::HashMap;

use crate::document::{Column, Mode};
use crate::name::path;

/// How one path differs.
#[derive(Debug, PartialEq)]
pub enum ColumnChange<'a> {
    Added(&'a Column),
    Removed(&'a Column),
    /// Another type, or repeated in only one of them.
    Retyped(&'a Column, &'a Column),
    /// Nullable in one and required in the other; the type is the same.
    Mode(&'a Column, &'a Column),
    /// Another description, whoever wrote it.
    Description(&'a Column, &'a Column),
    /// Other policy tags, or none.
    PolicyTags(&'a Column, &'a Column),
    /// Another detail of the same type.
    Detail(Detail, &'a Column, &'a Column),
}

/// What a type name does not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    EnumLabels,
    Default,
    Collation,
    RoundingMode,
}

impl Detail {
    const ALL: [Self; 4] = [
        Self::EnumLabels,
        Self::Default,
        Self::Collation,
        Self::RoundingMode,
    ];

    fn differs(self, old: &Column, new: &Column) -> bool {
        match self {
            Self::EnumLabels => old.enum_labels != new.enum_labels,
            Self::Default => old.default != new.default,
            Self::Collation => old.collation != new.collation,
            Self::RoundingMode => {
                let mode = |column: &Column| {
                    let mode = column.rounding_mode.as_deref();
                    mode.unwrap_or("ROUND_HALF_AWAY_FROM_ZERO").to_owned()
                };
                mode(old) != mode(new)
            }
        }
    }
}

/// Calls `visit` for each path that differs, in the order of the new columns, then of the removed
/// ones. For a struct that is added or removed as a whole, only its own path is visited.
pub fn columns<'a>(
    old: &'a [Column],
    new: &'a [Column],
    visit: &mut dyn FnMut(String, ColumnChange<'a>),
) {
    below("", old, new, visit);
}

fn below<'a>(
    parent: &str,
    old: &'a [Column],
    new: &'a [Column],
    visit: &mut dyn FnMut(String, ColumnChange<'a>),
) {
    if old == new {
        return;
    }
    let path = |name: &str| path(parent, name);
    let mut before: HashMap<&str, &Column> = old
        .iter()
        .map(|column| (column.name.as_str(), column))
        .collect();
    for column in new {
        let path = path(&column.name);
        match before.remove(column.name.as_str()) {
            None => visit(path, ColumnChange::Added(column)),
            Some(known) => both(&path, known, column, visit),
        }
    }
    for column in old
        .iter()
        .filter(|column| before.contains_key(column.name.as_str()))
    {
        visit(path(&column.name), ColumnChange::Removed(column));
    }
}

fn both<'a>(
    path: &str,
    old: &'a Column,
    new: &'a Column,
    visit: &mut dyn FnMut(String, ColumnChange<'a>),
) {
    let repeats = |column: &Column| column.mode == Mode::Repeated;
    let is_retyped = old.data_type != new.data_type || repeats(old) != repeats(new);
    if is_retyped {
        visit(path.to_owned(), ColumnChange::Retyped(old, new));
    } else if old.mode != new.mode {
        visit(path.to_owned(), ColumnChange::Mode(old, new));
    }
    if old.description != new.description {
        visit(path.to_owned(), ColumnChange::Description(old, new));
    }
    if old.policy_tags != new.policy_tags {
        visit(path.to_owned(), ColumnChange::PolicyTags(old, new));
    }
    let details = Detail::ALL.into_iter();
    for detail in details.filter(|detail| detail.differs(old, new)) {
        // The labels belong to the type.
        if !(is_retyped && detail == Detail::EnumLabels) {
            visit(path.to_owned(), ColumnChange::Detail(detail, old, new));
        }
    }
    below(path, &old.fields, &new.fields, visit);
}
