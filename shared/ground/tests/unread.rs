//! Queries that the parser can't read: when the warehouse may be asked, and what its answer proves.

use ground::{Schema, Unread};
use schema::Dialect;
use schema::name::TableName;

use crate::{bigquery, postgres};

/// What the warehouse may be asked about a query that can't be read here.
fn asked(sql: &str, dialect: Dialect) -> Option<Unread> {
    let tables = match dialect {
        Dialect::Bigquery => bigquery(),
        Dialect::Postgres => postgres(),
    };
    let schema = Schema::new(&tables, dialect).strict();
    let faults = ground::sql(sql, &schema).expect_err(sql);
    ground::unread(sql, &faults, &schema)
}

#[test]
fn the_warehouse_is_asked_about_one_query_that_only_reads_and_calls_known_functions() {
    for sql in [
        "table public.users",
        "select x.a from public.users, xmltable('/r' passing name::xml columns a int path 'b') as x",
        "select id from public.users order by id using <",
        "select name is nfc normalized, lower(name) is document from public.users",
        "select 'a'::public.mood from public.users",
        "select id from public.orders_2024",
        "(select id from public.users order by id using >) union all select count(*) from public.users;",
    ] {
        assert!(asked(sql, Dialect::Postgres).is_some(), "{sql}");
    }
    for sql in [
        "from `acme-data.shop.orders` |> match_something total",
        "select total from `acme-data.shop.orders` option unknown",
    ] {
        assert!(asked(sql, Dialect::Bigquery).is_some(), "{sql}");
    }
}

#[test]
fn the_warehouse_is_not_asked_about_anything_else() {
    let unreadable = "order by id using <";
    for sql in [
        // Statements.
        "select id from public.users; table public.users",
        "delete from public.users using public.orders returning *",
        "with d as (delete from public.users returning id) select id from d order by id using <",
        "select id into public.copy from public.users order by id using <",
        "explain table public.users",
        "select id from public.users order by id using < for update",
        "select id from public.users order by id using < for no key update",
        "copy public.users to stdout",
        "do $$ begin end $$",
        // Functions.
        &format!("select pg_read_file('x'), id from public.users {unreadable}"),
        &format!("select \"pg_read_file\" ('x'), id from public.users {unreadable}"),
        &format!("select hr.leak(id) as id from public.users {unreadable}"),
        &format!("select leak(id) as id from public.users {unreadable}"),
        &format!("select id from public.users, leak(1) as l {unreadable}"),
        &format!("select id from public.users, query_to_xml('x', true, true, '') {unreadable}"),
        &format!("select repeat('x', 1000000000), id from public.users {unreadable}"),
        &format!("select id from rows from (leak(1)) as t (id), public.users {unreadable}"),
        // Metadata.
        &format!("select oid as id from pg_catalog.pg_class {unreadable}"),
        &format!("select id from public.users, pg_user {unreadable}"),
        &format!("select 'hr.salaries'::regclass, id from public.users {unreadable}"),
        &format!("select table_name as id from information_schema.tables {unreadable}"),
        &format!("select id from U&\"d\\0061ta\".users {unreadable}"),
        // Where a literal or a comment ends is not certain.
        "select id from public.users order by id using < -- x\r union all select 1",
        "select id from public.users /* open",
        "select id from public.users where id = $1 order by id using <",
        // Names that are wrong, which the parser did read.
        "select idd from public.users",
        "select id from users",
    ] {
        assert!(asked(sql, Dialect::Postgres).is_none(), "{sql}");
    }
    for sql in [
        "from `acme-data.shop.orders` |> match_something leak(total)",
        "from `acme-data.shop.orders` |> match_something ml.generate_text(total)",
        "from `acme-data.shop.INFORMATION_SCHEMA.TABLES` |> match_something total",
        "from `acme-data.shop.__TABLES__` |> match_something total",
        "from `acme-data.shop.orders` |> match_something session_user()",
        "from `acme-data.shop.orders` |> match_something @day",
        "declare x int64; select x",
        "from `acme-data.hr.nobody` |> where total > 1",
    ] {
        assert!(asked(sql, Dialect::Bigquery).is_none(), "{sql}");
    }
}

fn names(names: &[&str]) -> Vec<TableName> {
    let parts = names
        .iter()
        .map(|name| TableName::of_unquoted(name, Dialect::Bigquery).expect("three parts"));
    parts.collect()
}

#[test]
fn a_table_outside_the_schema_is_only_read_below_one_that_the_query_names() {
    let tables = postgres();
    let schema = Schema::new(&tables, Dialect::Postgres).strict();
    let sql = "select id from public.users order by id using <";
    let unread = asked(sql, Dialect::Postgres).expect("it is asked");
    for (reads, is_inside) in [
        (&["app.public.users"][..], true),
        // A table below a view, or one that inherits.
        (&["app.public.users", "app.hr.salaries"], true),
        // The query may name this one.
        (&["app.hr.users"], false),
        (&["app.hr.id"], false),
        (&[], true),
    ] {
        let found = unread.grounded(&names(reads), &schema);
        assert_eq!(found.is_ok(), is_inside, "{reads:?}: {found:?}");
    }
    let found = unread.grounded(&names(&["app.public.users", "app.hr.salaries"]), &schema);
    assert_eq!(found.expect("inside").tables, ["app.public.users"]);
}

#[test]
fn bigquery_must_report_tables_of_the_schema_alone_and_all_of_them() {
    let tables = bigquery();
    let schema = Schema::new(&tables, Dialect::Bigquery).strict();
    let sql = "from `acme-data.shop.orders` |> match_something total";
    let unread = asked(sql, Dialect::Bigquery).expect("it is asked");
    let fifty = vec!["acme-data.shop.orders"; 50];
    for (reads, is_inside) in [
        (&["acme-data.shop.orders"][..], true),
        (&["acme-data.analytics.events_20210101"], true),
        (&["acme-data.shop.orders", "acme-data.secret.people"], false),
        // The report may be cut after 50 tables.
        (&fifty, false),
    ] {
        let found = unread.grounded(&names(reads), &schema);
        assert_eq!(found.is_ok(), is_inside, "{reads:?}: {found:?}");
    }
}
