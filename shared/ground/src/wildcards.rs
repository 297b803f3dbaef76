//! Wildcards over shards of a family whose columns changed their types: BigQuery fails if one reads such a column of
//! shards on both sides of the change.

use std::rc::Rc;

use schema::document::Table;

/// What the wildcards of a query read, and how the query limits their suffixes.
#[derive(Debug, Default)]
pub(crate) struct Wildcards {
    /// How many wildcards are read so far.
    reads: usize,
    changes: Vec<Change>,
    /// Each with the wildcard that it limits.
    limits: Vec<(usize, Limit)>,
}

/// A column of a family with different types before and from a suffix on.
#[derive(Debug)]
struct Change {
    /// Which wildcard reads the column.
    read: usize,
    table: Rc<str>,
    path: String,
    from: String,
    to: String,
    /// The newest suffix before the change.
    last: String,
    /// The oldest suffix from the change on.
    first: String,
    /// What the wildcard has of the suffixes: `2024` of `events_2024*`.
    start: String,
}

/// A limit of the suffixes, with what the wildcard has of them.
#[derive(Debug)]
pub(crate) enum Limit {
    AtLeast(String),
    Above(String),
    AtMost(String),
    Below(String),
    Equal(String),
    /// Only the warehouse can compute it, or it may not apply to all rows.
    Unknown,
}

impl Wildcards {
    /// Notes that a wildcard reads a family, and numbers it. `start` is what follows the family's name before the star.
    pub fn read(&mut self, table: &Table, start: &str) -> usize {
        self.reads += 1;
        let name: Rc<str> = Rc::from(table.name.as_str());
        let versions = table.shards.as_ref().map_or(&[][..], |it| &it.versions);
        for (before, version) in versions.iter().zip(versions.iter().skip(1)) {
            for change in version.changes.iter().filter(|it| it.breaks_wildcard) {
                self.changes.push(Change {
                    read: self.reads,
                    table: Rc::clone(&name),
                    path: change.path.clone(),
                    from: change.from.clone().unwrap_or_default(),
                    to: change.to.clone().unwrap_or_default(),
                    last: before.last.clone(),
                    first: version.first.clone(),
                    start: start.to_owned(),
                });
            }
        }
        self.reads
    }

    /// Notes a limit of a wildcard, by its number.
    pub fn limit(&mut self, read: usize, limit: Limit) {
        self.limits.push((read, limit));
    }

    /// Whether the limits leave shards on both sides of a change, as far as they are known.
    fn spans(&self, change: &Change) -> bool {
        let pad = |filler: &str| {
            let missing = change.first.len().saturating_sub(change.start.len());
            format!("{}{}", change.start, filler.repeat(missing))
        };
        let mut is_before = pad("0") <= change.last;
        let mut is_after = pad("9") >= change.first;
        let mut equal = (false, false);
        for (_, limit) in self.limits.iter().filter(|(of, _)| *of == change.read) {
            match limit {
                Limit::Unknown => return false,
                Limit::AtLeast(text) => is_before &= *text <= change.last,
                Limit::Above(text) => is_before &= *text < change.last,
                Limit::AtMost(text) => is_after &= *text >= change.first,
                Limit::Below(text) => is_after &= *text > change.first,
                Limit::Equal(text) if *text < change.first => equal.0 = true,
                Limit::Equal(_) => equal.1 = true,
            }
        }
        is_before && is_after && equal.0 == equal.1
    }

    /// The columns that BigQuery fails to read, and why. `reads` tells whether a query reads a column of a table.
    pub fn unreadable(&self, reads: impl Fn(&str, &str) -> bool) -> Vec<(String, String)> {
        let spanned = self.changes.iter().filter(|change| self.spans(change));
        let unreadable = spanned.filter(|change| reads(&change.table, &change.path));
        let told = unreadable.map(|change| {
            let Change {
                table,
                path,
                from,
                to,
                first,
                ..
            } = change;
            let reason = format!(
                "{path} of {table} is {from} before {first} and {to} from then on, and BigQuery fails to read it \
                 through a wildcard over both: limit _TABLE_SUFFIX to one side"
            );
            (path.clone(), reason)
        });
        told.collect()
    }
}
