//! BigQuery's JSON of a table (`Table`, `TableFieldSchema`), converted to [`Table`] and [`Column`], and
//! columns converted back.

use serde::{Deserialize, Serialize};

use crate::bounds;
use crate::document::{
    Column, DescriptionSource, ForeignKey, Mode, Partitioning, Table, TableKind,
};
use crate::name::TableName;

/// A table resource, as `tables.get` returns and `bq show --format=json` prints it. In an entry of a
/// listing, the schema and the description are missing.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TableResource {
    pub schema: TableSchema,
    pub description: Option<String>,
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub time_partitioning: Option<TimePartitioning>,
    pub range_partitioning: Option<RangePartitioning>,
    pub clustering: Option<Clustering>,
    pub require_partition_filter: bool,
    pub table_constraints: Option<TableConstraints>,
    pub external_data_configuration: Option<ExternalData>,
    /// A 64-bit number as a string.
    pub num_rows: Option<String>,
    pub num_bytes: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct TableSchema {
    #[serde(default)]
    pub fields: Vec<TableField>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TimePartitioning {
    #[serde(rename = "type")]
    pub unit: String,
    /// None for ingestion-time partitioning.
    pub field: Option<String>,
    /// Older tables require the filter here.
    #[serde(default)]
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
    pub fields: Vec<String>,
    pub require_partition_filter: bool,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Clustering {
    pub fields: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TableConstraints {
    pub primary_key: Option<PrimaryKey>,
    pub foreign_keys: Vec<ForeignKeyConstraint>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct PrimaryKey {
    pub columns: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ForeignKeyConstraint {
    pub referenced_table: TableReference,
    #[serde(default)]
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
            unit: by.unit.clone(),
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

/// A field as `tables.get` returns it: legacy type names, and 64-bit numbers as strings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TableField {
    pub name: String,
    #[serde(rename = "type")]
    pub data_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<TableField>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_tags: Option<PolicyTags>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_length: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precision: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range_element_type: Option<RangeElementType>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_value_expression: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collation: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rounding_mode: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PolicyTags {
    #[serde(default)]
    pub names: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RangeElementType {
    #[serde(rename = "type")]
    pub data_type: String,
}

/// The legacy type names of the API, and those of SQL.
const NAMES: [(&str, &str); 4] = [
    ("INTEGER", "INT64"),
    ("FLOAT", "FLOAT64"),
    ("BOOLEAN", "BOOL"),
    ("RECORD", "STRUCT"),
];

impl From<TableField> for Column {
    fn from(field: TableField) -> Self {
        let name = NAMES
            .iter()
            .find(|(legacy, _)| *legacy == field.data_type)
            .map_or(field.data_type.as_str(), |(_, name)| name);
        let data_type = match (
            field.max_length,
            field.precision,
            field.scale,
            field.range_element_type,
        ) {
            (Some(length), ..) => format!("{name}({length})"),
            (_, Some(precision), Some(scale), _) => format!("{name}({precision}, {scale})"),
            (_, Some(precision), ..) => format!("{name}({precision})"),
            (.., Some(element)) => format!("{name}<{}>", element.data_type),
            _ => name.to_owned(),
        };
        let filled = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        let description = filled(field.description);
        let rounding_mode = filled(field.rounding_mode);
        Self {
            name: field.name,
            data_type,
            mode: field.mode.unwrap_or_default(),
            description_source: description.as_ref().map(|_| DescriptionSource::Warehouse),
            description,
            enum_labels: Vec::new(),
            default: filled(field.default_value_expression),
            collation: filled(field.collation),
            rounding_mode: rounding_mode.filter(|mode| mode != "ROUNDING_MODE_UNSPECIFIED"),
            policy_tags: field.policy_tags.unwrap_or_default().names,
            fields: field.fields.into_iter().map(Self::from).collect(),
            cut: false,
        }
    }
}

impl From<Column> for TableField {
    fn from(column: Column) -> Self {
        let (name, parameters) = match column.data_type.find(['(', '<']) {
            Some(at) => column.data_type.split_at(at),
            None => (column.data_type.as_str(), ""),
        };
        let inside = parameters
            .get(1..parameters.len().max(2) - 1)
            .unwrap_or_default();
        let mut numbers = inside.split(',').map(|number| number.trim().to_owned());
        let mut field = Self {
            name: column.name,
            data_type: NAMES
                .iter()
                .find(|(_, sql)| *sql == name)
                .map_or(name, |(legacy, _)| legacy)
                .to_owned(),
            mode: Some(column.mode),
            description: column.description,
            policy_tags: (!column.policy_tags.is_empty()).then_some(PolicyTags {
                names: column.policy_tags,
            }),
            fields: column.fields.into_iter().map(Self::from).collect(),
            default_value_expression: column.default,
            collation: column.collation,
            rounding_mode: column.rounding_mode,
            ..Self::default()
        };
        match name {
            "STRING" | "BYTES" if !inside.is_empty() => field.max_length = numbers.next(),
            "RANGE" => {
                field.range_element_type = Some(RangeElementType {
                    data_type: inside.to_owned(),
                });
            }
            _ if !inside.is_empty() => {
                field.precision = numbers.next();
                field.scale = numbers.next();
            }
            _ => {}
        }
        field
    }
}
