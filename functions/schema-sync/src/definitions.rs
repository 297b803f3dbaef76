//! The queries of views: resolved against the schema, without personal data, and cut to the limit of a document.

mod masked;

use std::cell::LazyCell;
use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use ground::{Fault, FaultKind, Grounded, Schema};
use platform::Result;
use schema::Dialect;
use schema::bounds;
use schema::diff;
use schema::document::{Definition, Document, Problem, Source, Table};
use tokio::runtime::Handle;

use crate::grounding::schema_of;
use crate::head::apart;

use masked::masked;

/// The tables of a sync and those of the last one, with the problems of their queries.
pub struct Resolved {
    pub tables: Vec<Table>,
    pub before: Option<Document>,
    pub problems: Vec<Problem>,
}

/// Removes each definition that names anything unknown: a view may read what the user of the warehouse, or the
/// document, does not have. `before` is the last sync, whose definitions are those of views that could not be read or
/// checked now.
pub async fn resolve(
    tables: Vec<Table>,
    before: Option<Document>,
    source: &Source,
) -> Result<Resolved> {
    let mut resolved = Resolved {
        tables,
        before,
        problems: Vec::new(),
    };
    if resolved.tables.iter().all(|it| it.definition.is_none()) {
        return Ok(resolved);
    }
    let (source, runtime) = (source.clone(), Handle::current());
    let work = move || {
        let check =
            |sql: &str, schema: &Schema<'_>| runtime.block_on(ground::sql_in_time(sql, schema));
        let before = resolved.before.as_ref().map_or(&[][..], |it| &it.tables);
        let (definitions, problems) = definitions(&resolved.tables, before, &source, check);
        for (table, definition) in resolved.tables.iter_mut().zip(definitions) {
            table.definition = definition;
        }
        resolved.problems = problems;
        resolved
    };
    apart(work).await
}

/// The definition of each table, by a check of a query against the schema.
fn definitions(
    tables: &[Table],
    before: &[Table],
    source: &Source,
    check: impl Fn(&str, &Schema<'_>) -> Result<Grounded, Vec<Fault>>,
) -> (Vec<Option<Definition>>, Vec<Problem>) {
    let known = before.iter().map(|table| (table.name.as_str(), table));
    let known: HashMap<&str, &Table> = known.collect();
    let broken = LazyCell::new(|| {
        let changes = diff::tables(before, tables).into_iter();
        let changes = changes.filter(|change| change.breaking);
        changes.map(|change| change.table).collect()
    });
    let is_broken = |definition: &Definition| {
        let broken: &HashSet<String> = &broken;
        definition.tables.iter().any(|name| broken.contains(name))
    };
    let schema = schema_of(tables, source);
    let mut problems = Vec::new();
    let definitions = tables.iter().map(|table| {
        let read = table.definition.as_ref()?;
        let known = known.get(table.name.as_str());
        let known = known.and_then(|it| it.definition.as_ref());
        // What is known is masked and cut, so that it may not resolve again.
        if Some(read) != known {
            // A fault of the program in one query doesn't fail the sync of all tables.
            let check = || checked(read, check(&read.sql, &schema), source.dialect);
            match catch_unwind(AssertUnwindSafe(check)).unwrap_or_else(|_| Err(panicked())) {
                Ok(definition) => return definition,
                Err(Left::Unmasked(reason)) => {
                    problems.push(unmasked(table, &reason));
                    return None;
                }
                Err(Left::Unchecked(faults)) => problems.push(unchecked(table, &faults)),
            }
        }
        known.filter(|it| !is_broken(it)).cloned()
    });
    (definitions.collect(), problems)
}

/// Why the document does not have the definition, although no identifier in it is known to be wrong.
enum Left {
    /// The query could not be checked. The faults say nothing about it, so a known one stays.
    Unchecked(Vec<Fault>),
    /// The query can't be masked, for this reason.
    Unmasked(String),
}

/// The definition as the document has it, or none if the query doesn't fit the schema.
fn checked(
    read: &Definition,
    grounded: Result<Grounded, Vec<Fault>>,
    dialect: Dialect,
) -> Result<Option<Definition>, Left> {
    let tables = match grounded {
        Ok(grounded) => grounded.tables,
        Err(faults) if ground::is_inconclusive(&faults) => return Err(Left::Unchecked(faults)),
        Err(_) => return Ok(None),
    };
    let mut definition = Definition {
        sql: masked(&read.sql, dialect).map_err(Left::Unmasked)?,
        tables,
        cut: false,
    };
    bounds::fit_definition(&mut definition);
    Ok(Some(definition))
}

fn panicked() -> Left {
    Left::Unchecked(vec![Fault {
        kind: FaultKind::Unchecked,
        identifier: String::new(),
        reason: "the check panicked".to_owned(),
    }])
}

fn unmasked(table: &Table, reason: &str) -> Problem {
    let detail = format!(
        "the query of the view is left out, because it can't be masked ({reason}): shorten or split the query"
    );
    Problem::of_table(&table.parts, detail)
}

fn unchecked(table: &Table, faults: &[Fault]) -> Problem {
    let detail = format!(
        "the query of the view is not checked ({}), so one that is known stays until the next sync",
        ground::reasons(faults)
    );
    Problem::of_table(&table.parts, detail)
}

#[cfg(test)]
mod tests {
    use schema::document::{Column, SourceKind, TableKind};

    use super::*;

    fn view(name: &str, sql: &str) -> Table {
        let mut view = Table::new(["db", "shop", name], TableKind::View);
        view.definition = Definition::read(sql);
        view
    }

    fn source() -> Source {
        Source {
            kind: SourceKind::Postgres,
            dialect: Dialect::Postgres,
            datasets: vec!["db.shop".to_owned()],
            extensions: None,
        }
    }

    #[test]
    fn a_panic_in_the_check_of_one_view_leaves_the_other_views() {
        let tables = [view("bad", "select 1"), view("good", "select 2")];
        let now = [view("bad", "select 3"), view("good", "select 2")];
        let (found, problems) = definitions(&now, &tables[..1], &source(), |sql, schema| {
            assert_ne!(sql, "select 3");
            ground::sql(sql, schema)
        });
        // The known query of the one, and the new one of the other.
        assert_eq!(found, [0, 1].map(|at| tables[at].definition.clone()));
        let [problem] = &problems[..] else {
            panic!("{problems:?}");
        };
        assert_eq!(problem.subject, "db.shop.bad");
        assert!(problem.detail.contains("is not checked"), "{problem:?}");
    }

    #[test]
    fn a_view_whose_query_can_not_be_masked_is_left_without_one_and_reported_with_the_reason() {
        let alternatives: String = (0..400).map(|n| format!("c{n}, 'x{n}', ")).collect();
        let columns: String = (0..400).map(|n| format!("'' as c{n}, ")).collect();
        let sql =
            format!("select coalesce({alternatives}'x') as y from (select {columns} 1 as z) t");
        let tables = [view("long", &sql), view("good", "select 2")];
        let (found, problems) = definitions(&tables, &[], &source(), ground::sql);
        assert_eq!(found, [None, tables[1].definition.clone()]);
        let [problem] = &problems[..] else {
            panic!("{problems:?}");
        };
        assert_eq!(problem.subject, "db.shop.long");
        let reason = "more than 100000 pairs of names and literals";
        assert!(problem.detail.contains(reason), "{problem:?}");
    }

    #[test]
    fn a_view_whose_query_could_not_be_checked_keeps_the_known_one_unless_a_table_of_it_breaks() {
        let source = source();
        let tables = |column: &str, sql: &str, read: &[&str]| {
            let mut orders = Table::new(["db", "shop", "orders"], TableKind::Table);
            orders.columns = vec![Column::leaf(column, "integer")];
            let mut view = view("big", sql);
            view.definition = view.definition.map(|it| Definition {
                tables: read.iter().map(|&name| name.to_owned()).collect(),
                ..it
            });
            vec![orders, view]
        };
        let before = tables("id", "select id from shop.orders", &["db.shop.orders"]);
        let kept = before[1].definition.clone();
        for (kind, column, expected, is_told) in [
            (FaultKind::TimedOut, "id", &kept, true),
            (FaultKind::Unchecked, "id", &kept, true),
            (FaultKind::Unchecked, "number", &None, true),
            (FaultKind::Column, "id", &None, false),
            (FaultKind::Syntax, "id", &None, false),
        ] {
            let now = tables(column, "select 1 as id from shop.orders", &[]);
            let fault = Fault {
                kind,
                identifier: String::new(),
                reason: "it takes too long".to_owned(),
            };
            let (found, problems) =
                definitions(&now, &before, &source, |_, _| Err(vec![fault.clone()]));
            assert_eq!(found, [None, expected.clone()], "{kind:?} {column}");
            let told: Vec<&str> = problems.iter().map(|it| it.subject.as_str()).collect();
            let views: &[&str] = if is_told { &["db.shop.big"] } else { &[] };
            assert_eq!(told, views, "{problems:?}");
        }
    }
}
