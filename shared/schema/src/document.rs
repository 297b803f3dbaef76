//! The document that a sync writes and `cache-read` serves.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::dialect::Dialect;
use crate::name::TableName;

/// The format number. A reader refuses a document of any other format.
pub const FORMAT: u32 = 1;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Document {
    pub format: u32,
    /// SHA-256 in hex of the content: everything here except times and the ledger.
    pub version: String,
    #[schema(value_type = String, format = DateTime)]
    pub generated_at: Timestamp,
    pub source: Source,
    pub tables: Vec<Table>,
    /// Questions with SQL that is verified against this schema.
    pub examples: Vec<Example>,
    /// Examples that failed verification, each with its error. They are never shown to a model.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quarantined: Vec<Example>,
    pub ledger: Ledger,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Source {
    pub kind: SourceKind,
    pub dialect: Dialect,
    /// Full dataset names, as scopes name them: `project.dataset`, or `database.schema` on Postgres,
    /// never quoted.
    pub datasets: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    Bigquery,
    Postgres,
    Folder,
}

/// A table, or a family of date shards that is read as one table: `project.dataset.events_*`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Table {
    /// The full name: `project.dataset.table` or `database.schema.table`. A dataset or table name
    /// that contains a dot or a quote is in double quotes, so that full names are unique. To get the
    /// dataset, read `parts`.
    pub name: String,
    /// The parts of the name: project, dataset and table, or database, schema and table on Postgres.
    /// Documents of earlier releases lack it.
    #[serde(default, skip_serializing_if = "TableName::is_unknown")]
    #[schema(value_type = Vec<String>, min_items = 3, max_items = 3)]
    pub parts: TableName,
    pub kind: TableKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description_source: Option<DescriptionSource>,
    /// An estimate with two significant digits, so that normal growth makes no new version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// The size in bytes; an estimate like `rows`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partitioning: Option<Partitioning>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clustering: Vec<String>,
    /// The warehouse refuses queries without a filter on the partitioning column.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub require_partition_filter: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub primary_key: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub foreign_keys: Vec<ForeignKey>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shards: Option<Shards>,
    /// Some columns or nested fields, or parts of `shards` or `foreign_keys`, are omitted because of
    /// a document's size limits.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
    /// For a family, the columns of its newest shard.
    pub columns: Vec<Column>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TableKind {
    Table,
    View,
    MaterializedView,
    External,
    Snapshot,
}

/// A column or a nested field. A path joins the names from the column down with dots; a name that
/// contains a dot or a quote is in double quotes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Column {
    pub name: String,
    /// The type as the dialect spells it (`INT64`, `NUMERIC(10, 2)`, `timestamp with time zone`). If
    /// `mode` is `REPEATED`, the type of one element. If there are `fields`, `STRUCT` or the name of
    /// the Postgres composite type.
    #[serde(rename = "type")]
    pub data_type: String,
    #[serde(default, skip_serializing_if = "Mode::is_nullable")]
    pub mode: Mode,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description_source: Option<DescriptionSource>,
    /// Resource names of the policy tags that protect the column.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policy_tags: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(no_recursion)]
    pub fields: Vec<Column>,
    /// It has fields that are omitted because of a document's size limits.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Mode {
    #[default]
    Nullable,
    Required,
    Repeated,
}

impl Mode {
    fn is_nullable(&self) -> bool {
        *self == Self::Nullable
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DescriptionSource {
    Warehouse,
    Llm,
    Rule,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Partitioning {
    /// `_PARTITIONTIME` for ingestion-time partitioning.
    pub column: String,
    /// `HOUR`, `DAY`, `MONTH`, `YEAR`, or `RANGE`, `LIST`, `HASH`.
    pub unit: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ForeignKey {
    pub columns: Vec<String>,
    /// The full name, like [`Table::name`].
    pub references: String,
    /// Like [`Table::parts`].
    #[serde(default, skip_serializing_if = "TableName::is_unknown")]
    #[schema(value_type = Vec<String>, min_items = 3, max_items = 3)]
    pub references_parts: TableName,
    pub referenced_columns: Vec<String>,
}

/// The shards of a family, and how their schema changed over time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Shards {
    pub count: u64,
    /// The oldest and the newest suffix: `20201101`.
    pub first: String,
    pub last: String,
    /// Other families of the dataset that the wildcard matches as well: `events_*` also reads
    /// `events_intraday_*`, unless a filter restricts `_TABLE_SUFFIX` to dates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub siblings: Vec<String>,
    /// From old to new; more than one if the schema changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<ShardVersion>,
}

/// Consecutive shards with the same schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShardVersion {
    pub first: String,
    pub last: String,
    pub count: u64,
    /// Changes from the previous version.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Drift>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Drift {
    pub path: String,
    pub kind: DriftKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// A wildcard query over shards of both versions fails, because one path has two types.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub breaks_wildcard: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DriftKind {
    Added,
    Dropped,
    Retyped,
}

/// A question and the SQL that answers it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Example {
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

/// What the sync that wrote this document cost, and what it omitted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Ledger {
    /// Requests to the warehouse, including pages and retries.
    pub requests: u64,
    pub bytes_billed: u64,
    pub llm_calls: u64,
    pub llm_input_tokens: u64,
    pub llm_output_tokens: u64,
    /// Texts of the LLM that do not match the schema.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropped: Vec<Dropped>,
    /// What could not be read, described or verified.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
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

impl Table {
    /// A table with a name and a kind, and nothing else.
    pub fn new(name: impl Into<TableName>, kind: TableKind) -> Self {
        let parts = name.into();
        Self {
            name: parts.to_string(),
            parts,
            kind,
            description: None,
            description_source: None,
            rows: None,
            bytes: None,
            partitioning: None,
            clustering: Vec::new(),
            require_partition_filter: false,
            primary_key: Vec::new(),
            foreign_keys: Vec::new(),
            shards: None,
            cut: false,
            columns: Vec::new(),
        }
    }

    /// Sets the name and its parts.
    pub fn rename(&mut self, name: TableName) {
        self.name = name.to_string();
        self.parts = name;
    }

    /// The dataset as scopes name it: `project.dataset` or `database.schema`. Empty if it is unknown;
    /// no dataset has an empty name.
    pub fn dataset(&self) -> &str {
        self.parts.dataset_id()
    }

    /// The name of the table without its dataset.
    pub fn own_name(&self) -> &str {
        if self.parts.is_unknown() {
            &self.name
        } else {
            &self.parts.table
        }
    }

    /// Sets the estimates, rounded down to two significant digits.
    pub fn set_size(&mut self, rows: Option<u64>, bytes: Option<u64>) {
        self.rows = rows.map(two_digits);
        self.bytes = bytes.map(two_digits);
    }

    /// The table without the descriptions of an LLM or a rule.
    #[must_use]
    pub fn warehouse_facts(mut self) -> Self {
        if self.description_source != Some(DescriptionSource::Warehouse) {
            self.description = None;
            self.description_source = None;
        }
        self.columns.iter_mut().for_each(Column::drop_enrichment);
        self
    }
}

impl ForeignKey {
    pub fn new(
        columns: Vec<String>,
        references: impl Into<TableName>,
        referenced_columns: Vec<String>,
    ) -> Self {
        let references_parts = references.into();
        Self {
            columns,
            references: references_parts.to_string(),
            references_parts,
            referenced_columns,
        }
    }
}

impl Column {
    /// A column without nested fields.
    pub fn leaf(name: impl Into<String>, data_type: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            data_type: data_type.into(),
            mode: Mode::Nullable,
            description: None,
            description_source: None,
            policy_tags: Vec::new(),
            fields: Vec::new(),
            cut: false,
        }
    }

    fn drop_enrichment(&mut self) {
        if self.description_source != Some(DescriptionSource::Warehouse) {
            self.description = None;
            self.description_source = None;
        }
        self.fields.iter_mut().for_each(Self::drop_enrichment);
    }
}

fn two_digits(number: u64) -> u64 {
    let scale = 10_u64.pow(number.checked_ilog10().unwrap_or(0).saturating_sub(1));
    number / scale * scale
}
