//! Parses tables from an indented outline with one line per column.

use schema::Dialect;
use schema::document::{Column, Mode, Partitioning, Shards, Table, TableKind};
use schema::name::TableName;

pub fn parse(text: &str) -> Vec<Table> {
    text.split("\n\n").map(table).collect()
}

/// `name kind [shards first last] [partition column unit [required]]`, then columns.
fn table(text: &str) -> Table {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let heading = lines.next().expect("a table has a heading");
    let (name, rest) = word_and_rest(heading);
    let name = TableName::of_unquoted(name, Dialect::Bigquery).expect("three parts");
    let mut words = rest.split(' ');
    let mut word = || words.next().unwrap_or_default();
    let kind = match word() {
        "view" => TableKind::View,
        "external" => TableKind::External,
        _ => TableKind::Table,
    };
    let (mut shards, mut partitioning, mut require_partition_filter) = (None, None, false);
    match word() {
        "shards" => {
            shards = Some(Shards {
                count: 92,
                first: word().to_owned(),
                last: word().to_owned(),
                ..Shards::default()
            });
        }
        "partition" => {
            partitioning = Some(Partitioning {
                column: word().to_owned(),
                unit: word().to_owned(),
            });
            require_partition_filter = word() == "required";
        }
        _ => {}
    }
    let lines: Vec<&str> = lines.collect();
    Table {
        partitioning,
        require_partition_filter,
        shards,
        columns: columns(&lines, 2),
        ..Table::new(name, kind)
    }
}

/// The first word, which may be in backticks, and what follows it.
fn word_and_rest(line: &str) -> (&str, &str) {
    let parts = match line.strip_prefix('`') {
        Some(quoted) => quoted.split_once("` "),
        None => line.split_once(' '),
    };
    parts.expect("a name and what it is")
}

fn columns(lines: &[&str], indent: usize) -> Vec<Column> {
    let depth = |line: &str| line.len() - line.trim_start().len();
    let mut columns = Vec::new();
    for (i, line) in lines.iter().enumerate() {
        if depth(line) < indent {
            break;
        }
        if depth(line) > indent {
            continue;
        }
        let (name, data_type) = word_and_rest(line.trim());
        let repeated = data_type.strip_suffix(" REPEATED");
        columns.push(Column {
            mode: match repeated {
                Some(_) => Mode::Repeated,
                None => Mode::Nullable,
            },
            fields: columns_below(&lines[i + 1..], indent),
            ..Column::leaf(name, repeated.unwrap_or(data_type))
        });
    }
    columns
}

fn columns_below(lines: &[&str], indent: usize) -> Vec<Column> {
    columns(lines, indent + 2)
}
