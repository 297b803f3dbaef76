//! An erasure, step by step, up to its receipt.

use std::time::Instant;

use jiff::Timestamp;
use message_log::personal::{self, Counts, Subject, Whose};
use platform::Result;
use platform::postgres::scoped::{self as db, Scope};
use platform::postgres::types::{Json as Jsonb, Type};
use platform::telemetry::{Unit, figure};
use robeing::ROBEINGS;
use serde_json::json;
use tokio_postgres::Transaction;
use uuid::Uuid;

use crate::subject::{KEY_IS_THEIRS, Theirs, archived, lock_keys, stored};
use crate::{Privacy, owners, receipt};

/// How often the scan may find what came in meanwhile before it is left to the next trigger.
const SCANS: u32 = 5;

enum Step {
    More,
    /// Nothing more was found.
    Last(Whose),
    /// It is done, or somebody else is at it.
    NotMine,
}

/// Works at an erasure until it is done or the time is up. Says whether it did the last of it.
pub async fn drive(privacy: &Privacy, id: Uuid, until: Instant) -> Result<bool> {
    let started = Instant::now();
    let mut scans = 0;
    while Instant::now() < until {
        let whose = match step(privacy, id).await? {
            Step::More => continue,
            Step::Last(whose) => whose,
            Step::NotMine => return Ok(false),
        };
        crate::export::forget(privacy, &whose).await?;
        if finish(privacy, id, &whose).await? {
            let took = started.elapsed().as_secs_f64() * 1_000.0;
            figure("erasures", Unit::Count, 1.0);
            figure("erasure_duration", Unit::Milliseconds, took);
            return Ok(true);
        }
        // What came in meanwhile is looked for from the start.
        scans += 1;
        if scans == SCANS {
            break;
        }
    }
    Ok(false)
}

async fn step(privacy: &Privacy, id: Uuid) -> Result<Step> {
    let mut client = privacy.pool.get().await?;
    let rows = db::query(
        &client,
        &Scope::all(ROBEINGS),
        "select whose from privacy.erasure where id = $1 and finished_at is null",
        &[(&id, Type::UUID)],
    )
    .await?;
    let Some(row) = rows.first() else {
        return Ok(Step::NotMine);
    };
    let whose = stored(row.try_get("whose")?)?;
    // It sees no more than whoever asked for it.
    let transaction = db::begin(&mut client, &whose.scope()).await?;
    let row = transaction
        .query_typed_opt(
            "select after_id, erased from privacy.erasure
             where id = $1 and finished_at is null
             for update skip locked",
            &[(&id, Type::UUID)],
        )
        .await?;
    let Some(row) = row else {
        return Ok(Step::NotMine);
    };
    let after: Option<Uuid> = row.try_get("after_id")?;
    let Jsonb(mut erased) = row.try_get::<_, Jsonb<Counts>>("erased")?;
    // Destroying a key and emptying the rows that it could seal again is one.
    lock_keys(&transaction).await?;
    let mut rows = shred(&transaction, &whose).await?;
    let log = personal::erase::step(&transaction, &whose, after.unwrap_or_default()).await?;
    rows.extend(log.rows);
    if log.next.is_none() {
        rows.extend(owners::erase_rest(&transaction, &whose).await?);
    }
    for (table, count) in rows {
        *erased.entry(table).or_default() += count;
    }
    transaction
        .execute_typed(
            "update privacy.erasure set after_id = $2, erased = $3 where id = $1",
            &[
                (&id, Type::UUID),
                (&log.next, Type::UUID),
                (&Jsonb(&erased), Type::JSONB),
            ],
        )
        .await?;
    transaction.commit().await?;
    Ok(match log.next {
        Some(_) => Step::More,
        None => Step::Last(whose),
    })
}

/// Destroys their keys: what these sealed in the archive is noise from then on, in every copy.
async fn shred(db: &Transaction<'_>, whose: &Whose) -> Result<Counts> {
    let sql = format!(
        "with gone as (
             delete from privacy.person_key where {KEY_IS_THEIRS} returning id
         )
         select (select count(*) from gone),
                coalesce(sum(rows), 0)::int8,
                count(distinct part_id)
         from privacy.sealed
         where key_id in (select id from gone)"
    );
    let theirs = Theirs::of(whose);
    let row = db.query_typed_one(&sql, &theirs.values()).await?;
    let mut counts = Counts::new();
    for (what, column) in [
        ("privacy.person_key", 0),
        ("archive, rows", 1),
        ("archive, files", 2),
    ] {
        let count: i64 = row.try_get(column)?;
        if count > 0 {
            counts.insert(what.to_owned(), count.unsigned_abs());
        }
    }
    Ok(counts)
}

/// The scan that proves it, and then the receipt. False where something is left.
async fn finish(privacy: &Privacy, id: Uuid, whose: &Whose) -> Result<bool> {
    let mut client = privacy.pool.get().await?;
    let held = owners::held(&client, whose).await?;
    let (keys, _) = archived(&client, whose).await?;
    if !held.is_empty() || keys > 0 {
        return Ok(false);
    }
    let outlived = owners::outlived(&client, whose).await?;
    if !outlived.is_empty() {
        tracing::error!(erasure = %id, ?outlived, "copies of erased rows are left: there is no receipt");
        return Ok(false);
    }
    let transaction = db::begin(&mut client, &Scope::all(ROBEINGS)).await?;
    let row = transaction
        .query_typed_opt(
            "update privacy.erasure
             set finished_at = now(), whose = null, after_id = null
             where id = $1 and finished_at is null
             returning subject_kind, subject, scope, erased, created_at, finished_at",
            &[(&id, Type::UUID)],
        )
        .await?;
    let Some(row) = row else {
        return Ok(true);
    };
    let Jsonb(erased) = row.try_get::<_, Jsonb<Counts>>("erased")?;
    let subject: Vec<u8> = row.try_get("subject")?;
    let scope: Option<Vec<String>> = row.try_get("scope")?;
    let (asked, done): (Timestamp, Timestamp) =
        (row.try_get("created_at")?, row.try_get("finished_at")?);
    // Names of Slack, and some dead letters, belong to no robeing, so that only an admin of all may take
    // them away.
    let is_person = matches!(whose.subject, Subject::Person(_));
    let kept = match scope {
        Some(_) if is_person => vec![
            "conversation.slack_user",
            "conversation.dead_letter without a robeing",
            "robeings out of scope",
        ],
        _ => Vec::new(),
    };
    let body = json!({
        "erasure": id,
        "subject": {
            "kind": row.try_get::<_, String>("subject_kind")?,
            "digest": hex::encode(subject),
        },
        "robeings": scope,
        "erased": erased,
        "left": { "in_scope": 0, "kept": kept },
        "asked_at": asked,
        "verified_at": done,
    });
    receipt::add(&transaction, &privacy.master, id, &body.to_string()).await?;
    transaction.commit().await?;
    let rows: u64 = erased.values().sum();
    figure("erased_rows", Unit::Count, rows as f64);
    tracing::info!(erasure = %id, rows, "erased what was held of a subject");
    Ok(true)
}
