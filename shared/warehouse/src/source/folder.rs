//! A folder of schema files as a warehouse: `project.dataset.table.json`. Each file holds a BigQuery
//! TableSchema (`{"fields": [..]}`), a bare list of fields (`bq show --schema`), or a table resource
//! (`bq show --format=json`). A folder plans no queries, so examples are only parsed.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use async_trait::async_trait;
use platform::excerpt::excerpt;
use schema::Dialect;
use schema::document::{self, Problem, Shards, SourceKind, Table, TableKind};
use schema::family::{self, Family, ShardRun};
use schema::name::TableName;
use schema::table_schema::{TableResource, TableSchema};
use serde_json::Value;
use tokio::sync::mpsc::{self, UnboundedSender};
use url::Url;

use crate::error::SourceError;
use crate::observer::{Observer, Progress};
use crate::source::{Plan, Reading, Source, Unread};

/// The largest schema file. A larger file is not a schema.
const MAX_FILE_BYTES: u64 = 16 << 20;

#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Opens `file:///folder`.
    pub fn open(url: &Url) -> anyhow::Result<Self> {
        let path = url.to_file_path().ok();
        path.map(Self::new)
            .context("WAREHOUSE_URL needs an absolute path, such as file:///folder")
    }
}

#[async_trait]
impl Source for Folder {
    fn describe(&self) -> document::Source {
        document::Source {
            kind: SourceKind::Folder,
            dialect: Dialect::Bigquery,
            datasets: Vec::new(),
            extensions: None,
        }
    }

    async fn read(&self, known: &[Table], observer: &dyn Observer) -> Result<Reading, SourceError> {
        let path = self.path.clone();
        let known: HashMap<String, TableKind> = known
            .iter()
            .map(|table| (table.name.clone(), table.kind))
            .collect();
        let (sender, mut progress) = mpsc::unbounded_channel();
        let reading = tokio::task::spawn_blocking(move || read(&path, &known, &sender));
        // Ends when the reading drops the sender.
        while let Some(progress) = progress.recv().await {
            observer.request();
            observer.progress(progress);
        }
        let reading = reading.await;
        reading.map_err(|panic| SourceError::Other(panic.into()))?
    }

    async fn plan(&self, _sql: &str, _: &dyn Observer) -> Result<Plan, SourceError> {
        Ok(Plan::unplanned())
    }
}

fn read(
    folder: &Path,
    known: &HashMap<String, TableKind>,
    progress: &UnboundedSender<Progress>,
) -> Result<Reading, SourceError> {
    let names = list(folder)?;
    let mut reading = Reading::default();
    // Each with the name of one of its tables, from which the other names are derived.
    let mut datasets: BTreeMap<String, (TableName, Files)> = BTreeMap::new();
    for (done, name) in names.iter().enumerate() {
        // Fails only if the reading was cancelled.
        let _ = progress.send(Progress::Reading {
            tables_done: done,
            tables: names.len(),
        });
        let Some(parts) = TableName::of_unquoted(name, Dialect::Bigquery) else {
            let detail = "rename it to project.dataset.table.json";
            reading.problems.push(Problem::general(name, detail));
            continue;
        };
        let read = read_file(&folder.join(format!("{name}.json")));
        let read = read.map(|resource| resource.into_table(parts.clone()));
        if let Err(error) = &read {
            let detail = excerpt(&format!("{error:#}"));
            reading.problems.push(Problem::of_table(&parts, detail));
        }
        let (_, files) = datasets
            .entry(parts.dataset_id().to_owned())
            .or_insert_with(|| (parts.clone(), Files::new()));
        files.insert(parts.table, read.ok());
    }
    if reading.problems.len() == names.len() {
        let first = &reading.problems[0];
        let detail = format!(
            "none of {} schema files could be read; the first, {}: {}",
            reading.problems.len(),
            first.subject,
            first.detail
        );
        return Err(SourceError::Refused(detail.into()));
    }
    for (place, files) in datasets.into_values() {
        families(&place, files, known, &mut reading);
    }
    Ok(reading)
}

/// The names of the schema files, without their extension, in order.
fn list(folder: &Path) -> Result<Vec<String>, SourceError> {
    let shown = folder.display();
    let entries = std::fs::read_dir(folder).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            SourceError::NotFound(format!("there is no folder {shown}: check WAREHOUSE_URL"))
        }
        std::io::ErrorKind::PermissionDenied => {
            let detail = format!("access to the folder {shown} is denied: grant read permission");
            SourceError::Denied(detail.into())
        }
        _ => SourceError::Refused(format!("the folder {shown} can't be read: {error}").into()),
    })?;
    let mut names = Vec::new();
    for entry in entries {
        let path = entry.with_context(|| format!("reading {shown}"))?.path();
        let json = path
            .extension()
            .is_some_and(|extension| extension == "json");
        if let (true, Some(name)) = (json, path.file_stem().and_then(|name| name.to_str())) {
            names.push(name.to_owned());
        }
    }
    names.sort_unstable();
    if names.is_empty() {
        return Err(SourceError::NotFound(format!(
            "the folder {shown} has no schema files: name them project.dataset.table.json"
        )));
    }
    Ok(names)
}

/// The tables of a dataset by name; none if the file is invalid.
type Files = BTreeMap<String, Option<Table>>;

/// Adds the tables of a dataset, with shards collapsed into families.
fn families(
    place: &TableName,
    mut files: Files,
    known: &HashMap<String, TableKind>,
    reading: &mut Reading,
) {
    let full = |name: &str| place.beside(name);
    // An invalid file has the kind it had before; an unknown one is most likely a table.
    let kind = |name: &str, file: Option<&Table>| match file {
        Some(table) => table.kind,
        None => {
            let known = known.get(&full(name).to_string());
            known.copied().unwrap_or(TableKind::Table)
        }
    };
    let of_kind = |shardable: bool| -> Vec<String> {
        let files = files.iter();
        let of_kind = files
            .filter(|(name, file)| (kind(name, file.as_ref()) == TableKind::Table) == shardable);
        of_kind.map(|(name, _)| name.clone()).collect()
    };
    let (shardable, other) = (of_kind(true), of_kind(false));
    let collapsed = family::collapse(shardable.iter().map(String::as_str));
    let names = || {
        let families = collapsed.iter().map(|family| family.name.as_str());
        families.chain(other.iter().map(String::as_str))
    };
    let mut tables = Vec::new();
    for family in &collapsed {
        let name = full(&family.name);
        let is_known = known.contains_key(&name.to_string());
        match table(family, &name, is_known, &mut files) {
            Some(mut table) => {
                if let Some(shards) = &mut table.shards {
                    shards.siblings = family::siblings(family, names());
                }
                tables.push(table);
            }
            None => reading.unread.push(Unread::Table(name.to_string())),
        }
    }
    for name in &other {
        match files.remove(name).flatten() {
            Some(table) => tables.push(table),
            None => reading.unread.push(Unread::Table(full(name).to_string())),
        }
    }
    tables.sort_by(|a, b| a.name.cmp(&b.name));
    reading.tables.extend(tables);
}

/// A standalone table, or a family with the columns of its newest shard. If the file of the newest
/// shard is invalid, a known family is left unread, so that its columns are kept. An invalid older
/// file counts as the shard before it.
fn table(family: &Family, name: &TableName, is_known: bool, files: &mut Files) -> Option<Table> {
    if family.suffixes.is_empty() {
        return files.remove(family.name.as_str()).flatten();
    }
    let mut runs: Vec<ShardRun> = Vec::new();
    let mut newest = None;
    for suffix in &family.suffixes {
        let read = files.remove(family.member(suffix).as_str()).flatten();
        match (&read, runs.last_mut()) {
            (None, Some(run)) => {
                run.last.clone_from(suffix);
                run.count += 1;
            }
            (None, None) => {}
            (Some(table), _) => runs.push(ShardRun {
                first: suffix.clone(),
                last: suffix.clone(),
                count: 1,
                columns: table.columns.clone(),
            }),
        }
        if read.is_none() && is_known && Some(suffix) == family.suffixes.last() {
            return None;
        }
        newest = read.or(newest);
    }
    let mut table = newest?;
    table.rename(name.clone());
    table.shards = Some(Shards {
        count: family.suffixes.len() as u64,
        first: family.suffixes.first()?.clone(),
        last: family.suffixes.last()?.clone(),
        siblings: Vec::new(),
        versions: family::drift(&runs),
    });
    Some(table)
}

fn read_file(path: &Path) -> anyhow::Result<TableResource> {
    let size = std::fs::metadata(path)?.len();
    anyhow::ensure!(
        size <= MAX_FILE_BYTES,
        "the file has {size} bytes, and at most {MAX_FILE_BYTES} are read"
    );
    let json: serde_json::Value = serde_json::from_slice(&std::fs::read(path)?)?;
    let schema = |schema| TableResource {
        schema,
        ..TableResource::default()
    };
    let resource = match json {
        Value::Array(_) => schema(TableSchema {
            fields: serde_json::from_value(json)?,
        }),
        Value::Object(ref object) if object.contains_key("fields") => {
            schema(serde_json::from_value(json)?)
        }
        _ => serde_json::from_value(json).context(
            "the file is neither a BigQuery TableSchema nor a list of fields nor a table resource",
        )?,
    };
    anyhow::ensure!(!resource.schema.fields.is_empty(), "the file has no fields");
    Ok(resource)
}
