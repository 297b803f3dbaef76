//! Descriptions: every identifier that prose mentions must exist.
//!
//! What counts as an identifier:
//! - anything between backticks that has the form of a name or path (`status`, `device.category`),
//!   but not SQL words, types, functions and literals;
//! - a word with an underscore inside (`is_active_user`), or in camelCase (`userId`);
//! - a dotted path (`orders.customer_id`), but not hosts, file names and abbreviations;
//! - a quoted word next to "column", "field" or "table" (the "state" column).
//!
//! What does not: plain words, URLs, addresses, numbers, formats (`YYYY_MM_DD`), codes
//! (`OBI_0000050`), and *values*. A value is a word in 'single quotes', or one that follows "values
//! such as", "values are", "one of", "set to" and similar phrases, also later in a list. After "e.g.",
//! "such as" and "for example" a value is expected only in the description of a column without fields;
//! in the description of a table they introduce columns as often as values.
//!
//! An identifier exists if it is a column, field, path, table or dataset anywhere in the schema, so
//! that a description can mention what a column refers to.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;
use schema::document::{Column, Table};
use schema::name::names_of;

use crate::fault::Fault;
use crate::fault::FaultKind;
use crate::lists;
use crate::prose;
use crate::tables::Schema;

/// The longest description that is checked, in bytes.
const MAX_TEXT_BYTES: usize = 20_000;
const MAX_FAULTS: usize = 50;

static BACKTICKS: LazyLock<Regex> = LazyLock::new(|| prose::regex("`([^`\n]{1,300})`"));
/// A name, or names joined by dots or hyphens, perhaps with a wildcard at the end.
static WORD: LazyLock<Regex> =
    LazyLock::new(|| prose::regex(r"[A-Za-z_][A-Za-z0-9_]*(?:[-.][A-Za-z0-9_]+)*\*?"));
static NAME: LazyLock<Regex> = LazyLock::new(|| {
    prose::regex(r"^[\p{L}_][\p{L}\p{N}_]*(?:-[\p{L}\p{N}_]+)*(?:\.[\p{L}\p{N}_-]+)*(?:\.?\*)?$")
});

/// Checks that every identifier in a description exists.
///
/// `column_path` is the path of the described column; none for the table itself.
pub fn text(
    description: &str,
    table: &Table,
    column_path: Option<&str>,
    schema: &Schema,
) -> Result<(), Vec<Fault>> {
    if description.len() > MAX_TEXT_BYTES {
        let reason = format!("the description has more than {MAX_TEXT_BYTES} bytes");
        return Err(vec![Fault::new(FaultKind::TooLarge, "", reason)]);
    }
    let mut check = Check {
        table,
        schema,
        describes_leaf: column_path.is_some_and(|path| is_leaf(&table.columns, &names_of(path))),
        faults: Vec::new(),
    };
    let mut rest = prose::without_addresses(description);
    for quoted in prose::single_quoted(&rest) {
        let inside = &rest[quoted.inner.clone()];
        if NAME.is_match(inside) && prose::is_called_column(&rest, &quoted.outer) {
            check.name(inside);
        }
        prose::blank(&mut rest, &quoted.outer);
    }
    let spans: Vec<_> = BACKTICKS
        .captures_iter(&rest)
        .filter_map(|found| Some((found.get(0)?.range(), found.get(1)?.range())))
        .collect();
    let prose_only = {
        let mut text = rest.clone();
        for (outer, inner) in &spans {
            let inside = rest[inner.clone()].trim();
            if !NAME.is_match(inside) {
                continue;
            }
            if !prose::is_sql_word(inside) && !check.is_function(inside) {
                check.unless_value(&rest, outer, |check| check.name(inside));
            }
            prose::blank(&mut text, outer);
        }
        text
    };
    for quoted in prose::double_quoted(&prose_only) {
        let inside = &prose_only[quoted.inner.clone()];
        if NAME.is_match(inside) && prose::is_called_column(&prose_only, &quoted.outer) {
            check.name(inside);
        }
    }
    for word in WORD.find_iter(&prose_only) {
        // `3x_faster` is a number with a unit; `사용자_id` is one word that starts earlier.
        let is_inside_word = prose_only[..word.start()]
            .chars()
            .next_back()
            .is_some_and(|before| before.is_ascii_alphanumeric());
        if !is_inside_word {
            let is_called = prose_only[word.end()..].starts_with('(');
            check.unless_value(&rest, &word.range(), |check| {
                check.word(word.as_str(), is_called);
            });
        }
    }
    if check.faults.is_empty() {
        Ok(())
    } else {
        Err(check.faults)
    }
}

struct Check<'c, 'a> {
    table: &'c Table,
    schema: &'c Schema<'a>,
    describes_leaf: bool,
    faults: Vec<Fault>,
}

impl Check<'_, '_> {
    /// Checks a part of the text, and discards its faults if the text presents it as a value.
    fn unless_value(&mut self, text: &str, at: &Range<usize>, check: impl FnOnce(&mut Self)) {
        let known = self.faults.len();
        check(self);
        if self.faults.len() > known && prose::is_value(text, at, self.describes_leaf) {
            self.faults.truncate(known);
        }
    }

    /// A word of prose, which is an identifier only if it has the form of one.
    fn word(&mut self, word: &str, is_called: bool) {
        let segments: Vec<&str> = word.split('.').collect();
        let has_underscore = word.trim_matches('_').contains('_');
        if segments.len() == 1 {
            if word.contains('-') {
                for part in word.split('-') {
                    self.word(part, false);
                }
            } else if is_called || self.is_function(word) {
                if has_underscore && !self.is_function(word) {
                    self.name(word);
                }
            } else if prose::is_identifier(word) {
                self.name(word);
            }
            return;
        }
        if prose::is_file_or_host(&segments) {
            return;
        }
        let (first, rest) = (segments[0], &segments[1..]);
        let is_project = first.contains('-') && segments.len() >= 3;
        if word.contains('-') && !is_project {
            for part in word.split(['-', '.']) {
                self.word(part, false);
            }
            return;
        }
        let is_known_start = self.resolves(&[first]);
        if is_known_start && rest.iter().all(|part| starts_lower(part)) {
            self.name(word);
        } else if first.len() <= 2 {
            // An alias, as in `o.customer_id`; or an abbreviation, as in `e.g`.
            self.word(&rest.join("."), is_called);
        } else if has_underscore || (rest.iter().all(|part| starts_lower(part)) && is_path(word)) {
            self.name(word);
        } else {
            // The end of a sentence without a space after it.
            for part in segments {
                self.word(part, false);
            }
        }
    }

    /// An identifier, which must be in the schema.
    fn name(&mut self, written: &str) {
        let parts: Vec<&str> = written.split('.').collect();
        if self.resolves(&parts) || self.faults.len() >= MAX_FAULTS {
            return;
        }
        let last = parts.last().copied().unwrap_or(written);
        let hint = self.schema.hint(last, self.schema.names().all());
        let reason = format!("{written} is mentioned, but is not in the schema{hint}");
        self.faults
            .push(Fault::new(FaultKind::Mention, written, reason));
    }

    fn is_function(&self, word: &str) -> bool {
        lists::is_function(word, self.schema.dialect())
            && (word.bytes().all(|b| !b.is_ascii_lowercase()) || !word.contains('_'))
    }

    fn resolves(&self, parts: &[&str]) -> bool {
        let names = self.schema.names();
        if let [single] = parts {
            return self.resolves_single(single);
        }
        if names.has_path(parts) || has_path(&self.table.columns, parts) {
            return true;
        }
        // Any name may contain dots, and prose does not quote it.
        let written = parts.join(".");
        if names.has_column(&written) {
            return true;
        }
        // A table, dataset or project, perhaps followed by a path in it.
        (1..=parts.len()).any(|length| {
            let (place, path) = parts.split_at(length);
            let is_there = |table: &Table| {
                path.is_empty() || path == ["*"] || is_path_of(&table.columns, path)
            };
            if names
                .at_place(&place.join("."))
                .iter()
                .any(|table| is_there(table))
            {
                return true;
            }
            // A shard, or a narrower wildcard.
            let place: Vec<String> = place.iter().map(|part| (*part).to_owned()).collect();
            match self.schema.look_up(&place) {
                Ok(Some(found)) => found.tables.iter().any(|table| is_there(table)),
                _ => false,
            }
        })
    }

    fn resolves_single(&self, word: &str) -> bool {
        let names = self.schema.names();
        let exists = |word: &str| {
            names.has_column(word)
                || !names.at_place(word).is_empty()
                || has_path(&self.table.columns, &[word])
        };
        if exists(word) || prose::is_time_format(word) || prose::is_code(word) {
            return true;
        }
        // A plural: the `user_ids`.
        if word.strip_suffix('s').is_some_and(exists) {
            return true;
        }
        let is_pseudo = match word.to_ascii_uppercase().as_str() {
            "_TABLE_SUFFIX" => self.table.own_name().ends_with('*'),
            "_PARTITIONTIME" | "_PARTITIONDATE" => self
                .table
                .partitioning
                .as_ref()
                .is_some_and(|by| by.column.eq_ignore_ascii_case("_PARTITIONTIME")),
            _ => false,
        };
        if is_pseudo || matches!(self.schema.look_up(&[word.to_owned()]), Ok(Some(_))) {
            return true;
        }
        // A prefix of names: `utm_*`, `utm_`, `events_YYYYMMDD`.
        let start = word
            .strip_suffix('*')
            .or_else(|| word.strip_suffix("YYYYMMDD"))
            .or_else(|| word.strip_suffix("yyyymmdd"))
            .unwrap_or(word);
        start.ends_with('_')
            && start.len() > 2
            && (names.all().any(|name| starts_with(name, start))
                || starts_with(self.table.own_name(), start))
    }
}

fn starts_with(name: &str, start: &str) -> bool {
    name.get(..start.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(start))
}

fn starts_lower(part: &str) -> bool {
    part.starts_with(|first: char| first.is_ascii_lowercase() || first == '_')
}

/// Distinguishes a path without underscores from a missing space, by length only.
fn is_path(word: &str) -> bool {
    word.split('.').all(|part| part.len() > 1)
}

fn same(name: &str, wanted: &str) -> bool {
    name.to_lowercase() == wanted.to_lowercase()
}

/// Whether these names are a path from a top-level column, whose name may contain dots.
fn is_path_of(columns: &[Column], path: &[&str]) -> bool {
    if path.is_empty() {
        return true;
    }
    columns.iter().any(|column| {
        let length = column.name.split('.').count();
        path.split_at_checked(length).is_some_and(|(name, rest)| {
            same(&column.name, &name.join(".")) && is_path_of(&column.fields, rest)
        })
    })
}

/// Whether these names are a path from any column or field.
fn has_path(columns: &[Column], path: &[&str]) -> bool {
    is_path_of(columns, path) || columns.iter().any(|column| has_path(&column.fields, path))
}

fn is_leaf(columns: &[Column], path: &[String]) -> bool {
    let Some((first, rest)) = path.split_first() else {
        return false;
    };
    let column = columns.iter().find(|column| same(&column.name, first));
    column.is_some_and(|column| match rest {
        [] => column.fields.is_empty(),
        rest => is_leaf(&column.fields, rest),
    })
}
