#![doc = include_str!("../README.md")]

mod error;
mod observer;
mod readiness;
pub mod source;

use std::sync::Arc;

use anyhow::{Context as _, bail};
use platform::{Env, Resources};
use schema::document::SourceKind;
use url::Url;

use source::bigquery::BigQuery;
use source::folder::Folder;
use source::postgres::Postgres;

pub use error::{Refusal, Remedy, SourceError};
pub use observer::{Observer, Progress, Usage};
pub use readiness::readiness;
pub use source::{Plan, Planned, Reading, Rejection, Source, Unread};

/// Opens the warehouse that `WAREHOUSE_URL` names. It connects on first use.
pub fn open(resources: &Resources) -> anyhow::Result<Arc<dyn Source>> {
    let text = resources.env().required("WAREHOUSE_URL", FORMS)?;
    let url = Url::parse(text)
        .ok()
        .with_context(|| format!("WAREHOUSE_URL is not a URL: set it to {FORMS}"))?;
    Ok(match url.scheme() {
        "bigquery" => Arc::new(BigQuery::open(resources)?),
        "file" => Arc::new(Folder::open(&url)?),
        "postgres" | "postgresql" => Arc::new(Postgres::of(resources)?),
        scheme => bail!("WAREHOUSE_URL has the unknown scheme {scheme:?}: set it to {FORMS}"),
    })
}

/// The kind of the warehouse that `WAREHOUSE_URL` names, without opening it; none if it names none.
pub fn kind(env: &Env) -> Option<SourceKind> {
    let (scheme, _) = env.get("WAREHOUSE_URL")?.split_once(':')?;
    match scheme {
        "bigquery" => Some(SourceKind::Bigquery),
        "postgres" | "postgresql" => Some(SourceKind::Postgres),
        "file" => Some(SourceKind::Folder),
        _ => None,
    }
}

const FORMS: &str = "bigquery://project/dataset[,dataset], postgres://user:password@host/database \
                     or file:///folder";
