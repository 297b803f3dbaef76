//! When each dataset last changed, so that who sees only some datasets learns nothing of the others from the
//! time of a sync.

use std::collections::BTreeSet;

use crate::document::{Document, Example, Ledger, Source, Table};
use crate::versions::content_hash;

impl Document {
    /// Sets the time at which each dataset last changed: that of this document, or if the dataset is the
    /// same in the document before, the time that this one has for it. Datasets that are gone stay listed.
    pub fn date_datasets(&mut self, before: Option<&Self>) {
        let mut changed_at =
            before.map_or_else(Default::default, |before| before.ledger.changed_at.clone());
        let known = before.map(names).unwrap_or_default();
        for dataset in names(self).union(&known) {
            let same = before.filter(|before| part(before, dataset) == part(self, dataset));
            if let Some(same) = same {
                // A document of an earlier release has no times of its datasets.
                changed_at
                    .entry(dataset.clone())
                    .or_insert(same.generated_at);
            } else {
                changed_at.insert(dataset.clone(), self.generated_at);
            }
        }
        self.ledger.changed_at = changed_at;
    }
}

fn names(document: &Document) -> BTreeSet<String> {
    let of_tables = document.tables.iter().map(Table::dataset);
    let of_source = document.source.datasets.iter().map(String::as_str);
    let names = of_source.chain(of_tables).filter(|name| !name.is_empty());
    names.map(str::to_owned).collect()
}

/// The hash of a dataset: of its tables, and of the examples that read no others. None if the document does not
/// have the dataset.
fn part(document: &Document, dataset: &str) -> Option<String> {
    let tables: Vec<Table> = document
        .tables
        .iter()
        .filter(|table| table.dataset() == dataset)
        .cloned()
        .collect();
    if tables.is_empty() && !document.source.datasets.iter().any(|name| name == dataset) {
        return None;
    }
    let reads_only = |example: &&Example| {
        let is_own = |name: &String| tables.iter().any(|table| table.name == *name);
        !example.tables.is_empty() && example.tables.iter().all(is_own)
    };
    let examples = document
        .examples
        .iter()
        .filter(reads_only)
        .cloned()
        .collect();
    let quarantined = document
        .quarantined
        .iter()
        .filter(reads_only)
        .cloned()
        .collect();
    Some(content_hash(&Document {
        format: document.format,
        version: String::new(),
        generated_at: document.generated_at,
        source: Source {
            datasets: vec![dataset.to_owned()],
            ..document.source.clone()
        },
        examples,
        quarantined,
        tables,
        ledger: Ledger::default(),
    }))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::Dialect;
    use crate::document::{Column, FORMAT, SourceKind, TableKind};

    fn document(at: i64, datasets: &[&str]) -> Document {
        let tables = datasets.iter().map(|dataset| {
            let mut table = Table::new(["p", dataset, "orders"], TableKind::Table);
            table.columns = vec![Column::leaf("id", "INT64")];
            table
        });
        Document {
            format: FORMAT,
            version: String::new(),
            generated_at: Timestamp::from_second(at).unwrap(),
            source: Source {
                kind: SourceKind::Folder,
                dialect: Dialect::Bigquery,
                datasets: datasets.iter().map(|name| format!("p.{name}")).collect(),
                extensions: None,
            },
            tables: tables.collect(),
            examples: Vec::new(),
            quarantined: Vec::new(),
            ledger: Ledger::default(),
        }
    }

    fn times(document: &Document) -> Vec<(&str, i64)> {
        let times = document.ledger.changed_at.iter();
        times
            .map(|(name, at)| (name.as_str(), at.as_second()))
            .collect()
    }

    #[test]
    fn a_dataset_keeps_its_time_until_it_changes_or_goes() {
        let mut first = document(1, &["hr", "shop"]);
        first.date_datasets(None);
        assert_eq!(times(&first), [("p.hr", 1), ("p.shop", 1)]);
        let mut second = document(2, &["hr", "shop", "web"]);
        second.tables[0]
            .columns
            .push(Column::leaf("salary", "INT64"));
        second.date_datasets(Some(&first));
        assert_eq!(times(&second), [("p.hr", 2), ("p.shop", 1), ("p.web", 2)]);
        let mut third = document(3, &["shop", "web"]);
        third.date_datasets(Some(&second));
        assert_eq!(times(&third), [("p.hr", 3), ("p.shop", 1), ("p.web", 2)]);
        let mut fourth = document(4, &["shop", "web"]);
        fourth.date_datasets(Some(&third));
        assert_eq!(times(&fourth), [("p.hr", 3), ("p.shop", 1), ("p.web", 2)]);
    }

    #[test]
    fn a_dataset_of_an_earlier_release_has_the_time_of_that_document() {
        let old = document(1, &["hr", "shop"]);
        let mut new = document(2, &["hr", "shop"]);
        new.tables[0].columns.clear();
        new.date_datasets(Some(&old));
        assert_eq!(times(&new), [("p.hr", 2), ("p.shop", 1)]);
    }
}
