//! The formats of a file: MetaSync's own, dbt's properties (`schema.yml`), and dbt's `manifest.json`.

use std::collections::BTreeSet;

use anyhow::{Context as _, ensure};
use schema::document::{Document, Table};
use schema_sync::grounding::schema_seen;
use schema_sync::meaning::{Checker, Entry, File};
use serde_json::Value;

use super::{dbt, manifest};

/// The entries of a file, and what it has that can't be used.
#[derive(Debug, Default)]
pub struct Read {
    pub entries: Vec<Entry>,
    /// The positions of the descriptions whose column the warehouse finds in any case.
    pub folded: BTreeSet<usize>,
    /// What was skipped, each with the reason.
    pub skipped: Vec<(String, String)>,
}

/// Keys at the top of MetaSync's own file that dbt's properties never have.
const OWN: [&str; 2] = ["descriptions", "glossary"];

/// Keys at the top of dbt's properties.
const DBT: [&str; 6] = [
    "models",
    "seeds",
    "semantic_models",
    "snapshots",
    "sources",
    "version",
];

pub fn read(text: &str) -> anyhow::Result<Read> {
    let read = parse(text)?;
    ensure!(
        !read.entries.is_empty() || !read.skipped.is_empty(),
        "it describes nothing: import a file with descriptions, a glossary or metrics, dbt's \
         schema.yml, or dbt's target/manifest.json"
    );
    Ok(read)
}

fn parse(text: &str) -> anyhow::Result<Read> {
    if text.trim_start().starts_with('{') {
        let value: Value = serde_json::from_str(text).context("it is not valid JSON")?;
        if value.get("nodes").is_some() {
            let manifest =
                serde_json::from_value(value).context("it is not dbt's manifest.json")?;
            return Ok(manifest::read(manifest));
        }
    }
    // JSON is YAML.
    let value: Value = serde_saphyr::from_str(text).context("it is not valid YAML")?;
    let has = |keys: &[&str]| keys.iter().any(|key| value.get(key).is_some());
    if has(&DBT) && !has(&OWN) {
        let properties = serde_saphyr::from_str(text).context("it is not dbt's schema.yml")?;
        return Ok(dbt::read(properties));
    }
    let file: File = serde_saphyr::from_str(text)?;
    Ok(Read {
        entries: file.into_entries(),
        ..Read::default()
    })
}

impl Read {
    /// Spells the columns that the warehouse finds in any case as the schema does, where only one has the name.
    pub fn fold(&mut self, document: &Document) {
        let schema = schema_seen(document);
        let checker = Checker::new(&schema);
        for at in &self.folded {
            let Some(Entry::Description(description)) = self.entries.get_mut(*at) else {
                continue;
            };
            let (Some(column), Ok(table)) =
                (&mut description.column, checker.table(&description.table))
            else {
                continue;
            };
            if let Some(spelled) = in_any_case(column, table) {
                *column = spelled;
            }
        }
    }
}

/// The path of the one column or field that has this path in another case.
fn in_any_case(path: &str, table: &Table) -> Option<String> {
    if table.column_at(path).is_some() {
        return None;
    }
    let lower = path.to_lowercase();
    let mut paths = Vec::new();
    let mut left: Vec<_> = table.columns.iter().map(|it| (String::new(), it)).collect();
    while let Some((above, column)) = left.pop() {
        let path = schema::name::path(&above, &column.name);
        left.extend(column.fields.iter().map(|field| (path.clone(), field)));
        if path.to_lowercase() == lower {
            paths.push(path);
        }
    }
    match paths.len() {
        1 => paths.pop(),
        _ => None,
    }
}
