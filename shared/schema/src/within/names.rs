//! The names of a document, each with the dataset that it belongs to.

use std::collections::{BTreeSet, HashSet};

use crate::Dialect;
use crate::document::{Column, Document, Table};
use crate::name::{dataset_id, names_of};

/// The names of tables, datasets, types and collations, each with the id of its dataset. A schema of
/// Postgres may have types only.
pub fn names(document: &Document) -> BTreeSet<(String, String)> {
    let mut names = BTreeSet::new();
    let mut add = |dataset: &str, name: &str| {
        if !name.is_empty() {
            names.insert((dataset.to_owned(), name.to_owned()));
        }
    };
    for table in &document.tables {
        add(table.dataset(), table.own_name());
        add(table.dataset(), &table.parts.dataset);
    }
    // Only the id of a dataset without tables is known; its name may be any suffix of it.
    let with_tables: HashSet<&str> = document.tables.iter().map(Table::dataset).collect();
    let ids = document.source.datasets.iter().map(String::as_str);
    for id in ids.filter(|id| !with_tables.contains(id)) {
        add(id, id.split_once('.').map_or(id, |(_, rest)| rest));
        add(id, id.rsplit_once('.').map_or(id, |(_, last)| last));
    }
    let of_types = of_types(document);
    for (dataset, schema, name) in &of_types {
        add(dataset, schema);
        add(dataset, name);
    }
    // A column that is named like a type.
    let types: HashSet<String> = of_types
        .iter()
        .map(|(_, _, name)| name.to_lowercase())
        .collect();
    for table in &document.tables {
        let mut left: Vec<&Column> = table.columns.iter().collect();
        while let Some(column) = left.pop() {
            if types.contains(&column.name.to_lowercase()) {
                names.insert((table.dataset().to_owned(), column.name.clone()));
            }
            left.extend(&column.fields);
        }
    }
    names
}

/// The types and collations of columns on Postgres: the id of the dataset, the schema and the name. Those of
/// extensions are no secret.
fn of_types(document: &Document) -> Vec<(String, String, String)> {
    if document.source.dialect != Dialect::Postgres {
        return Vec::new();
    }
    let extensions = document.source.extensions.as_deref().unwrap_or_default();
    let mut found = Vec::new();
    for table in &document.tables {
        let mut left: Vec<&Column> = table.columns.iter().collect();
        while let Some(column) = left.pop() {
            let texts = [Some(&column.data_type), column.collation.as_ref()];
            for text in texts.into_iter().flatten() {
                let Some((schema, name)) = qualified(text) else {
                    continue;
                };
                let mut types = extensions.iter().flat_map(|extension| &extension.types);
                if !types.any(|known| *known == name) {
                    let dataset = dataset_id(&table.parts.project, &schema);
                    found.push((dataset, schema, name));
                }
            }
            left.extend(&column.fields);
        }
    }
    found
}

/// The schema and the name of a type or collation that is written with its schema, without modifiers.
pub(super) fn qualified(written: &str) -> Option<(String, String)> {
    let mut names = names_of(written.trim_end_matches("[]")).into_iter();
    let (schema, name) = (names.next()?, names.next()?);
    let name = match name.split_once('(') {
        Some((name, modifiers)) if modifiers.ends_with(')') => name.to_owned(),
        _ => name,
    };
    names.next().is_none().then_some((schema, name))
}
