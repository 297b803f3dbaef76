//! Writes one part of a month: builds a file, records it, stores it, reads it back and compares it, and only
//! then marks it as verified.

use std::collections::{BTreeMap, HashMap};

use jiff::civil::Date;
use message_log::months::{self, Record};
use platform::postgres::scoped::{self as db, Scope};
use platform::postgres::types::Type;
use platform::store::Put;
use platform::{Error, Result};
use robeing::ROBEINGS;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::file::{self, ArchivedRow, File, Writer};
use crate::Privacy;
use crate::keys::PersonKey;
use crate::personal::share_keys;

/// The size at which a part is complete. A part is in memory as a whole, twice if the store client copies
/// it.
const PART_BYTES: usize = 24 * 1024 * 1024;
/// The number of rows at which a part is complete.
const PART_ROWS: i64 = 200_000;
/// The maximum number of rows per read, which become one row group.
const GROUP_ROWS: i64 = 10_000;
/// The approximate maximum size of the text per read.
const GROUP_BYTES: usize = 3 * 1024 * 1024;

/// A verified part of a month.
pub struct Part {
    pub rows: i64,
    pub bytes: u64,
}

pub enum WriteOutcome {
    Verified(Part),
    /// A row or a key was deleted meanwhile, so the part was deleted. It must be written again.
    Outdated,
    /// Every row of the month is in a verified part.
    NoRowsLeft,
}

/// Deletes the parts that a killed run left unverified.
pub async fn delete_unverified_parts(privacy: &Privacy, month: Date) -> Result<()> {
    let client = privacy.pool.get().await?;
    let rows = client
        .query_typed(
            "select id, object from privacy.part where month = $1 and verified_at is null",
            &[(&month, Type::DATE)],
        )
        .await?;
    drop(client);
    for row in rows {
        delete_part(privacy, row.try_get(0)?, row.try_get(1)?).await?;
    }
    Ok(())
}

/// Deletes an unverified part.
async fn delete_part(privacy: &Privacy, part: i64, object: &str) -> Result<()> {
    privacy.store.delete(object).await?;
    let client = privacy.pool.get().await?;
    client
        .execute_typed(
            "delete from privacy.part where id = $1 and verified_at is null",
            &[(&part, Type::INT8)],
        )
        .await?;
    Ok(())
}

/// Writes the next part of a month.
pub async fn write_part(privacy: &Privacy, month: Date) -> Result<WriteOutcome> {
    let after = last_verified_id(privacy, month).await?;
    let Some(file) = build_file(privacy, month, after).await? else {
        return Ok(WriteOutcome::NoRowsLeft);
    };
    let object = format!(
        "archive/conversation.log/{}/{}.parquet",
        month.strftime("%Y-%m"),
        Uuid::now_v7()
    );
    let sha256: [u8; 32] = Sha256::digest(&file.body).into();
    let bytes = file.body.len() as u64;
    let part = record_part(privacy, month, after, &object, &file, &sha256).await?;
    let File {
        body,
        rows,
        last_id,
        content,
        sealed,
    } = file;
    // No other process writes this object, and it is verified below.
    privacy.store.put(&object, body, Put::Always).await?;
    let is_verified = verify_object(privacy, &object, &sealed, &sha256, rows, &content).await?
        && mark_verified(privacy, month, part, (after, last_id), &sealed, rows).await?;
    if !is_verified {
        delete_part(privacy, part, &object).await?;
        return Ok(WriteOutcome::Outdated);
    }
    Ok(WriteOutcome::Verified(Part { rows, bytes }))
}

/// The id of the last row in the verified parts of the month; nil if there are none.
async fn last_verified_id(privacy: &Privacy, month: Date) -> Result<Uuid> {
    let client = privacy.pool.get().await?;
    let row = client
        .query_typed_opt(
            "select last_id from privacy.part
             where month = $1 and verified_at is not null
             order by last_id desc limit 1",
            &[(&month, Type::DATE)],
        )
        .await?;
    Ok(row
        .map(|row| row.try_get(0))
        .transpose()?
        .unwrap_or_default())
}

/// Builds a file of the rows after `after`. None if there are none.
async fn build_file(privacy: &Privacy, month: Date, after: Uuid) -> Result<Option<File>> {
    let mut writer = Writer::new(
        &month.strftime("%Y-%m").to_string(),
        PART_BYTES + GROUP_BYTES,
    )?;
    let mut keys = PartKeys::default();
    let mut last = after;
    while writer.rows() < PART_ROWS && writer.bytes() < PART_BYTES {
        let records = read_with_keys(privacy, month, last, &mut keys).await?;
        let Some(newest) = records.last() else {
            break;
        };
        last = newest.id;
        // Encryption would block other requests on this thread.
        (writer, keys) = tokio::task::spawn_blocking(move || {
            let rows = records.into_iter().map(|record| {
                let key = record.erased_at.is_none().then(|| keys.id_for(&record));
                ArchivedRow::new(record, key.transpose()?)
            });
            let rows = rows.collect::<anyhow::Result<Vec<_>>>()?;
            writer.add(&rows, &keys.by_id)?;
            anyhow::Ok((writer, keys))
        })
        .await
        .map_err(anyhow::Error::from)??;
    }
    if writer.rows() == 0 {
        return Ok(None);
    }
    Ok(Some(writer.finish()?))
}

/// The person keys of one part.
#[derive(Default)]
struct PartKeys {
    /// The ids of the keys by [`person_digest`].
    ids: HashMap<Uuid, i64>,
    by_id: HashMap<i64, PersonKey>,
}

impl PartKeys {
    fn id_for(&self, record: &Record) -> anyhow::Result<i64> {
        let id = self.ids.get(&person_digest(record)).copied();
        id.ok_or_else(|| anyhow::anyhow!("the person of a row has no key"))
    }
}

/// A digest of the robeing and the person of a row, which identifies the key in the month.
fn person_digest(record: &Record) -> Uuid {
    let (user, slack_user) = &record.person;
    let user = user.map(|user| user.to_string()).unwrap_or_default();
    Uuid::from_bytes(message_log::ids::digest(&[
        &record.robeing_id,
        &user,
        slack_user.as_deref().unwrap_or_default(),
    ]))
}

/// Reads the next rows, and loads or creates the keys that are new in this part. An erasure can't run in
/// between, so no key is created for an erased row.
async fn read_with_keys(
    privacy: &Privacy,
    month: Date,
    after: Uuid,
    keys: &mut PartKeys,
) -> Result<Vec<Record>> {
    let mut client = privacy.pool.get().await?;
    let transaction = db::begin(&mut client, &Scope::all(ROBEINGS)).await?;
    share_keys(&transaction).await?;
    let records = months::read(&transaction, month, after, GROUP_ROWS, GROUP_BYTES).await?;
    let mut new: BTreeMap<Uuid, &Record> = BTreeMap::new();
    for record in records.iter().filter(|it| it.erased_at.is_none()) {
        let digest = person_digest(record);
        if !keys.ids.contains_key(&digest) {
            new.insert(digest, record);
        }
    }
    if !new.is_empty() {
        let digests: Vec<Uuid> = new.keys().copied().collect();
        let robeings: Vec<&str> = new.values().map(|it| it.robeing_id.as_str()).collect();
        let users: Vec<Option<Uuid>> = new.values().map(|it| it.person.0).collect();
        let slack_users: Vec<Option<&str>> =
            new.values().map(|it| it.person.1.as_deref()).collect();
        let master = privacy.master();
        let wrapped = (0..digests.len()).map(|_| Ok(master.person_key()?.1));
        let wrapped = wrapped.collect::<Result<Vec<Vec<u8>>>>()?;
        transaction
            .execute_typed(
                "insert into privacy.person_key (month, person_digest, robeing_id, user_id, slack_user_id, wrapped)
                 select $1, *
                 from unnest($2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::bytea[])
                 on conflict (month, person_digest) do nothing",
                &[
                    (&month, Type::DATE),
                    (&digests, Type::UUID_ARRAY),
                    (&robeings, Type::TEXT_ARRAY),
                    (&users, Type::UUID_ARRAY),
                    (&slack_users, Type::TEXT_ARRAY),
                    (&wrapped, Type::BYTEA_ARRAY),
                ],
            )
            .await?;
        let rows = transaction
            .query_typed(
                "select person_digest, id, wrapped
                 from privacy.person_key
                 where month = $1 and person_digest = any ($2)",
                &[(&month, Type::DATE), (&digests, Type::UUID_ARRAY)],
            )
            .await?;
        for row in rows {
            let id: i64 = row.try_get("id")?;
            keys.ids.insert(row.try_get("person_digest")?, id);
            keys.by_id
                .insert(id, master.unwrap(row.try_get("wrapped")?)?);
        }
    }
    transaction.commit().await?;
    Ok(records)
}

/// Records a part before it is stored, so that the store has no unknown object.
async fn record_part(
    privacy: &Privacy,
    month: Date,
    after: Uuid,
    object: &str,
    file: &File,
    sha256: &[u8; 32],
) -> Result<i64> {
    let bytes = file.body.len() as i64;
    let client = privacy.pool.get().await?;
    let row = client
        .query_typed_opt(
            "insert into privacy.part (month, after_id, last_id, object, rows, bytes, sha256, content)
             values ($1, $2, $3, $4, $5, $6, $7, $8)
             on conflict (month, after_id) do nothing
             returning id",
            &[
                (&month, Type::DATE),
                (&after, Type::UUID),
                (&file.last_id, Type::UUID),
                (&object, Type::TEXT),
                (&file.rows, Type::INT8),
                (&bytes, Type::INT8),
                (&&sha256[..], Type::BYTEA),
                (&&file.content[..], Type::BYTEA),
            ],
        )
        .await?;
    let row =
        row.ok_or_else(|| Error::Conflict("another run is archiving this month".to_owned()))?;
    Ok(row.try_get(0)?)
}

/// Reads the object back, decrypts every row with the keys that the database has now, and compares the
/// content with the rows from the log. Returns false if a key was deleted; any other difference is an error.
async fn verify_object(
    privacy: &Privacy,
    object: &str,
    sealed: &HashMap<i64, i32>,
    sha256: &[u8; 32],
    rows: i64,
    content: &[u8; 32],
) -> Result<bool> {
    let ids: Vec<i64> = sealed.keys().copied().collect();
    let keys = keys_by_id(privacy, &ids).await?;
    if keys.len() < ids.len() {
        return Ok(false);
    }
    let body = privacy.store.get(object).await?.body;
    let (sha256, content) = (*sha256, *content);
    tokio::task::spawn_blocking(move || {
        let found: [u8; 32] = Sha256::digest(&body).into();
        anyhow::ensure!(
            found == sha256,
            "the store returned other bytes than were written"
        );
        let (found_rows, found) = file::digest(body, &keys)?;
        anyhow::ensure!(
            found_rows == rows && found == content,
            "the archive file differs from the log"
        );
        anyhow::Ok(())
    })
    .await
    .map_err(anyhow::Error::from)??;
    Ok(true)
}

/// The keys with these ids that still exist.
pub async fn keys_by_id(privacy: &Privacy, ids: &[i64]) -> Result<HashMap<i64, PersonKey>> {
    let client = privacy.pool.get().await?;
    let rows = db::query(
        &client,
        &Scope::all(ROBEINGS),
        "select id, wrapped from privacy.person_key where id = any ($1)",
        &[(&ids, Type::INT8_ARRAY)],
    )
    .await?;
    let mut keys = HashMap::with_capacity(rows.len());
    let master = privacy.master();
    for row in rows {
        keys.insert(row.try_get(0)?, master.unwrap(row.try_get(1)?)?);
    }
    Ok(keys)
}

/// Marks a part as verified. Returns false if a row of it or a key was deleted meanwhile.
async fn mark_verified(
    privacy: &Privacy,
    month: Date,
    part: i64,
    (after, last): (Uuid, Uuid),
    sealed: &HashMap<i64, i32>,
    rows: i64,
) -> Result<bool> {
    let (keys, counts): (Vec<i64>, Vec<i32>) =
        sealed.iter().map(|(key, rows)| (*key, *rows)).unzip();
    let mut client = privacy.pool.get().await?;
    let transaction = db::begin(&mut client, &Scope::all(ROBEINGS)).await?;
    share_keys(&transaction).await?;
    if months::count(&transaction, month, after, last).await? != rows {
        return Ok(false);
    }
    let known = transaction
        .execute_typed(
            "insert into privacy.sealed (key_id, part_id, rows)
             select key_id, $2, rows
             from unnest($1::int8[], $3::int4[]) as sealed (key_id, rows)
             where exists (select from privacy.person_key where id = key_id)",
            &[
                (&keys, Type::INT8_ARRAY),
                (&part, Type::INT8),
                (&counts, Type::INT4_ARRAY),
            ],
        )
        .await?;
    if known != keys.len() as u64 {
        return Ok(false);
    }
    let verified = transaction
        .execute_typed(
            "update privacy.part set verified_at = now() where id = $1 and verified_at is null",
            &[(&part, Type::INT8)],
        )
        .await?;
    if verified != 1 {
        return Err(Error::Conflict("another run deleted this part".to_owned()));
    }
    transaction.commit().await?;
    Ok(true)
}
