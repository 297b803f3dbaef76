//! A table, its columns, keys and shards.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::definition::Definition;
use crate::name::TableName;

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
    /// The tables that this table inherits from (Postgres), each as [`Table::parts`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Vec<String>>)]
    pub inherits: Vec<TableName>,
    /// The tables that inherit from this table (Postgres), at any depth. A query of this table also
    /// returns their rows, unless it says `ONLY`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Vec<String>>)]
    pub inherited_by: Vec<TableName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shards: Option<Shards>,
    /// The query of a view or materialized view. Absent if it names anything that the document does not
    /// have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definition: Option<Definition>,
    /// Some columns or nested fields, or parts of `shards`, `foreign_keys` or `inherited_by`, are
    /// omitted because of a document's size limits.
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

impl TableKind {
    /// Whether a query defines it.
    pub fn is_view(self) -> bool {
        matches!(self, Self::View | Self::MaterializedView)
    }
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
    /// The labels of an enum type in their order: the only values that the column may have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub enum_labels: Vec<String>,
    /// The expression that sets the column if an insert omits it. A generated column has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// How texts are compared and sorted, if not by the default: `und:ci` on BigQuery, `C` or
    /// `shop.german` on Postgres. A part that contains a dot or a quote is in double quotes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collation: Option<String>,
    /// How BigQuery rounds a value to the scale: `ROUND_HALF_EVEN` or `ROUND_HALF_AWAY_FROM_ZERO`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rounding_mode: Option<String>,
    /// Resource names of the policy tags that protect the column.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policy_tags: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(no_recursion)]
    pub fields: Vec<Column>,
    /// It has fields or labels that are omitted because of a document's size limits.
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
    Person,
    Warehouse,
    Llm,
    Rule,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Partitioning {
    /// `_PARTITIONTIME` for ingestion-time partitioning. An expression, or several columns with commas
    /// between them, are as SQL writes them.
    pub column: String,
    /// `HOUR`, `DAY`, `MONTH`, `YEAR`, or `RANGE`, `LIST`, `HASH`, or `HIVE` for the folders of files.
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
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Shards {
    pub count: u64,
    /// The oldest and the newest suffix: `20201101`.
    pub first: String,
    pub last: String,
    /// Other families and tables of the dataset that the wildcard matches as well: `events_*` also
    /// reads `events_intraday_*`, unless a filter restricts `_TABLE_SUFFIX` to dates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub siblings: Vec<String>,
    /// Views and external tables of the dataset that the wildcard matches. BigQuery refuses such a
    /// wildcard, whatever the query filters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocked_by: Vec<String>,
    /// The shortest wildcard that matches the shards and nothing else, such as `events_2*`. Absent if
    /// the family's own name matches nothing else, or if there is no such wildcard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wildcard: Option<String>,
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
            inherits: Vec::new(),
            inherited_by: Vec::new(),
            shards: None,
            definition: None,
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

    /// The columns that the table is partitioned by. BigQuery compares names without case; an
    /// expression is no column.
    pub fn partition_columns(&self) -> Vec<&Column> {
        let Some(Partitioning { column: key, .. }) = &self.partitioning else {
            return Vec::new();
        };
        match self.column_named(key) {
            Some(column) => vec![column],
            None => listed_names(key)
                .iter()
                .filter_map(|name| self.column_named(name))
                .collect(),
        }
    }

    /// The partition key if it is not only columns: an expression, or a list with an expression in it.
    pub fn partition_expression(&self) -> Option<&str> {
        let key = &self.partitioning.as_ref()?.column;
        let is_column = |name: &String| self.column_named(name).is_some();
        let is_plain = is_column(key) || listed_names(key).iter().all(is_column);
        (!is_plain).then_some(key.as_str())
    }

    /// The column of this name, or else the first of this name in another case.
    pub fn column_named(&self, name: &str) -> Option<&Column> {
        let exact = self.columns.iter().find(|column| column.name == name);
        exact.or_else(|| {
            let lower = name.to_lowercase();
            let mut columns = self.columns.iter();
            columns.find(|column| column.name.to_lowercase() == lower)
        })
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
            enum_labels: Vec::new(),
            default: None,
            collation: None,
            rounding_mode: None,
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

/// Splits a list at the commas outside of quotes and parentheses, and removes the quotes around names.
fn listed_names(list: &str) -> Vec<String> {
    let mut names = vec![String::new()];
    let mut quote: Option<char> = None;
    let mut depth = 0_usize;
    let mut rest = list.chars().peekable();
    while let Some(character) = rest.next() {
        let name = names.last_mut().expect("never empty");
        match (character, quote) {
            ('"', Some('"')) if rest.next_if_eq(&'"').is_some() => name.push('"'),
            ('"', Some('"')) => quote = None,
            ('"', None) => quote = Some('"'),
            ('\'', Some('\'')) => quote = None,
            ('\'', None) => quote = Some('\''),
            ('(', None) => {
                depth += 1;
                name.push('(');
            }
            (')', None) => {
                depth = depth.saturating_sub(1);
                name.push(')');
            }
            (',', None) if depth == 0 => names.push(String::new()),
            (' ', None) if name.is_empty() => {}
            (other, _) => name.push(other),
        }
    }
    names
}

fn two_digits(number: u64) -> u64 {
    let scale = 10_u64.pow(number.checked_ilog10().unwrap_or(0).saturating_sub(1));
    number / scale * scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_key_is_an_expression_unless_every_item_of_its_list_is_a_column() {
        let mut table = Table::new(["p", "shop", "orders"], TableKind::Table);
        table.columns = ["id", "a", "Day", "x,y", "f(x)"]
            .map(|name| Column::leaf(name, "int"))
            .to_vec();
        for (key, columns, is_expression) in [
            ("id", &["id"][..], false),
            ("day", &["Day"], false),
            ("id, \"Day\"", &["id", "Day"], false),
            ("a, \"x,y\"", &["a", "x,y"], false),
            ("\"f(x)\", id", &["f(x)", "id"], false),
            ("id, hr.band(a)", &["id"], true),
            ("hr.f(a, id, a)", &[], true),
            ("hr.f('(', id), a", &["a"], true),
            ("(id + 1), a", &["a"], true),
            ("_PARTITIONTIME", &[], true),
        ] {
            let unit = "RANGE".to_owned();
            table.partitioning = Some(Partitioning {
                column: key.to_owned(),
                unit,
            });
            let found = table.partition_columns();
            let found: Vec<&str> = found.iter().map(|column| column.name.as_str()).collect();
            assert_eq!(found, columns, "{key}");
            let expected = is_expression.then_some(key);
            assert_eq!(table.partition_expression(), expected, "{key}");
        }
    }
}
