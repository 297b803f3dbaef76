//! Listing a dataset by `tables.list`, which is free and returns a thousand tables per page. It is enough
//! to collapse shards into families before anything else is requested.

use std::collections::{HashMap, HashSet};

use schema::document::TableKind;
use schema::family::{self, Family};
use schema::table_schema::TableResource;
use serde::Deserialize;

use super::client::{Api, Client};
use super::failure::Failure;
use super::settings::Dataset;
use crate::observer::Observer;

pub(super) struct Listing {
    pub(super) families: Vec<Family>,
    /// The entries of the listing by table, which have no schema.
    entries: HashMap<String, TableResource>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListPage {
    #[serde(default)]
    tables: Vec<Entry>,
    next_page_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    table_reference: Reference,
    #[serde(flatten)]
    resource: TableResource,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reference {
    table_id: String,
}

const FIELDS: &str = "nextPageToken,tables(tableReference/tableId,type,\
     timePartitioning(type,field,requirePartitionFilter),rangePartitioning/field,\
     clustering/fields,requirePartitionFilter)";

pub(super) async fn list(
    client: &Client,
    dataset: &Dataset,
    observer: &dyn Observer,
) -> Result<Listing, Failure> {
    let path = [
        "projects",
        &dataset.project,
        "datasets",
        &dataset.name,
        "tables",
    ];
    let mut entries = HashMap::new();
    let mut token: Option<String> = None;
    let mut seen = HashSet::new();
    loop {
        // The default is 50 tables per page.
        let mut query = vec![("maxResults", "1000"), ("fields", FIELDS)];
        if let Some(token) = &token {
            query.push(("pageToken", token));
        }
        let page: ListPage = client.get(Api::ListTables, &path, &query, observer).await?;
        let listed = page.tables.into_iter();
        let listed = listed.filter(|entry| !entry.resource.is_model());
        entries.extend(listed.map(|entry| (entry.table_reference.table_id, entry.resource)));
        let Some(next) = page.next_page_token.filter(|next| !next.is_empty()) else {
            return Ok(Listing::of(entries));
        };
        // Tables of missing pages would seem to be dropped.
        if !seen.insert(next.clone()) {
            return Err(Failure::repeated_page());
        }
        token = Some(next);
    }
}

impl Listing {
    fn of(entries: HashMap<String, TableResource>) -> Self {
        let (shardable, alone): (Vec<_>, Vec<_>) = entries
            .iter()
            .partition(|(_, resource)| resource.table_kind() == TableKind::Table);
        let mut families = family::collapse(shardable.iter().map(|(name, _)| name.as_str()));
        families.extend(alone.into_iter().map(|(name, _)| Family {
            name: name.clone(),
            suffixes: Vec::new(),
        }));
        families.sort_by(|a, b| a.name.cmp(&b.name));
        Self { families, entries }
    }

    /// The entry of a table, or of a family's newest shard.
    pub(super) fn entry(&self, family: &Family) -> Option<&TableResource> {
        self.entries.get(&newest(family))
    }
}

/// The name of the table, or of the family's newest shard.
pub(super) fn newest(family: &Family) -> String {
    match family.suffixes.last() {
        Some(suffix) => family.member(suffix),
        None => family.name.clone(),
    }
}
