//! Examples that stay true, and those that people add.

use super::*;

#[tokio::test]
async fn examples_that_a_change_breaks_are_quarantined_in_the_same_run() {
    let warehouse = Warehouse::new()
        .table("p.shop.orders", ORDERS)
        .table("p.shop.customers", CUSTOMERS)
        .shared();
    let store = memory();
    let sync = sync(&warehouse, store.clone());
    run(&sync).await;
    let planned = warehouse.plans.load(Ordering::Relaxed);
    run(&sync).await;
    assert_eq!(
        warehouse.plans.load(Ordering::Relaxed),
        planned,
        "what holds is not planned again"
    );

    warehouse.set("p.shop.orders", "id INT64");
    run(&sync).await;

    let document = head(&store).await;
    let gone = ["status", "customer_id", "created_at"];
    assert!(
        document
            .examples
            .iter()
            .all(|it| !gone.iter().any(|name| it.sql.contains(name)))
    );
    assert!(!document.quarantined.is_empty());
    assert!(
        document
            .quarantined
            .iter()
            .all(|it| it.error.is_some() && it.verified.is_none())
    );
}

fn hows(document: &Document) -> Vec<How> {
    let verified = document.examples.iter().map(|it| it.verified.as_ref());
    verified
        .map(|it| it.expect("it was verified").how)
        .collect()
}

#[tokio::test]
async fn an_example_that_could_not_be_planned_is_planned_by_the_next_run() {
    let warehouse = Warehouse::new().table("p.shop.orders", ORDERS).shared();
    let store = memory();
    let sync = sync(&warehouse, store.clone());
    run(&sync).await;
    assert!(hows(&head(&store).await).contains(&How::DryRun));

    warehouse.plans_nothing.store(true, Ordering::Relaxed);
    warehouse.set(
        "p.shop.orders",
        &ORDERS.replace("status STRING", "status INT64"),
    );
    let answer = run(&sync).await;
    assert_eq!(answer.problems[0].subject, "examples");
    let unplanned = hows(&head(&store).await);
    assert!(
        unplanned.iter().all(|how| *how == How::Parsed),
        "what was planned for another schema is not verified: {unplanned:?}"
    );

    warehouse.plans_nothing.store(false, Ordering::Relaxed);
    warehouse.reject("status");
    let answer = run(&sync).await;
    let document = head(&store).await;
    assert!(answer.updated && hows(&document).iter().all(|how| *how == How::DryRun));
    assert!(
        document
            .examples
            .iter()
            .all(|it| !it.sql.contains("status"))
    );
    assert!(
        document
            .quarantined
            .iter()
            .any(|it| it.sql.contains("status"))
    );
}

#[tokio::test]
async fn a_quarantined_example_returns_only_after_the_warehouse_planned_it() {
    let warehouse = Warehouse::new().table("p.shop.orders", ORDERS).shared();
    let store = memory();
    let sync = sync(&warehouse, store.clone());
    run(&sync).await;
    let without = ORDERS.replace("status STRING, ", "");
    warehouse.set("p.shop.orders", &without);
    run(&sync).await;
    let broken: Vec<String> = {
        let quarantined = head(&store).await.quarantined;
        quarantined.into_iter().map(|it| it.sql).collect()
    };
    assert!(!broken.is_empty());

    warehouse.plans_nothing.store(true, Ordering::Relaxed);
    warehouse.set("p.shop.orders", ORDERS);
    run(&sync).await;
    let document = head(&store).await;
    for sql in &broken {
        let good = document.examples.iter().any(|it| it.sql == *sql);
        let quarantined = document.quarantined.iter().find(|it| it.sql == *sql);
        assert!(
            !good && quarantined.is_some_and(|it| it.error.is_some()),
            "{sql}"
        );
    }

    warehouse.plans_nothing.store(false, Ordering::Relaxed);
    run(&sync).await;
    let document = head(&store).await;
    let still = document
        .quarantined
        .iter()
        .any(|it| broken.contains(&it.sql));
    assert!(!still, "without another change it is planned again");
}

#[tokio::test]
async fn an_example_whose_planning_runs_out_of_time_keeps_its_place() {
    let warehouse = Warehouse::new().table("p.shop.orders", ORDERS).shared();
    let store = memory();
    let sync = sync(&warehouse, store.clone());
    run(&sync).await;
    let known = head(&store).await.examples;
    let without = ORDERS.replace("status STRING, ", "");
    warehouse.set("p.shop.orders", &without);
    run(&sync).await;
    let broken = head(&store).await.quarantined;
    assert!(!broken.is_empty() && broken.len() < known.len());

    warehouse.is_slow.store(true, Ordering::Relaxed);
    warehouse.set("p.shop.orders", ORDERS);
    let answer = run(&sync).await;
    let document = head(&store).await;
    let ids = |list: &[schema::document::Example]| -> Vec<String> {
        list.iter().map(schema::document::Example::id).collect()
    };
    assert_eq!(ids(&document.quarantined), ids(&broken));
    let is_broken = |it: &&schema::document::Example| ids(&broken).contains(&it.id());
    let good = ids(&document.examples);
    for example in known.iter().filter(|it| !is_broken(it)) {
        assert!(good.contains(&example.id()), "{}", example.sql);
    }
    assert!(
        answer.problems[0]
            .detail
            .contains("planning takes too long"),
        "{:?}",
        answer.problems
    );

    warehouse.is_slow.store(false, Ordering::Relaxed);
    run(&sync).await;
    let quarantined = head(&store).await.quarantined;
    assert_eq!(
        quarantined,
        [],
        "the next sync plans them, without another change"
    );
}

#[tokio::test]
async fn an_example_of_a_person_replaces_a_generated_one_immediately() {
    let warehouse = Warehouse::new()
        .table("p.shop.orders", ORDERS)
        .table("p.shop.customers", CUSTOMERS)
        .shared();
    let store = memory();
    let sync = sync(&warehouse, store.clone());
    let app = TestApp::without_database(|_| Ok(schema_sync::api::router(sync.clone()))).await;
    assert_eq!(run(&sync).await.examples_count, 5);
    let example = json!({"question": "How many?", "sql": "SELECT COUNT(id) FROM `p.shop.orders`"});
    assert_eq!(app.post("/v1/schema/examples", example).await.status, 201);

    let document = head(&store).await;
    assert_eq!(document.examples.len(), 5);
    assert_eq!(document.examples[0].origin, Origin::Person);
    let answer = run(&sync).await;
    assert!(!answer.updated, "nothing in the warehouse changed");
}

#[tokio::test]
async fn a_query_that_the_warehouse_rejects_is_no_example() {
    let warehouse = Warehouse::new().table("p.shop.orders", ORDERS).shared();
    warehouse.reject("status");
    let store = memory();
    run(&sync(&warehouse, store.clone())).await;
    let document = head(&store).await;
    assert!(!document.examples.is_empty());
    assert!(
        document
            .examples
            .iter()
            .all(|it| !it.sql.contains("status"))
    );
}

#[tokio::test]
async fn a_query_that_reads_more_than_it_names_is_no_example() {
    let warehouse = Warehouse::new().table("p.shop.orders", ORDERS).shared();
    warehouse.also_reads("p.hr.people");
    let store = memory();
    run(&sync(&warehouse, store.clone())).await;
    let document = head(&store).await;
    assert!(document.examples.is_empty(), "{:?}", document.examples);
}

#[tokio::test]
async fn an_example_of_a_person_is_kept_quarantined_if_it_breaks_and_restored_if_it_holds() {
    let warehouse = Warehouse::new().table("p.shop.orders", ORDERS).shared();
    let store = memory();
    let sync = sync(&warehouse, store.clone());
    let app = TestApp::without_database(|_| Ok(schema_sync::api::router(sync.clone()))).await;
    let sql = "SELECT status, COUNT(*) AS orders FROM `p.shop.orders` GROUP BY status";
    let example = json!({"question": "Orders by status?", "sql": sql});

    let too_early = app.post("/v1/schema/examples", &example).await;
    assert_eq!(too_early.status, 409);
    run(&sync).await;
    assert_eq!(app.post("/v1/schema/examples", &example).await.status, 201);
    assert_eq!(
        app.post("/v1/schema/examples", &example).await.status,
        200,
        "twice is once"
    );

    let mine = |document: &Document| {
        let good = document
            .examples
            .iter()
            .filter(|it| it.origin == Origin::Person)
            .count();
        let bad = document
            .quarantined
            .iter()
            .filter(|it| it.origin == Origin::Person)
            .count();
        (good, bad)
    };
    warehouse.set("p.shop.orders", &ORDERS.replace("status STRING, ", ""));
    run(&sync).await;
    assert_eq!(mine(&head(&store).await), (0, 1));
    warehouse.set("p.shop.orders", ORDERS);
    run(&sync).await;
    assert_eq!(mine(&head(&store).await), (1, 0));
}

#[tokio::test]
async fn an_invalid_example_is_refused_with_the_reason() {
    let warehouse = Warehouse::new().table("p.shop.orders", ORDERS).shared();
    warehouse.reject("customer_id");
    let sync = sync(&warehouse, memory());
    let app = TestApp::without_database(|_| Ok(schema_sync::api::router(sync.clone()))).await;
    run(&sync).await;
    let add = |sql: &str| app.post("/v1/schema/examples", json!({"question": "q", "sql": sql}));

    let unknown = add("SELECT statu FROM `p.shop.orders`").await;
    assert_eq!(unknown.status, 422);
    assert!(unknown.json()["detail"].as_str().unwrap().contains("statu"));
    assert_eq!(
        add("DELETE FROM `p.shop.orders` WHERE true").await.status,
        422
    );
    assert_eq!(
        add("SELECT customer_id FROM `p.shop.orders`").await.status,
        422
    );
    assert_eq!(add("").await.status, 400);
    assert_eq!(add("SELECT '\0'").await.status, 400);
    let extra = json!({"question": "q", "sql": "SELECT 1", "origin": "llm"});
    assert_eq!(app.post("/v1/schema/examples", extra).await.status, 400);
}

#[tokio::test]
async fn an_example_that_only_the_warehouse_can_read_holds_if_it_reads_tables_of_the_schema() {
    let warehouse = Warehouse::new().table("p.shop.orders", ORDERS).shared();
    let store = memory();
    let sync = sync(&warehouse, store.clone());
    let app = TestApp::without_database(|_| Ok(schema_sync::api::router(sync.clone()))).await;
    run(&sync).await;
    let add = |sql: &str| app.post("/v1/schema/examples", json!({"question": "q", "sql": sql}));

    warehouse.plans_nothing.store(true, Ordering::Relaxed);
    let unknown = add("FROM `p.shop.orders` |> TALLY id").await;
    assert_eq!(unknown.status, 503, "nobody can tell what it reads");
    warehouse.plans_nothing.store(false, Ordering::Relaxed);

    warehouse.also_reads("p.shop.orders");
    let added = add("FROM `p.shop.orders` |> TALLY id").await;
    assert_eq!(added.status, 201, "{}", added.text());
    assert_eq!(added.json()["tables"], json!(["p.shop.orders"]));
    assert_eq!(added.json()["verified"]["how"], "dry_run");

    for sql in [
        "FROM `p.shop.orders` |> TALLY session_user()",
        "FROM `p.shop.orders` |> TALLY id; DROP TABLE `p.shop.orders`",
        "FROM `p.shop.INFORMATION_SCHEMA.TABLES` |> TALLY id",
    ] {
        assert_eq!(add(sql).await.status, 422, "{sql}");
    }
    warehouse.also_reads("p.hr.people");
    let outside = add("FROM `p.shop.orders` |> TALLY status").await;
    assert_eq!(outside.status, 422);
    let detail = outside.json()["detail"].as_str().unwrap().to_owned();
    let place = "it can't be read here, at line 1, column 25: ";
    assert!(
        detail.contains(place) && !detail.contains("people"),
        "{detail}"
    );
}

#[tokio::test]
async fn an_example_that_only_the_warehouse_can_read_is_planned_again_after_changes_of_its_tables()
{
    let warehouse = Warehouse::new()
        .table("p.shop.orders", ORDERS)
        .table("p.shop.customers", CUSTOMERS)
        .shared();
    warehouse.also_reads("p.shop.orders");
    let store = memory();
    let mut sync = sync(&warehouse, store.clone());
    sync.settings.examples = 0;
    let app = TestApp::without_database(|_| Ok(schema_sync::api::router(sync.clone()))).await;
    run(&sync).await;
    let body = json!({"question": "q", "sql": "FROM `p.shop.orders` |> TALLY id"});
    assert_eq!(app.post("/v1/schema/examples", body).await.status, 201);
    let how = async || {
        let examples = head(&store).await.examples;
        examples[0].verified.as_ref().expect("it is verified").how
    };

    let plans = warehouse.plans.load(Ordering::Relaxed);
    warehouse.set("p.shop.customers", "id INT64");
    run(&sync).await;
    assert_eq!(
        warehouse.plans.load(Ordering::Relaxed),
        plans,
        "another table"
    );

    warehouse.plans_nothing.store(true, Ordering::Relaxed);
    warehouse.set("p.shop.orders", "id INT64");
    run(&sync).await;
    assert_eq!(
        how().await,
        How::Parsed,
        "it was planned for another schema"
    );

    warehouse.plans_nothing.store(false, Ordering::Relaxed);
    run(&sync).await;
    assert_eq!(how().await, How::DryRun, "the next run plans it again");
}

#[tokio::test]
async fn extensions_that_a_sync_could_not_read_stay_as_the_last_one_read_them() {
    let hstore = Extension {
        name: "hstore".into(),
        schema: "public".into(),
        types: vec!["hstore".into()],
        functions: Vec::new(),
        operators: Vec::new(),
    };
    let warehouse = Warehouse::new().table("p.shop.orders", ORDERS).shared();
    let store = memory();
    let sync = sync(&warehouse, store.clone());
    *warehouse.extensions.lock().unwrap() = Some(vec![hstore.clone()]);
    run(&sync).await;
    *warehouse.extensions.lock().unwrap() = None;
    warehouse.set("p.shop.orders", "id INT64");
    assert!(run(&sync).await.updated);
    assert_eq!(head(&store).await.source.extensions, Some(vec![hstore]));
}

#[tokio::test]
async fn an_idempotency_key_adds_one_example() {
    let warehouse = Warehouse::new().table("p.shop.orders", ORDERS).shared();
    let sync = sync(&warehouse, memory());
    let app = TestApp::without_database(|_| Ok(schema_sync::api::router(sync.clone()))).await;
    run(&sync).await;
    let add = |sql: &str| {
        let body = json!({"question": "How many?", "sql": sql});
        app.post("/v1/schema/examples", body)
            .header("idempotency-key", "k-1")
    };
    assert_eq!(
        add("SELECT COUNT(*) FROM `p.shop.orders`").await.status,
        201
    );
    assert_eq!(
        add("SELECT COUNT(*) FROM `p.shop.orders`").await.status,
        200
    );
    assert_eq!(add("SELECT MAX(id) FROM `p.shop.orders`").await.status, 422);
}
