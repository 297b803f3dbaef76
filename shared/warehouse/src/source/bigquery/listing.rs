//! Listing a dataset by `tables.list`, which is free and returns a thousand tables per page. It is enough
//! to collapse shards into families before anything else is requested.

use std::collections::{HashMap, HashSet};

use schema::document::TableKind;
use schema::family::{self, Family};
use schema::table_schema::TableResource;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::client::{Api, Client};
use super::failure::Failure;
use super::settings::Dataset;
use super::subject::Subject;
use crate::error::SourceError;
use crate::observer::{Observer, Usage};

#[derive(Default)]
pub(super) struct Listing {
    pub(super) families: Vec<Family>,
    /// The entries of the listing by table, which have no schema.
    entries: HashMap<String, TableResource>,
    /// The entries that can't be parsed, each with the name of its table if that can.
    pub(super) unreadable: Vec<(Option<String>, Failure)>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListPage {
    #[serde(default)]
    tables: Vec<Value>,
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
    let path = path(dataset);
    let mut listing = Listing::default();
    let mut token: Option<String> = None;
    let mut seen = HashSet::new();
    loop {
        // The default is 50 tables per page.
        let mut query = vec![("maxResults", "1000"), ("fields", FIELDS)];
        if let Some(token) = &token {
            query.push(("pageToken", token));
        }
        let page: ListPage = client.get(Api::ListTables, &path, &query, observer).await?;
        for entry in page.tables {
            listing.add(entry);
        }
        let Some(next) = page.next_page_token.filter(|next| !next.is_empty()) else {
            listing.collapse();
            return Ok(listing);
        };
        // Tables of missing pages would seem to be dropped.
        if !seen.insert(next.clone()) {
            return Err(Failure::repeated_page());
        }
        token = Some(next);
    }
}

fn path(dataset: &Dataset) -> [&str; 5] {
    let Dataset { project, name, .. } = dataset;
    ["projects", project, "datasets", name, "tables"]
}

/// Checks that the tables of a dataset can be listed, or returns why those of the last one can't.
pub(super) async fn probe(client: &Client, datasets: &[Dataset]) -> Result<(), SourceError> {
    let query = [("maxResults", "1"), ("fields", "nextPageToken")];
    let usage = Usage::default();
    let mut probed = Ok(());
    for dataset in datasets {
        let path = path(dataset);
        let page = client.get::<IgnoredAny>(Api::ListTables, &path, &query, &usage);
        match page.await {
            Ok(_) => return Ok(()),
            Err(failure) => probed = Err(failure.about(Subject::Dataset(dataset))),
        }
    }
    probed
}

impl Listing {
    /// One entry that can't be parsed must not hide the others.
    fn add(&mut self, entry: Value) {
        let id = entry.pointer("/tableReference/tableId");
        let id = id.and_then(Value::as_str).map(str::to_owned);
        match serde_json::from_value::<Entry>(entry) {
            Ok(entry) if entry.resource.is_model() => {}
            Ok(entry) => {
                let table = entry.table_reference.table_id;
                self.entries.insert(table, entry.resource);
            }
            Err(error) => {
                let failure = Failure::Unreadable(error.into());
                self.unreadable.push((id, failure));
            }
        }
    }

    fn collapse(&mut self) {
        let (shardable, alone): (Vec<_>, Vec<_>) = self
            .entries
            .iter()
            .partition(|(_, resource)| resource.table_kind() == TableKind::Table);
        let mut families = family::collapse(shardable.iter().map(|(name, _)| name.as_str()));
        families.extend(alone.into_iter().map(|(name, _)| Family::alone(name)));
        families.sort_by(|a, b| a.name.cmp(&b.name));
        self.families = families;
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
