//! `metasync versions`: the versions of the cached schema.

use std::io::Write as _;

use anyhow::bail;
use platform::plural::counted;
use platform::{Env, Resources};
use schema::versions::{self, Entry};

pub async fn run(env: &Env, limit: usize, json: bool) -> anyhow::Result<()> {
    let store = Resources::new(env.clone()).store()?;
    let (history, _) = versions::load_history(&*store).await?;
    if history.versions.is_empty() {
        bail!("BUCKET_URL has no version: run `metasync sync` to create one");
    }
    let newest: Vec<&Entry> = history.versions.iter().rev().take(limit).collect();
    if json {
        return super::print_json(&newest);
    }
    let mut out = std::io::stdout().lock();
    for entry in &newest {
        let changes = entry.changes;
        let breaking = match changes.breaking {
            0 => String::new(),
            count => format!(", {count} breaking"),
        };
        writeln!(
            out,
            "{:.0}  {}  {} added, {} removed, {} changed{breaking}; {}",
            entry.generated_at,
            entry.version,
            changes.added,
            changes.removed,
            changes.changed,
            counted(entry.tables_count, "table")
        )?;
    }
    let left = history.versions.len() - newest.len();
    if left > 0 {
        writeln!(
            out,
            "and {}; --limit shows more",
            counted(left, "older version")
        )?;
    }
    Ok(())
}
