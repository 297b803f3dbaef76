use crate::dialect::Dialect;
use crate::document::{Column, Drift, DriftKind, Shards, Table, TableKind};
use crate::family;
use crate::render::tests::{events, table};
use crate::render::{ddl, text};

fn family_notes(name: &str, others: &[(&str, TableKind)]) -> String {
    let mut shards = Shards {
        count: 31,
        first: "20240101".into(),
        last: "20240131".into(),
        ..Shards::default()
    };
    family::set_neighbors(name, &mut shards, others.iter().copied());
    let table = Table {
        shards: Some(shards),
        ..table(&format!("p.d.{name}"), vec![Column::leaf("a", "INT64")])
    };
    let card = text(&table, Dialect::Bigquery);
    let lines: Vec<&str> = card.lines().collect();
    // The head and the shards come first, the column last.
    let notes = lines[2..lines.len() - 1].join("\n");
    let ddl = ddl(&table, Dialect::Bigquery);
    for note in notes.lines() {
        assert!(ddl.contains(&format!("-- {note}\n")), "{ddl}");
    }
    notes
}

#[test]
fn a_blocked_wildcard_is_named_with_what_to_read_instead() {
    let views = [
        ("t_latest", TableKind::View),
        ("t_sheet", TableKind::External),
        ("t_fresh_*", TableKind::Table),
    ];
    assert_eq!(
        family_notes("t_*", &views),
        "blocked: BigQuery refuses this wildcard, whatever a query filters, because it also matches \
         views or external tables: t_latest, t_sheet; read `p.d.t_2*` instead, _TABLE_SUFFIX \
         '0240101' to '0240131'\nsiblings: the wildcard also reads t_fresh_*"
    );
    let note = family_notes("t_*", &[("t_20240102_view", TableKind::View)]);
    assert!(
        note.ends_with("t_20240102_view; read single shards, such as `p.d.t_20240131`"),
        "{note}"
    );
}

#[test]
fn a_family_of_dates_is_read_by_the_wildcard_that_matches_only_dates() {
    assert_eq!(family_notes("*", &[]), "");
    assert_eq!(
        family_notes("*", &[("events_*", TableKind::Table)]),
        "siblings: the wildcard also reads events_*; read `p.d.2*` instead, _TABLE_SUFFIX '0240101' \
         to '0240131'"
    );
}

#[test]
fn a_filter_over_days_excludes_the_months_between_them() {
    let of = |sibling| family_notes("t_*", &[(sibling, TableKind::Table)]);
    let between = "siblings: the wildcard also reads t_fresh_*; filter _TABLE_SUFFIX BETWEEN \
                   '20240101' AND '20240131'";
    assert_eq!(of("t_fresh_*"), between);
    let note = of("t_2024011");
    assert!(
        note.ends_with("AND '20240131' AND LENGTH(_TABLE_SUFFIX) = 8"),
        "{note}"
    );
}

#[test]
fn many_tables_that_a_wildcard_matches_are_counted() {
    let names: Vec<String> = (10..40).map(|n| format!("t_view{n}")).collect();
    let views: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), TableKind::View))
        .collect();
    let note = family_notes("t_*", &views);
    assert!(note.contains("t_view29, and 10 more; read"), "{note}");
}

#[test]
fn a_dropped_column_is_noted_with_its_type() {
    let mut events = events();
    let shards = events.shards.as_mut().unwrap();
    shards.versions[1].changes = vec![Drift {
        path: "legacy".into(),
        kind: DriftKind::Dropped,
        from: Some("STRUCT<a INT64, b STRING>".into()),
        to: None,
        breaks_wildcard: false,
    }];
    let card = text(&events, Dialect::Bigquery);
    let note = "drift: from 20201201 dropped legacy STRUCT<a INT64, b STRING>\n";
    assert!(card.contains(note), "{card}");
}
