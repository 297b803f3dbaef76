//! A card: the table in a few lines, then one line per path. The shortest form that keeps every path.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use platform::excerpt::cut;
use platform::plural::counted;

use super::notes::{
    CUT, CUT_DEFINITION, collate, enum_labels, heirs, inherited_by, kind, partition_key,
    query_lines,
};
use super::quote::{identifier, plain, table_name};
use super::shards::shard_notes;
use crate::dialect::Dialect;
use crate::document::{Column, Mode, Table};

/// The longest description, in characters.
const LONGEST_DESCRIPTION: usize = 1_024;

/// The longest list of labels, in characters.
const LABELS: usize = 1_024;

/// The longest query of a view, in characters.
const LONGEST_QUERY: usize = 2_048;

/// The longest card, in bytes.
const LONGEST: usize = 4 << 20;

/// Renders a card: a head of `key: value` lines, with the query of a view in lines that start with `|`, then one line
/// per path:
/// `path TYPE[ REPEATED][ [how a query reads its fields, labels, collation]][ — description]`. A path can't look like a
/// key, because it contains a colon only if it is quoted.
pub fn text(table: &Table, dialect: Dialect) -> String {
    let mut card = String::new();
    let _ = writeln!(
        card,
        "{}: {}{}",
        kind(table),
        table_name(&table.parts, dialect),
        facts(table)
    );
    if let Some(description) = &table.description {
        let _ = writeln!(card, "about: {}", short(description));
    }
    if let Some(partitioning) = &table.partitioning {
        let _ = write!(
            card,
            "partition: {} of {}",
            plain(&partitioning.unit),
            partition_key(table, &partitioning.column, dialect)
        );
        if table.require_partition_filter {
            card.push_str(", filter required");
        }
        card.push('\n');
    } else if table.require_partition_filter {
        card.push_str("partition: filter required\n");
    }
    let list = |names: &[String]| {
        let names: Vec<String> = names.iter().map(|name| identifier(name, dialect)).collect();
        names.join(", ")
    };
    if !table.clustering.is_empty() {
        let _ = writeln!(card, "cluster: {}", list(&table.clustering));
    }
    if !table.primary_key.is_empty() {
        let _ = writeln!(card, "key: {}", list(&table.primary_key));
    }
    for key in &table.foreign_keys {
        let _ = writeln!(
            card,
            "foreign key: {} -> {} ({})",
            list(&key.columns),
            table_name(&key.references_parts, dialect),
            list(&key.referenced_columns)
        );
    }
    if !table.inherits.is_empty() {
        let _ = writeln!(card, "inherits: {}", heirs(&table.inherits, dialect));
    }
    let notes = inherited_by(table, dialect).into_iter();
    for note in notes.chain(shard_notes(table, dialect)) {
        let _ = writeln!(card, "{note}");
    }
    if let Some(definition) = &table.definition {
        let (lines, is_cut) = query_lines(definition, LONGEST_QUERY);
        card.push_str("defined as:\n");
        for line in lines {
            let _ = writeln!(card, "| {line}");
        }
        if is_cut {
            let _ = writeln!(card, "cut: {CUT_DEFINITION}");
        }
    }
    if table.cut {
        let _ = writeln!(card, "cut: {CUT}");
    }
    let mut paths = Paths {
        card,
        dialect,
        aliases: table
            .columns
            .iter()
            .map(|column| column.name.to_lowercase())
            .collect(),
        numbers: HashMap::new(),
        left_out: 0,
    };
    for column in &table.columns {
        let path = identifier(&column.name, dialect);
        let reach = Reach {
            from: String::new(),
            expression: path.clone(),
            is_row: false,
        };
        paths.write(column, &path, &reach);
    }
    if paths.left_out > 0 {
        let _ = writeln!(paths.card, "cut: {}", counted(paths.left_out, "more path"));
    }
    paths.card
}

fn facts(table: &Table) -> String {
    let rows = table.rows.map(|rows| match rows {
        1 => "~1 row".to_owned(),
        rows => format!("~{} rows", short_number(rows)),
    });
    let bytes = table
        .bytes
        .map(|bytes| format!("~{}B", short_number(bytes)));
    let facts: Vec<String> = rows.into_iter().chain(bytes).collect();
    if facts.is_empty() {
        String::new()
    } else {
        format!(" ({})", facts.join(", "))
    }
}

/// `999`, `1.2k`, `34M`, `5.6G`.
fn short_number(number: u64) -> String {
    let units = [
        (1_000_000_000_000, "T"),
        (1_000_000_000, "G"),
        (1_000_000, "M"),
        (1_000, "k"),
    ];
    let Some((size, unit)) = units.into_iter().find(|(size, _)| number >= *size) else {
        return number.to_string();
    };
    let tenths = number / (size / 10);
    if tenths < 100 && !tenths.is_multiple_of(10) {
        format!("{}.{}{unit}", tenths / 10, tenths % 10)
    } else {
        format!("{}{unit}", tenths / 10)
    }
}

fn short(description: &str) -> String {
    cut(&plain(description), LONGEST_DESCRIPTION)
}

/// How a query reads a path: the `UNNEST`s to join, and the expression over them.
#[derive(Clone)]
struct Reach {
    from: String,
    expression: String,
    /// The expression is the alias of an `UNNEST`, not a column.
    is_row: bool,
}

struct Paths {
    card: String,
    dialect: Dialect,
    /// The aliases in use, in lower case: two tables with the same alias make a query ambiguous.
    aliases: HashSet<String>,
    /// The last number that was tried, by initial.
    numbers: HashMap<char, usize>,
    /// How many paths do not fit.
    left_out: usize,
}

impl Paths {
    fn write(&mut self, column: &Column, path: &str, reach: &Reach) {
        // A path includes its parents, so nesting makes it long.
        if self.card.len() > LONGEST {
            self.left_out += 1 + below(column);
            return;
        }
        let _ = write!(self.card, "{path} {}", plain(&column.data_type));
        let mut below = reach.clone();
        if column.mode == Mode::Repeated {
            let alias = self.alias(&column.name);
            let join = if reach.from.is_empty() { "" } else { ", " };
            below.from = format!(
                "{}{join}UNNEST({}) AS {alias}",
                reach.from, reach.expression
            );
            below.expression = alias;
            below.is_row = true;
            let _ = write!(self.card, " REPEATED [{}", below.from);
            if let Some(first) = column.fields.first() {
                let _ = write!(self.card, " -> {}", self.field(&below, &first.name));
            }
            self.card.push(']');
        } else if self.dialect == Dialect::Postgres
            && let Some(first) = column.fields.first()
        {
            let _ = write!(self.card, " [{}]", self.field(&below, &first.name));
        }
        self.details(column);
        if let Some(description) = &column.description {
            let _ = write!(self.card, " — {}", short(description));
        }
        self.card.push('\n');
        for field in &column.fields {
            let expression = self.field(&below, &field.name);
            let path = format!("{path}.{}", identifier(&field.name, self.dialect));
            let reach = Reach {
                from: below.from.clone(),
                expression,
                is_row: false,
            };
            self.write(field, &path, &reach);
        }
    }

    /// What the type's name does not tell.
    fn details(&mut self, column: &Column) {
        if let Some(labels) = enum_labels(column, self.dialect, LABELS) {
            let _ = write!(self.card, " [one of {labels}]");
        }
        if let Some(collate) = collate(column, self.dialect) {
            let _ = write!(self.card, " [{collate}]");
        }
        if let Some(mode) = &column.rounding_mode {
            let _ = write!(self.card, " [{}]", plain(mode));
        }
        if column.cut {
            let what = if column.enum_labels.is_empty() {
                "fields"
            } else {
                "labels"
            };
            let _ = write!(self.card, " [has {what} that are omitted]");
        }
        if !column.policy_tags.is_empty() {
            self.card.push_str(" [protected by a policy tag]");
        }
    }

    fn field(&self, of: &Reach, name: &str) -> String {
        let name = identifier(name, self.dialect);
        if self.dialect == Dialect::Postgres && !of.is_row {
            // `a.b` would be column `b` of a table `a`.
            format!("({}).{name}", of.expression)
        } else {
            format!("{}.{name}", of.expression)
        }
    }

    /// The initial of the name's last word, with a number from the second on: `p`, `p2`.
    fn alias(&mut self, name: &str) -> String {
        let word = name
            .rsplit('_')
            .find(|word| !word.is_empty())
            .unwrap_or(name);
        let initial = word
            .chars()
            .find(char::is_ascii_alphabetic)
            .map_or('u', |letter| letter.to_ascii_lowercase());
        let number = self.numbers.entry(initial).or_default();
        loop {
            *number += 1;
            let alias = match *number {
                1 => initial.to_string(),
                number => format!("{initial}{number}"),
            };
            if self.aliases.insert(alias.clone()) {
                return alias;
            }
        }
    }
}

/// The number of fields nested in a column.
fn below(column: &Column) -> usize {
    column.fields.iter().map(|field| 1 + below(field)).sum()
}
