//! The queries of the chosen views, which tell what their rows and columns are.

use platform::excerpt::cut;
use schema::document::{Definition, Document, Table};
use schema::render::{query_lines, table_name};
use serde_json::json;

use super::request::Format;

/// The longest query, in characters. The beginning tells the most.
const LONGEST: usize = 1_200;
/// The least of a query that is worth its room, in characters.
const LEAST: usize = 80;
/// How often a query is shortened until it fits.
const CORRECTIONS: usize = 3;

/// The queries of these tables, as many as fit in `room` characters. One that does not fit is cut.
pub fn lines(
    document: &Document,
    tables: impl Iterator<Item = usize>,
    format: Format,
    room: usize,
) -> String {
    let mut text = String::new();
    let mut left = room;
    for table in tables.map(|position| &document.tables[position]) {
        if left < LEAST {
            break;
        }
        let Some(definition) = &table.definition else {
            continue;
        };
        // An empty line separates them from the tables.
        let gap = usize::from(text.is_empty() && format != Format::Json);
        let write = |longest| written(document, table, definition, format, longest);
        if let Some((line, length)) = fitting(write, left - gap) {
            left -= length + gap;
            text.push_str(&"\n".repeat(gap));
            text.push_str(&line);
        }
    }
    text
}

/// What is written, as much of it as fits, and its length.
fn fitting(write: impl Fn(usize) -> String, room: usize) -> Option<(String, usize)> {
    let mut longest = LONGEST.min(room);
    for _ in 0..CORRECTIONS {
        let text = write(longest);
        let length = text.chars().count();
        if length <= room {
            return Some((text, length));
        }
        longest = longest
            .checked_sub(2 * (length - room))
            .filter(|it| *it >= LEAST)?;
    }
    None
}

fn written(
    document: &Document,
    table: &Table,
    definition: &Definition,
    format: Format,
    longest: usize,
) -> String {
    let (lines, is_cut) = query_lines(definition, longest);
    if format == Format::Json {
        let mut line = json!({"view": table.name, "definition": cut(&definition.sql, longest)});
        if is_cut {
            line["cut"] = true.into();
        }
        return format!("{line}\n");
    }
    let (start, of_line) = match format {
        Format::Ddl => ("-- ", "-- "),
        Format::Text | Format::Json => ("", "| "),
    };
    let name = table_name(&table.parts, document.source.dialect);
    let note = match is_cut {
        true => " (cut, see GET /v1/schema/tables/{name})",
        false => "",
    };
    let mut text = format!("{start}{name} is defined as{note}:\n");
    for line in lines {
        text.push_str(of_line);
        text.push_str(&line);
        text.push('\n');
    }
    text
}
