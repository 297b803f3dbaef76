//! The demo: a sample warehouse, a bucket folder, one sync, and something to try.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};

use serde_json::json;
use shared::serve::{self, http};
use shared::{Env, Resources};
use tokio::net::TcpListener;

use crate::sample;

/// What the demo takes over from its environment: a model, if there is one, and the log's level.
const TAKEN_OVER: [&str; 9] = [
    "ANTHROPIC_API_KEY",
    "GEMINI_API_KEY",
    "LLM_API_KEY",
    "LLM_BASE_URL",
    "LLM_MODEL",
    "LLM_TIMEOUT_SECONDS",
    "OLLAMA_HOST",
    "OPENAI_API_KEY",
    "RUST_LOG",
];

pub async fn run(env: &Env, port: u16, json: bool) -> anyhow::Result<()> {
    // Dropped, and so removed, however the demo ends short of a kill.
    let folder = tempfile::Builder::new()
        .prefix("metasync-demo-")
        .tempdir()?;
    let (warehouse, bucket) = (
        folder.path().join("warehouse"),
        folder.path().join("bucket"),
    );
    std::fs::create_dir(&warehouse)?;
    std::fs::create_dir(&bucket)?;
    sample::write(&warehouse)?;

    let taken_over = TAKEN_OVER.iter().filter_map(|name| {
        env.get(name)
            .map(|value| ((*name).to_owned(), value.to_owned()))
    });
    let env = taken_over
        .collect::<Env>()
        .with("AUTH_MODE", "open")
        .with("WAREHOUSE_URL", format!("file://{}", warehouse.display()))
        .with("BUCKET_URL", format!("file://{}", bucket.display()));
    let resources = Resources::new(env);
    let answer = super::run_sync(&resources).await?;

    let stop = http::stop_signal()?;
    let service = serve::service("metasync", crate::app(&resources)?, &resources)?;
    let listener = bind(port).await?;
    let url = format!("http://{}", listener.local_addr()?);
    if json {
        super::print_json(&json!({ "url": url, "sync": answer }))?;
    } else {
        super::print_answer(&answer)?;
        print_what_to_try(&url)?;
    }
    http::listen(service, listener, stop).await
}

/// Loopback only: the demo asks nobody who they are.
async fn bind(port: u16) -> anyhow::Result<TcpListener> {
    let address = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    match TcpListener::bind(address(port)).await {
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            Ok(TcpListener::bind(address(0)).await?)
        }
        bound => Ok(bound?),
    }
}

fn print_what_to_try(url: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "\n\
        The cache is served on {url} until you press Ctrl-C. Try:\n\
        \n  \
        curl {url}/v1/schema/tables\n  \
        curl '{url}/v1/schema/tables/events_*?format=text'\n  \
        curl -X POST {url}/v1/schema/sync\n\
        \n\
        The routes are documented at {url}/docs"
    )?;
    Ok(out.flush()?)
}
