//! The result of enrichment: descriptions and candidates for examples.

use std::collections::BTreeMap;

use schema::document::{DescriptionSource, Dropped, Example, Problem, Table};

use super::paths;

/// The result of enrichment. The tables are unchanged until [`Outcome::apply`].
#[derive(Debug, Default)]
#[must_use]
pub struct Outcome {
    pub descriptions: Vec<Description>,
    /// Candidates in the model's order, at most twice as many as requested: neither grounded nor
    /// planned, and with empty `tables`.
    pub examples: Vec<Example>,
    /// Texts of the model that were not kept.
    pub dropped: Vec<Dropped>,
    /// Failed calls, and what is left for the next run.
    pub problems: Vec<Problem>,
    pub calls: u64,
    pub input_tokens: u64,
    pub output_tokens: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// The position of the table.
    pub table: usize,
    /// The path of a column; none for the table itself.
    pub path: Option<String>,
    pub text: String,
}

impl Outcome {
    /// Adds the descriptions to the tables. Existing descriptions are kept.
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
