//! The model's answer, and which parts of it are kept.

use std::collections::{BTreeMap, BTreeSet};

use ground::Schema;
use platform::excerpt::cut;
use schema::document::{Dropped, Example, Origin, Table};
use serde::Deserialize;
use serde_json::{Value, json};

use super::outcome::Description;
use super::part::TablePart;

/// The longest description, in characters.
const MAX_DESCRIPTION: usize = 1_024;
const MAX_QUESTION: usize = 500;
const MAX_SQL: usize = 10_000;
/// How many characters of a dropped text are kept.
const MAX_DROPPED_TEXT: usize = 200;

/// The JSON schema of the answer. Every field is required and not null, because some providers accept
/// nothing else; an empty string means "unknown".
pub fn schema(with_descriptions: bool, with_examples: bool) -> Value {
    let text = json!({"type": "string"});
    let object = |properties: Value| {
        let names: Vec<&String> = properties
            .as_object()
            .into_iter()
            .flatten()
            .map(|p| p.0)
            .collect();
        json!({
            "type": "object",
            "required": names,
            "properties": properties,
            "additionalProperties": false,
        })
    };
    let list = |items: Value| json!({"type": "array", "items": items});
    let mut properties = serde_json::Map::new();
    if with_descriptions {
        let column = object(json!({"path": text, "description": text}));
        let table = object(json!({
            "table": text,
            "description": text,
            "columns": list(column),
        }));
        properties.insert("tables".into(), list(table));
    }
    if with_examples {
        let example = object(json!({"question": text, "sql": text}));
        properties.insert("examples".into(), list(example));
    }
    object(Value::Object(properties))
}

/// Fields are missing if they were not requested, or if the answer was cut off.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Answer {
    tables: Vec<TableAnswer>,
    examples: Vec<ExampleAnswer>,
}

#[derive(Deserialize)]
struct TableAnswer {
    #[serde(default)]
    table: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    columns: Vec<ColumnAnswer>,
}

#[derive(Deserialize)]
struct ColumnAnswer {
    #[serde(default)]
    path: String,
    #[serde(default)]
    description: String,
}

#[derive(Deserialize)]
struct ExampleAnswer {
    #[serde(default)]
    question: String,
    #[serde(default)]
    sql: String,
}

/// The kept parts of an answer.
#[derive(Default)]
pub struct Kept {
    pub descriptions: Vec<Description>,
    pub examples: Vec<Example>,
    pub dropped: Vec<Dropped>,
    /// The tables and paths that the answer contains, usable or not.
    pub named: BTreeSet<(usize, String)>,
}

impl Answer {
    pub fn evaluate(
        self,
        tables: &[Table],
        batch: &[TablePart],
        wanted: usize,
        schema: &Schema<'_>,
    ) -> Kept {
        let mut kept = Kept::default();
        let mut requested: BTreeMap<&str, Vec<&TablePart>> = BTreeMap::new();
        for part in batch {
            let name = tables[part.table].name.as_str();
            requested.entry(name).or_default().push(part);
        }
        for answer in self.tables {
            let name = answer.table.trim();
            let Some(parts) = requested.get(name) else {
                let reason = "the LLM was not asked about this table";
                kept.dropped.push(Dropped {
                    table: Some(short(name)),
                    ..dropped(None, None, &answer.description, reason)
                });
                continue;
            };
            let index = parts[0].table;
            if !answer.description.trim().is_empty() {
                if parts.iter().any(|part| part.describe_table) {
                    kept.take(&tables[index], index, None, &answer.description, schema);
                } else {
                    let reason = "the LLM was not asked about this table";
                    kept.drop(Some(&tables[index]), None, &answer.description, reason);
                }
            }
            for column in answer.columns {
                let path = column.path.trim();
                let is_requested = parts
                    .iter()
                    .any(|part| part.columns.iter().any(|column| column.path == path));
                if is_requested {
                    kept.take(
                        &tables[index],
                        index,
                        Some(path),
                        &column.description,
                        schema,
                    );
                } else {
                    let reason = "the LLM was not asked about this column";
                    kept.drop(
                        Some(&tables[index]),
                        Some(path),
                        &column.description,
                        reason,
                    );
                }
            }
        }
        if wanted > 0 {
            kept.examples(self.examples, wanted);
        }
        kept
    }
}

impl Kept {
    fn take(
        &mut self,
        table: &Table,
        index: usize,
        path: Option<&str>,
        written: &str,
        schema: &Schema<'_>,
    ) {
        let is_first = self
            .named
            .insert((index, path.unwrap_or_default().to_owned()));
        let text = one_line(written);
        if text.is_empty() {
            return;
        }
        let verdict = if !is_first {
            Err("it is described twice".to_owned())
        } else if text.chars().count() > MAX_DESCRIPTION {
            Err(format!("it is longer than {MAX_DESCRIPTION} characters"))
        } else if text.contains("://") || text.contains("](") {
            Err("it contains a link".to_owned())
        } else {
            is_grounded(&text, table, path, schema)
        };
        match verdict {
            Ok(()) => self.descriptions.push(Description {
                table: index,
                path: path.map(ToOwned::to_owned),
                text,
            }),
            Err(reason) => self.drop(Some(table), path, &text, &reason),
        }
    }

    /// Adds candidates for examples, a few more than requested, because the sync will find some of them
    /// invalid.
    fn examples(&mut self, answers: Vec<ExampleAnswer>, wanted: usize) {
        let mut questions = BTreeSet::new();
        for answer in answers {
            let question = one_line(&answer.question);
            let sql = query(&answer.sql);
            let reason = if question.is_empty() || sql.is_empty() {
                "an example needs a question and a query"
            } else if question.chars().count() > MAX_QUESTION {
                "the question is too long"
            } else if sql.chars().count() > MAX_SQL {
                "the query is too long"
            } else if !questions.insert(question.to_lowercase()) {
                "the question is asked twice"
            } else if self.examples.len() == wanted.saturating_mul(2) {
                "more examples than were asked for"
            } else {
                self.examples.push(Example {
                    id: None,
                    question,
                    sql,
                    tables: Vec::new(),
                    origin: Origin::Llm,
                    verified: None,
                    error: None,
                });
                continue;
            };
            self.drop(None, None, &sql, reason);
        }
    }

    fn drop(&mut self, table: Option<&Table>, path: Option<&str>, text: &str, reason: &str) {
        self.dropped.push(dropped(table, path, text, reason));
    }
}

/// The ledger entry of a dropped text.
pub fn dropped(table: Option<&Table>, path: Option<&str>, text: &str, reason: &str) -> Dropped {
    Dropped {
        dataset: table.map(|table| table.dataset().to_owned()),
        table: table.map(|table| table.name.clone()),
        path: path.map(short),
        text: short(text),
        reason: reason.to_owned(),
    }
}

fn short(text: &str) -> String {
    cut(&one_line(text), MAX_DROPPED_TEXT)
}

/// Checks that everything that a description mentions exists.
pub fn is_grounded(
    text: &str,
    table: &Table,
    path: Option<&str>,
    schema: &Schema<'_>,
) -> Result<(), String> {
    ground::text(text, table, path, schema).map_err(|faults| {
        let reasons: Vec<String> = faults.iter().map(ToString::to_string).collect();
        reasons.join("; ")
    })
}

/// The text on one line, without control and invisible characters.
fn one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || is_hidden(c));
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

/// Control characters, and those that hide or reorder text.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
        || matches!(c, '\u{e0000}'..='\u{e007f}')
}

/// The query without code fences and the final semicolon, which some warehouse APIs refuse.
fn query(sql: &str) -> String {
    let is_wanted = |c: &char| matches!(c, '\n' | '\t') || !is_hidden(*c);
    let sql: String = sql.chars().filter(is_wanted).collect();
    let sql = sql.trim();
    let sql = match sql.strip_prefix("```").and_then(|sql| sql.split_once('\n')) {
        Some((_language, sql)) => sql.trim_end().trim_end_matches("```"),
        None => sql,
    };
    sql.trim().trim_end_matches(';').trim_end().to_owned()
}
