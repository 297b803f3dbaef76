//! What is planned, and never run.

use super::*;

#[tokio::test]
async fn a_valid_query_is_accepted_with_the_columns_of_its_result() {
    let db = warehouse(SHOP).await;
    let sql =
        "-- by status\nselect status, sum(total) as total, array_agg(orders.id) as ids, (home).street
               from shop.orders join shop.customer on customer_id = customer.id
               group by 1, 4;";
    let plan = source(&db, "").plan(sql, &Usage::default()).await.unwrap();
    let Plan::Accepted(Planned {
        verified, reads, ..
    }) = plan
    else {
        panic!("{plan:?}");
    };
    let partitions = reads.iter().filter(|it| it.partition.is_some()).count();
    assert_eq!(reads.len() - partitions, 2, "{reads:?}");
    let columns = verified
        .columns
        .iter()
        .map(|column| (column.name.as_str(), column.data_type.as_str(), column.mode));
    assert_eq!(
        columns.collect::<Vec<_>>(),
        [
            ("status", "shop.status", Mode::Nullable),
            ("total", "numeric", Mode::Nullable),
            ("ids", "bigint", Mode::Repeated),
            ("street", "text", Mode::Nullable),
        ]
    );
}

#[tokio::test]
async fn an_invalid_query_is_rejected_with_the_position_and_the_hint() {
    let db = warehouse(SHOP).await;
    let source = source(&db, "");
    for (sql, reason) in [
        (
            "select id\nfrom shop.orders where statu = 'open'",
            "column \"statu\" does not exist at line 2, column 24 (Perhaps you meant to reference \
             the column \"orders.status\".)",
        ),
        (
            "select 1 from nowhere",
            "relation \"nowhere\" does not exist at line 1, column 15",
        ),
        (
            "selec 1",
            "syntax error at or near \"selec\" at line 1, column 1",
        ),
        (
            "select 1; select 2",
            "cannot insert multiple commands into a prepared statement",
        ),
        ("select $1::int", "it has parameters"),
        ("select 'a\0b'", "it contains a NUL character"),
        ("", "it is not a query: it returns no rows"),
    ] {
        let plan = source.plan(sql, &Usage::default()).await.unwrap();
        let Plan::Rejected(text) = plan else {
            panic!("{sql}: {plan:?}");
        };
        assert!(text.message.starts_with(reason), "{sql}: {text}");
    }
}

#[tokio::test]
async fn planning_never_runs_or_writes_anything() {
    let db = warehouse(
        "create table it (id int);
         create sequence counter;
         create function count_it() returns bigint language sql volatile
           as $$ select nextval('counter') $$;",
    )
    .await;
    let source = source(&db, "");
    let usage = Usage::default();
    let plan = source
        .plan("select count_it(), nextval('counter')", &usage)
        .await
        .unwrap();
    assert!(matches!(plan, Plan::Accepted(_)), "{plan:?}");

    for sql in [
        "insert into it values (1)",
        "insert into it values (1) returning id",
        "with new as (insert into it values (1) returning id) select * from new",
        "delete from it",
        "drop table it",
        "create table copy as select * from it",
        "select * into copy from it",
        "explain analyze insert into it values (1)",
        "analyze insert into it values (1) returning id",
        "commit",
        "select 1; drop table it",
        "select 1) select 2; drop table it; --",
    ] {
        let plan = source.plan(sql, &usage).await.unwrap();
        assert!(matches!(plan, Plan::Rejected(_)), "{sql}: {plan:?}");
    }
    let client = db.client().await;
    let sql = "select (select count(*) from it), (select is_called from counter)";
    let row = client.query_typed_one(sql, &[]).await.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, bool>(1)), (0, false));
}

#[tokio::test]
async fn a_locked_table_is_not_the_fault_of_the_query() {
    let db = warehouse("create table it (id int)").await;
    let mut client = db.client().await;
    let lock = client.transaction().await.unwrap();
    lock.batch_execute("lock table it in access exclusive mode")
        .await
        .unwrap();
    let source = source(&db, "");
    let plan = source.plan("select * from it", &Usage::default()).await;
    assert!(
        matches!(plan, Err(SourceError::Unavailable { .. })),
        "{plan:?}"
    );
    let reading = read(&source).await;
    assert_eq!(
        reading.tables.len(),
        1,
        "and the catalog is read all the same"
    );
}

/// What a plan reads, without the name of the database: `schema.table`, `/ schema.partition`, `(beneath)`.
fn reads(plan: Plan) -> Vec<String> {
    let Plan::Accepted(Planned { reads, .. }) = plan else {
        panic!("{plan:?}");
    };
    let of_schema = |name: &TableName| format!("{}.{}", name.dataset, name.table);
    let reads = reads.iter().map(|read| {
        let partition = read.partition.as_ref().map(of_schema);
        let partition = partition.map_or_else(String::new, |name| format!(" / {name}"));
        let beneath = if read.is_beneath { " (beneath)" } else { "" };
        of_schema(&read.table) + &partition + beneath
    });
    reads.collect()
}

#[tokio::test]
async fn a_plan_lists_the_tables_that_postgres_reads_and_which_of_them_lead_to_others() {
    let db = warehouse(SHOP).await;
    db.run(
        "create table public.orders (id int, secret text);
         create schema hr;
         create table hr.people (id int, salary numeric);
         create view shop.paid as select salary from hr.people;
         create view shop.well_paid as select salary from shop.paid where salary > 1;
         create view shop.eu as select id from shop.orders_eu;
         create table shop.animal (id int);
         create table shop.cat (lives int) inherits (shop.animal);
         create function hr.salaries() returns setof numeric language sql stable
         as $$ select salary from hr.people $$;",
    )
    .await;
    let source = source(&db, "");
    for (sql, expected) in [
        ("select 1 as n", &[][..]),
        ("select o.* from orders as o", &["public.orders"]),
        (
            "select id from shop.orders where region = 'eu'",
            &[
                "shop.orders",
                "shop.orders / shop.orders_eu (beneath)",
                "shop.orders / shop.orders_eu_0 (beneath)",
            ],
        ),
        (
            "select id from shop.orders_us",
            &["shop.orders / shop.orders_us"],
        ),
        (
            "with a as materialized (select id from shop.customer)
             select (select max(salary) from hr.people), id from a
             where id in (select order_id from shop.line)",
            &["hr.people", "shop.customer", "shop.line"],
        ),
        (
            "select salary from shop.well_paid",
            &[
                "hr.people (beneath)",
                "shop.paid (beneath)",
                "shop.well_paid",
            ],
        ),
        (
            "select id from shop.eu",
            // The bounds of a partition are those of its table.
            &[
                "shop.eu",
                "shop.orders",
                "shop.orders / shop.orders_eu (beneath)",
                "shop.orders / shop.orders_eu_0 (beneath)",
            ],
        ),
        (
            "select id from shop.animal",
            &["shop.animal", "shop.cat (beneath)"],
        ),
        ("select id from shop.cat", &["shop.cat"]),
        // The tables of a function are not those of a view.
        (
            "select salaries from hr.salaries(), shop.customer",
            &["hr.people", "shop.customer"],
        ),
        // The planner eliminates the table.
        (
            "select id from shop.customer where false",
            &["shop.customer"],
        ),
        ("select region from shop.revenue", &["shop.revenue"]),
    ] {
        let plan = source.plan(sql, &Usage::default()).await.unwrap();
        assert_eq!(reads(plan), expected, "{sql}");
    }
}

#[tokio::test]
async fn a_query_that_takes_too_long_to_plan_is_rejected_after_3_seconds() {
    let db = warehouse("").await;
    let begun = std::time::Instant::now();
    // What is constant is computed by the planner: a second or two for each, and no end to them.
    let one = |n: u32| format!("length(factorial({n})::text)");
    let sql = format!(
        "select {}",
        (31_970..32_000).map(one).collect::<Vec<_>>().join(", ")
    );
    let plan = source(&db, "").plan(&sql, &Usage::default()).await.unwrap();
    let Plan::Rejected(text) = plan else {
        panic!("{plan:?}");
    };
    assert_eq!(text.message, "planning it takes more than 3 s");
    assert!(text.is_timeout);
    assert!(begun.elapsed() < std::time::Duration::from_secs(8));
}
