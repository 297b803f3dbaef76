//! The archive as an owner of personal data: its keys, and the erasure and export requests.

use std::borrow::Cow;

use async_trait::async_trait;
use jiff::Timestamp;
use message_log::ids::day_of;
use personal::{Counts, Owner, Person, Purpose, Robeings, Step, Subject, Table, count};
use platform::postgres::types::{Json, ToSql, Type};
use tokio_postgres::{Error, Transaction};
use uuid::Uuid;

use crate::subject::may_overlap;

const TABLES: [Table; 9] = [
    Table::personal(
        "privacy.person_key",
        &["user_id", "slack_user_id", "robeing_id"],
    ),
    // An unfinished request holds the ids of its subject; they are removed when it is done.
    Table::personal("privacy.erasure", &["subject"]),
    Table::personal("privacy.export", &["subject"]),
    Table::free(
        "privacy.export_file",
        "names of objects; the files are removed with their export",
    ),
    Table::free(
        "privacy.receipt",
        "keyed digests of ids, which must outlast the erasure",
    ),
    Table::free(
        "privacy.sealed",
        "the number of rows per key and file; removed with the key",
    ),
    Table::free(
        "privacy.part",
        "names and digests of files, whose rows are encrypted",
    ),
    Table::free("privacy.month", "months"),
    Table::free("privacy.lease", "which run holds which lease"),
];

/// The SQL condition that selects the keys of a subject, with [`KeyValues`] as $1 to $7.
pub fn key_is_of_subject(purpose: Purpose) -> String {
    format!(
        "(user_id = any ($1) or {} or robeing_id = $6)
         and ($7::text[] is null or robeing_id = any ($7))",
        purpose.condition()
    )
}

/// The values of [`key_is_of_subject`].
pub struct KeyValues<'a> {
    /// Empty for a robeing.
    person: Cow<'a, Person>,
    robeing: Option<&'a String>,
    robeings: Option<&'a [String]>,
}

impl<'a> KeyValues<'a> {
    pub fn of(subject: &'a Subject) -> Self {
        Self {
            person: subject.person().map_or_else(Cow::default, Cow::Borrowed),
            robeing: subject.robeing(),
            robeings: subject.robeings.as_deref(),
        }
    }

    pub fn values(&self) -> Vec<(&(dyn ToSql + Sync), Type)> {
        let mut values = self.person.values().to_vec();
        values.extend([
            (&self.robeing as _, Type::TEXT),
            (&self.robeings as _, Type::TEXT_ARRAY),
        ]);
        values
    }
}

/// The archive as an owner of personal data.
#[derive(Clone, Copy, Debug)]
pub struct Archive;

#[async_trait]
impl Owner for Archive {
    fn name(&self) -> &'static str {
        "privacy"
    }

    fn tables(&self) -> &'static [Table] {
        &TABLES
    }

    async fn held(&self, db: &Transaction<'_>, subject: &Subject) -> Result<Counts, Error> {
        let sql = format!(
            "select count(*) from privacy.person_key where {}",
            key_is_of_subject(Purpose::Erase)
        );
        let values = KeyValues::of(subject);
        let row = db.query_typed_one(&sql, &values.values()).await?;
        let keys: i64 = row.try_get(0)?;
        let mut counts = Counts::new();
        count(&mut counts, "privacy.person_key", keys.unsigned_abs());
        Ok(counts)
    }

    /// Counts the exports that may include rows about the subject.
    async fn orphaned_copies(
        &self,
        db: &Transaction<'_>,
        subject: &Subject,
    ) -> Result<Counts, Error> {
        let mut exports = 0;
        let select = "select subject from privacy.export where subject is not null";
        for row in db.query_typed(select, &[]).await? {
            let Json(other): Json<Subject> = row.try_get("subject")?;
            exports += u64::from(may_overlap(subject, &other));
        }
        let mut counts = Counts::new();
        count(&mut counts, "privacy.export", exports);
        Ok(counts)
    }

    /// Deletes the subject's keys, which makes every copy of the subject's archived rows unreadable.
    async fn erase(
        &self,
        db: &Transaction<'_>,
        subject: &Subject,
        _: Uuid,
    ) -> Result<Step<Counts>, Error> {
        let sql = format!(
            "with deleted as (
                 delete from privacy.person_key where {} returning id
             )
             select (select count(*) from deleted),
                    coalesce(sum(rows), 0)::int8,
                    count(distinct part_id)
             from privacy.sealed
             where key_id in (select id from deleted)",
            key_is_of_subject(Purpose::Erase)
        );
        let values = KeyValues::of(subject);
        let row = db.query_typed_one(&sql, &values.values()).await?;
        let mut counts = Counts::new();
        for (what, column) in [
            ("privacy.person_key", 0),
            ("archive, rows", 1),
            ("archive, files", 2),
        ] {
            let rows: i64 = row.try_get(column)?;
            count(&mut counts, what, rows.unsigned_abs());
        }
        Ok(Step::last(counts))
    }

    /// Returns nothing: an export reads the archive from the store, outside of a transaction.
    async fn export(
        &self,
        _: &Transaction<'_>,
        _: &Subject,
        _: Uuid,
    ) -> Result<Step<Vec<String>>, Error> {
        Ok(Step::last(Vec::new()))
    }

    /// Deletes the keys of months that ended before the month of `before`.
    async fn expire(
        &self,
        db: &Transaction<'_>,
        robeings: Robeings<'_>,
        before: Timestamp,
        _: Uuid,
    ) -> Result<Step<Counts>, Error> {
        let month = day_of(before).first_of_month();
        let (only, except) = robeings.values();
        let keys = db
            .execute_typed(
                "delete from privacy.person_key
                 where month < $1 and ($2::text is null or robeing_id = $2) and robeing_id <> all ($3)",
                &[
                    (&month, Type::DATE),
                    (&only, Type::TEXT),
                    (&except, Type::TEXT_ARRAY),
                ],
            )
            .await?;
        let mut counts = Counts::new();
        count(&mut counts, "privacy.person_key", keys);
        Ok(Step::last(counts))
    }
}

/// Prevents other transactions from creating or deleting keys until this one ends.
pub async fn lock_keys(db: &Transaction<'_>) -> Result<(), Error> {
    let lock = "select pg_advisory_xact_lock(hashtextextended('privacy.person_key', 0))";
    db.query_typed(lock, &[]).await.map(drop)
}

/// Prevents other transactions from deleting keys until this one ends. Several may hold this lock.
pub async fn share_keys(db: &Transaction<'_>) -> Result<(), Error> {
    let lock = "select pg_advisory_xact_lock_shared(hashtextextended('privacy.person_key', 0))";
    db.query_typed(lock, &[]).await.map(drop)
}
