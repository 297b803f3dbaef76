//! BigQuery, through its REST API.
//!
//! Each dataset is listed first, and its date shards are collapsed into families. A few families are
//! read by free `tables.get` calls, many by one `INFORMATION_SCHEMA` query per dataset. Known tables are
//! read again only if that query shows that they changed, because a listing doesn't tell.

mod catalog;
mod client;
mod failure;
mod gets;
mod jobs;
mod lacking;
mod listing;
mod location;
mod plan;
mod query;
mod reading;
pub mod settings;
mod subject;
mod tables;
mod task;

use async_trait::async_trait;
use platform::Resources;
use schema::Dialect;
use schema::document::{self, SourceKind, Table};

use self::client::Client;
use crate::error::SourceError;
use crate::observer::Observer;
use crate::source::{Plan, Reading, Source};

pub use self::settings::Settings;

pub struct BigQuery {
    settings: Settings,
    client: Client,
}

impl BigQuery {
    /// Opens the warehouse that `WAREHOUSE_URL` names. Authenticates on the first call.
    pub fn open(resources: &Resources) -> anyhow::Result<Self> {
        Ok(Self::new(
            Settings::from_env(resources.env())?,
            resources.http()?,
        ))
    }

    pub fn new(settings: Settings, http: reqwest::Client) -> Self {
        Self {
            client: Client::new(&settings, http),
            settings,
        }
    }
}

#[async_trait]
impl Source for BigQuery {
    fn describe(&self) -> document::Source {
        document::Source {
            kind: SourceKind::Bigquery,
            dialect: Dialect::Bigquery,
            datasets: self
                .settings
                .datasets
                .iter()
                .map(ToString::to_string)
                .collect(),
            extensions: None,
        }
    }

    async fn probe(&self) -> Result<(), SourceError> {
        listing::probe(&self.client, &self.settings.datasets).await
    }

    async fn read(&self, known: &[Table], observer: &dyn Observer) -> Result<Reading, SourceError> {
        reading::read(&self.settings, &self.client, known, observer).await
    }

    async fn plan(&self, sql: &str, observer: &dyn Observer) -> Result<Plan, SourceError> {
        plan::dry_run(&self.client, &self.settings.project, sql, observer).await
    }
}
