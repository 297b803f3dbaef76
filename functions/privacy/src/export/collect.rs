//! The steps of an export: each collects the rows of one file and stores it.

use std::collections::HashMap;
use std::io::Write as _;
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use personal::{Purpose, Subject};
use platform::postgres::scoped::{self as db, Scope};
use platform::postgres::types::Type;
use platform::store::Put;
use platform::telemetry::Metrics;
use platform::{Error, Result};
use robeing::ROBEINGS;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::FOLDER;
use crate::Privacy;
use crate::archive::{file, keys_by_id};
use crate::job::{Job, Outcome, Position};
use crate::keys::PersonKey;
use crate::personal::{KeyValues, key_is_of_subject};
use crate::subject::stored_subject;

/// The size at which a file is complete, compressed. It stays below the largest response of Lambda.
const FILE_BYTES: usize = 4 * 1024 * 1024;

/// The steps of an export.
#[derive(Default)]
pub struct ExportJob;

#[async_trait]
impl Job for ExportJob {
    const NAME: &'static str = "export";
    /// A step stores a file, which takes several transactions.
    const NEEDS_LEASE: bool = true;
    const DONE: &'static str = "exports";
    const DURATION: &'static str = "export_duration";
    const UNFINISHED: &'static str = "select id from privacy.export
         where finished_at is null and expires_at > now() order by created_at";

    async fn step(
        &mut self,
        privacy: &Privacy,
        id: Uuid,
        until: Instant,
        _: &Metrics,
    ) -> Result<Outcome> {
        let Some(mut progress) = Progress::load(privacy, id).await? else {
            return Ok(Outcome::Stop);
        };
        let mut lines = Lines::new();
        while !progress.is_done && lines.bytes() < FILE_BYTES && Instant::now() < until {
            let Some(owner) = progress.position.owner() else {
                match next_archived(privacy, &progress.subject, progress.after_part).await? {
                    Some((part, found)) => {
                        lines.add(found).await?;
                        progress.after_part = part;
                    }
                    None => progress.is_done = true,
                }
                continue;
            };
            let mut client = privacy.pool.get().await?;
            let transaction = db::begin(&mut client, &progress.subject.scope()).await?;
            let after = progress.position.after;
            let step = owner.export(&transaction, &progress.subject, after).await?;
            transaction.commit().await?;
            drop(client);
            lines.add(step.done).await?;
            progress.position.advance(step.next);
        }
        if lines.rows > 0 {
            progress.number += 1;
            store_file(privacy, id, &progress, lines).await?;
        } else {
            record_progress(privacy, id, &progress, None).await?;
        }
        Ok(match progress.is_done {
            true => Outcome::Done,
            false => Outcome::More,
        })
    }
}

/// The progress of an export: through the owners, and then through the archive files.
struct Progress {
    subject: Subject,
    position: Position,
    after_part: i64,
    is_done: bool,
    /// The number of the newest complete file.
    number: i32,
}

impl Progress {
    /// None if the export is done or was removed.
    async fn load(privacy: &Privacy, id: Uuid) -> Result<Option<Self>> {
        let client = privacy.pool.get().await?;
        let rows = db::query(
            &client,
            &Scope::all(ROBEINGS),
            "select subject, owner, after_id, after_part,
                    (select coalesce(max(number), 0) from privacy.export_file where export_id = $1 and is_whole) as number
             from privacy.export
             where id = $1 and finished_at is null",
            &[(&id, Type::UUID)],
        )
        .await?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        let after_part: Option<i64> = row.try_get("after_part")?;
        Ok(Some(Self {
            subject: stored_subject(row.try_get("subject")?)?,
            position: Position::stored(row.try_get("owner")?, row.try_get("after_id")?),
            after_part: after_part.unwrap_or_default(),
            is_done: false,
            number: row.try_get("number")?,
        }))
    }
}

/// The lines of a file, compressed.
struct Lines {
    gzip: GzEncoder<Vec<u8>>,
    rows: i64,
}

impl Lines {
    fn new() -> Self {
        Self {
            gzip: GzEncoder::new(Vec::new(), Compression::fast()),
            rows: 0,
        }
    }

    fn bytes(&self) -> usize {
        self.gzip.get_ref().len()
    }

    async fn add(&mut self, lines: Vec<String>) -> Result<()> {
        self.rows += lines.len() as i64;
        let empty = GzEncoder::new(Vec::new(), Compression::fast());
        let mut gzip = std::mem::replace(&mut self.gzip, empty);
        // Compression would block other requests on this thread.
        self.gzip = tokio::task::spawn_blocking(move || {
            for line in lines {
                gzip.write_all(line.as_bytes())?;
                gzip.write_all(b"\n")?;
            }
            std::io::Result::Ok(gzip)
        })
        .await
        .map_err(anyhow::Error::from)?
        .map_err(anyhow::Error::from)?;
        Ok(())
    }
}

/// The subject's rows in the next archive file that has any, with the id of that file.
async fn next_archived(
    privacy: &Privacy,
    subject: &Subject,
    after: i64,
) -> Result<Option<(i64, Vec<String>)>> {
    let client = privacy.pool.get().await?;
    let sql = format!(
        "select part.id, part.object, part.sha256, array_agg(key_id) as keys
         from privacy.person_key
         join privacy.sealed on key_id = person_key.id
         join privacy.part on part.id = part_id
         join privacy.month on month.month = part.month
         where {} and part_id > $8 and month.state <> 'closed'
         group by part.id
         order by part.id
         limit 1",
        key_is_of_subject(Purpose::Export)
    );
    let of_subject = KeyValues::of(subject);
    let mut values = of_subject.values();
    values.push((&after, Type::INT8));
    let rows = db::query(&client, &subject.scope(), &sql, &values).await?;
    drop(client);
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    let (part, object, sha256): (i64, &str, Vec<u8>) = (
        row.try_get("id")?,
        row.try_get("object")?,
        row.try_get("sha256")?,
    );
    let ids: Vec<i64> = row.try_get("keys")?;
    let keys = keys_by_id(privacy, &ids).await?;
    let body = privacy.store.get(object).await?.body;
    let lines = tokio::task::spawn_blocking(move || {
        anyhow::ensure!(
            Sha256::digest(&body)[..] == sha256[..],
            "an archive file was changed"
        );
        decrypt(body, &keys)
    });
    Ok(Some((part, lines.await.map_err(anyhow::Error::from)??)))
}

fn decrypt(body: Bytes, keys: &HashMap<i64, PersonKey>) -> anyhow::Result<Vec<String>> {
    let mut lines = Vec::new();
    let wanted = |key: Option<i64>| key.is_some_and(|key| keys.contains_key(&key));
    file::read(body, wanted, |mut line| {
        if let Some(key) = line.key_id.and_then(|key| keys.get(&key)) {
            line.open(key)?;
            lines.push(line.json()?);
        }
        Ok(())
    })?;
    Ok(lines)
}

/// Stores a file under a name that no other attempt uses, and marks it as complete.
async fn store_file(privacy: &Privacy, id: Uuid, progress: &Progress, lines: Lines) -> Result<()> {
    let rows = lines.rows;
    let body: Bytes = lines.gzip.finish().map_err(anyhow::Error::from)?.into();
    let file = StoredFile {
        object: format!(
            "{FOLDER}/{id}/{:04}-{}.jsonl.gz",
            progress.number,
            Uuid::now_v7()
        ),
        rows,
        bytes: body.len() as i64,
        sha256: Sha256::digest(&body).to_vec(),
    };
    // Recorded before it is stored, so that a concurrent erasure finds it.
    let client = privacy.pool.get().await?;
    db::query(
        &client,
        &progress.subject.scope(),
        "insert into privacy.export_file (export_id, number, object, rows, bytes, sha256)
         select id, $2, $3, $4, $5, $6 from privacy.export where id = $1
         on conflict (export_id, number) do update
         set object = excluded.object, rows = excluded.rows, bytes = excluded.bytes,
             sha256 = excluded.sha256
         where not export_file.is_whole",
        &[
            (&id, Type::UUID),
            (&progress.number, Type::INT4),
            (&file.object, Type::TEXT),
            (&file.rows, Type::INT8),
            (&file.bytes, Type::INT8),
            (&file.sha256, Type::BYTEA),
        ],
    )
    .await?;
    drop(client);
    privacy.store.put(&file.object, body, Put::Always).await?;
    record_progress(privacy, id, progress, Some(&file)).await
}

struct StoredFile {
    object: String,
    rows: i64,
    bytes: i64,
    sha256: Vec<u8>,
}

/// Records the progress, and marks the file that holds the rows up to there as complete.
async fn record_progress(
    privacy: &Privacy,
    id: Uuid,
    progress: &Progress,
    file: Option<&StoredFile>,
) -> Result<()> {
    let mut client = privacy.pool.get().await?;
    let transaction = db::begin(&mut client, &Scope::all(ROBEINGS)).await?;
    let updated = transaction
        .execute_typed(
            "update privacy.export
             set owner = $2, after_id = $3, after_part = $4,
                 finished_at = case when $5 then now() end
             where id = $1 and finished_at is null",
            &[
                (&id, Type::UUID),
                (&progress.position.name(), Type::TEXT),
                (&progress.position.after, Type::UUID),
                (&progress.after_part, Type::INT8),
                (&progress.is_done, Type::BOOL),
            ],
        )
        .await?;
    let completed = match file {
        None => 1,
        Some(file) => {
            transaction
                .execute_typed(
                    "update privacy.export_file set is_whole = true
                     where export_id = $1 and number = $2 and object = $3 and not is_whole",
                    &[
                        (&id, Type::UUID),
                        (&progress.number, Type::INT4),
                        (&file.object, Type::TEXT),
                    ],
                )
                .await?
        }
    };
    if updated == 1 && completed == 1 {
        return Ok(transaction.commit().await?);
    }
    transaction.rollback().await?;
    drop(client);
    if let Some(file) = file {
        privacy.store.delete(&file.object).await?;
    }
    let detail = "the export was removed, or another run has resumed it";
    Err(Error::Conflict(detail.to_owned()))
}
