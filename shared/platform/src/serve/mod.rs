//! The entry point of every function, on AWS Lambda and as an HTTP server.
//!
//! `main` is `platform::serve("name", name::app)`. On Lambda, as a server and in tests, the app is behind
//! the same [`service()`], which authenticates callers, assigns request ids, enforces limits and formats
//! errors.

mod address;
mod arrival;
mod connection;
mod cors;
mod document;
mod errors;
pub mod http;
mod ingress;
pub mod lambda;
mod limits;
mod person;
mod rate;
mod service;
mod settings;

use crate::telemetry::{self, Audience};
use crate::{All as _, Env, Resources, Router, secrets};

use settings::Settings;

pub use address::ClientAddress;
pub use errors::ErrorPage;
pub use ingress::Ingress;
pub use limits::{body_limit, concurrency_limit, time_limit};
pub use rate::{Class, rate_class};
pub use service::{document, service};

/// Runs a function until the platform stops it, with the configuration in the environment. If it can't
/// start, logs the reason and exits with status 1.
pub fn serve(
    name: &'static str,
    app: impl FnOnce(&Resources) -> anyhow::Result<Router>,
) -> anyhow::Result<()> {
    serve_with_work(name, |resources| Ok((app(resources)?, || ())))
}

/// Like [`serve()`], for an app with work of its own. The work is started once the whole configuration is known to be
/// valid.
pub fn serve_with_work<W: FnOnce()>(
    name: &'static str,
    app: impl FnOnce(&Resources) -> anyhow::Result<(Router, W)>,
) -> anyhow::Result<()> {
    let env = Env::from_process();
    telemetry::install(name, &env, Audience::Platform)?;
    if let Err(error) = start(name, env, app) {
        // The log is where operators look; on a terminal it is printed.
        tracing::error!("{name} stops: {error:#}");
        std::process::exit(1);
    }
    Ok(())
}

fn start<W: FnOnce()>(
    name: &'static str,
    env: Env,
    app: impl FnOnce(&Resources) -> anyhow::Result<(Router, W)>,
) -> anyhow::Result<()> {
    let on_lambda = env.get("AWS_LAMBDA_RUNTIME_API").is_some();
    // One invocation at a time needs no second thread, which saves 0.3 to 0.6 ms.
    let one_at_a_time = on_lambda && env.parse("AWS_LAMBDA_MAX_CONCURRENCY", 1_u32)? <= 1;
    let mut runtime = if one_at_a_time {
        tokio::runtime::Builder::new_current_thread()
    } else {
        tokio::runtime::Builder::new_multi_thread()
    };
    runtime
        .enable_all()
        .build()?
        .block_on(async { run(name, &Resources::new(secrets::resolve(env).await?), app).await })
}

/// Starts nothing unless the whole configuration is valid. The error names everything that is wrong.
async fn run<W: FnOnce()>(
    name: &'static str,
    resources: &Resources,
    app: impl FnOnce(&Resources) -> anyhow::Result<(Router, W)>,
) -> anyhow::Result<()> {
    // For libraries with a TLS client of their own. If a provider is installed already, it is the same.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let on_lambda = resources.env().get("AWS_LAMBDA_RUNTIME_API").is_some();
    let port = if on_lambda {
        Ok(0)
    } else {
        http::port(resources.env())
    };
    let settings = Settings::read(resources);
    let ((app, work), auth, _, settings) =
        (app(resources), resources.auth(), port, settings).all()?;
    let service = service::with(name, app, resources, auth, settings);
    if on_lambda {
        work();
        lambda::run(name, service, resources).await
    } else {
        let stop = http::stop_signal()?;
        let listener = http::bind(resources).await?;
        tracing::info!("{name} listens on http://{}", listener.local_addr()?);
        work();
        http::listen(service, listener, stop).await
    }
}
