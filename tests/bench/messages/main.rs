//! Ingestion, search and context of the message log, compared with plain statements on the same Postgres.
//!
//! `cargo bench -p tests --bench messages` runs the release binary in its own process, on a throwaway server that
//! syncs its commits to disk, or on the empty database of `DATABASE_URL`. With `ROWS=0` it only reads the database
//! of an earlier run with the same `MESSAGES`. `ROWS` (200,000) is the number of messages whose ingestion is
//! measured; more are stored, up to `MESSAGES` (200,000), before the searches. `SECONDS` (10) is how long single
//! messages are sent.

mod batches;
mod function;
mod reads;
#[expect(dead_code, reason = "the tests against peers use the rest")]
#[path = "../../peers/server.rs"]
mod server;
mod singles;
mod text;

use function::Function;
use platform::Env;
use serde_json::{Value, json};
use throwaway_postgres::Server;
use uuid::Uuid;

fn main() -> anyhow::Result<()> {
    // `cargo test --benches` only checks that it starts.
    if std::env::args().any(|argument| argument == "--test") {
        return Ok(());
    }
    let env = Env::from_process();
    let rows: usize = env.parse("ROWS", 200_000)?;
    let messages: usize = env.parse("MESSAGES", rows)?;
    let seconds: u64 = env.parse("SECONDS", 10)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let (url, _server) = postgres(&env)?;
        platform::postgres::migrate(
            &Env::default().with("DATABASE_URL", &url),
            migrations::FILES,
        )
        .await?;
        let function = Function::start(&url)?;
        println!("| what | measured | bare | ratio |");
        println!("| --- | --- | --- | --- |");
        if rows > 0 {
            batches::against_copy(&function, &url, rows).await?;
            singles::against_pgbench(&function, &url, seconds).await?;
            batches::fill(&function, rows..messages).await?;
        }
        reads::measure(&function, &url, messages / 40).await
    })
}

/// A server with the settings of a managed Postgres with about 4 GiB, and durable commits.
fn postgres(env: &Env) -> anyhow::Result<(String, Option<Server>)> {
    if let Some(url) = env.get("DATABASE_URL") {
        return Ok((url.to_owned(), None));
    }
    let settings = [
        "fsync=on",
        "synchronous_commit=on",
        "full_page_writes=on",
        "autovacuum=on",
        "shared_buffers=1GB",
        "max_wal_size=4GB",
        "random_page_cost=1.1",
    ];
    let server = Server::start_with(env, &settings)?;
    Ok((server.url(), Some(server)))
}

/// The number of days over which the messages for the searches are spread.
const DAYS: usize = 150;

/// A realistic message, with a phone number to mask in every twentieth. `id` is a UUID of version 7.
fn message(n: usize, id: Uuid) -> Value {
    let mut text = text::line(n as u64, 24);
    // In every tenth message of each of the four robeings.
    if (n / 4).is_multiple_of(10) {
        text += " 환불";
    }
    if n.is_multiple_of(20_011) {
        text += " 영수증재발행";
    }
    if n.is_multiple_of(20) {
        text += " 010-1234-5678";
    }
    json!({
        "id": id.to_string(),
        "robeing_id": format!("r{}", n % 4),
        "channel_id": "C1",
        "thread_ts": format!("t{}", n / 40),
        "message": text,
        "response": "확인하고 알려드릴게요",
        "intent": "order",
        "confidence": 0.9,
    })
}

/// An id whose time corresponds to the position of the message among all.
fn past_id(n: usize, all: usize) -> Uuid {
    let now = Uuid::now_v7().as_u128();
    let before = (all - n) as u128 * (DAYS * 24 * 3_600 * 1_000) as u128 / all as u128;
    Uuid::from_u128(now - (before << 80))
}
