//! Settings: how a robeing is set up, one JSON object a category.
//!
//! `GET /v1/robeings/{id}/settings[/{category}[/{key}]]` reads what is in force: what was set, and
//! the default where nothing was. `PUT` and `DELETE` change a key, `PATCH` a category (RFC 7396),
//! each in one statement, so that changes at once never lose one another; with `If-Match` only if
//! nobody changed the category in between. Other functions read them through [`Settings`], from
//! memory.

mod cache;
mod category;
mod change;
pub mod known;
mod listen;
pub mod personal;
mod read;
mod settings;

use axum::extract::DefaultBodyLimit;
use platform::{Resources, Router, routes};

pub use category::Category;
pub use settings::{Revisions, Settings, Snapshot};

/// A value, or a patch; a category holds up to 256 KiB.
const LARGEST_BODY: usize = 64 * 1024;

pub fn app(resources: &Resources) -> anyhow::Result<Router> {
    Ok(Router::new()
        .routes(routes!(read::all))
        .routes(routes!(read::category, change::patch))
        .routes(routes!(read::key, change::put, change::remove))
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .with_state(Settings::open(resources)?))
}
