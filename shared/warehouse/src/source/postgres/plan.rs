//! Plans a query with `explain`, without running it.

use platform::postgres::Pool;
use platform::postgres::types::Type;
use schema::document::{Column, How, Mode, Verified};
use serde_json::Value;
use tokio_postgres::{Statement, Transaction};

use super::{locks, rejection};
use crate::error::SourceError;
use crate::observer::Observer;
use crate::source::Plan;
use crate::source::Planned;

/// Planning evaluates constant expressions, which may be expensive. Literals must mean to Postgres what
/// they mean to the checks before it.
const SETTINGS: &str = "set local statement_timeout = '3s';
                        set local lock_timeout = '2s';
                        set local standard_conforming_strings = on";

/// Runs `explain` in a read-only transaction that is rolled back. `prepare` comes first: it accepts a
/// single statement only, and returns the columns of its result.
pub(super) async fn plan(
    pool: &Pool,
    sql: &str,
    observer: &dyn Observer,
) -> Result<Plan, SourceError> {
    if sql.contains('\0') {
        return Ok(Plan::rejected("it contains a NUL character"));
    }
    // Not returned to the pool: the driver caches prepared type lookups, which behind a pooler are gone
    // after the transaction.
    let mut client = pool.get().await?;
    client.close_when_dropped();
    let db = client.build_transaction().read_only(true).start().await?;
    observer.request();
    let plan = explain(&db, sql).await;
    // A pooler keeps the connection, and prepared statements outlive a rollback.
    db.batch_execute("rollback; deallocate all").await?;
    match plan {
        Ok(plan) => Ok(plan),
        Err(error) => rejection::rejected(&db, error, sql).await,
    }
}

async fn explain(db: &Transaction<'_>, sql: &str) -> Result<Plan, tokio_postgres::Error> {
    db.batch_execute(SETTINGS).await?;
    // The driver looks up the types of the result, whose locks would be taken for those of the query.
    db.batch_execute("savepoint planning").await?;
    #[expect(
        clippy::disallowed_methods,
        reason = "within one transaction a pooler uses one connection"
    )]
    let statement = db.prepare(sql).await?;
    if !statement.params().is_empty() {
        return Ok(Plan::rejected("it has parameters: replace them by values"));
    }
    if statement.columns().is_empty() {
        return Ok(Plan::rejected("it is not a query: it returns no rows"));
    }
    db.batch_execute("rollback to savepoint planning").await?;
    let row = db
        .query_typed_one(&format!("explain (verbose, format json) {sql}"), &[])
        .await?;
    let explained: Value = row.try_get(0)?;
    let locked = locks::locked(db).await?;
    let reads = locks::reads(db, &locked).await?;
    if writes(&explained) {
        return Ok(Plan::rejected(
            "it writes or locks rows: only queries that read are planned",
        ));
    }

    if reveals(db, &statement, sql, &locked).await? {
        return Ok(Plan::rejected(
            "its result has columns that the role of WAREHOUSE_URL may not read: name the columns of a row \
             type instead of `.*`",
        ));
    }
    // The names of types include their schema, as those of columns do.
    db.batch_execute("set local search_path = pg_catalog")
        .await?;
    let types: Vec<u32> = statement
        .columns()
        .iter()
        .map(|it| it.type_().oid())
        .collect();
    let modifiers: Vec<i32> = statement
        .columns()
        .iter()
        .map(tokio_postgres::Column::type_modifier)
        .collect();
    let names = db
        .query_typed(
            include_str!("result_types.sql"),
            &[(&types, Type::OID_ARRAY), (&modifiers, Type::INT4_ARRAY)],
        )
        .await?;
    let columns = statement.columns().iter().zip(&names).map(|(column, row)| {
        let name: &str = row.try_get("name")?;
        let (data_type, mode) = match name.strip_suffix("[]") {
            Some(element) => (element, Mode::Repeated),
            None => (name, Mode::Nullable),
        };
        Ok(Column {
            mode,
            ..Column::leaf(column.name(), data_type)
        })
    });
    Ok(Plan::Accepted(Planned {
        verified: Verified {
            how: How::DryRun,
            at: jiff::Timestamp::now(),
            // A plan estimates pages and rows, but no bytes.
            bytes_processed: None,
            columns: columns.collect::<Result<_, tokio_postgres::Error>>()?,
        },
        reads,
        calls_routines: false,
    }))
}

/// Whether the names of the result reveal a column that the role may not read. Postgres checks the columns of
/// tables itself, and those that the query names are known to whoever wrote it.
async fn reveals(
    db: &Transaction<'_>,
    statement: &Statement,
    sql: &str,
    locked: &[u32],
) -> Result<bool, tokio_postgres::Error> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    let words = sql.split(|c| !is_part(c)).filter(|word| !word.is_empty());
    let words: Vec<String> = words
        .flat_map(|word| [word.to_owned(), word.to_lowercase()])
        .collect();
    let is_written = |name: &str| {
        let quoted = format!("\"{}\"", name.replace('"', "\"\""));
        words.iter().any(|word| word == name) || sql.contains(&quoted)
    };
    let columns = statement.columns().iter();
    let names: Vec<&str> = columns
        .filter(|column| column.table_oid().is_none_or(|table| table == 0))
        .map(tokio_postgres::Column::name)
        .filter(|name| !is_written(name))
        .collect();
    if names.is_empty() {
        return Ok(false);
    }
    let row = db
        .query_typed_one(
            include_str!("result_names.sql"),
            &[
                (&names, Type::TEXT_ARRAY),
                (&words, Type::TEXT_ARRAY),
                (&locked, Type::OID_ARRAY),
            ],
        )
        .await?;
    row.try_get("reveals")
}

/// Whether the plan writes or locks rows: `explain` also plans writes, even in a read-only transaction.
fn writes(plan: &Value) -> bool {
    match plan {
        Value::Object(node) => {
            node.get("Node Type")
                .is_some_and(|kind| kind == "ModifyTable" || kind == "LockRows")
                || node.values().any(writes)
        }
        Value::Array(nodes) => nodes.iter().any(writes),
        _ => false,
    }
}
