//! The command line.

mod context;
mod demo;
mod doctor;
mod progress;
mod stats;

use std::io::{IsTerminal as _, Write as _};

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use platform::telemetry::{self, Audience};
use platform::{Env, Resources, secrets};
use schema_sync::sync::{Answer, Sync};
use serde::Serialize;

use crate::schedule;
use doctor::Cloud;

/// What an AI agent must know and must not forget, kept by small serverless functions.
///
/// Start with `metasync demo`: it needs nothing, and prints what to try. Everything else is
/// configured by the environment; the README lists the variables.
#[derive(Parser)]
#[command(name = "metasync", version, max_term_width = 100, after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

const EXAMPLES: &str = "\
Examples:
  metasync demo
      sync a sample warehouse into a temporary folder, and serve it on this machine

  WAREHOUSE_URL=postgres://reader:...@db.example.com/shop BUCKET_URL=file:///var/lib/metasync \\
  metasync sync
      read a Postgres schema into a folder, once

  BUCKET_URL=file:///var/lib/metasync metasync context \"orders by country\" --budget 1000
      print what a model needs to know of that schema to answer

  WAREHOUSE_URL=bigquery://my-project/sales,web BUCKET_URL=gs://my-bucket/metasync \\
  AUTH_TOKENS='[{\"name\": \"bot\", \"role\": \"reader\", ...}]' metasync serve
      serve every function, and sync every hour";

#[derive(Subcommand)]
enum Command {
    /// Sync a sample warehouse and serve it, with nothing to set up
    ///
    /// The sample is the schema of a Google Analytics 4 export: 92 date shards of one table with
    /// 23 columns. Conversations go to a throwaway Postgres: the installed one, or a packaged build
    /// that is fetched once. Everything is kept in temporary folders, which go when the demo stops.
    Demo {
        /// Listen on this port of the loopback interface; a free one if it is taken
        #[arg(long, default_value_t = 8080)]
        port: u16,
        /// Print the sync's answer and the address as one JSON line
        #[arg(long)]
        json: bool,
    },
    /// Serve every function, and sync on a schedule
    ///
    /// Reads WAREHOUSE_URL, BUCKET_URL and AUTH_*, and for conversations DATABASE_URL,
    /// MASKING_KEY and PRIVACY_KEY; listens on PORT. SYNC_INTERVAL_SECONDS
    /// (default 3600, 0 for never) is the time between two syncs, STATS_INTERVAL_SECONDS (300) between
    /// two roll-ups of stats, PRIVACY_INTERVAL_SECONDS (86400) between two runs of privacy.
    Serve,
    /// Sync the warehouse's schema once
    ///
    /// Reads WAREHOUSE_URL and BUCKET_URL. Ends with 0 if the cache is current now, with 1 if the
    /// sync failed; the cache is as it was then.
    Sync {
        /// Print the whole answer as JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the part of the schema that a question needs
    ///
    /// Reads BUCKET_URL, where `metasync sync` keeps the cache, and asks nobody else.
    Context {
        /// What is to be answered by SQL
        question: String,
        /// At most this many tokens, of four characters each
        #[arg(long, default_value_t = 4_000)]
        budget: usize,
        /// As a caller sees it who may read these datasets alone, named in full, with commas between
        #[arg(long, value_delimiter = ',')]
        datasets: Vec<String>,
        /// Print the whole answer as JSON: the context, its tables with scores, its examples
        #[arg(long)]
        json: bool,
    },
    /// Roll up what robeings did
    ///
    /// Reads DATABASE_URL and TASK_EXPERIENCE. With --rebuild everything is counted again from the log
    /// and the tasks, and what differs is put right: a number other than 0 there is a fault.
    Stats {
        /// Count everything again
        #[arg(long)]
        rebuild: bool,
        /// Print what was done as JSON
        #[arg(long)]
        json: bool,
    },
    /// Look for what a deployment trips over
    ///
    /// Checks what the environment configures: callers, bucket, database and its schema, warehouse,
    /// dry runs, model. With --aws or --gcp also the clock, the login, and what is deployed there. For
    /// each failure it prints the command that mends it, and ends with 1. It changes nothing; the
    /// model is asked for one word.
    Doctor {
        /// Look at the deployment on AWS, too
        #[arg(long, conflicts_with = "gcp")]
        aws: bool,
        /// Look at the project on Google Cloud, too
        #[arg(long)]
        gcp: bool,
        /// The name of the deployment, as Terraform was given it
        #[arg(long, default_value = "metasync")]
        name: String,
        /// Print what was found as JSON
        #[arg(long)]
        json: bool,
    },
    /// Bring the database to the newest schema
    ///
    /// Reads DATABASE_URL. Run it before new code is deployed: old code runs while it applies, and
    /// two at once do no harm.
    Migrate {
        /// Print what was applied as JSON
        #[arg(long)]
        json: bool,
    },
}

pub fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let env = Env::from_process();
    let platform = ["AWS_LAMBDA_RUNTIME_API", "K_SERVICE"];
    match arguments.command {
        Some(Command::Demo { port, json }) => {
            by_hand(env, async |env| demo::run(&env, port, json).await)
        }
        Some(Command::Sync { json }) => by_hand(env, async |env| sync(&env, json).await),
        Some(Command::Context {
            question,
            budget,
            datasets,
            json,
        }) => by_hand(env, async |env| {
            context::run(&env, &question, budget, &datasets, json).await
        }),
        Some(Command::Stats { rebuild, json }) => {
            by_hand(env, async |env| stats::run(&env, rebuild, json).await)
        }
        Some(Command::Doctor {
            aws,
            gcp,
            name,
            json,
        }) => {
            let gcp = gcp.then_some(Cloud::Gcp);
            let cloud = aws.then_some(Cloud::Aws).or(gcp);
            // It resolves by itself, and goes on where that fails.
            started(&env)?.block_on(doctor::run(env, cloud, &name, json))
        }
        Some(Command::Migrate { json }) => by_hand(env, async |env| migrate(&env, json).await),
        Some(Command::Serve) => serve(),
        // A platform starts the binary without arguments.
        None if platform.iter().any(|name| env.get(name).is_some()) => serve(),
        None => {
            <Arguments as clap::CommandFactory>::command().print_help()?;
            std::process::exit(2);
        }
    }
}

fn serve() -> anyhow::Result<()> {
    platform::serve("metasync", |resources| {
        schedule::start(resources)?;
        crate::app(resources)
    })
}

/// Runs a command for the person or program that called it.
fn by_hand(env: Env, command: impl AsyncFnOnce(Env) -> anyhow::Result<()>) -> anyhow::Result<()> {
    started(&env)?.block_on(async { command(secrets::resolve(env).await?).await })
}

fn started(env: &Env) -> anyhow::Result<tokio::runtime::Runtime> {
    telemetry::install("metasync", env, Audience::Person)?;
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    Ok(runtime.enable_all().build()?)
}

async fn sync(env: &Env, json: bool) -> anyhow::Result<()> {
    let answer = run_sync(&Resources::new(env.clone())).await?;
    if json {
        print_json(&answer)
    } else {
        print_answer(&answer)
    }
}

/// Syncs once, with a progress bar where somebody watches.
async fn run_sync(resources: &Resources) -> anyhow::Result<Answer> {
    let bar = progress::Bar::new();
    let answer = Sync::open(resources)?.run(&bar.run()).await;
    bar.finish();
    Ok(answer?)
}

fn print_answer(answer: &Answer) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    let Answer {
        message,
        tables_count,
        columns_count,
        examples_count,
        execution_time,
        ..
    } = answer;
    writeln!(out, "{message} in {execution_time:.2} s")?;
    writeln!(
        out,
        "  tables: {tables_count}, columns: {columns_count}, examples: {examples_count}"
    )?;
    let updated = if answer.updated { "new" } else { "unchanged" };
    writeln!(out, "  version {} ({updated})", answer.version)?;
    const SHOWN: usize = 20;
    for change in answer.changes.iter().take(SHOWN) {
        let path = change
            .path
            .as_ref()
            .map(|path| format!(" {path}"))
            .unwrap_or_default();
        let breaking = if change.breaking { ", breaking" } else { "" };
        let kind = serde_json::to_value(change.kind)?;
        let kind = kind.as_str().unwrap_or_default().replace('_', " ");
        writeln!(out, "  {}{path}: {kind}{breaking}", change.table)?;
    }
    if answer.changes.len() > SHOWN {
        writeln!(
            out,
            "  and {} more changes; --json prints all",
            answer.changes.len() - SHOWN
        )?;
    }
    for problem in &answer.problems {
        writeln!(
            out,
            "  problem with {}: {}",
            problem.subject, problem.detail
        )?;
    }
    Ok(())
}

async fn migrate(env: &Env, json: bool) -> anyhow::Result<()> {
    let applied = platform::postgres::migrate(env, migrations::FILES)
        .await
        .context("the migration failed")?;
    if json {
        return print_json(&serde_json::json!({ "applied": applied }));
    }
    let mut out = std::io::stdout().lock();
    if applied.is_empty() {
        writeln!(
            out,
            "the database is at the newest schema; nothing was applied"
        )?;
    }
    for name in applied {
        writeln!(out, "applied {name}")?;
    }
    Ok(())
}

fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, value)?;
    writeln!(out)?;
    Ok(())
}

/// Whether a person watches: then there are bars and colours, and none where there is a pipe.
fn is_watched() -> bool {
    std::io::stderr().is_terminal()
}
