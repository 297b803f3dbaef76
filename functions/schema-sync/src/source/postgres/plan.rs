//! Has Postgres plan a query without running it.

use serde_json::Value;
use shared::postgres::types::Type;
use shared::postgres::{Client, Pool, is_unavailable};
use tokio_postgres::Transaction;
use tokio_postgres::error::ErrorPosition;

use super::{Plan, Run, SourceError};
use crate::document::{Column, How, Mode, Verified};

/// `explain` in a read-only transaction that is rolled back. The query goes through `prepare`
/// first, which takes one statement only and tells the columns of its result.
pub(super) async fn plan(pool: &Pool, sql: &str, run: &Run) -> Result<Plan, SourceError> {
    if sql.contains('\0') {
        return Ok(Plan::Rejected("a NUL character".to_owned()));
    }
    // Not given back: the driver keeps what it prepared to look types up, and behind a pooler that
    // is gone with the transaction.
    let mut client = Client::take(pool.get().await?);
    let db = client.build_transaction().read_only(true).start().await?;
    run.count_request();
    let plan = explain(&db, sql).await;
    // A pooler keeps the connection, and prepared statements outlive a rollback.
    db.batch_execute("rollback; deallocate all").await?;
    match plan {
        Ok(plan) => Ok(plan),
        Err(error) => refused(error, sql),
    }
}

async fn explain(db: &Transaction<'_>, sql: &str) -> Result<Plan, tokio_postgres::Error> {
    db.batch_execute("set local statement_timeout = '10s'; set local lock_timeout = '2s'")
        .await?;
    #[expect(
        clippy::disallowed_methods,
        reason = "within one transaction a pooler keeps to one connection"
    )]
    let statement = db.prepare(sql).await?;
    if !statement.params().is_empty() {
        return Ok(Plan::Rejected(
            "it has parameters: write values in their place".to_owned(),
        ));
    }
    if statement.columns().is_empty() {
        return Ok(Plan::Rejected(
            "it is no query: it returns no rows".to_owned(),
        ));
    }
    let row = db
        .query_typed_one(&format!("explain (format json) {sql}"), &[])
        .await?;
    let explained: Value = row.try_get(0)?;
    if writes(&explained) {
        return Ok(Plan::Rejected(
            "it writes: only queries that read are planned".to_owned(),
        ));
    }

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
            "select format_type(type, modifier) as name
             from unnest($1::oid[], $2::int4[]) with ordinality as result (type, modifier, place)
             order by place",
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
            name: column.name().to_owned(),
            data_type: data_type.to_owned(),
            mode,
            description: None,
            description_source: None,
            policy_tags: Vec::new(),
            fields: Vec::new(),
        })
    });
    Ok(Plan::Accepted(Verified {
        how: How::DryRun,
        at: jiff::Timestamp::now(),
        // The plan counts pages of some nodes and rows of others, and bytes of none.
        bytes_processed: None,
        columns: columns.collect::<Result<_, tokio_postgres::Error>>()?,
    }))
}

/// `explain` plans a write as well, even in a read-only transaction, since it does not run it.
fn writes(plan: &Value) -> bool {
    match plan {
        Value::Object(node) => {
            node.get("Node Type")
                .is_some_and(|kind| kind == "ModifyTable")
                || node.values().any(writes)
        }
        Value::Array(nodes) => nodes.iter().any(writes),
        _ => false,
    }
}

/// The query's own fault, unless the warehouse was at fault.
fn refused(error: tokio_postgres::Error, sql: &str) -> Result<Plan, SourceError> {
    let Some(db) = error.as_db_error().filter(|_| !is_unavailable(&error)) else {
        return Err(error.into());
    };
    let mut text = db.message().to_owned();
    if let Some(ErrorPosition::Original(position)) = db.position() {
        let before: Vec<char> = sql
            .chars()
            .take((*position as usize).saturating_sub(1))
            .collect();
        let line = before
            .iter()
            .filter(|&&character| character == '\n')
            .count()
            + 1;
        let column = before.iter().rev().take_while(|&&it| it != '\n').count() + 1;
        text += &format!(" at line {line}, column {column}");
    }
    if let Some(hint) = db.hint() {
        text += &format!(" ({hint})");
    }
    Ok(Plan::Rejected(text))
}
