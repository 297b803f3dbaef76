//! Tables: a page of short entries, and one of them in full.

use std::borrow::Cow;

use axum::Extension;
use axum::extract::{Path, Query};
use axum::response::Response;
use http::HeaderMap;
use platform::Error;
use schema::bounds::bytes;
use schema::document::{Partitioning, Table, TableKind};
use schema::render;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::Snapshot;
use crate::response;
use crate::view::View;

const LONGEST_PAGE: usize = 1_000;
/// In bytes of JSON: where a page has more, the rest is on the next.
const LARGEST_PAGE: usize = 1 << 20;
/// Of a description in a page, in characters; the table in full has all of it.
const LONGEST_DESCRIPTION: usize = 4_096;
/// How many of the tables a short name may mean are named to the caller.
const NAMED: usize = 10;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// Only tables of this dataset, named in full: `project.dataset`, `database.schema`.
    dataset: Option<String>,
    /// At most this many tables, 1 to 1000; fewer where they are more than 1 MB.
    #[serde(default = "default_limit")]
    #[param(default = 100, minimum = 1, maximum = 1000)]
    limit: usize,
    /// The `next` of the page before.
    after: Option<String>,
}

fn default_limit() -> usize {
    100
}

#[derive(Serialize, ToSchema)]
pub struct Tables<'a> {
    /// In the order of their names.
    items: Vec<Entry<'a>>,
    /// What to give as `after` for the next page; null on the last.
    next: Option<&'a str>,
}

/// A table without its columns.
#[derive(Serialize, ToSchema)]
#[schema(as = TableEntry)]
struct Entry<'a> {
    name: &'a str,
    kind: TableKind,
    /// Its first 4,096 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    /// Top-level columns; fields nested in them are not counted.
    columns_count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    partitioning: Option<&'a Partitioning>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    require_partition_filter: bool,
    /// Of a family of shards: how many there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    shards_count: Option<u64>,
    /// It has more fields than the document holds.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cut: bool,
}

impl<'a> From<&'a Table> for Entry<'a> {
    fn from(table: &'a Table) -> Self {
        Self {
            name: &table.name,
            kind: table.kind,
            description: table.description.as_deref().map(short),
            rows: table.rows,
            bytes: table.bytes,
            columns_count: table.columns.len(),
            partitioning: table.partitioning.as_ref(),
            require_partition_filter: table.require_partition_filter,
            shards_count: table.shards.as_ref().map(|shards| shards.count),
            cut: table.cut,
        }
    }
}

fn short(description: &str) -> Cow<'_, str> {
    match description.char_indices().nth(LONGEST_DESCRIPTION) {
        None => Cow::Borrowed(description),
        Some((end, _)) => Cow::Owned(format!("{}…", &description[..end])),
    }
}

/// The tables the caller may see, without their columns, page by page.
#[utoipa::path(
    get,
    path = "/v1/schema/tables",
    tag = "schema",
    operation_id = "list_tables",
    params(Page),
    responses(
        (status = 200, description = "a page", body = Tables<'static>),
        (status = 304, description = "the caller has these very bytes"),
        (status = 400, description = "a parameter is wrong"),
    )
)]
pub async fn list(
    Extension(snapshot): Extension<Snapshot>,
    Query(page): Query<Page>,
    request: HeaderMap,
) -> platform::Result<Response> {
    if !(1..=LONGEST_PAGE).contains(&page.limit) {
        return Err(Error::Invalid(format!(
            "limit is {}: give 1 to {LONGEST_PAGE}",
            page.limit
        )));
    }
    let after = page.after.as_deref().unwrap_or_default();
    let wanted = |table: &&Table| {
        let dataset = page.dataset.as_deref();
        dataset.is_none_or(|dataset| table.dataset() == dataset)
    };
    let mut items: Vec<Entry<'_>> = Vec::new();
    let mut left = LARGEST_PAGE;
    let mut more = false;
    for table in snapshot.view.tables_after(after).filter(wanted) {
        let entry = Entry::from(table);
        let rest = left.checked_sub(bytes(&entry) + 1);
        more = items.len() == page.limit || (rest.is_none() && !items.is_empty());
        if more {
            break;
        }
        left = rest.unwrap_or(0);
        items.push(entry);
    }
    let next = items.last().filter(|_| more).map(|last| last.name);
    response::json(&request, &Tables { items, next }).await
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Rendering {
    /// As JSON, as the DDL that would make it, or as a card of one line a path.
    #[serde(default)]
    #[param(inline)]
    format: Format,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Format {
    #[default]
    Json,
    Ddl,
    Text,
}

/// One table or family of shards in full.
#[utoipa::path(
    get,
    path = "/v1/schema/tables/{name}",
    tag = "schema",
    operation_id = "read_table",
    params(
        ("name" = String, Path, description = "`project.dataset.table`, or as much of its end as \
         no other table has: `dataset.table`, `table`. A part that holds a dot is in double quotes, \
         as in `name`, which may be left out where only one table can be meant"),
        Rendering,
    ),
    responses(
        (status = 200, description = "the table", content(
            (Table = "application/json"),
            (String = "text/plain"),
        )),
        (status = 304, description = "the caller has these very bytes"),
        (status = 400, description = "a parameter is wrong, or the name means several tables"),
        (status = 404, description = "there is no such table, or not for this caller"),
    )
)]
pub async fn read(
    Extension(snapshot): Extension<Snapshot>,
    Path(name): Path<String>,
    Query(rendering): Query<Rendering>,
    request: HeaderMap,
) -> platform::Result<Response> {
    let table = find(&snapshot.view, &name)?;
    let dialect = snapshot.view.document.source.dialect;
    let text = match rendering.format {
        Format::Json => return response::json(&request, table).await,
        Format::Ddl => render::ddl(table, dialect),
        Format::Text => render::text(table, dialect),
    };
    response::part(&request, response::TEXT, text.into_bytes()).await
}

/// By its full name, or by an end of it that is no other's; without the quotes of `name` where that
/// leaves one table. A table the caller may not see is not
/// in the view: it is unknown like any other, and makes no short name ambiguous.
fn find<'a>(view: &'a View, name: &str) -> platform::Result<&'a Table> {
    if let Some(table) = view.table(name) {
        return Ok(table);
    }
    let TableEnds { quoted, bare } = TableEnds::of(view, name);
    let found = if quoted.is_empty() { bare } else { quoted };
    match found[..] {
        [table] => Ok(table),
        [] => Err(Error::NotFound(format!(
            "no table {name:?}: `GET /v1/schema/tables` lists those there are"
        ))),
        _ => {
            let some: Vec<&str> = found
                .iter()
                .take(NAMED)
                .map(|table| table.name.as_str())
                .collect();
            Err(Error::Invalid(format!(
                "{name:?} may be any of {} tables, give one in full: {}",
                found.len(),
                some.join(", ")
            )))
        }
    }
}

/// The tables whose name ends like this.
struct TableEnds<'a> {
    /// As joined names have it.
    quoted: Vec<&'a Table>,
    bare: Vec<&'a Table>,
}

impl<'a> TableEnds<'a> {
    fn of(view: &'a View, name: &str) -> Self {
        let ends = |table: &Table, part: fn(&str) -> Cow<'_, str>| {
            let parts = &table.parts;
            let own = part(table.own_name());
            if own == name {
                return true;
            }
            let before = name.strip_suffix(&*own).and_then(|it| it.strip_suffix('.'));
            before.is_some_and(|before| {
                let dataset = part(&parts.dataset);
                before == dataset
                    || before
                        .strip_suffix(&*dataset)
                        .and_then(|it| it.strip_suffix('.'))
                        .is_some_and(|project| project == parts.project)
            })
        };
        let all = |part| {
            let tables = view.tables_after("");
            tables.filter(|table| ends(table, part)).collect()
        };
        Self {
            quoted: all(schema::name::part),
            bare: all(|name| Cow::Borrowed(name)),
        }
    }
}
