//! Examples without an LLM: questions with SQL that follow from names, types and keys alone.
//!
//! Each table gives a candidate a shape; those are chosen that add most to what the others
//! show: first other tables, then other shapes. Every one is grounded before it is given out, so
//! that a table with strange columns gives fewer of them rather than wrong ones.

mod candidate;
mod columns;
mod period;
mod shapes;

use std::collections::HashMap;

use ground::Schema;
use schema::Dialect;
use schema::document::{Example, Origin, Table};

use candidate::{Candidate, Shape};

/// At most `count` questions with SQL, the same ones for the same tables.
///
/// Tables with many rows come first, then by name. None of the examples is verified.
pub fn examples(tables: &[Table], dialect: Dialect, count: usize) -> Vec<Example> {
    let mut ranked: Vec<&Table> = tables.iter().collect();
    ranked.sort_by(|a, b| (b.rows, &a.name).cmp(&(a.rows, &b.name)));
    // Enough that each example can be of another table, though some tables give none.
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
