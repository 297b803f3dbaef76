use super::*;
use crate::document::{Definition, Partitioning, TableKind};
use crate::sql_type::parse_column;

fn table(columns: &[(&str, &str)]) -> Table {
    let columns = columns
        .iter()
        .map(|(name, text)| parse_column(name, text).unwrap());
    Table {
        columns: columns.collect(),
        ..Table::new(["p", "d", "t"], TableKind::Table)
    }
}

fn kinds(old: &Table, new: &Table) -> Vec<(Option<String>, ChangeKind, bool)> {
    tables(std::slice::from_ref(old), std::slice::from_ref(new))
        .into_iter()
        .map(|change| (change.path, change.kind, change.breaking))
        .collect()
}

#[test]
fn nested_changes_have_their_path_and_whether_they_break() {
    let old = table(&[
        ("device", "STRUCT<os STRING, id INT64>"),
        ("gone", "STRING"),
    ]);
    let new = table(&[(
        "device",
        "STRUCT<os STRING, id STRING, web STRUCT<host STRING>>",
    )]);
    assert_eq!(
        kinds(&old, &new),
        [
            (Some("device.id".into()), ChangeKind::Type, true),
            (Some("device.web".into()), ChangeKind::ColumnAdded, false),
            (Some("gone".into()), ChangeKind::ColumnRemoved, true),
        ]
    );
}

#[test]
fn an_added_or_removed_table_is_one_change() {
    let table = table(&[("a", "STRING"), ("b", "STRING")]);
    let changes = tables(std::slice::from_ref(&table), &[]);
    assert_eq!(
        (changes.len(), changes[0].kind),
        (1, ChangeKind::TableRemoved)
    );
    assert!(changes[0].breaking);
    assert_eq!(tables(&[], &[table])[0].kind, ChangeKind::TableAdded);
}

#[test]
fn a_newly_required_partition_filter_is_breaking() {
    let old = table(&[("day", "DATE")]);
    let new = Table {
        partitioning: Some(Partitioning {
            column: "day".into(),
            unit: "DAY".into(),
        }),
        require_partition_filter: true,
        ..old.clone()
    };
    assert_eq!(
        kinds(&old, &new),
        [
            (None, ChangeKind::Partitioning, true),
            (None, ChangeKind::PartitionFilter, true)
        ]
    );
}

#[test]
fn description_and_mode_changes_are_listed() {
    let old = table(&[("a", "STRING"), ("b", "STRING")]);
    let mut new = old.clone();
    new.columns[0].description = Some("the first letter".into());
    new.columns[1].mode = Mode::Required;
    assert_eq!(
        kinds(&old, &new),
        [
            (Some("a".into()), ChangeKind::Description, false),
            (Some("b".into()), ChangeKind::Mode, false)
        ]
    );
    assert!(kinds(&new, &old).contains(&(Some("b".into()), ChangeKind::Mode, true)));
}

#[test]
fn a_rename_is_suggested_only_if_it_is_unambiguous() {
    let old = table(&[("name", "STRING"), ("n", "INT64")]);
    let renamed = tables(
        std::slice::from_ref(&old),
        &[table(&[("full_name", "STRING"), ("n", "INT64")])],
    );
    assert_eq!(renamed[1].renamed_to.as_deref(), Some("full_name"));
    let two = tables(
        &[old],
        &[table(&[("a", "STRING"), ("b", "STRING"), ("n", "INT64")])],
    );
    assert_eq!(two[2].renamed_to, None);
}

#[test]
fn the_time_to_find_renames_is_linear_in_the_number_of_fields() {
    let columns = |prefix: &str| {
        let names: Vec<String> = (0..8_000).map(|at| format!("{prefix}_{at}")).collect();
        let fields: Vec<(&str, &str)> = names.iter().map(|name| (&name[..], "STRING")).collect();
        table(&fields)
    };
    let started = std::time::Instant::now();
    let changes = tables(&[columns("old")], &[columns("new")]);
    assert_eq!(changes.len(), 16_000);
    assert!(changes.iter().all(|change| change.renamed_to.is_none()));
    let taken = started.elapsed();
    assert!(taken.as_secs() < 10, "{taken:?}");
}

#[test]
fn a_new_policy_tag_is_breaking_and_a_removed_one_is_not() {
    let old = table(&[("mail", "STRING")]);
    let mut new = old.clone();
    new.columns[0].policy_tags = vec!["projects/p/policyTags/1".into()];
    let path = || Some("mail".to_owned());
    assert_eq!(kinds(&old, &new), [(path(), ChangeKind::PolicyTags, true)]);
    assert_eq!(kinds(&new, &old), [(path(), ChangeKind::PolicyTags, false)]);
}

#[test]
fn a_view_that_newly_blocks_a_wildcard_is_breaking() {
    let family = |blocked_by: &[&str]| Table {
        shards: Some(Shards {
            count: 1,
            first: "20240101".into(),
            last: "20240101".into(),
            blocked_by: blocked_by.iter().map(|it| (*it).to_owned()).collect(),
            ..Shards::default()
        }),
        ..table(&[("a", "STRING")])
    };
    let changes = |old: &[&str], new: &[&str]| tables(&[family(old)], &[family(new)]);
    let blocked = changes(&[], &["t_view"]).remove(0);
    assert_eq!((blocked.kind, blocked.breaking), (ChangeKind::Shards, true));
    assert_eq!(
        (blocked.from.as_deref(), blocked.to.as_deref()),
        (
            Some("20240101..20240101 (1 shard)"),
            Some("20240101..20240101 (1 shard), blocked by t_view")
        )
    );
    assert!(!changes(&["t_view"], &[])[0].breaking);
    assert!(changes(&["t_view"], &["t_view"]).is_empty());
}

#[test]
fn a_changed_query_of_a_view_is_a_change_that_breaks_nothing() {
    let view = |sql: &str| Table {
        kind: TableKind::View,
        definition: Definition::read(sql),
        ..table(&[("id", "INT64")])
    };
    let (old, new) = (view("select 1 as id"), view("select 2 as id"));
    assert_eq!(kinds(&old, &old), []);
    assert_eq!(kinds(&old, &new), [(None, ChangeKind::Definition, false)]);
}
