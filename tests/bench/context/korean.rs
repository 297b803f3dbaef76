//! Korean questions about an invented warehouse with Korean descriptions and English names.

use anyhow::{Context as _, ensure};

use super::fixture::{Card, File, FileQuestion, Fixture, PathOf, prepare_with};

/// The prefixes of questions that use the words of the descriptions, and of those that use other words.
pub const MARKS: [char; 2] = ['?', '~'];

/// Parses `korean.txt` (its first lines describe the format), with the questions that start with `mark`.
pub fn fixture(mark: char) -> anyhow::Result<Fixture> {
    let mut tables: Vec<Card> = Vec::new();
    let mut descriptions = Vec::new();
    let mut questions = Vec::new();
    let mut gold = Vec::new();
    let mut is_new = true;
    let text = include_str!("korean.txt");
    let mut lines = text.lines().filter(|line| !line.starts_with('#'));
    while let Some(line) = lines.next() {
        if line.is_empty() {
            is_new = true;
        } else if let Some(question) = line.strip_prefix(MARKS) {
            let needed = lines.next().context("a question without its tables")?;
            if !line.starts_with(mark) {
                continue;
            }
            let mut gold_tables = Vec::new();
            let mut columns = Vec::new();
            for needed in needed.split(", ") {
                let mut words = needed.split_whitespace();
                let name = format!("p.{}", words.next().context("a table")?);
                let id = tables.iter().position(|table| table.name == name);
                gold_tables.push(vec![id.with_context(|| format!("no {name}"))?]);
                columns.extend(words.map(|column| (name.clone(), column.to_owned())));
            }
            questions.push(FileQuestion::new("korean", question.trim(), gold_tables));
            gold.push(columns);
        } else {
            let (name, description) = line.split_once(" | ").context("no description")?;
            if std::mem::take(&mut is_new) {
                let id = tables.len();
                tables.push(Card::new(id, &format!("p.{name}"), "korean", Vec::new()));
                descriptions.push(description.to_owned());
                continue;
            }
            let (path, data_type) = name.split_once(' ').context("no type")?;
            let column = PathOf::new(path, data_type, Some(description));
            tables.last_mut().context("no table")?.columns.push(column);
        }
    }
    for (table, path) in gold.iter().flatten() {
        let has = |card: &&Card| card.name == *table;
        let table = tables.iter().find(has).context("the table")?;
        ensure!(
            table.columns.iter().any(|column| column.path == *path),
            "no {path}"
        );
    }
    prepare_with(File { tables, questions }, &descriptions, Some(gold))
}
