//! Who may sync and add examples, and what their answers contain.

use super::*;

#[tokio::test]
async fn only_an_admin_syncs_or_adds_an_example_and_only_within_their_datasets() {
    let hash = |token: &str| {
        use sha2::Digest as _;
        hex::encode(sha2::Sha256::digest(token))
    };
    let scope = |datasets: &[&str]| json!({"datasets": datasets, "robeings": [], "sessions": []});
    let tokens = json!([
        {"name": "reader", "role": "reader", "scope": scope(&["*"]), "sha256": hash("reader-token")},
        {"name": "shop", "role": "admin", "scope": scope(&["p.shop"]), "sha256": hash("shop-token")},
    ]);
    let warehouse = Warehouse::new()
        .table("p.shop.orders", ORDERS)
        .table("p.hr.pay", "id INT64")
        .shared();
    let sync = sync(&warehouse, memory());
    let app = TestApp::with_env(Env::default().with("AUTH_TOKENS", tokens.to_string()))
        .start(|_| Ok(schema_sync::api::router(sync.clone())))
        .await;

    for path in [
        "/v1/schema/sync",
        "/events/schema-sync",
        "/v1/schema/examples",
    ] {
        assert_eq!(app.post(path, json!({})).await.status, 401, "{path}");
        assert_eq!(
            app.post(path, json!({}))
                .bearer("reader-token")
                .await
                .status,
            403,
            "{path}"
        );
    }
    assert_eq!(
        app.post("/v1/schema/sync", json!({}))
            .bearer("shop-token")
            .await
            .status,
        200
    );
    let add = |sql: &str| {
        let body = json!({"question": "q", "sql": sql});
        app.post("/v1/schema/examples", body).bearer("shop-token")
    };
    let hidden = add("SELECT id FROM `p.hr.pay`").await;
    let missing = add("SELECT id FROM `p.hr.nothing`").await;
    assert_eq!(
        (hidden.status, missing.status),
        (missing.status, hidden.status)
    );
    assert_eq!(hidden.status, 422);
    assert_eq!(add("SELECT id FROM `p.shop.orders`").await.status, 201);
}

/// An app with one admin for everything (`all-token`) and one for `p.shop` (`shop-token`).
async fn with_admins(sync: &Sync) -> TestApp {
    let hash = |token: &str| {
        use sha2::Digest as _;
        hex::encode(sha2::Sha256::digest(token))
    };
    let scope = |datasets: &[&str]| json!({"datasets": datasets, "robeings": [], "sessions": []});
    let tokens = json!([
        {"name": "all", "role": "admin", "scope": scope(&["*"]), "sha256": hash("all-token")},
        {"name": "shop", "role": "admin", "scope": scope(&["p.shop"]), "sha256": hash("shop-token")},
    ]);
    TestApp::with_env(Env::default().with("AUTH_TOKENS", tokens.to_string()))
        .start(|_| Ok(schema_sync::api::router(sync.clone())))
        .await
}

#[tokio::test]
async fn an_invalid_example_reveals_no_name_of_a_hidden_dataset_to_a_scoped_admin() {
    let warehouse = Warehouse::new()
        .table("p.shop.orders", ORDERS)
        .table("p.hr.pay", "id INT64, salary FLOAT64")
        .shared();
    let sync = sync(&warehouse, memory());
    let app = with_admins(&sync).await;
    run(&sync).await;
    let plans = warehouse.plans.load(Ordering::Relaxed);
    let add = |token: &'static str, sql: &str| {
        let body = json!({"question": "q", "sql": sql});
        app.post("/v1/schema/examples", body).bearer(token)
    };

    for sql in [
        "SELECT salari FROM `p.hr.pay`",
        "SELECT id FROM `p.hr.payy`",
        "SELECT id FROM pay",
        "SELECT o.id FROM `p.shop.orders` AS o JOIN `p.hr.pay` AS h ON h.id = o.id",
    ] {
        let reply = add("shop-token", sql).await;
        assert_eq!(reply.status, 422, "{sql}");
        let detail = reply.json()["detail"].as_str().unwrap().to_owned();
        assert!(!detail.contains("salary"), "{sql}: {detail}");
        assert!(!detail.contains("there is p.hr"), "{sql}: {detail}");
        assert!(!detail.contains("mean pay"), "{sql}: {detail}");
    }
    assert_eq!(
        warehouse.plans.load(Ordering::Relaxed),
        plans,
        "nothing is planned"
    );

    let hidden = "SELECT salary FROM `p.hr.pay`";
    assert_eq!(add("all-token", hidden).await.status, 201);
    assert_eq!(
        add("shop-token", hidden).await.status,
        422,
        "that somebody else added it does not show"
    );
}

#[tokio::test]
async fn a_scoped_admin_sees_changes_and_problems_of_their_datasets_only() {
    let warehouse = Warehouse::new()
        .table("p.shop.orders", ORDERS)
        .table("p.hr.pay", "id INT64")
        .table("p.web.visits", "at DATE")
        .shared();
    let sync = sync(&warehouse, memory());
    let app = with_admins(&sync).await;
    run(&sync).await;

    for path in ["/v1/schema/sync", "/events/schema-sync"] {
        warehouse.set("p.shop.orders", "id INT64");
        warehouse.set("p.hr.pay", "id INT64, salary FLOAT64");
        warehouse.lose("p.web");
        let reply = app.post(path, json!({})).bearer("shop-token").await;
        let text = reply.text().to_owned();
        assert_eq!(reply.status, 200, "{path}");
        assert!(
            !text.contains("p.hr") && !text.contains("p.web"),
            "{path}: {text}"
        );
        assert!(text.contains("p.shop.orders"), "{path}: {text}");
        assert_eq!(reply.json()["message"], "MetaSync completed successfully");
        let all = app.post(path, json!({})).bearer("all-token").await;
        assert!(all.text().contains("p.web"), "{path}: {}", all.text());

        warehouse.set("p.shop.orders", ORDERS);
        warehouse.set("p.hr.pay", "id INT64");
        run(&sync).await;
    }
}

#[tokio::test]
async fn an_idempotency_key_belongs_to_its_caller() {
    let warehouse = Warehouse::new()
        .table("p.shop.orders", ORDERS)
        .table("p.hr.pay", "id INT64")
        .shared();
    let sync = sync(&warehouse, memory());
    let app = with_admins(&sync).await;
    run(&sync).await;
    let add = |token: &'static str, sql: &str| {
        let body = json!({"question": "q", "sql": sql});
        app.post("/v1/schema/examples", body)
            .header("idempotency-key", "k-1")
            .bearer(token)
    };
    let hidden = "SELECT id FROM `p.hr.pay`";
    assert_eq!(add("all-token", hidden).await.status, 201);
    let own = "SELECT id FROM `p.shop.orders`";
    assert_eq!(add("shop-token", own).await.status, 201);
    assert_eq!(add("shop-token", own).await.status, 200);
    assert_eq!(add("all-token", own).await.status, 422);
}

#[tokio::test]
async fn a_message_of_the_warehouse_that_names_a_hidden_table_is_not_shown_to_a_scoped_admin() {
    let warehouse = Warehouse::new()
        .table("p.shop.orders", ORDERS)
        .table("p.hr.pay", "id INT64")
        .shared();
    let sync = sync(&warehouse, memory());
    let app = with_admins(&sync).await;
    run(&sync).await;
    warehouse.reject_with("AS a", "the view orders reads p.hr.pay");
    warehouse.reject_with("AS b", "Access Denied: Table x:y.z");
    warehouse.also_reads("p.hr.pay");
    for sql in ["SELECT id AS a", "SELECT id AS b", "SELECT id"]
        .map(|it| it.to_owned() + " FROM `p.shop.orders`")
    {
        let body = json!({"question": "q", "sql": sql});
        let add = app.post("/v1/schema/examples", body).bearer("shop-token");
        let reply = add.await;
        assert_eq!(reply.status, 422, "{sql}");
        let detail = reply.json()["detail"].as_str().unwrap().to_owned();
        for hidden in ["pay", "hr", "x:y"] {
            assert!(!detail.contains(hidden), "{detail}");
        }
    }
}

#[tokio::test]
async fn a_change_that_mentions_a_hidden_table_shows_a_scoped_admin_that_it_changed_only() {
    let warehouse = Warehouse::new()
        .table("p.shop.orders", ORDERS)
        .table("p.hr.pay", "id INT64")
        .shared();
    let sync = sync(&warehouse, memory());
    let app = with_admins(&sync).await;
    run(&sync).await;
    warehouse.set(
        "p.shop.orders",
        &format!("{ORDERS}, row_of STRUCT<pay INT64>"),
    );

    let reply = app
        .post("/v1/schema/sync", json!({}))
        .bearer("shop-token")
        .await;

    let changes = &reply.json()["changes"];
    assert_eq!(changes[0]["path"], "row_of");
    assert!(changes[0].get("to").is_none(), "{changes}");
    assert!(!reply.text().contains("pay"), "{}", reply.text());
}

#[tokio::test]
async fn a_query_that_only_the_warehouse_can_read_and_that_names_anything_hidden_is_never_planned()
{
    let warehouse = Warehouse::new()
        .table("p.shop.orders", ORDERS)
        .table("p.hr.pay", "id INT64, salary FLOAT64")
        .shared();
    let sync = sync(&warehouse, memory());
    let app = with_admins(&sync).await;
    run(&sync).await;
    warehouse.also_reads("p.shop.orders");
    let plans = warehouse.plans.load(Ordering::Relaxed);
    let add = |token: &'static str, sql: &str| {
        let body = json!({"question": "q", "sql": sql});
        app.post("/v1/schema/examples", body).bearer(token)
    };
    for sql in [
        "FROM `p.shop.orders` |> TALLY pay",
        "FROM `p.shop.orders` |> TALLY id-pay",
        "FROM `p.hr.pay` |> TALLY id",
        "FROM hr.pay |> TALLY id",
        "FROM `p.shop.orders` |> TALLY id |> CROSS JOIN other.view",
    ] {
        let reply = add("shop-token", sql).await;
        assert_eq!(reply.status, 422, "{sql}: {}", reply.text());
    }
    assert_eq!(warehouse.plans.load(Ordering::Relaxed), plans);
    let own = "FROM `p.shop.orders` |> TALLY id";
    assert_eq!(add("shop-token", own).await.status, 201);
}

#[tokio::test]
async fn a_failure_of_the_warehouse_that_names_a_hidden_table_is_not_shown_to_a_scoped_admin() {
    let warehouse = Warehouse::new()
        .table("p.shop.orders", ORDERS)
        .table("p.hr.pay", "id INT64")
        .shared();
    let sync = sync(&warehouse, memory());
    let app = with_admins(&sync).await;
    run(&sync).await;
    let failures = [
        "Access Denied: Table p:x.y: grant roles/bigquery.dataViewer",
        "the table p.hr.pay is not available",
    ];
    for failure in failures {
        *warehouse.failure.lock().unwrap() = Some(failure);
        for sql in [
            "SELECT id FROM `p.shop.orders`",
            "FROM `p.shop.orders` |> TALLY id",
        ] {
            let body = json!({"question": "q", "sql": sql});
            let add = app.post("/v1/schema/examples", body);
            let reply = add.bearer("shop-token").await;
            assert_eq!(reply.status, 503, "{sql}");
            let text = reply.text();
            assert!(text.contains("can't plan queries now"), "{text}");
            for hidden in ["x.y", "pay", "Denied"] {
                assert!(!text.contains(hidden), "{text}");
            }
        }
    }
    let body = json!({"question": "q", "sql": "SELECT id FROM `p.shop.orders`"});
    let all = app.post("/v1/schema/examples", body).bearer("all-token");
    assert!(all.await.text().contains("p.hr.pay"));
}
