//! What the conditions of a query mention, and what they must mention.

use std::collections::BTreeSet;

/// What the conditions of a query mention.
#[derive(Debug, Default)]
pub(crate) struct Conditions {
    /// Whether the expression is part of a condition, and not of a subquery in it.
    pub is_here: bool,
    /// Whether it is anywhere in a condition.
    pub is_inside: bool,
    /// Whether it is in `having` or `qualify`.
    pub is_late: bool,
    /// The depth of the part of a condition that is resolved now: an operand of `and`, or of `or`.
    pub part: usize,
    /// Whether the part is in an operand of `or`.
    pub is_alternative: bool,
    /// What the condition that is resolved now mentions where it filters: tables and columns, these in lower case.
    pub mentioned: BTreeSet<(String, String)>,
    /// What the conditions before it mention where they filter.
    pub filtered: BTreeSet<(String, String)>,
    /// What is read outside of conditions.
    pub computed: BTreeSet<(String, String)>,
    /// The columns that `using` made one: a filter of one filters the others.
    pub merged: Vec<BTreeSet<(String, String)>>,
    /// The query that is resolved now, and the number of queries so far.
    pub query: usize,
    pub queries: usize,
    /// The queries that have conditions.
    pub in_queries: BTreeSet<usize>,
    /// The tables that require a filter.
    pub required: Vec<Required>,
}

/// A table that requires a filter.
#[derive(Debug)]
pub(crate) struct Required {
    pub table: String,
    /// The columns of which one must be filtered, and the one to suggest.
    pub columns: BTreeSet<(String, String)>,
    pub column: String,
    /// The query that reads the table.
    pub query: usize,
}

impl Conditions {
    /// Begins a query; the result is the one around it.
    pub fn begin_query(&mut self) -> usize {
        self.queries += 1;
        std::mem::replace(&mut self.query, self.queries)
    }
}
