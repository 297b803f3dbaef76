//! Wildcards that match more than the shards of one family.

use ground::Schema;
use schema::Dialect;
use schema::document::{Column, Drift, DriftKind, ShardVersion, Shards, Table, TableKind};
use schema::family;

fn table(name: &str, kind: TableKind, columns: &[&str]) -> Table {
    let columns = columns.iter().map(|name| Column::leaf(*name, "STRING"));
    Table {
        columns: columns.collect(),
        ..Table::new(["p", "d", name], kind)
    }
}

fn days(name: &str, columns: &[&str]) -> Table {
    let shards = Shards {
        count: 31,
        first: "20240101".into(),
        last: "20240131".into(),
        ..Shards::default()
    };
    Table {
        shards: Some(shards),
        ..table(name, TableKind::Table, columns)
    }
}

/// The tables as a sync writes them: each family knows what else its wildcard matches.
fn synced(mut tables: Vec<Table>) -> Vec<Table> {
    let all: Vec<(String, TableKind)> = tables
        .iter()
        .map(|table| (table.own_name().to_owned(), table.kind))
        .collect();
    for table in &mut tables {
        let name = table.own_name().to_owned();
        if let Some(shards) = &mut table.shards {
            let all = all.iter().map(|(name, kind)| (name.as_str(), *kind));
            family::set_neighbors(&name, shards, all);
        }
    }
    tables
}

fn check(from: &str, columns: &str, tables: &[Table]) -> Result<Vec<String>, String> {
    let schema = Schema::new(tables, Dialect::Bigquery);
    let sql = format!("select {columns} from `p.d.{from}`");
    match ground::sql(&sql, &schema) {
        Ok(found) => Ok(found.tables.into_iter().collect()),
        Err(faults) => Err(ground::reasons(&faults)),
    }
}

#[test]
fn a_wildcard_that_matches_a_view_or_an_external_table_is_refused() {
    for kind in [
        TableKind::View,
        TableKind::MaterializedView,
        TableKind::External,
    ] {
        let tables = synced(vec![
            days("t_*", &["a"]),
            table("t_latest", kind, &["a"]),
            table("other", kind, &["a"]),
        ]);
        for wildcard in ["t_*", "t*", "t_l*"] {
            let refusal = check(wildcard, "a", &tables).unwrap_err();
            assert!(refusal.contains("t_latest"), "{wildcard}: {refusal}");
        }
        let refusal = check("t_*", "a", &tables).unwrap_err();
        let fix = "read `p.d.t_2*` instead, _TABLE_SUFFIX '0240101' to '0240131'";
        assert!(refusal.contains(fix), "{refusal}");
        for name in ["t_2*", "t_202401*", "t_20240131", "t_latest"] {
            assert!(check(name, "a", &tables).is_ok(), "{name}");
        }
    }
}

#[test]
fn a_filter_does_not_make_a_blocked_wildcard_readable() {
    let tables = synced(vec![
        days("t_*", &["a"]),
        table("t_latest", TableKind::View, &["a"]),
    ]);
    let schema = Schema::new(&tables, Dialect::Bigquery);
    let sql = "select a from `p.d.t_*` where _TABLE_SUFFIX = '20240101'";
    let faults = ground::sql(sql, &schema).unwrap_err();
    assert!(ground::reasons(&faults).contains("t_latest"), "{faults:?}");
}

#[test]
fn a_blocked_wildcard_without_a_narrower_one_refers_to_single_shards() {
    let tables = synced(vec![
        days("t_*", &["a"]),
        table("t_20240102_view", TableKind::View, &["a"]),
    ]);
    let refusal = check("t_*", "a", &tables).unwrap_err();
    assert!(
        refusal.contains("read single shards, such as `p.d.t_20240131`"),
        "{refusal}"
    );
}

#[test]
fn a_blocking_view_that_is_not_in_the_schema_is_known_from_the_family() {
    let mut tables = synced(vec![
        days("t_*", &["a"]),
        table("t_latest", TableKind::View, &["a"]),
    ]);
    tables.retain(|table| table.shards.is_some());
    assert!(check("t_*", "a", &tables).unwrap_err().contains("t_latest"));
    assert!(check("t_2*", "a", &tables).is_ok());
}

#[test]
fn a_wildcard_over_snapshots_and_other_families_is_read() {
    let tables = synced(vec![
        days("t_*", &["a", "b"]),
        days("t_fresh_*", &["a"]),
        table("t_copy", TableKind::Snapshot, &["a"]),
    ]);
    assert_eq!(check("t_*", "b", &tables).unwrap(), ["p.d.t_*"]);
    assert!(check("t_f*", "a", &tables).is_ok());
}

#[test]
fn a_family_of_dates_is_found_by_its_dataset_a_prefix_and_a_date() {
    let tables = synced(vec![days("*", &["a"])]);
    for name in ["*", "2*", "2024*", "202401*", "20240131"] {
        assert_eq!(check(name, "a", &tables).unwrap(), ["p.d.*"], "{name}");
    }
    for name in ["20240201", "20240132", "2023*", "t_*"] {
        assert!(check(name, "a", &tables).is_err(), "{name}");
    }
    let suffix = |condition: &str| {
        let sql = format!("select a from `p.d.2024*` where {condition}");
        ground::sql(&sql, &Schema::new(&tables, Dialect::Bigquery)).is_ok()
    };
    assert!(suffix("_TABLE_SUFFIX between '0101' and '0103'"));
    assert!(!suffix("_TABLE_SUFFIX = '0201'"));
}

#[test]
fn the_wildcard_of_a_dataset_reads_all_its_tables() {
    let tables = synced(vec![
        days("*", &["a", "b"]),
        table("orders", TableKind::Table, &["b", "c"]),
    ]);
    assert_eq!(check("*", "b", &tables).unwrap().len(), 2);
    assert!(check("*", "a", &tables).is_err());
    assert!(check("2*", "a", &tables).is_ok());
}

/// A family whose columns `a` and `r.f` change their types on January 15.
fn retyped() -> Vec<Table> {
    let change = |path: &str| Drift {
        path: path.to_owned(),
        kind: DriftKind::Retyped,
        from: Some("INT64".to_owned()),
        to: Some("STRING".to_owned()),
        breaks_wildcard: true,
    };
    let version = |first: &str, last: &str, changes| ShardVersion {
        first: first.to_owned(),
        last: last.to_owned(),
        count: 1,
        changes,
    };
    let mut days = days("z_*", &["a", "b"]);
    days.columns.push(Column {
        fields: vec![Column::leaf("f", "STRING"), Column::leaf("g", "STRING")],
        ..Column::leaf("r", "STRUCT")
    });
    days.shards.as_mut().unwrap().versions = vec![
        version("20240101", "20240114", Vec::new()),
        version("20240115", "20240131", vec![change("a"), change("r.f")]),
    ];
    vec![days]
}

#[test]
fn a_wildcard_over_both_types_of_a_column_is_refused_if_the_query_reads_the_column() {
    let tables = retyped();
    for columns in ["a", "*", "count(a)", "z.a", "r.f", "r", "* except (r)"] {
        for from in ["z_*` as z", "z_2024*` as z", "z_202401*` as z"] {
            let from = from.replace("` as z", "");
            let sql = format!("select {columns} from `p.d.{from}` as z");
            let faults = ground::sql(&sql, &Schema::new(&tables, Dialect::Bigquery)).unwrap_err();
            let reason = ground::reasons(&faults);
            assert!(
                reason.contains("INT64 before 20240115 and STRING from then on"),
                "{reason}"
            );
        }
    }
    for (from, columns) in [
        ("z_*", "b"),
        ("z_*", "r.g"),
        ("z_*", "* except (a, r)"),
        ("z_*", "count(*)"),
        ("z_2024010*", "a"),
        ("z_2024012*", "*"),
        ("z_20240120", "a"),
    ] {
        assert!(
            check(from, columns, &tables).is_ok(),
            "{columns} from {from}"
        );
    }
}

#[test]
fn a_limit_of_the_suffixes_to_one_type_makes_a_wildcard_readable() {
    let tables = retyped();
    let schema = Schema::new(&tables, Dialect::Bigquery);
    for (condition, is_right) in [
        ("_TABLE_SUFFIX >= '20240115'", true),
        ("_TABLE_SUFFIX < '20240115' and b = 'x'", true),
        ("_TABLE_SUFFIX between '20240116' and '20240120'", true),
        ("_TABLE_SUFFIX = '20240102'", true),
        ("_TABLE_SUFFIX in ('20240102', '20240103')", true),
        ("_TABLE_SUFFIX like '2024012%'", true),
        ("'20240115' <= _TABLE_SUFFIX", true),
        // Only the warehouse can tell.
        (
            "_TABLE_SUFFIX = format_date('%Y%m%d', current_date())",
            true,
        ),
        ("_TABLE_SUFFIX > '20240114'", true),
        ("_TABLE_SUFFIX <= '20240114'", true),
        ("_TABLE_SUFFIX <= '20240115'", false),
        ("_TABLE_SUFFIX >= '20240114'", false),
        ("_TABLE_SUFFIX between '20240110' and '20240120'", false),
        ("_TABLE_SUFFIX in ('20240102', '20240120')", false),
        (
            "_TABLE_SUFFIX = '20240102' or _TABLE_SUFFIX = '20240120'",
            false,
        ),
        ("_TABLE_SUFFIX like '202401%'", false),
        ("_TABLE_SUFFIX not like 'intraday%'", false),
        ("b = 'x'", false),
    ] {
        let sql = format!("select a from `p.d.z_*` where {condition}");
        let found = ground::sql(&sql, &schema);
        assert_eq!(found.is_ok(), is_right, "{condition}: {found:?}");
    }
    let narrow = "select a from `p.d.z_2024*` where _TABLE_SUFFIX >= '0115'";
    ground::sql(narrow, &schema).expect(narrow);
}

#[test]
fn a_limit_of_the_suffixes_applies_only_to_the_wildcard_and_the_rows_that_it_limits() {
    let tables = retyped();
    let schema = Schema::new(&tables, Dialect::Bigquery);
    for (sql, is_right) in [
        (
            "select a from z where _TABLE_SUFFIX <= '20240110' union all
             select cast(a as int64) from z where _TABLE_SUFFIX > '20240120'",
            true,
        ),
        (
            "select a from z where _TABLE_SUFFIX = '20240102' union all
             select cast(a as int64) from z where _TABLE_SUFFIX = '20240120'",
            true,
        ),
        (
            "select a from z union all select a from z where _TABLE_SUFFIX = '20240102'",
            false,
        ),
        (
            "select y.a from z as x join z as y using (b) where x._TABLE_SUFFIX = '20240102'",
            false,
        ),
        (
            "select y.a from z as x join z as y using (b)
             where x._TABLE_SUFFIX = '20240102' and y._TABLE_SUFFIX = '20240120'",
            true,
        ),
        (
            "select if(_TABLE_SUFFIX >= '20240120', 'new', 'old'), a from z",
            false,
        ),
        // Only the warehouse can tell which shards these read.
        (
            "select a from (select a, _TABLE_SUFFIX as s from z) where s >= '20240120'",
            true,
        ),
        (
            "select a from z where not (_TABLE_SUFFIX < '20240110')",
            true,
        ),
        (
            "select a from z where _TABLE_SUFFIX < '20240110' or _TABLE_SUFFIX < '20240112'",
            true,
        ),
        (
            "select max(a) from z group by _TABLE_SUFFIX having _TABLE_SUFFIX > '20240120'",
            true,
        ),
    ] {
        let sql = sql.replace("from z", "from `p.d.z_*`");
        let sql = sql.replace("join z", "join `p.d.z_*`");
        let found = ground::sql(&sql, &schema);
        assert_eq!(found.is_ok(), is_right, "{sql}: {found:?}");
    }
}

#[test]
fn a_table_without_its_dataset_is_refused_with_its_whole_name() {
    let tables = synced(vec![
        table("t", TableKind::View, &["a"]),
        days("e_*", &["a"]),
    ]);
    let schema = Schema::new(&tables, Dialect::Bigquery);
    for (name, whole) in [
        ("t", "p.d.t"),
        ("e_20240105", "p.d.e_*"),
        ("`e_*`", "p.d.e_*"),
    ] {
        let faults = ground::sql(&format!("select a from {name}"), &schema).unwrap_err();
        let reason = ground::reasons(&faults);
        assert!(
            reason.ends_with(&format!("has no dataset: write {whole}")),
            "{reason}"
        );
    }
    for sql in [
        "select a from d.t",
        "select a from `p.d.t`",
        "with t as (select 1 as x) select x from t",
        "select x from d.t as q, unnest([1]) as x",
    ] {
        ground::sql(sql, &schema).expect(sql);
    }
}
