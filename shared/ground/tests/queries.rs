//! The corpora: every correct query and description passes, every fault is caught and named.

use std::collections::BTreeSet;

use ground::{FaultKind, Schema};
use schema::Dialect;
use schema::document::{Drift, DriftKind, ShardVersion, Table};

use crate::{bigquery, faults, postgres};

/// The entries of a corpus: the heading after `---`, and the lines below it.
pub fn corpus(text: &'static str) -> Vec<(&'static str, &'static str)> {
    format_entries(text.strip_prefix("---").expect("a corpus starts with ---"))
}

fn format_entries(text: &'static str) -> Vec<(&'static str, &'static str)> {
    text.split("\n---")
        .map(|entry| entry.split_once('\n').expect("a heading and a text"))
        .map(|(heading, body)| (heading.trim(), body.trim()))
        .collect()
}

pub fn assert_right(entries: &[(&str, &str)], tables: &[Table], dialect: Dialect) {
    let schema = Schema::new(tables, dialect);
    let mut wrong = Vec::new();
    for (expected, sql) in entries {
        match ground::sql(sql, &schema) {
            Ok(found) => {
                let short: Vec<&str> = found
                    .tables
                    .iter()
                    .map(|name| name.split_once('.').expect("a name in full").1)
                    .collect();
                if short.join(", ") != *expected {
                    wrong.push(format!("{sql}\n  reads {short:?}"));
                }
            }
            Err(faults) => wrong.push(format!("{sql}\n  {faults:?}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

pub fn assert_caught(entries: &[(&str, &str)], tables: &[Table], dialect: Dialect) {
    let schema = Schema::new(tables, dialect);
    let mut wrong = Vec::new();
    for (expected, sql) in entries {
        let (kind, identifier) = expected.split_once(' ').unwrap_or((expected, ""));
        let identifier = identifier.trim_matches('"').to_lowercase();
        match ground::sql(sql, &schema) {
            Ok(found) => wrong.push(format!("{sql}\n  passes: {found:?}")),
            Err(faults) => {
                let is_found = faults.iter().any(|fault| {
                    format!("{:?}", fault.kind) == kind
                        && fault.identifier.to_lowercase().contains(&identifier)
                });
                if !is_found {
                    wrong.push(format!("{sql}\n  expected {expected}: {faults:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn correct_bigquery_sql_passes() {
    let entries = corpus(include_str!("corpus/bigquery_right.sql"));
    assert_right(&entries, &bigquery(), Dialect::Bigquery);
}

#[test]
fn correct_postgres_sql_passes() {
    let entries = corpus(include_str!("corpus/postgres_right.sql"));
    assert_right(&entries, &postgres(), Dialect::Postgres);
}

#[test]
fn each_fault_in_bigquery_sql_is_caught_and_named() {
    let entries = corpus(include_str!("corpus/bigquery_wrong.sql"));
    assert_caught(&entries, &bigquery(), Dialect::Bigquery);
}

#[test]
fn each_fault_in_postgres_sql_is_caught_and_named() {
    let entries = corpus(include_str!("corpus/postgres_wrong.sql"));
    assert_caught(&entries, &postgres(), Dialect::Postgres);
}

/// The heading of a description names its table and perhaps its column.
fn subject<'t>(heading: &str, tables: &'t [Table]) -> (&'t Table, Option<String>) {
    let mut words = heading.split_whitespace();
    let name = words.next().expect("a table");
    let table = tables
        .iter()
        .find(|table| table.name.ends_with(&format!(".{name}")))
        .expect("a table of the schema");
    (table, words.next().map(str::to_owned))
}

#[test]
fn a_description_with_an_unknown_identifier_is_a_fault() {
    let tables = bigquery();
    let schema = Schema::new(&tables, Dialect::Bigquery);
    let mut wrong = Vec::new();
    for (heading, text) in corpus(include_str!("corpus/descriptions_wrong.txt")) {
        let (heading, expected) = heading.split_once(" | ").expect("what is wrong");
        let (table, column) = subject(heading, &tables);
        match ground::text(text, table, column.as_deref(), &schema) {
            Ok(()) => wrong.push(format!("{text}\n  passes")),
            Err(faults) => {
                // Exactly what is wrong, and nothing that is right.
                let is_found = faults
                    .iter()
                    .all(|fault| expected.contains(fault.identifier.as_str()));
                if !is_found {
                    wrong.push(format!("{text}\n  expected {expected}: {faults:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn a_description_with_known_identifiers_passes() {
    let tables = bigquery();
    let schema = Schema::new(&tables, Dialect::Bigquery);
    let mut wrong = Vec::new();
    for (heading, text) in corpus(include_str!("corpus/descriptions_right.txt")) {
        let (table, column) = subject(heading, &tables);
        if let Err(faults) = ground::text(text, table, column.as_deref(), &schema) {
            wrong.push(format!("{text}\n  {faults:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn the_corpora_are_large_enough_and_have_no_duplicates() {
    let wrong = [
        include_str!("corpus/bigquery_wrong.sql"),
        include_str!("corpus/postgres_wrong.sql"),
        include_str!("corpus/descriptions_wrong.txt"),
    ];
    let right = [
        include_str!("corpus/bigquery_right.sql"),
        include_str!("corpus/postgres_right.sql"),
    ];
    let different = |texts: &[&'static str]| {
        let entries: Vec<_> = texts.iter().flat_map(|text| corpus(text)).collect();
        let bodies: BTreeSet<&str> = entries.iter().map(|(_, body)| *body).collect();
        assert_eq!(bodies.len(), entries.len(), "an entry stands twice");
        bodies.len()
    };

    assert!(different(&wrong) >= 200, "{}", different(&wrong));
    assert!(different(&right) >= 60, "{}", different(&right));
}

#[test]
fn every_mentioned_column_is_returned_with_its_parents() {
    let tables = bigquery();
    let found = ground::sql(
        "select i.item_name, device.web_info.browser from analytics.`events_*`, unnest(items) as i",
        &Schema::new(&tables, Dialect::Bigquery),
    )
    .expect("it is right");

    let paths: Vec<&str> = found
        .columns
        .iter()
        .map(|(_, path)| path.as_str())
        .collect();
    assert_eq!(
        paths,
        [
            "device",
            "device.web_info",
            "device.web_info.browser",
            "items",
            "items.item_name"
        ]
    );
    assert_eq!(found.tables, ["acme-data.analytics.events_*"]);
}

#[test]
fn an_older_shard_has_the_columns_of_its_version() {
    let mut tables = bigquery();
    let events = tables
        .iter_mut()
        .find(|table| table.name.ends_with("analytics.events_*"))
        .expect("a family of the schema");
    let drift = |path: &str, kind, from: Option<&str>| Drift {
        path: path.into(),
        kind,
        from: from.map(str::to_owned),
        to: None,
        breaks_wildcard: false,
    };
    let version = |first: &str, last: &str, changes| ShardVersion {
        first: first.into(),
        last: last.into(),
        count: 30,
        changes,
    };
    events.shards.as_mut().expect("shards").versions = vec![
        version("20201101", "20201130", Vec::new()),
        version(
            "20201201",
            "20201231",
            vec![drift("old", DriftKind::Dropped, Some("STRUCT<a STRING>"))],
        ),
        version(
            "20210101",
            "20210131",
            vec![
                drift("event_date", DriftKind::Added, None),
                drift("device.category", DriftKind::Added, None),
                drift(
                    "user_id",
                    DriftKind::Retyped,
                    Some("ARRAY<STRUCT<id INT64>>"),
                ),
            ],
        ),
    ];
    let schema = Schema::new(&tables, Dialect::Bigquery);
    let holds = |columns: &str, shard: &str| {
        let sql = format!("select {columns} from `acme-data.analytics.events_{shard}` as e");
        ground::sql(&sql, &schema).is_ok()
    };
    for (columns, in_november, in_december, in_january) in [
        ("event_date", false, false, true),
        ("device.category", false, false, true),
        ("device.language", true, true, true),
        ("event_name", true, true, true),
        ("old.a", true, false, false),
        ("(select max(u.id) from e.user_id as u)", true, true, false),
    ] {
        let held = ["20201115", "20201215", "20210115"].map(|shard| holds(columns, shard));
        assert_eq!(held, [in_november, in_december, in_january], "{columns}");
        assert_eq!(holds(columns, "*"), in_january, "{columns}");
    }
}

#[test]
fn a_star_mentions_every_column() {
    let tables = bigquery();
    let found = ground::sql(
        "select * except (email) from shop.customers",
        &Schema::new(&tables, Dialect::Bigquery),
    )
    .expect("it is right");

    assert_eq!(found.columns.len(), 5);
}

#[test]
fn a_fault_explains_how_to_fix_it() {
    let reason = |sql: &str| faults(sql)[0].reason.clone();

    assert_eq!(
        reason("select event_nam from analytics.`events_*`"),
        "there is no column event_nam in the tables here; did you mean event_name or event_date?"
    );
    assert_eq!(
        reason("select country from analytics.`events_*`"),
        "there is no column country in the tables here; did you mean geo.country?"
    );
    assert_eq!(
        reason("select event_params.key from analytics.`events_*`"),
        "event_params is an array: read key of its elements through UNNEST(event_params) AS \
         element, as element.key"
    );
    assert_eq!(
        reason("select 1 from shop.employees"),
        "there is no table shop.employees; there is acme-data.hr.employees"
    );
    assert_eq!(
        reason("select c.total from shop.customers c join shop.orders o using (customer_id)"),
        "c has no column total; o has one"
    );
    assert_eq!(
        reason("select 1 from analytics.events_20190101"),
        "analytics.events_20190101 is not a shard of acme-data.analytics.events_*: they range from \
         20201101 to 20210131"
    );
}

#[test]
fn a_fault_in_a_subquery_causes_no_faults_in_the_outer_query() {
    let found = faults(
        "with a as (select missing as m, status from shop.orders)
         select a.m.anything, b.whatever from a join nowhere.b on b.id = a.m",
    );

    let kinds: Vec<FaultKind> = found.iter().map(|fault| fault.kind).collect();
    assert_eq!(kinds, [FaultKind::Column, FaultKind::Table]);
}

/// The query with every occurrence of a name misspelled.
fn misspelled(sql: &str, name: &str) -> Option<String> {
    let word = regex::Regex::new(&format!(r"(?i)\b{}\b", regex::escape(name))).expect("a word");
    let wrong = word.replace_all(sql, format!("{name}_zz"));
    (wrong != sql).then(|| wrong.into_owned())
}

#[test]
fn every_misspelled_column_of_a_correct_query_is_a_fault() {
    let corpora = [
        (
            bigquery(),
            Dialect::Bigquery,
            include_str!("corpus/bigquery_right.sql"),
        ),
        (
            postgres(),
            Dialect::Postgres,
            include_str!("corpus/postgres_right.sql"),
        ),
    ];
    let mut misspellings = 0;
    for (tables, dialect, text) in corpora {
        let schema = Schema::new(&tables, dialect);
        for (_, sql) in corpus(text) {
            let right = ground::sql(sql, &schema).expect(sql);
            for (_, path) in right.columns {
                let name = path.rsplit('.').next().expect("a path has a name");
                let Some(wrong) = misspelled(sql, name) else {
                    continue;
                };
                misspellings += 1;
                let found = ground::sql(&wrong, &schema);
                assert!(
                    found.is_err(),
                    "{name} is misspelled in\n{wrong}\n{found:?}"
                );
            }
        }
    }
    assert!(misspellings > 200, "{misspellings}");
}
