//! `CREATE TABLE` statements, which models know best.

use std::fmt::Write as _;

use super::notes::{
    CUT, CUT_DEFINITION, collate, enum_labels, heirs, inherited_by, kind, partition_key,
};
use super::quote::{identifier, literal, plain, sql_lines, table_name};
use super::shards::shard_notes;
use crate::dialect::Dialect;
use crate::document::{Column, Mode, Partitioning, Table, TableKind};

/// A struct longer than this is written with one field per line.
const WIDE: usize = 100;

/// The longest list of labels, in characters.
const LABELS: usize = 2_000;

/// Renders the statement that would create the table. Comments above it tell what DDL can't (shards,
/// drift, that it is a view). On Postgres, descriptions follow as `COMMENT ON`.
pub fn ddl(table: &Table, dialect: Dialect) -> String {
    let mut ddl = String::new();
    if kind(table) != "table" {
        let _ = writeln!(ddl, "-- {}", kind(table));
    }
    definition(table, dialect, &mut ddl);
    for note in shard_notes(table, dialect) {
        let _ = writeln!(ddl, "-- {note}");
    }
    if let Some(note) = inherited_by(table, dialect) {
        let _ = writeln!(ddl, "-- {note}");
    }
    let name = table_name(&table.parts, dialect);
    if table.cut {
        let _ = writeln!(ddl, "-- {CUT}");
    }
    let _ = write!(ddl, "CREATE TABLE {name} (");
    let mut lines: Vec<(String, Option<String>)> = table
        .columns
        .iter()
        .map(|column| (column_line(column, dialect), type_note(column, dialect)))
        .collect();
    lines.extend(keys(table, dialect).into_iter().map(|key| (key, None)));
    let last = lines.len().saturating_sub(1);
    for (position, (line, note)) in lines.into_iter().enumerate() {
        let comma = if position == last { "" } else { "," };
        let _ = write!(ddl, "\n  {line}{comma}");
        if let Some(note) = note {
            let _ = write!(ddl, " -- {note}");
        }
    }
    ddl.push_str("\n)");
    match dialect {
        Dialect::Bigquery => bigquery_tail(table, &mut ddl),
        Dialect::Postgres => postgres_tail(table, &name, &mut ddl),
    }
    ddl
}

/// The statement that defines a view, as comments: it can't tell the types of the columns.
fn definition(table: &Table, dialect: Dialect, ddl: &mut String) {
    let Some(definition) = &table.definition else {
        return;
    };
    let materialized = match table.kind {
        TableKind::MaterializedView => "MATERIALIZED ",
        _ => "",
    };
    let name = table_name(&table.parts, dialect);
    let _ = writeln!(ddl, "-- CREATE {materialized}VIEW {name} AS");
    for line in sql_lines(&definition.sql) {
        let _ = writeln!(ddl, "-- {line}");
    }
    if definition.cut {
        let _ = writeln!(ddl, "-- {CUT_DEFINITION}");
    }
}

fn column_line(column: &Column, dialect: Dialect) -> String {
    let mut line = format!("{} ", identifier(&column.name, dialect));
    match dialect {
        Dialect::Bigquery => {
            bigquery_type(column, 1, &mut line);
            bigquery_suffix(column, &mut line);
        }
        Dialect::Postgres => {
            line.push_str(&plain(&column.data_type));
            if column.mode == Mode::Repeated {
                line.push_str("[]");
            }
            if let Some(collate) = collate(column, dialect) {
                let _ = write!(line, " {collate}");
            }
            default(column, &mut line);
            if column.mode == Mode::Required {
                line.push_str(" NOT NULL");
            }
        }
    }
    line
}

fn default(column: &Column, text: &mut String) {
    if let Some(default) = &column.default {
        let _ = write!(text, " DEFAULT {}", plain(default));
    }
}

/// `ARRAY<STRUCT<key STRING, value STRUCT<..>>>`, in lines if it is wide or has descriptions.
fn bigquery_type(column: &Column, depth: usize, text: &mut String) {
    let repeated = column.mode == Mode::Repeated;
    if repeated {
        text.push_str("ARRAY<");
    }
    if column.fields.is_empty() {
        text.push_str(&plain(&column.data_type));
        if let Some(collate) = collate(column, Dialect::Bigquery) {
            let _ = write!(text, " {collate}");
        }
    } else {
        let fields: Vec<String> = column
            .fields
            .iter()
            .map(|field| {
                let mut line = format!("{} ", identifier(&field.name, Dialect::Bigquery));
                bigquery_type(field, depth + 1, &mut line);
                bigquery_suffix(field, &mut line);
                line
            })
            .collect();
        let wide = fields.iter().map(|field| field.len() + 2).sum::<usize>() > WIDE
            || fields.iter().any(|field| field.contains('\n'));
        text.push_str("STRUCT<");
        if wide {
            let indent = "  ".repeat(depth + 1);
            let _ = write!(text, "\n{indent}{}", fields.join(&format!(",\n{indent}")));
            let _ = write!(text, "\n{}", "  ".repeat(depth));
        } else {
            text.push_str(&fields.join(", "));
        }
        text.push('>');
    }
    if repeated {
        text.push('>');
    }
}

fn bigquery_suffix(column: &Column, text: &mut String) {
    default(column, text);
    if column.mode == Mode::Required {
        text.push_str(" NOT NULL");
    }
    let option = |name, value: &Option<String>| {
        let value = value.as_ref()?;
        Some(format!("{name}={}", literal(value, Dialect::Bigquery)))
    };
    let options = [
        option("description", &column.description),
        option("rounding_mode", &column.rounding_mode),
    ];
    let options: Vec<String> = options.into_iter().flatten().collect();
    if !options.is_empty() {
        let _ = write!(text, " OPTIONS({})", options.join(", "));
    }
}

/// The labels of an enum type and the fields of a composite type, which Postgres DDL can only name.
fn type_note(column: &Column, dialect: Dialect) -> Option<String> {
    if let Some(labels) = enum_labels(column, dialect, LABELS) {
        return Some(format!("one of {labels}"));
    }
    if dialect == Dialect::Bigquery || column.fields.is_empty() {
        return None;
    }
    let fields: Vec<String> = column
        .fields
        .iter()
        .map(|field| {
            let array = if field.mode == Mode::Repeated {
                "[]"
            } else {
                ""
            };
            let name = identifier(&field.name, dialect);
            let labels = enum_labels(field, dialect, LABELS);
            let labels = labels.map_or_else(String::new, |labels| format!(" (one of {labels})"));
            format!("{name} {}{array}{labels}", plain(&field.data_type))
        })
        .collect();
    Some(format!("fields: {}", fields.join(", ")))
}

fn keys(table: &Table, dialect: Dialect) -> Vec<String> {
    let list = |names: &[String]| {
        let names: Vec<String> = names.iter().map(|name| identifier(name, dialect)).collect();
        names.join(", ")
    };
    let enforced = match dialect {
        Dialect::Bigquery => " NOT ENFORCED",
        Dialect::Postgres => "",
    };
    let primary = (!table.primary_key.is_empty())
        .then(|| format!("PRIMARY KEY ({}){enforced}", list(&table.primary_key)));
    let foreign = table.foreign_keys.iter().map(|key| {
        format!(
            "FOREIGN KEY ({}) REFERENCES {} ({}){enforced}",
            list(&key.columns),
            table_name(&key.references_parts, dialect),
            list(&key.referenced_columns),
        )
    });
    primary.into_iter().chain(foreign).collect()
}

fn bigquery_tail(table: &Table, ddl: &mut String) {
    if let Some(partitioning) = &table.partitioning {
        let _ = match bigquery_partition(table, partitioning) {
            Some(expression) => write!(ddl, "\nPARTITION BY {expression}"),
            // The bounds of the ranges are unknown here.
            None => write!(
                ddl,
                "\n-- partitioned by {} of {}",
                plain(&partitioning.unit),
                plain(&partitioning.column)
            ),
        };
    }
    if !table.clustering.is_empty() {
        let names: Vec<String> = table
            .clustering
            .iter()
            .map(|name| identifier(name, Dialect::Bigquery))
            .collect();
        let _ = write!(ddl, "\nCLUSTER BY {}", names.join(", "));
    }
    let mut options = Vec::new();
    if let Some(description) = &table.description {
        options.push(format!(
            "description={}",
            literal(description, Dialect::Bigquery)
        ));
    }
    if table.require_partition_filter {
        options.push(match table.kind {
            TableKind::External => "require_hive_partition_filter=TRUE".to_owned(),
            _ => "require_partition_filter=TRUE".to_owned(),
        });
    }
    if !options.is_empty() {
        let _ = write!(ddl, "\nOPTIONS({})", options.join(", "));
    }
    // The statement may end in a comment.
    ddl.push_str(
        if ddl
            .rsplit('\n')
            .next()
            .is_some_and(|line| line.starts_with("--"))
        {
            "\n;\n"
        } else {
            ";\n"
        },
    );
}

fn bigquery_partition(table: &Table, partitioning: &Partitioning) -> Option<String> {
    let unit = ["HOUR", "DAY", "MONTH", "YEAR"]
        .into_iter()
        .find(|unit| *unit == partitioning.unit)?;
    let data_type = table
        .column_named(&partitioning.column)
        .map_or("TIMESTAMP", |column| column.data_type.as_str());
    let column = partition_key(table, &partitioning.column, Dialect::Bigquery);
    Some(match (data_type, unit) {
        ("DATE", "DAY") => column,
        ("DATE", _) => format!("DATE_TRUNC({column}, {unit})"),
        ("DATETIME", _) => format!("DATETIME_TRUNC({column}, {unit})"),
        _ => format!("TIMESTAMP_TRUNC({column}, {unit})"),
    })
}

fn postgres_tail(table: &Table, name: &str, ddl: &mut String) {
    if !table.inherits.is_empty() {
        let _ = write!(
            ddl,
            " INHERITS ({})",
            heirs(&table.inherits, Dialect::Postgres)
        );
    }
    if let Some(Partitioning { column, unit }) = &table.partitioning {
        let _ = write!(
            ddl,
            " PARTITION BY {} ({})",
            plain(unit),
            partition_key(table, column, Dialect::Postgres)
        );
    }
    ddl.push_str(";\n");
    if let Some(description) = &table.description {
        let text = literal(description, Dialect::Postgres);
        let _ = writeln!(ddl, "COMMENT ON TABLE {name} IS {text};");
    }
    for column in &table.columns {
        if let Some(description) = &column.description {
            let text = literal(description, Dialect::Postgres);
            let path = identifier(&column.name, Dialect::Postgres);
            let _ = writeln!(ddl, "COMMENT ON COLUMN {name}.{path} IS {text};");
        }
    }
}
