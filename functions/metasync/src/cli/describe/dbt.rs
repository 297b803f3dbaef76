//! dbt's properties: the descriptions in a `schema.yml`.

use schema_sync::meaning::Entry;
use serde::Deserialize;

use super::file::Read;

/// The parts of a `schema.yml` that describe tables.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Properties {
    models: Vec<Relation>,
    seeds: Vec<Relation>,
    snapshots: Vec<Relation>,
    sources: Vec<Source>,
    /// Their SQL is in the measures of models, which only dbt resolves.
    metrics: Vec<Named>,
}

#[derive(Debug, Deserialize)]
struct Named {
    name: String,
}

#[derive(Debug, Deserialize)]
struct Relation {
    name: String,
    alias: Option<String>,
    #[serde(default)]
    config: Config,
    description: Option<String>,
    #[serde(default)]
    columns: Vec<Column>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Config {
    alias: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Source {
    name: String,
    database: Option<String>,
    schema: Option<String>,
    #[serde(default)]
    tables: Vec<SourceTable>,
}

#[derive(Debug, Deserialize)]
struct SourceTable {
    name: String,
    identifier: Option<String>,
    description: Option<String>,
    #[serde(default)]
    columns: Vec<Column>,
}

#[derive(Debug, Deserialize)]
pub struct Column {
    name: String,
    description: Option<String>,
}

/// The descriptions of models, seeds, snapshots and sources. dbt derives the dataset of a model from its
/// target, so a model is found by its name alone.
pub fn read(properties: Properties) -> Read {
    let mut read = Read::default();
    let relations = [properties.models, properties.seeds, properties.snapshots];
    for relation in relations.into_iter().flatten() {
        let alias = relation.config.alias.or(relation.alias);
        let table = alias.unwrap_or(relation.name);
        read.describe(&table, relation.description, relation.columns);
    }
    for source in properties.sources {
        let schema = source.schema.unwrap_or(source.name);
        let place = match source.database {
            Some(database) => format!("{database}.{schema}"),
            None => schema,
        };
        for table in source.tables {
            let name = table.identifier.unwrap_or(table.name);
            let name = format!("{place}.{name}");
            read.describe(&name, table.description, table.columns);
        }
    }
    for Named { name } in properties.metrics {
        let reason = "only dbt can tell its SQL: import target/manifest.json instead";
        let entry = format!("the metric {name:?}");
        read.skipped.push((entry, reason.to_owned()));
    }
    read
}

impl Read {
    /// Adds the descriptions of a table and its columns. Those that dbt would have to render are skipped.
    pub fn describe(&mut self, table: &str, description: Option<String>, columns: Vec<Column>) {
        let of_columns = columns.into_iter();
        let of_columns = of_columns.map(|column| (Some(column.name), column.description));
        for (column, text) in [(None, description)].into_iter().chain(of_columns) {
            let Some(text) = text.filter(|text| !text.trim().is_empty()) else {
                continue;
            };
            let is_template = |it: &str| it.contains("{{") || it.contains("{%");
            if is_template(table) || is_template(&text) {
                let column = column.map(|it| format!(" {it}")).unwrap_or_default();
                let reason = "it has Jinja, such as a docs block, that only dbt can render: import \
                              target/manifest.json instead";
                self.skipped
                    .push((format!("{table}{column}"), reason.to_owned()));
                continue;
            }
            let entry = Entry::description(table.to_owned(), column, text);
            self.entries.push(entry);
        }
    }
}
