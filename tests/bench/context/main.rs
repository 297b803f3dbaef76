//! Whether the context chosen under a budget holds what an answer needs:
//! `cargo bench -p tests --bench context -- --fixture FILE`; without a file, on a made-up shop.

mod baseline;
mod fixture;
mod held_out;

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use baseline::{Baseline, Chosen, Rendering};
use cache_read::context::{Format, Index, Request, Weights, tokens};
use fixture::{Fixture, Question};

const BUDGETS: [usize; 4] = [1_000, 2_000, 4_000, 8_000];

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    // `cargo test --benches` only wants to know that it starts.
    if arguments.iter().any(|argument| argument == "--test") {
        return Ok(());
    }
    let path = arguments
        .iter()
        .position(|argument| argument == "--fixture");
    let path = match path {
        Some(at) => Some(arguments.get(at + 1).context("--fixture wants a file")?),
        None => None,
    };
    let fixture = match path {
        Some(path) => fixture::load(Path::new(path))?,
        None => fixture::made_up()?,
    };
    if arguments.iter().any(|argument| argument == MEMORY) {
        return memory(&fixture);
    }
    let indexes = Indexes::new(&fixture);
    report(&fixture, &indexes)?;
    held_out::report(&fixture, &indexes)?;
    latency(&fixture, &indexes)?;
    memory_alone(path.map(String::as_str))
}

struct Indexes {
    of: HashMap<String, Index>,
    pooled: Index,
}

impl Indexes {
    fn new(fixture: &Fixture) -> Self {
        let of = fixture.databases.iter();
        let of = of.map(|(name, document)| (name.clone(), Index::build(Arc::clone(document))));
        Self {
            of: of.collect(),
            pooled: Index::build(Arc::clone(&fixture.pooled)),
        }
    }

    fn of(&self, scope: Scope, question: &Question) -> &Index {
        match scope {
            Scope::Database => &self.of[&question.database],
            Scope::Pooled => &self.pooled,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    Database,
    Pooled,
}

/// Of one question: whether all its tables are there, and which share of its columns.
#[derive(Clone, Copy, Default)]
struct Outcome {
    tables: bool,
    columns: Option<f64>,
}

fn outcome(question: &Question, chosen: &Chosen) -> Outcome {
    let names: HashSet<&str> = chosen.iter().map(|(name, _)| name.as_str()).collect();
    let tables = question
        .tables
        .iter()
        .all(|any| any.iter().any(|name| names.contains(name.as_str())));
    let columns = question
        .columns
        .as_ref()
        .filter(|gold| !gold.is_empty())
        .map(|gold| {
            let shown = |(table, path): &&(String, String)| {
                let below = format!("{path}.");
                let of = chosen.iter().find(|(name, _)| name == table);
                of.is_some_and(|(_, paths)| {
                    paths
                        .iter()
                        .any(|shown| shown == path || shown.starts_with(&below))
                })
            };
            share(gold.iter().filter(shown).count(), gold.len())
        });
    Outcome { tables, columns }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of questions and columns"
)]
fn share(part: usize, of: usize) -> f64 {
    part as f64 / of.max(1) as f64
}

fn ask(index: &Index, question: &str, budget: usize, weights: &Weights) -> anyhow::Result<Chosen> {
    let request = Request {
        question,
        token_budget: budget,
        datasets: None,
        format: Format::Text,
    };
    let context = index.weighted(&request, weights);
    ensure!(
        tokens(&context.context) <= budget,
        "over the budget of {budget}: {question}"
    );
    let tables = context.tables.into_iter();
    Ok(tables.map(|table| (table.name, table.columns)).collect())
}

fn outcomes(
    fixture: &Fixture,
    indexes: &Indexes,
    scope: Scope,
    budget: usize,
    weights: &Weights,
) -> anyhow::Result<Vec<Outcome>> {
    let questions = fixture.questions.iter();
    let outcomes = questions.map(|question| {
        let chosen = ask(indexes.of(scope, question), &question.text, budget, weights)?;
        Ok(outcome(question, &chosen))
    });
    outcomes.collect()
}

/// All tables, and columns on average, as shares.
fn summary<'a>(outcomes: impl IntoIterator<Item = &'a Outcome>) -> (f64, f64) {
    let (mut all, mut with, mut right, mut columns) = (0, 0, 0, 0.0);
    for outcome in outcomes {
        all += 1;
        right += usize::from(outcome.tables);
        if let Some(share) = outcome.columns {
            with += 1;
            columns += share;
        }
    }
    (share(right, all), columns / share(with, 1).max(1.0))
}

fn report(fixture: &Fixture, indexes: &Indexes) -> anyhow::Result<()> {
    let counted = fixture
        .questions
        .iter()
        .filter(|question| question.columns.is_some())
        .count();
    println!(
        "{} tables, {} questions; gold columns of {counted} (the leaf paths that the gold SQL names, \
         by the project's grounder; {} could not be read); a question's columns count as the share \
         that is shown, and the table has the mean",
        fixture.pooled.tables.len(),
        fixture.questions.len(),
        fixture.unread.len(),
    );
    for reason in &fixture.unread {
        println!("unread: {}", reason.chars().take(160).collect::<String>());
    }
    for scope in [Scope::Database, Scope::Pooled] {
        println!("\n| {scope:?} | budget | tables | columns |\n| --- | --- | --- | --- |");
        for budget in BUDGETS {
            let outcomes = outcomes(fixture, indexes, scope, budget, &Weights::default())?;
            row("this", budget, &outcomes);
        }
        for (what, rendering) in [
            ("BM25, whole", Rendering::Whole),
            ("BM25, 25 columns", Rendering::Columns25),
        ] {
            let pooled = Baseline::new(&fixture.pooled);
            let of: HashMap<&str, Baseline> = fixture
                .databases
                .iter()
                .map(|(name, document)| (name.as_str(), Baseline::new(document)))
                .collect();
            for budget in BUDGETS {
                let outcomes: Vec<Outcome> = fixture
                    .questions
                    .iter()
                    .map(|question| {
                        let baseline = match scope {
                            Scope::Database => &of[question.database.as_str()],
                            Scope::Pooled => &pooled,
                        };
                        outcome(
                            question,
                            &baseline.choose(&question.text, budget, rendering),
                        )
                    })
                    .collect();
                row(what, budget, &outcomes);
            }
        }
    }
    Ok(())
}

fn row(what: &str, budget: usize, outcomes: &[Outcome]) {
    let (tables, columns) = summary(outcomes);
    println!(
        "| {what} | {budget} | {:.1} % | {:.1} % |",
        tables * 100.0,
        columns * 100.0
    );
}

fn latency(fixture: &Fixture, indexes: &Indexes) -> anyhow::Result<()> {
    println!("\n| pooled | p50 | p99 |\n| --- | --- | --- |");
    for budget in BUDGETS {
        let mut times: Vec<Duration> = Vec::new();
        for _ in 0..5 {
            for question in &fixture.questions {
                let start = Instant::now();
                ask(&indexes.pooled, &question.text, budget, &Weights::default())?;
                times.push(start.elapsed());
            }
        }
        times.sort();
        let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)];
        println!("| {budget} | {:.2?} | {:.2?} |", at(50), at(99));
    }
    let mut builds: Vec<Duration> = Vec::new();
    for _ in 0..5 {
        let start = Instant::now();
        let _index = Index::build(Arc::clone(&fixture.pooled));
        builds.push(start.elapsed());
    }
    builds.sort();
    println!("\nindex build: {:.1?}", builds[2]);
    Ok(())
}

/// With this the process only builds indexes, and prints what memory they took.
const MEMORY: &str = "--memory";

/// In a process of its own, so that nothing else counts.
fn memory_alone(fixture: Option<&str>) -> anyhow::Result<()> {
    let mut command = std::process::Command::new(std::env::current_exe()?);
    command.arg(MEMORY);
    if let Some(fixture) = fixture {
        command.args(["--fixture", fixture]);
    }
    ensure!(
        command.status()?.success(),
        "the memory could not be measured"
    );
    Ok(())
}

fn memory(fixture: &Fixture) -> anyhow::Result<()> {
    const KEPT: u64 = 8;
    let build = || Index::build(Arc::clone(&fixture.pooled));
    // A peak since now.
    std::fs::write("/proc/self/clear_refs", "5")?;
    let before = status("VmRSS:")?;
    let first = build();
    let peak = status("VmHWM:")?.saturating_sub(before);
    let kept: Vec<Index> = (0..KEPT).map(|_| build()).collect();
    let after = status("VmRSS:")?;
    println!(
        "index memory: {:.1} MiB kept each (of {} at once), {:.1} MiB at most more than before while the first is built",
        share(usize::try_from(after.saturating_sub(before))?, 1024) / share(kept.len() + 1, 1),
        kept.len() + 1,
        share(usize::try_from(peak)?, 1024),
    );
    drop(first);
    Ok(())
}

/// A figure of this process, in KiB.
fn status(name: &str) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let line = line.with_context(|| format!("no {name} in /proc/self/status"))?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
