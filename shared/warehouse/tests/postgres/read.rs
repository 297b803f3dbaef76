//! What is read.

use super::*;

#[tokio::test]
async fn tables_views_and_partitioned_tables_are_read_without_partitions() {
    let tables = tables(&source(&warehouse(SHOP).await, "")).await;
    let kinds: Vec<_> = tables
        .iter()
        .map(|(name, table)| (name.as_str(), table.kind))
        .collect();
    assert_eq!(
        kinds,
        [
            ("shop.customer", TableKind::Table),
            ("shop.line", TableKind::Table),
            ("shop.open_orders", TableKind::View),
            ("shop.orders", TableKind::Table),
            ("shop.revenue", TableKind::MaterializedView),
        ]
    );
}

#[tokio::test]
async fn a_probe_tells_whether_the_server_lets_the_user_in() {
    let db = warehouse(SHOP).await;
    source(&db, "").probe().await.expect("the server");
    let nowhere = Postgres::open("postgres://x:wrong@127.0.0.1:1/db", &Env::default());
    let nowhere = nowhere.unwrap().probe().await;
    assert!(
        matches!(nowhere, Err(SourceError::Unavailable { .. })),
        "{nowhere:?}"
    );
}

#[tokio::test]
async fn comments_are_descriptions_and_a_column_without_one_takes_that_of_its_type() {
    let tables = tables(&source(&warehouse(SHOP).await, "")).await;
    let customer = &tables["shop.customer"];
    assert_eq!(customer.description.as_deref(), Some("Who buys"));
    assert_eq!(
        customer.description_source,
        Some(DescriptionSource::Warehouse)
    );
    let view = &tables["shop.open_orders"];
    assert_eq!(view.description.as_deref(), Some("Not yet paid"));

    let said = |path| column(customer, path).description.as_deref();
    assert_eq!(said("name"), Some("In full"));
    assert_eq!(said("mail"), Some("An address, checked for its @"));
    assert_eq!(said("mails"), Some("An address, checked for its @"));
    assert_eq!(said("home.street"), Some("With the number"));
    assert_eq!(said("id"), None);
    assert_eq!(column(customer, "id").description_source, None);
}

#[tokio::test]
async fn keys_are_read_with_their_columns_in_order() {
    let db = warehouse(SHOP).await;
    let tables = tables(&source(&db, "")).await;
    assert_eq!(tables["shop.customer"].primary_key, ["id"]);
    assert_eq!(tables["shop.orders"].primary_key, ["region", "id"]);

    let orders = ForeignKey::new(
        vec!["order_region".to_owned(), "order_id".to_owned()],
        tables["shop.line"].parts.beside("orders"),
        vec!["region".to_owned(), "id".to_owned()],
    );
    assert_eq!(tables["shop.line"].foreign_keys, [orders]);
    assert_eq!(
        tables["shop.orders"].foreign_keys.len(),
        1,
        "not one a partition as well"
    );
}

#[tokio::test]
async fn partitioning_names_its_columns_or_its_expression() {
    let db = warehouse(
        r#"create table of_two (a int, "B b" int) partition by range (a, "B b");
           create table of_an_expression (at timestamp) partition by hash (extract(epoch from at));
           create table of_one ("B b" int) partition by list ("B b");
           create table of_none (a int)"#,
    )
    .await;
    let tables = tables(&source(&db, "")).await;
    let partitioning = |name: &str| {
        let partitioning = tables[name].partitioning.as_ref()?;
        Some((partitioning.unit.as_str(), partitioning.column.as_str()))
    };
    assert_eq!(partitioning("public.of_two"), Some(("RANGE", "a, \"B b\"")));
    assert_eq!(partitioning("public.of_one"), Some(("LIST", "B b")));
    assert_eq!(
        partitioning("public.of_an_expression"),
        Some(("HASH", "EXTRACT(epoch FROM at)"))
    );
    assert_eq!(partitioning("public.of_none"), None);
}

#[tokio::test]
async fn arrays_are_repeated_composites_nested_and_domains_resolved() {
    let tables = tables(&source(&warehouse(SHOP).await, "")).await;
    let customer = &tables["shop.customer"];
    for (path, expected) in [
        ("id", ("bigint", Mode::Required)),
        ("mail", ("character varying(200)", Mode::Nullable)),
        ("mails", ("character varying(200)", Mode::Repeated)),
        ("home", ("shop.address", Mode::Nullable)),
        ("home.places", ("shop.place", Mode::Repeated)),
        ("home.places.latitude", ("double precision", Mode::Nullable)),
        ("home.mail", ("character varying(200)", Mode::Nullable)),
        ("others", ("shop.address", Mode::Repeated)),
        ("others.street", ("text", Mode::Nullable)),
        ("tags", ("text", Mode::Repeated)),
        ("grid", ("numeric(6,3)", Mode::Repeated)),
        ("name_length", ("integer", Mode::Nullable)),
    ] {
        assert_eq!(shape(column(customer, path)), expected, "{path}");
    }
    let orders = &tables["shop.orders"];
    for (path, expected) in [
        ("total", ("numeric(10,2)", Mode::Required)),
        ("status", ("shop.status", Mode::Nullable)),
        ("placed", ("timestamp(3) with time zone", Mode::Required)),
    ] {
        assert_eq!(shape(column(orders, path)), expected, "{path}");
    }
    assert_eq!(
        shape(column(&tables["shop.line"], "sku")),
        ("character(8)", Mode::Nullable)
    );
}

#[tokio::test]
async fn a_recursive_type_is_expanded_finitely() {
    let db = warehouse(
        "create table node (id int);
         create table tree (root node, parts node[]);
         alter table node add column leaf text",
    )
    .await;
    let tables = tables(&source(&db, "")).await;
    assert_eq!(
        column(&tables["public.tree"], "parts.leaf").data_type,
        "text"
    );
}

#[tokio::test]
async fn unusual_names_are_unchanged() {
    let db = warehouse(
        r#"create schema "Sch.ema";
           create table "Sch.ema"."Größe ""x"".y" ("select" int primary key, "a.b" text, "名前" text);"#,
    )
    .await;
    let tables = tables(&source(&db, "")).await;
    let table = &tables[r#""Sch.ema"."Größe ""x"".y""#];
    assert_eq!(table.parts.dataset, "Sch.ema");
    assert_eq!(table.parts.table, r#"Größe "x".y"#);
    let names: Vec<_> = table
        .columns
        .iter()
        .map(|column| column.name.as_str())
        .collect();
    assert_eq!(names, ["select", "a.b", "名前"]);
    assert_eq!(table.primary_key, ["select"]);
}

#[tokio::test]
async fn only_the_schemas_of_the_url_are_read() {
    let db = warehouse(&format!("{SHOP}; create table public.other (id int)")).await;
    let both = tables(&source(&db, "schemas=public,shop")).await;
    assert_eq!(both.len(), 6);
    let one = source(&db, "schemas=public");
    assert_eq!(
        tables(&one).await.into_keys().collect::<Vec<_>>(),
        ["public.other"]
    );
    assert_eq!(one.describe().datasets.len(), 1);
    assert!(one.describe().datasets[0].ends_with(".public"));
}

#[tokio::test]
async fn a_missing_schema_is_a_problem_and_on_its_own_an_error() {
    let db = warehouse("create table public.it (id int)").await;
    let reading = read(&source(&db, "schemas=public,nowhere")).await;
    assert_eq!(reading.tables.len(), 1);
    assert_eq!(reading.problems.len(), 1);
    assert!(reading.problems[0].subject.ends_with(".nowhere"));
    assert!(
        reading.unread.is_empty(),
        "so that what was known of it goes"
    );

    let alone = source(&db, "schemas=nowhere")
        .read(&[], &Usage::default())
        .await;
    assert!(matches!(alone, Err(SourceError::NotFound(_))), "{alone:?}");
}

#[tokio::test]
async fn tables_that_the_role_may_not_read_are_omitted_and_reported() {
    let db = warehouse(&format!(
        "create schema hidden; create table hidden.it (id int);
         create schema closed; create table closed.it (id int);
         grant usage on schema closed to {UNPRIVILEGED};
         create schema half;
         create table half.open (id int); create table half.shut (id int);
         create table half.part (id int, name text, secret text);
         grant usage on schema half to {UNPRIVILEGED};
         grant select on half.open to {UNPRIVILEGED};
         grant select (id, name) on half.part to {UNPRIVILEGED};"
    ))
    .await;
    let reading = read(&as_stranger(&db)).await;
    let names = reading
        .tables
        .iter()
        .map(|table| table.name.split_once('.').unwrap().1);
    assert_eq!(names.collect::<Vec<_>>(), ["half.open", "half.part"]);
    let columns = &reading.tables[1].columns;
    assert_eq!(
        columns
            .iter()
            .map(|it| it.name.as_str())
            .collect::<Vec<_>>(),
        ["id", "name"]
    );

    let unread = reading.unread.iter().map(|unread| {
        let (Unread::Dataset(name) | Unread::Table(name)) = unread;
        name.split_once('.').unwrap().1
    });
    assert_eq!(
        unread.collect::<Vec<_>>(),
        ["closed", "half.shut", "hidden"]
    );
    let told = reading.problems.iter().map(|problem| {
        (
            problem.subject.split_once('.').unwrap().1,
            problem.detail.as_str(),
        )
    });
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            (
                "closed",
                "metasync_unprivileged may not read any of its tables (1): \
                 grant select on them to metasync_unprivileged"
            ),
            (
                "half.shut",
                "metasync_unprivileged may not read the table: \
                 grant select on half.shut to metasync_unprivileged"
            ),
        ]
    );
}

#[tokio::test]
async fn a_known_schema_without_usage_permission_is_reported_and_unread() {
    let db = warehouse(&format!(
        "create schema shop; create table shop.it (id int);
         create schema web; create table web.it (id int);
         create schema other; create table other.it (id int);
         grant usage on schema shop, web to {UNPRIVILEGED};
         grant select on shop.it, web.it to {UNPRIVILEGED};"
    ))
    .await;
    let known = read(&as_stranger(&db)).await.tables;
    assert_eq!(known.len(), 2);

    db.run(&format!("revoke usage on schema shop from {UNPRIVILEGED}"))
        .await;
    let reading = as_stranger(&db)
        .read(&known, &Usage::default())
        .await
        .unwrap();

    assert_eq!(reading.tables.len(), 1);
    let shop = known[0].dataset();
    let unread = Unread::Dataset(shop.to_owned());
    assert!(reading.unread.contains(&unread));
    assert_eq!(reading.problems.len(), 1, "the other was never ours");
    assert_eq!(reading.problems[0].subject, shop);
    let detail = &reading.problems[0].detail;
    assert!(detail.contains("grant usage on schema shop to"), "{detail}");

    db.run(&format!("revoke usage on schema web from {UNPRIVILEGED}"))
        .await;
    let reading = as_stranger(&db).read(&known, &Usage::default()).await;
    assert!(
        matches!(reading, Err(SourceError::Denied(_))),
        "{reading:?}"
    );
}

#[tokio::test]
async fn the_reading_fails_if_nothing_may_be_read() {
    let db = warehouse(&format!(
        "create schema closed; create table closed.it (id int);
         grant usage on schema closed to {UNPRIVILEGED};"
    ))
    .await;
    let reading = as_stranger(&db).read(&[], &Usage::default()).await;
    assert!(
        matches!(reading, Err(SourceError::Denied(_))),
        "{reading:?}"
    );
}

#[tokio::test]
async fn sizes_are_estimates_over_all_partitions_or_unknown() {
    let db = warehouse(
        "create table counted (id int, text text);
         insert into counted select n, repeat('x', 500) from generate_series(1, 1234) as n;
         create table parts (id int) partition by range (id);
         create table parts_1 partition of parts for values from (0) to (1000);
         create table parts_2 partition of parts for values from (1000) to (9000);
         insert into parts select generate_series(0, 8999);
         create table uncounted (id int);
         create view seen as select 1 as one",
    )
    .await;
    db.run("analyze counted; analyze parts").await;
    let tables = tables(&source(&db, "")).await;
    assert_eq!(tables["public.counted"].rows, Some(1200));
    let bytes = tables["public.counted"].bytes.unwrap();
    assert!(
        (500_000..900_000).contains(&bytes) && bytes % 10_000 == 0,
        "{bytes}"
    );
    assert_eq!(tables["public.parts"].rows, Some(9000));
    assert_eq!(tables["public.uncounted"].rows, None);
    assert_eq!(tables["public.uncounted"].bytes, None);
    assert_eq!(tables["public.seen"].rows, None);
}

#[tokio::test]
async fn a_second_reading_takes_nine_requests_and_returns_changes() {
    let db = warehouse(SHOP).await;
    let source = source(&db, "");
    let before = read(&source).await;
    let usage = Usage::default();
    let again = source.read(&before.tables, &usage).await.unwrap();
    assert_eq!(before.tables, again.tables);
    assert_eq!(usage.requests(), 9);

    db.run(
        "alter table shop.customer drop column tags, alter column id type int;
         drop table shop.line",
    )
    .await;
    let after = tables(&source).await;
    let customer = &after["shop.customer"];
    assert_eq!(column(customer, "id").data_type, "integer");
    assert!(customer.columns.iter().all(|column| column.name != "tags"));
    assert!(!after.contains_key("shop.line"));
}

#[tokio::test]
async fn a_missing_database_is_not_found() {
    let db = empty_database().await;
    let url = db.url.replacen("metasync_test_", "metasync_nowhere_", 1);
    let source = Postgres::open(&url, &Env::default()).unwrap();
    let reading = source.read(&[], &Usage::default()).await;
    assert!(
        matches!(reading, Err(SourceError::NotFound(_))),
        "{reading:?}"
    );
}

#[tokio::test]
async fn nested_types_are_expanded_within_the_limit_of_a_table_and_marked_if_cut() {
    // Written out, four fields of four fields of four.. have 349,525 fields.
    let mut sql = "create type f0 as (v int);\n".to_owned();
    for level in 1..=9 {
        let below = level - 1;
        sql +=
            &format!("create type f{level} as (a f{below}, b f{below}, c f{below}, d f{below});\n");
    }
    sql += "create table fan (id int, f f9); create table small (id int, f f1)";
    let db = warehouse(&sql).await;
    let tables = tables(&source(&db, "")).await;

    let fan = &tables["public.fan"];
    let (mut count, mut cut) = (0, 0);
    let mut left: Vec<&Column> = fan.columns.iter().collect();
    while let Some(column) = left.pop() {
        count += 1;
        cut += usize::from(column.cut);
        assert_eq!(
            column.cut,
            column.fields.is_empty() && column.data_type.contains(".f"),
            "{column:?}"
        );
        left.extend(&column.fields);
    }
    assert!(fan.cut && cut > 0);
    assert!(count > MAX_FIELDS / 4 && count <= MAX_FIELDS, "{count}");
    let small = &tables["public.small"];
    assert!(!small.cut && !small.columns[1].cut && small.columns[1].fields.len() == 4);
}

#[tokio::test]
async fn all_tables_together_are_expanded_within_the_limit_of_a_document() {
    let mut sql = "create type f0 as (v int);\n".to_owned();
    for level in 1..=7 {
        let below = level - 1;
        sql +=
            &format!("create type f{level} as (a f{below}, b f{below}, c f{below}, d f{below});\n");
    }
    sql += &format!("comment on type f0 is '{}';\n", "x".repeat(20_000));
    for table in 0..40 {
        sql += &format!("create table t{table:02} (id int, f f7);\n");
    }
    let db = warehouse(&sql).await;
    let tables = tables(&source(&db, "")).await;
    let size: usize = tables.values().map(schema::bounds::bytes).sum();
    assert!(size <= MAX_TABLES_BYTES, "{size}");
    assert!(
        tables
            .values()
            .all(|table| table.cut && table.columns.len() == 2)
    );
}

#[tokio::test]
async fn the_query_of_a_view_is_read_with_full_names() {
    let db = warehouse(SHOP).await;
    let tables = tables(&source(&db, "")).await;
    let sql = |name: &str| tables[name].definition.as_ref().map(|it| it.sql.as_str());
    assert_eq!(sql("shop.orders"), None);
    for (name, from) in [
        ("shop.open_orders", "FROM shop.orders"),
        ("shop.revenue", "FROM shop.orders\n  GROUP BY"),
    ] {
        let sql = sql(name).unwrap();
        assert!(sql.starts_with("SELECT") && sql.contains(from), "{sql}");
        assert!(!sql.ends_with(';'), "{sql}");
    }
}

#[tokio::test]
async fn a_lock_on_a_table_of_a_view_delays_no_sync_and_loses_no_query() {
    let db = warehouse(
        "create table it (id int);
         create view seen as select id from it",
    )
    .await;
    let source = source(&db, "");
    let before = read(&source).await;
    let mut client = db.client().await;
    let lock = client.transaction().await.unwrap();
    lock.batch_execute("lock table it in access exclusive mode")
        .await
        .unwrap();
    let usage = Usage::default();
    let locked = source.read(&before.tables, &usage).await.unwrap();
    assert_eq!(locked.tables, before.tables);
    let seen = locked.tables.iter().find(|it| it.own_name() == "seen");
    assert!(seen.unwrap().definition.is_some());
    let [problem] = &locked.problems[..] else {
        panic!("{:?}", locked.problems);
    };
    assert_eq!(problem.subject, "views");
}
