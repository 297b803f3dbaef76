//! Schemas and tables that are not read, and why.

use std::collections::{BTreeMap, BTreeSet};

use schema::Dialect;
use schema::document::Problem;
use schema::name::dataset_id;
use schema::render::identifier;
use tokio_postgres::Row;

use super::relation::Relation;
use super::text::Text;
use crate::error::SourceError;
use crate::source::Unread;

/// A schema or table that is not read, and why.
pub(super) struct Omission {
    pub(super) what: Unread,
    /// False for a named schema that does not exist.
    pub(super) exists: bool,
    /// False for a schema that the role may not use, that the URL does not name and that has no known
    /// tables.
    pub(super) is_reported: bool,
    pub(super) problem: Problem,
}

pub(super) fn missing_schemas(
    named: &[String],
    database: &str,
    role: &str,
    place: &Row,
) -> Result<Vec<Omission>, tokio_postgres::Error> {
    let schemas = |column| -> Result<Vec<String>, tokio_postgres::Error> {
        let names: Vec<Text> = place.try_get(column)?;
        Ok(names.into_iter().filter_map(Text::valid).collect())
    };
    let (existing, usable) = (schemas("existing")?, schemas("usable")?);
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
pub(super) fn unreadable(
    relations: &[Relation],
    role: &str,
    expected: &BTreeSet<&str>,
) -> Vec<Omission> {
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

pub(super) fn nothing_to_read(omitted: &[Omission]) -> SourceError {
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
