//! Settings: the settings of each robeing, one JSON object per category.
//!
//! `GET /v1/robeings/{id}/settings[/{category}[/{key}]]` returns the effective settings: the values that were set, and
//! the defaults. `PUT` and `DELETE` change a key, `PATCH` a category (RFC 7396), each in one transaction with its
//! entry in the audit log, so that concurrent changes don't overwrite each other; with `If-Match` only if the category has
//! not changed in between, and with `If-None-Match: *` only if there is no value yet.
//! Other functions read settings through [`Settings`], which caches them.

mod cache;
mod category;
mod change;
pub mod known;
mod listen;
pub mod personal;
mod precondition;
mod read;
mod settings;
mod snapshot;

use people::People;
use platform::serve::body_limit;
use platform::{Resources, Router, readiness, routes};

pub use category::Category;
pub use settings::Settings;
pub use snapshot::{Revisions, Snapshot};

/// The largest value or patch. A category may have up to 256 KiB.
const MAX_BODY: usize = 64 * 1024;

pub fn app(resources: &Resources) -> anyhow::Result<Router> {
    let database = readiness::database(resources.postgres()?, migrations::FILES);
    resources.readiness().check("database", database);
    People::open(resources)?;
    Ok(Router::new()
        .routes(routes!(read::all))
        .routes(routes!(read::category, change::patch))
        .routes(routes!(read::key, change::put, change::remove))
        .layer(body_limit(MAX_BODY))
        .with_state(Settings::open(resources)?))
}
