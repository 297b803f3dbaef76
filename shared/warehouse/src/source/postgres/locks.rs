//! The tables that a planned query reads, by the locks that Postgres took for them.
//!
//! A plan lacks the tables that the planner eliminated, and views. A lock is taken for every table that a
//! query names, and for what its views read, and kept until the transaction ends.

use platform::postgres::types::Type;
use schema::name::TableName;
use schema::read::Read;
use tokio_postgres::Transaction;

/// Reads the locks of this transaction. It names no table, because it would lock it.
const LOCKED: &str = "select coalesce(array_agg(distinct relation), '{}') as relations
     from pg_lock_status()
     where locktype = 'relation' and pid = pg_backend_pid()";

/// The relations that the transaction has locked.
pub(super) async fn locked(db: &Transaction<'_>) -> Result<Vec<u32>, tokio_postgres::Error> {
    let row = db.query_typed_one(LOCKED, &[]).await?;
    row.try_get("relations")
}

/// The tables, views and sequences among the locked relations.
pub(super) async fn reads(
    db: &Transaction<'_>,
    locked: &[u32],
) -> Result<Vec<Read>, tokio_postgres::Error> {
    let rows = db
        .query_typed(include_str!("locked.sql"), &[(&locked, Type::OID_ARRAY)])
        .await?;
    rows.iter()
        .map(|row| {
            let database: String = row.try_get("database")?;
            let schema: Option<String> = row.try_get("partition_schema")?;
            let partition: Option<String> = row.try_get("partition")?;
            Ok(Read {
                partition: schema
                    .zip(partition)
                    .map(|(schema, name)| TableName::new(&*database, schema, name)),
                table: TableName::new(
                    &*database,
                    row.try_get::<_, String>("schema")?,
                    row.try_get::<_, String>("name")?,
                ),
                is_beneath: row.try_get("is_beneath")?,
            })
        })
        .collect()
}
