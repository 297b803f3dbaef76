//! What the conditions of a query mention, and what they must mention.

use std::collections::BTreeSet;

/// What the conditions of a query mention.
#[derive(Debug, Default)]
pub(crate) struct Conditions {
    /// Whether the expression is part of a condition, and not of a subquery in it.
    pub is_here: bool,
    /// Whether it is anywhere in a condition.
    pub is_inside: bool,
    pub count: usize,
    pub mentioned: BTreeSet<String>,
    /// Tables that require a filter, and the columns of which one must be filtered.
    pub required: Vec<(String, Vec<String>)>,
}

impl Conditions {
    /// Notes a column or the name that was written for it.
    pub fn mention(&mut self, name: &str) {
        if self.is_inside {
            self.mentioned.insert(name.to_lowercase());
        }
    }
}
