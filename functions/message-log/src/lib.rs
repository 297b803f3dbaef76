//! Message log: every conversation of a robeing, once, masked, and at hand again.
//!
//! In: `POST /v1/messages` and `/v1/messages/batch` take messages one by one and in lists. All go
//! one way (see [`log`]): check, mask, insert, commit, and only then answer.
//!
//! Out: `GET /v1/robeings/{id}/messages` and `GET /v1/users/{id}/messages` list what was said.

mod db;
pub mod history;
pub mod identity;
pub mod log;
pub mod mask;
pub mod message;
pub mod post;
mod slack;

use axum::extract::DefaultBodyLimit;
use shared::{Resources, Router};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use log::Log;

pub fn app(resources: &Resources) -> anyhow::Result<Router> {
    Ok(OpenApiRouter::new()
        .routes(routes!(post::batch))
        .layer(DefaultBodyLimit::max(post::LARGEST_BATCH))
        .routes(routes!(post::one))
        .routes(routes!(history::of_robeing))
        .routes(routes!(history::of_user))
        .with_state(Log::open(resources)?))
}
