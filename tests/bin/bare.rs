//! The probe's trigger in plain axum, as the lower bound of an HTTP request.

use std::net::Ipv4Addr;

use axum::routing::post;
use axum::serve::ListenerExt as _;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;

async fn trigger(Json(event): Json<Value>) -> Json<Value> {
    Json(json!({"event": event}))
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let port: u16 = std::env::var("PORT")?.parse()?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let listener = listener.tap_io(|connection| {
        let _ = connection.set_nodelay(true);
    });
    let app = Router::new().route("/events/probe", post(trigger));
    Ok(axum::serve(listener, app).await?)
}
