//! Removes from what is visible the names of what is not.

use platform::auth::Names;

use super::Hidden;
use crate::document::{Column, DescriptionSource, Table};
use crate::name::names_of;

/// Removes from a visible table what names a table or dataset out of the scope.
pub(super) fn table(table: &mut Table, datasets: &Names, hidden: &Hidden) {
    table
        .foreign_keys
        .retain(|key| key.references_parts.is_within(datasets));
    table.inherits.retain(|name| name.is_within(datasets));
    table.inherited_by.retain(|name| name.is_within(datasets));
    // An expression may call a function of another schema; a column is the table's own.
    if table
        .partition_expression()
        .is_some_and(|key| hidden.are_in(key))
    {
        table.partitioning = None;
    }
    self::description(
        &mut table.description,
        &mut table.description_source,
        hidden,
    );
    self::columns(&mut table.columns, hidden);
}

pub(super) fn columns(list: &mut [Column], hidden: &Hidden) {
    let is_hidden = |text: &Option<String>| text.as_deref().is_some_and(|text| hidden.are_in(text));
    for column in list {
        self::description(
            &mut column.description,
            &mut column.description_source,
            hidden,
        );
        if is_hidden(&column.default) {
            column.default = None;
        }
        if is_hidden(&column.collation) {
            column.collation = None;
        }
        column_type(column, hidden);
        self::columns(&mut column.fields, hidden);
    }
}

/// Replaces a type of a hidden schema: on Postgres a type has a schema, and each table has a row type
/// with its name and columns. A type without a schema may merely be called like a hidden table.
fn column_type(column: &mut Column, hidden: &Hidden) {
    let is_composite = !column.fields.is_empty() || column.cut && column.enum_labels.is_empty();
    let names = names_of(column.data_type.trim_end_matches("[]"));
    let has_schema = names.len() > 1;
    if !(is_composite || has_schema) || !hidden.are_in(&column.data_type) {
        return;
    }
    if is_composite {
        column.data_type = "record".to_owned();
        column.fields.clear();
        column.cut = true;
    } else if column.enum_labels.is_empty() {
        column.data_type = names.into_iter().next_back().unwrap_or_default();
    } else {
        column.data_type = "enum".to_owned();
    }
}

fn description(text: &mut Option<String>, source: &mut Option<DescriptionSource>, hidden: &Hidden) {
    if text.as_deref().is_some_and(|text| hidden.are_in(text)) {
        *text = None;
        *source = None;
    }
}
