use super::*;
use crate::document::{Column, Drift, DriftKind, ShardVersion, Shards, Table, TableKind};
use crate::sql_type::parse_column;

fn names(tables: &[&str]) -> Vec<(String, usize)> {
    collapse(tables.iter().copied())
        .into_iter()
        .map(|family| (family.name, family.suffixes.len()))
        .collect()
}

#[test]
fn days_make_a_family_for_each_prefix() {
    let tables = [
        "events_20210131",
        "events_20210201",
        "events_intraday_20210201",
        "events_fresh",
    ];
    assert_eq!(
        names(&tables),
        [
            ("events_*".into(), 2),
            ("events_fresh".into(), 0),
            ("events_intraday_*".into(), 1)
        ]
    );
}

#[test]
fn years_and_months_make_a_family_only_together() {
    assert_eq!(
        names(&[
            "gsod1929",
            "gsod1930",
            "census_2010",
            "sales_202101",
            "sales_202102"
        ]),
        [
            ("census_2010".into(), 0),
            ("gsod*".into(), 2),
            ("sales_*".into(), 2)
        ]
    );
}

#[test]
fn digits_that_are_not_a_date_belong_to_the_name() {
    let tables = [
        "t_20211301",
        "t_20210230",
        "t_99999999",
        "t_123",
        "12320210101",
        "2021",
        "이벤트_20210101",
    ];
    let families = names(&tables);
    assert!(
        families
            .iter()
            .filter(|(_, shards)| *shards > 0)
            .eq([&("이벤트_*".into(), 1)])
    );
    assert_eq!(families.len(), tables.len());
}

#[test]
fn shards_of_one_wildcard_are_one_family() {
    let families = names(&["t_2021", "t_2022", "t_2023", "t_20210101", "t_20210102"]);
    assert_eq!(families[0], ("t_*".into(), 2));
    assert_eq!(families.len(), 4);
}

#[test]
fn tables_named_only_by_a_date_are_a_family_of_their_dataset() {
    assert_eq!(
        names(&["20240101", "20240102", "events"]),
        [("*".into(), 2), ("events".into(), 0)]
    );
    assert_eq!(names(&["20240101"]), [("*".into(), 1)]);
    assert_eq!(names(&["202401", "202402"]), [("*".into(), 2)]);
    assert_eq!(names(&["202401"]), [("202401".into(), 0)]);
    let day = collapse(["20240101"]).remove(0);
    assert_eq!(day.members(), ["20240101"]);
}

fn shards(first: &str, last: &str) -> Shards {
    Shards {
        count: 2,
        first: first.into(),
        last: last.into(),
        ..Shards::default()
    }
}

fn neighbors(name: &str, range: (&str, &str), others: &[(&str, TableKind)]) -> Shards {
    let mut shards = shards(range.0, range.1);
    set_neighbors(name, &mut shards, others.iter().copied());
    shards
}

#[test]
fn a_wildcard_is_blocked_by_what_a_query_cannot_read_by_wildcard() {
    let found = neighbors(
        "events_*",
        ("20210130", "20210131"),
        &[
            ("events_*", TableKind::Table),
            ("events_intraday_*", TableKind::Table),
            ("events_latest", TableKind::View),
            ("events_mv", TableKind::MaterializedView),
            ("events_gcs", TableKind::External),
            ("events_copy", TableKind::Snapshot),
            ("orders", TableKind::View),
        ],
    );
    assert_eq!(found.siblings, ["events_copy", "events_intraday_*"]);
    assert_eq!(
        found.blocked_by,
        ["events_gcs", "events_latest", "events_mv"]
    );
    assert_eq!(found.wildcard.as_deref(), Some("events_2*"));
}

#[test]
fn the_narrower_wildcard_is_the_shortest_that_matches_only_shards() {
    let narrow = |name: &str, range: (&str, &str), others: &[(&str, TableKind)]| {
        neighbors(name, range, others).wildcard
    };
    let days = ("20240101", "20240131");
    let view = |name| (name, TableKind::View);
    assert_eq!(narrow("t_*", days, &[("orders", TableKind::View)]), None);
    assert_eq!(narrow("*", days, &[view("all")]).unwrap(), "2*");
    assert_eq!(narrow("*", days, &[view("2023_totals")]).unwrap(), "2024*");
    assert_eq!(narrow("t_*", days, &[view("t_202401_totals")]), None);
    // Shards of several years share only their first digits.
    let years = ("20191231", "20240131");
    assert_eq!(narrow("t_*", years, &[view("t_20th")]), None);
    assert_eq!(narrow("t_*", years, &[view("t_view")]).unwrap(), "t_2*");
    // The other family has no prefix, so that its shards start like a wildcard of digits only.
    let days_of_dataset = [("*", TableKind::Table)];
    assert_eq!(narrow("2_*", days, &days_of_dataset), None);
}

fn family_table(name: &str, shards: Shards) -> Table {
    Table {
        shards: Some(shards),
        ..Table::new(["p", "d", name], TableKind::Table)
    }
}

#[test]
fn a_family_is_read_by_a_narrower_wildcard_only_if_its_own_cannot_be_relied_on() {
    let read = |name: &str, others: &[(&str, TableKind)]| {
        let shards = neighbors(name, ("20240101", "20240131"), others);
        let table = family_table(name, shards);
        wildcard(&table).map(|it| format!("{} {} {}", it.name, it.first, it.last))
    };
    let own = |name: &str| Some(format!("{name} 20240101 20240131"));
    let sibling = |name| [(name, TableKind::Table)];
    assert_eq!(read("t_*", &[]), own("t_*"));
    assert_eq!(read("*", &[]), own("*"));
    assert_eq!(read("t_*", &sibling("t_intraday_*")), own("t_*"));
    assert_eq!(
        read("*", &sibling("orders")),
        Some("2* 0240101 0240131".into())
    );
    assert_eq!(
        read("t_*", &[("t_view", TableKind::View)]),
        Some("t_2* 0240101 0240131".into())
    );
    assert_eq!(read("t_*", &[("t_20240102_v", TableKind::View)]), None);
    assert_eq!(
        wildcard(&Table::new(["p", "d", "t"], TableKind::Table)),
        None
    );
}

/// The families of days with these columns: `a,b` is a day with the columns `a` and `b`, and `?` one
/// with unknown columns.
fn grouped(days: &[&str]) -> Vec<String> {
    let columns: Vec<Option<Vec<Column>>> = days
        .iter()
        .map(|day| {
            let names = (*day != "?").then(|| day.split(','));
            Some(names?.map(|name| Column::leaf(name, "STRING")).collect())
        })
        .collect();
    let suffixes: Vec<String> = (0..days.len()).map(|day| format!("2024010{day}")).collect();
    let family = Family {
        name: "t_*".into(),
        suffixes: suffixes.clone(),
    };
    let families = with_common_columns(family, |suffix| {
        let at = suffixes.iter().position(|other| other == suffix);
        columns[at.unwrap()].as_deref()
    });
    families
        .into_iter()
        .map(|family| {
            let last = family.suffixes.iter().map(|suffix| &suffix[7..]);
            format!("{}{}", family.name, last.collect::<String>())
        })
        .collect()
}

#[test]
fn tables_without_common_columns_are_not_a_family() {
    assert_eq!(grouped(&["a,b", "x,y"]), ["t_20240100", "t_20240101"]);
    assert_eq!(grouped(&["a", "x", "p"]).len(), 3);
    assert_eq!(grouped(&["a,b", "A,y"]), ["t_*01"]);
    assert_eq!(grouped(&["a"]), ["t_*0"]);
}

#[test]
fn shards_belong_together_if_others_connect_them() {
    // The first and the last share nothing, in whatever order they come.
    for days in [
        ["a,b", "b,c", "c,d"],
        ["a,b", "c,d", "b,c"],
        ["b,c", "a,b", "c,d"],
    ] {
        assert_eq!(grouped(&days), ["t_*012"], "{days:?}");
    }
}

#[test]
fn a_table_that_shares_no_column_with_the_others_leaves_the_family() {
    assert_eq!(grouped(&["a", "a,b", "x"]), ["t_*01", "t_20240102"]);
    assert_eq!(grouped(&["x", "a", "a,b"]), ["t_*12", "t_20240100"]);
    assert_eq!(grouped(&["x", "?", "a", "a"]), ["t_*123", "t_20240100"]);
    assert_eq!(grouped(&["?", "?"]), ["t_*01"]);
}

#[test]
fn of_several_groups_the_one_of_the_newest_shard_is_the_family() {
    assert_eq!(
        grouped(&["a", "a", "a", "x", "x"]),
        ["t_*34", "t_20240100", "t_20240101", "t_20240102"]
    );
    assert_eq!(
        grouped(&["a", "x", "a", "x", "x", "p"]),
        ["t_*134", "t_20240100", "t_20240102", "t_20240105"]
    );
}

#[test]
fn the_columns_that_only_older_shards_have_are_found_with_their_last_shard() {
    let change = |path: &str, kind, from: &str| Drift {
        path: path.into(),
        kind,
        from: Some(from.into()),
        to: None,
        breaks_wildcard: false,
    };
    let version = |first: &str, last: &str, changes| ShardVersion {
        first: first.into(),
        last: last.into(),
        count: 1,
        changes,
    };
    let dropped = DriftKind::Dropped;
    let mut shards = shards("1", "4");
    shards.versions = vec![
        version("1", "1", vec![]),
        version(
            "2",
            "2",
            vec![
                change("back", dropped, "INT64"),
                change("twice", dropped, "INT64"),
            ],
        ),
        version("3", "3", vec![change("twice", DriftKind::Added, "")]),
        version(
            "4",
            "4",
            vec![
                change("device.os", dropped, "STRING"),
                change("twice", dropped, "DATE"),
                change("Kept", dropped, "STRING"),
            ],
        ),
    ];
    let mut table = family_table("t_*", shards);
    table.columns = vec![
        parse_column("device", "STRUCT<category STRING>").unwrap(),
        Column::leaf("back", "INT64"),
        Column::leaf("kept", "STRING"),
    ];
    let older = |path, data_type, last| OlderColumn {
        path,
        data_type,
        last,
    };
    assert_eq!(
        older_columns(&table),
        [
            older("device.os", "STRING", "3"),
            older("twice", "DATE", "3")
        ]
    );
}

fn run(first: &str, last: &str, columns: &[(&str, &str)]) -> ShardRun {
    let columns = columns
        .iter()
        .map(|(name, text)| parse_column(name, text).unwrap());
    ShardRun {
        first: first.into(),
        last: last.into(),
        count: 2,
        columns: columns.collect(),
    }
}

#[test]
fn drift_names_the_first_shard_of_each_new_path() {
    let versions = drift(&[
        run(
            "20180612",
            "20180613",
            &[("device", "STRUCT<category STRING>")],
        ),
        run(
            "20180614",
            "20180615",
            &[("device", "STRUCT<category STRING>")],
        ),
        run(
            "20180627",
            "20180628",
            &[
                ("device", "STRUCT<category STRING, os STRING>"),
                ("usd", "FLOAT64"),
            ],
        ),
    ]);
    assert_eq!(versions.len(), 2);
    assert_eq!(
        (versions[0].last.as_str(), versions[0].count),
        ("20180615", 4)
    );
    let added: Vec<_> = versions[1]
        .changes
        .iter()
        .map(|change| (change.path.as_str(), change.kind))
        .collect();
    assert_eq!(
        added,
        [("device.os", DriftKind::Added), ("usd", DriftKind::Added)]
    );
    assert_eq!(versions[1].first, "20180627");
}

#[test]
fn a_changed_type_breaks_the_wildcard_and_a_longer_string_does_not() {
    let versions = drift(&[
        run(
            "1",
            "2",
            &[("a", "STRING(10)"), ("b", "INT64"), ("c", "STRING")],
        ),
        run(
            "3",
            "4",
            &[("a", "STRING(20)"), ("b", "STRING"), ("c", "ARRAY<STRING>")],
        ),
    ]);
    let breaks: Vec<_> = versions[1]
        .changes
        .iter()
        .map(|change| (change.path.as_str(), change.breaks_wildcard))
        .collect();
    assert_eq!(breaks, [("a", false), ("b", true), ("c", true)]);
}

#[test]
fn a_family_without_neighbors_is_written_as_earlier_releases_wrote_it() {
    let shards = neighbors("t_*", ("20240101", "20240131"), &[]);
    let json = serde_json::to_value(&shards).unwrap();
    let earlier = serde_json::json!({"count": 2, "first": "20240101", "last": "20240131"});
    assert_eq!(json, earlier);
    assert_eq!(serde_json::from_value::<Shards>(earlier).unwrap(), shards);
}
