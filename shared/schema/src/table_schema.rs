//! BigQuery's JSON of a table (`Table`, `TableFieldSchema`), converted to [`Table`] and
//! [`Column`], and columns converted back; and files that hold such JSON.
//!
//! Programs write this JSON in several ways. A number may be a text, `null` means that a value is absent,
//! and the case of types and modes does not matter.

mod field;
mod file;
mod lenient;

use serde::Deserialize;

use crate::bounds;
use crate::document::{
    Column, Definition, DescriptionSource, ForeignKey, Partitioning, Table, TableKind,
};
use crate::name::TableName;

pub use field::{PolicyTags, RangeElementType, TableField};
pub use file::{SchemaFile, SchemaFileError, parse_file};

/// A table resource, as `tables.get` returns and `bq show --format=json` prints it. In an entry of a
/// listing, the schema and the description are missing.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TableResource {
    #[serde(deserialize_with = "lenient::or_default")]
    pub schema: TableSchema,
    pub description: Option<String>,
    #[serde(rename = "type", deserialize_with = "lenient::upper_case")]
    pub kind: Option<String>,
    pub time_partitioning: Option<TimePartitioning>,
    pub range_partitioning: Option<RangePartitioning>,
    pub clustering: Option<Clustering>,
    #[serde(deserialize_with = "lenient::flag")]
    pub require_partition_filter: bool,
    pub table_constraints: Option<TableConstraints>,
    pub external_data_configuration: Option<ExternalData>,
    #[serde(deserialize_with = "lenient::or_default")]
    pub view: ViewQuery,
    #[serde(deserialize_with = "lenient::or_default")]
    pub materialized_view: ViewQuery,
    /// A 64-bit number as a string.
    #[serde(deserialize_with = "lenient::number")]
    pub num_rows: Option<String>,
    #[serde(deserialize_with = "lenient::number")]
    pub num_bytes: Option<String>,
}

/// The query of a view or materialized view. In an entry of a listing it is missing.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ViewQuery {
    pub query: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct TableSchema {
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub fields: Vec<TableField>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TimePartitioning {
    /// `DAY` if there is none.
    #[serde(rename = "type", deserialize_with = "lenient::upper_case")]
    pub unit: Option<String>,
    /// None for ingestion-time partitioning.
    pub field: Option<String>,
    /// Older tables require the filter here.
    #[serde(deserialize_with = "lenient::flag")]
    pub require_partition_filter: bool,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct RangePartitioning {
    pub field: String,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ExternalData {
    pub hive_partitioning_options: Option<HivePartitioning>,
}

/// The partitions of an external table, which are folders named `column=value`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HivePartitioning {
    #[serde(deserialize_with = "lenient::or_default")]
    pub fields: Vec<String>,
    #[serde(deserialize_with = "lenient::flag")]
    pub require_partition_filter: bool,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Clustering {
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub fields: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TableConstraints {
    pub primary_key: Option<PrimaryKey>,
    #[serde(deserialize_with = "lenient::or_default")]
    pub foreign_keys: Vec<ForeignKeyConstraint>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct PrimaryKey {
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub columns: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ForeignKeyConstraint {
    pub referenced_table: TableReference,
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub column_references: Vec<ColumnReference>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TableReference {
    pub project_id: String,
    pub dataset_id: String,
    pub table_id: String,
}

impl From<TableReference> for TableName {
    fn from(reference: TableReference) -> Self {
        Self::new(
            reference.project_id,
            reference.dataset_id,
            reference.table_id,
        )
    }
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ColumnReference {
    pub referencing_column: String,
    pub referenced_column: String,
}

impl TableResource {
    /// Converts to a table within the size limits of a document. For a shard, the caller adds the
    /// properties of the family.
    pub fn into_table(self, name: TableName) -> Table {
        let mut table = Table::new(name, self.table_kind());
        table.partitioning = self.partitioning();
        table.require_partition_filter = self.requires_partition_filter();
        let number = |text: Option<String>| text.and_then(|text| text.parse().ok());
        table.set_size(number(self.num_rows), number(self.num_bytes));
        table.description = self.description.filter(|text| !text.trim().is_empty());
        table.description_source = table
            .description
            .as_ref()
            .map(|_| DescriptionSource::Warehouse);
        table.clustering = self.clustering.map(|by| by.fields).unwrap_or_default();
        let constraints = self.table_constraints.unwrap_or_default();
        table.primary_key = constraints
            .primary_key
            .map(|key| key.columns)
            .unwrap_or_default();
        table.foreign_keys = constraints
            .foreign_keys
            .into_iter()
            .map(ForeignKey::from)
            .collect();
        table.columns = self.schema.fields.into_iter().map(Column::from).collect();
        spell_as_columns(&mut table);
        let query = self.view.query.or(self.materialized_view.query);
        let query = query.filter(|_| table.kind.is_view());
        table.definition = query.as_deref().and_then(Definition::read);
        bounds::fit(&mut table);
        table
    }

    /// Whether it is a machine-learning model, which a listing returns among the tables.
    pub fn is_model(&self) -> bool {
        self.kind.as_deref() == Some("MODEL")
    }

    pub fn table_kind(&self) -> TableKind {
        match self.kind.as_deref() {
            Some("VIEW") => TableKind::View,
            Some("MATERIALIZED_VIEW" | "MATERIALIZED VIEW") => TableKind::MaterializedView,
            Some("EXTERNAL") => TableKind::External,
            Some("SNAPSHOT") => TableKind::Snapshot,
            _ => TableKind::Table,
        }
    }

    pub fn partitioning(&self) -> Option<Partitioning> {
        let by_time = self.time_partitioning.as_ref().map(|by| Partitioning {
            column: by
                .field
                .clone()
                .unwrap_or_else(|| "_PARTITIONTIME".to_owned()),
            unit: by.unit.clone().unwrap_or_else(|| "DAY".to_owned()),
        });
        let range = self.range_partitioning.as_ref();
        let by_range = range.map(|by| Partitioning {
            column: by.field.clone(),
            unit: "RANGE".to_owned(),
        });
        let hive = self.hive_partitioning().filter(|by| !by.fields.is_empty());
        let by_folder = hive.map(|by| Partitioning {
            column: by.fields.join(", "),
            unit: "HIVE".to_owned(),
        });
        by_time.or(by_range).or(by_folder)
    }

    fn hive_partitioning(&self) -> Option<&HivePartitioning> {
        let external = self.external_data_configuration.as_ref()?;
        external.hive_partitioning_options.as_ref()
    }

    pub fn requires_partition_filter(&self) -> bool {
        let by_time = self.time_partitioning.as_ref();
        self.require_partition_filter
            || by_time.is_some_and(|by| by.require_partition_filter)
            || self
                .hive_partitioning()
                .is_some_and(|by| by.require_partition_filter)
    }
}

/// Spells the names of columns in partitioning, clustering and keys as the columns do: BigQuery compares
/// them without case.
pub fn spell_as_columns(table: &mut Table) {
    let spelled = |name: &String| match table.column_named(name) {
        Some(column) => column.name.clone(),
        None => name.clone(),
    };
    let all = |names: &[String]| names.iter().map(spelled).collect::<Vec<_>>();
    let partition = table.partitioning.as_ref().map(|by| spelled(&by.column));
    let clustering = all(&table.clustering);
    let primary_key = all(&table.primary_key);
    let foreign = table.foreign_keys.iter();
    let foreign: Vec<Vec<String>> = foreign.map(|key| all(&key.columns)).collect();
    if let (Some(by), Some(column)) = (&mut table.partitioning, partition) {
        by.column = column;
    }
    table.clustering = clustering;
    table.primary_key = primary_key;
    for (key, columns) in table.foreign_keys.iter_mut().zip(foreign) {
        key.columns = columns;
    }
}

impl From<ForeignKeyConstraint> for ForeignKey {
    fn from(key: ForeignKeyConstraint) -> Self {
        let references = key.column_references.into_iter();
        let (columns, referenced_columns) = references
            .map(|pair| (pair.referencing_column, pair.referenced_column))
            .unzip();
        Self::new(columns, key.referenced_table, referenced_columns)
    }
}
