//! `GET /v1/schema/tables`: pages of short entries, and single tables in full.

use std::borrow::Cow;

use axum::Extension;
use axum::response::Response;
use http::HeaderMap;
use platform::{Error, Path, Query};
use schema::bounds::bytes;
use schema::document::{Partitioning, Table, TableKind};
use schema::render;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::Snapshot;
use crate::datasets;
use crate::response;
use crate::view::View;

const MAX_LIMIT: usize = 1_000;
/// The size limit of a page, in bytes of JSON.
const MAX_PAGE_BYTES: usize = 1 << 20;
/// The longest description in an entry, in characters.
const MAX_DESCRIPTION: usize = 4_096;
/// How many of the tables that match a short name an error lists.
const MAX_NAMED: usize = 10;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TablesQuery {
    /// Only tables of this dataset: `project.dataset` or `database.schema`.
    dataset: Option<String>,
    /// The maximum number of tables, 1 to 1000. A page has fewer if they exceed 1 MB.
    #[serde(default = "default_limit")]
    #[param(default = 100, minimum = 1, maximum = 1000)]
    limit: usize,
    /// The `next` of the previous query.
    after: Option<String>,
}

fn default_limit() -> usize {
    100
}

#[derive(Serialize, ToSchema)]
pub struct Tables<'a> {
    /// In the order of names.
    items: Vec<TableEntry<'a>>,
    /// The value of `after` for the next page; null on the last query.
    next: Option<&'a str>,
}

/// A table without its columns.
#[derive(Serialize, ToSchema)]
struct TableEntry<'a> {
    name: &'a str,
    kind: TableKind,
    /// The first 4,096 characters of the description.
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    /// The number of top-level columns, without nested fields.
    columns_count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    partitioning: Option<&'a Partitioning>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    require_partition_filter: bool,
    /// The number of shards of a family.
    #[serde(skip_serializing_if = "Option::is_none")]
    shards_count: Option<u64>,
    /// The table has more fields than the document holds.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cut: bool,
}

impl<'a> From<&'a Table> for TableEntry<'a> {
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
    match description.char_indices().nth(MAX_DESCRIPTION) {
        None => Cow::Borrowed(description),
        Some((end, _)) => Cow::Owned(format!("{}…", &description[..end])),
    }
}

/// List tables.
///
/// Pages of the tables that the caller may see, without their columns.
#[utoipa::path(
    get,
    path = "/v1/schema/tables",
    tag = "schema",
    operation_id = "list_tables",
    params(TablesQuery),
    responses(
        (status = 200, description = "a page", body = Tables<'static>),
        (status = 304, description = "the caller's copy is current"),
        (status = 400, description = "a parameter is invalid"),
        (status = 422, description = "the dataset does not exist; the detail has the names that may be meant"),
        (status = 503, description = "nothing was synced yet, or the store is unavailable and there is no copy"),
    )
)]
pub async fn list(
    Extension(snapshot): Extension<Snapshot>,
    Query(query): Query<TablesQuery>,
    request: HeaderMap,
) -> platform::Result<Response> {
    if !(1..=MAX_LIMIT).contains(&query.limit) {
        return Err(Error::Invalid(format!(
            "limit is {}: use 1 to {MAX_LIMIT}",
            query.limit
        )));
    }
    snapshot.require_synced()?;
    if let Some(dataset) = &query.dataset {
        datasets::check(&[dataset], &snapshot.view.document)?;
    }
    let after = query.after.as_deref().unwrap_or_default();
    let wanted = |table: &&Table| {
        let dataset = query.dataset.as_deref();
        dataset.is_none_or(|dataset| table.dataset() == dataset)
    };
    let mut items: Vec<TableEntry<'_>> = Vec::new();
    let mut left = MAX_PAGE_BYTES;
    let mut more = false;
    for table in snapshot.view.tables_after(after).filter(wanted) {
        let entry = TableEntry::from(table);
        let rest = left.checked_sub(bytes(&entry) + 1);
        more = items.len() == query.limit || (rest.is_none() && !items.is_empty());
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
pub struct TableQuery {
    /// JSON, the DDL that would create the table, or a text card with one line per path.
    #[serde(default)]
    #[param(inline)]
    format: TableFormat,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum TableFormat {
    #[default]
    Json,
    Ddl,
    Text,
}

/// Read a table.
///
/// A table or family of shards with all of its columns.
#[utoipa::path(
    get,
    path = "/v1/schema/tables/{name}",
    tag = "schema",
    operation_id = "read_table",
    params(
        ("name" = String, Path, description = "`project.dataset.table`, or a \
         suffix that is unique: `dataset.table` or `table`. A part that contains a dot is in double \
         quotes, as in `name`; omit the quotes if the name is unambiguous without them"),
        TableQuery,
    ),
    responses(
        (status = 200, description = "the table", content(
            (Table = "application/json"),
            (String = "text/plain"),
        )),
        (status = 304, description = "the caller's copy is current"),
        (status = 400, description = "a parameter is invalid, or the name is ambiguous"),
        (status = 404, description = "the table does not exist, or the caller may not see it"),
        (status = 503, description = "nothing was synced yet, or the store is unavailable and there is no copy"),
    )
)]
pub async fn read(
    Extension(snapshot): Extension<Snapshot>,
    Path(name): Path<String>,
    Query(query): Query<TableQuery>,
    request: HeaderMap,
) -> platform::Result<Response> {
    snapshot.require_synced()?;
    let table = find(&snapshot.view, &name)?;
    let dialect = snapshot.view.document.source.dialect;
    let text = match query.format {
        TableFormat::Json => return response::json(&request, table).await,
        TableFormat::Ddl => render::ddl(table, dialect),
        TableFormat::Text => render::text(table, dialect),
    };
    response::part(&request, response::TEXT, text.into_bytes()).await
}

/// Finds a table by its full name or a unique suffix, with the quotes of `name` or, if that is
/// unambiguous, without. A table that the caller may not see is not in the view, so that it is unknown
/// and makes no short name ambiguous.
fn find<'a>(view: &'a View, name: &str) -> platform::Result<&'a Table> {
    if let Some(table) = view.table(name) {
        return Ok(table);
    }
    let TableEnds { quoted, bare } = TableEnds::of(view, name);
    let found = if quoted.is_empty() { bare } else { quoted };
    match found[..] {
        [table] => Ok(table),
        [] => Err(missing(view, name)),
        _ => {
            let some: Vec<&str> = found
                .iter()
                .take(MAX_NAMED)
                .map(|table| table.name.as_str())
                .collect();
            Err(Error::Invalid(format!(
                "{name:?} matches {} tables, use a full name: {}",
                found.len(),
                some.join(", ")
            )))
        }
    }
}

/// That there is no such table. A shard is read by the name of its family.
fn missing(view: &View, name: &str) -> Error {
    let prefix = name.trim_end_matches(|it: char| it.is_ascii_digit());
    let date = &name[prefix.len()..];
    let family = (!date.is_empty()).then(|| find(view, &format!("{prefix}*")).ok());
    let family = family.flatten().and_then(|family| {
        let shards = family.shards.as_ref()?;
        (shards.last.len() == date.len()).then_some((family, shards))
    });
    Error::NotFound(match family {
        Some((family, shards)) => format!(
            "no table {name:?}: shards are read as one table, {} ({} to {}); use that name",
            family.name, shards.first, shards.last
        ),
        None => format!("no table {name:?}: `GET /v1/schema/tables` lists the tables"),
    })
}

/// The tables whose name has this suffix.
struct TableEnds<'a> {
    /// By joined names, in which some parts are quoted.
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
