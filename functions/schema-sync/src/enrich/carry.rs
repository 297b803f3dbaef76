//! LLM descriptions from one version to the next.

use std::collections::{BTreeMap, BTreeSet};

use ground::Schema;
use schema::Dialect;
use schema::document::{Column, DescriptionSource, Dropped, Mode, Table};

use super::answer;
use super::paths::{walk, walk_mut};

/// Keeps LLM descriptions of the previous version, unless the warehouse has a description. The table,
/// its kind, the path, its type and its mode must be unchanged.
pub fn carry_over(previous: &[Table], tables: &mut [Table]) {
    let previous: BTreeMap<&str, &Table> = previous
        .iter()
        .map(|table| (table.name.as_str(), table))
        .collect();
    for table in tables {
        let Some(before) = previous.get(table.name.as_str()) else {
            continue;
        };
        if before.kind == table.kind {
            carry(
                (&before.description, before.description_source),
                (&mut table.description, &mut table.description_source),
            );
        }
        let mut known: BTreeMap<String, (&Column, &str, Mode)> = BTreeMap::new();
        walk(&before.columns, &mut |path, column| {
            if column.description_source == Some(DescriptionSource::Llm) {
                known.insert(path.to_owned(), (column, &column.data_type, column.mode));
            }
        });
        walk_mut(&mut table.columns, &mut |path, column| {
            if let Some((before, data_type, mode)) = known.get(path)
                && *data_type == column.data_type
                && *mode == column.mode
            {
                carry(
                    (&before.description, before.description_source),
                    (&mut column.description, &mut column.description_source),
                );
            }
        });
    }
}

fn carry(
    (text, source): (&Option<String>, Option<DescriptionSource>),
    (description, description_source): (&mut Option<String>, &mut Option<DescriptionSource>),
) {
    if description.is_none() && source == Some(DescriptionSource::Llm) {
        description.clone_from(text);
        *description_source = source;
    }
}

/// Removes LLM descriptions that mention something that no longer exists, so that the LLM is asked
/// again. Returns them for the ledger. Call it if a table or column was removed.
pub fn drop_dangling(tables: &mut [Table], dialect: Dialect) -> Vec<Dropped> {
    let schema = Schema::new(tables, dialect);
    let mut dropped = Vec::new();
    let mut dangling: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
    for (index, table) in tables.iter().enumerate() {
        let mut check = |path: Option<&str>, text: Option<&String>, source| {
            let Some(text) = text.filter(|_| source == Some(DescriptionSource::Llm)) else {
                return;
            };
            if let Err(reason) = answer::is_grounded(text, table, path, &schema) {
                dropped.push(answer::dropped(Some(table), path, text, &reason));
                let path = path.unwrap_or_default().to_owned();
                dangling.entry(index).or_default().insert(path);
            }
        };
        check(None, table.description.as_ref(), table.description_source);
        walk(&table.columns, &mut |path, column| {
            let text = column.description.as_ref();
            check(Some(path), text, column.description_source);
        });
    }
    for (index, paths) in dangling {
        let table = &mut tables[index];
        if paths.contains("") {
            table.description = None;
            table.description_source = None;
        }
        walk_mut(&mut table.columns, &mut |path, column| {
            if paths.contains(path) {
                column.description = None;
                column.description_source = None;
            }
        });
    }
    dropped
}
