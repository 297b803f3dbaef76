//! The schema files of a folder: their names, and how they are read.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use platform::excerpt::excerpt;
use schema::document::Problem;
use schema::name::{TableName, composed, is_symbol};
use schema::table_schema::{SchemaFile, parse_file};

use crate::error::SourceError;

/// The largest schema file. A larger file is not a schema.
const MAX_BYTES: u64 = 16 << 20;

/// The schema files of a folder.
#[derive(Default)]
pub(super) struct Files {
    /// The paths by table; several if several files are named for it.
    pub(super) by_table: BTreeMap<TableName, Vec<PathBuf>>,
    /// What is named like a schema file and belongs to no table.
    pub(super) problems: Vec<Problem>,
}

/// The entries of a folder.
pub(super) fn open(folder: &Path) -> Result<fs::ReadDir, SourceError> {
    let shown = folder.display();
    fs::read_dir(folder).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            SourceError::NotFound(format!("there is no folder {shown}: check WAREHOUSE_URL"))
        }
        io::ErrorKind::NotADirectory => {
            let detail = format!("{shown} is not a folder: check WAREHOUSE_URL");
            SourceError::Refused(detail.into())
        }
        io::ErrorKind::PermissionDenied => {
            let detail = format!("access to the folder {shown} is denied: grant read permission");
            SourceError::Denied(detail.into())
        }
        _ => SourceError::Refused(
            format!("the folder {shown} can't be read: {error}; check its disk").into(),
        ),
    })
}

impl Files {
    pub(super) fn list(folder: &Path) -> Result<Self, SourceError> {
        let shown = folder.display();
        let entries = open(folder)?;
        let mut files = Self::default();
        for entry in entries {
            match entry {
                Ok(entry) => files.add(entry.path()),
                Err(error) => {
                    let detail = format!("an entry can't be read: {error}; check its disk");
                    files
                        .problems
                        .push(Problem::general(shown.to_string(), detail));
                }
            }
        }
        if files.by_table.is_empty() && files.problems.is_empty() {
            return Err(SourceError::NotFound(format!(
                "the folder {shown} has no schema files: name them project.dataset.table.json"
            )));
        }
        for paths in files.by_table.values_mut() {
            paths.sort_unstable();
        }
        files.problems.sort_by(|a, b| a.subject.cmp(&b.subject));
        Ok(files)
    }

    fn add(&mut self, path: PathBuf) {
        let extension = path.extension();
        if !extension.is_some_and(|extension| extension.eq_ignore_ascii_case("json")) {
            return;
        }
        let stem = path.file_stem().unwrap_or_default();
        match stem.to_str().map(table_name) {
            Some(Ok(table)) => self.by_table.entry(table).or_default().push(path),
            Some(Err(reason)) => {
                let detail = format!("{reason}: rename it to project.dataset.table.json");
                self.problems
                    .push(Problem::general(excerpt(&file_name(&path)), detail));
            }
            None => {
                let detail = "its name is not valid UTF-8: rename it to project.dataset.table.json";
                self.problems
                    .push(Problem::general(excerpt(&file_name(&path)), detail));
            }
        }
    }
}

/// The table that a file is named for.
fn table_name(stem: &str) -> Result<TableName, String> {
    let mut parts = stem.rsplitn(3, '.');
    let (Some(table), Some(dataset), Some(project)) = (parts.next(), parts.next(), parts.next())
    else {
        return Err("its name has fewer than three parts".to_owned());
    };
    // `example.com:project` is one part.
    let id = project.rsplit_once(':').map_or(project, |(_, id)| id);
    if id.contains('.') {
        return Err("its name has more than three parts".to_owned());
    }
    if [project, dataset, table]
        .iter()
        .any(|part| part.trim().is_empty())
    {
        return Err("a part of its name is empty".to_owned());
    }
    if stem.chars().any(char::is_control) {
        return Err("its name contains a control character".to_owned());
    }
    if let Some(refused) = [dataset, table]
        .into_iter()
        .flat_map(str::chars)
        .find(|it| is_refused(*it))
    {
        return Err(format!(
            "BigQuery allows no {refused} in the name of a dataset or table"
        ));
    }
    // Some file systems take accents apart, and BigQuery's names have them whole.
    Ok(TableName::new(
        composed(project),
        composed(dataset),
        composed(table),
    ))
}

/// Whether BigQuery allows no such character in a name: a sign that is no dash, space or connector.
fn is_refused(character: char) -> bool {
    match character {
        '-' | '_' | ' ' => false,
        character if character.is_ascii() => !character.is_ascii_alphanumeric(),
        character => is_symbol(character),
    }
}

pub(super) fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// Reads a file, or tells why it can't be read and what to do.
pub(super) fn read(path: &Path, name: &TableName) -> Result<SchemaFile, String> {
    let refused = |error: io::Error| match error.kind() {
        io::ErrorKind::PermissionDenied => "access is denied: grant read permission".to_owned(),
        io::ErrorKind::NotFound => {
            "it is a link to a file that does not exist: remove it".to_owned()
        }
        _ => format!("it can't be read: {error}; replace it by a regular file"),
    };
    let metadata = fs::metadata(path).map_err(refused)?;
    // To open a pipe would wait for its writer.
    if !metadata.is_file() {
        let kind = if metadata.is_dir() {
            "a folder"
        } else {
            "a pipe, a socket or a device"
        };
        return Err(format!(
            "it is {kind}: replace it by a regular file, or rename it"
        ));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(refused)?;
    file.take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(refused)?;
    if bytes.len() as u64 > MAX_BYTES {
        let megabytes = MAX_BYTES >> 20;
        return Err(format!(
            "it is larger than {megabytes} MB, so it is no schema: remove it, or rename it"
        ));
    }
    parse_file(&bytes, name).map_err(|error| error.to_string())
}
