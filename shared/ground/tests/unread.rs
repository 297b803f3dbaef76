//! Queries that the parser can't read: when the warehouse may be asked, and what its answer proves.

use ground::{FaultKind, Schema, Unread};
use schema::Dialect;
use schema::document::Table;
use schema::mentions::Mentions;
use schema::name::TableName;
use schema::read::Read;

use crate::{bigquery, postgres};

fn tables(dialect: Dialect) -> Vec<Table> {
    match dialect {
        Dialect::Bigquery => bigquery(),
        Dialect::Postgres => postgres(),
    }
}

/// What the warehouse may be asked about a query that can't be read here.
fn asked(sql: &str, dialect: Dialect) -> Option<Unread> {
    let tables = tables(dialect);
    let schema = Schema::new(&tables, dialect).strict();
    let faults = ground::sql(sql, &schema).expect_err(sql);
    ground::unread(sql, &faults, &schema, &Mentions::default())
}

/// Whether the warehouse is asked about a query that the parser can't read because of its syntax, so that
/// its words alone decide.
fn asked_by_words(sql: &str, dialect: Dialect) -> bool {
    let tables = tables(dialect);
    let schema = Schema::new(&tables, dialect).strict();
    let faults = ground::sql(sql, &schema).expect_err(sql);
    let kinds: Vec<FaultKind> = faults.iter().map(|fault| fault.kind).collect();
    assert_eq!(kinds, [FaultKind::Syntax], "{sql}: {faults:?}");
    ground::unread(sql, &faults, &schema, &Mentions::default()).is_some()
}

/// A condition of Postgres that the parser can't read.
const UNREADABLE: &str = "where '<a/>'::xml is document";

fn all_are_asked(queries: &[&str]) {
    for query in queries {
        let sql = query.replace("UNREADABLE", UNREADABLE);
        assert!(asked_by_words(&sql, Dialect::Postgres), "{sql}");
    }
}

fn none_is_asked(queries: &[&str]) {
    for query in queries {
        let sql = query.replace("UNREADABLE", UNREADABLE);
        assert!(!asked_by_words(&sql, Dialect::Postgres), "{sql}");
    }
}

#[test]
fn the_warehouse_is_asked_about_one_query_that_only_reads_and_calls_known_functions() {
    for sql in [
        "select a from public.users, xmltable('/r' passing name::xml columns a int path 'b') as x",
        "select id from public.users order by id using <",
        "select name is nfc normalized, lower(name) is document from public.users",
        "select id from public.orders_2024",
        "(select id from public.users order by id using >) union all select count(*) from public.users;",
    ] {
        assert!(asked(sql, Dialect::Postgres).is_some(), "{sql}");
    }
    for sql in [
        "from `acme-data.shop.orders` |> match_something total",
        "select total from `acme-data.shop.orders` option unknown",
        "select sum(o.total) over (partition by o.status) from `acme-data.shop.orders` as o option unknown",
        "select extract(day from o.created_at) from `acme-data.shop.orders` as o, unnest(o.lines) as l option x",
    ] {
        assert!(asked(sql, Dialect::Bigquery).is_some(), "{sql}");
    }
    all_are_asked(&[
        "select id from public.users UNREADABLE",
        "select u.email, count(*) filter (where u.id > 1) over (partition by u.country order by u.id)
         from public.users as u UNREADABLE",
        "with recursive t (id, n) as (select id, 1 from public.users) select t.id from t UNREADABLE",
        "select cast(id as numeric(10, 2)), id::text::varchar(3), date '2024-01-01',
                timestamp with time zone '2024-01-01', null::public.order_status
         from public.orders UNREADABLE",
        "select a, b from public.users cross join jsonb_to_record(profile) as x (a int, b text) UNREADABLE",
        "select id from public.orders UNREADABLE and id between 1 and -1 and tags @> array['a']
         group by grouping sets ((id), ()), cube (id)",
        "select id, rank(3) within group (order by id), count(*) from public.users UNREADABLE
         and name like 'a%' and created_at at time zone 'UTC' < now() - interval '1 day'",
        "select x.a, name like 'a#%' escape '#'
         from public.users, xmltable('/r' passing (name::xml) columns a int path 'b') as x UNREADABLE",
        "select lower(name), pg_catalog.upper(name), 1e3, 1.5e-2, .5 from public.users UNREADABLE",
    ]);
}

#[test]
fn a_statement_that_writes_or_is_not_alone_is_not_sent_to_the_warehouse() {
    for sql in [
        "select id from public.users; select id from public.users",
        "delete from public.users using public.orders returning *",
        "with d as (delete from public.users returning id) select id from d order by id using <",
        "select id into public.copy from public.users order by id using <",
        "explain select id from public.users",
        "select id from public.users order by id using < for update",
        "select id from public.users order by id using < for no key update",
        "copy public.users to stdout",
        "do $$ begin end $$",
        // Where a literal or a comment ends is not certain.
        "select id from public.users order by id using < -- x\r union all select 1",
        "select id from public.users /* open",
        "select id from public.users where id = $1 order by id using <",
        // Names that are wrong, which the parser did read.
        "select idd from public.users",
        "select id from users",
        // A type that no column has.
        "select 'a'::public.mood from public.users",
    ] {
        assert!(asked(sql, Dialect::Postgres).is_none(), "{sql}");
    }
}

#[test]
fn a_call_that_is_not_recognized_keeps_a_query_from_the_warehouse() {
    none_is_asked(&[
        "select pg_read_file('x'), id from public.users UNREADABLE",
        "select \"pg_read_file\" ('x'), id from public.users UNREADABLE",
        "select hr.leak(id) as id from public.users UNREADABLE",
        "select leak(id) as id from public.users UNREADABLE",
        "select \"LOWER\"(name) from public.users UNREADABLE",
        "select id from public.users, leak(1) as l UNREADABLE",
        "select id from public.users, query_to_xml('x', true, true, '') as q UNREADABLE",
        "select repeat('x', 1000000000), id from public.users UNREADABLE",
        "select id from rows from (leak(1)) as t (id), public.users UNREADABLE",
        // After a value, where a call may begin.
        "select distinct on (id) leak(id) from public.users UNREADABLE",
        "select distinct on (id) repeat('x', 1000000000) from public.users UNREADABLE",
        "select distinct on (id) over(id) from public.users UNREADABLE",
        "select id from public.users UNREADABLE and (id) operator(pg_catalog.=) leak(1)",
        "select (id) leak(id) from public.users UNREADABLE",
        "select case when true then 'a' else leak(1) end from public.users UNREADABLE",
        "select 1else leak(1) from public.users UNREADABLE",
        // Words that only the other dialect reserves, or that only some places reserve.
        "select pivot('select 1') from public.users UNREADABLE",
        "select struct(1), string(1), bytes(1) from public.users UNREADABLE",
        "select by(1) from public.users UNREADABLE",
        "select passing(1) from public.users UNREADABLE",
        "select within(1) from public.users UNREADABLE",
        "select over(1) from public.users UNREADABLE",
        "select \"case\"(1) from public.users UNREADABLE",
    ]);
    for sql in [
        "from `acme-data.shop.orders` |> match_something leak(total)",
        "from `acme-data.shop.orders` |> match_something ml.generate_text(total)",
        "from `acme-data.shop.orders` |> match_something session_user()",
        "from `acme-data.shop.orders` |> match_something @day",
        "select with(a as `acme-data.shop.leak`(total), a) from `acme-data.shop.orders` option x",
        "from `acme-data.shop.orders` |> match_recognize(pattern (a) define a as leak(total))",
        "select total.(acme.leak)() from `acme-data.shop.orders` option x",
        "declare x int64; select x",
    ] {
        assert!(asked(sql, Dialect::Bigquery).is_none(), "{sql}");
    }
}

#[test]
fn a_function_that_runs_without_parentheses_keeps_a_query_from_the_warehouse() {
    none_is_asked(&[
        "select u.leak from public.users u UNREADABLE",
        "select (u).leak from public.users u UNREADABLE",
        "select u.\"leak\" from public.users u UNREADABLE",
        "select u.leak from public.users u, xmltable('/r' passing name::xml columns leak int path 'b') as x UNREADABLE",
        "select x.leak from xmltable('/r' passing '<r/>' columns leak int path 'b') as x
         UNREADABLE and exists (select x.leak from public.users as x)",
        "select id from public.users UNREADABLE and id @@@@ 1",
        "select id from public.users UNREADABLE order by id using <<<",
        "select id from public.users UNREADABLE and id operator(public.@@@) 1",
        "select id from public.users UNREADABLE and id ~~~ 1",
    ]);
}

#[test]
fn a_type_that_is_not_recognized_keeps_a_query_from_the_warehouse() {
    none_is_asked(&[
        "select (null::private.people).* from public.users UNREADABLE",
        "select (null::people).* from public.users UNREADABLE",
        "select (null::public.users).* from public.users UNREADABLE",
        "select (null::users).* from public.users UNREADABLE",
        "select (cast(null as private.people)).* from public.users UNREADABLE",
        "select (cast(null as users)).* from public.users UNREADABLE",
        "select (array[]::people[])[1] from public.users UNREADABLE",
        "select people '(1)' from public.users UNREADABLE",
        "select (escape '(1)').* from public.users UNREADABLE",
        "select users '(1)' from public.users UNREADABLE",
        "select public.users '(1)' from public.users UNREADABLE",
        "select (a).* from public.users, jsonb_to_record('{}') as x (a people) UNREADABLE",
        "select (a).* from public.users, jsonb_to_record('{}') as (a public.users) UNREADABLE",
        "select a from public.users, xmltable('/r' passing name::xml columns a people path 'b') UNREADABLE",
        "select a from public.users,
           xmltable('/r' passing name::xml columns c int path 'b', a public.users path 'b') UNREADABLE",
        "select xmlserialize(content name as people) from public.users UNREADABLE",
        "select json_value(profile, '$.a' returning people) from public.users UNREADABLE",
    ]);
}

#[test]
fn metadata_keeps_a_query_from_the_warehouse() {
    none_is_asked(&[
        "select oid as id from pg_catalog.pg_class UNREADABLE",
        "select id from public.users, pg_user UNREADABLE",
        "select 'hr.salaries'::regclass, id from public.users UNREADABLE",
        "select table_name as id from information_schema.tables UNREADABLE",
    ]);
    let escaped = "select id from U&\"d\\0061ta\".users order by id using <";
    assert!(asked(escaped, Dialect::Postgres).is_none());
    for sql in [
        "from `acme-data.shop.INFORMATION_SCHEMA.TABLES` |> match_something total",
        "from `acme-data.shop.__TABLES__` |> match_something total",
    ] {
        assert!(asked(sql, Dialect::Bigquery).is_none(), "{sql}");
    }
}

#[test]
fn a_path_that_is_not_a_table_of_the_schema_keeps_a_query_from_bigquery() {
    for sql in [
        "from `acme-data.hr.nobody` |> match_something total",
        "from hr.nobody |> match_something total",
        "from shop.orders |> match_something total",
        "select 1 as hr from `acme-data.shop.orders`, hr.nobody option x",
        "select 1 as hr from `acme-data.shop.orders` as a join hr.nobody as b on true option x",
        "select 1 as hr from `acme-data.shop.orders` as a join `acme-data.shop.orders` as b on true, hr.nobody option x",
        "select 1 as hr from (hr.nobody cross join `acme-data.shop.orders`) option x",
        "select total from my-orders.hr.nobody option x",
        "from `acme-data.shop.orders` |> match_something total, hr.nobody",
    ] {
        assert!(asked(sql, Dialect::Bigquery).is_none(), "{sql}");
    }
}

#[test]
fn what_a_query_mentions_that_is_hidden_keeps_it_from_the_warehouse() {
    let tables = postgres();
    let schema = Schema::new(&tables, Dialect::Postgres).strict();
    let hidden = Mentions::of(["people".to_owned()]);
    for (sql, is_asked) in [
        ("select id from public.users UNREADABLE", true),
        ("select people from public.users UNREADABLE", false),
        ("select \"People\" from public.users UNREADABLE", false),
        // Signs that are part of a word only in prose.
        ("select people*2 from public.users UNREADABLE", false),
        ("select 2-people from public.users UNREADABLE", false),
        (
            "select id from public.users UNREADABLE and name = 'people'",
            false,
        ),
    ] {
        let sql = sql.replace("UNREADABLE", UNREADABLE);
        let faults = ground::sql(&sql, &schema).expect_err(&sql);
        let unread = ground::unread(&sql, &faults, &schema, &hidden);
        assert_eq!(unread.is_some(), is_asked, "{sql}");
    }
}

fn name(name: &str) -> TableName {
    TableName::of_unquoted(name, Dialect::Bigquery).expect("three parts")
}

fn read(table: &str, partition: Option<&str>, is_beneath: bool) -> Read {
    Read {
        table: name(table),
        partition: partition.map(name),
        is_beneath,
    }
}

#[test]
fn a_table_outside_the_schema_is_only_read_beneath_another_one_and_unnamed() {
    let tables = postgres();
    let schema = Schema::new(&tables, Dialect::Postgres).strict();
    let sql = "select id from public.users order by id using <";
    let unread = asked(sql, Dialect::Postgres).expect("it is asked");
    let users = || read("app.public.users", None, false);
    for (reads, is_inside) in [
        (vec![users()], true),
        (vec![users(), read("app.hr.salaries", None, true)], true),
        (vec![users(), read("app.hr.salaries", None, false)], false),
        // The query may name this one.
        (vec![users(), read("app.hr.users", None, true)], false),
        (vec![users(), read("app.hr.id", None, true)], false),
        (vec![], true),
    ] {
        let found = unread.grounded(&reads, false, &schema);
        assert_eq!(found.is_ok(), is_inside, "{reads:?}: {found:?}");
    }
    let found = unread.grounded(
        &[users(), read("app.hr.salaries", None, true)],
        false,
        &schema,
    );
    assert_eq!(found.expect("inside").tables, ["app.public.users"]);
    assert!(unread.grounded(&[users()], true, &schema).is_err());
}

#[test]
fn a_partition_is_only_read_if_its_table_is_in_the_schema() {
    let tables = postgres();
    let schema = Schema::new(&tables, Dialect::Postgres).strict();
    let sql = "select id from public.orders_2024";
    let unread = asked(sql, Dialect::Postgres).expect("it is asked");
    let partition = Some("app.public.orders_2024");
    for (table, is_beneath, is_inside) in [
        ("app.public.orders", false, true),
        ("app.public.hidden", false, false),
        // A view reads the same table, and the query names its partition.
        ("app.public.hidden", true, false),
    ] {
        let reads = [read(table, partition, is_beneath)];
        let found = unread.grounded(&reads, false, &schema);
        assert_eq!(found.is_ok(), is_inside, "{reads:?}: {found:?}");
    }
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
        let reads: Vec<Read> = reads.iter().map(|it| Read::from(name(it))).collect();
        let found = unread.grounded(&reads, false, &schema);
        assert_eq!(found.is_ok(), is_inside, "{reads:?}: {found:?}");
        assert!(unread.grounded(&reads, true, &schema).is_err());
    }
}
