//! Wildcards that match more than the shards of one family.

use ground::Schema;
use schema::Dialect;
use schema::document::{Column, Shards, Table, TableKind};
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
