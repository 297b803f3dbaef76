//! Every job of MetaSync in one process, and its command line: what runs on a laptop, and the
//! smallest deployment. Each subcommand calls the same library code that the functions serve.

pub mod cli;
pub mod sample;
mod schedule;

use axum::Router as Pages;
use shared::{Resources, Router};
use utoipa_swagger_ui::{Config, SwaggerUi};

/// The routes of every function, their OpenAPI documents merged, and a page to read them at `/docs`.
pub fn app(resources: &Resources) -> anyhow::Result<Router> {
    let docs = SwaggerUi::new("/docs").config(Config::from("/openapi.json"));
    Ok(cache_read::app(resources)?
        .merge(schema_sync::app(resources)?)
        .merge(schedule::router(resources)?)
        .merge(Router::from(Pages::new().merge(docs))))
}
