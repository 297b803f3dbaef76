//! The warehouse that plans what a model wrote. It is opened when a query is first planned, so that
//! a reader of the cache never waits for it.

use std::collections::HashSet;
use std::sync::Arc;

use schema_sync::document::{self, Document, dataset_of};
use schema_sync::source::{self, Plan, Run, Source};
use shared::{Error, Resources};

#[derive(Clone, Default)]
pub struct Warehouse(Opening);

#[derive(Clone, Default)]
enum Opening {
    /// There is none: a query is held to the schema alone.
    #[default]
    None,
    /// As `WAREHOUSE_URL` names it.
    Lazily(Arc<tokio::sync::OnceCell<Arc<dyn Source>>>, Resources),
}

impl Warehouse {
    pub fn new(resources: &Resources) -> Self {
        match resources.env().get("WAREHOUSE_URL") {
            None => Self(Opening::None),
            Some(_) => Self(Opening::Lazily(Arc::default(), resources.clone())),
        }
    }

    async fn source(&self) -> anyhow::Result<Option<Arc<dyn Source>>> {
        let Opening::Lazily(opened, resources) = &self.0 else {
            return Ok(None);
        };
        let resources = resources.clone();
        let open = async || tokio::task::spawn_blocking(move || source::open(&resources)).await?;
        opened.get_or_try_init(open).await.cloned().map(Some)
    }

    /// Has the query planned, which runs nothing. What the warehouse says of it may name what the
    /// caller must not see: `tells_of_hidden`.
    pub async fn plan(&self, sql: &str, read_from: &document::Source) -> shared::Result<Plan> {
        let unusable = |error| Error::unavailable("the warehouse can't plan queries now", error);
        let Some(source) = self.source().await.map_err(unusable)? else {
            return Ok(Plan::unasked());
        };
        let planned_by = source.describe().kind;
        if planned_by != read_from.kind {
            let kind = read_from.kind;
            return Err(unusable(anyhow::anyhow!(
                "WAREHOUSE_URL names a {planned_by:?}, and the schema was read from a {kind:?}"
            )));
        }
        let planned = source.plan(sql, &Run::default()).await;
        planned.map_err(|error| unusable(error.into()))
    }
}

/// Whether a text has the name of a table or dataset of `whole` that is not in `seen`, or speaks of
/// what somebody has no access to.
pub fn tells_of_hidden(text: &str, seen: &Document, whole: &Document) -> bool {
    let lower = text.to_lowercase();
    if lower.contains("access denied") || lower.contains("permission") {
        return true;
    }
    let visible: HashSet<String> = seen.tables.iter().flat_map(|it| names(&it.name)).collect();
    let hidden: HashSet<String> = whole
        .tables
        .iter()
        .flat_map(|table| names(&table.name))
        .chain(whole.source.datasets.iter().map(|name| last(name)))
        .filter(|name| !visible.contains(name))
        .collect();
    let families: Vec<&str> = hidden
        .iter()
        .filter_map(|name| name.strip_suffix('*'))
        .collect();
    lower
        .split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-' || c == '*'))
        .any(|word| hidden.contains(word) || families.iter().any(|base| word.starts_with(base)))
}

/// The table's own name and its dataset's.
fn names(table: &str) -> [String; 2] {
    [last(table), last(dataset_of(table))]
}

fn last(name: &str) -> String {
    let last = name.rsplit_once('.').map_or(name, |(_, last)| last);
    last.to_lowercase()
}

#[cfg(test)]
mod tests {
    use schema_sync::document::{Table, TableKind};

    use super::*;
    use crate::builtin;

    fn document(tables: &[&str]) -> Document {
        let tables = tables
            .iter()
            .map(|name| Table::new(*name, TableKind::Table));
        Document {
            tables: tables.collect(),
            ..builtin::document()
        }
    }

    #[test]
    fn a_text_that_names_what_is_hidden_is_found() {
        let seen = document(&["p.shop.orders"]);
        let whole = document(&[
            "p.shop.orders",
            "p.hr.people",
            "p.hr.visits_*",
            "p.hr.orders",
        ]);
        for (text, tells) in [
            ("Unrecognized name: totl at [1:8]", false),
            ("relation \"shop.orders\" has no column id", false),
            ("Not found: Table p:hr.nobody", true),
            ("view reads People", true),
            ("no table visits_20210101", true),
            ("peopled", false),
            ("Access Denied: Table p:x.y", true),
            ("permission denied for table z", true),
        ] {
            assert_eq!(tells_of_hidden(text, &seen, &whole), tells, "{text}");
        }
    }
}
