//! What an export is made of: one file a step.

use std::collections::HashMap;
use std::io::Write as _;
use std::time::Instant;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use message_log::personal::{self, Whose};
use platform::postgres::scoped::{self as db, Scope};
use platform::postgres::types::Type;
use platform::store::Put;
use platform::{Error, Result};
use robeing::ROBEINGS;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::FOLDER;
use crate::archive::{file, keys_by_id};
use crate::keys::PersonKey;
use crate::subject::{KEY_IS_THEIRS, Theirs, stored};
use crate::{Privacy, owners};

/// A file is full with so many bytes, compressed: less than what Lambda answers at once.
const FILE_BYTES: usize = 4 * 1024 * 1024;

/// How far an export is.
pub(super) struct At {
    whose: Whose,
    stage: Stage,
    after_id: Uuid,
    after_part: i64,
    number: i32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Messages,
    Rest,
    Archive,
    Done,
}

impl Stage {
    fn name(self) -> &'static str {
        match self {
            Self::Messages => "messages",
            Self::Rest => "rest",
            Self::Archive => "archive",
            Self::Done => "done",
        }
    }
}

impl At {
    /// None where it is done, or gone.
    pub(super) async fn of(privacy: &Privacy, id: Uuid) -> Result<Option<Self>> {
        let client = privacy.pool.get().await?;
        let rows = db::query(
            &client,
            &Scope::all(ROBEINGS),
            "select whose, stage, after_id, after_part,
                    (select coalesce(max(number), 0) from privacy.export_file where export_id = $1 and is_whole) as number
             from privacy.export
             where id = $1 and finished_at is null",
            &[(&id, Type::UUID)],
        )
        .await?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        let stage: String = row.try_get("stage")?;
        let after_id: Option<Uuid> = row.try_get("after_id")?;
        let after_part: Option<i64> = row.try_get("after_part")?;
        Ok(Some(Self {
            whose: stored(row.try_get("whose")?)?,
            stage: [Stage::Messages, Stage::Rest, Stage::Archive]
                .into_iter()
                .find(|it| it.name() == stage)
                .unwrap_or(Stage::Done),
            after_id: after_id.unwrap_or_default(),
            after_part: after_part.unwrap_or_default(),
            number: row.try_get("number")?,
        }))
    }
}

/// Gathers one file and keeps it. Says whether it was the last.
pub(super) async fn step(privacy: &Privacy, id: Uuid, mut at: At, until: Instant) -> Result<bool> {
    let mut lines = Lines::new();
    while at.stage != Stage::Done && lines.bytes() < FILE_BYTES && Instant::now() < until {
        match at.stage {
            Stage::Messages => {
                let mut client = privacy.pool.get().await?;
                let transaction = db::begin(&mut client, &at.whose.scope()).await?;
                let page = personal::export::messages(&transaction, &at.whose, at.after_id).await?;
                transaction.commit().await?;
                lines.add(page.lines).await?;
                match page.next {
                    Some(next) => at.after_id = next,
                    None => at.stage = Stage::Rest,
                }
            }
            Stage::Rest => {
                let mut client = privacy.pool.get().await?;
                let transaction = db::begin(&mut client, &at.whose.scope()).await?;
                let rest = owners::export_rest(&transaction, &at.whose).await?;
                transaction.commit().await?;
                lines.add(rest).await?;
                at.stage = Stage::Archive;
            }
            Stage::Archive => match from_archive(privacy, &at.whose, at.after_part).await? {
                Some((part, found)) => {
                    lines.add(found).await?;
                    at.after_part = part;
                }
                None => at.stage = Stage::Done,
            },
            Stage::Done => {}
        }
    }
    if lines.rows > 0 {
        at.number += 1;
        keep(privacy, id, &at, lines).await?;
    } else {
        move_on(privacy, id, &at, None).await?;
    }
    Ok(at.stage == Stage::Done)
}

/// Lines on their way into a file.
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
        // Compressing takes its time, which other requests should not wait for.
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

/// Their rows of the next part of the archive that has some.
async fn from_archive(
    privacy: &Privacy,
    whose: &Whose,
    after: i64,
) -> Result<Option<(i64, Vec<String>)>> {
    let client = privacy.pool.get().await?;
    let sql = format!(
        "select part.id, part.object, part.sha256, array_agg(key_id) as keys
         from privacy.person_key
         join privacy.sealed on key_id = person_key.id
         join privacy.part on part.id = part_id
         join privacy.month on month.month = part.month
         where {KEY_IS_THEIRS} and part_id > $6 and month.state <> 'closed'
         group by part.id
         order by part.id
         limit 1"
    );
    let theirs = Theirs::of(whose);
    let mut values = theirs.values().to_vec();
    values.push((&after, Type::INT8));
    let rows = db::query(&client, &whose.scope(), &sql, &values).await?;
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
            "a part of the archive is not what was stored"
        );
        open(body, &keys)
    });
    Ok(Some((part, lines.await.map_err(anyhow::Error::from)??)))
}

fn open(body: Bytes, keys: &HashMap<i64, PersonKey>) -> anyhow::Result<Vec<String>> {
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

/// Stores a file under a name that no other attempt has, and counts it in.
async fn keep(privacy: &Privacy, id: Uuid, at: &At, lines: Lines) -> Result<()> {
    let rows = lines.rows;
    let body: Bytes = lines.gzip.finish().map_err(anyhow::Error::from)?.into();
    let file = Kept {
        object: format!("{FOLDER}/{id}/{:04}-{}.jsonl.gz", at.number, Uuid::now_v7()),
        rows,
        bytes: body.len() as i64,
        sha256: Sha256::digest(&body).to_vec(),
    };
    // Before it is stored, so that an erasure meanwhile knows of it.
    let client = privacy.pool.get().await?;
    db::query(
        &client,
        &at.whose.scope(),
        "insert into privacy.export_file (export_id, number, object, rows, bytes, sha256)
         select id, $2, $3, $4, $5, $6 from privacy.export where id = $1
         on conflict (export_id, number) do update
         set object = excluded.object, rows = excluded.rows, bytes = excluded.bytes,
             sha256 = excluded.sha256
         where not export_file.is_whole",
        &[
            (&id, Type::UUID),
            (&at.number, Type::INT4),
            (&file.object, Type::TEXT),
            (&file.rows, Type::INT8),
            (&file.bytes, Type::INT8),
            (&file.sha256, Type::BYTEA),
        ],
    )
    .await?;
    drop(client);
    privacy.store.put(&file.object, body, Put::Always).await?;
    move_on(privacy, id, at, Some(&file)).await
}

struct Kept {
    object: String,
    rows: i64,
    bytes: i64,
    sha256: Vec<u8>,
}

/// How far it is now, together with the file that brought it there.
async fn move_on(privacy: &Privacy, id: Uuid, at: &At, file: Option<&Kept>) -> Result<()> {
    let mut client = privacy.pool.get().await?;
    let transaction = db::begin(&mut client, &Scope::all(ROBEINGS)).await?;
    let moved = transaction
        .execute_typed(
            "update privacy.export
             set stage = $2, after_id = $3, after_part = $4,
                 finished_at = case when $2 = 'done' then now() end
             where id = $1 and finished_at is null",
            &[
                (&id, Type::UUID),
                (&at.stage.name(), Type::TEXT),
                (&at.after_id, Type::UUID),
                (&at.after_part, Type::INT8),
            ],
        )
        .await?;
    let counted = match file {
        None => 1,
        Some(file) => {
            transaction
                .execute_typed(
                    "update privacy.export_file set is_whole = true
                     where export_id = $1 and number = $2 and object = $3 and not is_whole",
                    &[
                        (&id, Type::UUID),
                        (&at.number, Type::INT4),
                        (&file.object, Type::TEXT),
                    ],
                )
                .await?
        }
    };
    if moved == 1 && counted == 1 {
        return Ok(transaction.commit().await?);
    }
    transaction.rollback().await?;
    drop(client);
    if let Some(file) = file {
        privacy.store.delete(&file.object).await?;
    }
    let detail = "the export was removed meanwhile, or another run goes on with it";
    Err(Error::Conflict(detail.to_owned()))
}
