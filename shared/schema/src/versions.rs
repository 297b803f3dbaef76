//! Versions in the object store: immutable objects named by their content's hash, and a head.
//!
//! A version is written before the head points to it, and the head moves by compare-and-swap. A reader
//! therefore sees the old document or the new one, even if a writer is killed at any point.

use std::io::Write as _;

use anyhow::Context as _;
use bytes::Bytes;
use jiff::Timestamp;
use platform::store::{ETag, Object, Put, Store, StoreError};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use crate::bounds;
use crate::diff::{self, Change, ChangeKind};
use crate::document::{
    Column, Document, Example, FORMAT, How, Meaning, NEWEST_FORMAT, Origin, Problem, Source, Table,
};

/// The key of the current document, in plain JSON.
pub const HEAD: &str = "schema/metadata_cache.json";
/// The key of the list of versions, newest last.
pub const HISTORY: &str = "schema/history.json";

/// Older entries leave the history. Their objects stay until a lifecycle rule removes them.
const HISTORY_LENGTH: usize = 1_000;

pub fn version_key(version: &str) -> String {
    format!("schema/versions/{version}.json.zst")
}

/// Why a document must not be used.
#[derive(Debug, thiserror::Error)]
pub enum Damaged {
    #[error("the document can't be parsed")]
    Unreadable(#[from] serde_json::Error),
    #[error(
        "the document has format {0}, and this program reads formats {FORMAT} to {NEWEST_FORMAT}: update the program"
    )]
    Format(u32),
    #[error("the document claims version {claimed}, and its content is {actual}")]
    Content { claimed: String, actual: String },
}

/// Sets the format and the version of a document whose content is complete.
pub fn seal(document: &mut Document) {
    document.format = document.least_format();
    document.version = content_hash(document);
}

/// The hash of a document's content: everything except times and the ledger.
pub fn content_hash(document: &Document) -> String {
    #[derive(Serialize)]
    struct Content<'a> {
        format: u32,
        source: &'a Source,
        tables: &'a [Table],
        examples: Vec<Timeless<'a>>,
        quarantined: Vec<Timeless<'a>>,
        #[serde(skip_serializing_if = "Meaning::is_empty")]
        meaning: &'a Meaning,
    }
    let content = Content {
        format: document.format,
        source: &document.source,
        tables: &document.tables,
        examples: document.examples.iter().map(Timeless::from).collect(),
        quarantined: document.quarantined.iter().map(Timeless::from).collect(),
        meaning: &document.meaning,
    };
    let mut hash = HashWriter(Sha256::new());
    serde_json::to_writer(&mut hash, &content).expect("a document serializes to JSON");
    hex::encode(hash.0.finalize())
}

/// An example without the time of its verification.
#[derive(Serialize)]
struct Timeless<'a> {
    question: &'a str,
    sql: &'a str,
    tables: &'a [String],
    origin: Origin,
    error: Option<&'a str>,
    verified: Option<(How, Option<u64>, &'a [Column])>,
}

impl<'a> From<&'a Example> for Timeless<'a> {
    fn from(example: &'a Example) -> Self {
        let verified = example.verified.as_ref();
        Self {
            question: &example.question,
            sql: &example.sql,
            tables: &example.tables,
            origin: example.origin,
            error: example.error.as_deref(),
            verified: verified.map(|it| (it.how, it.bytes_processed, it.columns.as_slice())),
        }
    }
}

/// Hashes what is written, so that a large document is not serialized into memory.
struct HashWriter(Sha256);

impl std::io::Write for HashWriter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Parses a document in plain JSON, and checks its format and its hash.
pub fn parse(bytes: &[u8]) -> Result<Document, Damaged> {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    let Format { format } = serde_json::from_slice(bytes)?;
    if !(FORMAT..=NEWEST_FORMAT).contains(&format) {
        return Err(Damaged::Format(format));
    }
    let mut document: Document = serde_json::from_slice(bytes)?;
    let actual = content_hash(&document);
    if actual != document.version {
        return Err(Damaged::Content {
            claimed: document.version,
            actual,
        });
    }
    document.complete_names();
    // An earlier release may have written more than the limits allow.
    bounds::fit_all(&mut document.tables);
    Ok(document)
}

/// The head in the store. A damaged head is a case of its own, because it must be replaced.
#[derive(Debug)]
pub enum Head {
    Absent,
    Whole { document: Box<Document>, etag: ETag },
    Damaged { error: Damaged, etag: ETag },
}

impl Head {
    /// The head that an object holds, which takes as long as the document is large.
    pub fn of(object: Object) -> Self {
        let etag = object.etag;
        match parse(&object.body) {
            Ok(document) => Self::Whole {
                document: Box::new(document),
                etag,
            },
            Err(error) => Self::Damaged { error, etag },
        }
    }

    /// The condition that replaces this head and no other.
    pub fn replace(&self) -> Put {
        match self {
            Self::Absent => Put::IfAbsent,
            Self::Whole { etag, .. } | Self::Damaged { etag, .. } => Put::IfMatch(etag.clone()),
        }
    }
}

pub async fn load_head(store: &dyn Store) -> Result<Head, StoreError> {
    match store.get(HEAD).await {
        Ok(object) => Ok(Head::of(object)),
        Err(StoreError::NotFound(_)) => Ok(Head::Absent),
        Err(error) => Err(error),
    }
}

/// Loads a version by its hash; `None` if there is no such version.
pub async fn load_version(store: &dyn Store, version: &str) -> anyhow::Result<Option<Document>> {
    let packed = load_packed(store, version).await?;
    packed.map(Packed::unpack).transpose()
}

/// A version as it is stored.
pub struct Packed {
    key: String,
    body: Bytes,
}

impl Packed {
    /// The document, which takes as long as it is large.
    ///
    /// # Errors
    /// If the version is damaged.
    pub fn unpack(self) -> anyhow::Result<Document> {
        let damaged = || format!("{} is damaged", self.key);
        let json = zstd::decode_all(&self.body[..]).with_context(damaged)?;
        parse(&json).with_context(damaged)
    }
}

/// Loads a version by its hash without parsing it; `None` if there is no such version.
pub async fn load_packed(store: &dyn Store, version: &str) -> Result<Option<Packed>, StoreError> {
    if version.len() != 64 || !version.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(None);
    }
    let key = version_key(&version.to_ascii_lowercase());
    match store.get(&key).await {
        Ok(object) => Ok(Some(Packed {
            key,
            body: object.body,
        })),
        Err(StoreError::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// One version in the history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = SchemaVersion)]
pub struct Entry {
    pub version: String,
    #[schema(value_type = String, format = DateTime)]
    pub generated_at: Timestamp,
    pub tables_count: usize,
    pub columns_count: usize,
    pub examples_count: usize,
    pub changes: Summary,
}

/// How many paths and tables changed from the previous version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = SchemaVersionChanges)]
pub struct Summary {
    pub added: usize,
    pub removed: usize,
    pub changed: usize,
    pub breaking: usize,
}

impl Summary {
    pub fn of(changes: &[Change]) -> Self {
        let count = |kinds: &[ChangeKind]| {
            changes
                .iter()
                .filter(|change| kinds.contains(&change.kind))
                .count()
        };
        let added = count(&[ChangeKind::TableAdded, ChangeKind::ColumnAdded]);
        let removed = count(&[ChangeKind::TableRemoved, ChangeKind::ColumnRemoved]);
        Self {
            added,
            removed,
            changed: changes.len() - added - removed,
            breaking: changes.iter().filter(|change| change.breaking).count(),
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    pub versions: Vec<Entry>,
    /// Why the stored history could not be parsed.
    #[serde(skip)]
    pub damage: Option<String>,
}

impl History {
    fn lost(&self) -> Option<Problem> {
        let damage = self.damage.as_ref()?;
        Some(Problem::general(
            "history",
            format!(
                "{HISTORY} was damaged ({damage}) and starts over: earlier versions are kept, but no \
                 longer listed"
            ),
        ))
    }

    /// The position of a document. Content may return, so its time counts as well, but the current
    /// version is never recorded twice in a row.
    fn position(&self, document: &Document) -> Option<usize> {
        let is_it = |entry: &Entry| {
            entry.version == document.version && entry.generated_at == document.generated_at
        };
        let last = self.versions.len().checked_sub(1);
        self.versions
            .iter()
            .rposition(is_it)
            .or_else(|| last.filter(|&last| self.versions[last].version == document.version))
    }
}

impl Entry {
    pub fn of(document: &Document, changes: &[Change]) -> Self {
        Self {
            version: document.version.clone(),
            generated_at: document.generated_at,
            tables_count: document.tables.len(),
            columns_count: document.columns_count(),
            examples_count: document.examples.len(),
            changes: Summary::of(changes),
        }
    }
}

/// Loads the history. A damaged history counts as empty; the versions themselves remain.
pub async fn load_history(store: &dyn Store) -> Result<(History, Put), StoreError> {
    match store.get(HISTORY).await {
        Ok(object) => {
            let history = serde_json::from_slice(&object.body).unwrap_or_else(|error| {
                tracing::error!(%error, "{HISTORY} is damaged and starts over");
                History {
                    damage: Some(error.to_string()),
                    ..History::default()
                }
            });
            Ok((history, Put::IfMatch(object.etag)))
        }
        Err(StoreError::NotFound(_)) => Ok((History::default(), Put::IfAbsent)),
        Err(error) => Err(error),
    }
}

/// The newest version that can still be read, from which a sync starts if the head is damaged.
/// Damaged and missing versions are skipped. An unavailable store is an error, not damage.
pub async fn newest_whole_version(store: &dyn Store) -> Result<Option<Document>, StoreError> {
    let (history, _) = load_history(store).await?;
    for entry in history.versions.iter().rev().take(10) {
        if let Some(document) = whole_version(store, &entry.version).await? {
            return Ok(Some(document));
        }
    }
    Ok(None)
}

/// A version, or none if it is missing or damaged.
async fn whole_version(store: &dyn Store, version: &str) -> Result<Option<Document>, StoreError> {
    match load_version(store, version).await {
        Ok(document) => Ok(document),
        Err(error) => {
            let damage = error.downcast::<StoreError>();
            damage.map_or_else(
                |damage| {
                    tracing::error!(version, error = format!("{damage:#}"), "a damaged version");
                    Ok(None)
                },
                Err,
            )
        }
    }
}

/// A document as it is stored.
pub struct Serialized {
    key: String,
    compressed: Bytes,
    json: Bytes,
}

impl Serialized {
    /// Takes as long as the document is large.
    ///
    /// # Errors
    /// `Other` if the document can't be compressed.
    pub fn of(document: &Document) -> Result<Self, StoreError> {
        let key = version_key(&document.version);
        let compressed = compress(document).map_err(|source| StoreError::Other {
            key: key.clone(),
            source: source.into(),
        })?;
        let json = serde_json::to_vec(document).expect("a document serializes to JSON");
        Ok(Self {
            key,
            compressed,
            json: Bytes::from(json),
        })
    }
}

/// [`publish_serialized`] for a document.
pub async fn publish(
    store: &dyn Store,
    document: &Document,
    replace: Put,
) -> Result<(), StoreError> {
    publish_serialized(store, Serialized::of(document)?, replace).await
}

/// Stores the version, then moves the head to it under the condition of [`Head::replace`].
///
/// Returns `Precondition` if another writer moved the head meanwhile. The cache is consistent then,
/// and the caller may load the head and retry.
pub async fn publish_serialized(
    store: &dyn Store,
    serialized: Serialized,
    replace: Put,
) -> Result<(), StoreError> {
    let Serialized {
        key,
        compressed,
        json,
    } = serialized;
    match store.put(&key, compressed, Put::IfAbsent).await {
        // The same content was stored before.
        Ok(_) | Err(StoreError::Precondition(_)) => {}
        Err(error) => return Err(error),
    }
    store.put(HEAD, json, replace).await?;
    Ok(())
}

fn compress(document: &Document) -> std::io::Result<Bytes> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 9)?;
    let mut buffered = std::io::BufWriter::with_capacity(1 << 16, &mut encoder);
    serde_json::to_writer(&mut buffered, document).map_err(std::io::Error::from)?;
    buffered.flush()?;
    drop(buffered);
    Ok(Bytes::from(encoder.finish()?))
}

/// Adds the document to the history, after the version whose head it replaced. If `before` is none,
/// that version is unknown, and the newest of the history is assumed.
///
/// Call it after the head has moved. A writer may be killed between the two, or be slower than the
/// next one, so a missing previous version is recorded as well, and entries of later writers stay.
/// Returns a problem if the stored history was damaged.
pub async fn record(
    store: &dyn Store,
    before: Option<&Document>,
    document: &Document,
) -> Result<Option<Problem>, StoreError> {
    loop {
        let (mut history, condition) = load_history(store).await?;
        if history.position(document).is_some() {
            return Ok(None);
        }
        let (position, changes) = match before.map(|before| (before, history.position(before))) {
            Some((before, Some(position))) => (position + 1, diff::diff(before, document)),
            Some((before, None)) => {
                let changes = since_newest(store, &history, before).await?;
                history.versions.push(Entry::of(before, &changes));
                (history.versions.len(), diff::diff(before, document))
            }
            None => {
                let changes = since_newest(store, &history, document).await?;
                (history.versions.len(), changes)
            }
        };
        history
            .versions
            .insert(position, Entry::of(document, &changes));
        let surplus = history.versions.len().saturating_sub(HISTORY_LENGTH);
        history.versions.drain(..surplus);
        let json = serde_json::to_vec(&history).expect("a history serializes to JSON");
        match store.put(HISTORY, Bytes::from(json), condition).await {
            Ok(_) => return Ok(history.lost()),
            Err(StoreError::Precondition(_)) => {}
            Err(error) => return Err(error),
        }
    }
}

/// The changes since the newest version of the history.
async fn since_newest(
    store: &dyn Store,
    history: &History,
    document: &Document,
) -> Result<Vec<Change>, StoreError> {
    let newest = match history.versions.last() {
        Some(entry) => whole_version(store, &entry.version).await?,
        None => None,
    };
    let before = newest.as_ref().map_or(&[][..], |newest| &newest.tables);
    Ok(diff::tables(before, &document.tables))
}
