//! Likely renames: which new path may be an old one under another name.

use std::collections::HashMap;

use super::change::{Change, ChangeKind};
use crate::name::names_of;

/// Removed and added paths with the same parent and type, by their position among the changes.
#[derive(Default)]
struct SameTypePaths {
    removed: Vec<usize>,
    added: Vec<usize>,
}

/// Sets `renamed_to` where one path of a table was removed, and exactly one with the same parent and
/// type was added.
pub(super) fn hint(changes: &mut [Change]) {
    let mut groups: HashMap<(Vec<String>, &str), SameTypePaths> = HashMap::new();
    for (position, change) in changes.iter().enumerate() {
        let data_type = match change.kind {
            ChangeKind::ColumnRemoved => change.from.as_deref(),
            ChangeKind::ColumnAdded => change.to.as_deref(),
            _ => continue,
        };
        let path = change.path.as_deref().unwrap_or_default();
        let mut parent = names_of(path);
        parent.pop();
        let paths = groups
            .entry((parent, data_type.unwrap_or_default()))
            .or_default();
        match change.kind {
            ChangeKind::ColumnRemoved => paths.removed.push(position),
            _ => paths.added.push(position),
        }
    }
    let hints: Vec<(usize, Option<String>)> = groups
        .into_values()
        .filter_map(|paths| match (&paths.removed[..], &paths.added[..]) {
            (&[removed], &[added]) => Some((removed, changes[added].path.clone())),
            _ => None,
        })
        .collect();
    for (removed, path) in hints {
        changes[removed].renamed_to = path;
    }
}
