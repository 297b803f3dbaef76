//! Removes texts that name what the role may not read: comments, defaults, expressions, queries of views.

use std::collections::{BTreeMap, HashSet};

use schema::document::{Column, Problem, Table};
use schema::mentions::Mentions;

/// Clears the texts of tables, each with the names of its hidden columns. A name that something readable
/// has as well is not hidden. Returns a problem for each dataset with cleared comments.
pub(super) fn clear(
    tables: &mut [(Table, Vec<String>)],
    names: impl IntoIterator<Item = String>,
    role: &str,
) -> Vec<Problem> {
    let seen = seen(tables);
    let of_columns = tables.iter().flat_map(|(table, columns)| {
        let own = table.own_name();
        columns.iter().map(move |column| format!("{own}.{column}"))
    });
    let names = names.into_iter().map(|name| name.to_lowercase());
    let names: HashSet<String> = names.filter(|name| !seen.contains(name)).collect();
    let everywhere = Mentions::of(names.into_iter().chain(of_columns));
    let mut cleared: BTreeMap<String, usize> = BTreeMap::new();
    for (table, columns) in tables {
        let mut hiding = Hiding {
            names: [&everywhere, &Mentions::of(columns.iter().cloned())],
            comments: 0,
        };
        hiding.table(table);
        if hiding.comments > 0 {
            *cleared.entry(table.dataset().to_owned()).or_default() += hiding.comments;
        }
    }
    let problem = |(dataset, comments): (String, usize)| {
        let detail = format!(
            "comments on tables and columns are omitted ({comments}), because they mention a name that \
             {role} may not read: grant select on what they mention to {role}, or reword them"
        );
        Problem::of_dataset(dataset, detail)
    };
    cleared.into_iter().map(problem).collect()
}

/// The names of what can be read, in lower case.
fn seen(tables: &[(Table, Vec<String>)]) -> HashSet<String> {
    let mut seen = HashSet::new();
    for (table, _) in tables {
        seen.insert(table.own_name().to_lowercase());
        seen.insert(table.parts.dataset.to_lowercase());
        let mut left: Vec<&Column> = table.columns.iter().collect();
        while let Some(column) = left.pop() {
            seen.insert(column.name.to_lowercase());
            left.extend(&column.fields);
        }
    }
    seen
}

struct Hiding<'a> {
    /// The names hidden everywhere, and in this table.
    names: [&'a Mentions; 2],
    /// How many comments were cleared.
    comments: usize,
}

impl Hiding<'_> {
    fn table(&mut self, table: &mut Table) {
        if self.clear(&mut table.description) {
            table.description_source = None;
            self.comments += 1;
        }
        // An expression may call a function of a hidden schema.
        if table
            .partition_expression()
            .is_some_and(|key| self.is_in(key))
        {
            table.partitioning = None;
        }
        if let Some(definition) = &table.definition
            && self.is_in(&definition.sql)
        {
            table.definition = None;
        }
        self.columns(&mut table.columns);
    }

    fn columns(&mut self, columns: &mut [Column]) {
        for column in columns {
            if self.clear(&mut column.description) {
                column.description_source = None;
                self.comments += 1;
            }
            self.clear(&mut column.default);
            self.clear(&mut column.collation);
            self.columns(&mut column.fields);
        }
    }

    fn clear(&self, text: &mut Option<String>) -> bool {
        let is_hidden = text.as_deref().is_some_and(|text| self.is_in(text));
        if is_hidden {
            *text = None;
        }
        is_hidden
    }

    fn is_in(&self, text: &str) -> bool {
        self.names.iter().any(|names| names.are_in(text))
    }
}
