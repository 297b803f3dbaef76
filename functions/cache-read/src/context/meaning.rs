//! What people wrote that a question names: terms of the glossary and metrics.

use std::collections::{HashMap, HashSet};

use platform::excerpt::cut;
use schema::document::{Document, Metric, Term};
use schema::render::{plain, table_name};
use serde_json::json;

use super::index::IndexData;
use super::rank::Question;
use super::request::Format;

/// The most entries of a context.
const MOST: usize = 10;
/// The longest meaning, in characters.
const LONGEST: usize = 500;

/// The terms and metrics that a question names, with their text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Named {
    pub text: String,
    pub glossary: Vec<Term>,
    pub metrics: Vec<Metric>,
}

/// An entry with what decides whether it is chosen.
enum Candidate<'a> {
    Term(&'a Term),
    Metric(&'a Metric),
}

impl<'a> Candidate<'a> {
    fn name(&self) -> &'a str {
        match self {
            Self::Term(term) => &term.term,
            Self::Metric(metric) => &metric.name,
        }
    }

    fn tables(&self) -> &'a [String] {
        match self {
            Self::Term(term) => &term.tables,
            Self::Metric(metric) => std::slice::from_ref(&metric.table),
        }
    }

    /// `table` is the name of a metric's table in SQL.
    fn write(&self, format: Format, table: &str) -> String {
        let short = |text: &str| cut(&plain(text), LONGEST);
        match (self, format) {
            (Self::Term(it), Format::Json) => {
                let line = json!({"term": it.term, "meaning": it.meaning, "tables": it.tables});
                format!("{line}\n")
            }
            (Self::Metric(it), Format::Json) => {
                let mut line = json!({"metric": it.name, "sql": it.sql, "table": it.table});
                if let Some(description) = &it.description {
                    line["description"] = description.as_str().into();
                }
                format!("{line}\n")
            }
            (Self::Term(it), _) => {
                let start = comment(format);
                format!("{start}term {}: {}\n", plain(&it.term), short(&it.meaning))
            }
            (Self::Metric(it), _) => {
                let description = it.description.as_deref().map(short);
                let description = description.map_or_else(String::new, |it| format!(" — {it}"));
                let name = plain(&it.name);
                let start = comment(format);
                // SQL stays as it is: its lines and quotes have a meaning.
                let sql = it.sql.trim();
                if !sql.contains(['\n', '\r']) {
                    return format!("{start}metric {name}: {sql} of {table}{description}\n");
                }
                let sql = match format {
                    // Each line is a comment of its own.
                    Format::Ddl => sql
                        .replace("\r\n", "\n")
                        .replace(['\n', '\r'], &format!("\n{start}")),
                    Format::Text | Format::Json => sql.to_owned(),
                };
                format!("{start}metric {name} of {table}{description}:\n{start}{sql}\n")
            }
        }
    }
}

fn comment(format: Format) -> &'static str {
    match format {
        Format::Ddl => "-- ",
        Format::Text | Format::Json => "",
    }
}

/// The terms and metrics whose words are all in the question, those with the most words first, as many as fit
/// in `room` characters.
pub fn named(
    document: &Document,
    index: &IndexData,
    (question, text): (&Question, &str),
    datasets: Option<&[String]>,
    (format, room): (Format, usize),
) -> Named {
    let meaning = &document.meaning;
    if meaning.glossary.is_empty() && meaning.metrics.is_empty() {
        return Named::default();
    }
    let words: HashSet<u32> = question.terms.iter().map(|(term, _)| *term).collect();
    let lower = text.to_lowercase();
    let of_tables = datasets.map(|_| document.datasets());
    let terms = meaning.glossary.iter().zip(&index.meaning.glossary);
    let terms = terms.filter(|(it, _)| it.error.is_none());
    let metrics = meaning.metrics.iter().zip(&index.meaning.metrics);
    let metrics = metrics.filter(|(it, _)| it.error.is_none());
    let all = terms
        .map(|(it, own)| (Candidate::Term(it), own))
        .chain(metrics.map(|(it, own)| (Candidate::Metric(it), own)));
    let is_named = |candidate: &Candidate<'_>, own: &[u32]| match own {
        // A name of nothing but stop words and signs.
        [] => lower.contains(&candidate.name().to_lowercase()),
        own => own.iter().all(|word| words.contains(word)),
    };
    let mut chosen: Vec<(Candidate<'_>, usize)> = all
        .filter(|(candidate, own)| {
            is_named(candidate, own) && is_within(candidate.tables(), datasets, of_tables.as_ref())
        })
        .map(|(candidate, own)| (candidate, own.len()))
        .collect();
    chosen.sort_by_key(|(_, words)| std::cmp::Reverse(*words));
    let mut named = Named::default();
    let mut left = room;
    for (candidate, _) in chosen {
        // An empty line separates the entries from the tables.
        let gap = usize::from(named.text.is_empty() && format != Format::Json);
        let written = candidate.write(format, &sql_name(&candidate, document));
        let length = written.chars().count() + gap;
        if length > left {
            continue;
        }
        left -= length;
        named.text.push_str(&"\n".repeat(gap));
        named.text.push_str(&written);
        match candidate {
            Candidate::Term(it) => named.glossary.push(it.clone()),
            Candidate::Metric(it) => named.metrics.push(it.clone()),
        }
        if named.glossary.len() + named.metrics.len() == MOST {
            break;
        }
    }
    named
}

/// The name in SQL of the table of a metric, as on its card.
fn sql_name(candidate: &Candidate<'_>, document: &Document) -> String {
    let Candidate::Metric(metric) = candidate else {
        return String::new();
    };
    let table = document.tables.iter().find(|it| it.name == metric.table);
    match table.filter(|table| !table.parts.is_unknown()) {
        Some(table) => table_name(&table.parts, document.source.dialect),
        None => plain(&metric.table),
    }
}

/// Whether all tables are in the datasets of a request.
fn is_within(
    tables: &[String],
    datasets: Option<&[String]>,
    of_tables: Option<&HashMap<&str, &str>>,
) -> bool {
    let (Some(datasets), Some(of_tables)) = (datasets, of_tables) else {
        return true;
    };
    let is_in = |table: &String| {
        let of = of_tables.get(table.as_str());
        of.is_some_and(|of| datasets.iter().any(|name| name == of))
    };
    tables.iter().all(is_in)
}
