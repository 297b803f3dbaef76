//! What a family's wildcard matches besides its shards, and how to read all shards in spite of it.
//!
//! BigQuery refuses a wildcard that matches a view or a table outside of its own storage, whatever the
//! query filters. A wildcard that matches other tables is accepted, but it has the columns of the
//! newest of all of them, and it is refused if they are partitioned differently.

use std::borrow::Cow;

use super::base;
use crate::document::{Shards, Table, TableKind};

/// Whether a query can read such a table by a wildcard. If not, the table blocks each wildcard that
/// matches its name.
pub fn is_read_by_wildcard(kind: TableKind) -> bool {
    match kind {
        TableKind::Table | TableKind::Snapshot => true,
        TableKind::View | TableKind::MaterializedView | TableKind::External => false,
    }
}

/// Sets what else the wildcard of the family `name` matches, of `all` tables of its dataset with
/// their kinds.
pub fn set_neighbors<'a>(
    name: &str,
    shards: &mut Shards,
    all: impl IntoIterator<Item = (&'a str, TableKind)>,
) {
    let others = all.into_iter().filter(|(other, _)| *other != name);
    let matched: Vec<(&str, TableKind)> = others
        .filter(|(other, _)| is_matched(other, base(name)))
        .collect();
    let of = |is_read: bool| {
        let of = matched
            .iter()
            .filter(|(_, kind)| is_read_by_wildcard(*kind) == is_read);
        let mut names: Vec<String> = of.map(|(other, _)| (*other).to_owned()).collect();
        names.sort_unstable();
        names.dedup();
        names
    };
    shards.siblings = of(true);
    shards.blocked_by = of(false);
    shards.wildcard = narrower(name, shards, &matched);
}

/// The shortest wildcard that matches the shards and none of the others; none if the family's own is
/// such a wildcard, or if there is none.
fn narrower(name: &str, shards: &Shards, others: &[(&str, TableKind)]) -> Option<String> {
    if others.is_empty() {
        return None;
    }
    let common = shards.first.bytes().zip(shards.last.bytes());
    let common = common.take_while(|(a, b)| a == b).count();
    let lengths = 1..=common.min(shards.last.len().saturating_sub(1));
    let mut starts = lengths.filter_map(|length| shards.last.get(..length));
    starts.find_map(|start| {
        let prefix = format!("{}{start}", base(name));
        let is_free = !others.iter().any(|(other, _)| is_matched(other, &prefix));
        is_free.then(|| format!("{prefix}*"))
    })
}

/// Whether a wildcard with this prefix matches a table, or a shard of a family.
fn is_matched(name: &str, prefix: &str) -> bool {
    name.starts_with(prefix)
        || name.strip_suffix('*').is_some_and(|base| {
            let rest = prefix.strip_prefix(base);
            rest.is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
        })
}

/// A wildcard that reads all shards of a family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wildcard<'a> {
    /// `events_*`, without the dataset.
    pub name: Cow<'a, str>,
    /// The values of `_TABLE_SUFFIX` of the oldest and of the newest shard.
    pub first: &'a str,
    pub last: &'a str,
}

impl Wildcard<'_> {
    /// Whether it is the family's own name.
    pub fn is_own(&self) -> bool {
        matches!(self.name, Cow::Borrowed(_))
    }
}

/// The wildcard to read a family by: its own name, or a narrower one if a query can't rely on that.
/// None for a standalone table, and if views or external tables block every wildcard over all shards.
pub fn wildcard(table: &Table) -> Option<Wildcard<'_>> {
    let shards = table.shards.as_ref()?;
    let own = Wildcard {
        name: Cow::Borrowed(table.own_name()),
        first: &shards.first,
        last: &shards.last,
    };
    let is_blocked = !shards.blocked_by.is_empty();
    // Without a prefix, the other tables are all kinds of tables.
    let is_mixed = base(table.own_name()).is_empty() && !shards.siblings.is_empty();
    if !is_blocked && !is_mixed {
        return Some(own);
    }
    let narrow = shards.wildcard.as_deref().and_then(|wildcard| {
        let start = base(wildcard).strip_prefix(base(table.own_name()))?;
        Some(Wildcard {
            name: Cow::Owned(wildcard.to_owned()),
            first: shards.first.strip_prefix(start)?,
            last: shards.last.strip_prefix(start)?,
        })
    });
    narrow.or((!is_blocked).then_some(own))
}
