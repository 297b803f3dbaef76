//! Text that the parser and the warehouse read differently, and strict schemas.

use ground::{FaultKind, Schema};
use schema::Dialect;
use schema::document::TableKind;
use schema::name::TableName;
use schema::read::Read;

use crate::{bigquery, postgres};

#[test]
fn the_parser_and_the_warehouse_agree_on_where_a_comment_ends() {
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
fn spaces_that_only_the_parser_or_only_the_warehouse_accepts_are_refused() {
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
fn a_strict_schema_requires_full_table_names_and_no_comments() {
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
            assert_eq!(found[0].kind, FaultKind::Table, "{sql}");
            let reason = &found[0].reason;
            assert!(reason.contains(&format!("is short for {full}")), "{reason}");
            ground::sql(sql, &Schema::new(tables, dialect)).expect("people may be short");
        }
    }
}

fn table_name(joined: &str) -> TableName {
    TableName::of_unquoted(joined, Dialect::Bigquery).expect("three parts")
}

#[test]
fn tables_read_outside_the_datasets_of_a_query_are_found_except_below_views() {
    let mut tables = bigquery();
    let schema = Schema::new(&tables, Dialect::Bigquery);
    let found = ground::sql("select order_id from shop.orders", &schema).expect("it is right");
    let reads = |names: &[&str]| -> Vec<Read> {
        let names = names.iter().copied().map(table_name);
        names.map(Read::from).collect()
    };
    let orders = reads(&["acme-data.shop.orders", "acme-data.shop.orders_by_day"]);
    let people = reads(&["acme-data.shop.orders", "acme-data.hr.employees"]);
    let other = reads(&["other.shop.orders"]);
    assert_eq!(found.outside_datasets(&orders, &tables), None);
    assert_eq!(
        found.outside_datasets(&people, &tables),
        Some(&table_name("acme-data.hr.employees"))
    );
    assert_eq!(
        found.outside_datasets(&other, &tables),
        Some(&other[0].table)
    );

    let mut all = tables.iter_mut();
    let view = all.find(|table| table.name == "acme-data.shop.orders");
    view.expect("a table of the schema").kind = TableKind::View;
    assert_eq!(found.outside_datasets(&people, &tables), None);
}
