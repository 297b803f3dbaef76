//! The audit log: how fast its chain grows and is verified, and what that costs the writers of messages.
//!
//! `cargo bench -p tests --bench audit` runs on a throwaway server that syncs nothing to disk, or on that of
//! `DATABASE_URL`. `ENTRIES` (200,000) is the number of entries per round, of which there are three. `SECONDS` (60) is
//! how long four senders store messages, half of the time beside the audit log.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::ensure;
use axum::body::Body;
use futures::future::try_join_all;
use http::{Request, StatusCode};
use kit::audit::record_many;
use kit::postgres::{Database, database};
use people::audit::AuditChain;
use platform::{Env, Resources, serve};
use serde_json::json;
use tower::ServiceExt as _;
use uuid::Uuid;

const ROUNDS: usize = 3;
const SENDERS: usize = 4;
/// The messages per request.
const BATCH: usize = 100;
/// Turns with and without the audit log alternate, so that slow phases of the machine affect both.
const TURN: Duration = Duration::from_secs(3);
/// The entries per tenth of a second beside the writers: far more than people administer.
const BESIDE: i64 = 20;

fn main() -> anyhow::Result<()> {
    // `cargo test --benches` only checks that it starts.
    if std::env::args().any(|argument| argument == "--test") {
        return Ok(());
    }
    let env = Env::from_process();
    let entries: i64 = env.parse("ENTRIES", 200_000)?;
    let seconds: u64 = env.parse("SECONDS", 60)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        println!("| what | minimum | median |");
        println!("| --- | --- | --- |");
        chain_and_verify(entries).await?;
        write_beside(Duration::from_secs(seconds)).await
    })
}

/// The chain of a database, with its anchors in memory.
fn chain(database: &Database) -> anyhow::Result<AuditChain> {
    let env = database.env().with("BUCKET_URL", "memory:///");
    AuditChain::open(&Resources::new(env.with("METASYNC_KEYS", "07".repeat(32))))
}

/// Measures sweeps of new entries, and the verification of everything so far.
async fn chain_and_verify(entries: i64) -> anyhow::Result<()> {
    let database = database().await;
    let chain = chain(&database)?;
    let client = database.client().await;
    let (mut chained, mut verified) = (Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        record_many(&client, entries).await;
        client
            .batch_execute("vacuum analyze people.audit, people.audit_pending")
            .await?;
        let started = Instant::now();
        let mut rows = 0;
        loop {
            let swept = chain.sweep().await?;
            rows += swept.rows;
            if swept.complete {
                break;
            }
        }
        chained.push(rows as f64 / started.elapsed().as_secs_f64());
        ensure!(
            rows == entries.unsigned_abs(),
            "{rows} entries were chained"
        );
        client
            .batch_execute("vacuum analyze people.audit_link")
            .await?;
        let started = Instant::now();
        let found = chain
            .verify(0, started + Duration::from_secs(3_600))
            .await?;
        verified.push(found.entries as f64 / started.elapsed().as_secs_f64());
        ensure!(
            found.fault.is_none() && found.entries == entries * round as i64,
            "{found:?}"
        );
    }
    for (what, mut rates) in [("chained by one sweep", chained), ("verified", verified)] {
        rates.sort_unstable_by(f64::total_cmp);
        println!(
            "| {what}, {entries} new entries per round | {:.0} rows/s | {:.0} rows/s |",
            rates[0],
            rates[ROUNDS / 2]
        );
    }
    Ok(())
}

/// Counts the messages that are stored in turns with and without entries, of which a sweep per second makes a chain.
async fn write_beside(time: Duration) -> anyhow::Result<()> {
    let database = database().await;
    let env = database
        .env()
        .with("AUTH_MODE", "open")
        .with("RUST_LOG", "off")
        .with("MASKING_KEY", "07".repeat(32));
    let resources = Resources::new(env);
    let app = message_log::app(&resources)?;
    let service = serve::service("message-log", app, &resources)?;
    let is_over = Arc::new(AtomicBool::new(false));
    let began = Instant::now();
    let turn = move || usize::try_from(began.elapsed().as_secs() / TURN.as_secs()).unwrap_or(0);
    let beside = tokio::spawn(audit_in_odd_turns(
        chain(&database)?,
        database.client().await,
        turn,
        is_over.clone(),
    ));
    let senders = (0..SENDERS).map(async |sender| {
        let mut turns: Vec<usize> = Vec::new();
        let mut n = 0;
        while began.elapsed() < time {
            let items: Vec<_> = (0..BATCH)
                .map(|_| {
                    n += 1;
                    json!({"id": Uuid::now_v7(), "robeing_id": format!("r{sender}"),
                           "message": format!("When is order {n} of line {sender} delivered?")})
                })
                .collect();
            let request = Request::post("/v1/messages/batch")
                .header("content-type", "application/json")
                .body(Body::from(json!({ "items": items }).to_string()))?;
            let of = turn();
            let response = service.clone().oneshot(request).await?;
            ensure!(response.status() == StatusCode::OK, "{response:?}");
            turns.push(of);
        }
        Ok(turns)
    });
    let turns = try_join_all(senders).await?;
    is_over.store(true, Ordering::Relaxed);
    let entries = beside.await??;
    // The last turn is cut off, and the first one warms up.
    let last = turn();
    let mut rates = [Vec::new(), Vec::new()];
    for of in 1..last {
        let requests = turns.iter().flatten().filter(|turn| **turn == of).count();
        let rate = (requests * BATCH) as f64 / TURN.as_secs_f64();
        rates[of % 2].push(rate);
    }
    for (what, rates) in ["alone", "beside the audit log"].iter().zip(&mut rates) {
        rates.sort_unstable_by(f64::total_cmp);
        ensure!(!rates.is_empty(), "SECONDS is too short");
        println!(
            "| messages stored {what} | {:.0}/s | {:.0}/s |",
            rates[0],
            rates[rates.len() / 2]
        );
    }
    println!("| entries recorded and chained beside them | | {entries} |");
    Ok(())
}

/// Records entries in odd turns, and sweeps each second. Returns how many are in the chain.
async fn audit_in_odd_turns(
    chain: AuditChain,
    client: platform::postgres::Client,
    turn: impl Fn() -> usize,
    is_over: Arc<AtomicBool>,
) -> anyhow::Result<u64> {
    let (mut rows, mut tenths) = (0, 0_u64);
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    while !is_over.load(Ordering::Relaxed) {
        ticks.tick().await;
        if turn().is_multiple_of(2) {
            continue;
        }
        record_many(&client, BESIDE).await;
        tenths += 1;
        if tenths.is_multiple_of(10) {
            rows += chain.sweep().await?.rows;
        }
    }
    Ok(rows + chain.sweep().await?.rows)
}
