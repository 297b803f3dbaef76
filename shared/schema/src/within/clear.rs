//! Removes from what is visible the names of what is not.

use platform::auth::Names;

use super::fields::HiddenFields;
use super::hidden::Hidden;
use super::names::qualified;
use super::postgres::qualifiers;
use crate::document::{Column, DescriptionSource, Table};
use crate::name::names_of;
use crate::stand_in;

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
        .is_some_and(|key| is_hidden(key, hidden))
    {
        table.partitioning = None;
    }
    let fields = HiddenFields::of(table, hidden);
    let is_hidden = |text: &str| hidden.are_in(text) || fields.are_in(text);
    description(
        &mut table.description,
        &mut table.description_source,
        is_hidden,
    );
    columns_beside(&mut table.columns, hidden, &fields);
}

pub(super) fn columns(list: &mut [Column], hidden: &Hidden) {
    columns_beside(list, hidden, &HiddenFields::default());
}

/// Clears columns of a table with these hidden fields.
fn columns_beside(list: &mut [Column], hidden: &Hidden, fields: &HiddenFields) {
    for column in list {
        description(
            &mut column.description,
            &mut column.description_source,
            |text| hidden.are_in(text) || fields.are_in(text),
        );
        if column
            .default
            .as_deref()
            .is_some_and(|it| is_hidden(it, hidden))
        {
            column.default = None;
        }
        let is_collation_hidden = column.collation.as_deref().is_some_and(|collation| {
            let schema = qualified(collation).map(|(schema, _)| schema);
            hidden.are_in(collation) || schema.is_some_and(|it| hidden.has_schema(&it))
        });
        if is_collation_hidden {
            column.collation = None;
        }
        column_type(column, hidden);
        columns_beside(&mut column.fields, hidden, fields);
    }
}

/// Whether an expression names something hidden, or anything of a schema out of the scope: its functions and
/// sequences are not part of the document.
fn is_hidden(expression: &str, hidden: &Hidden) -> bool {
    let mut qualifiers = qualifiers(expression).into_iter();
    hidden.are_in(expression)
        || qualifiers.any(|(schema, name)| {
            hidden.has_schema(&schema) && !(schema == "public" && hidden.is_of_extension(&name))
        })
}

/// Whether the type of a column is of a hidden schema: on Postgres a type has a schema, and each table has a row
/// type with its name and columns. A type without a schema may merely be called like a hidden table.
pub(super) fn is_type_hidden(column: &Column, hidden: &Hidden) -> bool {
    let has_schema = names_of(column.data_type.trim_end_matches("[]")).len() > 1;
    qualified(&column.data_type).is_some_and(|(schema, _)| hidden.has_schema(&schema))
        || (is_composite(column) || has_schema) && hidden.are_in(&column.data_type)
}

fn is_composite(column: &Column) -> bool {
    !column.fields.is_empty() || column.cut && column.enum_labels.is_empty()
}

/// Replaces a hidden type.
fn column_type(column: &mut Column, hidden: &Hidden) {
    if !is_type_hidden(column, hidden) {
        return;
    }
    let is_composite = is_composite(column);
    let written = qualified(&column.data_type);
    if is_composite {
        column.data_type = stand_in::RECORD.to_owned();
        column.fields.clear();
        column.cut = true;
        return;
    }
    // Of an extension's type only the schema is hidden.
    let of_extension = written
        .map(|(_, name)| name)
        .filter(|name| hidden.is_of_extension(name));
    column.data_type = match of_extension {
        Some(name) => name,
        None if column.enum_labels.is_empty() => stand_in::USER_DEFINED.to_owned(),
        None => stand_in::ENUM.to_owned(),
    };
}

fn description(
    text: &mut Option<String>,
    source: &mut Option<DescriptionSource>,
    is_hidden: impl Fn(&str) -> bool,
) {
    if text.as_deref().is_some_and(is_hidden) {
        *text = None;
        *source = None;
    }
}
