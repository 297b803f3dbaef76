//! What a context says of families: how to read them, and what their older shards have.

use schema::document::{Drift, DriftKind, ShardVersion, TableKind};
use schema::family;

use super::*;

fn shards() -> Shards {
    Shards {
        count: 31,
        first: "20240101".into(),
        last: "20240131".into(),
        ..Shards::default()
    }
}

fn with_neighbors(name: &str, others: &[(&str, TableKind)]) -> Table {
    let mut shards = shards();
    family::set_neighbors(name, &mut shards, others.iter().copied());
    let mut table = table(&format!("p.web.{name}"), &["event_date"]);
    table.shards = Some(shards);
    table
}

/// A family whose older shards have other columns.
fn changed() -> Table {
    let dropped = |path: &str, from: &str| Drift {
        path: path.into(),
        kind: DriftKind::Dropped,
        from: Some(from.into()),
        to: None,
        breaks_wildcard: false,
    };
    let version = |first: &str, last: &str, changes| ShardVersion {
        first: first.into(),
        last: last.into(),
        count: 10,
        changes,
    };
    let mut shards = shards();
    shards.versions = vec![
        version("20240101", "20240110", vec![]),
        version(
            "20240111",
            "20240120",
            vec![dropped("visitor", "STRUCT<id INT64, `first name` STRING>")],
        ),
        version(
            "20240121",
            "20240131",
            vec![
                dropped("referrer", "STRING"),
                dropped("page.path", "STRING"),
            ],
        ),
    ];
    let mut table = table("p.web.events_*", &["event_date"]);
    table.columns.push(nested(
        "page",
        Mode::Nullable,
        vec![Column::leaf("title", "STRING")],
    ));
    table.shards = Some(shards);
    table
}

#[test]
fn a_complete_context_names_the_columns_that_only_older_shards_have() {
    let document = document(vec![changed()]);
    for format in [Format::Text, Format::Ddl, Format::Json] {
        let context = in_format(&document, "events", 2_000, format);
        assert!(context.complete);
        for told in [
            "only in shards to 20240110: visitor STRUCT<id INT64, 'first name' STRING>",
            "only in shards to 20240120: referrer STRING, page.path STRING",
        ] {
            assert!(context.context.contains(told), "{}", context.context);
        }
        assert_eq!(context.tables[0].columns_left_out, 0);
    }
}

#[test]
fn a_context_without_the_columns_of_older_shards_is_not_complete_and_counts_them() {
    let document = document(vec![changed()]);
    let context = ask(&document, "events", 2_000);
    let short = ask(&document, "events", context.tokens - 1);
    assert!(!short.complete);
    assert!(short.context.contains("+3"), "{}", short.context);
    assert!(!short.context.contains("referrer"), "{}", short.context);
    assert_eq!(short.tables[0].columns_left_out, 3);
}

#[test]
fn a_context_of_a_table_that_is_cut_is_not_complete() {
    let mut cut = table("p.web.wide", &["a"]);
    assert!(ask(&document(vec![cut.clone()]), "wide", 2_000).complete);
    cut.cut = true;
    assert!(!ask(&document(vec![cut]), "wide", 2_000).complete);
}

#[test]
fn a_blocked_wildcard_is_told_with_what_to_read_instead() {
    let view = [("events_latest", TableKind::View)];
    let document = document(vec![with_neighbors("events_*", &view)]);
    for format in [Format::Text, Format::Ddl] {
        let context = in_format(&document, "events", 2_000, format).context;
        for told in [
            "BigQuery refuses this wildcard",
            "read `p.web.events_2*` instead",
        ] {
            assert!(context.contains(told), "{context}");
        }
    }
    let context = in_format(&document, "events", 2_000, Format::Json).context;
    let table: Value = serde_json::from_str(context.lines().next().unwrap()).unwrap();
    assert_eq!(table["shards"]["blocked_by"], json!(["events_latest"]));
    assert_eq!(table["shards"]["wildcard"], "events_2*");
}

#[test]
fn a_family_of_dates_is_told_with_its_wildcard() {
    let alone = document(vec![with_neighbors("*", &[])]);
    let context = ask(&alone, "events", 2_000).context;
    assert!(
        context.starts_with("`p.web.*` [_TABLE_SUFFIX '20240101' to '20240131']\n"),
        "{context}"
    );
    let beside = document(vec![with_neighbors("*", &[("orders", TableKind::Table)])]);
    let context = ask(&beside, "events", 2_000).context;
    assert!(
        context.starts_with(
            "`p.web.*` [read `p.web.2*` instead, _TABLE_SUFFIX '0240101' to '0240131']\n"
        ),
        "{context}"
    );
}
