//! Reads the catalog: the tables, and what the role may not read.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use platform::postgres::Pool;
use platform::postgres::types::Type;
use schema::Dialect;
use schema::bounds;
use schema::document::{DescriptionSource, ForeignKey, Partitioning, Problem, Table, TableKind};
use schema::name::dataset_id;
use schema::render::identifier;
use tokio_postgres::{IsolationLevel, Row};

use super::columns::Columns;
use crate::error::SourceError;
use crate::observer::Observer;
use crate::source::{Reading, Unread};

/// Type names include their schema, whatever the role's search path is. The queries are too short to
/// compile.
const SETTINGS: &str = "
    set local search_path = pg_catalog;
    set local statement_timeout = '60s';
    set local lock_timeout = '5s';
    set local jit = off";

pub(super) async fn read(
    pool: &Pool,
    schemas: Option<&[String]>,
    known: &[Table],
    observer: &dyn Observer,
) -> Result<Reading, SourceError> {
    let mut client = pool.get().await?;
    // One snapshot, so that a table that changes meanwhile is read consistently.
    let db = client
        .build_transaction()
        .isolation_level(IsolationLevel::RepeatableRead)
        .read_only(true)
        .start()
        .await?;
    db.batch_execute(SETTINGS).await?;

    let named = schemas.unwrap_or_default();
    observer.request();
    let place = db
        .query_typed_one(include_str!("schemas.sql"), &[(&named, Type::TEXT_ARRAY)])
        .await?;
    let database: String = place.try_get("database")?;
    let role: String = place.try_get("role")?;
    let mut omitted = missing_schemas(named, &database, &place)?;

    observer.request();
    let rows = db
        .query_typed(include_str!("tables.sql"), &[(&schemas, Type::TEXT_ARRAY)])
        .await?;
    let relations = rows
        .iter()
        .map(|row| Relation::from_row(&database, row))
        .collect::<Result<Vec<_>, _>>()?;
    let expected: BTreeSet<&str> = known.iter().map(Table::dataset).collect();
    for unread in unreadable(&relations, &role, &expected) {
        if omitted.iter().all(|it| it.what != unread.what) {
            omitted.push(unread);
        }
    }
    let relations: Vec<_> = relations.into_iter().filter(|it| it.readable).collect();
    if relations.is_empty() && !omitted.is_empty() {
        return Err(nothing_to_read(&omitted));
    }
    let oids: Vec<u32> = relations.iter().map(|relation| relation.oid).collect();

    observer.request();
    let types = db
        .query_typed(include_str!("types.sql"), &[(&oids, Type::OID_ARRAY)])
        .await?;
    let mut columns = Columns::of_types(&types)?;
    let with_columns = [&oids[..], &columns.relations()].concat();
    observer.request();
    let rows = db
        .query_typed(
            include_str!("columns.sql"),
            &[(&with_columns, Type::OID_ARRAY)],
        )
        .await?;
    columns.add(&rows)?;

    observer.request();
    let rows = db
        .query_typed(include_str!("keys.sql"), &[(&oids, Type::OID_ARRAY)])
        .await?;
    let mut keys = keys(&database, &rows)?;

    let trees = columns.trees(&oids);
    let tables = relations.into_iter().zip(trees).map(|(relation, tree)| {
        let mut table = relation.table;
        (table.columns, table.cut) = tree;
        if let Some(keys) = keys.remove(&relation.oid) {
            table.primary_key = keys.primary;
            table.foreign_keys = keys.foreign;
        }
        table
    });
    Ok(Reading {
        tables: tables.collect(),
        unread: omitted
            .iter()
            .filter(|it| it.exists)
            .map(|it| it.what.clone())
            .collect(),
        problems: omitted
            .into_iter()
            .filter(|it| it.is_reported)
            .map(|it| it.problem)
            .collect(),
        remedy: None,
    })
}

struct Relation {
    oid: u32,
    /// Whether the role may use its schema.
    usable: bool,
    readable: bool,
    /// `schema.table`, quoted if SQL needs it.
    quoted: String,
    table: Table,
}

impl Relation {
    fn from_row(database: &str, row: &Row) -> Result<Self, tokio_postgres::Error> {
        let schema: &str = row.try_get("schema")?;
        let name: &str = row.try_get("name")?;
        let kind = match row.try_get("kind")? {
            "v" => TableKind::View,
            "m" => TableKind::MaterializedView,
            "f" => TableKind::External,
            _ => TableKind::Table,
        };
        let mut table = Table::new([database, schema, name], kind);
        let description: Option<&str> = row.try_get("description")?;
        table.description = description.map(bounds::short);
        table.description_source = table
            .description
            .is_some()
            .then_some(DescriptionSource::Warehouse);
        table.set_size(whole(row.try_get("tuples")?), whole(row.try_get("bytes")?));
        let unit: Option<String> = row.try_get("partition_unit")?;
        let key: Option<String> = row.try_get("partition_key")?;
        table.partitioning = unit
            .zip(key)
            .map(|(unit, column)| Partitioning { column, unit });
        Ok(Self {
            oid: row.try_get("oid")?,
            usable: row.try_get("usable")?,
            readable: row.try_get("readable")?,
            quoted: row.try_get("quoted")?,
            table,
        })
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "estimates, never negative and far below 2^64"
)]
fn whole(estimate: Option<f64>) -> Option<u64> {
    estimate.map(|estimate| estimate.round() as u64)
}

/// A schema or table that is not read, and why.
struct Omission {
    what: Unread,
    /// False for a named schema that does not exist.
    exists: bool,
    /// False for a schema that the role may not use, that the URL does not name and that has no known
    /// tables.
    is_reported: bool,
    problem: Problem,
}

fn missing_schemas(
    named: &[String],
    database: &str,
    place: &Row,
) -> Result<Vec<Omission>, tokio_postgres::Error> {
    let existing: Vec<String> = place.try_get("existing")?;
    let usable: Vec<String> = place.try_get("usable")?;
    let role: &str = place.try_get("role")?;
    let missing = named.iter().filter(|name| !usable.contains(name));
    let omitted = missing.map(|name| {
        let exists = existing.contains(name);
        let detail = if exists {
            no_usage(name, role)
        } else {
            "the schema does not exist: correct `schemas` in WAREHOUSE_URL".to_owned()
        };
        let dataset = dataset_id(database, name);
        Omission {
            what: Unread::Dataset(dataset.clone()),
            exists,
            is_reported: true,
            problem: Problem::of_dataset(dataset, detail),
        }
    });
    Ok(omitted.collect())
}

fn no_usage(schema: &str, role: &str) -> String {
    let schema = identifier(schema, Dialect::Postgres);
    format!("{role} may not use the schema: grant usage on schema {schema} to {role}")
}

/// One entry for a schema without any readable table, or else one per unreadable table.
fn unreadable(relations: &[Relation], role: &str, expected: &BTreeSet<&str>) -> Vec<Omission> {
    let mut schemas: BTreeMap<&str, Vec<&Relation>> = BTreeMap::new();
    for relation in relations {
        let schema = relation.table.parts.dataset.as_str();
        schemas.entry(schema).or_default().push(relation);
    }
    let mut omitted = Vec::new();
    let mut unusable = Vec::new();
    for (schema, relations) in schemas {
        let dataset = relations[0].table.dataset();
        let whole = |is_reported: bool, detail: String| Omission {
            what: Unread::Dataset(dataset.to_owned()),
            exists: true,
            is_reported,
            problem: Problem::of_dataset(dataset, detail),
        };
        if relations.iter().all(|relation| !relation.usable) {
            unusable.push(whole(expected.contains(dataset), no_usage(schema, role)));
            continue;
        }
        if relations.iter().all(|relation| !relation.readable) {
            let detail = format!(
                "{role} may not read any of its tables ({}): grant select on them to {role}",
                relations.len()
            );
            omitted.push(whole(true, detail));
            continue;
        }
        let unreadable = relations.iter().filter(|relation| !relation.readable);
        omitted.extend(unreadable.map(|relation| {
            let detail = format!(
                "{role} may not read the table: grant select on {} to {role}",
                relation.quoted
            );
            Omission {
                what: Unread::Table(relation.table.name.clone()),
                exists: true,
                is_reported: true,
                problem: Problem::of_table(&relation.table.parts, detail),
            }
        }));
    }
    omitted.extend(unusable);
    omitted
}

fn nothing_to_read(omitted: &[Omission]) -> SourceError {
    let details: Vec<String> = omitted
        .iter()
        .map(|it| format!("{}: {}", it.problem.subject, it.problem.detail))
        .collect();
    let details = details.join("; ");
    if omitted.iter().any(|it| it.exists) {
        SourceError::Denied(details.into())
    } else {
        SourceError::NotFound(details)
    }
}

#[derive(Default)]
struct Keys {
    primary: Vec<String>,
    foreign: Vec<ForeignKey>,
}

fn keys(database: &str, rows: &[Row]) -> Result<HashMap<u32, Keys>, tokio_postgres::Error> {
    let mut keys: HashMap<u32, Keys> = HashMap::new();
    for row in rows {
        let of = keys.entry(row.try_get("relation")?).or_default();
        let columns = row.try_get("columns")?;
        if row.try_get("is_primary")? {
            of.primary = columns;
            continue;
        }
        let schema: &str = row.try_get("referenced_schema")?;
        let table: &str = row.try_get("referenced_table")?;
        of.foreign.push(ForeignKey::new(
            columns,
            [database, schema, table],
            row.try_get("referenced_columns")?,
        ));
    }
    Ok(keys)
}
