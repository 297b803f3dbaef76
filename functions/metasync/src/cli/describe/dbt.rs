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
    /// Of a seed.
    quote_columns: Option<bool>,
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
    /// Whether dbt quotes the name; if not, the warehouse folds its case.
    quote: Option<bool>,
    description: Option<String>,
}

/// The columns of a table, and whether dbt quotes those that don't tell.
pub struct Columns {
    pub list: Vec<Column>,
    pub are_quoted: bool,
}

/// The descriptions of models, seeds, snapshots and sources. dbt derives the dataset of a model from its
/// target, so a model is found by its name alone.
pub fn read(properties: Properties) -> Read {
    let mut read = Read::default();
    let relations = [properties.models, properties.seeds, properties.snapshots];
    for relation in relations.into_iter().flatten() {
        let alias = relation.config.alias.or(relation.alias);
        let table = alias.unwrap_or(relation.name);
        let columns = Columns {
            list: relation.columns,
            are_quoted: relation.config.quote_columns.unwrap_or_default(),
        };
        read.describe(&table, relation.description, columns);
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
            let columns = Columns {
                list: table.columns,
                are_quoted: false,
            };
            read.describe(&name, table.description, columns);
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
    pub fn describe(&mut self, table: &str, description: Option<String>, columns: Columns) {
        let Columns { list, are_quoted } = columns;
        let of_columns = list.into_iter().map(|column| {
            let is_quoted = column.quote.unwrap_or(are_quoted);
            (Some(column.name), column.description, is_quoted)
        });
        let of_table = (None, description, true);
        for (column, text, is_quoted) in std::iter::once(of_table).chain(of_columns) {
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
            if !is_quoted {
                self.folded.insert(self.entries.len());
            }
            self.entries.push(entry);
        }
    }
}
