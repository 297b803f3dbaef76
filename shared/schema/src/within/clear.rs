//! Removes from what is visible the names of what is not.

use platform::auth::Names;

use super::Hidden;
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
    self::description(
        &mut table.description,
        &mut table.description_source,
        hidden,
    );
    self::columns(&mut table.columns, hidden);
}

pub(super) fn columns(list: &mut [Column], hidden: &Hidden) {
    for column in list {
        self::description(
            &mut column.description,
            &mut column.description_source,
            hidden,
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
        self::columns(&mut column.fields, hidden);
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

/// Replaces a type of a hidden schema: on Postgres a type has a schema, and each table has a row type
/// with its name and columns. A type without a schema may merely be called like a hidden table.
fn column_type(column: &mut Column, hidden: &Hidden) {
    let is_composite = !column.fields.is_empty() || column.cut && column.enum_labels.is_empty();
    let written = qualified(&column.data_type);
    let is_of_hidden_schema = written
        .as_ref()
        .is_some_and(|(schema, _)| hidden.has_schema(schema));
    let has_schema = names_of(column.data_type.trim_end_matches("[]")).len() > 1;
    let is_named = (is_composite || has_schema) && hidden.are_in(&column.data_type);
    if !is_named && !is_of_hidden_schema {
        return;
    }
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

fn description(text: &mut Option<String>, source: &mut Option<DescriptionSource>, hidden: &Hidden) {
    if text.as_deref().is_some_and(|text| hidden.are_in(text)) {
        *text = None;
        *source = None;
    }
}
