//! The formats of a file: MetaSync's own, dbt's properties (`schema.yml`), and dbt's `manifest.json`.

use anyhow::{Context as _, ensure};
use schema_sync::meaning::{Entry, File};
use serde_json::Value;

use super::{dbt, manifest};

/// The entries of a file, and what it has that can't be used.
#[derive(Debug, Default)]
pub struct Read {
    pub entries: Vec<Entry>,
    /// What was skipped, each with the reason.
    pub skipped: Vec<(String, String)>,
}

/// Keys at the top of MetaSync's own file that dbt's properties never have.
const OWN: [&str; 2] = ["descriptions", "glossary"];

/// Keys at the top of dbt's properties.
const DBT: [&str; 6] = [
    "models",
    "seeds",
    "semantic_models",
    "snapshots",
    "sources",
    "version",
];

pub fn read(text: &str) -> anyhow::Result<Read> {
    let read = parse(text)?;
    ensure!(
        !read.entries.is_empty() || !read.skipped.is_empty(),
        "it describes nothing: import a file with descriptions, a glossary or metrics, dbt's \
         schema.yml, or dbt's target/manifest.json"
    );
    Ok(read)
}

fn parse(text: &str) -> anyhow::Result<Read> {
    if text.trim_start().starts_with('{') {
        let value: Value = serde_json::from_str(text).context("it is not valid JSON")?;
        if value.get("nodes").is_some() {
            let manifest =
                serde_json::from_value(value).context("it is not dbt's manifest.json")?;
            return Ok(manifest::read(manifest));
        }
    }
    // JSON is YAML.
    let value: Value = serde_saphyr::from_str(text).context("it is not valid YAML")?;
    let has = |keys: &[&str]| keys.iter().any(|key| value.get(key).is_some());
    if has(&DBT) && !has(&OWN) {
        let properties = serde_saphyr::from_str(text).context("it is not dbt's schema.yml")?;
        return Ok(dbt::read(properties));
    }
    let file: File = serde_saphyr::from_str(text)?;
    Ok(Read {
        entries: file.into_entries(),
        skipped: Vec::new(),
    })
}
