//! What belongs to sets of datasets, grouped by set.

use std::collections::{BTreeMap, BTreeSet};

use platform::auth::Names;

/// Items, each of a set of datasets. Looking up a scope or a set doesn't visit the items of others.
pub(super) struct Grouped<'a, T> {
    items: Vec<T>,
    /// The positions by set. The sets with the same first dataset are consecutive.
    of_set: BTreeMap<BTreeSet<&'a str>, Vec<usize>>,
}

impl<'a, T> Grouped<'a, T> {
    /// Groups items by set. An item without datasets is left out.
    pub(super) fn of(all: impl Iterator<Item = (BTreeSet<&'a str>, T)>) -> Self {
        let mut items = Vec::new();
        let mut of_set: BTreeMap<BTreeSet<&str>, Vec<usize>> = BTreeMap::new();
        for (set, item) in all.filter(|(set, _)| !set.is_empty()) {
            of_set.entry(set).or_default().push(items.len());
            items.push(item);
        }
        Self { items, of_set }
    }

    pub(super) fn sets(&self) -> impl Iterator<Item = &BTreeSet<&'a str>> {
        self.of_set.keys()
    }

    /// The items of exactly this set, in their order.
    pub(super) fn exactly<'s>(&'s self, set: &BTreeSet<&'s str>) -> impl Iterator<Item = &'s T> {
        let positions = self.of_set.get(set).into_iter().flatten();
        positions.map(|position| &self.items[*position])
    }

    /// The items whose datasets are all in the scope, in their order.
    pub(super) fn within<'s>(&'s self, scope: &'s Names) -> Vec<&'s T> {
        let Names::Only(ids) = scope else {
            return self.items.iter().collect();
        };
        let of_set: &BTreeMap<BTreeSet<&'s str>, Vec<usize>> = &self.of_set;
        let mut found: Vec<usize> = Vec::new();
        for id in ids.iter().map(String::as_str) {
            let sets = of_set.range(BTreeSet::from([id])..);
            let sets = sets.take_while(|(set, _)| set.first() == Some(&id));
            let sets = sets.filter(|(set, _)| set.iter().all(|it| scope.contain(it)));
            found.extend(sets.flat_map(|(_, positions)| positions));
        }
        found.sort_unstable();
        found.into_iter().map(|at| &self.items[at]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_items_of_a_scope_and_of_a_set_are_found() {
        let items = [
            (&["b"][..], 0),
            (&["a", "b"], 1),
            (&["a"], 2),
            (&["a", "c"], 3),
            (&[], 4),
        ];
        let items = items.map(|(set, item)| (set.iter().copied().collect(), item));
        let grouped = Grouped::of(items.into_iter());
        for (scope, expected) in [
            (Names::only(["a", "b"]), &[0, 1, 2][..]),
            (Names::only(["b"]), &[0]),
            (Names::only(["c"]), &[]),
            (Names::All, &[0, 1, 2, 3]),
        ] {
            let found: Vec<i32> = grouped.within(&scope).into_iter().copied().collect();
            assert_eq!(found, expected, "{scope:?}");
        }
        let both = BTreeSet::from(["a", "c"]);
        assert_eq!(grouped.exactly(&both).collect::<Vec<_>>(), [&3]);
    }
}
