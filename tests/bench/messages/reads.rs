//! Reads, one request at a time.

use std::time::Instant;

use anyhow::Context as _;
use platform::Env;

use crate::function::Function;

const QUERIES: usize = 500;

const CASES: [(&str, &str); 9] = [
    ("search, in four of five", "search?q=배송"),
    ("search, in every tenth", "search?q=환불"),
    ("search, in one of 60", "search?q=포인트로"),
    ("search, in one of 20,000", "search?q=영수증재발행"),
    ("search, in none", "search?q=펭귄남극"),
    ("search, two words", "search?q=취소 영수증재발행"),
    (
        "context of a recent thread",
        "context?thread_ts=NEWEST&token_budget=2000",
    ),
    (
        "context of any thread",
        "context?thread_ts=ANY&token_budget=2000",
    ),
    ("history, 50 newest", "messages"),
];

/// Measures reads. There are `threads` threads of 40 messages each, numbered by time.
pub async fn measure(function: &Function, database: &str, threads: usize) -> anyhow::Result<()> {
    let pool = platform::postgres::open(&Env::default().with("DATABASE_URL", database))?;
    let pool = pool.within(std::time::Duration::MAX);
    let client = pool.get().await?;
    let started = Instant::now();
    let mut rolled_up = 0;
    loop {
        let answer = function
            .post("/events/message-log", "{}".to_owned())
            .await?;
        rolled_up += answer["rows"]
            .as_u64()
            .with_context(|| answer.to_string())?;
        if answer["complete"] == true {
            break;
        }
    }
    let took = started.elapsed().as_secs_f64();
    if rolled_up > 0 {
        println!(
            "| roll-up of {rolled_up} rows | {took:.1} s, {:.0} rows/s | | |",
            rolled_up as f64 / took
        );
    }
    for (what, relation) in [("log", "log"), ("search", "search_posting")] {
        let size = client
            .query_typed_one(
                &format!(
                    "select sum(pg_total_relation_size(inhrelid))::bigint
                     from pg_inherits where inhparent = 'conversation.{relation}'::regclass"
                ),
                &[],
            )
            .await?;
        let size: i64 = size.get(0);
        println!("| {what} on disk | {:.0} MB | | |", size as f64 / 1e6);
    }
    client.batch_execute("vacuum analyze").await?;
    for (what, path) in CASES {
        let mut times = Vec::with_capacity(QUERIES);
        for n in 0..QUERIES {
            // Some of the newest threads of the robeing, and some of all.
            let robeing = n % 4;
            let newest = threads.saturating_sub(10 + n);
            let any = n * 7_919 % threads.max(1);
            let path = path.replace("NEWEST", &format!("t{newest}"));
            let path = path.replace("ANY", &format!("t{any}"));
            let path = format!("/v1/robeings/r{robeing}/{path}");
            let started = Instant::now();
            function.get(&path).await?;
            times.push(started.elapsed());
        }
        times.sort_unstable();
        let at = |part: f64| -> anyhow::Result<f64> {
            let place = (times.len() as f64 * part) as usize;
            Ok(times.get(place).context("no queries")?.as_secs_f64() * 1_000.0)
        };
        println!(
            "| {what} | p50 {:.2} ms, p95 {:.2} ms, p99 {:.2} ms | | |",
            at(0.5)?,
            at(0.95)?,
            at(0.99)?
        );
    }
    Ok(())
}
