//! What is asked in one call: tables with descriptions missing, packed to a size that a model answers
//! well and in time. The tables are of one dataset, so that nothing that is written about one tells
//! its readers of another.

use schema::document::Table;

use super::memory::{Memory, column_shape, table_shape};
use super::{Settings, paths, prompt};

/// A table, or a part of a wide one.
pub struct Piece {
    /// Its place in the schema.
    pub table: usize,
    pub describe_table: bool,
    /// The columns to describe, with how they are now.
    pub columns: Vec<Asked>,
}

pub struct Asked {
    pub path: String,
    pub shape: String,
}

/// The text of a batch, in tokens. A model is asked for some twenty words a column, so what limits a
/// batch in practice is the number of columns.
const MAX_TOKENS: u64 = 12_000;
/// Of one table.
const MAX_TOKENS_OF_PATHS: u64 = 6_000;

/// Everything without a description that was not asked for before, in the order of the schema. A
/// table goes into one batch if it fits, and its dataset is that of the batch; a wider one is split.
pub fn plan(tables: &[Table], memory: &Memory, settings: &Settings) -> Vec<Vec<Piece>> {
    let mut batches: Vec<Vec<Piece>> = Vec::new();
    let mut columns = usize::MAX;
    let mut tokens = u64::MAX;
    let mut dataset = "";
    for (index, table) in tables.iter().enumerate() {
        for piece in pieces(index, table, memory, settings.batch_columns) {
            let weight = piece.columns.len().max(1);
            let length = prompt::tokens(&prompt::table(table, Some(&piece)));
            let fits = table.dataset() == dataset
                && columns.saturating_add(weight) <= settings.batch_columns
                && tokens.saturating_add(length) <= MAX_TOKENS;
            match batches.last_mut() {
                Some(batch) if fits => {
                    batch.push(piece);
                    columns += weight;
                    tokens += length;
                }
                _ => {
                    batches.push(vec![piece]);
                    columns = weight;
                    tokens = length;
                    dataset = table.dataset();
                }
            }
        }
    }
    batches
}

fn pieces(index: usize, table: &Table, memory: &Memory, batch_columns: usize) -> Vec<Piece> {
    let is_new = |path: &str, shape: &str| !memory.is_unanswered(&table.name, path, shape);
    let mut pieces = Vec::new();
    let mut piece = Piece {
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
        if piece.columns.len() == batch_columns
            || (!piece.columns.is_empty() && tokens + length > MAX_TOKENS_OF_PATHS)
        {
            let next = Piece {
                table: index,
                describe_table: false,
                columns: Vec::new(),
            };
            pieces.push(std::mem::replace(&mut piece, next));
            tokens = 0;
        }
        tokens += length;
        piece.columns.push(Asked {
            path: path.to_owned(),
            shape,
        });
    });
    if piece.describe_table || !piece.columns.is_empty() {
        pieces.push(piece);
    }
    pieces
}
