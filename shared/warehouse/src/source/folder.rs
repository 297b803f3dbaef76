//! A folder of schema files as a warehouse: `project.dataset.table.json`. Each file holds the schema of
//! a table, in any form that [`parse_file`](schema::table_schema::parse_file) reads. A folder plans no
//! queries, so examples are only parsed.

mod files;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use async_trait::async_trait;
use platform::excerpt::{excerpt, excerpt_of};
use platform::plural::counted;
use schema::Dialect;
use schema::document::{self, Column, Problem, Shards, SourceKind, Table, TableKind};
use schema::family::{self, Family, ShardRun};
use schema::name::TableName;
use schema::table_schema::SchemaFile;
use tokio::sync::mpsc::{self, UnboundedSender};
use url::Url;

use self::files::{Files, file_name};
use crate::error::SourceError;
use crate::observer::{Observer, Progress};
use crate::source::{Plan, Reading, Source, Unread};

/// In characters, of a problem with a file. Its faults fit, as far as they are listed.
const MAX_DETAIL: usize = 3_000;

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

    async fn probe(&self) -> Result<(), SourceError> {
        let path = self.path.clone();
        let opened = tokio::task::spawn_blocking(move || files::open(&path).map(drop));
        opened
            .await
            .map_err(|panic| SourceError::Other(panic.into()))?
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
    let files = Files::list(folder)?;
    let mut reading = Reading {
        problems: files.problems,
        ..Reading::default()
    };
    // Each with the name of one of its tables, from which the other names are derived.
    let mut datasets: BTreeMap<String, (TableName, Tables)> = BTreeMap::new();
    let mut is_any_read = false;
    for (done, (name, paths)) in files.by_table.iter().enumerate() {
        // Fails only if the reading was cancelled.
        let _ = progress.send(Progress::Reading {
            tables_done: done,
            tables: files.by_table.len(),
        });
        let table = match read_table(name, paths) {
            Ok(file) => {
                let original = file.reference.map(TableName::from);
                let original = original.filter(|it| it != name && files.by_table.contains_key(it));
                if let Some(original) = original {
                    reading.problems.push(repeats(name, paths, &original));
                }
                is_any_read = true;
                Some(file.resource.into_table(name.clone()))
            }
            Err(detail) => {
                reading
                    .problems
                    .push(Problem::of_table(name, excerpt_of(&detail, MAX_DETAIL)));
                None
            }
        };
        let (_, tables) = datasets
            .entry(name.dataset_id().to_owned())
            .or_insert_with(|| (name.clone(), Tables::new()));
        tables.insert(name.table.clone(), table);
    }
    if !is_any_read {
        return Err(SourceError::Refused(nothing_read(&reading.problems).into()));
    }
    for (place, tables) in datasets.into_values() {
        families(&place, tables, known, &mut reading);
    }
    Ok(reading)
}

/// Reads the file of a table, or tells why it can't be read and what to do.
fn read_table(name: &TableName, paths: &[PathBuf]) -> Result<SchemaFile, String> {
    match paths {
        [path] => {
            let read = files::read(path, name);
            read.map_err(|reason| format!("{}: {reason}", file_name(path)))
        }
        paths => {
            let names: Vec<String> = paths.iter().map(|path| file_name(path)).collect();
            let names = names.join(", ");
            Err(format!(
                "{names}: several files are named for {name}, so none of them is read: keep one"
            ))
        }
    }
}

/// The problem of a file that was written for a table that has another file.
fn repeats(name: &TableName, paths: &[PathBuf], original: &TableName) -> Problem {
    let names: Vec<String> = paths.iter().map(|path| file_name(path)).collect();
    let detail = format!(
        "{}: `tableReference` says that it is the schema of {original}, which has a file of its own: \
         remove one of the files, or the `tableReference`",
        names.join(", ")
    );
    Problem::of_table(name, excerpt(&detail))
}

/// Why a folder without any readable file can't be read.
fn nothing_read(problems: &[Problem]) -> String {
    let Some(first) = problems.first() else {
        return "no schema file can be read".to_owned();
    };
    let (subject, detail) = (&first.subject, &first.detail);
    match problems.len() {
        1 => format!("the only schema file can't be read; {subject}: {detail}"),
        count => {
            let files = counted(count, "schema file");
            format!("none of {files} can be read; the first is {subject}: {detail}")
        }
    }
}

/// The tables of a dataset by name; none if the file is invalid.
type Tables = BTreeMap<String, Option<Table>>;

/// Adds the tables of a dataset, with shards collapsed into families.
fn families(
    place: &TableName,
    mut tables: Tables,
    known: &HashMap<String, TableKind>,
    reading: &mut Reading,
) {
    let full = |name: &str| place.beside(name);
    // An invalid file has the kind it had before; an unknown one is most likely a table.
    let kind = |(name, table): (&String, &Option<Table>)| match table {
        Some(table) => table.kind,
        None => {
            let known = known.get(&full(name).to_string());
            known.copied().unwrap_or(TableKind::Table)
        }
    };
    let kinds: BTreeMap<String, TableKind> = tables
        .iter()
        .map(|table| (table.0.clone(), kind(table)))
        .collect();
    // So does one that was known to be no shard.
    let is_standalone = |name: &String| {
        tables.get(name).is_some_and(Option::is_none) && known.contains_key(&full(name).to_string())
    };
    let (shardable, other): (Vec<_>, Vec<_>) = kinds
        .iter()
        .partition(|(name, kind)| **kind == TableKind::Table && !is_standalone(name));
    let collapsed = family::collapse(shardable.into_iter().map(|(name, _)| name.as_str()));
    let collapsed = collapsed
        .into_iter()
        .flat_map(|family| related(family, &tables));
    let collapsed: Vec<Family> = collapsed.collect();
    let mut read = Vec::new();
    for family in &collapsed {
        let name = full(&family.name);
        let is_known = known.contains_key(&name.to_string());
        match table(family, &name, is_known, &mut tables) {
            Some(mut table) => {
                if let Some(shards) = &mut table.shards {
                    let families = collapsed.iter();
                    let families = families.map(|it| (it.name.as_str(), TableKind::Table));
                    let other = other.iter().map(|(name, kind)| (name.as_str(), **kind));
                    family::set_neighbors(&family.name, shards, families.chain(other));
                }
                read.push(table);
            }
            None => reading.unread.push(Unread::Table(name.to_string())),
        }
    }
    for (name, _) in &other {
        match tables.remove(name.as_str()).flatten() {
            Some(table) => read.push(table),
            None => reading.unread.push(Unread::Table(full(name).to_string())),
        }
    }
    read.sort_by(|a, b| a.name.cmp(&b.name));
    reading.tables.extend(read);
}

/// The family without the tables that share no column with it.
fn related(family: Family, tables: &Tables) -> Vec<Family> {
    let shards = family.clone();
    let columns = |suffix: &str| -> Option<&[Column]> {
        let table = tables.get(&shards.member(suffix))?.as_ref()?;
        Some(&table.columns)
    };
    family::with_common_columns(family, columns)
}

/// A standalone table, or a family with the columns of its newest shard.
///
/// A shard whose file is invalid counts as the one before it. If the file of the newest shard is invalid, a known
/// family is left unread, so that it stays as it was; a new one ends with its newest readable shard. A new family
/// begins with its oldest readable shard.
fn table(family: &Family, name: &TableName, is_known: bool, tables: &mut Tables) -> Option<Table> {
    if family.suffixes.is_empty() {
        return tables.remove(family.name.as_str()).flatten();
    }
    let mut runs: Vec<ShardRun> = Vec::new();
    let mut counted: Vec<&String> = Vec::new();
    // Since the last readable shard.
    let mut unread: Vec<&String> = Vec::new();
    let mut newest = None;
    for suffix in &family.suffixes {
        let Some(table) = tables.remove(family.member(suffix).as_str()).flatten() else {
            unread.push(suffix);
            continue;
        };
        if let (Some(run), Some(last)) = (runs.last_mut(), unread.last()) {
            run.last.clone_from(last);
            run.count += unread.len() as u64;
        }
        if newest.is_some() || is_known {
            counted.append(&mut unread);
        }
        unread.clear();
        counted.push(suffix);
        runs.push(ShardRun {
            first: suffix.clone(),
            last: suffix.clone(),
            count: 1,
            columns: table.columns.clone(),
        });
        newest = Some(table);
    }
    if is_known && !unread.is_empty() {
        return None;
    }
    let mut table = newest?;
    table.rename(name.clone());
    table.shards = Some(Shards {
        count: counted.len() as u64,
        first: (*counted.first()?).clone(),
        last: (*counted.last()?).clone(),
        versions: family::drift(&runs),
        ..Shards::default()
    });
    Some(table)
}
