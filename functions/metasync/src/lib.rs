//! Every job of MetaSync in one process, and its command line: what runs on a laptop, and the
//! smallest deployment. Each subcommand calls the same library code that the functions serve.

mod catalogue;
pub mod cli;
pub mod sample;
mod schedule;
mod trigger;

use axum::Router as Pages;
use platform::{Resources, Router};
use utoipa_swagger_ui::{Config, SwaggerUi};

/// The routes of every function, their OpenAPI documents merged, and a page to read them at `/docs`.
/// Those that keep something in Postgres are there where `DATABASE_URL` is set.
pub fn app(resources: &Resources) -> anyhow::Result<Router> {
    let docs = SwaggerUi::new("/docs").config(Config::from("/openapi.json"));
    let mut functions = cache_read::app(resources)?.merge(schema_sync::app(resources)?);
    let has_database = resources.env().get("DATABASE_URL").is_some();
    if has_database {
        functions = functions
            .merge(message_log::app(resources)?)
            .merge(settings::app(resources)?)
            .merge(stats_batch::app(resources)?)
            .merge(privacy::app(resources)?);
    }
    let trigger = trigger::router(functions.clone(), has_database);
    let functions = functions.merge(trigger);
    Ok(functions.merge(Router::from(Pages::new().merge(docs))))
}
