//! Examples that people list, change and remove, and runs that name those that they quarantine or restore.

use super::scope::with_admins;
use super::*;

const BY_STATUS: &str = "SELECT status, COUNT(*) AS orders FROM `p.shop.orders` GROUP BY status";
const COUNT: &str = "SELECT COUNT(*) AS orders FROM `p.shop.orders`";

async fn app(sync: &Sync) -> TestApp {
    TestApp::without_database(|_| Ok(schema_sync::api::router(sync.clone()))).await
}

/// Adds an example, and returns its id.
async fn add(app: &TestApp, question: &str, sql: &str) -> String {
    let body = json!({"question": question, "sql": sql});
    let added = app.post("/v1/schema/examples", body).await;
    assert_eq!(added.status, 201, "{}", added.text());
    added.json()["id"].as_str().unwrap().to_owned()
}

async fn list(app: &TestApp) -> Vec<Value> {
    let listed = app.get("/v1/schema/examples").await;
    assert_eq!(listed.status, 200);
    listed.json()["examples"].as_array().unwrap().clone()
}

#[tokio::test]
async fn the_list_has_each_example_with_its_id_origin_and_error() {
    let warehouse = Warehouse::new().table("p.shop.orders", ORDERS).shared();
    let sync = sync(&warehouse, memory());
    let app = app(&sync).await;
    assert_eq!(app.get("/v1/schema/examples").await.status, 409);
    run(&sync).await;
    let mine = add(&app, "Orders by status?", BY_STATUS).await;
    warehouse.set("p.shop.orders", &ORDERS.replace("status STRING, ", ""));
    run(&sync).await;

    let listed = list(&app).await;
    let found = listed.iter().find(|it| it["id"] == mine.as_str()).unwrap();
    assert_eq!(found["origin"], "person");
    assert!(found["error"].as_str().unwrap().contains("status"));
    assert!(found["verified"].is_null());
    let generated = listed.iter().find(|it| it["origin"] == "rule").unwrap();
    assert_eq!(generated["verified"]["how"], "dry_run");
    assert!(generated["error"].is_null());
    let ids: std::collections::BTreeSet<&str> =
        listed.iter().map(|it| it["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), listed.len(), "ids are unique");

    let one = app.get(&format!("/v1/schema/examples/{mine}")).await;
    assert_eq!(one.status, 200);
    assert_eq!(one.json(), *found);
    assert_eq!(app.get("/v1/schema/examples/none").await.status, 404);
}

#[tokio::test]
async fn an_example_keeps_its_id_when_its_content_changes_and_a_run_keeps_both() {
    let warehouse = Warehouse::new().table("p.shop.orders", ORDERS).shared();
    let sync = sync(&warehouse, memory());
    let app = app(&sync).await;
    run(&sync).await;
    let id = add(&app, "Orders by status?", BY_STATUS).await;
    let path = format!("/v1/schema/examples/{id}");
    let body = json!({"question": "How many orders?", "sql": COUNT});
    let changed = app.put(&path, &body).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    assert_eq!(changed.json()["id"], id.as_str());

    warehouse.set("p.shop.orders", &ORDERS.replace("status STRING, ", ""));
    run(&sync).await;
    let read = app.get(&path).await.json();
    assert_eq!(read["question"], "How many orders?");
    assert_eq!(read["sql"], COUNT);

    let again = app.put(&path, &body).await;
    assert_eq!(again.status, 200);
    assert_eq!(again.json()["id"], id.as_str());
    let unknown = app.put("/v1/schema/examples/none", &body).await;
    assert_eq!(unknown.status, 404);
    let invalid = json!({"question": "q", "sql": "SELECT nothing FROM `p.shop.orders`"});
    assert_eq!(app.put(&path, &invalid).await.status, 422);
    assert_eq!(app.get(&path).await.json()["sql"], COUNT);
}

#[tokio::test]
async fn content_that_an_example_had_before_is_another_example_with_another_id() {
    let warehouse = Warehouse::new().table("p.shop.orders", ORDERS).shared();
    let sync = sync(&warehouse, memory());
    let app = app(&sync).await;
    run(&sync).await;
    let first = add(&app, "Orders by status?", BY_STATUS).await;
    let path = format!("/v1/schema/examples/{first}");
    let body = json!({"question": "How many orders?", "sql": COUNT});
    assert_eq!(app.put(&path, &body).await.status, 200);
    let second = add(&app, "Orders by status?", BY_STATUS).await;
    assert_ne!(first, second);
    let both = app
        .put(&format!("/v1/schema/examples/{second}"), &body)
        .await;
    assert_eq!(both.status, 409, "{}", both.text());
    assert!(both.text().contains(&first), "{}", both.text());
    assert_eq!(app.delete(&path).await.status, 204);
    let read = app.get(&format!("/v1/schema/examples/{second}")).await;
    assert_eq!(read.json()["sql"], BY_STATUS);
}

#[tokio::test]
async fn a_change_or_removal_with_if_match_applies_to_that_version_only() {
    let warehouse = Warehouse::new().table("p.shop.orders", ORDERS).shared();
    let sync = sync(&warehouse, memory());
    let app = app(&sync).await;
    run(&sync).await;
    let id = add(&app, "Orders by status?", BY_STATUS).await;
    let path = format!("/v1/schema/examples/{id}");
    let read = app.get(&path).await;
    let tag = read.headers["etag"].to_str().unwrap().to_owned();
    let body = json!({"question": "How many orders?", "sql": COUNT});
    let changed = app.put(&path, &body).header("if-match", &tag).await;
    assert_eq!(changed.status, 200);
    let body = json!({"question": "How many?", "sql": COUNT});
    let late = app.put(&path, &body).header("if-match", &tag).await;
    assert_eq!(late.status, 412);
    assert_eq!(app.delete(&path).header("if-match", &tag).await.status, 412);
    let tag = changed.headers["etag"].to_str().unwrap().to_owned();
    assert_eq!(app.delete(&path).header("if-match", &tag).await.status, 204);
    assert_eq!(app.get(&path).await.status, 404);
    assert_eq!(app.delete(&path).await.status, 404);
}

#[tokio::test]
async fn an_example_that_a_person_removes_or_changes_is_not_generated_again() {
    let warehouse = Warehouse::new().table("p.shop.orders", ORDERS).shared();
    let sync = sync(&warehouse, memory());
    let app = app(&sync).await;
    run(&sync).await;
    let before = list(&app).await;
    let (removed, changed) = (&before[0], &before[1]);
    let path = |it: &Value| format!("/v1/schema/examples/{}", it["id"].as_str().unwrap());
    assert_eq!(app.delete(&path(removed)).await.status, 204);
    let body = json!({"question": "Orders by status?", "sql": format!("{BY_STATUS} LIMIT 7")});
    assert_eq!(app.put(&path(changed), &body).await.status, 200);
    warehouse.set("p.shop.orders", &format!("{ORDERS}, country STRING"));
    assert!(run(&sync).await.updated);
    let after = list(&app).await;
    for gone in [removed, changed] {
        let same = after.iter().find(|it| it["sql"] == gone["sql"]);
        assert_eq!(same, None);
    }
    let kept = after.iter().find(|it| it["id"] == changed["id"]).unwrap();
    assert_eq!(kept["origin"], "person");
}

#[tokio::test]
async fn a_quarantined_example_can_be_repaired_or_removed() {
    let warehouse = Warehouse::new().table("p.shop.orders", ORDERS).shared();
    let store = memory();
    let sync = sync(&warehouse, store.clone());
    let app = app(&sync).await;
    run(&sync).await;
    let one = add(&app, "Orders by status?", BY_STATUS).await;
    let other = add(&app, "Which status?", "SELECT status FROM `p.shop.orders`").await;
    warehouse.set(
        "p.shop.orders",
        &ORDERS.replace("status STRING", "state STRING"),
    );
    run(&sync).await;
    let body = json!({
        "question": "Orders by status?",
        "sql": BY_STATUS.replace("status", "state"),
    });
    let path = format!("/v1/schema/examples/{one}");
    let repaired = app.put(&path, &body).await;
    assert_eq!(repaired.status, 200, "{}", repaired.text());
    assert!(repaired.json()["error"].is_null());
    let document = head(&store).await;
    assert_eq!(document.examples[0].id(), one);
    assert!(document.quarantined.iter().all(|it| it.id() != one));

    let path = format!("/v1/schema/examples/{other}");
    assert_eq!(app.delete(&path).await.status, 204);
    let document = head(&store).await;
    assert!(document.quarantined.iter().all(|it| it.id() != other));
}

#[tokio::test]
async fn a_run_names_the_examples_that_it_quarantined_or_repaired_with_the_reason() {
    let warehouse = Warehouse::new().table("p.shop.orders", ORDERS).shared();
    let mut sync = sync(&warehouse, memory());
    sync.settings.examples = 0;
    let app = app(&sync).await;
    assert_eq!(run(&sync).await.examples, []);
    let id = add(&app, "Orders by status?", BY_STATUS).await;
    warehouse.set("p.shop.orders", &ORDERS.replace("status STRING, ", ""));
    let answer = app.post("/v1/schema/sync", json!({})).await.json();
    let examples = &answer["examples"];
    assert_eq!(examples.as_array().map(Vec::len), Some(1), "{answer}");
    assert_eq!(examples[0]["id"], id.as_str());
    assert_eq!(examples[0]["question"], "Orders by status?");
    assert_eq!(examples[0]["fate"], "quarantined");
    let reason = examples[0]["reason"].as_str().unwrap().to_owned();
    assert!(reason.contains("there is no column status"), "{reason}");

    let again = app.post("/v1/schema/sync", json!({})).await.json();
    assert!(
        again["examples"].is_null(),
        "only the run that did it: {again}"
    );
    warehouse.set("p.shop.orders", ORDERS);
    let answer = app.post("/v1/schema/sync", json!({})).await.json();
    assert_eq!(answer["examples"][0]["id"], id.as_str());
    assert_eq!(answer["examples"][0]["fate"], "repaired");
    assert_eq!(answer["examples"][0]["reason"], reason.as_str());
}

#[tokio::test]
async fn a_caller_with_a_scope_neither_sees_nor_changes_examples_of_other_datasets() {
    let warehouse = Warehouse::new()
        .table("p.shop.orders", ORDERS)
        .table("p.hr.pay", "id INT64, salary FLOAT64")
        .shared();
    let sync = sync(&warehouse, memory());
    let app = with_admins(&sync).await;
    run(&sync).await;
    let body = json!({"question": "Pay?", "sql": "SELECT salary FROM `p.hr.pay`"});
    let added = app
        .post("/v1/schema/examples", body)
        .bearer("all-token")
        .await;
    assert_eq!(added.status, 201);
    let hidden = format!(
        "/v1/schema/examples/{}",
        added.json()["id"].as_str().unwrap()
    );

    let listed = app.get("/v1/schema/examples").bearer("shop-token").await;
    assert_eq!(listed.status, 200);
    let text = listed.text();
    assert!(!text.contains("hr") && !text.contains("salary"), "{text}");
    assert!(text.contains("p.shop.orders"));
    let get = app.get(&hidden).bearer("shop-token").await;
    assert_eq!(get.status, 404);
    let change = json!({"question": "Orders?", "sql": COUNT});
    let put = app.put(&hidden, &change).bearer("shop-token").await;
    assert_eq!(put.status, 404);
    assert_eq!(app.delete(&hidden).bearer("shop-token").await.status, 404);
    assert_eq!(app.get(&hidden).bearer("all-token").await.status, 200);

    let reads = app.get("/v1/schema/examples").bearer("reader-token").await;
    assert_eq!(reads.status, 200);
    let read = app.get(&hidden).bearer("reader-token").await;
    assert_eq!(read.status, 200, "a reader of every dataset");
    assert_eq!(app.delete(&hidden).bearer("reader-token").await.status, 403);
    let put = app.put(&hidden, &change).bearer("reader-token").await;
    assert_eq!(put.status, 403);
    assert_eq!(app.get(&hidden).await.status, 401);

    warehouse.set("p.hr.pay", "id INT64");
    let seen = app
        .post("/v1/schema/sync", json!({}))
        .bearer("shop-token")
        .await;
    assert_eq!(seen.status, 200);
    assert!(!seen.text().contains("salary"), "{}", seen.text());
}

#[tokio::test]
async fn an_added_example_removes_no_quarantined_one_with_another_question() {
    let warehouse = Warehouse::new().table("p.shop.orders", ORDERS).shared();
    let sync = sync(&warehouse, memory());
    let app = app(&sync).await;
    run(&sync).await;
    let kept = add(&app, "Orders by status?", BY_STATUS).await;
    let same = add(&app, "How are orders spread?", BY_STATUS).await;
    warehouse.set("p.shop.orders", &ORDERS.replace("status STRING, ", ""));
    run(&sync).await;
    warehouse.set("p.shop.orders", ORDERS);
    // No sync has seen that the column is back.
    let mut document = head(&sync.store).await;
    for table in &mut document.tables {
        let columns = schema::sql_type::parse_column("row", &format!("STRUCT<{ORDERS}>"));
        table.columns = columns.unwrap().fields;
    }
    versions::seal(&mut document);
    let replace = versions::load_head(&*sync.store).await.unwrap().replace();
    versions::publish(&*sync.store, &document, replace)
        .await
        .unwrap();
    let quarantined = document
        .quarantined
        .iter()
        .map(schema::document::Example::id);
    let quarantined: Vec<String> = quarantined.collect();
    assert!(quarantined.contains(&kept) && quarantined.contains(&same));

    assert_eq!(add(&app, "How are orders spread?", BY_STATUS).await, same);

    let listed = list(&app).await;
    let with_id = |id: &str| listed.iter().filter(|it| it["id"] == id).count();
    assert_eq!((with_id(&kept), with_id(&same)), (1, 1), "{listed:?}");
}

#[tokio::test]
async fn no_generated_example_gets_the_id_that_a_changed_one_has_kept() {
    let warehouse = Warehouse::new().table("p.shop.orders", ORDERS).shared();
    let sync = sync(&warehouse, memory());
    let app = app(&sync).await;
    run(&sync).await;
    let generated = list(&app).await[0]["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/schema/examples/{generated}");
    let body = json!({"question": "Orders by status?", "sql": BY_STATUS});
    assert_eq!(app.put(&path, body).await.status, 200);
    // An earlier release forgets what people removed.
    sync.store.delete("schema/state.json").await.unwrap();

    run(&sync).await;

    let listed = list(&app).await;
    let ids: std::collections::BTreeSet<&str> =
        listed.iter().map(|it| it["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), listed.len(), "{listed:?}");
}

#[tokio::test]
async fn the_list_of_quarantined_examples_in_an_answer_is_bounded() {
    let warehouse = Warehouse::new().table("p.shop.orders", ORDERS).shared();
    let sync = sync(&warehouse, memory());
    run(&sync).await;
    let mut document = head(&sync.store).await;
    let all = 600;
    document.examples = (0..all)
        .map(|at| {
            let example = json!({
                "question": format!("{at}{}", "?".repeat(4_000)), "sql": format!("{BY_STATUS} LIMIT {at}"),
                "tables": ["p.shop.orders"], "origin": "person",
                "verified": {"how": "dry_run", "at": "2026-01-01T00:00:00Z"},
            });
            serde_json::from_value(example).unwrap()
        })
        .collect();
    versions::seal(&mut document);
    let replace = versions::load_head(&*sync.store).await.unwrap().replace();
    let published = versions::publish(&*sync.store, &document, replace).await;
    published.unwrap();
    warehouse.set("p.shop.orders", &ORDERS.replace("status STRING, ", ""));

    let app = app(&sync).await;
    let answer = app.post("/v1/schema/sync", json!({})).await;

    assert_eq!(answer.status, 200);
    let answer = answer.json();
    let named = answer["examples"].as_array().unwrap().len();
    let left_out = answer["examples_left_out"].as_u64().unwrap() as usize;
    assert_eq!(named + left_out, all);
    assert!(left_out > 0 && answer["examples"].to_string().len() <= 2 << 20);
}

#[tokio::test]
async fn a_late_retry_with_its_key_restores_nothing_that_was_changed_or_removed() {
    let warehouse = Warehouse::new().table("p.shop.orders", ORDERS).shared();
    let sync = sync(&warehouse, memory());
    let app = app(&sync).await;
    run(&sync).await;
    let body = json!({"question": "Orders by status?", "sql": BY_STATUS});
    let add = async |key: &str| {
        let request = app.post("/v1/schema/examples", &body);
        request.header("idempotency-key", key).await
    };
    assert_eq!(add("k-1").await.status, 201);
    let same = add("k-2").await;
    assert_eq!(same.status, 200, "it exists");
    assert!(!same.headers.contains_key("idempotency-replayed"));
    let id = same.json()["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/schema/examples/{id}");
    let other = json!({"question": "How many orders?", "sql": COUNT});
    assert_eq!(app.put(&path, &other).await.status, 200);
    let before = head(&sync.store).await;

    let changed = add("k-1").await;
    assert_eq!(changed.status, 200);
    assert_eq!(changed.headers["idempotency-replayed"], "true");
    assert_eq!(changed.json()["sql"], COUNT, "as it is now");

    assert_eq!(app.delete(&path).await.status, 204);
    for key in ["k-1", "k-2"] {
        let removed = add(key).await;
        assert_eq!(removed.status, 200, "{key}");
        assert_eq!(removed.json()["id"], id.as_str());
        assert_eq!(removed.json()["sql"], BY_STATUS, "as it was sent");
        let listed = list(&app).await;
        assert!(listed.iter().all(|it| it["id"] != id.as_str()), "{key}");
    }
    assert_eq!(add("k-3").await.status, 201, "a new request adds it");
    assert!(before.examples.len() <= head(&sync.store).await.examples.len());
}

#[tokio::test]
async fn a_change_gives_up_if_other_writers_always_come_first() {
    let warehouse = Warehouse::new().table("p.shop.orders", ORDERS).shared();
    let store = memory();
    run(&sync(&warehouse, store.clone())).await;
    let id = head(&store).await.examples[0].id();
    let before = store.get(HEAD).await.unwrap().etag;
    let overtaken = sync(&warehouse, Arc::new(Overtaken::always(store.clone())));
    let app = app(&overtaken).await;
    let path = format!("/v1/schema/examples/{id}");
    let body = json!({"question": "Orders by status?", "sql": BY_STATUS});
    let patience = std::time::Duration::from_secs(20);
    let in_time = async |request: kit::TestRequest| {
        let reply = tokio::time::timeout(patience, async { request.await }).await;
        reply.expect("the number of attempts is limited")
    };
    for request in [
        app.post("/v1/schema/examples", &body),
        app.put(&path, &body),
        app.delete(&path),
    ] {
        let reply = in_time(request).await;
        assert_eq!(reply.status, 503, "{}", reply.text());
        assert!(reply.text().contains("other writers"), "{}", reply.text());
    }
    assert_eq!(store.get(HEAD).await.unwrap().etag, before);
}

#[tokio::test]
async fn a_change_that_exceeds_the_limit_dismisses_no_generated_example() {
    let warehouse = Warehouse::new().table("p.shop.orders", ORDERS).shared();
    let sync = sync(&warehouse, memory());
    let app = app(&sync).await;
    run(&sync).await;
    let mut document = head(&sync.store).await;
    let generated = document.examples[0].id();
    let long = "x".repeat(95_000);
    document.examples.extend((0..180).map(|at| {
        let example = json!({
            "question": format!("q{at}"), "sql": format!("{BY_STATUS} LIMIT {at} -- {long}"),
            "tables": ["p.shop.orders"], "origin": "person",
            "verified": {"how": "dry_run", "at": "2026-01-01T00:00:00Z"},
        });
        serde_json::from_value::<schema::document::Example>(example).unwrap()
    }));
    versions::seal(&mut document);
    let replace = versions::load_head(&*sync.store).await.unwrap().replace();
    let published = versions::publish(&*sync.store, &document, replace).await;
    published.unwrap();

    let body = json!({"question": "Orders by status?", "sql": BY_STATUS});
    let refused = app
        .put(&format!("/v1/schema/examples/{generated}"), &body)
        .await;

    assert_eq!(refused.status, 409, "{}", refused.text());
    assert!(refused.text().contains("16 MB"), "{}", refused.text());
    let state = sync.store.get("schema/state.json").await;
    let state = state.map(|it| String::from_utf8_lossy(&it.body).into_owned());
    assert!(!state.unwrap_or_default().contains(&generated));
}
