//! The lists in `functions/`: the functions that a query may call, and the types and operators of the dialects.

use std::collections::HashSet;
use std::sync::LazyLock;

use schema::Dialect;

static BIGQUERY: LazyLock<HashSet<&str>> =
    LazyLock::new(|| words(include_str!("functions/bigquery.txt")));
static POSTGRES: LazyLock<HashSet<&str>> =
    LazyLock::new(|| words(include_str!("functions/postgres.txt")));
static BIGQUERY_AGGREGATES: LazyLock<HashSet<&str>> =
    LazyLock::new(|| aggregates(include_str!("functions/bigquery.txt")));
static POSTGRES_AGGREGATES: LazyLock<HashSet<&str>> =
    LazyLock::new(|| aggregates(include_str!("functions/postgres.txt")));
static BIGQUERY_TYPES: LazyLock<HashSet<&str>> =
    LazyLock::new(|| words("bignumeric bigdecimal geography json string bytes int64 float64 bool"));
static POSTGRES_TYPES: LazyLock<HashSet<&str>> =
    LazyLock::new(|| words(include_str!("functions/types.txt")));
static POSTGRES_OPERATORS: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    let lines = include_str!("functions/operators.txt").lines();
    lines.skip(1).flat_map(str::split_whitespace).collect()
});

/// Whether Postgres itself has an operator.
pub(crate) fn is_operator(symbol: &str) -> bool {
    POSTGRES_OPERATORS.contains(symbol)
}

/// Lines that start with `#` are headings.
pub(crate) fn words(text: &'static str) -> HashSet<&'static str> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .flat_map(str::split_whitespace)
        .collect()
}

/// Whether a word names a function that a query may call.
pub(crate) fn is_function(name: &str, dialect: Dialect) -> bool {
    match dialect {
        Dialect::Bigquery => BIGQUERY.contains(name.to_ascii_uppercase().as_str()),
        Dialect::Postgres => POSTGRES.contains(name.to_ascii_lowercase().as_str()),
    }
}

/// Whether a function computes one value from all rows of a group.
pub(crate) fn is_aggregate(name: &str, dialect: Dialect) -> bool {
    match dialect {
        // Those that extract something from a sketch compute it from one row.
        Dialect::Bigquery => {
            let is_of_sketch = name.contains(".EXTRACT") || name.contains(".MERGE_POINT");
            BIGQUERY_AGGREGATES.contains(name) && !is_of_sketch
        }
        Dialect::Postgres => POSTGRES_AGGREGATES.contains(name),
    }
}

/// The words below the first heading, which are aggregates.
fn aggregates(text: &'static str) -> HashSet<&'static str> {
    let lines = text.lines().skip(1);
    lines
        .take_while(|line| !line.starts_with('#'))
        .flat_map(str::split_whitespace)
        .collect()
}

/// Whether a word names a type that the parser does not know.
pub(crate) fn is_type(name: &str, dialect: Dialect) -> bool {
    let name = name.to_ascii_lowercase();
    match dialect {
        Dialect::Bigquery => BIGQUERY_TYPES.contains(name.as_str()),
        Dialect::Postgres => POSTGRES_TYPES.contains(name.as_str()),
    }
}

/// The names of all functions that a query may call.
pub(crate) fn all_functions(dialect: Dialect) -> impl Iterator<Item = &'static str> {
    let known = match dialect {
        Dialect::Bigquery => &*BIGQUERY,
        Dialect::Postgres => &*POSTGRES,
    };
    known.iter().copied()
}
