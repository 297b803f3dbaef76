//! The object store: one interface for S3, Cloud Storage, a folder and memory.
//!
//! `BUCKET_URL` selects the store: `s3://bucket/prefix`, `gs://bucket/prefix`, `file:///dir`, `memory:///`.
//! The contract tests in `kit::store` run on all four.
//!
//! Servers that imitate S3 or Cloud Storage may ignore the condition of a write. The first conditional write
//! of a process therefore tests the store, with an object below `probe/`. If the store deviates, all
//! conditional writes are refused. `STORE_CONDITIONAL_WRITES=unchecked` allows them; the condition is then
//! checked before the write, which is not atomic.

mod checked;
mod file;
mod gcs;
mod memory;
mod probe;
mod s3;
mod writes;

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use async_trait::async_trait;
use bytes::Bytes;

use crate::{Error, Resources};
use probe::Conditions;

/// The store's identifier of one content of an object, to be compared for equality only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ETag(pub String);

#[derive(Clone, Debug)]
pub struct Object {
    pub body: Bytes,
    pub etag: ETag,
}

/// The condition of a write.
#[derive(Clone, Debug)]
pub enum Put {
    Always,
    /// Only if the object doesn't exist yet.
    IfAbsent,
    /// Only if the object still has this tag.
    IfMatch(ETag),
}

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("no object {0:?}")]
    NotFound(String),
    /// The condition of a write doesn't hold, because of another write. If a response was lost and the write
    /// was retried, the other write may be the first attempt: read and compare.
    #[error("{0:?} was changed by another write")]
    Precondition(String),
    /// The store is down, slow or over its limit. The same call may succeed later.
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
    /// The store doesn't honor the condition of a write. Nothing was written.
    #[error(
        "the store doesn't honor conditional writes: {0}. Concurrent runs would overwrite each \
         other's objects, so nothing was written: use a store that honors them, or, if only one \
         process writes at a time, set STORE_CONDITIONAL_WRITES=unchecked"
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

/// The error by the status of an HTTP response.
fn by_status(status: u16, key: &str, source: impl Into<anyhow::Error>) -> StoreError {
    match status {
        404 => StoreError::NotFound(key.to_owned()),
        412 => StoreError::Precondition(key.to_owned()),
        401 | 403 => StoreError::denied(key, source),
        408 | 429 | 500.. => StoreError::unavailable(key, source),
        _ => StoreError::other(key, source),
    }
}

/// The time-out of one attempt that sends this many bytes. It leaves time for a second attempt on a new
/// connection.
fn response_timeout(bytes: u64) -> Duration {
    Duration::from_secs(4) + upload_time(bytes)
}

/// The time to send this many bytes at 1 MB/s, which an ordinary uplink reaches.
fn upload_time(bytes: u64) -> Duration {
    Duration::from_micros(bytes)
}

/// The error of a handler. A missing object is an internal error, unless the handler translates it itself.
impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable { .. } => Self::unavailable("the store is unavailable", error),
            StoreError::Denied { .. } => Self::unavailable(
                "the store denies access: grant this program access to the bucket of BUCKET_URL; \
                 `metasync doctor` names what is missing",
                error,
            ),
            // The caller may be the operator, who must learn about it.
            StoreError::Deviates(_) => Self::Unavailable {
                detail: error.to_string(),
                cause: None,
            },
            other => Self::Internal(other.into()),
        }
    }
}

/// An object store.
///
/// Keys are relative to the prefix in `BUCKET_URL`. A key has at most 512 bytes, in parts of at most 200
/// bytes with `/` in between. No part is empty, `.` or `..`, and there are no control characters. A key can't
/// be the folder of another one (`a` and `a/b`). A call takes at most 10 s, and 1 s more per MB that it
/// writes.
#[async_trait]
pub trait Store: Send + Sync {
    /// Reads an object, or returns `None` if it still has the tag `if_none_match`.
    async fn get_if_changed(
        &self,
        key: &str,
        if_none_match: Option<&ETag>,
    ) -> Result<Option<Object>>;

    /// Reads a part of an object, which is shorter than the range, or empty, if the object ends earlier.
    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes>;

    /// Writes an object, atomically and durably: readers see either the old or the new object, and after
    /// `Ok` the new one.
    async fn put(&self, key: &str, body: Bytes, condition: Put) -> Result<ETag>;

    /// Lists the keys that start with `prefix`, in the order of their bytes.
    async fn list(&self, prefix: &str) -> Result<Vec<String>>;

    /// Deletes an object, if it exists.
    async fn delete(&self, key: &str) -> Result<()>;

    /// Counts how often this process has written or deleted an object since the first call for it. Whoever keeps a
    /// copy of the object reads it again after a write of the same process.
    fn writes(&self, _key: &str) -> Arc<AtomicU64> {
        Arc::default()
    }

    /// Tests whether the store can be written and honors conditional writes, unless that is known.
    async fn probe(&self) -> Result<()> {
        Ok(())
    }
}

impl dyn Store + '_ {
    /// Reads an object.
    pub async fn get(&self, key: &str) -> Result<Object> {
        let object = self.get_if_changed(key, None).await?;
        object.ok_or_else(|| StoreError::NotFound(key.to_owned()))
    }
}

const FORMS: &str =
    "one of `s3://bucket/prefix`, `gs://bucket/prefix`, `file:///dir` and `memory:///`";

/// Opens the store that `BUCKET_URL` names. It connects and logs in at the first call.
pub fn open(resources: &Resources) -> anyhow::Result<Arc<dyn Store>> {
    let url = resources.env().required("BUCKET_URL", FORMS)?;
    let external = Conditions::external(resources.env())?;
    let (store, prefix, conditions): (Arc<dyn Store>, &str, Conditions) =
        match url.split_once("://") {
            Some(("s3", place)) => {
                let (bucket, prefix) = bucket_and_prefix(url, place)?;
                (Arc::new(s3::S3::open(resources, bucket)?), prefix, external)
            }
            Some(("gs", place)) => {
                let (bucket, prefix) = bucket_and_prefix(url, place)?;
                (
                    Arc::new(gcs::Gcs::open(resources, bucket)?),
                    prefix,
                    external,
                )
            }
            Some(("file", _)) => {
                let folder = url::Url::parse(url)
                    .ok()
                    .and_then(|url| url.to_file_path().ok());
                let folder = folder.filter(|folder| folder.parent().is_some());
                let folder = folder
                    .with_context(|| format!("BUCKET_URL {url:?} names no folder: use {FORMS}"))?;
                (Arc::new(file::Folder::new(folder)), "", Conditions::Honored)
            }
            Some(("memory", "" | "/")) => {
                let memory = memory::Memory::default();
                (Arc::new(memory), "", Conditions::Honored)
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
        checked::key(prefix)
            .with_context(|| format!("BUCKET_URL {url:?} has an invalid prefix"))?;
    }
    Ok((bucket, prefix))
}

/// The content type of an object, so that browsers can show it.
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
