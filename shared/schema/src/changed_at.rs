//! When each dataset last changed, so that who sees only some datasets learns nothing of the others from the
//! time of a sync.

use std::collections::BTreeMap;

use jiff::Timestamp;
use platform::auth::Names;

use crate::document::{ChangedTogether, Document};
use crate::within::Whole;

/// How many datasets that are gone, and sets of them, stay listed: the newest.
const GONE: usize = 1_000;

impl Document {
    /// Sets the time at which each dataset last changed for a caller who sees no other: that of this
    /// document, or if the dataset is the same in the document before, the time that this one has for it.
    /// The same for what only a caller of several datasets sees. Datasets that are gone stay listed.
    pub fn date_datasets(&mut self, before: Option<&Self>) {
        let (ledger, at) = (
            before.map(|before| &before.ledger),
            before.map(|it| it.generated_at),
        );
        let known = ledger.map(|ledger| ledger.changed_at.clone());
        let together = ledger.map(|ledger| {
            let known = ledger.changed_together.iter();
            known.map(|it| (it.datasets.clone(), it.at)).collect()
        });
        let before = before.map(Parts::of).unwrap_or_default();
        let now = Parts::of(self);
        let changed_at = date(
            known.unwrap_or_default(),
            (&before.alone, at),
            (&now.alone, self.generated_at),
        );
        let changed_together = date(
            together.unwrap_or_default(),
            (&before.together, at),
            (&now.together, self.generated_at),
        );
        let changed_together = changed_together.into_iter();
        self.ledger.changed_together = changed_together
            .map(|(datasets, at)| ChangedTogether { datasets, at })
            .collect();
        self.ledger.changed_at = changed_at;
    }
}

/// The hashes of the parts of a document.
#[derive(Default)]
struct Parts {
    /// By dataset: what a caller of this dataset sees.
    alone: BTreeMap<String, String>,
    /// By several datasets: what only a caller of all of them sees.
    together: BTreeMap<Vec<String>, String>,
}

impl Parts {
    fn of(document: &Document) -> Self {
        let whole = Whole::of(document);
        let alone = whole.datasets().into_iter();
        let together = whole.together().into_iter();
        Self {
            alone: alone
                .map(|id| (id.to_owned(), whole.hash(&Names::only([id]))))
                .collect(),
            together: together
                .map(|set| {
                    (
                        set.iter().map(|id| (*id).to_owned()).collect(),
                        whole.hash_together(&set),
                    )
                })
                .collect(),
        }
    }
}

/// The times of parts, from the `known` ones of the document before.
fn date<K: Clone + Ord>(
    known: BTreeMap<K, Timestamp>,
    (before, then): (&BTreeMap<K, String>, Option<Timestamp>),
    (now, at): (&BTreeMap<K, String>, Timestamp),
) -> BTreeMap<K, Timestamp> {
    let mut times = known;
    for key in now.keys().chain(before.keys()) {
        match then.filter(|_| now.get(key) == before.get(key)) {
            // A document of an earlier release has no times.
            Some(then) => times.entry(key.clone()).or_insert(then),
            None => times
                .entry(key.clone())
                .and_modify(|it| *it = at)
                .or_insert(at),
        };
    }
    let mut gone: Vec<(Timestamp, K)> = times
        .iter()
        .filter(|(key, _)| !now.contains_key(key))
        .map(|(key, at)| (*at, key.clone()))
        .collect();
    gone.sort_unstable();
    let surplus = gone.len().saturating_sub(GONE);
    for (_, key) in gone.into_iter().take(surplus) {
        times.remove(&key);
    }
    times
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use serde_json::json;

    use super::*;
    use crate::Dialect;
    use crate::document::{
        Column, Definition, FORMAT, ForeignKey, Ledger, Source, SourceKind, Table, TableKind,
    };
    use crate::name::TableName;
    use crate::versions::content_hash;
    use crate::within;

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
            meaning: crate::document::Meaning::default(),
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

    type Edit = fn(&mut Document);

    fn sealed(mut document: Document, before: Option<&Document>) -> Document {
        document.date_datasets(before);
        document.version = content_hash(&document);
        document
    }

    #[test]
    fn the_time_of_a_view_moves_exactly_if_the_view_changes() {
        let key = |table: &str| {
            let people = ["p", "hr", table];
            ForeignKey::new(vec!["id".to_owned()], people, vec!["id".to_owned()])
        };
        let example = |question: &str, tables: &[&str]| {
            let example = json!({"question": question, "sql": "select 1", "origin": "rule",
                "tables": tables});
            serde_json::from_value(example).unwrap()
        };
        let row: Column = serde_json::from_value(
            json!({"name": "boss", "type": "hr.people", "fields": [{"name": "a", "type": "int"}]}),
        )
        .unwrap();
        let mut first = document(1, &["hr", "shop"]);
        first.tables[0] = Table::new(["p", "hr", "people"], TableKind::Table);
        first.tables[1].foreign_keys = vec![key("people")];
        first.tables[1].columns.push(row);
        first.tables[1].description = Some("orders, see hr.people".to_owned());
        first.tables[1].definition = Some(Definition {
            sql: "select 1".to_owned(),
            tables: vec!["p.hr.people".to_owned()],
            cut: false,
        });
        first.examples = vec![example("both?", &["p.hr.people", "p.shop.orders"])];
        let extension = json!({"name": "citext", "schema": "hr", "types": ["citext"]});
        first.source.extensions = Some(vec![serde_json::from_value(extension).unwrap()]);
        let first = sealed(first, None);
        let changes: [(&str, Edit); 8] = [
            ("nothing", |_| {}),
            ("a key into another dataset", |it| {
                it.tables[1].foreign_keys.clear();
            }),
            ("inheritance from another dataset", |it| {
                it.tables[1].inherits = vec![TableName::new("p", "hr", "people")];
            }),
            ("the fields of a hidden row type", |it| {
                it.tables[1].columns[1].fields[0].name = "b".to_owned();
            }),
            ("the query of a view of another dataset", |it| {
                it.tables[1].definition.as_mut().unwrap().sql = "select 2".to_owned();
            }),
            ("an example of both", |it| {
                it.examples[0].question = "which?".to_owned();
            }),
            ("a column of hr", |it| {
                it.tables[0].columns.push(Column::leaf("salary", "int"));
            }),
            ("a column of shop", |it| {
                it.tables[1].columns[0].data_type = "text".to_owned();
            }),
        ];
        for (change, apply) in changes {
            let mut second = first.clone();
            second.generated_at = Timestamp::from_second(2).unwrap();
            apply(&mut second);
            let second = sealed(second, Some(&first));
            for scope in [&["p.shop"][..], &["p.hr"], &["p.hr", "p.shop"]] {
                // The fields of a row type are shown to who sees both, and belong to neither.
                if change.starts_with("the fields") && scope.len() == 2 {
                    continue;
                }
                let scope = Names::only(scope.iter().copied());
                let (before, after) = (within(&first, &scope), within(&second, &scope));
                let has_changed = before.version != after.version;
                let has_moved = before.generated_at != after.generated_at;
                assert_eq!(has_changed, has_moved, "{change} in {scope:?}");
                assert_eq!(before == after, !has_changed, "{change} in {scope:?}");
            }
        }
    }

    #[test]
    fn the_newest_of_the_datasets_that_are_gone_stay_listed() {
        let mut before = document(1, &["shop"]);
        before.ledger.changed_at = (0..2_000)
            .map(|n| (format!("p.gone{n}"), Timestamp::from_second(n).unwrap()))
            .collect();
        let mut now = document(3_000, &["shop"]);
        now.date_datasets(Some(&before));
        let listed = times(&now);
        assert_eq!(listed.len(), GONE + 1);
        assert!(listed.contains(&("p.gone1999", 1_999)), "{listed:?}");
        assert!(!listed.contains(&("p.gone999", 999)), "{listed:?}");
        assert!(listed.contains(&("p.shop", 1)), "{listed:?}");
    }
}
