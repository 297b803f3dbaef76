//! Which new path may be an old one under another name.

use std::collections::HashMap;

use super::change::{Change, ChangeKind};
use crate::name::names_of;

/// Paths of one parent and one type that went and came, by their places among the changes.
#[derive(Default)]
struct Alike {
    removed: Vec<usize>,
    added: Vec<usize>,
}

/// Of one table: hints at a rename where one path went, and one of the same type came beside it.
pub(super) fn hint(changes: &mut [Change]) {
    let mut groups: HashMap<(Vec<String>, &str), Alike> = HashMap::new();
    for (place, change) in changes.iter().enumerate() {
        let data_type = match change.kind {
            ChangeKind::ColumnRemoved => change.from.as_deref(),
            ChangeKind::ColumnAdded => change.to.as_deref(),
            _ => continue,
        };
        let path = change.path.as_deref().unwrap_or_default();
        let mut parent = names_of(path);
        parent.pop();
        let alike = groups
            .entry((parent, data_type.unwrap_or_default()))
            .or_default();
        match change.kind {
            ChangeKind::ColumnRemoved => alike.removed.push(place),
            _ => alike.added.push(place),
        }
    }
    let hints: Vec<(usize, Option<String>)> = groups
        .into_values()
        .filter_map(|alike| match (&alike.removed[..], &alike.added[..]) {
            (&[removed], &[added]) => Some((removed, changes[added].path.clone())),
            _ => None,
        })
        .collect();
    for (removed, path) in hints {
        changes[removed].renamed_to = path;
    }
}
