#![doc = include_str!("../README.md")]

use platform::postgres::types::Type;
use tokio_postgres::{Error, Row, Transaction};
use uuid::Uuid;

/// The row that says how far a roll-up has come.
#[derive(Clone, Copy, Debug)]
pub struct Watermark {
    table: &'static str,
    name: &'static str,
}

/// How far rows are rolled up: all rows of the transactions before `xid`, and of `xid` itself, if it was too
/// large for one run, the rows with an id up to `after_id`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    pub xid: i64,
    /// Nil if no row of `xid` is rolled up.
    pub after_id: Uuid,
}

impl Position {
    /// After all transactions before this one.
    pub fn before(xid: i64) -> Self {
        let after_id = Uuid::nil();
        Self { xid, after_id }
    }
}

/// The transactions that are running, as one snapshot sees them.
#[derive(Clone, Copy, Debug)]
pub struct Horizon {
    /// The oldest running transaction. Rows of the transactions before it are complete.
    pub xid: i64,
    /// The id that the next transaction gets.
    next_xid: i64,
}

impl Horizon {
    /// Takes a new snapshot. Call it after the watermark is locked.
    pub async fn read(db: &Transaction<'_>) -> Result<Self, Error> {
        let row = db
            .query_typed_one(
                "select pg_snapshot_xmin(snapshot)::text::int8 as xid,
                        pg_snapshot_xmax(snapshot)::text::int8 as next_xid
                 from pg_current_snapshot() as snapshot",
                &[],
            )
            .await?;
        Ok(Self {
            xid: row.try_get("xid")?,
            next_xid: row.try_get("next_xid")?,
        })
    }
}

/// A watermark that is locked until the end of the transaction.
#[derive(Clone, Copy, Debug)]
pub struct Locked {
    /// None if the database was restored into another cluster since.
    pub position: Option<Position>,
    /// The age of `as_of` in seconds.
    pub lag_seconds: Option<f64>,
}

impl Locked {
    fn of(row: &Row) -> Result<Self, Error> {
        let position = Position {
            xid: row.try_get("xid")?,
            after_id: row.try_get("after_id")?,
        };
        let is_of_cluster: bool = row.try_get("is_of_cluster")?;
        Ok(Self {
            position: is_of_cluster.then_some(position),
            lag_seconds: row.try_get("lag_seconds")?,
        })
    }
}

impl Watermark {
    /// The table with its schema, and the `name` of the row. Both become part of statements, so they must be
    /// constants.
    pub const fn new(table: &'static str, name: &'static str) -> Self {
        Self { table, name }
    }

    /// Locks the watermark for a run. None if another transaction has it.
    pub async fn try_lock(&self, db: &Transaction<'_>) -> Result<Option<Locked>, Error> {
        let select = self.select("for update skip locked");
        let row = db
            .query_typed_opt(&select, &[(&self.name, Type::TEXT)])
            .await?;
        row.as_ref().map(Locked::of).transpose()
    }

    /// Waits for the lock, so that no run reads or writes until the end of the transaction.
    pub async fn lock(&self, db: &Transaction<'_>) -> Result<Locked, Error> {
        let select = self.select("for update");
        let row = db
            .query_typed_one(&select, &[(&self.name, Type::TEXT)])
            .await?;
        Locked::of(&row)
    }

    fn select(&self, lock: &'static str) -> String {
        let table = self.table;
        format!(
            "select xid::text::int8 as xid, after_id,
                    cluster = (select system_identifier from pg_control_system()) as is_of_cluster,
                    extract(epoch from now() - as_of)::float8 as lag_seconds
             from {table}
             where name = $1
             {lock}"
        )
    }

    /// Moves the watermark, which the transaction has locked, and makes it one of this cluster.
    pub async fn advance(
        &self,
        db: &Transaction<'_>,
        to: Position,
        horizon: Horizon,
    ) -> Result<(), Error> {
        let table = self.table;
        let is_at_horizon = to == Position::before(horizon.xid);
        db.execute_typed(
            &format!(
                "update {table}
                 set xid = $2::text::xid8,
                     after_id = $3,
                     cluster = (select system_identifier from pg_control_system()),
                     as_of = case
                         when not $4 then as_of
                         when $5 = $6 then now()
                         when $5::text::xid8 >= next_xid then next_at
                         else as_of
                     end,
                     next_xid = case when {is_reached} then $6::text::xid8 else next_xid end,
                     next_at = case when {is_reached} then now() else next_at end
                 where name = $1",
                is_reached = "($5::text::xid8 >= next_xid
                     or cluster <> (select system_identifier from pg_control_system()))",
            ),
            &[
                (&self.name, Type::TEXT),
                (&to.xid.to_string(), Type::TEXT),
                (&to.after_id, Type::UUID),
                (&is_at_horizon, Type::BOOL),
                (&horizon.xid.to_string(), Type::TEXT),
                (&horizon.next_xid.to_string(), Type::TEXT),
            ],
        )
        .await?;
        Ok(())
    }

    /// Whether all rows of the transactions up to `xid`, inclusive, are rolled up.
    pub async fn has_passed(&self, db: &Transaction<'_>, xid: &str) -> Result<bool, Error> {
        let table = self.table;
        let row = db
            .query_typed_opt(
                &format!(
                    "select xid > $2::text::xid8
                            and cluster = (select system_identifier from pg_control_system())
                     from {table}
                     where name = $1"
                ),
                &[(&self.name, Type::TEXT), (&xid, Type::TEXT)],
            )
            .await?;
        row.map_or(Ok(false), |row| row.try_get(0))
    }
}
