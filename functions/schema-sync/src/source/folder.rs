//! A folder of schema files as a warehouse: `project.dataset.table.json`, each a BigQuery
//! TableSchema (`{"fields": [..]}`), its bare list of fields (`bq show --schema`), or a whole
//! table resource (`bq show --format=json`). Nothing runs a query, so examples are only parsed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use async_trait::async_trait;
use serde_json::Value;
use url::Url;

use super::{Plan, Progress, Reading, Run, Source, SourceError};
use crate::document::{
    self, Column, Dialect, How, Problem, Shards, SourceKind, Table, TableKind, Verified,
};
use crate::family::{self, ShardRun};
use crate::table_schema::{TableResource, TableSchema};

/// A schema file is far below this; more is a file that came here by mistake.
const MAX_FILE_BYTES: u64 = 16 << 20;

#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The folder of `file:///folder`.
    pub fn open(url: &Url) -> anyhow::Result<Self> {
        let path = url.to_file_path().ok();
        path.map(Self::new)
            .context("WAREHOUSE_URL needs an absolute path: file:///folder")
    }
}

#[async_trait]
impl Source for Folder {
    fn describe(&self) -> document::Source {
        document::Source {
            kind: SourceKind::Folder,
            dialect: Dialect::Bigquery,
            datasets: Vec::new(),
        }
    }

    async fn read(&self, _known: &[Table], run: &Run) -> Result<Reading, SourceError> {
        let path = self.path.clone();
        let run = run.clone();
        tokio::task::spawn_blocking(move || read(&path, &run))
            .await
            .map_err(|panic| SourceError::Other(panic.into()))?
    }

    async fn plan(&self, _sql: &str, _run: &Run) -> Result<Plan, SourceError> {
        Ok(Plan::Accepted(Verified {
            how: How::Parsed,
            at: jiff::Timestamp::now(),
            bytes_processed: None,
            columns: Vec::new(),
        }))
    }
}

fn read(folder: &Path, run: &Run) -> Result<Reading, SourceError> {
    let names = list(folder)?;
    let mut reading = Reading::default();
    let mut datasets: BTreeMap<&str, BTreeMap<&str, Table>> = BTreeMap::new();
    for (done, name) in names.iter().enumerate() {
        run.tell(Progress::Reading {
            tables_done: done,
            tables: names.len(),
        });
        run.count_request();
        let named = name
            .rsplit_once('.')
            .context("name it project.dataset.table.json");
        let read = named.and_then(|(dataset, table)| {
            Ok((
                dataset,
                table,
                read_file(&folder.join(format!("{name}.json")))?,
            ))
        });
        match read {
            Ok((dataset, table, resource)) => {
                let read = resource.into_table(name.clone());
                datasets.entry(dataset).or_default().insert(table, read);
            }
            Err(error) => {
                reading.unread.push(name.clone());
                let problem = Problem {
                    subject: name.clone(),
                    detail: format!("{error:#}"),
                };
                reading.problems.push(problem);
            }
        }
    }
    for (dataset, tables) in datasets {
        reading.tables.extend(families(dataset, tables));
    }
    if reading.tables.is_empty() && !reading.problems.is_empty() {
        let first = &reading.problems[0];
        return Err(SourceError::Other(anyhow::anyhow!(
            "none of {} schema files could be read; the first, {}: {}",
            reading.problems.len(),
            first.subject,
            first.detail
        )));
    }
    Ok(reading)
}

/// The names of the schema files, without their ending, in order.
fn list(folder: &Path) -> Result<Vec<String>, SourceError> {
    let shown = folder.display();
    let entries = std::fs::read_dir(folder).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            SourceError::NotFound(format!("there is no folder {shown}: check WAREHOUSE_URL"))
        }
        std::io::ErrorKind::PermissionDenied => {
            SourceError::Denied(format!("the folder {shown} may not be read: grant it"))
        }
        _ => SourceError::Other(anyhow::Error::new(error).context(format!("reading {shown}"))),
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

/// The dataset's tables with its shards made one.
fn families(dataset: &str, mut tables: BTreeMap<&str, Table>) -> Vec<Table> {
    let of_kind = |table: bool| {
        let names = tables
            .iter()
            .filter(move |(_, it)| (it.kind == TableKind::Table) == table);
        names.map(|(name, _)| *name).collect::<Vec<_>>()
    };
    let (shardable, other) = (of_kind(true), of_kind(false));
    let families = family::collapse(shardable);
    let names = || {
        families
            .iter()
            .map(|family| family.name.as_str())
            .chain(other.iter().copied())
    };
    let mut collapsed: Vec<Table> = Vec::new();
    for family in &families {
        let mut members = family
            .members()
            .into_iter()
            .zip(&family.suffixes)
            .collect::<Vec<_>>();
        let Some((newest, last)) = members.pop() else {
            collapsed.extend(tables.remove(family.name.as_str()));
            continue;
        };
        let Some(mut table) = tables.remove(newest.as_str()) else {
            continue;
        };
        let run = |suffix: &String, columns: &[Column]| ShardRun {
            first: suffix.clone(),
            last: suffix.clone(),
            count: 1,
            columns: columns.to_vec(),
        };
        let older = members.iter().filter_map(|(member, suffix)| {
            Some(run(suffix, &tables.get(member.as_str())?.columns))
        });
        let runs: Vec<ShardRun> = older.chain([run(last, &table.columns)]).collect();
        table.name = format!("{dataset}.{}", family.name);
        table.shards = Some(Shards {
            count: family.suffixes.len() as u64,
            first: family.suffixes[0].clone(),
            last: last.clone(),
            siblings: family::siblings(family, names()),
            versions: family::drift(&runs),
        });
        collapsed.push(table);
    }
    collapsed.extend(other.iter().filter_map(|name| tables.remove(name)));
    collapsed.sort_by(|a, b| a.name.cmp(&b.name));
    collapsed
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
            "the file is no TableSchema, no list of fields and no table resource of BigQuery",
        )?,
    };
    anyhow::ensure!(!resource.schema.fields.is_empty(), "the file has no fields");
    Ok(resource)
}
