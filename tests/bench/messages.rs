//! What the message log takes and gives, beside what the same Postgres does bare:
//! `DATABASE_URL=postgres://.. cargo bench -p tests --bench messages`.
//!
//! Without `DATABASE_URL` it runs on a throwaway server that syncs nothing to disk, which says nothing
//! about commits. `MESSAGES` (100,000) is how many rows are stored before anything is searched for,
//! `SECONDS` (5) how long single messages are sent.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use futures::SinkExt as _;
use futures::future::try_join_all;
use kit::TestApp;
use kit::postgres::{Database, database};
use serde_json::{Value, json};
use shared::Env;
use uuid::Uuid;

const BATCH: usize = 1_000;
const CONNECTIONS: usize = 32;
const QUERIES: usize = 300;

fn main() -> anyhow::Result<()> {
    let env = Env::from_process();
    let rows: usize = env.parse("MESSAGES", 100_000)?;
    let seconds: u64 = env.parse("SECONDS", 5)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let database = database().await;
        let app = TestApp::with_env(database.env())
            .named("message-log")
            .set("MASKING_KEY", "07".repeat(32))
            .set("DATABASE_POOL_SIZE", "32")
            .start(message_log::app)
            .await;
        let client = database.client().await;
        let fsync = client.query_typed_one("show fsync", &[]).await?;
        println!("fsync {}", fsync.get::<_, String>(0));
        println!("| what | measured | bare | ratio |");
        println!("| --- | --- | --- | --- |");
        batches(&app, &database, rows).await?;
        singles(&app, &database, Duration::from_secs(seconds)).await?;
        let started = Instant::now();
        roll_up(&app, &client).await?;
        let took = started.elapsed().as_secs_f64();
        println!("| roll-up of all rows | {took:.1} s | | |");
        client.batch_execute("vacuum analyze").await?;
        found(&app).await
    })
}

/// What people write, some words in every tenth and one in few, and a number to mask in every
/// twentieth.
fn message(n: usize) -> Value {
    const WORDS: [&str; 16] = [
        "배송이",
        "언제",
        "오나요",
        "주문을",
        "바꾸고",
        "싶어요",
        "결제가",
        "안돼요",
        "쿠폰은",
        "어디에",
        "있나요",
        "확인",
        "부탁드려요",
        "감사합니다",
        "상품",
        "문의",
    ];
    let mut text = String::new();
    let mut seed = n as u64 ^ 0x9e37_79b9;
    for _ in 0..24 {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        text += WORDS[(seed >> 59) as usize % WORDS.len()];
        text.push(' ');
    }
    if n.is_multiple_of(10) {
        text += "환불";
    }
    if n.is_multiple_of(20_011) {
        text += "영수증재발행";
    }
    if n.is_multiple_of(20) {
        text += " 010-1234-5678";
    }
    json!({
        "id": Uuid::now_v7().to_string(),
        "robeing_id": format!("r{}", n % 4),
        "channel_id": "C1",
        "thread_ts": format!("t{}", n / 40),
        "message": text,
        "response": "확인하고 알려드릴게요",
        "intent": "order",
        "confidence": 0.9,
    })
}

/// Batches of 1,000 by four senders, and a `COPY` of the very rows into a table with the same indexes.
async fn batches(app: &TestApp, database: &Database, rows: usize) -> anyhow::Result<()> {
    let bodies: Vec<Value> = (0..rows.div_ceil(BATCH))
        .map(|batch| json!({"items": (0..BATCH).map(|n| message(batch * BATCH + n)).collect::<Vec<_>>()}))
        .collect();
    let started = Instant::now();
    let senders = (0..4).map(|sender| {
        let requests: Vec<_> = bodies
            .iter()
            .skip(sender)
            .step_by(4)
            .map(|body| app.post("/v1/messages/batch", body))
            .collect();
        tokio::spawn(async move {
            for request in requests {
                let reply = request.await;
                ensure!(reply.status == 200, "{reply:?}");
                ensure!(reply.json()["items"][0]["status"] == 201, "{reply:?}");
            }
            Ok(())
        })
    });
    for sent in try_join_all(senders).await? {
        sent?;
    }
    let rows = rows.div_ceil(BATCH) * BATCH;
    let measured = rows as f64 / started.elapsed().as_secs_f64();

    let client = database.client().await;
    client
        .batch_execute("create table public.bare (like conversation.log including all)")
        .await?;
    let mut text = Vec::new();
    let out = client
        .copy_out("copy (select * from conversation.log) to stdout")
        .await?;
    futures::pin_mut!(out);
    while let Some(part) = futures::StreamExt::next(&mut out).await {
        text.extend_from_slice(&part?);
    }
    let started = Instant::now();
    let copy = client
        .copy_in::<_, Bytes>("copy public.bare from stdin")
        .await?;
    futures::pin_mut!(copy);
    for part in text.chunks(1 << 16) {
        copy.send(Bytes::copy_from_slice(part)).await?;
    }
    copy.close().await?;
    let bare = rows as f64 / started.elapsed().as_secs_f64();
    println!(
        "| batches of {BATCH}, masked, once | {measured:.0} rows/s | {bare:.0} rows/s | {:.2} |",
        measured / bare
    );
    Ok(())
}

/// One message a request, and one bare row a transaction, on as many connections.
async fn singles(app: &TestApp, database: &Database, time: Duration) -> anyhow::Result<()> {
    let until = Instant::now() + time;
    let senders = (0..CONNECTIONS).map(|sender| {
        let service = app.service();
        tokio::spawn(async move {
            let mut sent = 0;
            while Instant::now() < until {
                let body = message(1_000_000 * (sender + 1) + sent).to_string();
                let request = http::Request::post("/v1/messages")
                    .header("content-type", "application/json")
                    .body(axum::body::Body::from(body))?;
                let Ok(reply) = tower::ServiceExt::oneshot(service.clone(), request).await;
                ensure!(reply.status() == 201, "{}", reply.status());
                sent += 1;
            }
            Ok(sent)
        })
    });
    let sent: Vec<usize> = try_join_all(senders)
        .await?
        .into_iter()
        .collect::<Result<_, _>>()?;
    let measured = sent.iter().sum::<usize>() as f64 / time.as_secs_f64();

    let client = database.client().await;
    client
        .batch_execute("create table public.single (id uuid primary key, message text, created_at timestamptz)")
        .await?;
    let text = message(1).to_string();
    let until = Instant::now() + time;
    let senders = (0..CONNECTIONS).map(|_| {
        let text = text.clone();
        async move {
            let client = database.client().await;
            let mut sent = 0;
            while Instant::now() < until {
                let id = Uuid::now_v7();
                client
                    .batch_execute(&format!(
                        "insert into public.single values ('{id}', '{text}', now())"
                    ))
                    .await?;
                sent += 1;
            }
            anyhow::Ok(sent)
        }
    });
    let sent: Vec<usize> = try_join_all(senders).await?;
    let bare = sent.iter().sum::<usize>() as f64 / time.as_secs_f64();
    println!(
        "| single messages, {CONNECTIONS} connections | {measured:.0}/s | {bare:.0}/s | {:.2} |",
        measured / bare
    );
    Ok(())
}

async fn roll_up(app: &TestApp, client: &shared::postgres::Client) -> anyhow::Result<()> {
    loop {
        let reply = app.post("/events/message-log", json!({})).await;
        ensure!(reply.status == 200, "{reply:?}");
        let open = client
            .query_typed_one(
                "select exists (select from conversation.log where xid >= (select xid from conversation.watermark))",
                &[],
            )
            .await?;
        if !open.get::<_, bool>(0) {
            return Ok(());
        }
    }
}

async fn found(app: &TestApp) -> anyhow::Result<()> {
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
            let reply = app.get(&path).await;
            times.push(started.elapsed());
            ensure!(reply.status == 200, "{reply:?}");
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
