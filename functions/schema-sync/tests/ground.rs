//! Grounding: what does not exist is caught, and what is right passes.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use schema_sync::document::{Dialect, Table, TableKind};
use schema_sync::ground::{self, Kind, MAX_SQL_BYTES, Schema};

use crate::schema;

fn bigquery() -> Vec<Table> {
    schema::parse(include_str!("ground/bigquery.schema"))
}

fn postgres() -> Vec<Table> {
    schema::parse(include_str!("ground/postgres.schema"))
}

/// The entries of a corpus: what stands after `---`, and the lines below.
fn corpus(text: &'static str) -> Vec<(&'static str, &'static str)> {
    format_entries(text.strip_prefix("--- ").expect("a corpus starts with ---"))
}

fn format_entries(text: &'static str) -> Vec<(&'static str, &'static str)> {
    text.split("\n--- ")
        .map(|entry| entry.split_once('\n').expect("a heading and a text"))
        .map(|(heading, body)| (heading.trim(), body.trim()))
        .collect()
}

fn assert_right(entries: &[(&str, &str)], tables: &[Table], dialect: Dialect) {
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

fn assert_caught(entries: &[(&str, &str)], tables: &[Table], dialect: Dialect) {
    let schema = Schema::new(tables, dialect);
    let mut wrong = Vec::new();
    for (expected, sql) in entries {
        let (kind, identifier) = expected.split_once(' ').unwrap_or((expected, ""));
        let identifier = identifier.trim_matches('"').to_lowercase();
        match ground::sql(sql, &schema) {
            Ok(found) => wrong.push(format!("{sql}\n  passes: {found:?}")),
            Err(faults) => {
                let is_told = faults.iter().any(|fault| {
                    format!("{:?}", fault.kind) == kind
                        && fault.identifier.to_lowercase().contains(&identifier)
                });
                if !is_told {
                    wrong.push(format!("{sql}\n  expected {expected}: {faults:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn right_bigquery_sql_passes() {
    let entries = corpus(include_str!("ground/bigquery_right.sql"));
    assert_right(&entries, &bigquery(), Dialect::Bigquery);
}

#[test]
fn right_postgres_sql_passes() {
    let entries = corpus(include_str!("ground/postgres_right.sql"));
    assert_right(&entries, &postgres(), Dialect::Postgres);
}

#[test]
fn each_fault_in_bigquery_sql_is_caught_and_named() {
    let entries = corpus(include_str!("ground/bigquery_wrong.sql"));
    assert_caught(&entries, &bigquery(), Dialect::Bigquery);
}

#[test]
fn each_fault_in_postgres_sql_is_caught_and_named() {
    let entries = corpus(include_str!("ground/postgres_wrong.sql"));
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
fn a_description_that_mentions_what_is_not_there_is_caught() {
    let tables = bigquery();
    let schema = Schema::new(&tables, Dialect::Bigquery);
    let mut wrong = Vec::new();
    for (heading, text) in corpus(include_str!("ground/descriptions_wrong.txt")) {
        let (heading, expected) = heading.split_once(" | ").expect("what is wrong");
        let (table, column) = subject(heading, &tables);
        match ground::text(text, table, column.as_deref(), &schema) {
            Ok(()) => wrong.push(format!("{text}\n  passes")),
            Err(faults) => {
                // Exactly what is wrong, and nothing that is right.
                let is_told = faults
                    .iter()
                    .all(|fault| expected.contains(fault.identifier.as_str()));
                if !is_told {
                    wrong.push(format!("{text}\n  expected {expected}: {faults:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn a_description_that_mentions_only_what_is_there_passes() {
    let tables = bigquery();
    let schema = Schema::new(&tables, Dialect::Bigquery);
    let mut wrong = Vec::new();
    for (heading, text) in corpus(include_str!("ground/descriptions_right.txt")) {
        let (table, column) = subject(heading, &tables);
        if let Err(faults) = ground::text(text, table, column.as_deref(), &schema) {
            wrong.push(format!("{text}\n  {faults:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

fn faults(sql: &str) -> Vec<ground::Fault> {
    let tables = bigquery();
    ground::sql(sql, &Schema::new(&tables, Dialect::Bigquery)).expect_err(sql)
}

#[test]
fn a_comment_ends_for_the_parser_where_it_ends_for_the_warehouse() {
    let bigquery = bigquery();
    let schema = Schema::new(&bigquery, Dialect::Bigquery);
    for end in ["\r", "\u{b}", "\u{c}", "\u{85}", "\u{2028}", "\u{2029}"] {
        for sql in [
            format!(
                "select order_id from shop.orders -- x{end}union all select salary from hr.employees"
            ),
            format!("select order_id from shop.orders # x{end}; drop table shop.orders"),
            format!("# x{end}select salary from hr.employees\nselect order_id from shop.orders"),
        ] {
            let found = ground::sql(&sql, &schema).expect_err(&sql);
            assert_eq!(
                found[0].identifier, "the end of a line in a comment",
                "{sql:?}"
            );
        }
    }
    let nested = "select order_id /* /* */ from hr.employees -- */ from shop.orders";
    assert!(ground::sql(nested, &schema).is_err());
    for sql in [
        "-- a\r\n# b\r\nselect /* c\r\n * */ order_id\r\nfrom shop.orders -- d",
        "select '--', \"#\", '\\'', r'\\d#', '''a\n'b'''\nfrom shop.orders",
        "select order_id from shop.orders where status = '/* \\' */' -- '",
    ] {
        let found = ground::sql(sql, &schema);
        assert_eq!(found.expect(sql).tables, ["acme-data.shop.orders"], "{sql}");
    }
    let postgres = postgres();
    let schema = Schema::new(&postgres, Dialect::Postgres);
    for sql in [
        "select id /* /* */ ' */ from orders",
        "select '\\', E'\\'', 'it''s', \"id\" from orders -- '",
    ] {
        let found = ground::sql(sql, &schema);
        assert_eq!(found.expect(sql).tables.len(), 1, "{sql}");
    }
}

#[test]
fn spaces_that_only_one_of_the_two_takes_for_spaces_are_refused() {
    let (bigquery, postgres) = (bigquery(), postgres());
    for space in [
        "\u{a0}", "\u{2003}", "\u{3000}", "\u{200b}", "\u{feff}", "\u{b}", "\0",
    ] {
        for (tables, dialect, sql) in [
            (
                &bigquery,
                Dialect::Bigquery,
                format!("select{space}order_id from shop.orders"),
            ),
            (
                &postgres,
                Dialect::Postgres,
                format!("select id{space}from orders"),
            ),
        ] {
            let found = ground::sql(&sql, &Schema::new(tables, dialect)).expect_err(&sql);
            let identifier = &found[0].identifier;
            assert!(identifier.starts_with("the character U+"), "{found:?}");
        }
    }
}

#[test]
fn what_nobody_vouches_for_names_its_tables_in_full_and_has_no_comments() {
    let (bigquery, postgres) = (bigquery(), postgres());
    for (tables, dialect, whole, short, full) in [
        (
            &bigquery,
            Dialect::Bigquery,
            "select o.order_id from `acme-data.shop.orders` as o, o.lines",
            [
                "select order_id from shop.orders",
                "select order_id from `shop.orders`",
            ],
            "acme-data.shop.orders",
        ),
        (
            &postgres,
            Dialect::Postgres,
            "with o as (select id from public.orders) select id from o",
            ["select id from orders", "select o.* from orders as o"],
            "app.public.orders",
        ),
    ] {
        let schema = Schema::new(tables, dialect).strict();
        ground::sql(whole, &schema).expect(whole);
        let commented = format!("{whole} -- as asked");
        let found = ground::sql(&commented, &schema).expect_err("a comment");
        assert_eq!(found[0].identifier, "a comment");
        for sql in short {
            let found = ground::sql(sql, &schema).expect_err(sql);
            assert_eq!(found[0].kind, Kind::Table, "{sql}");
            let reason = &found[0].reason;
            assert!(reason.contains(&format!("is short for {full}")), "{reason}");
            ground::sql(sql, &Schema::new(tables, dialect)).expect("people may be short");
        }
    }
}

#[test]
fn what_the_warehouse_reads_beyond_the_datasets_of_a_query_is_unseen_but_below_views() {
    let mut tables = bigquery();
    let schema = Schema::new(&tables, Dialect::Bigquery);
    let found = ground::sql("select order_id from shop.orders", &schema).expect("it is right");
    let reads = |names: &[&str]| -> Vec<String> { names.iter().map(ToString::to_string).collect() };
    let orders = reads(&["acme-data.shop.orders", "acme-data.shop.orders_by_day"]);
    let people = reads(&["acme-data.shop.orders", "acme-data.hr.employees"]);
    let other = reads(&["other.shop.orders"]);
    assert_eq!(found.unseen(&orders, &tables), None);
    assert_eq!(
        found.unseen(&people, &tables),
        Some("acme-data.hr.employees")
    );
    assert_eq!(found.unseen(&other, &tables), Some("other.shop.orders"));

    let mut all = tables.iter_mut();
    let view = all.find(|table| table.name == "acme-data.shop.orders");
    view.expect("a table of the schema").kind = TableKind::View;
    assert_eq!(found.unseen(&people, &tables), None);
}

#[test]
fn the_corpora_are_large_enough_and_hold_nothing_twice() {
    let wrong = [
        include_str!("ground/bigquery_wrong.sql"),
        include_str!("ground/postgres_wrong.sql"),
        include_str!("ground/descriptions_wrong.txt"),
    ];
    let right = [
        include_str!("ground/bigquery_right.sql"),
        include_str!("ground/postgres_right.sql"),
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
fn every_column_that_is_mentioned_is_told_with_its_parents() {
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
fn a_star_mentions_every_column_that_it_stands_for() {
    let tables = bigquery();
    let found = ground::sql(
        "select * except (email) from shop.customers",
        &Schema::new(&tables, Dialect::Bigquery),
    )
    .expect("it is right");

    assert_eq!(found.columns.len(), 5);
}

#[test]
fn a_fault_tells_how_to_repair_it() {
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
        "analytics.events_20190101 is no shard of acme-data.analytics.events_*: they run from \
         20201101 to 20210131"
    );
}

#[test]
fn a_fault_in_a_subquery_does_not_make_faults_of_what_reads_it() {
    let found = faults(
        "with a as (select missing as m, status from shop.orders)
         select a.m.anything, b.whatever from a join nowhere.b on b.id = a.m",
    );

    let kinds: Vec<Kind> = found.iter().map(|fault| fault.kind).collect();
    assert_eq!(kinds, [Kind::Column, Kind::Table]);
}

#[test]
fn sql_that_is_too_long_or_too_deep_is_a_fault() {
    let cases = [
        (
            format!("select '{}'", "a".repeat(MAX_SQL_BYTES)),
            Kind::TooLarge,
        ),
        (format!("select 1{}", " + 1".repeat(20_000)), Kind::TooLarge),
        (format!("select {}1", "-".repeat(9_000)), Kind::Syntax),
        (format!("select {}1", "not ".repeat(9_000)), Kind::Syntax),
        (
            format!("select {}1{}", "(".repeat(900), ")".repeat(900)),
            Kind::Syntax,
        ),
        (format!("select * from {}", "(".repeat(900)), Kind::Syntax),
        (format!("{}select 1", "select (".repeat(900)), Kind::Syntax),
        (format!("select {}", "case when ".repeat(900)), Kind::Syntax),
        (
            format!("select 1{}", " is null".repeat(5_000)),
            Kind::TooLarge,
        ),
        (
            format!("select 1{}", " union all select 1".repeat(4_000)),
            Kind::TooLarge,
        ),
        (
            format!("select {}'a'{}", "position(".repeat(20), ")".repeat(20)),
            Kind::TooLarge,
        ),
        (
            format!("select {}'a'{}", "f(Position (".repeat(20), "))".repeat(20)),
            Kind::TooLarge,
        ),
        (format!("select a{}", "[0]".repeat(6_000)), Kind::Column),
        (format!("select {}", "array<".repeat(3_000)), Kind::Syntax),
        (format!("select {}", "struct(".repeat(3_000)), Kind::Syntax),
        (
            format!("select cast(1 as {}", "array<".repeat(3_000)),
            Kind::Syntax,
        ),
    ];
    for (sql, kind) in cases {
        let begun = Instant::now();
        let found = faults(&sql);
        assert_eq!(found[0].kind, kind, "{}: {:?}", &sql[..30], found[0]);
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(5), "{}: {took:?}", &sql[..30]);
    }
}

#[test]
fn a_long_chain_of_conditions_is_no_fault() {
    let tables = bigquery();
    let sql = format!(
        "select order_id from shop.orders where order_id = 0{}",
        " or order_id = 1".repeat(2_000)
    );

    let found = ground::sql(&sql, &Schema::new(&tables, Dialect::Bigquery));

    assert!(found.is_ok(), "{found:?}");
}

#[test]
fn a_long_description_is_checked_to_its_end() {
    let tables = bigquery();
    let schema = Schema::new(&tables, Dialect::Bigquery);
    let check = |text: &str| ground::text(text, &tables[0], None, &schema);

    let long = "values such as page_view, event_name, 'a_b' and (c) `platform`; ".repeat(280);
    assert_eq!(check(&long), Ok(()));
    let faults = check(&format!("{long} is_active_user")).expect_err("the last word is wrong");
    assert_eq!(faults[0].identifier, "is_active_user");
    let faults = check(&long.repeat(2)).expect_err("it is too long");
    assert_eq!(faults[0].kind, Kind::TooLarge);
}

/// A query with one name misspelt wherever it stands.
fn misspelt(sql: &str, name: &str) -> Option<String> {
    let word = regex::Regex::new(&format!(r"(?i)\b{}\b", regex::escape(name))).expect("a word");
    let wrong = word.replace_all(sql, format!("{name}_zz"));
    (wrong != sql).then(|| wrong.into_owned())
}

#[test]
fn no_column_of_a_right_query_can_be_misspelt_unnoticed() {
    let corpora = [
        (
            bigquery(),
            Dialect::Bigquery,
            include_str!("ground/bigquery_right.sql"),
        ),
        (
            postgres(),
            Dialect::Postgres,
            include_str!("ground/postgres_right.sql"),
        ),
    ];
    let mut misspellings = 0;
    for (tables, dialect, text) in corpora {
        let schema = Schema::new(&tables, dialect);
        for (_, sql) in corpus(text) {
            let right = ground::sql(sql, &schema).expect(sql);
            for (_, path) in right.columns {
                let name = path.rsplit('.').next().expect("a path has a name");
                let Some(wrong) = misspelt(sql, name) else {
                    continue;
                };
                misspellings += 1;
                let found = ground::sql(&wrong, &schema);
                assert!(found.is_err(), "{name} is misspelt in\n{wrong}\n{found:?}");
            }
        }
    }
    assert!(misspellings > 200, "{misspellings}");
}

/// Pieces that make SQL likely to be parsed, in any order.
const PIECES: &str = "select from where ( ) , . * ` ' \" [ ] with as unnest struct array over \
    partition by order group having join on using lateral union all shop.orders customers c total \
    lines `acme-data.analytics.events_*` event_params key value 1 '2021' = and between exists case \
    when then else end :: -> pivot for in qualify window w interval date { } ; -- /* */ @ $1 한글 \
    recursive except replace offset(0) cast limit null";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_text_makes_the_grounder_panic(text in any::<String>(), path in "[a-z_.]{0,20}") {
        for (tables, dialect) in [(bigquery(), Dialect::Bigquery), (postgres(), Dialect::Postgres)] {
            let schema = Schema::new(&tables, dialect);
            let found = ground::sql(&text, &schema);
            prop_assert!(found.is_ok() || found.is_err_and(|faults| !ground::is_unchecked(&faults)));
            let _ = ground::text(&text, &tables[0], Some(&path), &schema);
            let _ = ground::text(&text, &tables[0], None, &schema);
        }
    }

    #[test]
    fn no_jumble_of_sql_makes_the_grounder_panic(
        pieces in prop::collection::vec(
            prop::sample::select(PIECES.split_whitespace().collect::<Vec<_>>()), 0..40)
    ) {
        let text = format!("select {}", pieces.join(" "));
        for (tables, dialect) in [(bigquery(), Dialect::Bigquery), (postgres(), Dialect::Postgres)] {
            let schema = Schema::new(&tables, dialect);
            if let Err(faults) = ground::sql(&text, &schema) {
                prop_assert!(!faults.is_empty());
                prop_assert!(!ground::is_unchecked(&faults));
            }
            let _ = ground::text(&text, &tables[0], None, &schema);
        }
    }

    #[test]
    fn a_column_that_is_not_there_is_a_fault_wherever_it_stands(
        name in "[a-z]{3,8}_zz",
        shape in prop::sample::select(vec![
            "select {} from shop.orders",
            "select o.{} from shop.orders o",
            "select 1 from shop.orders where {} is null",
            "select 1 from shop.orders group by {}",
            "select 1 from shop.orders order by {}",
            "select sum(total) over (partition by {}) from shop.orders",
            "select shipping.{} from shop.orders",
            "select (select max({}) from shop.customers) from shop.orders",
            "select l.{} from shop.orders, unnest(lines) l",
            "with a as (select * from shop.orders) select a.{} from a",
            "select 1 from shop.orders o join shop.customers c on o.customer_id = c.{}",
            "select 1 from shop.orders join shop.customers using ({})",
            "select * except ({}) from shop.orders",
            "select if({} > 1, 'a', 'b') from shop.orders",
            "select array(select {} from unnest(lines)) from shop.orders",
        ])
    ) {
        let tables = bigquery();
        let found = ground::sql(&shape.replace("{}", &name), &Schema::new(&tables, Dialect::Bigquery));
        let faults = found.expect_err(shape);
        prop_assert!(faults.iter().any(|fault| fault.identifier.contains(&name)));
    }
}
