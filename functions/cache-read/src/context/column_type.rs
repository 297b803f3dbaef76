//! The type of a column in a context, with what its name does not tell: labels and collation.

use std::borrow::Cow;
use std::fmt::Write as _;

use schema::Dialect;
use schema::document::Column;
use schema::render::{collate, enum_labels, plain};

/// The longest list of labels, in characters.
const LABELS: usize = 400;

/// `STRING`, `shop.mood ('sad', 'happy')` or `STRING COLLATE "und:ci"`.
pub fn column_type(column: &Column, dialect: Dialect) -> String {
    let mut text = plain(&column.data_type);
    if let Some(labels) = enum_labels(column, dialect, LABELS) {
        let _ = write!(text, " ({labels})");
    }
    if let Some(collate) = collate(column, dialect) {
        let _ = write!(text, " {collate}");
    }
    text
}

/// The length of [`column_type`] in characters.
pub fn length(column: &Column, dialect: Dialect) -> usize {
    if is_plain(column) {
        column.data_type.chars().count()
    } else {
        column_type(column, dialect).chars().count()
    }
}

/// Whether two columns have the same [`column_type`].
pub fn is_same(a: &Column, b: &Column) -> bool {
    a.data_type == b.data_type && a.enum_labels == b.enum_labels && a.collation == b.collation
}

/// What distinguishes types, for a hash.
pub fn key(column: &Column) -> Cow<'_, str> {
    if is_plain(column) {
        return Cow::Borrowed(&column.data_type);
    }
    let collation = column.collation.as_deref().unwrap_or_default();
    let labels = column.enum_labels.join("\0");
    Cow::Owned(format!("{}\0{collation}\0{labels}", column.data_type))
}

/// The labels that a context holds, and whether some are missing.
pub fn with_few_labels(column: &Column) -> (Vec<String>, bool) {
    let mut left = LABELS;
    let labels = column.enum_labels.iter().take_while(|label| {
        let rest = left.checked_sub(label.chars().count() + 4);
        left = rest.unwrap_or(0);
        rest.is_some()
    });
    let labels: Vec<String> = labels.cloned().collect();
    let is_cut = labels.len() < column.enum_labels.len();
    (labels, is_cut)
}

fn is_plain(column: &Column) -> bool {
    column.enum_labels.is_empty() && column.collation.is_none()
}
