//! The file format of the archive: Parquet, with the personal data of each row encrypted under a person's
//! key.
//!
//! Format 1. Data that is not personal is in plain columns (see [`SCHEMA`]). The column `sealed` has the
//! rest of the row ([`PersonalData`]) as JSON, compressed with Zstandard and encrypted with AES-256-GCM: 12
//! bytes of nonce, the ciphertext, 16 bytes of tag. The associated data is the row's id (16 bytes). `key_id`
//! names the key. Rows are ordered by id, and therefore by time.

mod read;
mod write;

use jiff::Timestamp;
use message_log::months::Record;
use serde::Serialize;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

pub use read::{digest, read};
pub use write::{File, Writer};

/// `key_id` and `sealed` are null if the row was erased before it was archived.
pub const SCHEMA: &str = "
message log {
    required fixed_len_byte_array(16) id (UUID);
    required binary robeing_id (STRING);
    required binary source (STRING);
    required int32 token_count;
    optional double confidence;
    optional fixed_len_byte_array(16) reply_to (UUID);
    required int64 created_at (TIMESTAMP(MICROS,true));
    optional int64 edited_at (TIMESTAMP(MICROS,true));
    optional int64 deleted_at (TIMESTAMP(MICROS,true));
    optional int64 erased_at (TIMESTAMP(MICROS,true));
    optional int64 key_id;
    optional binary sealed;
}";

/// The personal data of a row.
#[derive(Debug, Serialize)]
pub struct PersonalData {
    pub channel_id: Option<String>,
    pub channel_type: Option<String>,
    pub thread_ts: Option<String>,
    pub user_id: Option<Uuid>,
    pub slack_user_id: Option<String>,
    pub message: Option<String>,
    pub response: Option<String>,
    pub parts: Option<Box<RawValue>>,
    pub intent: Option<String>,
    pub metadata: Box<RawValue>,
    pub source_event_id: String,
}

/// A row of a file.
#[derive(Debug, Clone)]
pub struct ArchivedRow {
    pub id: Uuid,
    pub robeing_id: String,
    pub source: String,
    pub token_count: i32,
    pub confidence: Option<f64>,
    pub reply_to: Option<Uuid>,
    /// In microseconds since 1970, like the times below.
    pub created_at: i64,
    pub edited_at: Option<i64>,
    pub deleted_at: Option<i64>,
    pub erased_at: Option<i64>,
    pub key_id: Option<i64>,
    /// [`PersonalData`] as JSON, or the content of the column `sealed` until [`ArchivedRow::open`].
    pub personal: Option<Vec<u8>>,
}

impl ArchivedRow {
    /// `key_id` is none for an erased row.
    pub fn new(record: Record, key_id: Option<i64>) -> anyhow::Result<Self> {
        let personal = PersonalData {
            channel_id: record.channel_id,
            channel_type: record.channel_type,
            thread_ts: record.thread_ts,
            user_id: record.user_id,
            slack_user_id: record.slack_user_id,
            message: record.message,
            response: record.response,
            parts: record.parts,
            intent: record.intent,
            metadata: record.metadata,
            source_event_id: record.source_event_id,
        };
        let personal = key_id.map(|_| serde_json::to_vec(&personal)).transpose()?;
        Ok(Self {
            id: record.id,
            robeing_id: record.robeing_id,
            source: record.source,
            token_count: record.token_count,
            confidence: record.confidence,
            reply_to: record.reply_to,
            created_at: record.created_at.as_microsecond(),
            edited_at: record.edited_at.map(Timestamp::as_microsecond),
            deleted_at: record.deleted_at.map(Timestamp::as_microsecond),
            erased_at: record.erased_at.map(Timestamp::as_microsecond),
            key_id,
            personal,
        })
    }

    /// The row as a JSON object, in the format of exports.
    pub fn json(&self) -> anyhow::Result<String> {
        let time = |micros: Option<i64>| micros.and_then(|it| Timestamp::from_microsecond(it).ok());
        let mut object = serde_json::Map::new();
        let mut set = |name: &str, value: serde_json::Value| {
            object.insert(name.to_owned(), value);
        };
        set("table", "conversation.log".into());
        set("id", self.id.to_string().into());
        set("robeing_id", self.robeing_id.as_str().into());
        set("source", self.source.as_str().into());
        set("token_count", self.token_count.into());
        set("confidence", self.confidence.into());
        set("reply_to", self.reply_to.map(|id| id.to_string()).into());
        for (name, micros) in [
            ("created_at", Some(self.created_at)),
            ("edited_at", self.edited_at),
            ("deleted_at", self.deleted_at),
            ("erased_at", self.erased_at),
        ] {
            set(name, time(micros).map(|time| time.to_string()).into());
        }
        let personal = self.personal.as_deref().unwrap_or(b"{}");
        let personal: serde_json::Map<_, _> = serde_json::from_slice(personal)?;
        object.extend(personal);
        Ok(serde_json::Value::Object(object).to_string())
    }

    /// Adds the row to a digest. Each field is prefixed with its length, so that fields can't run together.
    fn add_to(&self, digest: &mut Sha256) {
        let mut bytes = |bytes: Option<&[u8]>| match bytes {
            Some(bytes) => {
                digest.update((bytes.len() as u64 + 1).to_be_bytes());
                digest.update(bytes);
            }
            None => digest.update([0; 8]),
        };
        let number = |number: Option<i64>| number.map(i64::to_be_bytes);
        bytes(Some(self.id.as_bytes()));
        bytes(Some(self.robeing_id.as_bytes()));
        bytes(Some(self.source.as_bytes()));
        bytes(Some(&self.token_count.to_be_bytes()));
        bytes(
            self.confidence
                .map(|it| it.to_bits().to_be_bytes())
                .as_ref()
                .map(|it| &it[..]),
        );
        bytes(self.reply_to.as_ref().map(|it| &it.as_bytes()[..]));
        for value in [
            Some(self.created_at),
            self.edited_at,
            self.deleted_at,
            self.erased_at,
            self.key_id,
        ] {
            bytes(number(value).as_ref().map(|it| &it[..]));
        }
        bytes(self.personal.as_deref());
    }
}
