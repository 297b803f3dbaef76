//! `metasync describe`: what people know about the tables, from the command line or a file.

mod dbt;
mod file;
mod manifest;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use platform::auth::Names;
use platform::extract::Conditions;
use platform::plural::counted;
use platform::{Env, Resources};
use schema::document::{Description, Meaning, Metric, Term};
use schema_sync::meaning::{Change, Editor, Entry, Key, Outcome, Refused};
use schema_sync::sync::Sync;

use super::cache::load;
use super::print_json;

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Describe {
    /// Import a file: descriptions, glossary and metrics in YAML or JSON, or dbt's schema.yml or
    /// manifest.json
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    subject: Option<Subject>,
}

#[derive(Subcommand)]
enum Subject {
    /// Describe a table
    Table {
        /// The full name, or a suffix that is unique
        table: String,
        #[command(flatten)]
        text: Text,
    },
    /// Describe a column or a nested field
    Column {
        /// The full name of the table, or a suffix that is unique
        table: String,
        /// The path of the column: names joined by dots
        column: String,
        #[command(flatten)]
        text: Text,
    },
    /// Add a term to the glossary, or change it
    Term {
        term: String,
        #[command(flatten)]
        text: Text,
        /// The tables that it is about, separated by commas
        #[arg(long, value_delimiter = ',')]
        tables: Vec<String>,
    },
    /// Add a metric, or change it
    Metric {
        name: String,
        /// One expression over the columns of the table, such as `sum(total)`
        #[arg(required_unless_present = "remove", conflicts_with = "remove")]
        sql: Option<String>,
        /// The full name of the table, or a suffix that is unique
        #[arg(long, required_unless_present = "remove")]
        table: Option<String>,
        /// What the metric means
        #[arg(long)]
        description: Option<String>,
        #[command(flatten)]
        options: Options,
    },
}

#[derive(Args)]
struct Text {
    /// What it means
    #[arg(required_unless_present = "remove", conflicts_with = "remove")]
    text: Option<String>,
    #[command(flatten)]
    options: Options,
}

#[derive(Args)]
struct Options {
    /// Remove it
    #[arg(long)]
    remove: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

pub async fn run(env: &Env, arguments: Describe) -> anyhow::Result<()> {
    let sync = Sync::open(&Resources::new(env.clone()))?;
    match arguments {
        Describe {
            file: Some(path),
            json,
            ..
        } => import(&sync, &path, json).await,
        Describe {
            subject: Some(subject),
            ..
        } => {
            let (change, json) = change(subject);
            make(&sync, change, json).await
        }
        Describe { json, .. } => list(&sync, json).await,
    }
}

/// Makes an entry of its text.
type Put = Box<dyn FnOnce(String) -> Entry>;

fn change(subject: Subject) -> (Change, bool) {
    let (key, text, put): (Key, Text, Put) = match subject {
        Subject::Table { table, text } => description(table, None, text),
        Subject::Column {
            table,
            column,
            text,
        } => description(table, Some(column), text),
        Subject::Term { term, text, tables } => {
            let key = Key::Term(term.clone());
            let put = move |meaning| Entry::term(term, meaning, tables);
            (key, text, Box::new(put))
        }
        Subject::Metric {
            name,
            sql,
            table,
            description,
            options,
        } => {
            let key = Key::Metric(name.clone());
            let put = move |sql| Entry::metric(name, sql, table.unwrap_or_default(), description);
            (key, Text { text: sql, options }, Box::new(put))
        }
    };
    let change = match text.text {
        Some(text) => Change::Put(put(text)),
        None => Change::Remove(key),
    };
    (change, text.options.json)
}

fn description(table: String, column: Option<String>, text: Text) -> (Key, Text, Put) {
    let key = Key::Description {
        table: table.clone(),
        column: column.clone(),
    };
    let put = move |text| Entry::description(table, column, text);
    (key, text, Box::new(put))
}

fn editor(sync: &Sync) -> Editor<'_> {
    Editor {
        store: &*sync.store,
        writers: &sync.writers,
        source: &*sync.source,
        scope: &Names::All,
    }
}

async fn make(sync: &Sync, change: Change, json: bool) -> anyhow::Result<()> {
    let changes = [change];
    let outcomes = editor(sync).edit(&changes, &Conditions::default()).await?;
    for outcome in outcomes {
        let (verb, entry) = match outcome? {
            Outcome::Created(entry) => ("added", Some(entry)),
            Outcome::Replaced(entry) => ("changed", Some(entry)),
            Outcome::Unchanged(entry) => ("unchanged", Some(entry)),
            Outcome::Removed => ("removed", None),
        };
        if json {
            print_json(&serde_json::json!({"outcome": verb, "entry": entry}))?;
        } else {
            let noun = entry.map(|entry| format!(": {}", entry.key().noun()));
            writeln!(std::io::stdout(), "{verb}{}", noun.unwrap_or_default())?;
        }
    }
    Ok(())
}

async fn import(sync: &Sync, path: &Path, json: bool) -> anyhow::Result<()> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()))?;
    let mut read = file::read(&text).with_context(|| format!("can't use {}", path.display()))?;
    if !read.folded.is_empty() {
        read.fold(&load(&*sync.store).await?);
    }
    let mut imported = editor(sync).import(read.entries).await?;
    let skipped = read.skipped.into_iter();
    imported
        .refused
        .extend(skipped.map(|(entry, reason)| Refused { entry, reason }));
    if json {
        print_json(&imported)?;
    } else {
        let mut out = std::io::stdout().lock();
        writeln!(
            out,
            "wrote {}; {} unchanged",
            counted(imported.written, "entry"),
            imported.unchanged
        )?;
        for Refused { entry, reason } in &imported.refused {
            writeln!(out, "  refused {entry}: {reason}")?;
        }
    }
    let refused = imported.refused.len();
    anyhow::ensure!(
        refused == 0,
        "{} refused: correct or remove them, and import the file again",
        counted(refused, "entry")
    );
    Ok(())
}

async fn list(sync: &Sync, json: bool) -> anyhow::Result<()> {
    let meaning = load(&*sync.store).await?.meaning;
    if json {
        return print_json(&meaning);
    }
    let mut out = std::io::stdout().lock();
    let Meaning {
        descriptions,
        glossary,
        metrics,
    } = meaning;
    let broken = |error: Option<String>| match error {
        Some(error) => format!(" (not used: {error})"),
        None => String::new(),
    };
    for Description {
        table,
        column,
        text,
        error,
        ..
    } in descriptions
    {
        let column = column.map(|it| format!(" {it}")).unwrap_or_default();
        writeln!(out, "{table}{column}: {text}{}", broken(error))?;
    }
    for Term {
        term,
        meaning,
        error,
        ..
    } in glossary
    {
        writeln!(out, "term {term}: {meaning}{}", broken(error))?;
    }
    for Metric {
        name,
        sql,
        table,
        error,
        unchecked,
        ..
    } in metrics
    {
        let unchecked = if unchecked {
            " (to be checked by the next sync)"
        } else {
            ""
        };
        writeln!(
            out,
            "metric {name}: {sql} of {table}{}{unchecked}",
            broken(error)
        )?;
    }
    Ok(())
}
