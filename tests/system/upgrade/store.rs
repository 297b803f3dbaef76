//! Writes what this release leaves behind into `<version>/`, for the tests of the releases after it. It takes
//! `pg_dump` from the `PATH`.
//!
//! ```sh
//! cargo run -p tests --example store-release
//! ```

mod fill;
mod story;

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};
use kit::postgres::database;

use fill::fill;
use story::{app, holds};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let database = database().await;
    let temporary = tempfile::tempdir()?;
    let bucket = temporary.path().join("bucket");
    let app = app(&database, &bucket).await;
    fill(&app).await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("system/upgrade");
    let release = folder.join(env!("CARGO_PKG_VERSION"));
    ensure!(!release.exists(), "{} is there already", release.display());
    std::fs::create_dir(&release)?;
    let dump = Command::new("pg_dump")
        .args(["--no-owner", "--no-privileges", "--inserts"])
        .args(["--rows-per-insert=100", "--dbname"])
        .arg(database.admin_url())
        .output()
        .context("pg_dump is not on the PATH")?;
    ensure!(dump.status.success(), "{dump:?}");
    let dump = String::from_utf8(dump.stdout)?;
    // An ordinary role runs the dump, without `psql`.
    let lines = dump.lines().filter(|line| {
        let is_comment = line.starts_with("--") || line.starts_with('\\');
        !is_comment && !line.starts_with("SET row_security") && !line.is_empty()
    });
    let dump: String = lines.map(|line| format!("{line}\n")).collect();
    std::fs::write(release.join("database.sql"), dump)?;
    let copied = Command::new("cp")
        .arg("-R")
        .arg(&bucket)
        .arg(&release)
        .status()?;
    ensure!(copied.success(), "the bucket can't be copied");
    holds(&app).await;
    println!("wrote {}", release.display());
    Ok(())
}
