//! Records whose fields the reader of the schema may not see: a query that would name them or depend on them is
//! refused, and in the same way whether a guessed field exists or not.

use ground::{FaultKind, Schema};
use schema::Dialect;
use schema::document::{Column, Mode, Table, TableKind};
use schema::mentions::Mentions;

/// A table as a scoped reader sees it: two columns have a hidden row type.
fn tables() -> Vec<Table> {
    let record = |name: &str, mode| Column {
        cut: true,
        mode,
        ..Column::leaf(name, "record")
    };
    let mut orders = Table::new(["db", "sales", "orders"], TableKind::Table);
    orders.columns = vec![
        Column::leaf("id", "bigint"),
        Column::leaf("j", "jsonb"),
        record("lay", Mode::Nullable),
        record("lays", Mode::Repeated),
    ];
    vec![orders]
}

/// The reasons why a query is refused; none if it passes.
fn refusal(sql: &str) -> Option<String> {
    let tables = tables();
    let schema = Schema::new(&tables, Dialect::Postgres);
    let faults = ground::sql(sql, &schema).err()?;
    Some(ground::reasons(&faults))
}

#[test]
fn a_star_over_a_hidden_record_is_refused_however_the_record_is_read() {
    for sql in [
        "select (lay).* from sales.orders",
        "select ((lays)[1]).* from sales.orders",
        "select ((lays)[1][2]).* from sales.orders",
        "select (lays[1:2][1]).* from sales.orders",
        "select (coalesce(lay, lay)).* from sales.orders",
        "select (coalesce(null, lay)).* from sales.orders",
        "select (case when id = 1 then null else lay end).* from sales.orders",
        "select (nullif(lay, null)).* from sales.orders",
        "select (json_populate_record(lay, '{}')).* from sales.orders",
        "select (jsonb_populate_recordset(lay, '[]')).* from sales.orders",
        "select ((array_agg(lay))[1]).* from sales.orders",
        "select ((array_append(lays, lay))[1]).* from sales.orders",
        "select ((array_prepend(lay, lays))[1]).* from sales.orders",
        "select ((lays || lay)[1]).* from sales.orders",
        "select ((array[lay])[1]).* from sales.orders",
        "select (unnest(lays)).* from sales.orders",
        "select (mode() within group (order by lay)).* from sales.orders",
        "select (first_value(lay) over ()).* from sales.orders",
        "select (select lay from sales.orders limit 1).*",
        "select ((select lay from sales.orders limit 1)).* from sales.orders",
        "select (q.lay).* from (select lay from sales.orders) q",
        "select ((row(o.*)).f3).* from sales.orders o",
        "select (p.lay).* from sales.orders o, jsonb_populate_record(o, '{}') p",
        "select ((row(lay)).f1).* from sales.orders",
        "select l.* from sales.orders o, unnest(o.lays) l",
        "select l.* from sales.orders o, unnest(o.lays) with ordinality l",
        "select * from sales.orders o, unnest(o.lays) l",
        "select l.* from sales.orders o, unnest(o.lays, array[1]) l",
        "select (l).* from sales.orders o, unnest(o.lays) l",
        "select * from (select * from sales.orders o, unnest(o.lays) l) q",
        "select * from sales.orders o, json_populate_record(o.lay, '{}') p",
        "select p.* from sales.orders o, jsonb_populate_recordset(o.lay, '[]') p",
        "with q as (select (lay).* from sales.orders) select * from q",
        "with q as (select (lay).* from sales.orders) select 1 from q",
        "select row((lay).*) from sales.orders",
        "select row(l.*) from sales.orders o, unnest(o.lays) l",
        "select id from sales.orders where row((lay).*) = row(1, 2)",
        "select id from sales.orders union all select (lay).* from sales.orders",
    ] {
        let reason = refusal(sql).expect(sql);
        assert!(
            reason.contains("does not have its fields"),
            "{sql}: {reason}"
        );
    }
}

#[test]
fn a_field_of_a_hidden_record_is_refused_whether_it_exists_or_not() {
    for (sql, is_field) in [
        ("select (lay).salary from sales.orders", true),
        ("select (lays[1]).salary from sales.orders", true),
        ("select (coalesce(lay, lay)).salary from sales.orders", true),
        (
            "select (json_populate_record(lay, '{}')).salary from sales.orders",
            true,
        ),
        ("select o.lay.salary from sales.orders o", true),
        (
            "select l.salary from sales.orders o, unnest(o.lays) l",
            false,
        ),
        ("select salary from sales.orders o, unnest(o.lays) l", false),
        (
            "select salary from sales.orders o, json_populate_record(o.lay, '{}') p",
            false,
        ),
        (
            "select id from sales.orders o, unnest(o.lays) as l(a, b)",
            false,
        ),
        // The first name is that of a field.
        (
            "select u.a from sales.orders o, unnest(o.lays) with ordinality as u(a)",
            false,
        ),
        (
            "select u.b from sales.orders o, unnest(o.lays, array[1]) as u(a, b)",
            false,
        ),
        (
            "select u.a from sales.orders o, unnest(o.lays) as u(a int, b text)",
            false,
        ),
        (
            "select p.a from sales.orders o, json_populate_record(o.lay, '{}') with ordinality as p(a)",
            false,
        ),
        // In Postgres, `date(lay)` is also `(lay).date`.
        ("select date(lay) from sales.orders", false),
        (
            "select date(l) from sales.orders o, unnest(o.lays) l",
            false,
        ),
    ] {
        let reason = refusal(sql).expect(sql);
        assert!(
            !is_field || reason.contains("has no field salary"),
            "{sql}: {reason}"
        );
    }
}

#[test]
fn a_hidden_record_can_be_read_as_a_whole() {
    for sql in [
        "select * from sales.orders",
        "select o.* from sales.orders o",
        "select lay, lays[1], lays[1:2] from sales.orders",
        "select count(lay), array_agg(lay), to_jsonb(lay), row(lay, 1) from sales.orders",
        "select coalesce(lay, null) is null from sales.orders",
        "select l, l is null from sales.orders o, unnest(o.lays) l",
        "select l.ordinality from sales.orders o, unnest(o.lays) with ordinality l",
        "select (q).* from (select id, lay from sales.orders) q",
        "select (json_populate_record(o, '{}')).id from sales.orders o",
        "select p.id, p.lay from sales.orders o, jsonb_populate_record(o, '{}') p",
        "select id from sales.orders where lay is not null order by lay",
    ] {
        assert_eq!(refusal(sql), None, "{sql}");
    }
}

#[test]
fn a_name_after_a_value_without_fields_is_refused_because_it_calls_a_function() {
    for sql in [
        "select (j).pg_sleep from sales.orders",
        "select ('{}'::jsonb).anything",
        "select (to_jsonb(o)).anything from sales.orders o",
        "select (array_position(array[1], 1)).anything",
        "select (id).anything from sales.orders",
    ] {
        let tables = tables();
        let schema = Schema::new(&tables, Dialect::Postgres);
        let faults = ground::sql(sql, &schema).expect_err(sql);
        assert_eq!(faults[0].kind, FaultKind::Field, "{sql}: {faults:?}");
    }
}

/// Whether the warehouse is asked about a query that the parser can't read.
fn is_asked(sql: &str, hidden: &[&str]) -> bool {
    let sql = sql.replace("UNREADABLE", "where '<a/>'::xml is document");
    let tables = tables();
    let schema = Schema::new(&tables, Dialect::Postgres);
    let hidden = Mentions::of(hidden.iter().map(|name| (*name).to_owned()));
    let faults = ground::sql(&sql, &schema).expect_err(&sql);
    assert_eq!(faults[0].kind, FaultKind::Syntax, "{sql}: {faults:?}");
    ground::unread(&sql, &faults, &schema, &hidden).is_some()
}

#[test]
fn the_warehouse_is_not_asked_about_a_query_that_may_reach_a_hidden_record() {
    for sql in [
        "select salary from (select (lay).* from sales.orders UNREADABLE) x",
        "select 1 as salary, salary from (select ((lays)[1]).* from sales.orders UNREADABLE) x",
        "select l.id from sales.orders o, unnest(o.lays) as l UNREADABLE",
        "select (o.lay).id from sales.orders as o UNREADABLE",
        // Without the name of the column.
        "select (c).id from (select * from sales.orders UNREADABLE) as t (a, b, c, d)",
        "select (c).id from (select o.* from sales.orders as o UNREADABLE) as t (a, b, c, d)",
        "select (c).id from (select distinct on (id) * from sales.orders UNREADABLE) as t (a, b, c, d)",
        "select (c).id from sales.orders as t (a, b, c, d) UNREADABLE",
        "with t (a, b, c, d) as (table sales.orders) select (c).id from t UNREADABLE",
        "select (c).id from (select null as a, null as b, null as c, null as d union all
         select * from sales.orders UNREADABLE) as t",
    ] {
        assert!(!is_asked(sql, &[]), "{sql}");
        assert!(!is_asked(sql, &["staff"]), "{sql}");
    }
    for sql in [
        "select id, count(*), id * 2 from sales.orders UNREADABLE group by id",
        "select o.id::numeric(10, 2) as n from sales.orders as o UNREADABLE order by n",
    ] {
        assert!(is_asked(sql, &[]), "{sql}");
        assert!(is_asked(sql, &["staff"]), "{sql}");
    }
}

#[test]
fn in_a_part_of_the_schema_each_word_of_an_unread_query_is_known() {
    for sql in [
        "select nosuch from sales.orders UNREADABLE",
        "select \"nosuch\" from sales.orders UNREADABLE",
        "select ctid, tableoid from sales.orders UNREADABLE",
        "select o.ctid from sales.orders as o UNREADABLE",
        "select id from sales.orders UNREADABLE order by nosuch",
        "select nosuch as id from sales.orders UNREADABLE",
    ] {
        assert!(!is_asked(sql, &["staff"]), "{sql}");
    }
    for sql in [
        "select o.id as n, j -> 'a' k from sales.orders as o UNREADABLE order by n, k",
        "with t as (select id as it from sales.orders UNREADABLE), u as (select it from t) select it from u",
        "select a from sales.orders, xmltable('/r' passing j::text::xml columns a int path 'b') as x UNREADABLE",
        "select lower(j::text), current_date, case when id > 1 then 'a' end c from sales.orders UNREADABLE",
        "select a, b from sales.orders, jsonb_to_record(j) as x (a int, b text) UNREADABLE",
    ] {
        let is_by_place = sql.contains(" as x (");
        assert_eq!(is_asked(sql, &["staff"]), !is_by_place, "{sql}");
    }
}

#[test]
fn a_collation_or_configuration_of_another_schema_is_refused_whether_it_exists_or_not() {
    for sql in [
        "select j::text collate \"staff\".\"german\" from sales.orders",
        "select j::text collate german_of_staff from sales.orders",
        "select to_tsvector('staff.german', j::text) from sales.orders",
        "select to_tsvector(('german_of_staff'), j::text) from sales.orders",
        "select ts_headline('german_of_staff', j::text, to_tsquery('a')) from sales.orders",
        "select id operator(staff.=) 1 from sales.orders",
    ] {
        assert!(refusal(sql).is_some(), "{sql}");
    }
    for sql in [
        "select j::text collate \"sales\".\"german\" from sales.orders",
        "select j::text collate \"de_DE.utf8\" from sales.orders",
        "select to_tsvector('sales.german', j::text), to_tsvector('german', j::text) from sales.orders",
        "select ts_headline('a text, not a name', to_tsquery('a'), 'MaxWords=3') from sales.orders",
    ] {
        assert_eq!(refusal(sql), None, "{sql}");
    }
    for (sql, may_be_asked) in [
        (
            "select j::text collate \"staff\".\"german\" from sales.orders UNREADABLE",
            false,
        ),
        (
            "select j::text collate german_of_staff from sales.orders UNREADABLE",
            false,
        ),
        (
            "select to_tsvector('german', j::text) from sales.orders UNREADABLE",
            false,
        ),
        (
            "select j::text collate \"C\" from sales.orders UNREADABLE",
            true,
        ),
    ] {
        assert_eq!(is_asked(sql, &[]), may_be_asked, "{sql}");
    }
}
