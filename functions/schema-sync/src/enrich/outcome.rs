//! What enrichment gives: descriptions and candidates for examples.

use std::collections::BTreeMap;

use schema::document::{DescriptionSource, Dropped, Example, Problem, Table};

use super::paths;

/// What came of it: nothing in the tables is changed before [`Outcome::apply`].
#[derive(Debug, Default)]
#[must_use]
pub struct Outcome {
    pub descriptions: Vec<Description>,
    /// Candidates, in the model's order, at most twice as many as wanted: neither grounded nor
    /// planned, and their `tables` empty.
    pub examples: Vec<Example>,
    /// What was written and not kept.
    pub dropped: Vec<Dropped>,
    /// Calls that failed, and what waits for the next run.
    pub problems: Vec<Problem>,
    pub calls: u64,
    pub input_tokens: u64,
    pub output_tokens: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// Its place among the tables.
    pub table: usize,
    /// None: of the table itself.
    pub path: Option<String>,
    pub text: String,
}

impl Outcome {
    /// Writes the descriptions into the tables that they were asked for. The warehouse's own stay.
    pub fn apply(&self, tables: &mut [Table]) {
        let mut by_table: BTreeMap<usize, BTreeMap<&str, &str>> = BTreeMap::new();
        for Description { table, path, text } in &self.descriptions {
            let path = path.as_deref().unwrap_or_default();
            by_table.entry(*table).or_default().insert(path, text);
        }
        for (index, texts) in by_table {
            let table = &mut tables[index];
            let set = |description: &mut Option<String>,
                       source: &mut Option<DescriptionSource>,
                       path: &str| {
                if let Some(text) = texts.get(path).filter(|_| description.is_none()) {
                    *description = Some((*text).to_owned());
                    *source = Some(DescriptionSource::Llm);
                }
            };
            set(&mut table.description, &mut table.description_source, "");
            paths::walk_mut(&mut table.columns, &mut |path, column| {
                set(
                    &mut column.description,
                    &mut column.description_source,
                    path,
                );
            });
        }
    }
}
