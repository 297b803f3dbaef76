//! Batches: tables with missing descriptions, packed into calls that a model answers well and in time.
//! The tables of a batch are in one dataset, so that a description never reveals another dataset.

use schema::document::Table;

use super::memory::{Memory, column_shape, table_shape};
use super::part::{ColumnQuestion, TablePart};
use super::settings::Settings;
use super::{paths, prompt};

/// The prompt of a batch, in tokens. In practice the number of columns limits a batch.
const MAX_TOKENS: u64 = 12_000;
/// The paths of one table, in tokens.
const MAX_TOKENS_OF_PATHS: u64 = 6_000;

/// Batches of everything without a description that was not asked about before, in the order of the
/// schema. A table goes into a single batch if it fits; a wider table is split.
pub fn plan(tables: &[Table], memory: &Memory, settings: &Settings) -> Vec<Vec<TablePart>> {
    let mut batches: Vec<Vec<TablePart>> = Vec::new();
    let mut columns = usize::MAX;
    let mut tokens = u64::MAX;
    let mut dataset = "";
    for (index, table) in tables.iter().enumerate() {
        for part in parts(index, table, memory, settings.batch_columns) {
            let weight = part.columns.len().max(1);
            let length = prompt::tokens(&prompt::table(table, Some(&part)));
            let fits = table.dataset() == dataset
                && columns.saturating_add(weight) <= settings.batch_columns
                && tokens.saturating_add(length) <= MAX_TOKENS;
            match batches.last_mut() {
                Some(batch) if fits => {
                    batch.push(part);
                    columns += weight;
                    tokens += length;
                }
                _ => {
                    batches.push(vec![part]);
                    columns = weight;
                    tokens = length;
                    dataset = table.dataset();
                }
            }
        }
    }
    batches
}

fn parts(index: usize, table: &Table, memory: &Memory, batch_columns: usize) -> Vec<TablePart> {
    let is_new = |path: &str, shape: &str| !memory.is_unanswered(&table.name, path, shape);
    let mut parts = Vec::new();
    let mut part = TablePart {
        table: index,
        describe_table: table.description.is_none() && is_new("", &table_shape(table)),
        columns: Vec::new(),
    };
    let mut tokens = 0;
    paths::walk(&table.columns, &mut |path, column| {
        if column.description.is_some() {
            return;
        }
        let shape = column_shape(column);
        if !is_new(path, &shape) {
            return;
        }
        let length = prompt::tokens(path) + prompt::tokens(&shape);
        if part.columns.len() == batch_columns
            || (!part.columns.is_empty() && tokens + length > MAX_TOKENS_OF_PATHS)
        {
            let next = TablePart {
                table: index,
                describe_table: false,
                columns: Vec::new(),
            };
            parts.push(std::mem::replace(&mut part, next));
            tokens = 0;
        }
        tokens += length;
        part.columns.push(ColumnQuestion {
            path: path.to_owned(),
            shape,
        });
    });
    if part.describe_table || !part.columns.is_empty() {
        parts.push(part);
    }
    parts
}
