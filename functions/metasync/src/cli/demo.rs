//! The demo: a sample warehouse, a bucket folder, one sync, and something to try.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};

use serde_json::json;
use shared::serve::{self, http};
use shared::{Env, Resources, llm};
use tokio::net::TcpListener;

use crate::sample;

/// What the demo takes over from its environment, beside a model if there is one.
const TAKEN_OVER: [&str; 4] = ["HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "RUST_LOG"];

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

    let taken_over = llm::VARIABLES.iter().chain(&TAKEN_OVER);
    let taken_over = taken_over.filter_map(|name| {
        env.get(name)
            .map(|value| ((*name).to_owned(), value.to_owned()))
    });
    let env = taken_over
        .collect::<Env>()
        .with("AUTH_MODE", "open")
        .with("WAREHOUSE_URL", format!("file://{}", warehouse.display()))
        .with("BUCKET_URL", format!("file://{}", bucket.display()))
        .with("TMPDIR", folder.path().display().to_string());
    let resources = with_model_if_it_opens(env)?;

    // From here on, so that the folder goes as well where the sync is interrupted.
    let mut stop = Box::pin(http::stop_signal()?);
    let answer = tokio::select! {
        answer = super::run_sync(&resources) => answer?,
        () = &mut stop => return Ok(()),
    };
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

/// Somebody's model for other work must not keep them from looking at the demo.
fn with_model_if_it_opens(env: Env) -> anyhow::Result<Resources> {
    let resources = Resources::new(env.clone());
    if let Err(error) = resources.llm() {
        writeln!(
            std::io::stderr(),
            "the demo goes on without a model: {error:#}\n"
        )?;
        return Ok(Resources::new(env.with("LLM_MODEL", "")));
    }
    Ok(resources)
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
