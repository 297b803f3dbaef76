//! The entry point of every function, on AWS Lambda and as an HTTP server.
//!
//! `main` is `platform::serve("name", name::app)`. On Lambda, as a server and in tests, the app is behind
//! the same [`service()`], which authenticates callers, assigns request ids, enforces limits and formats
//! errors.

mod arrival;
mod connection;
mod document;
mod errors;
pub mod http;
mod ingress;
pub mod lambda;
mod limits;
mod service;

use crate::telemetry::{self, Audience};
use crate::{Env, Resources, Router, secrets};

pub use ingress::Ingress;
pub use limits::{body_limit, concurrency_limit, time_limit};
pub use service::{document, service};

/// Runs a function until the platform stops it, with the configuration in the environment. If it can't
/// start, logs the reason and exits with status 1.
pub fn serve(
    name: &'static str,
    app: impl FnOnce(&Resources) -> anyhow::Result<Router>,
) -> anyhow::Result<()> {
    serve_checked(name, |_| Ok(()), app)
}

/// Like [`serve()`], after a check of the configuration, whose error is reported together with missing callers.
pub fn serve_checked(
    name: &'static str,
    check: impl FnOnce(&Resources) -> anyhow::Result<()>,
    app: impl FnOnce(&Resources) -> anyhow::Result<Router>,
) -> anyhow::Result<()> {
    let env = Env::from_process();
    telemetry::install(name, &env, Audience::Platform)?;
    if let Err(error) = start(name, env, check, app) {
        // The log is where operators look; on a terminal it is printed.
        tracing::error!("{name} stops: {error:#}");
        std::process::exit(1);
    }
    Ok(())
}

fn start(
    name: &'static str,
    env: Env,
    check: impl FnOnce(&Resources) -> anyhow::Result<()>,
    app: impl FnOnce(&Resources) -> anyhow::Result<Router>,
) -> anyhow::Result<()> {
    let on_lambda = env.get("AWS_LAMBDA_RUNTIME_API").is_some();
    // One invocation at a time needs no second thread, which saves 0.3 to 0.6 ms.
    let one_at_a_time = on_lambda && env.parse("AWS_LAMBDA_MAX_CONCURRENCY", 1_u32)? <= 1;
    let mut runtime = if one_at_a_time {
        tokio::runtime::Builder::new_current_thread()
    } else {
        tokio::runtime::Builder::new_multi_thread()
    };
    runtime.enable_all().build()?.block_on(async {
        let resources = Resources::new(secrets::resolve(env).await?);
        match (resources.auth(), check(&resources)) {
            (Err(callers), Err(error)) => anyhow::bail!("{error:#}; {callers:#}"),
            (_, checked) => checked?,
        }
        run(name, &resources, app).await
    })
}

/// Like [`serve()`], for a process that already has a runtime and a log.
pub async fn run(
    name: &'static str,
    resources: &Resources,
    app: impl FnOnce(&Resources) -> anyhow::Result<Router>,
) -> anyhow::Result<()> {
    // For libraries with a TLS client of their own. If a provider is installed already, it is the same.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    // Before the app, which may start work.
    resources.auth()?;
    let on_lambda = resources.env().get("AWS_LAMBDA_RUNTIME_API").is_some();
    let port = if on_lambda {
        Ok(0)
    } else {
        http::port(resources.env())
    };
    let app = match (app(resources), port) {
        (Err(error), Err(port)) => anyhow::bail!("{error:#}; {port:#}"),
        (app, port) => port.and(app)?,
    };
    let service = service(name, app, resources)?;
    if on_lambda {
        lambda::run(name, service, resources).await
    } else {
        let stop = http::stop_signal()?;
        let listener = http::bind(resources).await?;
        tracing::info!("{name} listens on http://{}", listener.local_addr()?);
        http::listen(service, listener, stop).await
    }
}
