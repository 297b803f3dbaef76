//! The schemas of a dataset, by one query of its `INFORMATION_SCHEMA`.

use std::collections::HashMap;

use anyhow::Context as _;
use schema::bounds;
use schema::document::{Column, Definition, DescriptionSource, ForeignKey, Mode, Table, TableKind};
use schema::family::{Family, ShardRun};
use schema::name::TableName;
use schema::sql_type::parse_column;
use schema::table_schema::{TableResource, spell_as_columns};
use serde::Deserialize;

use super::client::Client;
use super::failure::Failure;
use super::gets::sort;
use super::jobs;
use super::lacking::{LackingNow, OptionalColumn};
use super::query::{self, Row};
use super::settings::Dataset;
use crate::observer::Observer;

const SQL: &str = include_str!("catalog.sql");

/// The queries of views, and the same without any.
const VIEWED: &str = "select table_name, any_value(view_definition) as query
  from `{dataset}`.INFORMATION_SCHEMA.VIEWS
  group by table_name";
const NONE_VIEWED: &str =
    "select cast(null as string) as table_name, cast(null as string) as query";

/// The result of the query. It does not tell which nested fields are required, and lacks external
/// tables.
pub(super) struct Catalog {
    groups: Vec<Group>,
    group_of: HashMap<String, usize>,
    lacking: LackingNow,
}

/// Tables that are equal in everything that the query returns.
struct Group {
    columns: Vec<Column>,
    description: Option<String>,
    primary_key: Vec<String>,
    foreign_keys: Vec<ForeignKey>,
    definition: Option<Definition>,
}

#[derive(Deserialize)]
struct ColumnRow {
    name: String,
    #[serde(rename = "type")]
    data_type: String,
    nullable: bool,
    filled: Option<String>,
    paths: Option<Vec<PathRow>>,
}

/// A path with a description, policy tags, a collation or a rounding mode.
#[derive(Deserialize)]
struct PathRow {
    path: String,
    text: Option<String>,
    tags: Option<Vec<String>>,
    collated: Option<String>,
    rounding: Option<String>,
}

#[derive(Deserialize)]
struct KeyRow {
    is_foreign: bool,
    target: Option<String>,
    columns: Vec<KeyColumnRow>,
}

#[derive(Deserialize)]
struct KeyColumnRow {
    name: String,
    position: Option<usize>,
}

pub(super) async fn read(
    client: &Client,
    query: &query::Settings,
    dataset: &Dataset,
    observer: &dyn Observer,
) -> Result<Catalog, Failure> {
    loop {
        let lacking = client.lacking.now();
        let failure = match rows(client, query, dataset, lacking, observer).await {
            Ok(rows) => return Ok(Catalog::parse(dataset, &rows, lacking)),
            Err(failure) => failure,
        };
        let mut present = OptionalColumn::ALL.into_iter();
        match present.find(|it| !lacking.has(*it) && it.is_missing_by(&failure)) {
            Some(column) => client.lacking.add(column),
            None => return Err(failure),
        }
    }
}

async fn rows(
    client: &Client,
    query: &query::Settings,
    dataset: &Dataset,
    lacking: LackingNow,
    observer: &dyn Observer,
) -> Result<Vec<Row>, Failure> {
    let tagged = match lacking.has(OptionalColumn::PolicyTags) {
        true => "false",
        false => "array_length(policy_tags) > 0",
    };
    let viewed = match lacking.has(OptionalColumn::ViewDefinition) {
        true => NONE_VIEWED,
        false => VIEWED,
    };
    let mut sql = SQL
        .replace("{viewed}", viewed)
        .replace("{dataset}", &dataset.to_string())
        .replace("{tagged}", tagged);
    for column in OptionalColumn::ALL {
        let name = column.name();
        let value = if lacking.has(column) { "null" } else { name };
        sql = sql.replace(&format!("{{{name}}}"), value);
    }
    let place = client.locations.of_dataset(dataset);
    let is_placed = place.is_some();
    match query::run(client, query, &sql, place, observer).await {
        // Google infers the dataset's location, most of the time.
        Err(failure) if failure.is_not_found() && !is_placed => {
            match jobs::find_location(client, dataset, observer).await? {
                Some(place) => query::run(client, query, &sql, Some(place), observer).await,
                None => Err(failure),
            }
        }
        answered => answered,
    }
}

impl Catalog {
    /// A row that can't be parsed is skipped: its tables are read by `tables.get`, which spells a type
    /// differently.
    fn parse(dataset: &Dataset, rows: &[Row], lacking: LackingNow) -> Self {
        let mut groups = Vec::with_capacity(rows.len());
        let mut keys = Vec::with_capacity(rows.len());
        let mut group_of = HashMap::new();
        for row in rows {
            match parse_row(row) {
                Ok((tables, group, keys_of_group)) => {
                    group_of.extend(tables.into_iter().map(|table| (table, groups.len())));
                    groups.push(group);
                    keys.push(keys_of_group);
                }
                Err(error) => {
                    tracing::warn!(%dataset, error = format!("{error:#}"), "a row can't be parsed");
                }
            }
        }
        let mut catalog = Self {
            groups,
            group_of,
            lacking,
        };
        catalog.set_keys(dataset, keys);
        catalog
    }

    /// Sets primary keys first, because a foreign key refers to positions in a primary key.
    fn set_keys(&mut self, dataset: &Dataset, keys: Vec<Vec<KeyRow>>) {
        let names = |key: &KeyRow| key.columns.iter().map(|c| c.name.clone()).collect();
        for (group, keys) in self.groups.iter_mut().zip(&keys) {
            let primary = keys.iter().find(|key| !key.is_foreign);
            group.primary_key = primary.map(names).unwrap_or_default();
        }
        for (at, keys) in keys.into_iter().enumerate() {
            let mut foreign_keys = Vec::new();
            for key in keys.iter().filter(|key| key.is_foreign) {
                let Some(target) = &key.target else { continue };
                let referred = self
                    .group(target)
                    .map_or(&[][..], |group| &group.primary_key);
                let referenced = key.columns.iter();
                let referenced = referenced
                    .filter_map(|column| referred.get(column.position?.checked_sub(1)?))
                    .cloned();
                let references = dataset.table(target);
                foreign_keys.push(ForeignKey::new(
                    names(key),
                    references,
                    referenced.collect(),
                ));
            }
            sort(&mut foreign_keys);
            self.groups[at].foreign_keys = foreign_keys;
        }
    }

    fn group(&self, table: &str) -> Option<&Group> {
        self.group_of.get(table).map(|at| &self.groups[*at])
    }

    /// The columns of a table; none if the query lacks it.
    pub(super) fn columns(&self, table: &str) -> Option<&[Column]> {
        self.group(table).map(|group| &group.columns[..])
    }

    /// Whether the query returns all of such a table. It lacks external tables and the queries of materialized views.
    pub(super) fn has_all_of(&self, kind: TableKind) -> bool {
        match kind {
            TableKind::External | TableKind::MaterializedView => false,
            TableKind::View => !self.lacking.has(OptionalColumn::ViewDefinition),
            TableKind::Table | TableKind::Snapshot => true,
        }
    }

    /// A table, or a family's newest shard, by the query and the listing; none if the query lacks it.
    pub(super) fn table(
        &self,
        member: &str,
        listed: &TableResource,
        name: TableName,
    ) -> Option<Table> {
        let group = self.group(member)?;
        let mut table = listed.clone().into_table(name);
        table.columns.clone_from(&group.columns);
        table.primary_key.clone_from(&group.primary_key);
        table.foreign_keys.clone_from(&group.foreign_keys);
        table.description.clone_from(&group.description);
        table.description_source = table
            .description
            .as_ref()
            .map(|_| DescriptionSource::Warehouse);
        table.definition.clone_from(&group.definition);
        spell_as_columns(&mut table);
        bounds::fit(&mut table);
        Some(table)
    }

    /// Adds what the query doesn't tell from the known columns: a nested field is required if it was
    /// required before and has the same type.
    pub(super) fn complete(&self, columns: &mut [Column], known: &[Column]) {
        complete(columns, known, self.lacking, false);
    }

    /// The shards of a family from old to new, grouped by schema. A shard that is too new for the query
    /// counts as the one before it.
    pub(super) fn runs(&self, family: &Family) -> Vec<ShardRun> {
        let mut runs: Vec<ShardRun> = Vec::new();
        let mut at = None;
        for suffix in &family.suffixes {
            let group = self.group_of.get(&family.member(suffix)).copied().or(at);
            match runs.last_mut().filter(|_| group == at) {
                Some(run) => {
                    run.last.clone_from(suffix);
                    run.count += 1;
                }
                None => {
                    let Some(group) = group else { continue };
                    runs.push(ShardRun {
                        first: suffix.clone(),
                        last: suffix.clone(),
                        count: 1,
                        columns: self.groups[group].columns.clone(),
                    });
                }
            }
            at = group;
        }
        runs
    }
}

/// The tables of a row, what they are equal in, and their keys.
fn parse_row(row: &Row) -> anyhow::Result<(Vec<String>, Group, Vec<KeyRow>)> {
    let [columns, description, keys, tables, query] = row.cells().context("five cells per row")?;
    let tables: Vec<String> = json(tables.context("tables")?)?;
    let columns: Vec<ColumnRow> = json(columns.context("columns")?)?;
    let columns = columns.into_iter().map(ColumnRow::into_column);
    let columns: anyhow::Result<Vec<Column>> = columns.collect();
    let first = tables.first().cloned().unwrap_or_default();
    let group = Group {
        columns: columns.context(first)?,
        description: description
            .map(unquote)
            .filter(|text| !text.trim().is_empty()),
        primary_key: Vec::new(),
        foreign_keys: Vec::new(),
        definition: query.and_then(Definition::read),
    };
    let keys = match keys {
        Some(text) => json(text)?,
        None => Vec::new(),
    };
    Ok((tables, group, keys))
}

/// A value of `INFORMATION_SCHEMA` that is absent as null, as nothing, or as the text NULL.
fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty() && text != "NULL")
}

impl ColumnRow {
    fn into_column(self) -> anyhow::Result<Column> {
        let mut column = parse_column(&self.name, &self.data_type)?;
        if !self.nullable && column.mode == Mode::Nullable {
            column.mode = Mode::Required;
        }
        column.default = filled(self.filled);
        for row in self.paths.unwrap_or_default() {
            let Some(found) = find(&mut column, &row.path) else {
                continue;
            };
            found.policy_tags = row.tags.unwrap_or_default();
            found.collation = filled(row.collated).or(found.collation.take());
            let rounding = filled(row.rounding);
            found.rounding_mode = rounding.filter(|mode| mode != "ROUNDING_MODE_UNSPECIFIED");
            found.description = row.text.filter(|text| !text.trim().is_empty());
            found.description_source = found
                .description
                .as_ref()
                .map(|_| DescriptionSource::Warehouse);
        }
        Ok(column)
    }
}

fn complete(columns: &mut [Column], known: &[Column], lacking: LackingNow, is_nested: bool) {
    let known: HashMap<&str, &Column> = known
        .iter()
        .map(|column| (column.name.as_str(), column))
        .collect();
    for column in columns {
        let Some(known) = known.get(column.name.as_str()) else {
            continue;
        };
        if is_nested
            && (column.mode, known.mode) == (Mode::Nullable, Mode::Required)
            && column.data_type == known.data_type
        {
            column.mode = Mode::Required;
        }
        for kept in OptionalColumn::ALL
            .into_iter()
            .filter(|it| lacking.has(*it))
        {
            match kept {
                OptionalColumn::PolicyTags => column.policy_tags.clone_from(&known.policy_tags),
                OptionalColumn::Collation => column.collation.clone_from(&known.collation),
                OptionalColumn::RoundingMode => {
                    column.rounding_mode.clone_from(&known.rounding_mode);
                }
                OptionalColumn::Default => column.default.clone_from(&known.default),
                // Of a table, not of a column.
                OptionalColumn::ViewDefinition => {}
            }
        }
        complete(&mut column.fields, &known.fields, lacking, true);
    }
}

fn find<'a>(column: &'a mut Column, path: &str) -> Option<&'a mut Column> {
    let mut found = column;
    for name in path.split('.').skip(1) {
        found = found.fields.iter_mut().find(|field| field.name == name)?;
    }
    Some(found)
}

fn json<'a, T: Deserialize<'a>>(text: &'a str) -> anyhow::Result<T> {
    Ok(serde_json::from_str(text)?)
}

/// The text of a quoted literal: `INFORMATION_SCHEMA` returns options as SQL literals.
fn unquote(literal: &str) -> String {
    let inside = ['"', '\'']
        .iter()
        .find_map(|quote| literal.strip_prefix(*quote)?.strip_suffix(*quote));
    let Some(inside) = inside else {
        return literal.to_owned();
    };
    let mut text = String::with_capacity(inside.len());
    let mut rest = inside.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            text.push(c);
            continue;
        }
        let code = |rest: &mut std::str::Chars<'_>, digits| {
            let number: String = rest.by_ref().take(digits).collect();
            u32::from_str_radix(&number, 16)
                .ok()
                .and_then(char::from_u32)
        };
        let escaped = match rest.next() {
            Some('n') => Some('\n'),
            Some('t') => Some('\t'),
            Some('r') => Some('\r'),
            Some('b') => Some('\u{8}'),
            Some('f') => Some('\u{c}'),
            Some('a') => Some('\u{7}'),
            Some('v') => Some('\u{b}'),
            Some('x' | 'X') => code(&mut rest, 2),
            Some('u') => code(&mut rest, 4),
            Some('U') => code(&mut rest, 8),
            Some(first @ '0'..='3') => {
                let number: String = std::iter::once(first)
                    .chain(rest.by_ref().take(2))
                    .collect();
                u32::from_str_radix(&number, 8)
                    .ok()
                    .and_then(char::from_u32)
            }
            other => other,
        };
        text.extend(escaped);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_is_parsed_as_a_literal() {
        for (literal, text) in [
            (r#""plain""#, "plain"),
            (r#""a \"quoted\" word""#, "a \"quoted\" word"),
            (r"'it\'s'", "it's"),
            (r#""two\nlines\\""#, "two\nlines\\"),
            (r#""\u00e9\x41\U0001F600\101""#, "éA😀A"),
            (r#""\u12""#, "\u{12}"),
            ("unquoted", "unquoted"),
            ("\"", "\""),
        ] {
            assert_eq!(unquote(literal), text);
        }
    }
}
