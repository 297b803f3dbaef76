//! The object store: what S3, Cloud Storage, a folder and memory have in common.
//!
//! `BUCKET_URL` chooses: `s3://bucket/prefix`, `gs://bucket/prefix`, `file:///dir`, `memory:///`.
//! One contract suite, `kit::store`, holds all four.
//!
//! What only claims to be S3 or Cloud Storage may ignore the condition of a write. So the first
//! conditional write of a process tries that out, with an object below `probe/`, and where the
//! store deviates, every conditional write is refused. `STORE_CONDITIONAL_WRITES=unchecked` allows
//! it; then a condition is looked at before the write, which is as much as can be done.

mod checked;
mod file;
mod gcs;
mod memory;
mod probe;
mod s3;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use async_trait::async_trait;
use bytes::Bytes;

use crate::{Error, Resources};
use probe::Conditions;

/// The store's own name for one content of an object; only ever compared for equality.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ETag(pub String);

#[derive(Clone, Debug)]
pub struct Object {
    pub body: Bytes,
    pub etag: ETag,
}

/// Under which condition a `put` writes.
#[derive(Clone, Debug)]
pub enum Put {
    Always,
    /// Only where there is no such object yet.
    IfAbsent,
    /// Only where the object is still the one with this tag.
    IfMatch(ETag),
}

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("no object {0:?}")]
    NotFound(String),
    /// The condition of a `put` does not hold: somebody else wrote. Where the answer to a write was
    /// lost and the write was tried again, that somebody may be this caller: read and compare.
    #[error("{0:?} was written by somebody else")]
    Precondition(String),
    /// Down, slow or over its limit; the same call may succeed later.
    #[error("the store is unavailable for {key:?}")]
    Unavailable {
        key: String,
        #[source]
        source: anyhow::Error,
    },
    #[error("the store denies access to {key:?}")]
    Denied {
        key: String,
        #[source]
        source: anyhow::Error,
    },
    /// It writes where it must not, or does not where it must. Nothing was written.
    #[error(
        "the store does not keep the condition of a write: {0}. Two runs at once would overwrite \
         each other's objects, so nothing was written: use a store that keeps conditions, or, \
         where one process writes at a time, set STORE_CONDITIONAL_WRITES=unchecked"
    )]
    Deviates(&'static str),
    #[error("the store failed for {key:?}")]
    Other {
        key: String,
        #[source]
        source: anyhow::Error,
    },
}

pub type Result<T, E = StoreError> = std::result::Result<T, E>;

impl StoreError {
    fn unavailable(key: &str, source: impl Into<anyhow::Error>) -> Self {
        let (key, source) = (key.to_owned(), source.into());
        Self::Unavailable { key, source }
    }

    fn denied(key: &str, source: impl Into<anyhow::Error>) -> Self {
        let (key, source) = (key.to_owned(), source.into());
        Self::Denied { key, source }
    }

    fn other(key: &str, source: impl Into<anyhow::Error>) -> Self {
        let (key, source) = (key.to_owned(), source.into());
        Self::Other { key, source }
    }
}

/// What the status of an answer means, for the services that speak HTTP.
fn by_status(status: u16, key: &str, source: impl Into<anyhow::Error>) -> StoreError {
    match status {
        404 => StoreError::NotFound(key.to_owned()),
        412 => StoreError::Precondition(key.to_owned()),
        401 | 403 => StoreError::denied(key, source),
        408 | 429 | 500.. => StoreError::unavailable(key, source),
        _ => StoreError::other(key, source),
    }
}

/// How long a service may take to answer one attempt that sends this many bytes. Short enough that
/// a second attempt, on a fresh connection, is still in time.
fn answer_within(bytes: u64) -> Duration {
    Duration::from_secs(4) + upload_time(bytes)
}

/// At 1 MB/s, which a person's uplink reaches.
fn upload_time(bytes: u64) -> Duration {
    Duration::from_micros(bytes)
}

/// What a handler's `?` makes of it. An object that is missing is a caller's matter only where the
/// handler says so: here it is our fault.
impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable { .. } => Self::unavailable("the store is unavailable", error),
            // Whoever deploys this has to hear of it, and the caller may be the one.
            StoreError::Deviates(_) => Self::Unavailable {
                detail: error.to_string(),
                cause: None,
            },
            other => Self::Internal(other.into()),
        }
    }
}

/// Keys are relative to the prefix in `BUCKET_URL`: at most 512 bytes, parts of at most 200 bytes
/// with `/` between them, none empty, `.` or `..`, no control characters. A key is not at the same
/// time the folder of another (`a` and `a/b`). No call takes longer than 10 s, and 1 s more a MB it
/// writes.
#[async_trait]
pub trait Store: Send + Sync {
    /// The whole object, or `None` where it is still the one with the tag `if_none_match`.
    async fn get_if_changed(
        &self,
        key: &str,
        if_none_match: Option<&ETag>,
    ) -> Result<Option<Object>>;

    /// A part of the object; shorter than the range, or empty, where the object ends before.
    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes>;

    /// Atomic and durable: a reader sees the old object or the new one, and after `Ok` the new one.
    async fn put(&self, key: &str, body: Bytes, condition: Put) -> Result<ETag>;

    /// The keys that start with `prefix`, in the order of their bytes.
    async fn list(&self, prefix: &str) -> Result<Vec<String>>;

    /// Removing what is not there is no error.
    async fn delete(&self, key: &str) -> Result<()>;

    /// Whether it keeps the conditions of writes, tried out where that is not known yet.
    async fn probe(&self) -> Result<()> {
        Ok(())
    }
}

impl dyn Store + '_ {
    pub async fn get(&self, key: &str) -> Result<Object> {
        let object = self.get_if_changed(key, None).await?;
        object.ok_or_else(|| StoreError::NotFound(key.to_owned()))
    }
}

const FORMS: &str =
    "one of `s3://bucket/prefix`, `gs://bucket/prefix`, `file:///dir` and `memory:///`";

/// The store that `BUCKET_URL` names. Connects, logs in and reads nothing before the first call.
pub fn open(resources: &Resources) -> anyhow::Result<Arc<dyn Store>> {
    let url = resources.env().required("BUCKET_URL", FORMS)?;
    let others = Conditions::of_others(resources.env())?;
    let (store, prefix, conditions): (Arc<dyn Store>, &str, Conditions) =
        match url.split_once("://") {
            Some(("s3", place)) => {
                let (bucket, prefix) = bucket_and_prefix(url, place)?;
                (Arc::new(s3::S3::open(resources, bucket)?), prefix, others)
            }
            Some(("gs", place)) => {
                let (bucket, prefix) = bucket_and_prefix(url, place)?;
                (Arc::new(gcs::Gcs::open(resources, bucket)?), prefix, others)
            }
            Some(("file", _)) => {
                let folder = url::Url::parse(url)
                    .ok()
                    .and_then(|url| url.to_file_path().ok());
                let folder = folder.filter(|folder| folder.parent().is_some());
                let folder = folder
                    .with_context(|| format!("BUCKET_URL {url:?} names no folder: use {FORMS}"))?;
                (Arc::new(file::Folder::new(folder)), "", Conditions::Ours)
            }
            Some(("memory", "" | "/")) => {
                let memory = memory::Memory::default();
                (Arc::new(memory), "", Conditions::Ours)
            }
            _ => anyhow::bail!("BUCKET_URL is {url:?}: use {FORMS}"),
        };
    Ok(Arc::new(checked::Checked::new(store, prefix, conditions)))
}

fn bucket_and_prefix<'a>(url: &str, place: &'a str) -> anyhow::Result<(&'a str, &'a str)> {
    let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
    let letters = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    ensure!(
        !bucket.is_empty() && bucket.chars().all(letters),
        "BUCKET_URL {url:?} names no bucket: use {FORMS}",
    );
    let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
    if !prefix.is_empty() {
        checked::key(prefix).with_context(|| format!("BUCKET_URL {url:?} has a bad prefix"))?;
    }
    Ok((bucket, prefix))
}

/// For the services that keep a content type, so that a browser or `curl` shows what it gets.
fn content_type(key: &str) -> &'static str {
    if key.ends_with(".json") {
        "application/json"
    } else {
        "application/octet-stream"
    }
}

fn part(body: &Bytes, range: Range<u64>) -> Bytes {
    let within = |end: u64| usize::try_from(end).unwrap_or(usize::MAX).min(body.len());
    body.slice(within(range.start)..within(range.end))
}
