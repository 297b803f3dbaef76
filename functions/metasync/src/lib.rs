//! Every function of MetaSync in one process, and the command line: for local use, and for the
//! smallest deployment. Each subcommand calls the same library code that the functions serve.

pub mod catalogue;
pub mod cli;
pub mod configuration;
pub mod functions;
pub mod sample;
pub mod schedule;
mod trigger;
pub mod variables;

use std::future::ready;

use platform::readiness::Finding;
use platform::{All as _, Resources, Router};
use utoipa_swagger_ui::{Config, SwaggerUi};

use configuration::Selection;
use functions::FUNCTIONS;
use schedule::Schedules;

/// The routes of every function, their merged OpenAPI document, and a page at `/docs` that shows it.
/// Functions whose configuration is not complete are left out.
pub fn app(resources: &Resources) -> anyhow::Result<Router> {
    open(resources).map(|(app, _)| app)
}

/// The app, and the schedules of its functions, which run once they are started.
///
/// # Errors
/// As [`Selection::open`]. The error names intervals that are not valid as well.
pub fn open(resources: &Resources) -> anyhow::Result<(Router, Schedules)> {
    let env = resources.env();
    let selection = Selection::of(env);
    let (routes, schedules) = (
        selection.open(resources),
        Schedules::open(resources, &selection.served),
    )
        .all()?;
    for function in &selection.left_out {
        let reason = function.why_not_served(env);
        match selection.warning(function) {
            Some(warning) => tracing::warn!(function = function.name, "{reason}; {warning}"),
            None => tracing::info!(function = function.name, "{reason}"),
        }
    }
    for function in &selection.incomplete {
        // Everybody may see the report, and the log alone says where a secret is.
        let (reason, finding) = (function.why_incomplete(env), function.why_not_served(env));
        let warning = selection.warning(function);
        let warning = warning.map(|it| format!("; {it}")).unwrap_or_default();
        tracing::warn!(function = function.name, "{reason}{warning}");
        resources
            .readiness()
            .check(function.name, move || ready(Finding::off(finding.clone())));
    }
    // A record names its queue only within the batch.
    resources.ingress().accept_whole_batches();
    let trigger = trigger::router(FUNCTIONS, routes.clone(), env);
    let docs = SwaggerUi::new("/docs").config(Config::from("/openapi.json"));
    let docs = axum::Router::new().merge(docs);
    let app = routes.merge(trigger).merge(Router::from(docs));
    Ok((app, schedules))
}
