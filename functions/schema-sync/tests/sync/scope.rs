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
pub(super) async fn with_admins(sync: &Sync) -> TestApp {
    let hash = |token: &str| {
        use sha2::Digest as _;
        hex::encode(sha2::Sha256::digest(token))
    };
    let scope = |datasets: &[&str]| json!({"datasets": datasets, "robeings": [], "sessions": []});
    let tokens = json!([
        {"name": "all", "role": "admin", "scope": scope(&["*"]), "sha256": hash("all-token")},
        {"name": "shop", "role": "admin", "scope": scope(&["p.shop"]), "sha256": hash("shop-token")},
        {"name": "reader", "role": "reader", "scope": scope(&["*"]), "sha256": hash("reader-token")},
        {"name": "nothing", "role": "admin", "scope": {}, "sha256": hash("nothing-token")},
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
async fn a_stored_reason_has_no_name_that_only_the_warehouse_mentions() {
    let warehouse = Warehouse::new()
        .table("p.shop.orders", ORDERS)
        .table("p.hr.pay", "id INT64, salary FLOAT64")
        .shared();
    let store = memory();
    let sync = sync(&warehouse, store.clone());
    let app = with_admins(&sync).await;
    run(&sync).await;
    let body = json!({"question": "q", "sql": "SELECT status FROM `p.shop.orders`"});
    let added = app
        .post("/v1/schema/examples", body)
        .bearer("all-token")
        .await;
    let path = format!(
        "/v1/schema/examples/{}",
        added.json()["id"].as_str().unwrap()
    );
    let body = json!({"sql": "min(status)", "table": "orders"});
    let metric = app.put("/v1/schema/metrics/least", body);
    assert_eq!(metric.bearer("all-token").await.status, 201);

    // The view reads a column that was renamed in a dataset that `shop-token` may not see.
    warehouse.reject_with("status", "Unrecognized name: salary_eur at [3:8]");
    warehouse.set("p.shop.orders", &format!("{ORDERS}, note STRING"));
    let answer = app.post("/v1/schema/sync", json!({})).bearer("all-token");
    let answer = answer.await.json();

    let error = |it: Value| it["error"].as_str().unwrap().to_owned();
    for path in [path.as_str(), "/v1/schema/metrics/least"] {
        let seen = app.get(path).bearer("shop-token").await;
        assert_eq!(seen.status, 200, "{path}");
        assert_eq!(error(seen.json()), "the warehouse rejects the query");
    }
    let stored = store.get(HEAD).await.unwrap();
    let stored = String::from_utf8_lossy(&stored.body).into_owned();
    assert!(!stored.contains("salary_eur"));
    let reasons: Vec<&str> = answer["examples"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["reason"].as_str().unwrap())
        .collect();
    assert!(
        reasons.iter().all(|it| it.contains("salary_eur")) && !reasons.is_empty(),
        "whoever sees every dataset gets the message: {reasons:?}"
    );
}

#[tokio::test]
async fn the_answer_of_a_sync_has_no_times_of_changes() {
    let warehouse = Warehouse::new()
        .table("p.shop.orders", ORDERS)
        .table("p.hr.pay", "id INT64")
        .shared();
    let store = memory();
    let sync = sync(&warehouse, store.clone());
    let app = with_admins(&sync).await;
    run(&sync).await;
    let sql = "SELECT o.id FROM `p.shop.orders` AS o JOIN `p.hr.pay` AS p ON p.id = o.id";
    let body = json!({"question": "q", "sql": sql});
    let added = app.post("/v1/schema/examples", body).bearer("all-token");
    assert_eq!(added.await.status, 201);
    let ledger = head(&store).await.ledger;
    assert!(!ledger.changed_at.is_empty() && !ledger.changed_together.is_empty());

    let answer = app.post("/v1/schema/sync", json!({})).bearer("all-token");

    let ledger = &answer.await.json()["ledger"];
    assert!(ledger["llm_calls"].is_number(), "{ledger}");
    for times in ["changed_at", "changed_together"] {
        assert!(ledger.get(times).is_none(), "{ledger}");
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

#[tokio::test]
async fn a_name_out_of_scope_and_a_name_that_does_not_exist_have_the_same_answer() {
    let warehouse = Warehouse::new()
        .table("p.shop.orders", ORDERS)
        .table("p.hr.pay", "id INT64")
        .shared();
    let sync = sync(&warehouse, memory());
    let app = with_admins(&sync).await;
    run(&sync).await;
    let add = async |sql: &str| {
        let body = json!({"question": "q", "sql": sql});
        let reply = app.post("/v1/schema/examples", body).bearer("shop-token");
        let reply = reply.await;
        let detail = reply.json()["detail"].as_str().unwrap().to_owned();
        (reply.status, detail)
    };
    for (hidden, missing) in [
        ("SELECT id FROM `p.hr.pay`", "SELECT id FROM `p.qq.pat`"),
        ("SELECT id FROM hr.pay", "SELECT id FROM qq.pat"),
        ("SELECT id FROM pay", "SELECT id FROM pat"),
        ("FROM `p.hr.pay` |> TALLY id", "FROM `p.qq.pat` |> TALLY id"),
    ] {
        let (status, detail) = add(hidden).await;
        let renamed = detail.replace("hr", "qq").replace("pay", "pat");
        assert_eq!((status, renamed), add(missing).await, "{hidden}");
    }
}

#[tokio::test]
async fn an_example_of_a_scoped_admin_reads_a_table_of_their_datasets() {
    let warehouse = Warehouse::new().table("p.shop.orders", ORDERS).shared();
    let store = memory();
    let sync = sync(&warehouse, store.clone());
    let app = with_admins(&sync).await;
    run(&sync).await;
    let before = head(&store).await;
    let body = json!({"question": "q", "sql": "SELECT 1 AS one"});
    let add = |token| app.post("/v1/schema/examples", &body).bearer(token);
    for token in ["shop-token", "nothing-token"] {
        let reply = add(token).await;
        assert_eq!(reply.status, 422, "{token}: {}", reply.text());
    }
    assert_eq!(head(&store).await, before);
    assert_eq!(add("all-token").await.status, 201);
    assert_eq!(add("shop-token").await.status, 422, "it does not show");
}

#[tokio::test]
async fn an_example_replaces_only_one_that_the_same_readers_see() {
    let warehouse = Warehouse::new()
        .table("p.shop.orders", ORDERS)
        .table("p.hr.pay", "id INT64")
        .shared();
    let store = memory();
    let mut sync = sync(&warehouse, store.clone());
    sync.settings.examples = 3;
    let app = with_admins(&sync).await;
    run(&sync).await;
    let shop = async || {
        let scope = platform::auth::Names::only(["p.shop"]);
        schema::within(&head(&store).await, &scope)
    };
    let before = shop().await;
    let of_shop = before.examples.len();
    assert!(of_shop > 0);
    for n in 0..5 {
        let sql = format!("SELECT id + {n} AS n FROM `p.hr.pay`");
        let body = json!({"question": format!("q{n}"), "sql": sql});
        let add = app.post("/v1/schema/examples", body).bearer("all-token");
        assert_eq!(add.await.status, 201);
        assert_eq!(shop().await, before, "{n}");
        run(&sync).await;
        assert_eq!(shop().await, before, "{n} after a sync");
    }
    let body = json!({"question": "q", "sql": "SELECT id FROM `p.shop.orders`"});
    let add = app.post("/v1/schema/examples", body).bearer("shop-token");
    assert_eq!(add.await.status, 201);
    let after = shop().await;
    assert_eq!(after.examples.len(), of_shop);
    assert_eq!(after.examples[0].origin, Origin::Person);
}

#[tokio::test]
async fn a_scoped_answer_has_the_counts_version_and_changes_of_the_callers_view() {
    let warehouse = Warehouse::new()
        .table("p.shop.orders", ORDERS)
        .table("p.hr.pay", "id INT64")
        .shared();
    let store = memory();
    let sync = sync(&warehouse, store.clone());
    let app = with_admins(&sync).await;
    run(&sync).await;
    warehouse.set("p.hr.pay", "id INT64, salary FLOAT64");
    let reply = app.post("/v1/schema/sync", json!({})).bearer("shop-token");
    let answer = reply.await.json();
    let scope = platform::auth::Names::only(["p.shop"]);
    let seen = schema::within(&head(&store).await, &scope);
    assert_eq!(answer["version"], seen.version);
    assert_eq!(answer["updated"], false);
    assert_eq!(answer["changes"], json!([]));
    assert_eq!(answer["tables_count"], 1);
    assert_eq!(answer["columns_count"], seen.columns_count());
    assert_eq!(answer["examples_count"], seen.examples.len());
}

#[tokio::test]
async fn routes_that_ask_the_warehouse_are_in_the_class_of_the_model_and_no_trigger_or_read_is() {
    let warehouse = Warehouse::new().table("p.shop.orders", ORDERS).shared();
    let sync = sync(&warehouse, memory());
    let hash = |token: &str| {
        use sha2::Digest as _;
        hex::encode(sha2::Sha256::digest(token))
    };
    let scope = json!({"*": ["*"]});
    let tokens =
        json!([{"name": "all", "role": "admin", "scope": scope, "sha256": hash("all-token")}]);
    let env = Env::default()
        .with("AUTH_TOKENS", tokens.to_string())
        .with("RATE_LIMITS", "model=100/s");
    let app = TestApp::with_env(env)
        .start(|_| Ok(schema_sync::api::router(sync.clone())))
        .await;
    run(&sync).await;
    let example = json!({"question": "q", "sql": "SELECT id FROM `p.shop.orders`"});
    let metric = json!({"sql": "count(id)", "table": "orders"});
    let term = json!({"meaning": "A word.", "tables": ["orders"]});
    let policy = |reply: &kit::Reply| reply.header("ratelimit-policy").map(str::to_owned);
    let added = app.post("/v1/schema/examples", example.clone());
    let added = added.bearer("all-token").await;
    assert_eq!(added.status, 201, "{}", added.text());
    let path = format!(
        "/v1/schema/examples/{}",
        added.json()["id"].as_str().unwrap()
    );
    let limited = [
        added,
        app.put(&path, example).bearer("all-token").await,
        app.put("/v1/schema/metrics/orders", metric)
            .bearer("all-token")
            .await,
        app.post("/v1/schema/meaning", json!({}))
            .bearer("all-token")
            .await,
        app.post("/v1/schema/sync", json!({}))
            .bearer("all-token")
            .await,
    ];
    for (at, reply) in limited.iter().enumerate() {
        assert!(reply.status.is_success(), "{at}: {}", reply.text());
        assert!(
            policy(reply).is_some_and(|it| it.starts_with("\"model\"")),
            "{at}"
        );
    }
    let others = [
        app.get("/v1/schema/examples").bearer("all-token").await,
        app.get(&path).bearer("all-token").await,
        app.get("/v1/schema/metrics/orders")
            .bearer("all-token")
            .await,
        app.put("/v1/schema/glossary/order", term)
            .bearer("all-token")
            .await,
        app.delete(&path).bearer("all-token").await,
        app.delete("/v1/schema/metrics/orders")
            .bearer("all-token")
            .await,
        app.post("/events/schema-sync", json!({}))
            .bearer("all-token")
            .await,
    ];
    for (at, reply) in others.iter().enumerate() {
        assert!(reply.status.is_success(), "{at}: {}", reply.text());
        assert_eq!(policy(reply), None, "{at}");
    }
}
