//! The cost of stats and settings, compared with plain statements on the same Postgres:
//! `DATABASE_URL=postgres://.. cargo bench -p tests --bench robeings`.
//!
//! Without `DATABASE_URL` it runs on a throwaway server that syncs nothing to disk. `OLD` (10,000,000) is the
//! number of existing messages and `NEW` (1,000,000) that of new ones. `SECONDS` (120) is how long 24 writers
//! write, half of the time with a batch every second.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::ensure;
use futures::future::try_join_all;
use kit::postgres::{Database, database};
use platform::postgres::Client;
use platform::postgres::types::Type;
use platform::{Env, Resources};
use settings::{Category, Settings};
use stats_batch::{Stats, rebuild, roll_up};

const WRITERS: u64 = 24;
const ROUNDS: usize = 5;

fn main() -> anyhow::Result<()> {
    let env = Env::from_process();
    let old: i64 = env.parse("OLD", 10_000_000)?;
    let new: i64 = env.parse("NEW", 1_000_000)?;
    let seconds: u64 = env.parse("SECONDS", 120)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        println!("| what | measured | bare | ratio |");
        println!("| --- | --- | --- | --- |");
        read_settings().await?;
        write_beside_a_batch(Duration::from_secs(seconds)).await?;
        roll_up_new(0, new).await?;
        roll_up_new(old, new).await
    })
}

fn stats(database: &Database) -> anyhow::Result<Stats> {
    Stats::open(&Resources::new(database.env()))
}

/// Inserts messages of 100 robeings with responses, spread over the days of a month.
async fn fill(client: &Client, month: &str, days: i64, count: i64) -> anyhow::Result<()> {
    // One transaction per 1,000 rows, like batches.
    for from in (0..count).step_by(1_000) {
        client
            .query_typed(
                "insert into conversation.log (id, robeing_id, channel_id, thread_ts, message, response, metadata,
                                               token_count, source, source_event_id, content, created_at)
                 select overlay(gen_random_uuid()::text placing left(time, 8) || '-' || substr(time, 9) from 1 for 13)::uuid,
                        'r' || n % 100, 'C1', case when n % 3 = 0 then 't' || n / 40 end,
                        repeat('환불은 언제 되나요 ', 6), repeat('곧 됩니다 ', 6), '{}'::jsonb, 30, 'http', 'key',
                        gen_random_uuid(), at
                 from generate_series($1::int8, $1 + least(1000, $2 - $1) - 1) as n,
                      lateral (select $3::text::date::timestamp at time zone 'utc' + n * interval '1 day' * $4::int8 / $2 as at) as it,
                      lateral (select lpad(to_hex((extract(epoch from at) * 1000)::int8), 12, '0') as time) as its",
                &[
                    (&from, Type::INT8),
                    (&count, Type::INT8),
                    (&month, Type::TEXT),
                    (&days, Type::INT8),
                ],
            )
            .await?;
    }
    Ok(())
}

/// Measures the roll-up of a day of new rows with `old` existing rows, and one query that computes the same.
async fn roll_up_new(old: i64, new: i64) -> anyhow::Result<()> {
    let database = database().await;
    database
        .run("select conversation.add_month(month::date) from generate_series(date '2026-01-01', '2026-12-01', '1 month') as month")
        .await;
    let client = database.client().await;
    for month in 1..=10 {
        fill(&client, &format!("2026-{month:02}-01"), 27, old / 10).await?;
    }
    client
        .batch_execute("vacuum analyze conversation.log")
        .await?;
    let stats = stats(&database)?;
    while !roll_up::run(&stats).await?.complete {}
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let watermark = watermark(&client).await?;
        fill(&client, &format!("2026-11-{:02}", round + 1), 1, new).await?;
        client
            .batch_execute("vacuum analyze conversation.log")
            .await?;
        let started = Instant::now();
        client
            .query_typed(
                "select robeing_id, date_bin('15 minutes', created_at, 'epoch'), count(*),
                        count(*) filter (where reply_to is null and thread_ts is not null),
                        count(*) filter (where reply_to is null and thread_ts is null
                                           and (channel_id is null or channel_type in ('im', 'mpim'))),
                        count(*) filter (where reply_to is null and thread_ts is null
                                           and channel_id is not null and channel_type is distinct from 'im')
                 from conversation.log
                 where xid >= $1::text::xid8
                 group by 1, 2",
                &[(&watermark, Type::TEXT)],
            )
            .await?;
        bare.push(started.elapsed());
        let started = Instant::now();
        let mut rows = 0;
        loop {
            let run = roll_up::run(&stats).await?;
            rows += run.rows;
            if run.complete {
                break;
            }
        }
        ours.push(started.elapsed());
        ensure!(rows == new, "{rows} of {new} rows were rolled up");
    }
    let ratios = ours.iter().zip(&bare);
    let mut ratios: Vec<f64> = ratios
        .map(|(ours, bare)| ours.as_secs_f64() / bare.as_secs_f64())
        .collect();
    ratios.sort_unstable_by(f64::total_cmp);
    println!(
        "| roll-up of {new} messages on top of {old} | {} ms | {} ms, one aggregate query | {:.2} |",
        median(&mut ours).as_millis(),
        median(&mut bare).as_millis(),
        ratios[ROUNDS / 2]
    );
    let started = Instant::now();
    let rebuilt = rebuild::run(&stats).await?;
    ensure!(rebuilt.changed == 0, "{rebuilt:?}");
    println!(
        "| rebuild of {} messages | {:.1} s | | |",
        rebuilt.conversations,
        started.elapsed().as_secs_f64()
    );
    Ok(())
}

async fn watermark(client: &Client) -> anyhow::Result<String> {
    let row = client
        .query_typed_one("select xid::text from robeing.watermark", &[])
        .await?;
    Ok(row.try_get(0)?)
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Runs writers of one row per transaction, 2 % of which stay open for 0.2 to 3 s. Turns with a batch every
/// second alternate with turns without, so that slow phases of the machine affect both.
async fn write_beside_a_batch(time: Duration) -> anyhow::Result<()> {
    const TURN: Duration = Duration::from_secs(5);
    let database = database().await;
    database
        .run("select conversation.add_month(current_date)")
        .await;
    let stats = stats(&database)?;
    let began = Instant::now();
    let turn = move || began.elapsed().as_secs() / TURN.as_secs();
    let batches = tokio::spawn({
        let stats = stats.clone();
        async move {
            let mut times = Vec::new();
            while began.elapsed() < time {
                if !turn().is_multiple_of(2) {
                    let started = Instant::now();
                    roll_up::run(&stats).await?;
                    times.push(started.elapsed());
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            anyhow::Ok(times)
        }
    });
    let writers = (0..WRITERS).map(|writer| write(&database, writer, began + time, turn));
    let mut written: BTreeMap<u64, Vec<Duration>> = BTreeMap::new();
    for (turn, took) in try_join_all(writers).await?.into_iter().flatten() {
        written.entry(turn).or_default().push(took);
    }
    let mut batches = batches.await??;

    let client = database.client().await;
    for _ in 0..1_000 {
        roll_up::run(&stats).await?;
        let open = client
            .query_typed_one("select exists (select from conversation.log where xid >= (select xid from robeing.watermark))", &[])
            .await?;
        if !open.try_get::<_, bool>(0)? {
            break;
        }
    }
    let counted = client
        .query_typed_one(
            "select coalesce(sum(total_conversations), 0)::int8, (select count(*) from conversation.log) from robeing.stats",
            &[],
        )
        .await?;
    let (counted, committed): (i64, i64) = (counted.try_get(0)?, counted.try_get(1)?);
    let rebuilt = rebuild::run(&stats).await?;
    ensure!(
        counted == committed && rebuilt.changed == 0,
        "{counted} of {committed}, {rebuilt:?}"
    );
    println!("| {WRITERS} writers | {committed} committed, {counted} counted | | |");
    println!("| a batch | {} ms | | |", median(&mut batches).as_millis());
    written.values_mut().for_each(|times| times.sort_unstable());
    for (name, of_100) in [("p50", 50), ("p95", 95), ("p99", 99)] {
        let [with, without] = [1, 0].map(|odd| {
            let turns = written.iter().filter(|(turn, _)| *turn % 2 == odd);
            let mut of_turns: Vec<Duration> = turns
                .map(|(_, times)| times[times.len() * of_100 / 100])
                .collect();
            median(&mut of_turns).as_secs_f64() * 1_000.0
        });
        println!(
            "| writers' {name} with a batch every second, median of turns | {with:.2} ms | {without:.2} ms without | {:.2} |",
            with / without
        );
    }
    Ok(())
}

/// The turn and the duration of each transaction that was not held open on purpose.
async fn write(
    database: &Database,
    writer: u64,
    until: Instant,
    turn: impl Fn() -> u64,
) -> anyhow::Result<Vec<(u64, Duration)>> {
    let client = database.client().await;
    let mut times = Vec::new();
    let mut seed = writer;
    while Instant::now() < until {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let is_slow = (seed >> 33).is_multiple_of(50);
        let turn = turn();
        let started = Instant::now();
        client.batch_execute("begin").await?;
        client
            .batch_execute(&format!(
                "insert into conversation.log (id, robeing_id, message, metadata, token_count, source,
                                               source_event_id, content, created_at)
                 values ('{}', 'r{}', 'hello', '{{}}', 2, 'http', '', gen_random_uuid(), now())",
                uuid::Uuid::now_v7(),
                seed >> 60
            ))
            .await?;
        if is_slow {
            tokio::time::sleep(Duration::from_millis(200 + (seed >> 40) % 2_800)).await;
        }
        client.batch_execute("commit").await?;
        if !is_slow {
            times.push((turn, started.elapsed()));
        }
    }
    Ok(times)
}

/// Reads a setting from memory, and with one query that confirms it.
async fn read_settings() -> anyhow::Result<()> {
    const READS: usize = 20_000;
    let database = database().await;
    for (what, is_listening) in [("from memory", true), ("confirmed by one query", false)] {
        let mut env = database.env();
        if !is_listening {
            env = env.with("AWS_LAMBDA_RUNTIME_API", "localhost:1");
        }
        let settings = Settings::open(&Resources::new(env))?;
        for _ in 0..100 {
            settings.of("r1").await?;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let mut times = Vec::with_capacity(READS);
        for _ in 0..READS {
            let started = Instant::now();
            settings
                .get("r1", Category::System, "max_memory_size")
                .await?;
            times.push(started.elapsed());
        }
        times.sort_unstable();
        let at = |part: usize| times[READS * part / 100].as_nanos() as f64 / 1_000.0;
        println!(
            "| a setting, {what} | p50 {:.1} µs, p99 {:.1} µs | | |",
            at(50),
            at(99)
        );
    }
    Ok(())
}
