//! Korean questions over a made-up warehouse that is described in Korean and named in English.

use anyhow::{Context as _, ensure};

use super::fixture::{Asked, Card, File, Fixture, PathOf, prepare_with};

/// Questions in the words of the descriptions, and in others.
pub const MARKS: [char; 2] = ['?', '~'];

/// Takes `korean.txt` apart, see its first lines: with the questions that start with `mark`.
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
            let mut asked = Vec::new();
            let mut columns = Vec::new();
            for needed in needed.split(", ") {
                let mut words = needed.split_whitespace();
                let name = format!("p.{}", words.next().context("a table")?);
                let id = tables.iter().position(|table| table.name == name);
                asked.push(vec![id.with_context(|| format!("no {name}"))?]);
                columns.extend(words.map(|column| (name.clone(), column.to_owned())));
            }
            questions.push(Asked::new("korean", question.trim(), asked));
            gold.push(columns);
        } else {
            let (said, description) = line.split_once(" | ").context("no description")?;
            if std::mem::take(&mut is_new) {
                let id = tables.len();
                tables.push(Card::new(id, &format!("p.{said}"), "korean", Vec::new()));
                descriptions.push(description.to_owned());
                continue;
            }
            let (path, data_type) = said.split_once(' ').context("no type")?;
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
