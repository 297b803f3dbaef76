//! What a dataset holds, by `tables.list`: free, a thousand tables a page, and all that is needed to
//! collapse shards into families before anything else is asked.

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
    /// All that a listing tells, which is no schema, by table.
    told: HashMap<String, TableResource>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    #[serde(default)]
    tables: Vec<Item>,
    next_page_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    table_reference: Reference,
    #[serde(flatten)]
    told: TableResource,
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
    let mut told = HashMap::new();
    let mut token: Option<String> = None;
    let mut seen = HashSet::new();
    loop {
        // Without a maximum a page is 50 tables; with it, a thousand.
        let mut query = vec![("maxResults", "1000"), ("fields", FIELDS)];
        if let Some(token) = &token {
            query.push(("pageToken", token));
        }
        let page: Page = client.get(Api::ListTables, &path, &query, observer).await?;
        let items = page.tables.into_iter();
        told.extend(items.map(|item| (item.table_reference.table_id, item.told)));
        let Some(next) = page.next_page_token.filter(|next| !next.is_empty()) else {
            return Ok(Listing::of(told));
        };
        // What such pages leave out would read as removed.
        if !seen.insert(next.clone()) {
            return Err(Failure::page_named_twice());
        }
        token = Some(next);
    }
}

impl Listing {
    fn of(told: HashMap<String, TableResource>) -> Self {
        let (shardable, alone): (Vec<_>, Vec<_>) = told
            .iter()
            .partition(|(_, told)| told.table_kind() == TableKind::Table);
        let mut families = family::collapse(shardable.iter().map(|(name, _)| name.as_str()));
        families.extend(alone.into_iter().map(|(name, _)| Family {
            name: name.clone(),
            suffixes: Vec::new(),
        }));
        families.sort_by(|a, b| a.name.cmp(&b.name));
        Self { families, told }
    }

    /// Of a family, that of its newest shard.
    pub(super) fn told(&self, family: &Family) -> Option<&TableResource> {
        self.told.get(&newest(family))
    }
}

/// The table itself, or its newest shard.
pub(super) fn newest(family: &Family) -> String {
    match family.suffixes.last() {
        Some(suffix) => family.member(suffix),
        None => family.name.clone(),
    }
}
