//! Examples without an LLM: questions with SQL that are generated from names, types and keys.
//!
//! Each table yields one candidate per shape. The chosen candidates add most to what the others show:
//! first other tables, then other shapes. Each is grounded before it is returned, so that a table with
//! unusual columns yields fewer examples rather than wrong ones.

mod candidate;
mod columns;
mod period;
mod shapes;

use std::collections::HashMap;

use ground::Schema;
use schema::Dialect;
use schema::document::{Example, Origin, Table};

use candidate::{Candidate, Shape};

pub(crate) use period::required_filter;

/// At most `count` questions with SQL, deterministic for the given tables.
///
/// Tables with many rows come first, then the order of names. The examples are not verified.
pub fn examples(tables: &[Table], dialect: Dialect, count: usize) -> Vec<Example> {
    let mut ranked: Vec<&Table> = tables.iter().collect();
    ranked.sort_by(|a, b| (b.rows, &a.name).cmp(&(a.rows, &b.name)));
    // Enough for each example to be of another table, although some tables yield none.
    ranked.truncate(count.saturating_mul(4).saturating_add(20));
    let mut candidates: Vec<Candidate> = ranked
        .iter()
        .enumerate()
        .flat_map(|(index, table)| shapes::candidates(index, table, &ranked, dialect))
        .collect();

    let schema = Schema::new(tables, dialect);
    let mut chosen = Vec::new();
    let mut by_table: HashMap<usize, usize> = HashMap::new();
    let mut by_shape: HashMap<Shape, usize> = HashMap::new();
    while chosen.len() < count {
        let next = (0..candidates.len()).min_by_key(|index| {
            let candidate = &candidates[*index];
            let of_table = |table| by_table.get(table).copied().unwrap_or_default();
            (
                candidate.tables.iter().map(of_table).sum::<usize>(),
                by_shape.get(&candidate.shape).copied().unwrap_or_default(),
                *index,
            )
        });
        let Some(next) = next else { break };
        let candidate = candidates.remove(next);
        let Ok(grounded) = ground::sql(&candidate.sql, &schema) else {
            continue;
        };
        for table in &candidate.tables {
            *by_table.entry(*table).or_default() += 1;
        }
        *by_shape.entry(candidate.shape).or_default() += 1;
        chosen.push(Example {
            id: None,
            question: candidate.question,
            sql: candidate.sql,
            tables: grounded.tables,
            origin: Origin::Rule,
            verified: None,
            error: None,
        });
    }
    chosen
}
