//! The document that a sync writes and `cache-read` serves.

mod definition;
mod extension;
mod format;
mod meaning;
mod table;

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use crate::dialect::Dialect;
use crate::name::TableName;

pub use definition::Definition;
pub use extension::Extension;
pub use format::{FORMAT, NEWEST_FORMAT};
pub use meaning::{Description, Meaning, Metric, Replaced, Term};
pub use table::{
    Column, DescriptionSource, Drift, DriftKind, ForeignKey, Mode, Partitioning, ShardVersion,
    Shards, Table, TableKind,
};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Document {
    /// The oldest format that has all fields of the document. A reader refuses formats that it does not know.
    pub format: u32,
    /// SHA-256 in hex of the content: everything here except times and the ledger.
    pub version: String,
    /// The time of the sync. For a caller who may not see every dataset, the last time at which one of
    /// theirs changed.
    #[schema(value_type = String, format = DateTime)]
    pub generated_at: Timestamp,
    pub source: Source,
    pub tables: Vec<Table>,
    /// Questions with SQL that is verified against this schema.
    pub examples: Vec<Example>,
    /// Examples that failed verification, each with its error. They are never shown to a model.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quarantined: Vec<Example>,
    /// What people wrote: descriptions, a glossary and metrics.
    #[serde(default, skip_serializing_if = "Meaning::is_empty")]
    pub meaning: Meaning,
    pub ledger: Ledger,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Source {
    pub kind: SourceKind,
    pub dialect: Dialect,
    /// Full dataset names, as scopes name them: `project.dataset`, or `database.schema` on Postgres,
    /// never quoted.
    pub datasets: Vec<String>,
    /// The extensions of the database (Postgres). Absent if they are not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extensions: Option<Vec<Extension>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    Bigquery,
    Postgres,
    Folder,
}

/// A question and the SQL that answers it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Example {
    /// The id, if it is not that of the content: it stays when a person changes the example.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    pub question: String,
    pub sql: String,
    /// The tables that it reads, by [`Table::name`].
    pub tables: Vec<String>,
    pub origin: Origin,
    /// In a quarantined example: it resolves again and waits for the warehouse to plan it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified: Option<Verified>,
    /// Why it is quarantined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Example {
    /// The id: the one that it has kept, or that of its content.
    pub fn id(&self) -> String {
        self.id.clone().unwrap_or_else(|| self.content_id())
    }

    /// The id of its question and SQL.
    pub fn content_id(&self) -> String {
        let mut hash = Sha256::new();
        // With its length, so that the boundary counts.
        hash.update((self.question.len() as u64).to_le_bytes());
        hash.update(&self.question);
        hash.update(&self.sql);
        hex::encode(&hash.finalize()[..16])
    }
}

/// Who wrote an example, in the order of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    Person,
    Llm,
    Rule,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Verified {
    pub how: How,
    /// The time of the first verification with this outcome.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// How many bytes a run would read, by the warehouse's estimate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_processed: Option<u64>,
    /// The columns of the result, if the warehouse returns them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<Column>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// The warehouse planned it: a BigQuery dry run or a Postgres `explain`.
    DryRun,
    /// Every identifier resolves against the schema.
    Parsed,
}

/// What the sync that wrote this document cost, and what it omitted. For a caller who may not see every
/// dataset, the costs are 0, because they are those of all datasets.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Ledger {
    /// Requests to the warehouse, including pages and retries.
    pub requests: u64,
    pub bytes_billed: u64,
    pub llm_calls: u64,
    pub llm_input_tokens: u64,
    pub llm_output_tokens: u64,
    /// When the tables and examples of each dataset last changed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, String>)]
    pub changed_at: BTreeMap<String, Timestamp>,
    /// When that last changed which only a caller of several datasets sees.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed_together: Vec<ChangedTogether>,
    /// Texts of the LLM that do not match the schema.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropped: Vec<Dropped>,
    /// What could not be read, described or verified.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
}

/// The last change of the examples that read all of several datasets, or of the keys and the inheritance
/// between two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangedTogether {
    /// The datasets, as scopes name them.
    pub datasets: Vec<String>,
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Dropped {
    /// The dataset of the table, as scopes name it; none if several datasets are involved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<String>,
    pub table: Option<String>,
    pub path: Option<String>,
    /// The dropped text; for an example, its SQL.
    pub text: String,
    pub reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// The full name of a dataset or table, or another subject: `llm`, `examples`, `history`.
    pub subject: String,
    /// The dataset, as scopes name it; none if the problem is not about a single dataset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<String>,
    /// What failed, the message of the other system if there is one, and what to do.
    pub detail: String,
}

impl Problem {
    /// A problem of the run as a whole, or of something that belongs to no dataset.
    pub fn general(subject: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            dataset: None,
            detail: detail.into(),
        }
    }

    pub fn of_dataset(dataset_id: impl Into<String>, detail: impl Into<String>) -> Self {
        let subject = dataset_id.into();
        Self {
            dataset: Some(subject.clone()),
            subject,
            detail: detail.into(),
        }
    }

    pub fn of_table(table: &TableName, detail: impl Into<String>) -> Self {
        Self {
            subject: table.to_string(),
            dataset: Some(table.dataset_id().to_owned()),
            detail: detail.into(),
        }
    }
}

impl Document {
    /// The number of top-level columns of all tables, without nested fields.
    pub fn columns_count(&self) -> usize {
        self.tables.iter().map(|table| table.columns.len()).sum()
    }

    /// The dataset of each table, by the table's full name. Tables of unknown dataset are missing.
    pub fn datasets(&self) -> HashMap<&str, &str> {
        datasets(&self.tables)
    }

    /// Adds the parts of names to a document of an earlier release, which has joined names only. If
    /// dots make the parts ambiguous, they stay unknown. Such a table is in no dataset, so that only
    /// callers with access to everything see it until the next sync.
    pub(crate) fn complete_names(&mut self) {
        let dialect = self.source.dialect;
        let parts = |parts: &mut TableName, joined: &str| {
            if parts.is_unknown() {
                *parts = TableName::of_unquoted(joined, dialect).unwrap_or_default();
            }
        };
        for table in &mut self.tables {
            parts(&mut table.parts, &table.name);
            for key in &mut table.foreign_keys {
                parts(&mut key.references_parts, &key.references);
            }
        }
        let Self { tables, ledger, .. } = self;
        let of_tables = datasets(tables);
        let ids: HashSet<&str> = of_tables.values().copied().collect();
        for dropped in &mut ledger.dropped {
            if let (None, Some(table)) = (&dropped.dataset, &dropped.table) {
                let dataset = of_tables.get(table.as_str());
                dropped.dataset = dataset.map(|id| (*id).to_owned());
            }
        }
        for problem in &mut ledger.problems {
            let subject = problem.subject.as_str();
            // A dataset and a table of another dataset may have the same full name.
            let dataset = match (of_tables.get(subject), ids.contains(subject)) {
                (Some(dataset), false) => (*dataset).to_owned(),
                (None, true) => subject.to_owned(),
                _ => continue,
            };
            problem.dataset.get_or_insert(dataset);
        }
    }
}

/// See [`Document::datasets`].
pub fn datasets(tables: &[Table]) -> HashMap<&str, &str> {
    let known = tables.iter().filter(|table| !table.parts.is_unknown());
    known
        .map(|table| (table.name.as_str(), table.dataset()))
        .collect()
}
