//! A document restricted to a scope, and its encodings.

use std::collections::HashSet;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use jiff::Timestamp;
use moka::sync::Cache;
use platform::auth::Names;
use schema::document::{Column, DescriptionSource, Document, Example, Ledger, Table};
use schema::mentions::Mentions;
use schema::name::names_of;
use schema::versions::{self, Damaged};
use sha2::{Digest as _, Sha256};
use tokio::sync::OnceCell;

use crate::context::Index;
use crate::hidden::hidden;

/// The memory of the views that are kept ready, in bytes; the least used one makes room. It holds 14
/// views of almost all of 1,100 tables, or hundreds of small ones.
const SCOPES_BYTES: u64 = 256 << 20;
/// The measured memory of a view (document, bytes, encodings, index) per byte of its JSON.
const BYTES_A_BYTE: u32 = 6;
/// Unused views are dropped after this time, such as those of an older version.
const IDLE: Duration = Duration::from_secs(600);

/// An encoding of a body. If a caller accepts several equally, the first is preferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Zstd,
    Gzip,
    Identity,
}

impl Encoding {
    pub fn name(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
            Self::Identity => "identity",
        }
    }

    /// Encodes with `effort` 0 for bytes that are sent once, or 1 for those that are sent often.
    pub fn encode(self, bytes: &[u8], effort: usize) -> std::io::Result<Vec<u8>> {
        match self {
            Self::Identity => Ok(bytes.to_vec()),
            Self::Zstd => zstd::encode_all(bytes, [3, 9][effort]),
            Self::Gzip => {
                let level = flate2::Compression::new([4, 7][effort]);
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
                encoder.write_all(bytes)?;
                encoder.finish()
            }
        }
    }
}

pub struct View {
    pub document: Arc<Document>,
    /// Positions in `document.tables`, in the order of names.
    by_name: Vec<usize>,
    /// The whole document; clones share the bytes.
    body: Bytes,
    /// The hash of the body, in hex.
    digest: String,
    gzip: OnceCell<Bytes>,
    zstd: OnceCell<Bytes>,
    index: OnceCell<Arc<Index>>,
}

impl View {
    /// Parses a stored document, and checks its hash.
    pub fn parse(body: Bytes) -> Result<Self, Damaged> {
        let document = versions::parse(&body)?;
        Ok(Self::with_body(document, body))
    }

    pub fn new(document: Document) -> Self {
        let body = serde_json::to_vec(&document).expect("a document serializes to JSON");
        Self::with_body(document, Bytes::from(body))
    }

    fn with_body(document: Document, body: Bytes) -> Self {
        let tables = &document.tables;
        let mut by_name: Vec<usize> = (0..tables.len()).collect();
        by_name.sort_by(|a, b| tables[*a].name.cmp(&tables[*b].name));
        Self {
            by_name,
            digest: digest(&body),
            body,
            document: Arc::new(document),
            gzip: OnceCell::new(),
            zstd: OnceCell::new(),
            index: OnceCell::new(),
        }
    }

    pub fn body(&self) -> Bytes {
        self.body.clone()
    }

    /// A tag of exactly these bytes, before they are encoded. The version alone would not do, because it
    /// excludes times and the ledger.
    pub fn tag(&self) -> String {
        format!("{}-{}", self.document.version, self.digest)
    }

    /// The whole document in one encoding, computed on first use.
    pub async fn encoded(&self, encoding: Encoding) -> anyhow::Result<Bytes> {
        let made = match encoding {
            Encoding::Identity => return Ok(self.body()),
            Encoding::Gzip => &self.gzip,
            Encoding::Zstd => &self.zstd,
        };
        let make = async || {
            let body = self.body();
            let made = tokio::task::spawn_blocking(move || encoding.encode(&body, 1)).await?;
            made.map(Bytes::from)
                .context("a body could not be compressed")
        };
        made.get_or_try_init(make).await.cloned()
    }

    /// The index for questions, built on first use.
    pub async fn index(&self) -> anyhow::Result<Arc<Index>> {
        let make = async || {
            let document = Arc::clone(&self.document);
            let made = tokio::task::spawn_blocking(move || Index::build(document)).await;
            made.map(Arc::new).context("the index could not be built")
        };
        self.index.get_or_try_init(make).await.cloned()
    }

    /// The tables after the name `after`, in the order of names.
    pub fn tables_after(&self, after: &str) -> impl Iterator<Item = &Table> {
        let tables = &self.document.tables;
        let start = self
            .by_name
            .partition_point(|position| tables[*position].name.as_str() <= after);
        self.by_name[start..]
            .iter()
            .map(|position| &tables[*position])
    }

    pub fn table(&self, name: &str) -> Option<&Table> {
        let tables = &self.document.tables;
        let found = self
            .by_name
            .binary_search_by(|position| tables[*position].name.as_str().cmp(name));
        found.ok().map(|at| &tables[self.by_name[at]])
    }
}

pub fn digest(bytes: &[u8]) -> String {
    let mut digest = hex::encode(Sha256::digest(bytes));
    digest.truncate(16);
    digest
}

/// The views of restricted scopes, built once per version.
#[derive(Clone)]
pub struct Views(Cache<(String, Names), Arc<View>>);

impl Default for Views {
    fn default() -> Self {
        let weight = |_: &(String, Names), view: &Arc<View>| {
            let bytes = u32::try_from(view.body.len()).unwrap_or(u32::MAX);
            bytes.saturating_mul(BYTES_A_BYTE)
        };
        let cache = Cache::builder()
            .weigher(weight)
            .max_capacity(SCOPES_BYTES)
            .time_to_idle(IDLE);
        Self(cache.build())
    }
}

impl Views {
    pub async fn of(&self, whole: &Arc<View>, datasets: &Names) -> anyhow::Result<Arc<View>> {
        let Names::Only(only) = datasets else {
            return Ok(Arc::clone(whole));
        };
        let datasets = distinct(only);
        let key = (whole.tag(), datasets.clone());
        if let Some(view) = self.0.get(&key) {
            return Ok(view);
        }
        let (views, whole) = (self.0.clone(), Arc::clone(whole));
        let make = move || {
            views.get_with(key, || {
                Arc::new(View::new(within(&whole.document, &datasets)))
            })
        };
        Ok(tokio::task::spawn_blocking(make).await?)
    }
}

/// Names in an order of their own, so that equal scopes are the same key.
pub fn distinct(names: &[String]) -> Names {
    let mut names = names.to_vec();
    names.sort_unstable();
    names.dedup();
    Names::Only(names)
}

/// The document restricted to `datasets`. Everything that mentions a table of another dataset is removed,
/// including texts, and everything that can't be assigned to a dataset.
///
/// Nothing of it depends on a change that the restricted document does not show: `version` is the hash of what
/// is left, `generated_at` the last time at which one of the datasets changed, and the costs are 0. If nothing
/// is hidden, `version` is that of the whole document.
pub fn within(document: &Document, datasets: &Names) -> Document {
    if *datasets == Names::All {
        return document.clone();
    }
    let tables: Vec<&Table> = document
        .tables
        .iter()
        .filter(|table| table.parts.is_within(datasets))
        .collect();
    let names: HashSet<&str> = tables.iter().map(|table| table.name.as_str()).collect();
    let sees_all = |example: &&Example| {
        let mut tables = example.tables.iter();
        !example.tables.is_empty() && tables.all(|table| names.contains(table.as_str()))
    };
    let sees = |dataset: &Option<String>| {
        let dataset = dataset.as_deref();
        dataset.is_some_and(|dataset| datasets.contain(dataset))
    };
    let mut within = Document {
        format: document.format,
        version: document.version.clone(),
        generated_at: document.generated_at,
        source: document.source.clone(),
        tables: tables.into_iter().cloned().collect(),
        examples: document.examples.iter().filter(sees_all).cloned().collect(),
        quarantined: document
            .quarantined
            .iter()
            .filter(sees_all)
            .cloned()
            .collect(),
        ledger: Ledger {
            changed_at: document.ledger.changed_at.clone(),
            dropped: document.ledger.dropped.clone(),
            problems: document.ledger.problems.clone(),
            ..Ledger::default()
        },
    };
    within
        .source
        .datasets
        .retain(|dataset| datasets.contain(dataset));
    let hidden = hidden(&within, document);
    // The functions of an extension can be called without its schema.
    for extension in within.source.extensions.iter_mut().flatten() {
        if hidden.are_in(&extension.schema) {
            extension.schema.clear();
        }
    }
    for table in &mut within.tables {
        clear_table(table, datasets, &hidden);
    }
    let mentions = |example: &Example| {
        let error = example.error.as_deref().unwrap_or_default();
        hidden.are_in(&example.question) || hidden.are_in(error)
    };
    within.examples.retain(|example| !mentions(example));
    within.quarantined.retain(|example| !mentions(example));
    let examples = within.examples.iter_mut().chain(&mut within.quarantined);
    for verified in examples.filter_map(|example| example.verified.as_mut()) {
        clear_columns(&mut verified.columns, &hidden);
    }
    within
        .ledger
        .dropped
        .retain(|dropped| sees(&dropped.dataset));
    within
        .ledger
        .dropped
        .retain(|dropped| !hidden.are_in(&dropped.text) && !hidden.are_in(&dropped.reason));
    within
        .ledger
        .problems
        .retain(|problem| sees(&problem.dataset));
    within
        .ledger
        .problems
        .retain(|problem| !hidden.are_in(&problem.detail));
    date(&mut within, datasets);
    within.version = versions::content_hash(&within);
    within
}

/// Sets the time of a restricted document.
fn date(within: &mut Document, datasets: &Names) {
    let changed_at = &mut within.ledger.changed_at;
    // An earlier release wrote no times of datasets.
    if !changed_at.is_empty() {
        changed_at.retain(|dataset, _| datasets.contain(dataset));
        let last = changed_at.values().max();
        within.generated_at = last.copied().unwrap_or(Timestamp::UNIX_EPOCH);
    }
}

/// Removes from a visible table what names a table or dataset out of the scope.
fn clear_table(table: &mut Table, datasets: &Names, hidden: &Mentions) {
    table
        .foreign_keys
        .retain(|key| key.references_parts.is_within(datasets));
    table.inherits.retain(|name| name.is_within(datasets));
    table.inherited_by.retain(|name| name.is_within(datasets));
    // An expression may call a function of another schema; a column is the table's own.
    let key = table.partitioning.as_ref();
    if table.partition_columns().is_empty() && key.is_some_and(|by| hidden.are_in(&by.column)) {
        table.partitioning = None;
    }
    clear_description(
        &mut table.description,
        &mut table.description_source,
        hidden,
    );
    clear_columns(&mut table.columns, hidden);
}

fn clear_columns(columns: &mut [Column], hidden: &Mentions) {
    let is_hidden = |text: &Option<String>| text.as_deref().is_some_and(|text| hidden.are_in(text));
    for column in columns {
        clear_description(
            &mut column.description,
            &mut column.description_source,
            hidden,
        );
        if is_hidden(&column.default) {
            column.default = None;
        }
        if is_hidden(&column.collation) {
            column.collation = None;
        }
        clear_type(column, hidden);
        clear_columns(&mut column.fields, hidden);
    }
}

/// Replaces a type of a hidden schema: on Postgres a type has a schema, and each table has a row type
/// with its name and columns. A type without a schema may merely be called like a hidden table.
fn clear_type(column: &mut Column, hidden: &Mentions) {
    let is_composite = !column.fields.is_empty() || column.cut && column.enum_labels.is_empty();
    let names = names_of(column.data_type.trim_end_matches("[]"));
    let has_schema = names.len() > 1;
    if !(is_composite || has_schema) || !hidden.are_in(&column.data_type) {
        return;
    }
    if is_composite {
        column.data_type = "record".to_owned();
        column.fields.clear();
        column.cut = true;
    } else if column.enum_labels.is_empty() {
        column.data_type = names.into_iter().next_back().unwrap_or_default();
    } else {
        column.data_type = "enum".to_owned();
    }
}

fn clear_description(
    description: &mut Option<String>,
    source: &mut Option<DescriptionSource>,
    hidden: &Mentions,
) {
    if description
        .as_deref()
        .is_some_and(|text| hidden.are_in(text))
    {
        *description = None;
        *source = None;
    }
}

#[cfg(test)]
mod tests {
    use schema::document::TableKind;
    use serde_json::json;

    use super::*;
    use crate::builtin;

    #[test]
    fn a_column_of_a_hidden_row_type_shows_neither_the_name_nor_the_fields_of_the_type() {
        let row_of = |data_type: &str| -> Column {
            let fields = json!([{"name": "salary", "type": "numeric"}]);
            let column = json!({"name": "it", "type": data_type, "fields": fields});
            serde_json::from_value(column).unwrap()
        };
        let mut orders = Table::new(["p", "shop", "orders"], TableKind::Table);
        orders.columns = vec![row_of("hr.people"), row_of("shop.place")];
        let people = Table::new(["p", "hr", "people"], TableKind::Table);
        let document = Document {
            tables: vec![orders, people],
            ..builtin::document()
        };
        let seen = within(&document, &Names::Only(vec!["p.shop".to_owned()]));
        let [hidden, shown] = &seen.tables[0].columns[..] else {
            panic!("two columns");
        };
        assert_eq!((hidden.data_type.as_str(), hidden.cut), ("record", true));
        assert_eq!(hidden.fields, []);
        assert_eq!(*shown, row_of("shop.place"));
    }

    #[test]
    fn nothing_of_a_visible_table_names_a_dataset_or_table_out_of_the_scope() {
        let column = |value| -> Column { serde_json::from_value(value).unwrap() };
        let mut orders = Table::new(["p", "shop", "orders"], TableKind::Table);
        orders.columns = vec![
            column(json!({"name": "mood", "type": "hr.mood", "enum_labels": ["people"]})),
            column(json!({"name": "span", "type": "hr.span", "mode": "REPEATED"})),
            column(
                json!({"name": "people", "type": "date", "default": "hr.today()",
                          "collation": "hr.german"}),
            ),
            column(json!({"name": "n", "type": "shop.n", "default": "0", "collation": "C"})),
        ];
        let name = |dataset: &str, table: &str| schema::name::TableName::new("p", dataset, table);
        orders.inherits = vec![name("hr", "people"), name("shop", "base")];
        orders.inherited_by = vec![name("hr", "people")];
        orders.partitioning =
            serde_json::from_value(json!({"column": "hr.f(id)", "unit": "HASH"})).unwrap();
        let mut by_column = Table::new(["p", "shop", "by_column"], TableKind::Table);
        by_column.columns = vec![column(json!({"name": "people", "type": "int"}))];
        by_column.partitioning =
            serde_json::from_value(json!({"column": "people", "unit": "LIST"})).unwrap();
        let people = Table::new(["p", "hr", "people"], TableKind::Table);
        let verified = json!({"how": "dry_run", "at": "2026-01-01T00:00:00Z", "columns":
            [{"name": "mood", "type": "hr.mood"}]});
        let example = json!({"question": "q", "sql": "select 1", "origin": "rule",
            "tables": ["p.shop.orders"], "verified": verified});
        let mut document = Document {
            tables: vec![orders, by_column, people],
            examples: vec![serde_json::from_value(example).unwrap()],
            ..builtin::document()
        };
        let extension = json!({"name": "citext", "schema": "hr", "types": ["citext"]});
        document.source.extensions = Some(vec![serde_json::from_value(extension).unwrap()]);
        let seen = within(&document, &Names::Only(vec!["p.shop".to_owned()]));
        let text = serde_json::to_string(&seen).unwrap();
        assert!(!text.contains("hr"), "{text}");
        let orders = &seen.tables[0];
        let types = orders.columns.iter().map(|it| it.data_type.as_str());
        assert_eq!(
            types.collect::<Vec<_>>(),
            ["enum", "span", "date", "shop.n"]
        );
        assert_eq!(orders.columns[0].enum_labels, ["people"], "a value");
        assert_eq!(orders.columns[3].default.as_deref(), Some("0"));
        assert_eq!(orders.inherits, [name("shop", "base")]);
        assert_eq!(orders.inherited_by, []);
        assert_eq!(orders.partitioning, None);
        assert!(seen.tables[1].partitioning.is_some(), "its own column");
        let verified = seen.examples[0].verified.as_ref().unwrap();
        assert_eq!(verified.columns[0].data_type, "mood");
    }

    #[tokio::test]
    async fn the_views_of_many_scopes_are_kept_ready() {
        let mut document = builtin::document();
        document.tables = (0..100)
            .map(|n| Table::new(["p", &format!("d{n}"), "orders"], TableKind::Table))
            .collect();
        let whole = Arc::new(View::new(document));
        let views = Views::default();
        let scope = |n: usize| Names::Only(vec![format!("p.d{n}")]);
        let mut made = Vec::new();
        for n in 0..100 {
            made.push(views.of(&whole, &scope(n)).await.unwrap());
        }
        for (n, view) in made.iter().enumerate() {
            let again = views.of(&whole, &scope(n)).await.unwrap();
            assert!(
                Arc::ptr_eq(view, &again),
                "the view of scope {n} was built again"
            );
        }
    }
}
