//! dbt's `manifest.json`: descriptions with their docs blocks rendered, the full name of each table, and the
//! metrics whose SQL it tells.

use std::collections::BTreeMap;

use schema_sync::meaning::Entry;
use serde::Deserialize;

use super::dbt::{Column, Columns};
use super::file::Read;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Manifest {
    nodes: BTreeMap<String, Node>,
    sources: BTreeMap<String, Node>,
    semantic_models: BTreeMap<String, SemanticModel>,
    metrics: BTreeMap<String, DbtMetric>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Node {
    resource_type: String,
    database: Option<String>,
    schema: Option<String>,
    name: String,
    /// Of a model.
    alias: Option<String>,
    /// Of a source.
    identifier: Option<String>,
    config: Config,
    description: Option<String>,
    columns: BTreeMap<String, Column>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Config {
    materialized: Option<String>,
    /// Of a seed.
    quote_columns: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SemanticModel {
    node_relation: Option<NodeRelation>,
    measures: Vec<Measure>,
}

#[derive(Debug, Deserialize)]
struct NodeRelation {
    alias: String,
    schema_name: String,
    database: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Measure {
    name: String,
    agg: String,
    expr: Option<String>,
    /// Over this dimension, only the first or last value counts.
    non_additive_dimension: Option<serde_json::Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct DbtMetric {
    name: String,
    description: Option<String>,
    r#type: Option<String>,
    type_params: TypeParams,
    filter: Option<serde_json::Value>,
    /// Before dbt 1.6.
    calculation_method: Option<String>,
    expression: Option<String>,
    filters: Vec<serde_json::Value>,
    window: Option<serde_json::Value>,
    depends_on: DependsOn,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct TypeParams {
    measure: Option<MetricMeasure>,
}

#[derive(Debug, Deserialize)]
struct MetricMeasure {
    name: String,
    filter: Option<serde_json::Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct DependsOn {
    nodes: Vec<String>,
}

pub fn read(manifest: Manifest) -> Read {
    let mut read = Read::default();
    let mut of_measures: BTreeMap<&str, (String, &Measure)> = BTreeMap::new();
    for model in manifest.semantic_models.values() {
        let Some(relation) = &model.node_relation else {
            continue;
        };
        let table = joined([
            relation.database.as_deref(),
            Some(&relation.schema_name),
            Some(&relation.alias),
        ]);
        for measure in &model.measures {
            of_measures.insert(&measure.name, (table.clone(), measure));
        }
    }
    for metric in manifest.metrics.values() {
        match sql(metric, &of_measures, &manifest.nodes) {
            Ok((sql, table)) => {
                let description = metric.description.clone();
                let description = description.filter(|it| !it.trim().is_empty());
                let entry = Entry::metric(metric.name.clone(), sql, table, description);
                read.entries.push(entry);
            }
            Err(reason) => {
                let name = format!("the metric {:?}", metric.name);
                read.skipped.push((name, reason.to_owned()));
            }
        }
    }
    let nodes = manifest.nodes.into_values();
    let tables = nodes.filter(|node| {
        let is_table = ["model", "seed", "snapshot"].contains(&node.resource_type.as_str());
        is_table && node.config.materialized.as_deref() != Some("ephemeral")
    });
    for node in tables.chain(manifest.sources.into_values()) {
        let table = node.table();
        let columns = Columns {
            list: node.columns.into_values().collect(),
            are_quoted: node.config.quote_columns.unwrap_or_default(),
        };
        read.describe(&table, node.description, columns);
    }
    read
}

impl Node {
    fn table(&self) -> String {
        let own = self.alias.as_deref().or(self.identifier.as_deref());
        joined([
            self.database.as_deref(),
            self.schema.as_deref(),
            Some(own.unwrap_or(&self.name)),
        ])
    }
}

fn joined(parts: [Option<&str>; 3]) -> String {
    let parts: Vec<&str> = parts.into_iter().flatten().collect();
    parts.join(".")
}

/// The SQL of a metric, and its table.
fn sql(
    metric: &DbtMetric,
    of_measures: &BTreeMap<&str, (String, &Measure)>,
    nodes: &BTreeMap<String, Node>,
) -> Result<(String, String), &'static str> {
    let unknown = "its SQL is not in the manifest: only simple metrics of one measure without a filter \
                   are imported; add it with `metasync describe metric`";
    if metric.filter.is_some() || metric.window.is_some() || !metric.filters.is_empty() {
        return Err(unknown);
    }
    if let (Some(method), Some(expression)) = (&metric.calculation_method, &metric.expression) {
        let node = metric.depends_on.nodes.first().and_then(|id| nodes.get(id));
        let node = node.ok_or(unknown)?;
        let sql = aggregate(method, expression).ok_or(unknown)?;
        return Ok((sql, node.table()));
    }
    let is_simple = metric.r#type.as_deref() == Some("simple");
    let measure = metric.type_params.measure.as_ref();
    let measure = measure.filter(|it| is_simple && it.filter.is_none());
    let (table, measure) = of_measures
        .get(measure.ok_or(unknown)?.name.as_str())
        .filter(|(_, measure)| measure.non_additive_dimension.is_none())
        .ok_or(unknown)?;
    let expression = measure.expr.as_deref().unwrap_or(&measure.name);
    let sql = aggregate(&measure.agg, expression).ok_or(unknown)?;
    Ok((sql, table.clone()))
}

fn aggregate(method: &str, expression: &str) -> Option<String> {
    Some(match method {
        "sum" | "count" | "min" | "max" => format!("{method}({expression})"),
        "average" => format!("avg({expression})"),
        "count_distinct" => format!("count(distinct {expression})"),
        "sum_boolean" => format!("sum(case when {expression} then 1 else 0 end)"),
        _ => return None,
    })
}
