//! A month grows old: it is closed, written to the store in parts, each read back and compared, and
//! dropped from the database when all of it was.
//!
//! What is done is written down after it happened, so a run that is killed anywhere leaves a state
//! from which the next one goes on: a part that was not verified is thrown away and made again.

pub mod file;
mod part;

use std::time::{Duration, Instant};

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};
use message_log::months;
use platform::Result;
use platform::postgres::scoped::{self as db, Scope};
use platform::postgres::types::Type;
use platform::telemetry::{Unit, figure};
use robeing::ROBEINGS;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::lease::Lease;
use crate::personal::share_keys;
use crate::{Privacy, owners};
use part::{Written, throw_away_unverified, write_part};

pub use part::keys_by_id;

/// What a run did to a month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Month {
    /// Its first day.
    #[schema(value_type = String, format = Date)]
    pub month: Date,
    /// `closed`: it waits for the roll-up, or its parts are being written; `archived`: all of it is
    /// in the store; `dropped`: and there alone.
    pub state: &'static str,
    /// Rows and files that this run added to the archive.
    pub rows: i64,
    pub parts: u32,
    pub bytes: u64,
}

/// The months that are due, oldest first, until `until`. Says what became of each.
pub async fn run(privacy: &Privacy, lease: &Lease, until: Instant) -> Result<Vec<Month>> {
    let due = due(privacy).await?;
    let mut done = Vec::new();
    for month in due {
        if Instant::now() >= until {
            break;
        }
        let moved = advance(privacy, lease, month, until).await?;
        let is_done = moved.state == "dropped";
        done.push(moved);
        if !is_done {
            // A later month never goes before an earlier one: answers name what they answer.
            break;
        }
    }
    tell(privacy, &done).await?;
    Ok(done)
}

/// Those on their way, and those whose time has come.
async fn due(privacy: &Privacy) -> Result<Vec<Date>> {
    let client = privacy.pool.get().await?;
    let rows = client
        .query_typed(
            "select month from privacy.month where state <> 'dropped'",
            &[],
        )
        .await?;
    let mut due = rows
        .iter()
        .map(|row| row.try_get(0))
        .collect::<Result<Vec<Date>, _>>()?;
    let before = Timestamp::now().saturating_sub((privacy.archive_after_days * 24).hours());
    let before = message_log::log::day_of(before.unwrap_or(Timestamp::UNIX_EPOCH));
    due.extend(months::ended_before(&client, before).await?);
    due.sort_unstable();
    due.dedup();
    Ok(due)
}

async fn advance(privacy: &Privacy, lease: &Lease, month: Date, until: Instant) -> Result<Month> {
    let mut done = Month {
        month,
        state: "closed",
        rows: 0,
        parts: 0,
        bytes: 0,
    };
    let state = close(privacy, month).await?;
    if state == "closed" {
        if !is_derived_from(privacy, month).await? {
            tracing::info!(%month, "a month waits for its roll-up before it is archived");
            return Ok(done);
        }
        throw_away_unverified(privacy, month).await?;
        loop {
            lease.renew().await?;
            match write_part(privacy, month).await? {
                Written::Part(part) => {
                    done.rows += part.rows;
                    done.bytes += part.bytes;
                    done.parts += 1;
                }
                Written::Again => {}
                Written::Complete => break,
            }
            if Instant::now() >= until {
                return Ok(done);
            }
        }
        complete(privacy, month).await?;
    }
    done.state = "archived";
    lease.renew().await?;
    months::drop_month(&privacy.pool, month).await?;
    let client = privacy.pool.get().await?;
    client
        .execute_typed(
            "update privacy.month set state = 'dropped', dropped_at = now()
             where month = $1 and state = 'archived'",
            &[(&month, Type::DATE)],
        )
        .await?;
    done.state = "dropped";
    Ok(done)
}

/// Whether every owner has derived what it derives from the messages of a closed month.
async fn is_derived_from(privacy: &Privacy, month: Date) -> Result<bool> {
    let mut client = privacy.pool.get().await?;
    if !months::is_rolled_up(&client, month).await? {
        return Ok(false);
    }
    let Some(xid) = months::newest_xid(&client, month).await? else {
        return Ok(true);
    };
    let transaction = db::read(&mut client, &Scope::all(ROBEINGS)).await?;
    for owner in owners::all() {
        if !owner.has_derived(&transaction, &xid).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The state it is in now, which is `closed` at least.
async fn close(privacy: &Privacy, month: Date) -> Result<String> {
    let mut client = privacy.pool.get().await?;
    let state = "select state from privacy.month where month = $1";
    let known = client
        .query_typed_opt(state, &[(&month, Type::DATE)])
        .await?;
    if let Some(row) = known {
        return Ok(row.try_get(0)?);
    }
    months::close(&mut client, month).await?;
    client
        .execute_typed(
            "insert into privacy.month (month, state) values ($1, 'closed') on conflict do nothing",
            &[(&month, Type::DATE)],
        )
        .await?;
    let row = client
        .query_typed_one(state, &[(&month, Type::DATE)])
        .await?;
    Ok(row.try_get(0)?)
}

/// The last look before anything is dropped: no row lies outside of the verified parts, and none has
/// more rows than its part. Then keys that seal nothing go.
async fn complete(privacy: &Privacy, month: Date) -> Result<()> {
    let mut client = privacy.pool.get().await?;
    let transaction = db::begin(&mut client, &Scope::all(ROBEINGS)).await?;
    share_keys(&transaction).await?;
    if !months::is_whole(&transaction, month).await? {
        return Err(anyhow::anyhow!(
            "somebody has taken the partition of {month} out of the log, or begun to: attach it again"
        )
        .into());
    }
    let parts = transaction
        .query_typed(
            "select after_id, last_id, rows, verified_at is not null as is_verified
             from privacy.part where month = $1 order by after_id",
            &[(&month, Type::DATE)],
        )
        .await?;
    let (mut end, mut archived) = (Uuid::nil(), 0);
    for part in parts {
        let (after, last): (Uuid, Uuid) = (part.try_get("after_id")?, part.try_get("last_id")?);
        let rows: i64 = part.try_get("rows")?;
        let is_next = part.try_get("is_verified")? && after == end;
        if !is_next || months::count(&transaction, month, after, last).await? > rows {
            return Err(anyhow::anyhow!("the parts of {month} do not hold all of its rows").into());
        }
        end = last;
        archived += rows;
    }
    if months::count(&transaction, month, end, Uuid::max()).await? > 0 {
        return Err(anyhow::anyhow!("rows of {month} are in none of its parts").into());
    }
    transaction
        .execute_typed(
            "delete from privacy.person_key
             where month = $1 and not exists (select from privacy.sealed where key_id = id)",
            &[(&month, Type::DATE)],
        )
        .await?;
    transaction
        .execute_typed(
            "update privacy.month set state = 'archived', rows = $2, archived_at = now()
             where month = $1 and state = 'closed'",
            &[(&month, Type::DATE), (&archived, Type::INT8)],
        )
        .await?;
    Ok(transaction.commit().await?)
}

async fn tell(privacy: &Privacy, done: &[Month]) -> Result<()> {
    let rows: i64 = done.iter().map(|month| month.rows).sum();
    if rows > 0 {
        let bytes: u64 = done.iter().map(|month| month.bytes).sum();
        figure("archived_rows", Unit::Count, rows as f64);
        figure("archived_bytes", Unit::Bytes, bytes as f64);
    }
    // How long the oldest month has been due that is still there.
    let oldest = due(privacy).await?.into_iter().min();
    let lag = oldest.map_or(Duration::ZERO, |month| {
        let ended = month
            .saturating_add(1.months())
            .saturating_add(privacy.archive_after_days.days());
        let ended = ended.to_zoned(jiff::tz::TimeZone::UTC);
        ended.map_or(Duration::ZERO, |ended| {
            let late = Timestamp::now().duration_since(ended.timestamp());
            Duration::from_secs(late.as_secs().max(0).unsigned_abs())
        })
    });
    figure("retention_lag", Unit::Seconds, lag.as_secs_f64());
    Ok(())
}
