//! Examples that mention what those who see their tables may not see.

use std::collections::BTreeSet;

use platform::auth::Names;

use crate::document::{Document, Example};

use super::{Whole, reading, visible};

/// What a caller of these datasets would see of an example if it were one of the document.
pub fn example_within(example: &Example, document: &Document, datasets: &Names) -> Option<Example> {
    if *datasets == Names::All {
        return Some(example.clone());
    }
    let whole = Whole::of(document);
    let hidden = whole.hidden(datasets);
    let (read, reading) = reading(&whole.table_of, example)?;
    let is_in_scope = !read.is_empty() && read.iter().all(|dataset| datasets.contain(dataset));
    if !is_in_scope {
        return None;
    }
    visible(std::iter::once(&reading), &hidden).pop()
}

/// The examples that a caller of exactly the datasets that they read doesn't see, by the id of their content.
pub fn unseen_examples(document: &Document) -> BTreeSet<String> {
    let whole = Whole::of(document);
    let mut unseen = BTreeSet::new();
    for set in whole.examples.sets() {
        let datasets = Names::only(set.iter().copied());
        let hidden = whole.hidden(&datasets);
        let seen = visible(whole.examples.exactly(set), &hidden);
        let seen: BTreeSet<String> = seen.iter().map(Example::content_id).collect();
        let all = whole.examples.exactly(set);
        unseen.extend(
            all.map(|it| it.example.content_id())
                .filter(|id| !seen.contains(id)),
        );
    }
    unseen
}
