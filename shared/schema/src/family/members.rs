//! Which tables of a name belong together: those that share columns.

use std::collections::{BTreeMap, HashMap};

use super::Family;
use crate::document::Column;

/// The family without the members that share no column with the others, and these members as
/// standalone tables.
///
/// Two members belong together if both have a column of the same name, or if others connect them:
/// the columns of a long family may change until the newest shard has none of the oldest's. If this
/// gives several groups, the family is the group of the newest shard, because a wildcard has the
/// columns of the newest table, and otherwise the largest group. A group has at least two members.
///
/// `columns` returns the columns of the member with a suffix; none if they are unknown, which keeps
/// the member in the family.
pub fn with_common_columns<'c>(
    family: Family,
    columns: impl Fn(&str) -> Option<&'c [Column]>,
) -> Vec<Family> {
    let groups = groups(&family, columns);
    let mut sizes: BTreeMap<usize, usize> = BTreeMap::new();
    for group in groups.iter().flatten() {
        *sizes.entry(*group).or_default() += 1;
    }
    if sizes.len() < 2 {
        return vec![family];
    }
    // A group is named by its newest member.
    let shared: Vec<(usize, usize)> = sizes.into_iter().filter(|(_, size)| *size > 1).collect();
    let newest = groups.iter().rev().flatten().next().copied();
    let of_newest = shared.iter().find(|(group, _)| Some(*group) == newest);
    let largest = shared.iter().max_by_key(|(group, size)| (*size, *group));
    let chosen = of_newest.or(largest).map(|(group, _)| *group);
    let is_kept = |group: &Option<usize>| chosen.is_some() && (group.is_none() || *group == chosen);
    let mut kept = Vec::new();
    let mut families = Vec::new();
    for (suffix, group) in family.suffixes.iter().zip(&groups) {
        if is_kept(group) {
            kept.push(suffix.clone());
        } else {
            families.push(Family::alone(family.member(suffix)));
        }
    }
    if !kept.is_empty() {
        families.push(Family {
            name: family.name,
            suffixes: kept,
        });
    }
    families.sort_by(|a, b| a.name.cmp(&b.name));
    families
}

/// The group of each member, as the position of the group's newest member; none for a member whose
/// columns are unknown.
fn groups<'c>(
    family: &Family,
    columns: impl Fn(&str) -> Option<&'c [Column]>,
) -> Vec<Option<usize>> {
    let mut parents: Vec<usize> = (0..family.suffixes.len()).collect();
    let mut first_with: HashMap<String, usize> = HashMap::new();
    let mut is_known = vec![false; family.suffixes.len()];
    for (member, suffix) in family.suffixes.iter().enumerate() {
        for column in columns(suffix).into_iter().flatten() {
            is_known[member] = true;
            let first = *first_with
                .entry(column.name.to_lowercase())
                .or_insert(member);
            let (a, b) = (root(&mut parents, first), root(&mut parents, member));
            // The newer one is the root.
            parents[a.min(b)] = a.max(b);
        }
    }
    let members = 0..family.suffixes.len();
    members
        .map(|member| is_known[member].then(|| root(&mut parents, member)))
        .collect()
}

fn root(parents: &mut [usize], mut member: usize) -> usize {
    while parents[member] != member {
        parents[member] = parents[parents[member]];
        member = parents[member];
    }
    member
}
