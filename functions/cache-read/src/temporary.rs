//! The last good copy in the temporary folder. It outlives the process, for platforms that start a new
//! one on the same machine while the store is unavailable.

use std::io;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use platform::Env;
use sha2::{Digest as _, Sha256};

use crate::view::View;

/// The variables that identify a deployment, so that copies are never confused.
const DEPLOYMENT: [&str; 4] = [
    "BUCKET_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL",
    "STORAGE_EMULATOR_HOST",
];

#[derive(Clone, Debug)]
pub struct TemporaryCopy {
    folder: PathBuf,
    file: String,
    /// The user who must own the folder.
    user: u32,
}

impl TemporaryCopy {
    /// A copy in `TMPDIR` or `/tmp`; none for a store in memory.
    pub fn new(env: &Env) -> Option<Self> {
        let url = env.get("BUCKET_URL").unwrap_or_default();
        let temporary = Path::new(env.get("TMPDIR").unwrap_or("/tmp"));
        let mut deployment = Sha256::new();
        for name in DEPLOYMENT {
            deployment.update(env.get(name).unwrap_or_default());
            deployment.update([0]);
        }
        let user = rustix::process::geteuid().as_raw();
        (!url.starts_with("memory:")).then(|| Self {
            // One folder per user, so that no user blocks another.
            folder: temporary.join(format!("metasync-cache-read-{user}")),
            user,
            file: format!("{}.json", &hex::encode(deployment.finalize())[..32]),
        })
    }

    /// Loads the copy and its age; none if it is missing or damaged.
    pub(crate) async fn load(&self) -> Option<(Arc<View>, Duration)> {
        let copy = self.clone();
        let read = tokio::task::spawn_blocking(move || {
            copy.check_owner().ok()?;
            let path = copy.folder.join(&copy.file);
            let age = path.metadata().ok()?.modified().ok()?.elapsed();
            let view = View::parse(Bytes::from(std::fs::read(path).ok()?)).ok()?;
            Some((Arc::new(view), age.unwrap_or_default()))
        });
        read.await.ok()?
    }

    /// Saves the copy atomically. A failure is only logged.
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
        self.check_owner()?;
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

    /// Checks the owner and permissions: anybody may create a folder in the temporary folder, so a copy
    /// counts only in a folder that this user owns and nobody else can access.
    fn check_owner(&self) -> io::Result<()> {
        let found = self.folder.symlink_metadata()?;
        if !found.is_dir() || found.uid() != self.user {
            return Err(io::Error::other("another user owns the folder"));
        }
        if found.mode() & 0o077 != 0 {
            return Err(io::Error::other("other users have access to the folder"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin;

    fn copy_in(folder: &Path, variables: &[(&str, &str)]) -> TemporaryCopy {
        let env = Env::default().with("TMPDIR", folder.to_str().expect("UTF-8"));
        let env = variables
            .iter()
            .fold(env, |env, (name, value)| env.with(name, *value));
        TemporaryCopy::new(&env).expect("a copy")
    }

    #[tokio::test]
    async fn a_copy_in_the_folder_of_another_user_is_neither_read_nor_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let ours = copy_in(folder.path(), &[("BUCKET_URL", "s3://one")]);
        ours.save(Arc::new(View::new(builtin::document(None))))
            .await;
        assert!(ours.load().await.is_some());

        // The folder of the other user, created by the user who runs this test.
        let of_other_user = TemporaryCopy {
            user: ours.user + 1,
            ..ours
        };
        assert!(of_other_user.load().await.is_none());
        of_other_user
            .write(b"{}")
            .expect_err("not into that folder");
    }

    #[test]
    fn users_and_deployments_have_separate_copies() {
        let folder = Path::new("/tmp");
        let bucket = ("BUCKET_URL", "s3://one");
        let mut files: Vec<PathBuf> = [
            &[bucket][..],
            &[("BUCKET_URL", "s3://two")],
            &[bucket, ("AWS_ENDPOINT_URL", "http://one")],
            &[bucket, ("AWS_ENDPOINT_URL", "http://two")],
            &[bucket, ("AWS_ENDPOINT_URL_S3", "http://one")],
            &[bucket, ("STORAGE_EMULATOR_HOST", "http://one")],
        ]
        .map(|variables| copy_in(folder, variables).file.into())
        .into();
        let all = files.len();
        files.sort();
        files.dedup();
        assert_eq!(files.len(), all);
        let copy = copy_in(folder, &[bucket]);
        let ends = format!("-{}", copy.user);
        assert!(copy.folder.to_str().is_some_and(|it| it.ends_with(&ends)));
    }
}
