//! Batches of 1,000 from four senders, compared with a `COPY` of the same rows into a table with the same indexes.

use std::ops::Range;
use std::time::Instant;

use anyhow::ensure;
use bytes::Bytes;
use futures::future::try_join_all;
use futures::{SinkExt as _, StreamExt as _, pin_mut};
use platform::Env;
use serde_json::json;
use uuid::Uuid;

use crate::function::Function;
use crate::{message, past_id};

const BATCH: usize = 1_000;
const SENDERS: usize = 4;

pub async fn against_copy(function: &Function, database: &str, rows: usize) -> anyhow::Result<()> {
    let bodies: Vec<String> = batches(0..rows).map(body).collect();
    let started = Instant::now();
    let senders = (0..SENDERS).map(async |sender| {
        for body in bodies.iter().skip(sender).step_by(SENDERS) {
            store(function, body.clone()).await?;
        }
        anyhow::Ok(())
    });
    try_join_all(senders).await?;
    let measured = rows as f64 / started.elapsed().as_secs_f64();

    let pool = platform::postgres::open(&Env::default().with("DATABASE_URL", database))?;
    let pool = pool.within(std::time::Duration::MAX);
    let client = pool.get().await?;
    client
        .batch_execute("create table public.bare (like conversation.log including all)")
        .await?;
    let mut text = Vec::new();
    let out = client
        .copy_out("copy (select * from conversation.log) to stdout")
        .await?;
    pin_mut!(out);
    while let Some(part) = out.next().await {
        text.extend_from_slice(&part?);
    }
    let started = Instant::now();
    let copy = client
        .copy_in::<_, Bytes>("copy public.bare from stdin")
        .await?;
    pin_mut!(copy);
    for part in text.chunks(1 << 16) {
        copy.send(Bytes::copy_from_slice(part)).await?;
    }
    copy.close().await?;
    let bare = rows as f64 / started.elapsed().as_secs_f64();
    client.batch_execute("drop table public.bare").await?;
    println!(
        "| batches of {BATCH}, masked, once | {measured:.0} rows/s | {bare:.0} rows/s (COPY) | {:.2} |",
        measured / bare
    );
    Ok(())
}

/// Stores further messages of the last months without measuring.
pub async fn fill(function: &Function, rows: Range<usize>) -> anyhow::Result<()> {
    let all = rows.end;
    let senders = (0..SENDERS).map(async |sender| {
        for batch in batches(rows.clone()).skip(sender).step_by(SENDERS) {
            let items: Vec<_> = batch.map(|n| message(n, past_id(n, all))).collect();
            store(function, json!({"items": items}).to_string()).await?;
        }
        anyhow::Ok(())
    });
    try_join_all(senders).await.map(drop)
}

fn batches(rows: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let end = rows.end;
    rows.step_by(BATCH)
        .map(move |first| first..end.min(first + BATCH))
}

fn body(rows: Range<usize>) -> String {
    let items: Vec<_> = rows.map(|n| message(n, Uuid::now_v7())).collect();
    json!({"items": items}).to_string()
}

async fn store(function: &Function, body: String) -> anyhow::Result<()> {
    let answer = function.post("/v1/messages/batch", body).await?;
    let items = answer["items"].as_array().map(Vec::as_slice);
    let is_new = |item: &serde_json::Value| item["status"] == 201;
    ensure!(items.unwrap_or_default().iter().all(is_new), "{answer}");
    Ok(())
}
