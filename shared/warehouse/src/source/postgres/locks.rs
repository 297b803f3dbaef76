//! The tables that a planned query reads, by the locks that Postgres took for them.
//!
//! A plan lacks the tables that the planner eliminated, and views. A lock is taken for every table that a
//! query names, and for what its views read, and kept until the transaction ends.

use platform::postgres::types::Type;
use schema::name::TableName;
use tokio_postgres::Transaction;

/// Reads the locks of this transaction. It names no table, because it would lock it.
const LOCKED: &str = "select coalesce(array_agg(distinct relation), '{}') as relations
     from pg_lock_status()
     where locktype = 'relation' and pid = pg_backend_pid()";

/// The tables, views and sequences that the transaction has locked; for a partition, its partitioned table.
pub(super) async fn reads(db: &Transaction<'_>) -> Result<Vec<TableName>, tokio_postgres::Error> {
    let locked: Vec<u32> = db
        .query_typed_one(LOCKED, &[])
        .await?
        .try_get("relations")?;
    let rows = db
        .query_typed(
            "select distinct current_database()::text as database,
                    schema.nspname::text as schema,
                    root.relname::text as name
             from pg_class as class
             join pg_class as root on root.oid = coalesce(pg_partition_root(class.oid), class.oid)
             join pg_namespace as schema on schema.oid = root.relnamespace
             where class.oid = any ($1) and class.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
             order by schema, name",
            &[(&locked, Type::OID_ARRAY)],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(TableName::new(
                row.try_get::<_, String>("database")?,
                row.try_get::<_, String>("schema")?,
                row.try_get::<_, String>("name")?,
            ))
        })
        .collect()
}
