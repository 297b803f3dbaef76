//! `metasync demo`: a sample warehouse, a bucket folder, a throwaway Postgres if one is available, one
//! sync, and commands to try.

use std::fmt::Display;
use std::io::Write as _;
use std::path::Path;

use platform::serve::{self, http};
use platform::{Env, Resources, llm};
use serde_json::json;
use throwaway_postgres::Server;
use uuid::Uuid;

use crate::functions::FUNCTIONS;
use crate::sample;

/// No secret: it signs only what is posted to the demo on this machine.
const SIGNING_SECRET: &str = "demo-signing-secret";

/// The variables that the demo takes from its environment, in addition to those of the model.
const INHERITED: [&str; 4] = ["HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "RUST_LOG"];

/// Runs the demo until it is interrupted. Without `port`, it listens on `PORT`, or on 8080.
pub async fn run(process: &Env, port: Option<u16>, json: bool) -> anyhow::Result<()> {
    // Dropping it removes the folder, however the demo ends, except by SIGKILL.
    let folder = tempfile::Builder::new()
        .prefix("metasync-demo-")
        .tempdir()?;
    let port = port.map_or_else(|| process.parse("PORT", 8080), Ok)?;
    let mut env = environment(process, folder.path())?.with("PORT", port.to_string());
    // Before anything that takes time, so that a port in use is reported at once.
    let listener = http::bind(&Resources::new(env.clone())).await?;
    let url = format!("http://{}", listener.local_addr()?);

    // From here on, an interrupt ends the demo here, so that the folder is removed.
    let mut stop = Box::pin(http::stop_signal()?);
    // Dropping it stops the server and removes its folder.
    let postgres = tokio::select! {
        postgres = postgres(process) => postgres,
        () = &mut stop => return Ok(()),
    };
    match &postgres {
        Ok(server) => {
            env = with_database(env, server);
            platform::postgres::migrate(&env, migrations::FILES).await?;
        }
        Err(error) => warn("conversations", error)?,
    }
    let resources = with_model_if_it_opens(env)?;
    let (app, schedules) = crate::open(&resources)?;
    schedules.start();

    let answer = tokio::select! {
        answer = super::run_sync(&resources) => answer?,
        () = &mut stop => return Ok(()),
    };
    let service = serve::service("metasync", app, &resources)?;
    if json {
        let conversations = postgres.is_ok();
        super::print_json(&json!({ "url": url, "sync": answer, "conversations": conversations }))?;
    } else {
        super::print_answer(&answer)?;
        print_schema_commands(&url)?;
        if postgres.is_ok() {
            print_conversation_commands(&url)?;
            print_growth_commands(&url)?;
            print_administration_commands(&url)?;
        }
    }
    http::listen(service, listener, stop).await
}

/// The configuration of the demo: it keeps everything in `folder`, where it also writes the sample.
fn environment(process: &Env, folder: &Path) -> anyhow::Result<Env> {
    let (warehouse, bucket) = (folder.join("warehouse"), folder.join("bucket"));
    std::fs::create_dir(&warehouse)?;
    std::fs::create_dir(&bucket)?;
    sample::write(&warehouse)?;

    let inherited = llm::VARIABLES.iter().chain(&INHERITED);
    let inherited = inherited.filter_map(|name| {
        let value = process.get(name)?;
        Some(((*name).to_owned(), value.to_owned()))
    });
    let triggers = FUNCTIONS.iter().filter_map(|function| function.trigger);
    let schedules = triggers.flat_map(|trigger| trigger.schedules);
    let intervals = schedules.map(|it| (it.variable.to_owned(), it.demo_seconds.to_string()));
    Ok(inherited
        .chain(intervals)
        .collect::<Env>()
        .with("AUTH_MODE", "open")
        .with("WAREHOUSE_URL", format!("file://{}", warehouse.display()))
        .with("BUCKET_URL", format!("file://{}", bucket.display()))
        .with("TMPDIR", folder.display().to_string()))
}

fn with_database(env: Env, server: &Server) -> Env {
    let key = || format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
    env.with("DATABASE_URL", server.url())
        .with("MASKING_KEY", key())
        .with("METASYNC_KEYS", key())
        .with("PRIVACY_KEY", key())
        .with("SLACK_SIGNING_SECRET", SIGNING_SECRET)
        .with("SLACK_ROBEINGS", r#"{"A0DEMO": "demo"}"#)
}

/// The model may be configured for other work; a mistake there doesn't stop the demo.
fn with_model_if_it_opens(env: Env) -> anyhow::Result<Resources> {
    let resources = Resources::new(env.clone());
    if let Err(error) = resources.llm() {
        warn("a model", &error)?;
        return Ok(Resources::new(env.with("LLM_MODEL", "")));
    }
    Ok(resources)
}

fn warn(missing: &str, reason: &anyhow::Error) -> anyhow::Result<()> {
    let mut out = std::io::stderr().lock();
    writeln!(out, "the demo continues without {missing}: {reason:#}\n")?;
    Ok(())
}

/// Takes a second with an installed Postgres; otherwise it downloads a build.
async fn postgres(env: &Env) -> anyhow::Result<Server> {
    let env = env.clone();
    tokio::task::spawn_blocking(move || Server::start(&env)).await?
}

fn print(text: impl Display) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    Ok(out.flush()?)
}

fn print_schema_commands(url: &str) -> anyhow::Result<()> {
    print(format_args!(
        "\n\
        The demo listens on {url} until you press Ctrl-C. Try:\n\
        \n  \
        curl {url}/v1/schema/tables\n  \
        curl '{url}/v1/schema/tables/events_*?format=text'\n  \
        curl -X POST {url}/v1/schema/sync\n\
        \n\
        {url}/docs documents the API."
    ))
}

fn print_conversation_commands(url: &str) -> anyhow::Result<()> {
    print(format_args!(
        r#"
Post a message as Slack does, signed with the demo's secret, and read it back, masked:

  body='{{"type":"event_callback","api_app_id":"A0DEMO","team_id":"T1","event_id":"Ev1","event":{{"type":"message","channel":"C1","channel_type":"channel","user":"U1","ts":"'$(date +%s)'.000001","text":"refund please, my number is 010-1234-5678"}}}}'
  time=$(date +%s); sign=$(printf 'v0:%s:%s' "$time" "$body" | openssl dgst -sha256 -hmac {SIGNING_SECRET} | sed 's/.* //')
  curl -H 'content-type: application/json' -H "x-slack-request-timestamp: $time" -H "x-slack-signature: v0=$sign" -d "$body" {url}/v1/slack/events
  curl {url}/v1/robeings/demo/messages
  curl '{url}/v1/robeings/demo/search?q=refund'
  curl '{url}/v1/robeings/demo/context?token_budget=500'
"#
    ))
}

fn print_growth_commands(url: &str) -> anyhow::Result<()> {
    print(format_args!(
        r#"
Report finished tasks. The next roll-up raises the robeing's level. Then change a setting:

  for task in 1 2 3; do
    curl -H 'content-type: application/json' -H "idempotency-key: demo-$task" -d '{{"task_type": "coding", "difficulty": 7, "outcome": "success"}}' {url}/v1/robeings/demo/tasks
  done
  curl -X POST {url}/events/stats-batch; sleep 3
  curl {url}/v1/robeings/demo/stats
  curl -X PUT -H 'content-type: application/json' -d '"formal"' {url}/v1/robeings/demo/settings/user/response_style
  curl {url}/v1/robeings/demo/settings/user
"#
    ))
}

fn print_administration_commands(url: &str) -> anyhow::Result<()> {
    print(format_args!(
        r#"
{url}/ shows who is signed in: a local person, because everybody may do everything here. Invite somebody. The
audit log has who did it, and the next sweep makes the entry part of its chain:

  curl -H 'content-type: application/json' -d '{{"email": "kim@example.com", "role": "reader"}}' {url}/v1/people
  sleep 3; curl {url}/v1/audit; curl {url}/v1/audit/verification
"#
    ))
}
