//! The cost of an archive, an erasure and an export:
//! `DATABASE_URL=postgres://.. cargo bench -p tests --bench privacy`.
//!
//! It inserts `MESSAGES` (5,000,000) rows of one month by `PEOPLE` (20,000) people, of a realistic size. One
//! person has `OWN` (100,000) of them, and as many live ones. The month is archived to a folder while a writer
//! inserts rows of today: the benchmark fails if one waits for a lock for 50 ms, and reports the longest insert.
//! As a lower bound, one `COPY` reads the same rows. The server needs a `work_mem` of 256 MB and 10 GB of disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use futures::{StreamExt as _, pin_mut};
use kit::TestApp;
use kit::postgres::{Database, database};
use platform::Env;
use platform::postgres::Client;
use serde_json::json;

const PERSON: &str = "0190b2a0-0000-7000-8000-000000000001";

fn main() -> anyhow::Result<()> {
    let env = Env::from_process();
    let rows: i64 = env.parse("MESSAGES", 5_000_000)?;
    let people: i64 = env.parse("PEOPLE", 20_000)?;
    let own: i64 = env.parse("OWN", 100_000)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(run(rows, people, own))
}

async fn run(rows: i64, people: i64, own: i64) -> anyhow::Result<()> {
    let database = database().await;
    let bucket = tempfile::tempdir()?;
    let app = TestApp::with_env(database.env())
        .named("privacy")
        .set("BUCKET_URL", format!("file://{}", bucket.path().display()))
        .set("PRIVACY_KEY", "08".repeat(32))
        .start(privacy::app)
        .await;
    let client = database.client().await;
    fill(&client, "2025-08-01", rows, people, own).await?;
    let done = "update conversation.watermark set xid = pg_snapshot_xmax(pg_current_snapshot())::text::xid8";
    client.batch_execute(done).await?;
    fill(&client, "2026-11-01", own * 3, people, own).await?;
    let done =
        "update robeing.watermark set xid = pg_snapshot_xmax(pg_current_snapshot())::text::xid8";
    client.batch_execute(done).await?;
    client.batch_execute("vacuum analyze").await?;
    let bare = copy(&client).await?;
    println!("| what | measured | beside |");
    println!("| --- | --- | --- |");
    archive(&app, &database, rows, bare).await?;

    reset_peak()?;
    roll_up(&database).await?;
    println!("| roll-up of what is live | | {} |", peak()?);

    reset_peak()?;
    let started = Instant::now();
    let reply = app.post("/v1/exports", json!({"user_id": PERSON})).await;
    ensure!(reply.status == 200, "{reply:?}");
    let took = started.elapsed().as_secs_f64();
    let export = reply.json();
    let files = export["files"].as_array().context("files")?;
    let sum = |field: &str| -> i64 { files.iter().filter_map(|it| it[field].as_i64()).sum() };
    ensure!(sum("rows") == own * 2, "{export}");
    println!(
        "| export of {own} live and {own} archived messages | {took:.1} s | {} files, {} MB; {} |",
        files.len(),
        sum("bytes") / 1_000_000,
        peak()?
    );

    reset_peak()?;
    let started = Instant::now();
    let reply = app.post("/v1/erasures", json!({"user_id": PERSON})).await;
    ensure!(reply.status == 200, "{reply:?}");
    let took = started.elapsed().as_secs_f64();
    let erased = &reply.json()["receipt"]["body"]["erased"];
    ensure!(
        erased["conversation.log"] == own && erased["archive, rows"] == own,
        "{erased}"
    );
    println!(
        "| erasure of {own} live and {own} archived messages | {took:.1} s | {} |",
        peak()?
    );
    Ok(())
}

/// Generates rows on the server; the benchmark of messages measures ingestion.
async fn fill(
    client: &Client,
    month: &str,
    rows: i64,
    people: i64,
    own: i64,
) -> anyhow::Result<()> {
    client
        .batch_execute(&format!(
            "select conversation.add_month('{month}');
             insert into conversation.log
                 (id, robeing_id, channel_id, thread_ts, user_id, message, response, intent, confidence,
                  metadata, token_count, source, source_event_id, content, created_at)
             select (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '7'
                         || lpad(to_hex((n % 4096)::int), 3, '0') || '8' || lpad(to_hex(n), 15, '0'))::uuid,
                    'r' || n % 4, 'C' || n % 100, n::text,
                    case when n % greatest({rows} / {own}, 1) = 0 and n / greatest({rows} / {own}, 1) < {own}
                         then '{PERSON}'::uuid
                         else ('0190b2a0-0000-7000-8000-1' || lpad(to_hex(n % {people}), 11, '0'))::uuid end,
                    'message ' || n || ' ' || repeat(md5(n::text), 5) || '?', repeat(md5((n + 1)::text), 4),
                    'order', 0.9, '{{\"ts\": 1}}', 80, 'http', n::text, gen_random_uuid(), at
             from generate_series(0, {rows} - 1) as n,
                  lateral (select timestamptz '{month} 00:00:00+00' + n * interval '20 days' / {rows} as at) as times"
        ))
        .await?;
    Ok(())
}

/// Rolls up the live rows, so that an erasure has to remove them from the search index as well.
async fn roll_up(database: &Database) -> anyhow::Result<()> {
    let log = TestApp::with_env(database.env())
        .named("message-log")
        .set("MASKING_KEY", "07".repeat(32))
        .start(message_log::app)
        .await;
    loop {
        let reply = log.post("/events/message-log", json!({})).await;
        ensure!(reply.status == 200, "{reply:?}");
        if reply.json()["complete"] == true {
            return Ok(());
        }
    }
}

async fn copy(client: &Client) -> anyhow::Result<Duration> {
    let started = Instant::now();
    let out = client
        .copy_out("copy (select * from conversation.log where created_at < '2026-01-01') to stdout")
        .await?;
    pin_mut!(out);
    while let Some(part) = out.next().await {
        part?;
    }
    Ok(started.elapsed())
}

async fn archive(
    app: &TestApp,
    database: &Database,
    rows: i64,
    bare: Duration,
) -> anyhow::Result<()> {
    let stop = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn(write(database.client().await, stop.clone()));
    tokio::time::sleep(Duration::from_secs(2)).await;
    reset_peak()?;
    let started = Instant::now();
    let reply = app.post("/events/privacy", json!({})).await;
    let took = started.elapsed();
    ensure!(reply.status == 200, "{reply:?}");
    let month = &reply.json()["archived"][0];
    ensure!(
        month["state"] == "dropped" && month["rows"] == rows,
        "{month}"
    );
    stop.store(true, Ordering::SeqCst);
    let waits = writer.await??;
    println!(
        "| archive of {rows} messages, verified, dropped | {:.0} s, {:.0} rows/s | {:.0} s to read them by COPY, ratio {:.1} |",
        took.as_secs_f64(),
        rows as f64 / took.as_secs_f64(),
        bare.as_secs_f64(),
        took.as_secs_f64() / bare.as_secs_f64()
    );
    println!(
        "| files | {}, {} MB | |",
        month["parts"],
        month["bytes"].as_u64().unwrap_or_default() / 1_000_000
    );
    println!("| memory of the process | {} | |", peak()?);
    let longest = waits.iter().max().context("rows were written")?;
    println!(
        "| longest wait of a writer meanwhile | {:.1} ms | {} rows |",
        longest.as_secs_f64() * 1_000.0,
        waits.len()
    );
    Ok(())
}

/// Inserts a row of today every few milliseconds. Returns the duration of each insert.
async fn write(client: Client, stop: Arc<AtomicBool>) -> anyhow::Result<Vec<Duration>> {
    // A longer wait for a lock fails the benchmark.
    client.batch_execute("set lock_timeout = '50ms'").await?;
    let mut waits = Vec::new();
    while !stop.load(Ordering::SeqCst) {
        let id = uuid::Uuid::now_v7();
        let started = Instant::now();
        client
            .batch_execute(&format!(
                "insert into conversation.log (id, robeing_id, metadata, token_count, source, source_event_id, content, created_at)
                 values ('{id}', 'r1', '{{}}', 0, 'http', '', '{id}', now())"
            ))
            .await?;
        waits.push(started.elapsed());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(waits)
}

/// Resets the peak memory.
fn reset_peak() -> anyhow::Result<()> {
    Ok(std::fs::write("/proc/self/clear_refs", "5")?)
}

fn peak() -> anyhow::Result<String> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1));
    let kilobytes: u64 = kilobytes
        .context("no VmHWM in /proc/self/status")?
        .parse()?;
    Ok(format!("at most {} MB resident", kilobytes / 1_024))
}
