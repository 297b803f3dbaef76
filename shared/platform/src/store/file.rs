//! A folder: each object is a plain file at the path of its key.
//!
//! Several processes may share the folder. Writers take turns with a lock file. Readers need no lock, because
//! files are replaced atomically. The lock and the file that is being written are in `.metasync`: a killed
//! writer leaves nothing that a list would show, and the next one overwrites its file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{ETag, Object, Put, Result, Store, StoreError};

const PRIVATE: &str = ".metasync";

pub(super) struct Folder(Arc<PathBuf>);

impl Folder {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self(Arc::new(folder))
    }

    /// Runs blocking work on another thread.
    async fn blocking<T: Send + 'static>(
        &self,
        key: &str,
        work: impl FnOnce(&Path, &str) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (folder, owned) = (self.0.clone(), key.to_owned());
        tokio::task::spawn_blocking(move || {
            if owned.split('/').next() == Some(PRIVATE) {
                let reason = anyhow::anyhow!("keys below {PRIVATE} are reserved for the store");
                return Err(StoreError::other(&owned, reason));
            }
            work(&folder, &owned)
        })
        .await
        .unwrap_or_else(|panic| Err(StoreError::other(key, panic)))
    }
}

#[async_trait]
impl Store for Folder {
    async fn get_if_changed(
        &self,
        key: &str,
        if_none_match: Option<&ETag>,
    ) -> Result<Option<Object>> {
        let known = if_none_match.cloned();
        self.blocking(key, move |folder, key| {
            let body = fs::read(folder.join(key)).map_err(|error| reading(key, error))?;
            let etag = etag(&body);
            let body = Bytes::from(body);
            Ok((known.as_ref() != Some(&etag)).then_some(Object { body, etag }))
        })
        .await
    }

    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes> {
        self.blocking(key, move |folder, key| {
            let mut body = Vec::new();
            File::open(folder.join(key))
                .and_then(|mut file| {
                    file.seek(SeekFrom::Start(range.start))?;
                    file.take(range.end - range.start).read_to_end(&mut body)
                })
                .map_err(|error| reading(key, error))?;
            Ok(Bytes::from(body))
        })
        .await
    }

    async fn put(&self, key: &str, body: Bytes, condition: Put) -> Result<ETag> {
        self.blocking(key, move |folder, key| {
            let path = folder.join(key);
            let _lock = lock(folder).map_err(|error| writing(key, error))?;
            let found = || match fs::read(&path) {
                Ok(body) => Ok(Some(etag(&body))),
                Err(error) if missing(&error) => Ok(None),
                Err(error) => Err(writing(key, error)),
            };
            let holds = match &condition {
                Put::Always => true,
                Put::IfAbsent => found()?.is_none(),
                Put::IfMatch(etag) => found()?.as_ref() == Some(etag),
            };
            if !holds {
                return Err(StoreError::Precondition(key.to_owned()));
            }
            replace(folder, &path, &body).map_err(|error| writing(key, error))?;
            Ok(etag(&body))
        })
        .await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>> {
        self.blocking(prefix, |folder, prefix| {
            let below = prefix.rsplit_once('/').map_or("", |(below, _)| below);
            let mut keys = Vec::new();
            walk(folder, below, &mut keys).map_err(|error| reading(prefix, error))?;
            keys.retain(|key| key.starts_with(prefix));
            Ok(keys)
        })
        .await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.blocking(key, |folder, key| {
            let path = folder.join(key);
            if !path.is_file() {
                return Ok(());
            }
            lock(folder)
                .and_then(|_lock| match fs::remove_file(&path) {
                    Err(error) if !missing(&error) => Err(error),
                    _ => sync_folder(path.parent().unwrap_or(folder)),
                })
                .map_err(|error| writing(key, error))
        })
        .await
    }

    /// A folder honors conditions, unless it can't be written at all.
    async fn probe(&self) -> Result<()> {
        let key = format!("probe/{}", Uuid::now_v7());
        self.put(&key, Bytes::new(), Put::IfAbsent).await?;
        self.delete(&key).await
    }
}

/// The tag depends on the content alone, as on S3.
fn etag(body: &[u8]) -> ETag {
    ETag(hex::encode(&Sha256::digest(body)[..16]))
}

/// Waits for the lock of writers, which is released when the file is dropped or the process ends.
fn lock(folder: &Path) -> io::Result<File> {
    let private = folder.join(PRIVATE);
    create_folder(&private)?;
    let lock = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(private.join("lock"))?;
    lock.lock()?;
    Ok(lock)
}

fn replace(folder: &Path, path: &Path, body: &[u8]) -> io::Result<()> {
    let parent = path.parent().unwrap_or(folder);
    create_folder(parent)?;
    let fresh = folder.join(PRIVATE).join("new");
    let mut file = File::create(&fresh)?;
    file.write_all(body)?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    // The rename is durable only once its folder is synced.
    sync_folder(parent)
}

fn create_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = folder.parent();
    if let Some(parent) = parent {
        create_folder(parent)?;
    }
    match fs::create_dir(folder) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
        Err(error) => Err(error),
        Ok(()) => parent.map_or(Ok(()), sync_folder),
    }
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Adds the keys of the files below `below`. Files that are deleted meanwhile are skipped.
fn walk(folder: &Path, below: &str, keys: &mut Vec<String>) -> io::Result<()> {
    let entries = match fs::read_dir(folder.join(below)) {
        Ok(entries) => entries,
        Err(error) if missing(&error) => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        // A name that is not UTF-8 is not a key.
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let key = match below {
            "" if name == PRIVATE => continue,
            "" => name,
            below => format!("{below}/{name}"),
        };
        // Follows links, by which a part of the folder can be elsewhere.
        match fs::metadata(entry.path()) {
            Ok(found) if found.is_dir() => walk(folder, &key, keys)?,
            Ok(_) => keys.push(key),
            Err(error) if missing(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Whether the object doesn't exist, which includes that a part of its key is a file, or the key a folder.
fn missing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::IsADirectory
    )
}

fn reading(key: &str, error: io::Error) -> StoreError {
    if missing(&error) {
        return StoreError::NotFound(key.to_owned());
    }
    writing(key, error)
}

fn writing(key: &str, error: io::Error) -> StoreError {
    let kind = error.kind();
    let source = anyhow::Error::new(error);
    match kind {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            StoreError::denied(key, source)
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::Interrupted => {
            StoreError::unavailable(key, source)
        }
        ErrorKind::NotADirectory | ErrorKind::IsADirectory | ErrorKind::AlreadyExists => {
            StoreError::other(
                key,
                source.context("a key can't be the folder of another one"),
            )
        }
        _ => StoreError::other(key, source),
    }
}
