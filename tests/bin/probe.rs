//! A function for tests of the runtime. It opens every client that is configured.

use std::time::Duration;

use axum::routing::{get, post};
use platform::{Error, Json, Resources, Router};
use serde_json::{Value, json};

fn main() -> anyhow::Result<()> {
    platform::serve("probe", app)
}

fn app(resources: &Resources) -> anyhow::Result<Router> {
    resources.http()?;
    if resources.env().get("BUCKET_URL").is_some() {
        resources.store()?;
    }
    if resources.env().get("DATABASE_URL").is_some() {
        resources.postgres()?;
    }
    resources.llm()?;
    Ok(Router::new()
        .route("/events/probe", post(trigger))
        .route("/v1/until-stopped", get(until_stopped)))
}

async fn trigger(Json(event): Json<Value>) -> Result<Json<Value>, Error> {
    if let Some(millis) = event["wait_ms"].as_u64() {
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }
    match event["fail"].as_str() {
        Some("panic") => panic!("the event asks for a panic"),
        Some(detail) => Err(Error::Conflict(detail.to_owned())),
        None => Ok(Json(json!({"event": event}))),
    }
}

/// Responds when the process receives a stop signal.
async fn until_stopped() -> Result<&'static str, Error> {
    let stop = platform::serve::http::stop_signal()?;
    tracing::info!("in flight");
    stop.await;
    Ok("finished")
}
