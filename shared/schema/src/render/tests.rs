use proptest::prelude::*;
use sqlparser::ast::Statement;
use sqlparser::dialect::{BigQueryDialect, PostgreSqlDialect};
use sqlparser::parser::Parser;

use super::*;
use crate::bounds::{MAX_DEFINITION, fit_definition};
use crate::dialect::Dialect;
use crate::document::{
    Column, Definition, Drift, DriftKind, ForeignKey, Mode, Partitioning, ShardVersion, Shards,
    Table, TableKind,
};
use crate::name::TableName;

fn repeated(mut column: Column) -> Column {
    column.mode = Mode::Repeated;
    column
}

fn required(mut column: Column) -> Column {
    column.mode = Mode::Required;
    column
}

fn described(mut column: Column, description: &str) -> Column {
    column.description = Some(description.to_owned());
    column
}

fn record(name: &str, fields: Vec<Column>) -> Column {
    Column {
        fields,
        ..Column::leaf(name, "STRUCT")
    }
}

pub(super) fn table(name: &str, columns: Vec<Column>) -> Table {
    Table {
        columns,
        ..Table::new(
            TableName::of_unquoted(name, Dialect::Bigquery).unwrap(),
            TableKind::Table,
        )
    }
}

pub(super) fn events() -> Table {
    Table {
        description: Some("One row an event".into()),
        rows: Some(4_300_000),
        bytes: Some(1_200_000_000),
        shards: Some(Shards {
            count: 92,
            first: "20201101".into(),
            last: "20210131".into(),
            siblings: vec!["p.d.events_intraday_*".into()],
            versions: vec![
                ShardVersion {
                    first: "20201101".into(),
                    last: "20201130".into(),
                    count: 30,
                    changes: Vec::new(),
                },
                ShardVersion {
                    first: "20201201".into(),
                    last: "20210131".into(),
                    count: 62,
                    changes: vec![
                        Drift {
                            path: "user_id".into(),
                            kind: DriftKind::Added,
                            from: None,
                            to: Some("STRING".into()),
                            breaks_wildcard: false,
                        },
                        Drift {
                            path: "items.price".into(),
                            kind: DriftKind::Retyped,
                            from: Some("INT64".into()),
                            to: Some("FLOAT64".into()),
                            breaks_wildcard: true,
                        },
                    ],
                },
            ],
            ..Shards::default()
        }),
        ..table(
            "p.d.events_*",
            vec![
                described(
                    required(Column::leaf("event_date", "STRING")),
                    "The day, `YYYYMMDD`",
                ),
                repeated(record(
                    "event_params",
                    vec![
                        Column::leaf("key", "STRING"),
                        record(
                            "value",
                            vec![
                                Column::leaf("string_value", "STRING"),
                                Column::leaf("int_value", "INT64"),
                            ],
                        ),
                    ],
                )),
                Column::leaf("user_id", "STRING"),
                repeated(record(
                    "items",
                    vec![
                        described(Column::leaf("price", "FLOAT64"), "In USD"),
                        repeated(record("item_params", vec![Column::leaf("key", "STRING")])),
                    ],
                )),
                repeated(Column::leaf("tags", "STRING")),
                Column::leaf("group", "STRING"),
            ],
        )
    }
}

fn orders() -> Table {
    Table {
        description: Some("What people's carts became".into()),
        partitioning: Some(Partitioning {
            column: "placed_on, lower(region)".into(),
            unit: "RANGE".into(),
        }),
        primary_key: vec!["id".into()],
        foreign_keys: vec![ForeignKey::new(
            vec!["customer_id".into()],
            ["shop", "public", "Customer"],
            vec!["id".into()],
        )],
        ..table(
            "shop.public.orders",
            vec![
                required(Column::leaf("id", "bigint")),
                described(required(Column::leaf("customer_id", "bigint")), "Who\npaid"),
                Column::leaf("placed_on", "date"),
                Column {
                    fields: vec![Column::leaf("street", "text"), Column::leaf("city", "text")],
                    ..Column::leaf("ship_to", "shop.address")
                },
                repeated(Column {
                    fields: vec![Column::leaf("sku", "text")],
                    ..Column::leaf("lines", "line")
                }),
            ],
        )
    }
}

#[test]
fn a_bigquery_family_as_ddl() {
    assert_eq!(
        ddl(&events(), Dialect::Bigquery),
        r#"-- table family
-- shards: 92, _TABLE_SUFFIX '20201101' to '20210131'
-- siblings: the wildcard also reads p.d.events_intraday_*; filter _TABLE_SUFFIX BETWEEN '20201101' AND '20210131'
-- drift: from 20201201 added user_id STRING; retyped items.price INT64 -> FLOAT64 (a wildcard query over both sides fails)
CREATE TABLE `p.d.events_*` (
  event_date STRING NOT NULL OPTIONS(description="The day, \`YYYYMMDD\`"),
  event_params ARRAY<STRUCT<key STRING, value STRUCT<string_value STRING, int_value INT64>>>,
  user_id STRING,
  items ARRAY<STRUCT<price FLOAT64 OPTIONS(description="In USD"), item_params ARRAY<STRUCT<key STRING>>>>,
  tags ARRAY<STRING>,
  `group` STRING
)
OPTIONS(description="One row an event");
"#
    );
}

#[test]
fn a_postgres_table_as_ddl() {
    assert_eq!(
        ddl(&orders(), Dialect::Postgres),
        r#"CREATE TABLE public.orders (
  id bigint NOT NULL,
  customer_id bigint NOT NULL,
  placed_on date,
  ship_to shop.address, -- fields: street text, city text
  lines line[], -- fields: sku text
  PRIMARY KEY (id),
  FOREIGN KEY (customer_id) REFERENCES public."Customer" (id)
) PARTITION BY RANGE (placed_on, lower(region));
COMMENT ON TABLE public.orders IS 'What people''s carts became';
COMMENT ON COLUMN public.orders.customer_id IS E'Who\npaid';
"#
    );
}

#[test]
fn a_bigquery_family_as_a_card() {
    assert_eq!(
        text(&events(), Dialect::Bigquery),
        "\
table family: `p.d.events_*` (~4.3M rows, ~1.2GB)
about: One row an event
shards: 92, _TABLE_SUFFIX '20201101' to '20210131'
siblings: the wildcard also reads p.d.events_intraday_*; filter _TABLE_SUFFIX BETWEEN '20201101' AND '20210131'
drift: from 20201201 added user_id STRING; retyped items.price INT64 -> FLOAT64 (a wildcard query over both sides fails)
event_date STRING — The day, 'YYYYMMDD'
event_params STRUCT REPEATED [UNNEST(event_params) AS p -> p.key]
event_params.key STRING
event_params.value STRUCT
event_params.value.string_value STRING
event_params.value.int_value INT64
user_id STRING
items STRUCT REPEATED [UNNEST(items) AS i -> i.price]
items.price FLOAT64 — In USD
items.item_params STRUCT REPEATED [UNNEST(items) AS i, UNNEST(i.item_params) AS p2 -> p2.key]
items.item_params.key STRING
tags STRING REPEATED [UNNEST(tags) AS t]
`group` STRING
"
    );
}

#[test]
fn a_postgres_table_as_a_card() {
    assert_eq!(
        text(&orders(), Dialect::Postgres),
        "\
table: public.orders
about: What people's carts became
partition: RANGE of placed_on, lower(region)
key: id
foreign key: customer_id -> public.\"Customer\" (id)
id bigint
customer_id bigint — Who paid
placed_on date
ship_to shop.address [(ship_to).street]
ship_to.street text
ship_to.city text
lines line REPEATED [UNNEST(lines) AS l -> l.sku]
lines.sku text
"
    );
}

#[test]
fn a_partition_expression_depends_on_the_type_of_its_column() {
    let partition = |data_type: &str, column_name: &str, unit: &str| {
        let table = Table {
            partitioning: Some(Partitioning {
                column: column_name.into(),
                unit: unit.into(),
            }),
            clustering: vec!["a".into(), "order".into()],
            require_partition_filter: true,
            ..table("p.d.t", vec![Column::leaf("day", data_type)])
        };
        let ddl = ddl(&table, Dialect::Bigquery);
        let line = ddl.lines().find(|line| {
            line.to_lowercase().contains("partitioned by") || line.starts_with("PARTITION")
        });
        assert!(
            ddl.ends_with("CLUSTER BY a, `order`\nOPTIONS(require_partition_filter=TRUE);\n"),
            "{ddl}"
        );
        line.expect("a partition line").to_owned()
    };
    assert_eq!(partition("DATE", "day", "DAY"), "PARTITION BY day");
    assert_eq!(
        partition("DATE", "day", "MONTH"),
        "PARTITION BY DATE_TRUNC(day, MONTH)"
    );
    assert_eq!(
        partition("TIMESTAMP", "day", "HOUR"),
        "PARTITION BY TIMESTAMP_TRUNC(day, HOUR)"
    );
    assert_eq!(
        partition("DATETIME", "day", "DAY"),
        "PARTITION BY DATETIME_TRUNC(day, DAY)"
    );
    assert_eq!(
        partition("DATE", "_PARTITIONTIME", "DAY"),
        "PARTITION BY TIMESTAMP_TRUNC(_PARTITIONTIME, DAY)"
    );
    assert_eq!(
        partition("INT64", "day", "RANGE"),
        "-- partitioned by RANGE of day"
    );
}

#[test]
fn a_wide_struct_is_written_with_one_field_per_line() {
    let fields = (0..6)
        .map(|n| Column::leaf(format!("a_rather_long_field_name_{n}"), "STRING"))
        .collect();
    let ddl = ddl(
        &table(
            "p.d.t",
            vec![record("outer", fields), Column::leaf("x", "INT64")],
        ),
        Dialect::Bigquery,
    );
    assert!(
        ddl.contains("  `outer` STRUCT<\n    a_rather_long_field_name_0 STRING,\n    a_"),
        "{ddl}"
    );
    assert!(ddl.contains("name_5 STRING\n  >,\n  x INT64\n)"), "{ddl}");
}

#[test]
fn a_description_cannot_start_a_line_a_comment_or_a_fence() {
    let hostile = "ok\nsecrets.password STRING\r\n```\n*/ drop\u{2028}x\u{202e}y\u{0}z";
    let table = Table {
        description: Some(hostile.into()),
        ..table(
            "p.d.t",
            vec![described(Column::leaf("a", "INT64\nb STRING"), hostile)],
        )
    };
    for dialect in [Dialect::Bigquery, Dialect::Postgres] {
        let card = text(&table, dialect);
        assert_eq!(card.lines().count(), 3, "{card}");
        let name = table_name(&table.parts, dialect);
        assert!(!card.replace(&name, "").contains('`'), "{card}");
        for rendered in [card, ddl(&table, dialect)] {
            assert!(!rendered.contains("*/"), "{rendered}");
            assert!(
                !rendered.contains(['\r', '\u{2028}', '\u{202e}', '\u{0}']),
                "{rendered}"
            );
            assert!(
                !rendered.lines().any(|line| line.starts_with("secrets")),
                "{rendered}"
            );
            assert!(
                !rendered.lines().any(|line| line.starts_with("```")),
                "{rendered}"
            );
        }
    }
}

#[test]
fn a_literal_evaluates_to_its_text() {
    assert_eq!(
        literal(r#"a "b" \ 'c'"#, Dialect::Bigquery),
        r#""a \"b\" \\ 'c'""#
    );
    assert_eq!(
        literal("a\tb\u{202e}\u{e0041}", Dialect::Bigquery),
        r#""a\tb\u202e\U000e0041""#
    );
    assert_eq!(literal("it's \"so\"", Dialect::Postgres), "'it''s \"so\"'");
    assert_eq!(
        literal("it's\\\n*/", Dialect::Postgres),
        r"E'it''s\\\n*\x2f'"
    );
}

#[test]
fn a_name_is_quoted_only_if_it_must_be() {
    for (name, bigquery, postgres) in [
        ("plain_1", "plain_1", "plain_1"),
        ("Mixed", "Mixed", "\"Mixed\""),
        ("1st", "`1st`", "\"1st\""),
        ("a b", "`a b`", "\"a b\""),
        ("SELECT", "`SELECT`", "\"SELECT\""),
        ("user", "user", "\"user\""),
        ("rows", "`rows`", "rows"),
        ("größe", "`größe`", "\"größe\""),
        ("", "``", "\"\""),
        ("a`\"\n", "`a\\x60\"\\u000a`", "U&\"a`\"\"\\000a\""),
        ("a\\b", "`a\\\\b`", "\"a\\b\""),
        (
            "a\\b\u{e0041}",
            "`a\\\\b\\U000e0041`",
            "U&\"a\\\\b\\+0e0041\"",
        ),
    ] {
        assert_eq!(identifier(name, Dialect::Bigquery), bigquery);
        assert_eq!(identifier(name, Dialect::Postgres), postgres);
    }
}

proptest! {
    /// Whatever names and descriptions hold: one line a path in the card, and one statement with the
    /// same columns in the DDL.
    #[test]
    fn no_text_escapes_from_its_place(
        names in proptest::collection::hash_set("\\PC{1,12}|[a-z\n`\"'*/\\\\-]{1,8}", 1..5),
        description in any::<String>(),
    ) {
        let columns: Vec<Column> =
            names.iter().map(|name| described(Column::leaf(name, "INT64"), &description)).collect();
        let count = columns.len();
        let table = Table { description: Some(format!("x{description}")), ..table("p.d.t", columns) };
        for dialect in [Dialect::Bigquery, Dialect::Postgres] {
            prop_assert_eq!(text(&table, dialect).lines().count(), 2 + count);
            let ddl = ddl(&table, dialect);
            let parsed = match dialect {
                Dialect::Bigquery => Parser::parse_sql(&BigQueryDialect {}, &ddl),
                // The parser does not know names with escapes.
                Dialect::Postgres => {
                    Parser::parse_sql(&PostgreSqlDialect {}, &ddl.replace("U&\"", "\""))
                }
            };
            let statements = parsed.map_err(|error| TestCaseError::fail(format!("{error}: {ddl}")))?;
            let Some(Statement::CreateTable(create)) = statements.first() else {
                return Err(TestCaseError::fail(ddl));
            };
            prop_assert_eq!(create.columns.len(), count);
            let comments = if dialect == Dialect::Postgres { 1 + count } else { 0 };
            prop_assert_eq!(statements.len(), 1 + comments);
        }
    }
}

#[test]
fn the_query_of_a_view_is_rendered_and_says_if_it_is_cut() {
    let long = format!("select 1 as id -- {}", "x".repeat(MAX_DEFINITION));
    for (sql, kind, statement, is_cut) in [
        (
            "\n SELECT orders.id\n   FROM shop.orders;\n",
            TableKind::View,
            "-- CREATE VIEW d.t AS\n-- SELECT orders.id\n--    FROM shop.orders\nCREATE TABLE",
            false,
        ),
        (
            long.as_str(),
            TableKind::MaterializedView,
            "-- CREATE MATERIALIZED VIEW d.t AS\n-- select 1 as id -- xxx",
            true,
        ),
    ] {
        let mut definition = Definition::read(sql).unwrap();
        fit_definition(&mut definition);
        assert_eq!(definition.cut, is_cut);
        assert!(definition.sql.chars().count() <= MAX_DEFINITION);
        let view = Table {
            kind,
            definition: Some(definition),
            ..table("p.d.t", vec![Column::leaf("id", "bigint")])
        };
        let statements = ddl(&view, Dialect::Postgres);
        assert!(statements.contains(statement), "{statements}");
        assert!(Parser::parse_sql(&PostgreSqlDialect {}, &statements).is_ok());
        let card = text(&view, Dialect::Postgres);
        let lines = card.lines().filter(|line| line.starts_with("| "));
        assert!(lines.map(str::len).sum::<usize>() < 2_100, "{card}");
        assert!(card.contains("defined as:\n| "), "{card}");
        for rendered in [statements, card] {
            let says_so = rendered.contains("the rest of the query is omitted");
            assert_eq!(says_so, is_cut, "{rendered}");
        }
    }
}
