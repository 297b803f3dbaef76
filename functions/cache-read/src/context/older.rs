//! The columns that only older shards of a family have. A wildcard can't read them, but a query of one of
//! these shards can.

use schema::document::Table;
use schema::family::{self, OlderColumn};
use schema::render::plain;

/// One line per last shard: `only in shards to 20201130: user STRING, device.os STRING`.
pub fn lines(table: &Table) -> Vec<String> {
    let older = family::older_columns(table);
    let shards = older.chunk_by(|a, b| a.last == b.last);
    shards
        .map(|columns| {
            let typed = |column: &OlderColumn<'_>| {
                format!("{} {}", plain(column.path), plain(column.data_type))
            };
            let typed: Vec<String> = columns.iter().map(typed).collect();
            let last = plain(columns[0].last);
            format!("only in shards to {last}: {}", typed.join(", "))
        })
        .collect()
}

/// How many there are.
pub fn count(table: &Table) -> usize {
    family::older_columns(table).len()
}
