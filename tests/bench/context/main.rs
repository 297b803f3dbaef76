//! The recall of the context: whether the context within a token budget has the tables and columns that an answer
//! needs. `cargo bench -p tests --bench context -- --fixture FILE`; without a file, it uses an invented shop. With
//! `--held-out` it fits and cross-validates the weights, which takes long; without, it measures the default
//! weights.

mod baseline;
mod cold;
mod fixture;
mod held_out;
mod korean;
mod memory;
mod stop_words;

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use cache_read::context::{Format, Index, LONGEST_QUESTION, Request, Weights, WordLists, tokens};
use rustix::time::{ClockId, clock_gettime};
use schema::document::Document;

use baseline::{Baseline, Chosen, Method};
use fixture::{Fixture, Leaves, Question};

const BUDGETS: [usize; 4] = [1_000, 2_000, 4_000, 8_000];

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let has = |wanted: &str| arguments.iter().any(|argument| argument == wanted);
    // `cargo test --benches` only checks that it starts.
    if has("--test") {
        return Ok(());
    }
    let path = arguments
        .iter()
        .position(|argument| argument == "--fixture");
    let path = match path {
        Some(at) => Some(arguments.get(at + 1).context("--fixture needs a file")?),
        None => None,
    };
    let fixture = match path {
        Some(path) => fixture::load(Path::new(path))?,
        None => fixture::made_up()?,
    };
    if has(memory::ALONE) {
        return memory::alone(&fixture, has(memory::KOREAN));
    }
    let indexes = Indexes::new(&fixture, &WordLists::standard());
    if has("--held-out") {
        return held_out::report(&fixture, &indexes);
    }
    report(&fixture, &indexes)?;
    lists(&fixture)?;
    korean(&fixture)?;
    latency(&fixture, &indexes)?;
    cold::report(&fixture)?;
    memory::report(path.map(String::as_str))
}

struct Indexes {
    of: HashMap<String, Index>,
    pooled: Index,
}

impl Indexes {
    fn new(fixture: &Fixture, lists: &Arc<WordLists>) -> Self {
        let build =
            |document: &Arc<Document>| Index::with_lists(Arc::clone(document), Arc::clone(lists));
        let of = fixture.databases.iter();
        Self {
            of: of
                .map(|(name, document)| (name.clone(), build(document)))
                .collect(),
            pooled: build(&fixture.pooled),
        }
    }

    fn of(&self, scope: Scope, question: &Question) -> &Index {
        match scope {
            Scope::Database => &self.of[&question.database],
            Scope::Pooled => &self.pooled,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Scope {
    Database,
    Pooled,
}

/// The share of the tables and of the columns of one question that the context has.
#[derive(Clone, Copy, Default)]
struct Outcome {
    tables: f64,
    columns: Option<f64>,
}

/// `leaves` has the leaves of each whole STRUCT, which counts as included if all of its leaves are.
fn outcome(question: &Question, chosen: &Chosen, leaves: &Leaves) -> Outcome {
    let shown: HashMap<&str, HashSet<&str>> = chosen
        .iter()
        .map(|(name, paths)| (name.as_str(), paths.iter().map(String::as_str).collect()))
        .collect();
    let is_there = |any: &&Vec<String>| any.iter().any(|name| shown.contains_key(name.as_str()));
    let tables = question.tables.iter().filter(is_there).count();
    let columns = question.columns.as_ref().filter(|gold| !gold.is_empty());
    let columns = columns.map(|gold| {
        let is_shown = |column: &&(String, String)| {
            let paths = shown.get(column.0.as_str());
            paths.is_some_and(|paths| match leaves.get(*column) {
                Some(leaves) => leaves.iter().all(|leaf| paths.contains(leaf.as_str())),
                None => paths.contains(column.1.as_str()),
            })
        };
        share(gold.iter().filter(is_shown).count(), gold.len())
    });
    Outcome {
        tables: share(tables, question.tables.len()),
        columns,
    }
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

fn outcomes_of(
    fixture: &Fixture,
    indexes: &Indexes,
    scope: Scope,
    budget: usize,
    weights: &Weights,
) -> anyhow::Result<Vec<Outcome>> {
    let some = |questions: &[Question]| -> anyhow::Result<Vec<Outcome>> {
        let outcomes = questions.iter().map(|question| {
            let chosen = ask(indexes.of(scope, question), &question.text, budget, weights)?;
            Ok(outcome(question, &chosen, &fixture.leaves))
        });
        outcomes.collect()
    };
    let middle = fixture.questions.len() / 2;
    let (first, second) = fixture.questions.split_at(middle);
    std::thread::scope(|scope| {
        let first = scope.spawn(|| some(first));
        let second = some(second)?;
        let mut all = first.join().expect("no panic")?;
        all.extend(second);
        Ok(all)
    })
}

struct Summary {
    /// The share of questions with all their tables.
    tables: f64,
    share_of_tables: f64,
    /// The mean share of columns, over the questions with columns.
    columns: f64,
}

fn summary(outcomes: &[Outcome]) -> Summary {
    let all = outcomes.iter().filter(|outcome| outcome.tables >= 1.0);
    let of_tables: f64 = outcomes.iter().map(|outcome| outcome.tables).sum();
    let columns: Vec<f64> = outcomes
        .iter()
        .filter_map(|outcome| outcome.columns)
        .collect();
    Summary {
        tables: share(all.count(), outcomes.len()),
        share_of_tables: of_tables * share(1, outcomes.len()),
        columns: columns.iter().sum::<f64>() * share(1, columns.len()),
    }
}

fn report(fixture: &Fixture, indexes: &Indexes) -> anyhow::Result<()> {
    let counted = fixture
        .questions
        .iter()
        .filter(|question| question.columns.is_some())
        .count();
    println!(
        "{} tables, {} questions; columns are the gold columns of {counted} questions (the leaf paths \
         that the gold SQL names, according to the project's grounder, which could not parse {}); a STRUCT \
         that is named only as a whole ({} of {} columns) counts if the context has all its leaves; the \
         table has the mean share of columns per question",
        fixture.pooled.tables.len(),
        fixture.questions.len(),
        fixture.unread.len(),
        fixture.leaves.len(),
        fixture
            .questions
            .iter()
            .flat_map(|question| &question.columns)
            .map(Vec::len)
            .sum::<usize>(),
    );
    for reason in &fixture.unread {
        println!("unread: {}", reason.chars().take(160).collect::<String>());
    }
    for scope in [Scope::Database, Scope::Pooled] {
        println!("\n| {scope:?} | budget | tables | columns |\n| --- | --- | --- | --- |");
        for budget in BUDGETS {
            let outcomes = outcomes_of(fixture, indexes, scope, budget, &Weights::default())?;
            row("this", budget, &outcomes);
        }
        for (what, method) in [
            ("BM25, whole", Method::Whole),
            ("BM25, 25 columns", Method::Columns25),
            ("BM25, weighted, 25 columns", Method::Weighted),
        ] {
            let baselines = Baselines::new(fixture, method);
            for budget in BUDGETS {
                row(what, budget, &baselines.outcomes(fixture, scope, budget));
            }
        }
    }
    Ok(())
}

/// One baseline per database, and one over all tables.
struct Baselines<'a> {
    of: HashMap<&'a str, Baseline>,
    pooled: Baseline,
}

impl<'a> Baselines<'a> {
    fn new(fixture: &'a Fixture, method: Method) -> Self {
        let databases = fixture.databases.iter();
        Self {
            of: databases
                .map(|(name, document)| (name.as_str(), Baseline::new(document, method)))
                .collect(),
            pooled: Baseline::new(&fixture.pooled, method),
        }
    }

    fn outcomes(&self, fixture: &Fixture, scope: Scope, budget: usize) -> Vec<Outcome> {
        let questions = fixture.questions.iter();
        let outcomes = questions.map(|question| {
            let baseline = match scope {
                Scope::Database => &self.of[question.database.as_str()],
                Scope::Pooled => &self.pooled,
            };
            let chosen = baseline.choose(&question.text, budget);
            outcome(question, &chosen, &fixture.leaves)
        });
        outcomes.collect()
    }
}

fn row(what: &str, budget: usize, outcomes: &[Outcome]) {
    let Summary {
        tables, columns, ..
    } = summary(outcomes);
    println!(
        "| {what} | {budget} | {:.1} % | {:.1} % |",
        tables * 100.0,
        columns * 100.0
    );
}

/// Measures the effect of each word list by leaving it out.
fn lists(fixture: &Fixture) -> anyhow::Result<()> {
    let all = WordLists::clone(&WordLists::standard());
    let without_kinds = WordLists {
        keys: HashSet::new(),
        dates: HashSet::new(),
        labels: HashSet::new(),
        ..all.clone()
    };
    let none = WordLists {
        empty: HashSet::new(),
        short_forms: HashMap::new(),
        ..without_kinds.clone()
    };
    println!(
        "\n| word lists | scope | budget | tables | columns |\n| --- | --- | --- | --- | --- |"
    );
    for (what, lists) in [
        ("all", all.clone()),
        (
            "without short forms",
            WordLists {
                short_forms: HashMap::new(),
                ..all.clone()
            },
        ),
        ("without names of keys, dates, labels", without_kinds),
        (
            "without empty words",
            WordLists {
                empty: HashSet::new(),
                ..all.clone()
            },
        ),
        ("none", none),
    ] {
        let indexes = Indexes::new(fixture, &Arc::new(lists));
        for (scope, budget) in [
            (Scope::Database, 1_000),
            (Scope::Database, 4_000),
            (Scope::Pooled, 4_000),
        ] {
            let outcomes = outcomes_of(fixture, &indexes, scope, budget, &Weights::default())?;
            row(&format!("{what} | {scope:?}"), budget, &outcomes);
        }
    }
    Ok(())
}

/// Korean questions about their own warehouse, and about that and all others together.
fn korean(fixture: &Fixture) -> anyhow::Result<()> {
    println!(
        "\n| Korean questions over tables described in Korean | scope | budget | tables | columns |\n| --- | --- | --- | --- | --- |"
    );
    for (mark, what) in korean::MARKS
        .into_iter()
        .zip(["in their words", "in other words"])
    {
        let korean = korean::fixture(mark)?.with(fixture);
        let indexes = Indexes::new(&korean, &WordLists::standard());
        let (asked, tables) = (
            korean.questions.len(),
            korean.databases["korean"].tables.len(),
        );
        for scope in [Scope::Database, Scope::Pooled] {
            for budget in [150, 250, 500] {
                let outcomes = outcomes_of(&korean, &indexes, scope, budget, &Weights::default())?;
                row(
                    &format!("{asked}, {tables} tables, {what} | {scope:?}"),
                    budget,
                    &outcomes,
                );
            }
        }
    }
    Ok(())
}

/// The CPU time of this thread, which other work on the machine does not affect.
fn cpu_time() -> Duration {
    time_of(ClockId::ThreadCPUTime)
}

fn time_of(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::try_from(time).expect("a time since the start of the thread")
}

fn times(what: &str, times: &mut [Duration]) {
    times.sort();
    let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)];
    println!("| {what} | {:.2?} | {:.2?} |", at(50), at(99));
}

fn latency(fixture: &Fixture, indexes: &Indexes) -> anyhow::Result<()> {
    println!("\n| pooled, ranking and rendering, CPU time | p50 | p99 |\n| --- | --- | --- |");
    let ask = |question: &str, budget: usize| {
        let start = cpu_time();
        ask(&indexes.pooled, question, budget, &Weights::default())?;
        anyhow::Ok(cpu_time() - start)
    };
    for budget in BUDGETS {
        let mut measured: Vec<Duration> = Vec::new();
        for _ in 0..5 {
            for question in &fixture.questions {
                measured.push(ask(&question.text, budget)?);
            }
        }
        times(&format!("questions, {budget}"), &mut measured);
    }
    // The longest questions: of the words of all questions, and of syllables.
    let words: Vec<&str> = fixture
        .questions
        .iter()
        .map(|question| question.text.as_str())
        .collect();
    let words: String = words
        .join(" ")
        .chars()
        .cycle()
        .take(LONGEST_QUESTION)
        .collect();
    let hangul: String = ('가'..='힣').take(LONGEST_QUESTION).collect();
    for (what, question) in [("English", words), ("Hangul", hangul)] {
        let measured = (0..100).map(|_| ask(&question, 4_000));
        let mut measured = measured.collect::<anyhow::Result<Vec<Duration>>>()?;
        times(
            &format!("{LONGEST_QUESTION} characters of {what}, 4000"),
            &mut measured,
        );
    }
    Ok(())
}
