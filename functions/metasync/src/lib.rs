//! Every function of MetaSync in one process, and the command line: for local use, and for the
//! smallest deployment. Each subcommand calls the same library code that the functions serve.

pub mod catalogue;
pub mod cli;
pub mod configuration;
pub mod functions;
pub mod sample;
mod schedule;
mod trigger;
pub mod variables;

use platform::{Resources, Router};
use utoipa_swagger_ui::{Config, SwaggerUi};

use functions::FUNCTIONS;

/// The routes of every function, their merged OpenAPI document, and a page at `/docs` that shows it.
/// Functions that are not configured are left out.
pub fn app(resources: &Resources) -> anyhow::Result<Router> {
    let env = resources.env();
    let started = configuration::functions(env)?;
    let mut routes = Router::new();
    for function in &started.served {
        routes = routes.merge((function.app)(resources)?);
    }
    for function in &started.left_out {
        let reason = function.left_out(env);
        match started.warning(function) {
            Some(warning) => tracing::warn!(function = function.name, "{reason}; {warning}"),
            None => tracing::info!(function = function.name, "{reason}"),
        }
    }
    // A record names its queue only within the batch.
    resources.ingress().accept_whole_batches();
    let trigger = trigger::router(FUNCTIONS, routes.clone(), env);
    let docs = SwaggerUi::new("/docs").config(Config::from("/openapi.json"));
    let docs = axum::Router::new().merge(docs);
    Ok(routes.merge(trigger).merge(Router::from(docs)))
}
