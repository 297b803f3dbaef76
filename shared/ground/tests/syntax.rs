//! The syntax of the dialects: what the parser does not know by itself, names that need quotes, and the
//! extensions of a database.

use ground::{FaultKind, Schema};
use schema::Dialect;
use schema::document::{Column, Extension, Mode, Partitioning, Table, TableKind};

use crate::queries::{assert_caught, assert_right, corpus};
use crate::{bigquery, outline, postgres};

fn tables() -> Vec<Table> {
    outline::parse(include_str!("corpus/bigquery_syntax.schema"))
}

/// The faults of a Postgres query in a database with these extensions.
fn postgres_faults(sql: &str, extensions: Option<&[Extension]>) -> Vec<ground::Fault> {
    let tables = postgres();
    let schema = Schema::new(&tables, Dialect::Postgres).with_extensions(extensions);
    ground::sql(sql, &schema).err().unwrap_or_default()
}

#[test]
fn valid_bigquery_syntax_passes() {
    let entries = corpus(include_str!("corpus/bigquery_syntax_right.sql"));
    assert_right(&entries, &tables(), Dialect::Bigquery);
}

#[test]
fn each_fault_in_bigquery_syntax_is_caught_and_named() {
    let entries = corpus(include_str!("corpus/bigquery_syntax_wrong.sql"));
    assert_caught(&entries, &tables(), Dialect::Bigquery);
}

#[test]
fn types_and_grouping_are_left_to_the_warehouse() {
    let tables = tables();
    let schema = Schema::new(&tables, Dialect::Bigquery);
    for (rule, sql) in corpus(include_str!("corpus/bigquery_planned.sql")) {
        assert!(ground::sql(sql, &schema).is_ok(), "{rule}: {sql}");
    }
}

#[test]
fn a_reserved_word_or_a_text_as_a_name_is_refused_with_the_quoting_that_fixes_it() {
    let (bigquery, postgres) = (bigquery(), postgres());
    for (sql, dialect, quoted) in [
        ("select hash from shop.orders", Dialect::Bigquery, "`hash`"),
        (
            "select total as group from shop.orders",
            Dialect::Bigquery,
            "`group`",
        ),
        (
            "select window.total from shop.orders as window",
            Dialect::Bigquery,
            "`window`",
        ),
        (
            "with rows as (select 1 as n) select n from rows",
            Dialect::Bigquery,
            "`rows`",
        ),
        (
            "select 1 from 'acme-data.shop.orders'",
            Dialect::Bigquery,
            "`acme-data.shop.orders`",
        ),
        (
            "select 1 from \"shop.orders\"",
            Dialect::Bigquery,
            "`shop.orders`",
        ),
        (
            "select total as 'sum of all' from shop.orders",
            Dialect::Bigquery,
            "`sum of all`",
        ),
        ("select 1st from shop.orders", Dialect::Bigquery, "`1st`"),
        (
            "select user.id from users as user",
            Dialect::Postgres,
            "\"user\"",
        ),
        (
            "with end as (select 1 as n) select n from end",
            Dialect::Postgres,
            "\"end\"",
        ),
        ("select 2nd from users", Dialect::Postgres, "\"2nd\""),
    ] {
        let tables = match dialect {
            Dialect::Bigquery => &bigquery,
            Dialect::Postgres => &postgres,
        };
        let found = ground::sql(sql, &Schema::new(tables, dialect)).expect_err(sql);
        assert!(
            found[0].reason.contains(&format!("write {quoted}")),
            "{sql}: {found:?}"
        );
        // What is no name is not missing.
        assert!(
            !found
                .iter()
                .any(|fault| fault.reason.contains("there is no")),
            "{found:?}"
        );
    }
}

#[test]
fn a_reserved_word_after_a_dot_or_in_quotes_is_a_name() {
    let tables = tables();
    let schema = Schema::new(&tables, Dialect::Bigquery);
    let sql =
        "select o.select, o.group.end, `select`, id as `order` from `acme-prod-1.shop.orders` o";
    ground::sql(sql, &schema).expect("names");
    let tables = postgres();
    let schema = Schema::new(&tables, Dialect::Postgres);
    ground::sql("select id as order, u.name as end from users u", &schema).expect("labels");
}

#[test]
fn a_query_that_cannot_be_read_says_where() {
    let found = crate::faults("select (order_id,\n  total from shop.orders");
    assert_eq!(found[0].kind, FaultKind::Syntax);
    let place = "it can't be read here, at line 2, column 9: ";
    assert!(found[0].reason.starts_with(place), "{found:?}");
}

#[test]
fn a_table_that_requires_a_filter_needs_one_on_its_partitioning_column() {
    let tables = tables();
    let schema = Schema::new(&tables, Dialect::Bigquery);
    let table = "`acme-prod-1.crypto.transactions`";
    for sql in [
        format!("select value from {table} where date(block_timestamp) = '2024-01-01'"),
        format!(
            "with t as (select * from {table}) select value from t where block_timestamp > '2024-01-01'"
        ),
        format!(
            "select value from (select date(block_timestamp) as d, value from {table}) where d > '2024-01-01'"
        ),
        format!("from {table} |> where block_timestamp > '2024-01-01' |> select value"),
        format!(
            "from {table} |> extend date(block_timestamp) as d |> where d > '2024-01-01' |> select value"
        ),
        format!(
            "select value from {table} where (value > 1 or value < 0) and block_timestamp is not null"
        ),
        format!(
            "select value from {table} where block_timestamp < '2024-01-01' or (true and block_timestamp > '2025-01-01')"
        ),
        format!(
            "select 1 from unnest([1]) as x where x = 1 or exists (select 1 from {table} where block_timestamp > '2024-01-01')"
        ),
    ] {
        ground::sql(&sql, &schema).expect(&sql);
    }
    for sql in [
        format!("select sum(value) from {table}"),
        format!("select date(block_timestamp), sum(value) from {table} group by 1"),
        format!("select value from {table} where from_address = 'x'"),
        format!("select value from {table} where block_timestamp is null or true"),
        format!(
            "select value from {table} where value > 1 and (false or (block_timestamp is null or value > 2))"
        ),
        format!("select block_timestamp from {table} where value > 1"),
        format!(
            "select v from (select value as v from {table} where block_timestamp is null or true) where v > 1"
        ),
    ] {
        let found = ground::sql(&sql, &schema).expect_err(&sql);
        assert!(
            found[0]
                .reason
                .ends_with("add a condition on block_timestamp"),
            "{found:?}"
        );
    }
}

#[test]
fn a_required_filter_is_one_of_the_table_that_requires_it() {
    let table = |name: &str, column: &str| {
        let mut table = Table::new(["p", "d", name], TableKind::Table);
        table.columns = ["id", "day"].map(|name| Column::leaf(name, "DATE")).into();
        table.partitioning = Some(Partitioning {
            column: column.to_owned(),
            unit: "DAY".to_owned(),
        });
        table.require_partition_filter = true;
        table
    };
    let mut free = table("free", "day");
    free.require_partition_filter = false;
    let tables = [
        table("a", "day"),
        table("b", "day"),
        table("t", "_PARTITIONTIME"),
        table("u", "_PARTITIONTIME"),
        free,
    ];
    let schema = Schema::new(&tables, Dialect::Bigquery);
    for sql in [
        "select a.id from d.a join d.b using (id) where a.day = '2024-01-01' and b.day = '2024-01-01'",
        "select a.id from d.a join d.b on a.day = b.day where a.day = '2024-01-01'",
        "select id from d.free as free join d.a using (id, day) join d.b using (id, day) where day = '2024-01-01'",
        "select a.id from d.a join d.b using (day) where b.day = '2024-01-01'",
        "select id from (select id, day from d.a union all select id, day from d.b) where day = '2024-01-01'",
        "select t.id from d.t join d.u using (id) where t._PARTITIONTIME > '2024-01-01' and u._PARTITIONDATE > '2024-01-01'",
        "select id from (select id, _PARTITIONTIME as time from d.t) where time > '2024-01-01'",
        "select x.id from d.a as x join d.free using (id) where x.DAY = '2024-01-01'",
    ] {
        let found = ground::sql(sql, &schema).expect(sql);
        let is_pseudo = |(_, path): &(String, String)| path.starts_with('_');
        assert!(!found.columns.iter().any(is_pseudo), "{found:?}");
    }
    for (sql, table) in [
        (
            "select a.id from d.a join d.b using (id) where a.day = '2024-01-01'",
            "p.d.b",
        ),
        (
            "select a.id from d.a join d.free using (id) where free.day = '2024-01-01'",
            "p.d.a",
        ),
        (
            "select t.id from d.t join d.u using (id) where t._PARTITIONTIME > '2024-01-01'",
            "p.d.u",
        ),
        ("select a.id from d.a join d.b using (day)", "p.d.a"),
    ] {
        let faults = ground::sql(sql, &schema).expect_err(sql);
        assert!(faults[0].reason.starts_with(table), "{sql}: {faults:?}");
    }
}

#[test]
fn a_wildcard_over_tables_has_the_columns_of_the_newest_one() {
    let tables = tables();
    let schema = Schema::new(&tables, Dialect::Bigquery);
    ground::sql("select new_a from `acme-prod-1.shop.sales_*`", &schema).expect("the newest");
    let found = ground::sql("select old_a from `acme-prod-1.shop.sales_*`", &schema);
    assert_eq!(found.expect_err("an older one")[0].kind, FaultKind::Column);
}

fn trigrams() -> Extension {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Extension {
        name: "pg_trgm".into(),
        schema: "tools".into(),
        types: names(&["gtrgm"]),
        functions: names(&["similarity"]),
        operators: names(&["%", "<->"]),
    }
}

#[test]
fn functions_types_and_operators_are_those_of_the_extensions_of_the_database() {
    let sql = "select similarity(name, 'x'), tools.similarity(name, 'y'), name <-> 'x' from users";
    assert_eq!(postgres_faults(sql, Some(&[trigrams()])), []);
    for (sql, extension) in [
        (
            "select similarity(name, 'x') from users",
            "a function of the extension pg_trgm",
        ),
        (
            "select name::citext from users",
            "a type of the extension citext",
        ),
        (
            "select hstore 'a=>1' from users",
            "a type of the extension hstore",
        ),
        (
            "select name <<-> 'x' from users",
            "an operator of the extension pg_trgm",
        ),
        (
            "select e.key from users, each(name) as e",
            "a function of the extension hstore",
        ),
    ] {
        let found = postgres_faults(sql, Some(&[]));
        let reason = &found[0].reason;
        let is_clear =
            reason.contains(extension) && reason.ends_with("this database does not have");
        assert!(is_clear, "{sql}: {reason}");
        // A document of an earlier release does not tell.
        assert_eq!(postgres_faults(sql, None), [], "{sql}");
    }
    let other_schema = postgres_faults(
        "select hr.similarity(name, 'x') from users",
        Some(&[trigrams()]),
    );
    assert_eq!(other_schema[0].kind, FaultKind::Function);
}

#[test]
fn functions_that_reach_other_data_stay_refused_whatever_the_extensions() {
    for sql in [
        "select * from dblink('x', 'select 1') as t(a int)",
        "select pg_read_file('/etc/passwd')",
        "select * from crosstab('select 1') as t(a int)",
        "select query_to_xml('select 1', true, true, '')",
        "select * from ts_stat('select search from products')",
    ] {
        for extensions in [None, Some(&[trigrams()][..])] {
            let found = postgres_faults(sql, extensions);
            assert!(
                found.iter().any(|it| it.kind == FaultKind::Function),
                "{sql}: {found:?}"
            );
        }
    }
}

#[test]
fn a_column_before_a_dot_is_refused_in_postgres_with_the_parentheses_that_fix_it() {
    let found = postgres_faults("select address.city from orders", None);
    assert!(
        found[0].reason.ends_with("write (address).city"),
        "{found:?}"
    );
    assert_eq!(
        postgres_faults("select (address).city, (o.address).* from orders o", None),
        []
    );
}

#[test]
fn a_window_function_in_where_is_refused_except_in_a_subquery() {
    let sql = "select id from users where row_number() over (order by id) = 1";
    let found = postgres_faults(sql, None);
    assert_eq!(found[0].identifier, "row_number", "{found:?}");
    let inner = "select id from users where id in (select rank() over (order by id) from users)";
    assert_eq!(postgres_faults(inner, None), []);
}

#[test]
fn the_name_of_a_selected_column_is_called_that_where_it_cannot_be_used() {
    for sql in [
        "select id as n, 1 as r from users where n > 1",
        "select country as n, count(*) as r from users group by country having n = 'x'",
        "select id as n, n + 1 as r from users",
        "select id as n, 1 as r from users order by n + 1",
    ] {
        let found = postgres_faults(sql, None);
        let reason = &found[0].reason;
        assert!(
            reason.contains("it is the name of a selected column"),
            "{sql}: {reason}"
        );
        assert!(!reason.contains("did you mean"), "{sql}: {reason}");
    }
}

#[test]
fn the_star_of_an_alias_is_its_row_although_a_column_has_the_name() {
    for sql in [
        "select name.* from categories name",
        "select status.* from orders, categories status",
        "select count(name.*), row(name.*, 1) from categories name",
    ] {
        assert_eq!(postgres_faults(sql, None), [], "{sql}");
    }
}

#[test]
fn sql_is_rejected_as_documented_and_no_other_rare_syntax() {
    let mut tables = crate::bigquery();
    let orders = tables
        .iter_mut()
        .find(|it| it.name == "acme-data.shop.orders");
    let columns = &mut orders.expect("a table").columns;
    columns.push(Column::leaf("top", "STRING"));
    columns.push(Column {
        mode: Mode::Repeated,
        ..Column::leaf("words", "STRING")
    });
    let schema = Schema::new(&tables, Dialect::Bigquery);
    for sql in [
        "declare x int64; select 1",
        "select @p",
        "select ?",
        "select 'a' 'b'",
        "select my.f(1)",
        "select table_name from shop.INFORMATION_SCHEMA.TABLES",
    ] {
        ground::sql(sql, &schema).expect_err(sql);
    }
    for sql in [
        "from shop.orders |> where total > 1 |> aggregate count(*) as n group by status",
        "select array<string>['a'], array<struct<a int64>>[(1)]",
        "select w, o from shop.orders as t, t.words as w with offset as o",
        "select `top`, o.top from shop.orders as o",
        "select r'a', b'a', \"\"\"a\"\"\"",
    ] {
        ground::sql(sql, &schema).expect(sql);
    }
    for sql in [
        "select null::public.users",
        "select 'a'::public.email",
        "select public.f(1)",
        "select table_name from information_schema.tables",
        "select 'a'\n'b' from users",
    ] {
        assert_ne!(postgres_faults(sql, None), [], "{sql}");
    }
    let sql = "select $$a$$, $x$a$x$, U&'d\\0061t', E'a\\n' from users";
    assert_eq!(postgres_faults(sql, None), []);
}
