//! The context put together: legend, cards, descriptions, examples, never over the budget.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use schema_sync::document::{Document, dataset_of};
use schema_sync::render::plain;

use super::card::{self, Cards};
use super::choose::Choice;
use super::index::Parts;
use super::rank::{self, Question};
use super::{ChosenExample, ChosenTable, Context, Format, Request, Weights, tokens};

/// The share of the budget that examples may take from tables, as one part in so many.
const EXAMPLES: usize = 7;
const MOST_EXAMPLES: usize = 3;
/// Below this, 0 to 1, an example is about something else.
const LIKE: f32 = 0.2;
/// How often what was estimated is corrected by what was written.
const CORRECTIONS: usize = 3;

pub fn context(
    document: &Document,
    parts: &Parts,
    request: &Request<'_>,
    weights: &Weights,
) -> Context {
    let limit = request.token_budget.saturating_mul(4);
    let question = Question::new(request.question, parts);
    let wanted: Option<HashSet<u32>> = request.datasets.map(|datasets| {
        let numbers = parts.datasets.iter().zip(0..);
        let wanted = numbers.filter(|(name, _)| datasets.contains(name));
        wanted.map(|(_, number)| number).collect()
    });
    let allowed = |table: usize| {
        let dataset = &parts.dataset[table];
        wanted
            .as_ref()
            .is_none_or(|wanted| wanted.contains(dataset))
    };
    let ranked = rank::tables(parts, &question, weights, &allowed);
    let likely = examples(document, parts, &question, request.datasets);
    let new = || Choice::new(parts, document, weights, request.format, &question, &ranked);

    let mut choice = new();
    let mut written = None;
    if choice.least() <= limit {
        choice.take_all();
        let all = write(document, parts, &choice, request.format);
        if count(&all) <= limit {
            written = Some(all);
        } else {
            choice = new();
        }
    }
    let complete = written.is_some();
    let mut chosen: Vec<&(usize, f32)> = Vec::new();
    let text = match written {
        Some(text) => {
            take_examples(document, &likely, limit - count(&text), &mut chosen);
            text
        }
        None => {
            let taken = take_examples(document, &likely, limit / EXAMPLES, &mut chosen);
            part(document, parts, &mut choice, request.format, limit - taken)
        }
    };
    let mut context = text;
    let taken: usize = chosen
        .iter()
        .map(|example| example_text(document, example.0).chars().count())
        .sum();
    if request.format == Format::Text {
        let room = limit.saturating_sub(taken + count(&context));
        card::describe(document, parts, &choice.cards, room, &mut context);
    }
    let examples_at = context.len();
    for example in &chosen {
        context.push_str(&example_text(document, example.0));
    }
    Context {
        tokens: tokens(&context),
        tables: tables(document, parts, &question, &choice, complete),
        examples: chosen
            .iter()
            .map(|(position, score)| {
                let example = &document.examples[*position];
                ChosenExample {
                    question: example.question.clone(),
                    sql: example.sql.clone(),
                    tables: example.tables.clone(),
                    score: rounded(*score),
                }
            })
            .collect(),
        version: document.version.clone(),
        complete,
        examples_at,
        context,
    }
}

/// The tables and columns that fit, written down.
fn part(
    document: &Document,
    parts: &Parts,
    choice: &mut Choice<'_>,
    format: Format,
    limit: usize,
) -> String {
    // The legend is written last, and only where it is needed.
    let mut goal = limit.saturating_sub(LEGEND);
    let mut text = String::new();
    for round in 0..CORRECTIONS {
        choice.fill(goal);
        text = write(document, parts, choice, format);
        let count = count(&text);
        let slack = limit.saturating_sub(count);
        if count > limit || slack < limit / 50 || round + 1 == CORRECTIONS {
            break;
        }
        goal = choice.price() + slack;
    }
    while count(&text) > limit && !choice.is_empty() {
        choice.give_back(count(&text) - limit);
        text = write(document, parts, choice, format);
    }
    if count(&text) > limit {
        String::new()
    } else {
        text
    }
}

const LEGEND: usize = 100;

fn write(document: &Document, parts: &Parts, choice: &Choice<'_>, format: Format) -> String {
    let cards = card::render(document, parts, &choice.cards, format);
    let mut text = String::with_capacity(cards.text.len() + 256);
    if format != Format::Json {
        legend(&cards, format, &mut text);
    }
    text.push_str(&cards.text);
    text
}

fn legend(cards: &Cards, format: Format, text: &mut String) {
    let comment = if format == Format::Ddl { "-- " } else { "" };
    if cards.has_left_out {
        let _ = writeln!(
            text,
            "{comment}+n: n more columns, see GET /v1/schema/tables/{{name}}"
        );
    }
    if cards.has_alike {
        let _ = writeln!(
            text,
            "{comment}alike: tables of the same dataset with these columns"
        );
    }
    if cards.has_repeated {
        let _ = writeln!(
            text,
            "{comment}ARRAY: FROM t, UNNEST(t.items) AS i, then i.field"
        );
    }
}

/// Those that the request's datasets leave, likeliest first.
fn examples(
    document: &Document,
    parts: &Parts,
    question: &Question,
    datasets: Option<&[String]>,
) -> Vec<(usize, f32)> {
    let mut likely = rank::examples(parts, question);
    likely.retain(|(position, likeness)| {
        let tables = &document.examples[*position].tables;
        let allowed = datasets.is_none_or(|datasets| {
            let is_in = |table: &String| datasets.iter().any(|name| name == dataset_of(table));
            !tables.is_empty() && tables.iter().all(is_in)
        });
        allowed && *likeness >= LIKE
    });
    likely
}

fn take_examples<'a>(
    document: &Document,
    likely: &'a [(usize, f32)],
    room: usize,
    chosen: &mut Vec<&'a (usize, f32)>,
) -> usize {
    let mut taken = 0;
    for example in likely {
        let length = count(&example_text(document, example.0));
        if taken + length <= room && chosen.len() < MOST_EXAMPLES {
            taken += length;
            chosen.push(example);
        }
    }
    taken
}

fn example_text(document: &Document, position: usize) -> String {
    let example = &document.examples[position];
    format!(
        "\nQ: {}\n{}\n",
        plain(&example.question),
        example.sql.trim()
    )
}

fn tables(
    document: &Document,
    parts: &Parts,
    question: &Question,
    choice: &Choice<'_>,
    complete: bool,
) -> Vec<ChosenTable> {
    let ranks: HashMap<usize, usize> = choice
        .ranked
        .iter()
        .enumerate()
        .map(|(rank, ranked)| (ranked.table, rank))
        .collect();
    let mut listed: Vec<(usize, ChosenTable)> = Vec::new();
    for card in &choice.cards {
        for (table, mut chosen) in card::listed(document, parts, card) {
            let rank = ranks[&table];
            let ranked = &choice.ranked[rank];
            chosen.score = rounded(ranked.score);
            chosen.why = rank::why(parts, question, table);
            if let Some(by) = ranked.joined {
                chosen
                    .why
                    .push(format!("join: {}", document.tables[by].name));
            }
            if complete {
                chosen.why.push("all".to_owned());
            }
            listed.push((rank, chosen));
        }
    }
    listed.sort_by_key(|(rank, _)| *rank);
    listed.into_iter().map(|(_, chosen)| chosen).collect()
}

fn rounded(score: f32) -> f64 {
    (f64::from(score) * 1_000.0).round() / 1_000.0
}

fn count(text: &str) -> usize {
    text.chars().count()
}
