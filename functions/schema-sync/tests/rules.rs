//! Examples from rules: always grounded, different from each other, the same every time.

use std::collections::BTreeSet;

use ground::Schema;
use proptest::prelude::*;
use schema::Dialect;
use schema::document::{
    Column, Drift, DriftKind, Example, ForeignKey, Mode, Origin, Partitioning, ShardVersion,
    Shards, Table, TableKind,
};
use schema_sync::rules;

use crate::outline;

fn bigquery() -> Vec<Table> {
    let mut tables = outline::parse(include_str!(
        "../../../shared/ground/tests/corpus/bigquery.schema"
    ));
    let orders = tables
        .iter_mut()
        .find(|table| table.name == "acme-data.shop.orders")
        .expect("it is in the file");
    orders.foreign_keys = vec![ForeignKey::new(
        vec!["customer_id".to_owned()],
        crate::name("acme-data.shop.customers"),
        vec!["customer_id".to_owned()],
    )];
    tables
}

fn postgres() -> Vec<Table> {
    let mut tables = outline::parse(include_str!(
        "../../../shared/ground/tests/corpus/postgres.schema"
    ));
    let orders = tables
        .iter_mut()
        .find(|table| table.name == "app.public.orders")
        .expect("it is in the file");
    orders.foreign_keys = vec![ForeignKey::new(
        vec!["user_id".to_owned()],
        crate::name("app.public.users"),
        vec!["id".to_owned()],
    )];
    tables
}

fn only(name: &str) -> Vec<Table> {
    let mut tables = bigquery();
    tables.retain(|table| table.name.ends_with(name));
    tables
}

fn assert_grounded(examples: &[Example], tables: &[Table], dialect: Dialect) {
    let schema = Schema::new(tables, dialect);
    for example in examples {
        let grounded = ground::sql(&example.sql, &schema);
        let found = grounded.unwrap_or_else(|faults| panic!("{}\n{faults:?}", example.sql));
        assert_eq!(found.tables, example.tables, "{}", example.sql);
    }
}

#[test]
fn a_single_family_of_events_yields_five_different_examples() {
    let tables = only(".events_*");
    let examples = rules::examples(&tables, Dialect::Bigquery, 5);

    assert_grounded(&examples, &tables, Dialect::Bigquery);
    let sql: Vec<&str> = examples
        .iter()
        .map(|example| example.sql.as_str())
        .collect();
    assert_eq!(
        sql,
        [
            "select t.event_name, count(*) as row_count\n\
             from `acme-data.analytics.events_*` as t\n\
             where t._TABLE_SUFFIX between \"20210125\" and \"20210131\"\n\
             group by t.event_name\n\
             order by row_count desc",
            "select t._TABLE_SUFFIX as day, count(*) as row_count\n\
             from `acme-data.analytics.events_*` as t\n\
             where t._TABLE_SUFFIX between \"20210125\" and \"20210131\"\n\
             group by 1\n\
             order by 1",
            "select element.key, count(*) as row_count\n\
             from `acme-data.analytics.events_*` as t\n\
             cross join unnest(t.event_params) as element\n\
             where t._TABLE_SUFFIX between \"20210125\" and \"20210131\"\n\
             group by 1\n\
             order by row_count desc\n\
             limit 20",
            "select t.event_name, sum(t.event_value_in_usd) as total_sum\n\
             from `acme-data.analytics.events_*` as t\n\
             where t._TABLE_SUFFIX between \"20210125\" and \"20210131\"\n\
             group by t.event_name\n\
             order by total_sum desc\n\
             limit 10",
            "select count(distinct t.user_pseudo_id) as distinct_count\n\
             from `acme-data.analytics.events_*` as t\n\
             where t._TABLE_SUFFIX between \"20210125\" and \"20210131\"",
        ]
    );
    assert_eq!(
        examples[0].question,
        "How many rows of events are there for each event name from 2021-01-25 to 2021-01-31?"
    );
    assert_eq!(examples[0].origin, Origin::Rule);
}

#[test]
fn many_tables_yield_examples_of_different_tables_and_shapes() {
    for (tables, dialect) in [
        (bigquery(), Dialect::Bigquery),
        (postgres(), Dialect::Postgres),
    ] {
        let examples = rules::examples(&tables, dialect, 5);

        assert_eq!(examples.len(), 5);
        assert_grounded(&examples, &tables, dialect);
        let read: BTreeSet<&String> = examples
            .iter()
            .flat_map(|example| &example.tables)
            .collect();
        assert!(read.len() >= 5, "{read:?}");
        let questions: BTreeSet<&String> =
            examples.iter().map(|example| &example.question).collect();
        assert_eq!(questions.len(), 5);
    }
}

#[test]
fn every_generated_example_is_grounded() {
    for (tables, dialect) in [
        (bigquery(), Dialect::Bigquery),
        (postgres(), Dialect::Postgres),
    ] {
        let examples = rules::examples(&tables, dialect, 1_000);

        assert!(examples.len() > tables.len(), "{}", examples.len());
        assert_grounded(&examples, &tables, dialect);
    }
}

#[test]
fn the_order_of_tables_does_not_matter() {
    let tables = bigquery();
    let mut turned = bigquery();
    turned.reverse();

    assert_eq!(
        rules::examples(&tables, Dialect::Bigquery, 7),
        rules::examples(&turned, Dialect::Bigquery, 7)
    );
}

#[test]
fn a_foreign_key_yields_a_join() {
    let examples = rules::examples(&postgres(), Dialect::Postgres, 1_000);

    let join = examples
        .iter()
        .find(|example| example.tables.len() == 2)
        .expect("a join");
    assert_eq!(
        join.sql,
        "select o.country, count(*) as row_count\n\
         from public.orders as t\n\
         join public.users as o on t.user_id = o.id\n\
         group by o.country\n\
         order by row_count desc"
    );
    assert_eq!(
        join.question,
        "How many rows of orders are there for each country of users?"
    );
}

#[test]
fn a_required_partition_filter_is_in_every_example() {
    let mut tables = only("shop.orders");
    tables[0].require_partition_filter = true;
    let examples = rules::examples(&tables, Dialect::Bigquery, 10);

    assert!(examples.len() >= 5);
    for example in &examples {
        let filter = "t.order_date >= date_sub(current_date(), interval 30 day)";
        assert!(example.sql.contains(filter), "{}", example.sql);
    }
}

#[test]
fn a_required_filter_on_several_columns_is_met_by_the_date_among_them() {
    let mut tables = only("shop.orders");
    tables[0].partitioning = Some(Partitioning {
        column: "status, Order_Date".to_owned(),
        unit: "HIVE".to_owned(),
    });
    tables[0].require_partition_filter = true;
    let examples = rules::examples(&tables, Dialect::Bigquery, 5);
    assert!(!examples.is_empty());
    for example in &examples {
        assert!(example.sql.contains("t.order_date >= "), "{}", example.sql);
    }
}

#[test]
fn a_table_whose_required_filter_cannot_be_written_yields_no_example() {
    let mut tables = only("shop.orders");
    tables[0].partitioning = Some(Partitioning {
        column: "status".to_owned(),
        unit: "LIST".to_owned(),
    });
    tables[0].require_partition_filter = true;

    assert_eq!(rules::examples(&tables, Dialect::Bigquery, 5), []);
}

#[test]
fn a_family_whose_drift_breaks_the_wildcard_is_read_by_its_newest_shard() {
    let mut tables = only(".events_*");
    let shards = tables[0].shards.as_mut().expect("it is a family");
    shards.versions = vec![ShardVersion {
        first: "20210101".to_owned(),
        last: "20210131".to_owned(),
        count: 31,
        changes: vec![Drift {
            path: "stream_id".to_owned(),
            kind: DriftKind::Retyped,
            from: Some("STRING".to_owned()),
            to: Some("INT64".to_owned()),
            breaks_wildcard: true,
        }],
    }];

    let examples = rules::examples(&tables, Dialect::Bigquery, 5);

    assert_eq!(examples.len(), 5);
    for example in &examples {
        assert!(
            example
                .sql
                .contains("`acme-data.analytics.events_20210131`"),
            "{}",
            example.sql
        );
    }
    assert_grounded(&examples, &tables, Dialect::Bigquery);
}

#[test]
fn a_column_with_policy_tags_is_in_no_example() {
    let mut tables = only("shop.customers");
    for column in &mut tables[0].columns {
        column.policy_tags = vec!["projects/p/locations/eu/taxonomies/1/policyTags/2".to_owned()];
    }

    let examples = rules::examples(&tables, Dialect::Bigquery, 5);

    assert_eq!(examples.len(), 1);
    assert!(examples[0].sql.starts_with("select count(*) as row_count"));
}

fn any_column() -> impl Strategy<Value = Column> {
    let name = prop_oneof![
        "[a-z_]{1,12}",
        prop::sample::select(vec![
            "status",
            "order",
            "Group",
            "total amount",
            "customer_id",
            "날짜",
            "price",
            "name",
            "select",
            "a\"b",
            "created_at",
            "key",
            "_PARTITIONTIME",
            "t",
            "day",
            "element",
        ])
        .prop_map(str::to_owned),
    ];
    let types = prop::sample::select(vec![
        "STRING",
        "INT64",
        "FLOAT64",
        "DATE",
        "TIMESTAMP",
        "DATETIME",
        "BOOL",
        "JSON",
        "text",
        "numeric",
        "timestamp with time zone",
        "date",
        "INTERVAL",
        "weird type",
    ]);
    let mode = prop::sample::select(vec![Mode::Nullable, Mode::Required, Mode::Repeated]);
    let leaf = (name, types, mode).prop_map(|(name, data_type, mode)| Column {
        mode,
        ..Column::leaf(name, data_type)
    });
    leaf.prop_recursive(3, 20, 5, |inner| {
        (inner.clone(), prop::collection::vec(inner, 1..5)).prop_map(|(column, fields)| Column {
            data_type: "STRUCT".to_owned(),
            fields,
            ..column
        })
    })
}

fn any_table() -> impl Strategy<Value = Table> {
    (
        "[a-z_]{1,10}",
        prop::collection::vec(any_column(), 0..12),
        prop::option::of(prop::sample::select(vec![
            "created_at",
            "day",
            "_PARTITIONTIME",
        ])),
        any::<bool>(),
        any::<bool>(),
        prop::option::of(0_u64..1_000),
    )
        .prop_map(|(name, columns, partition, required, is_family, rows)| {
            let star = if is_family { "_*" } else { "" };
            Table {
                rows,
                partitioning: partition.map(|column| Partitioning {
                    column: column.to_owned(),
                    unit: "DAY".to_owned(),
                }),
                require_partition_filter: required && partition.is_some(),
                shards: is_family.then(|| Shards {
                    count: 3,
                    first: "20240229".to_owned(),
                    last: "20240302".to_owned(),
                    ..Shards::default()
                }),
                columns,
                ..Table::new(["p", "d", &format!("{name}{star}")], TableKind::Table)
            }
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn examples_of_arbitrary_tables_are_grounded(
        tables in prop::collection::vec(any_table(), 0..5), is_bigquery: bool
    ) {
        let dialect = if is_bigquery { Dialect::Bigquery } else { Dialect::Postgres };
        let examples = rules::examples(&tables, dialect, 6);

        prop_assert!(examples.len() <= 6);
        assert_grounded(&examples, &tables, dialect);
        let sql: BTreeSet<&String> = examples.iter().map(|example| &example.sql).collect();
        prop_assert_eq!(sql.len(), examples.len());
    }
}
