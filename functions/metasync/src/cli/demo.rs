//! The demo: a sample warehouse, a bucket folder, one sync, a throwaway Postgres where there can be
//! one, and something to try.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};

use platform::serve::{self, http};
use platform::{Env, Resources, llm};
use serde_json::json;
use throwaway_postgres::Server;
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::{sample, schedule};

/// Whoever reads the demo's screen may sign as Slack does.
const SIGNING_SECRET: &str = "demo-signing-secret";
/// Seconds between two roll-ups.
const ROLL_UP: u64 = 2;

/// What the demo takes over from its environment, beside a model if there is one.
const TAKEN_OVER: [&str; 4] = ["HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "RUST_LOG"];

pub async fn run(process: &Env, port: u16, json: bool) -> anyhow::Result<()> {
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
        process
            .get(name)
            .map(|value| ((*name).to_owned(), value.to_owned()))
    });
    let mut env = taken_over
        .collect::<Env>()
        .with("AUTH_MODE", "open")
        .with("WAREHOUSE_URL", format!("file://{}", warehouse.display()))
        .with("BUCKET_URL", format!("file://{}", bucket.display()))
        .with("TMPDIR", folder.path().display().to_string());

    // From here on, so that the folder goes as well where the demo is interrupted.
    let mut stop = Box::pin(http::stop_signal()?);
    // Stops, and its folder goes, with this.
    let postgres = tokio::select! {
        postgres = postgres(process) => postgres,
        () = &mut stop => return Ok(()),
    };
    match &postgres {
        Ok(server) => {
            let key = || format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
            env = env
                .with("DATABASE_URL", server.url())
                .with("MASKING_KEY", key())
                .with("PRIVACY_KEY", key())
                .with("SLACK_SIGNING_SECRET", SIGNING_SECRET)
                .with("SLACK_ROBEINGS", r#"{"A0DEMO": "demo"}"#);
            platform::postgres::migrate(&env, migrations::FILES).await?;
        }
        Err(error) => writeln!(
            std::io::stderr(),
            "no Postgres, so the demo goes on without conversations: {error:#}\n"
        )?,
    }
    let resources = with_model_if_it_opens(env)?;
    if postgres.is_ok() {
        schedule::roll_up_every(ROLL_UP, message_log::Log::open(&resources)?);
        schedule::stats_every(ROLL_UP, stats_batch::Stats::open(&resources)?);
    }

    let answer = tokio::select! {
        answer = super::run_sync(&resources) => answer?,
        () = &mut stop => return Ok(()),
    };
    let service = serve::service("metasync", crate::app(&resources)?, &resources)?;
    let listener = bind(port).await?;
    let url = format!("http://{}", listener.local_addr()?);
    if json {
        let conversations = postgres.is_ok();
        super::print_json(&json!({ "url": url, "sync": answer, "conversations": conversations }))?;
    } else {
        super::print_answer(&answer)?;
        print_what_to_try(&url)?;
        if postgres.is_ok() {
            print_a_conversation(&url)?;
            print_growth(&url)?;
        }
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

/// Blocks for a second where Postgres is installed, and for a download where it is not.
async fn postgres(env: &Env) -> anyhow::Result<Server> {
    let env = env.clone();
    tokio::task::spawn_blocking(move || Server::start(&env)).await?
}

/// What Slack would send, signed as Slack signs it, and what comes of it.
fn print_a_conversation(url: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        r#"
A message arrives from Slack, signed with the demo's secret, and is there at once, masked:

  body='{{"type":"event_callback","api_app_id":"A0DEMO","team_id":"T1","event_id":"Ev1","event":{{"type":"message","channel":"C1","channel_type":"channel","user":"U1","ts":"'$(date +%s)'.000001","text":"refund please, my number is 010-1234-5678"}}}}'
  time=$(date +%s); sign=$(printf 'v0:%s:%s' "$time" "$body" | openssl dgst -sha256 -hmac {SIGNING_SECRET} | sed 's/.* //')
  curl -H 'content-type: application/json' -H "x-slack-request-timestamp: $time" -H "x-slack-signature: v0=$sign" -d "$body" {url}/v1/slack/events
  curl {url}/v1/robeings/demo/messages
  curl '{url}/v1/robeings/demo/search?q=refund'
  curl '{url}/v1/robeings/demo/context?token_budget=500'
"#
    )?;
    Ok(out.flush()?)
}

/// Tasks that make a level, and what is unlocked by it.
fn print_growth(url: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        r#"
The robeing ends some tasks, and levels up with the next roll-up:

  for task in 1 2 3; do
    curl -H 'content-type: application/json' -H "idempotency-key: demo-$task" -d '{{"task_type": "coding", "difficulty": 7, "outcome": "success"}}' {url}/v1/robeings/demo/tasks
  done
  curl -X POST {url}/events/stats-batch; sleep 3
  curl {url}/v1/robeings/demo/stats
  curl -X PUT -H 'content-type: application/json' -d '"formal"' {url}/v1/robeings/demo/settings/user/response_style
  curl {url}/v1/robeings/demo/settings/user
"#
    )?;
    Ok(out.flush()?)
}
