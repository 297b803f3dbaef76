//! The cost of a sync of BigQuery, against a stub with 100 ms per call and 100 requests per second and method:
//! `cargo bench -p tests --bench sync`.

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use jiff::{Span, civil};
use kit::bigquery::{BigQuery as Stub, Method};
use kit::llm::{EnrichPrompt, LlmStub};
use platform::{Env, Resources};
use schema::sql_type::parse_column;
use schema::table_schema::TableField;
use schema_sync::enrich;
use schema_sync::run::Run;
use schema_sync::sync::{Answer, Sync};
use serde_json::{Value, json};
use tempfile::TempDir;
use warehouse::source::bigquery::{BigQuery, Settings};

/// With this argument and the address of a stub, the process only syncs the stub and prints its peak memory.
const CHILD: &str = "--sync-alone";

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    if let Some(at) = arguments.iter().position(|argument| argument == CHILD) {
        let Some([host, query_above]) = arguments.get(at + 1..) else {
            bail!("{CHILD} needs the address of a stub and a threshold");
        };
        return runtime.block_on(sync_alone(host, query_above.parse()?));
    }
    println!(
        "| what | lists | gets | queries | dry runs | LLM calls | billed | over quota | updated | measured | target |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    runtime.block_on(async {
        ga4().await?;
        warehouse("by gets", usize::MAX, Duration::from_secs(40)).await?;
        warehouse("by queries", 500, Duration::from_secs(10)).await?;
        memory("by gets", usize::MAX).await?;
        memory("by queries", 500).await
    })
}

/// A sync of the stub into a temporary folder.
struct Subject {
    sync: Sync,
    _bucket: TempDir,
    llm: Option<LlmStub>,
}

impl Subject {
    /// Adds a model that describes everything in one sync, without a limit, so that no descriptions are left
    /// for the sync of the unchanged warehouse.
    async fn add_llm(&mut self) {
        let stub = LlmStub::start(|asked| {
            EnrichPrompt::parse(asked).answer(|_, _| "Something of the business.".to_owned(), &[])
        })
        .await;
        self.sync.llm = Some(stub.llm("gpt-bench"));
        self.sync.settings.max_calls = usize::MAX;
        self.sync.settings.max_tokens = u64::MAX;
        self.llm = Some(stub);
    }
}

fn subject(
    host: &str,
    datasets: &str,
    change: impl FnOnce(&mut Settings),
) -> anyhow::Result<Subject> {
    let bucket = tempfile::tempdir()?;
    let env = Env::default()
        .with("WAREHOUSE_URL", format!("bigquery://acme/{datasets}"))
        .with("BUCKET_URL", format!("file://{}", bucket.path().display()))
        .with("BIGQUERY_EMULATOR_HOST", host);
    let mut settings = Settings::from_env(&env)?;
    change(&mut settings);
    let sync = Sync {
        store: Resources::new(env.clone()).store()?,
        writers: schema_sync::sync::Writers::default(),
        source: Arc::new(BigQuery::new(
            settings,
            platform::http_client::build(&platform::Env::default())?,
        )),
        llm: None,
        settings: enrich::Settings::read(&env)?,
    };
    Ok(Subject {
        sync,
        _bucket: bucket,
        llm: None,
    })
}

async fn slow_stub() -> Stub {
    let stub = Stub::start().await;
    stub.set_latency(Duration::from_millis(100));
    stub.set_quota(100);
    stub
}

/// Runs a sync and prints a row of the table.
async fn row(
    what: &str,
    stub: &Stub,
    subject: &Subject,
    target: Option<Duration>,
) -> anyhow::Result<Answer> {
    stub.reset_calls();
    let llm_calls = || subject.llm.as_ref().map_or(0, |llm| llm.requests().len());
    let calls_before = llm_calls();
    let run = Run::default();
    let start = Instant::now();
    let answer = subject.sync.run(&run).await?;
    let duration = start.elapsed();
    ensure!(answer.problems.is_empty(), "{:?}", answer.problems);
    let calls = [Method::List, Method::Get, Method::Query, Method::Insert].map(|it| stub.calls(it));
    let others = [Method::Dataset, Method::Results].map(|it| stub.calls(it));
    ensure!(
        run.requests() as usize == calls.iter().chain(&others).sum::<usize>(),
        "the sync counted {} requests, the stub {calls:?} and {others:?}",
        run.requests()
    );
    let [lists, gets, queries, plans] = calls;
    let target = match target {
        Some(target) if duration > target => format!("{:.2} s, missed", target.as_secs_f64()),
        Some(target) => format!("{:.2} s", target.as_secs_f64()),
        None => String::new(),
    };
    let llm_calls = match subject.llm {
        Some(_) => (llm_calls() - calls_before).to_string(),
        None => "no LLM".to_owned(),
    };
    println!(
        "| {what} | {lists} | {gets} | {queries} | {plans} | {llm_calls} | {} MB | {} | {} | {:.2} s | {target} |",
        run.bytes_billed() >> 20,
        stub.over_quota(),
        answer.updated,
        duration.as_secs_f64(),
    );
    Ok(answer)
}

/// Runs the sync again, first with a new model, and then unchanged.
async fn again(
    what: &str,
    stub: &Stub,
    subject: &mut Subject,
    target: Duration,
) -> anyhow::Result<()> {
    subject.add_llm().await;
    let described = row(&format!("{what}, described"), stub, subject, None).await?;
    ensure!(described.updated, "nothing was described");
    let before = subject.llm.as_ref().map_or(0, |llm| llm.requests().len());
    let unchanged = row(&format!("{what}, unchanged"), stub, subject, Some(target)).await?;
    ensure!(
        !unchanged.updated,
        "an unchanged warehouse reads as changed"
    );
    let after = subject.llm.as_ref().map_or(0, |llm| llm.requests().len());
    ensure!(after == before, "an unchanged warehouse costs LLM calls");
    Ok(())
}

async fn ga4() -> anyhow::Result<()> {
    let stub = slow_stub().await;
    let fields = include_str!("../../functions/metasync/samples/ga4_events.txt")
        .lines()
        .map(|line| {
            let (name, data_type) = line.split_once(' ').context("a name and a type")?;
            Ok(TableField::from(parse_column(name, data_type)?))
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    let fields = serde_json::to_value(fields)?;
    shards(&stub, "acme.ga4", 92, |_| fields.clone());
    let mut subject = subject(stub.host(), "ga4", |_| {})?;
    let target = Duration::from_millis(490);
    row("GA4, 92 shards", &stub, &subject, Some(target)).await?;
    again("GA4", &stub, &mut subject, target).await
}

fn shards(stub: &Stub, dataset: &str, count: usize, fields: impl Fn(usize) -> Value) {
    let days = civil::date(2018, 1, 1).series(Span::new().days(1));
    for (at, day) in days.take(count).enumerate() {
        let name = format!("events_{}", day.strftime("%Y%m%d"));
        stub.table(dataset, &name, fields(at));
    }
}

fn columns(count: usize) -> Value {
    let field =
        |at| json!({"name": format!("column_{at}"), "type": "STRING", "description": "one"});
    (0..count).map(field).collect()
}

/// 3,670 tables in 67 datasets: three families of 366, 114 and 92 shards, two of them with schema changes, two
/// families of 2 shards, and 3,094 single tables.
async fn warehouse(how: &str, query_above: usize, target: Duration) -> anyhow::Result<()> {
    let stub = slow_stub().await;
    let name = |at: usize| format!("acme.d{:02}", at % 67);
    shards(&stub, &name(0), 366, |at| {
        columns(if at < 180 { 20 } else { 22 })
    });
    shards(&stub, &name(1), 114, |at| {
        let grown = [15, 20, 77, 102].iter().filter(|from| at >= **from);
        columns(16 + grown.count())
    });
    shards(&stub, &name(2), 92, |_| columns(23));
    for at in 3..5 {
        shards(&stub, &name(at), 2, |_| columns(10));
    }
    for at in 0..3_094 {
        stub.table(&name(at), &format!("table_of_{at}_things"), columns(20));
    }
    let datasets: Vec<_> = (0..67).map(|at| format!("d{at:02}")).collect();
    let mut subject = subject(stub.host(), &datasets.join(","), |settings| {
        settings.query_above = query_above;
    })?;

    let what = format!("67 datasets, 3,670 tables, {how}");
    let first = row(&what, &stub, &subject, Some(target)).await?;
    ensure!(
        first.tables_count == 3_099,
        "{} families",
        first.tables_count
    );
    again(&what, &stub, &mut subject, target).await
}

/// Syncs 1,000 tables of 100 columns twice in another process.
async fn memory(how: &str, query_above: usize) -> anyhow::Result<()> {
    let stub = Stub::start().await;
    for at in 0..1_000 {
        stub.table("acme.wide", &format!("table_of_{at}_things"), wide(at));
    }
    let host = stub.host().to_owned();
    let child = tokio::task::spawn_blocking(move || {
        Command::new(std::env::current_exe()?)
            .args([CHILD, &host, &query_above.to_string()])
            .output()
    });
    let output = child.await??;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "the sync failed: {error}");
    let peak = String::from_utf8(output.stdout)?;
    println!(
        "| 100,000 columns, {how}, peak memory | | | | | no LLM | | | | {} | 200 MB |",
        peak.trim()
    );
    Ok(())
}

/// 100 columns that differ between tables.
fn wide(table: usize) -> Value {
    let field = |at| {
        json!({
            "name": format!("column_{at}_of_{table}"),
            "type": "STRING",
            "mode": "NULLABLE",
            "description": "What this column holds, in a sentence of the length that people write",
        })
    };
    (0..100).map(field).collect()
}

async fn sync_alone(host: &str, query_above: usize) -> anyhow::Result<()> {
    let subject = subject(host, "wide", |settings| {
        settings.query_above = query_above;
        settings.requests_per_second = 10_000;
    })?;
    let mut peaks = Vec::new();
    for updated in [true, false] {
        let answer = subject.sync.run(&Run::default()).await?;
        ensure!(answer.problems.is_empty(), "{:?}", answer.problems);
        ensure!(
            answer.columns_count == 100_000,
            "{} columns",
            answer.columns_count
        );
        ensure!(answer.updated == updated, "the second sync found a change");
        peaks.push(format!("{} MB", peak_memory()?));
    }
    println!("{}", peaks.join(", unchanged again "));
    Ok(())
}

/// The peak resident memory, in MB.
fn peak_memory() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"))
        .context("no VmHWM in /proc/self/status")?;
    Ok(peak.parse::<u64>()? >> 10)
}
