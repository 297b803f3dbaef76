//! What an earlier release stored, read and continued by this one.
//!
//! `<version>/` holds a dump of a database and the bucket beside it, as that release left them. `store.rs`
//! adds the folder of a new release.

mod story;

use std::path::{Path, PathBuf};
use std::process::Command;

use kit::postgres::empty_database;

use story::{app, holds};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("system/upgrade")
}

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-R").arg(from).arg(to).status();
    assert!(copied.expect("there is cp").success());
}

/// The folders of the releases, oldest first.
fn releases() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder()).expect("the folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut releases: Vec<PathBuf> = paths
        .filter(|path| path.join("database.sql").is_file())
        .collect();
    releases.sort();
    releases
}

#[tokio::test]
async fn what_an_earlier_release_stored_is_read_searched_exported_and_erased() {
    let releases = releases();
    assert!(!releases.is_empty(), "no release has left anything");
    for release in releases {
        let database = empty_database().await;
        let dump = std::fs::read_to_string(release.join("database.sql")).expect("a dump");
        // Into another cluster, as a restore from a backup does.
        let client = database.unscoped_client().await;
        client.batch_execute(&dump).await.expect("the dump applies");
        platform::postgres::migrate(&database.env(), migrations::FILES)
            .await
            .expect("the migrations apply");
        let temporary = tempfile::tempdir().expect("a temporary folder");
        copy(&release.join("bucket"), temporary.path());
        let app = app(&database, &temporary.path().join("bucket")).await;
        holds(&app).await;
    }
}
