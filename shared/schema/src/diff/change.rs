//! One change between two versions.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Change {
    /// The full name of the table.
    pub table: String,
    /// The dataset of the table, as scopes name it; not part of the JSON.
    #[serde(skip)]
    pub dataset: Option<String>,
    /// The column or nested field; none if the table as a whole changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    pub kind: ChangeKind,
    /// SQL that was correct before may fail or return something else.
    pub breaking: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// For a removed path, the only new path with the same parent and type: a likely rename.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renamed_to: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    TableAdded,
    TableRemoved,
    ColumnAdded,
    ColumnRemoved,
    Type,
    Mode,
    Description,
    PolicyTags,
    /// The labels of an enum type.
    EnumLabels,
    Default,
    Collation,
    RoundingMode,
    Partitioning,
    PartitionFilter,
    Clustering,
    PrimaryKey,
    ForeignKeys,
    /// The tables that the table inherits from, or that inherit from it.
    Inheritance,
    TableKind,
    /// The query of a view.
    Definition,
    Shards,
    /// The estimate of rows or bytes.
    Size,
}
