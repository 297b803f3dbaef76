//! The extensions of a Postgres database that a caller sees.

use std::collections::HashSet;

use crate::document::{Column, Extension, Table};

use super::hidden::Hidden;

/// The extensions whose schema is in scope, and those with the type of a column that is seen. Others may be those of
/// somebody else.
pub(super) fn seen(
    extensions: Option<&[Extension]>,
    tables: &[Table],
    hidden: &Hidden<'_>,
) -> Option<Vec<Extension>> {
    let extensions = extensions?;
    let is_hidden = |it: &Extension| {
        let is_default = it.schema == "public";
        hidden.are_in(&it.schema) || (hidden.has_schema(&it.schema) && !is_default)
    };
    let mut types = None;
    let mut seen = Vec::new();
    for extension in extensions {
        let mut extension = extension.clone();
        if is_hidden(&extension) {
            let types = types.get_or_insert_with(|| types_of(tables));
            if !extension
                .types
                .iter()
                .any(|name| types.contains(name.as_str()))
            {
                continue;
            }
            // Its functions and types can be named without its schema.
            extension.schema.clear();
        }
        seen.push(extension);
    }
    Some(seen)
}

/// The types of all columns and fields, without modifiers.
fn types_of(tables: &[Table]) -> HashSet<&str> {
    let mut types = HashSet::new();
    for table in tables {
        let mut left: Vec<&Column> = table.columns.iter().collect();
        while let Some(column) = left.pop() {
            let name = column.data_type.trim_end_matches("[]");
            types.insert(name.split_once('(').map_or(name, |(name, _)| name));
            left.extend(&column.fields);
        }
    }
    types
}
