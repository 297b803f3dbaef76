//! The last good copy in the temporary folder: it outlives the process where the platform starts
//! a new one on the same machine while the store is away.

use std::io;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use shared::Env;

use crate::view::View;

/// What tells one deployment from another: copies are never mixed up.
const DEPLOYMENT: [&str; 3] = ["BUCKET_URL", "AWS_ENDPOINT_URL_S3", "STORAGE_EMULATOR_HOST"];

#[derive(Clone, Debug)]
pub struct TemporaryCopy {
    folder: PathBuf,
    file: String,
}

impl TemporaryCopy {
    /// In `TMPDIR`, or `/tmp`; none for a store that is gone with the process.
    pub fn new(env: &Env) -> Option<Self> {
        let url = env.get("BUCKET_URL").unwrap_or_default();
        let temporary = Path::new(env.get("TMPDIR").unwrap_or("/tmp"));
        let mut deployment = Sha256::new();
        for name in DEPLOYMENT {
            deployment.update(env.get(name).unwrap_or_default());
            deployment.update([0]);
        }
        (!url.starts_with("memory:")).then(|| Self {
            folder: temporary.join("metasync-cache-read"),
            file: format!("{}.json", &hex::encode(deployment.finalize())[..32]),
        })
    }

    /// The copy, if it is whole, and how old it is. What is not is as good as none.
    pub(crate) async fn load(&self) -> Option<(Arc<View>, Duration)> {
        let copy = self.clone();
        let read = tokio::task::spawn_blocking(move || {
            copy.is_ours().ok()?;
            let path = copy.folder.join(&copy.file);
            let age = path.metadata().ok()?.modified().ok()?.elapsed();
            let view = View::parse(Bytes::from(std::fs::read(path).ok()?)).ok()?;
            Some((Arc::new(view), age.unwrap_or_default()))
        });
        read.await.ok()?
    }

    /// Whole or not at all; that it fails is no trouble until it is needed.
    pub(crate) async fn save(&self, view: Arc<View>) {
        let copy = self.clone();
        let write = tokio::task::spawn_blocking(move || copy.write(&view.body()));
        if let Ok(Err(error)) = write.await {
            let folder = self.folder.display();
            tracing::debug!(%error, "the copy in {folder} could not be written");
        }
    }

    fn write(&self, body: &[u8]) -> io::Result<()> {
        static WRITES: AtomicU64 = AtomicU64::new(0);
        let made = std::fs::DirBuilder::new().mode(0o700).create(&self.folder);
        if let Err(error) = made
            && error.kind() != io::ErrorKind::AlreadyExists
        {
            return Err(error);
        }
        self.is_ours()?;
        let unique = WRITES.fetch_add(1, Ordering::Relaxed);
        let part = format!("{}.{}.{unique}", self.file, std::process::id());
        let part = self.folder.join(part);
        let mut options = std::fs::OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&part)?;
        let written = file
            .write_all(body)
            .and_then(|()| std::fs::rename(&part, self.folder.join(&self.file)));
        if written.is_err() {
            let _ = std::fs::remove_file(&part);
        }
        written
    }

    /// The temporary folder is everybody's: a copy counts only in a folder that nobody else can
    /// write to.
    fn is_ours(&self) -> io::Result<()> {
        let found = self.folder.symlink_metadata()?;
        if found.is_dir() && found.permissions().mode().trailing_zeros() >= 6 {
            Ok(())
        } else {
            Err(io::Error::other("the folder is open to others"))
        }
    }
}
