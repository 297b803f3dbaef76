//! Assembles the context: legend, cards, descriptions, queries of views, terms, metrics and examples, within the
//! budget.

use std::collections::{HashMap, HashSet};

use schema::document::Document;
use schema::render::plain;
use serde_json::json;

use super::answer::{ChosenExample, ChosenTable, Context, tokens};
use super::choose::Choice;
use super::definitions;
use super::describe;
use super::descriptions::Descriptions;
use super::index::IndexData;
use super::meaning::{self, Named};
use super::rank::{self, Question};
use super::render::{self, RenderedCards};
use super::request::{Format, Request};
use super::weights::Weights;

/// Examples may take this fraction of the budget from tables: one seventh.
const EXAMPLES: usize = 7;
const MOST_EXAMPLES: usize = 3;
/// Terms and metrics may take this fraction of the budget from tables: one eighth.
const MEANING: usize = 8;
/// The queries of views may take this fraction of the budget from descriptions: one eighth. Those of the best tables
/// may take it from tables as well.
const DEFINITIONS: usize = 8;
const BEST: usize = 5;
/// The minimum similarity of an example, 0 to 1.
const MIN_SIMILARITY: f32 = 0.2;
/// The size limit of the paths that a response lists besides its context, in bytes. Tables on one card
/// share its text, but not their lists.
const MAX_LISTED_BYTES: usize = 1 << 20;
/// How often the estimate is corrected by the rendered length.
const CORRECTIONS: usize = 3;
/// The legend may take this fraction of the budget: one fifth. A model can do without it, but not without
/// names.
const LEGEND: usize = 5;
/// The usual length of a legend, in characters.
const USUAL_LEGEND: usize = 100;

pub fn context(
    document: &Document,
    index: &IndexData,
    request: &Request<'_>,
    weights: &Weights,
) -> Context {
    let limit = request.token_budget.saturating_mul(4);
    let renderer = Renderer {
        document,
        index,
        format: request.format,
        legend: limit / LEGEND,
    };
    let question = Question::new(request.question, index);
    let wanted: Option<HashSet<u32>> = request.datasets.map(|datasets| {
        let numbers = index.datasets.iter().zip(0..);
        let wanted = numbers.filter(|(name, _)| datasets.contains(name));
        wanted.map(|(_, number)| number).collect()
    });
    let allowed = |table: usize| {
        let dataset = &index.dataset[table];
        wanted
            .as_ref()
            .is_none_or(|wanted| wanted.contains(dataset))
    };
    let ranked = rank::tables(index, &question, weights, &allowed);
    let similar = examples(document, index, &question, request.datasets);
    let new = || Choice::new(index, document, weights, request.format, &question, &ranked);

    let named = |room: usize| {
        let (format, datasets) = (request.format, request.datasets);
        let question = (&question, request.question);
        meaning::named(document, index, question, datasets, (format, room))
    };

    let mut choice = new();
    let mut whole = None;
    if choice.least() <= limit {
        choice.take_all();
        let all = renderer.write(&choice, &Descriptions::default());
        if count(&all) <= limit {
            whole = Some(all);
        } else {
            choice = new();
        }
    }
    // What the document itself omits is in no context.
    let complete = whole.is_some() && ranked.iter().all(|it| !document.tables[it.table].cut);
    let (mut context, named, chosen) = match whole {
        Some(text) => {
            let left = limit - count(&text);
            let named = named(left);
            let chosen = renderer.take_examples(&similar, left - count(&named.text));
            (text, named, chosen)
        }
        None => {
            let named = named(limit / MEANING);
            let chosen = renderer.take_examples(&similar, limit / EXAMPLES);
            let best = ranked.iter().take(BEST).map(|it| it.table);
            let reserved = renderer.definitions(best, limit / DEFINITIONS);
            let taken = renderer.length_of(&chosen) + count(&named.text) + count(&reserved);
            (renderer.part(&mut choice, limit - taken), named, chosen)
        }
    };
    let room = limit - renderer.length_of(&chosen) - count(&named.text);
    let left = room.saturating_sub(count(&context));
    let defined = renderer.definitions(shown(&choice), left.min(limit / DEFINITIONS));
    renderer.describe(&choice, room - count(&defined), &mut context);
    context.push_str(&defined);
    let Named {
        text,
        glossary,
        metrics,
    } = named;
    context.push_str(&text);
    let examples_at = context.len();
    for (position, _) in &chosen {
        context.push_str(&renderer.example(*position));
    }
    Context {
        tokens: tokens(&context),
        tables: tables(document, index, &question, &choice, complete),
        examples: listed(document, &chosen),
        glossary,
        metrics,
        version: document.version.clone(),
        complete,
        examples_at,
        context,
    }
}

/// Writes the parts of a context.
struct Renderer<'a> {
    document: &'a Document,
    index: &'a IndexData,
    format: Format,
    /// The longest legend, in characters.
    legend: usize,
}

impl Renderer<'_> {
    /// Renders the tables and columns that fit.
    fn part(&self, choice: &mut Choice<'_>, limit: usize) -> String {
        let none = Descriptions::default();
        // The legend is written last, and only if it is needed.
        let mut goal = limit.saturating_sub(USUAL_LEGEND.min(self.legend));
        let mut text = String::new();
        for round in 0..CORRECTIONS {
            choice.fill(goal);
            text = self.write(choice, &none);
            let count = count(&text);
            let slack = limit.saturating_sub(count);
            if count > limit || slack < limit / 50 || round + 1 == CORRECTIONS {
                break;
            }
            goal = choice.price() + slack;
        }
        // More each time, because the estimate of the undone steps may be too high.
        let mut factor = 1;
        while count(&text) > limit && choice.undo_at_least((count(&text) - limit) * factor) {
            text = self.write(choice, &none);
            factor *= 2;
        }
        if count(&text) > limit {
            choice.keep_name_only();
            text = self.write(choice, &none);
        }
        if count(&text) > limit {
            choice.clear();
            text.clear();
        }
        text
    }

    fn write(&self, choice: &Choice<'_>, descriptions: &Descriptions) -> String {
        let (document, index) = (self.document, self.index);
        let cards = render::cards(document, index, &choice.cards, self.format, descriptions);
        let mut text = self.explain(&cards);
        text.push_str(&cards.text);
        text
    }

    /// The legend, as far as it fits. JSON needs none, because its keys explain it.
    fn explain(&self, cards: &RenderedCards) -> String {
        let comment = match self.format {
            Format::Text => "",
            Format::Ddl => "-- ",
            Format::Json => return String::new(),
        };
        let lines = [
            (
                cards.has_left_out,
                "+n: n more columns, see GET /v1/schema/tables/{name}",
            ),
            (
                cards.has_repeated,
                "ARRAY: FROM t, UNNEST(t.items) AS i, then i.field",
            ),
            (
                cards.has_alike,
                "alike: tables of the same dataset with these columns",
            ),
        ];
        let mut legend = String::new();
        for (_, line) in lines.iter().filter(|(is_there, _)| *is_there) {
            let line = format!("{comment}{line}\n");
            if legend.len() + line.len() <= self.legend {
                legend.push_str(&line);
            }
        }
        legend
    }

    /// Adds descriptions to what is written, up to `limit` characters.
    fn describe(&self, choice: &Choice<'_>, limit: usize, text: &mut String) {
        let (document, index) = (self.document, self.index);
        let mut room = limit.saturating_sub(count(text));
        if self.format == Format::Text {
            describe::lines(document, index, &choice.cards, room, text);
            return;
        }
        for _ in 0..CORRECTIONS {
            let inside = describe::inside(document, index, &choice.cards, room, self.format);
            if inside.is_empty() {
                return;
            }
            let described = self.write(choice, &inside);
            let count = count(&described);
            if count <= limit {
                *text = described;
                return;
            }
            room = room.saturating_sub(2 * (count - limit));
        }
    }

    /// The queries of views among these tables.
    fn definitions(&self, tables: impl Iterator<Item = usize>, room: usize) -> String {
        definitions::lines(self.document, tables, self.format, room)
    }

    /// As many of the similar examples as fit.
    fn take_examples(&self, similar: &[(usize, f32)], room: usize) -> Vec<(usize, f32)> {
        let mut chosen = Vec::new();
        for example in similar {
            chosen.push(*example);
            if self.length_of(&chosen) > room {
                chosen.pop();
            }
            if chosen.len() == MOST_EXAMPLES {
                break;
            }
        }
        chosen
    }

    /// The length of examples, in characters.
    fn length_of(&self, examples: &[(usize, f32)]) -> usize {
        let examples = examples.iter();
        examples
            .map(|(position, _)| count(&self.example(*position)))
            .sum()
    }

    fn example(&self, position: usize) -> String {
        let example = &self.document.examples[position];
        let (question, sql) = (plain(&example.question), example.sql.trim());
        match self.format {
            Format::Text => format!("\nQ: {question}\n{sql}\n"),
            // The last line of the SQL may be a comment.
            Format::Ddl => format!(
                "\n-- Q: {question}\n{}\n;\n",
                sql.trim_end_matches([';', ' ', '\n'])
            ),
            Format::Json => format!("{}\n", json!({"question": question, "sql": sql})),
        }
    }
}

/// The chosen examples for the response.
fn listed(document: &Document, chosen: &[(usize, f32)]) -> Vec<ChosenExample> {
    let listed = chosen.iter().map(|(position, score)| {
        let example = &document.examples[*position];
        ChosenExample {
            question: example.question.clone(),
            sql: example.sql.clone(),
            tables: example.tables.clone(),
            score: rounded(*score),
        }
    });
    listed.collect()
}

/// The tables on the cards, best first.
fn shown<'c>(choice: &'c Choice<'_>) -> impl Iterator<Item = usize> + use<'c> {
    let on_cards = choice.cards.iter().flat_map(|card| &card.tables);
    let on_cards: HashSet<usize> = on_cards.copied().collect();
    let ranked = choice.ranked.iter().map(|it| it.table);
    ranked.filter(move |table| on_cards.contains(table))
}

/// The similar examples within the request's datasets, most similar first.
fn examples(
    document: &Document,
    index: &IndexData,
    question: &Question,
    datasets: Option<&[String]>,
) -> Vec<(usize, f32)> {
    let of_tables = document.datasets();
    let mut similar = rank::examples(index, question);
    similar.retain(|(position, similarity)| {
        let tables = &document.examples[*position].tables;
        let allowed = datasets.is_none_or(|datasets| {
            let is_in = |table: &String| {
                let of = of_tables.get(table.as_str());
                of.is_some_and(|of| datasets.iter().any(|name| name == of))
            };
            !tables.is_empty() && tables.iter().all(is_in)
        });
        allowed && *similarity >= MIN_SIMILARITY
    });
    similar
}

fn tables(
    document: &Document,
    index: &IndexData,
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
        for (table, mut chosen) in render::listed(document, index, card) {
            let rank = ranks[&table];
            let ranked = &choice.ranked[rank];
            chosen.score = rounded(ranked.score);
            chosen.why = rank::why(index, question, table);
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
    let mut left = MAX_LISTED_BYTES;
    for (_, chosen) in &mut listed {
        let fits = |path: &&String| {
            let rest = left.checked_sub(path.len() + 3);
            left = rest.unwrap_or(0);
            rest.is_some()
        };
        let kept = chosen.columns.iter().take_while(fits).count();
        chosen.columns_unlisted = chosen.columns.len() - kept;
        chosen.columns.truncate(kept);
    }
    listed.into_iter().map(|(_, chosen)| chosen).collect()
}

fn rounded(score: f32) -> f64 {
    (f64::from(score) * 1_000.0).round() / 1_000.0
}

fn count(text: &str) -> usize {
    text.chars().count()
}
