//! What is read back, one request at a time.

use std::time::Instant;

use anyhow::{Context as _, ensure};
use shared::Env;

use crate::function::Function;

const QUERIES: usize = 300;

pub async fn measure(function: &Function, database: &str) -> anyhow::Result<()> {
    let pool = shared::postgres::open(&Env::default().with("DATABASE_URL", database))?;
    let client = pool.get().await?;
    let started = Instant::now();
    loop {
        let answer = function
            .post("/events/message-log", "{}".to_owned())
            .await?;
        ensure!(answer["rows"].is_number(), "{answer}");
        if answer["complete"] == true {
            break;
        }
    }
    let took = started.elapsed().as_secs_f64();
    let rows = client
        .query_typed_one("select count(*) from conversation.log", &[])
        .await?
        .get::<_, i64>(0);
    println!(
        "| roll-up of {rows} rows | {took:.1} s, {:.0} rows/s | | |",
        rows as f64 / took
    );
    for (what, relation) in [("log", "log"), ("search", "search")] {
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
    for (what, path) in [
        ("search, in every tenth", "search?q=%ED%99%98%EB%B6%88"),
        (
            "search, in one of 20,000",
            "search?q=%EC%98%81%EC%88%98%EC%A6%9D%EC%9E%AC%EB%B0%9C%ED%96%89",
        ),
        (
            "search, in none",
            "search?q=%ED%8E%AD%EA%B7%84%EB%82%A8%EA%B7%B9",
        ),
        ("context of a thread", "context?thread=t7&token_budget=2000"),
        ("history, 50 newest", "messages"),
    ] {
        let mut times = Vec::with_capacity(QUERIES);
        for n in 0..QUERIES {
            let path = format!("/v1/robeings/r{}/{path}", n % 4);
            let started = Instant::now();
            function.get(&path).await?;
            times.push(started.elapsed());
        }
        times.sort_unstable();
        let at = |part: f64| -> anyhow::Result<f64> {
            let place = (times.len() as f64 * part) as usize;
            Ok(times.get(place).context("there are queries")?.as_secs_f64() * 1_000.0)
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
