#![doc = include_str!("../README.md")]

mod access;
mod casts;
mod condition;
mod dataset;
mod escapes;
mod expression;
mod extensions;
mod fault;
mod filters;
mod from;
mod function;
mod grammar;
mod grounded;
mod growth;
mod join;
mod lexical;
mod lists;
mod message;
mod names;
mod nearest;
mod objects;
mod operators;
mod order;
mod parse;
mod path;
mod pipe;
mod pivot;
mod projection;
mod prose;
mod query;
mod quoting;
mod resolver;
mod results;
mod rewrite;
mod scope;
mod shard;
mod spelling;
mod table;
mod table_function;
mod tables;
mod text;
mod types;
mod union;
mod units;
mod unread;
mod wildcards;

use std::time::Duration;

use parse::{Tree, on_large_stack, parse};
use resolver::Resolver;

pub use dataset::no_dataset;
pub use fault::{Fault, FaultKind, is_inconclusive, is_unchecked, reasons};
pub use grounded::Grounded;
pub use message::names_only_known;
pub use nearest::hint;
pub use parse::MAX_SQL_BYTES;
pub use tables::Schema;
pub use text::text;
pub use unread::{Unread, unread};

/// The time limit for parsing one query, which normally takes a few milliseconds.
const PARSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Resolves every identifier of one query against the schema.
///
/// Faults are listed in the order of the text, unless one hides another. Whether the types of several tables
/// match that one wildcard reads, the warehouse decides, except for the shards of one family.
pub fn sql(sql: &str, schema: &Schema) -> Result<Grounded, Vec<Fault>> {
    let options = schema.parse_options();
    let parsed = on_large_stack(|| parse(sql, options));
    resolve(parsed.and_then(|parsed| parsed), schema)
}

/// [`sql()`] for async callers: a blocking thread parses the query, within a time limit, because the
/// parser gives no guarantee that it ends.
pub async fn sql_in_time(sql: &str, schema: &Schema<'_>) -> Result<Grounded, Vec<Fault>> {
    let (sql, options) = (sql.to_owned(), schema.parse_options());
    let parsing = tokio::task::spawn_blocking(move || on_large_stack(|| parse(&sql, options)));
    let parsed = match tokio::time::timeout(PARSE_TIMEOUT, parsing).await {
        Ok(Ok(parsed)) => parsed.and_then(|parsed| parsed),
        Ok(Err(_)) => Err(parse::unchecked("parsing a query panicked")),
        Err(_) => {
            tracing::error!("parsing a query exceeds the time limit and is abandoned");
            let reason = "parsing takes too long: simplify the query";
            Err(Fault::new(FaultKind::TimedOut, "", reason))
        }
    };
    resolve(parsed, schema)
}

fn resolve(parsed: Result<Tree, Fault>, schema: &Schema) -> Result<Grounded, Vec<Fault>> {
    let tree = parsed.map_err(|fault| vec![fault])?;
    let resolved = on_large_stack(|| {
        let mut resolver = Resolver::new(schema);
        if let Some(query) = tree.query() {
            for fault in quoting::check(query, schema.dialect()) {
                resolver.push(fault);
            }
            // What is a literal or a reserved word is no name, so it has no further faults.
            if !resolver.has_faults() {
                resolver.query(query, None);
            }
        }
        resolver.finish()
    });
    resolved.unwrap_or_else(|fault| Err(vec![fault]))
}
