//! Kills, races, damage and outages: none of them tears or loses anything.

use super::*;

#[tokio::test]
async fn after_two_concurrent_syncs_the_cache_is_the_whole_result_of_one() {
    for _ in 0..20 {
        let store = memory();
        let [one, two] = ["a INT64", "b INT64"].map(|columns| {
            sync(
                &Warehouse::new().table("p.d.t", columns).shared(),
                store.clone(),
            )
        });
        let (one, two) = tokio::join!(run(&one), run(&two));
        let version = head(&store).await.version;
        assert!(version == one.version || version == two.version);
        let history = versions::load_history(&*store).await.unwrap().0;
        assert_eq!(history.versions.last().unwrap().version, version);
    }
}

#[tokio::test]
async fn a_sync_killed_at_any_write_leaves_the_old_cache_or_the_new() {
    let mut writes = 0;
    loop {
        let inner = memory();
        let warehouse = Warehouse::new().table("p.d.t", "a INT64").shared();
        let old = run(&sync(&warehouse, inner.clone())).await.version;
        warehouse.set("p.d.t", "a INT64, b STRING");

        let store = Breaking::after(inner.clone(), writes);
        let survived = sync(&warehouse, Arc::new(store))
            .run(&Run::default())
            .await
            .is_ok();

        let between = head(&inner).await.version;
        let again = run(&sync(&warehouse, inner.clone())).await;
        assert!(
            between == old || between == again.version,
            "after {writes} writes"
        );
        let history = versions::load_history(&*inner).await.unwrap().0;
        let versions: Vec<_> = history
            .versions
            .iter()
            .map(|entry| &entry.version)
            .collect();
        assert_eq!(versions, [&old, &again.version], "after {writes} writes");
        let changes = history.versions[1].changes;
        assert_eq!(
            (changes.added, changes.removed),
            (1, 0),
            "after {writes} writes"
        );
        if survived {
            assert!(
                writes >= 3,
                "a version, the head and the history are written"
            );
            return;
        }
        writes += 1;
    }
}

#[tokio::test]
async fn a_damaged_head_is_replaced_from_the_newest_whole_version() {
    let warehouse = Warehouse::new().table("p.shop.orders", ORDERS).shared();
    let store = memory();
    let sync = sync(&warehouse, store.clone());
    let app = TestApp::without_database(|_| Ok(schema_sync::api::router(sync.clone()))).await;
    app.post("/v1/schema/sync", json!({})).await;
    let person = json!({"question": "How many?", "sql": "SELECT COUNT(id) FROM `p.shop.orders`"});
    assert_eq!(app.post("/v1/schema/examples", person).await.status, 201);
    let whole = head(&store).await;

    store
        .put(
            HEAD,
            "{\"format\": 1, \"vers".into(),
            platform::store::Put::Always,
        )
        .await
        .unwrap();
    let answer = run(&sync).await;

    assert_eq!(
        answer.version, whole.version,
        "the person's example is still there"
    );
    assert_eq!(head(&store).await.tables, whole.tables);
}

#[tokio::test]
async fn a_sync_killed_at_any_write_loses_nothing_that_the_llm_wrote() {
    let mut writes = 0;
    loop {
        let stub = eager().await;
        let inner = memory();
        let warehouse = Warehouse::new().table("p.d.t", "a INT64").shared();
        let store = Breaking::after(inner.clone(), writes);
        let survived = sync_with(&warehouse, Arc::new(store), &stub)
            .run(&Run::default())
            .await
            .is_ok();

        run(&sync_with(&warehouse, inner.clone(), &stub)).await;

        let document = head(&inner).await;
        assert_eq!(
            document.tables[0].columns[0].description.as_deref(),
            Some("Meaning of a."),
            "after {writes} writes"
        );
        let origins: Vec<Origin> = document.examples.iter().map(|it| it.origin).collect();
        assert!(
            origins.contains(&Origin::Llm),
            "after {writes} writes: {origins:?}"
        );
        let asked = stub.requests().len();
        run(&sync_with(&warehouse, inner, &stub)).await;
        assert_eq!(stub.requests().len(), asked, "after {writes} writes");
        if survived {
            assert!(
                writes >= 4,
                "a version, the head, the history and the state are written"
            );
            return;
        }
        writes += 1;
    }
}

/// A model that describes everything, and knows one example.
async fn eager() -> LlmStub {
    LlmStub::start(|asked| {
        let text = |_: &str, path: &str| format!("Meaning of {path}.");
        EnrichPrompt::parse(asked).answer(text, &[("What is there?", "SELECT a FROM `p.d.t`")])
    })
    .await
}

#[tokio::test]
async fn a_sync_that_loses_a_race_does_not_overwrite_a_newer_reading() {
    let inner = memory();
    let stub = eager().await;
    let warehouse = Warehouse::new().table("p.d.t", "a INT64").shared();
    let faster = sync(&warehouse, inner.clone());
    let overtake = {
        let warehouse = warehouse.clone();
        async move {
            warehouse.set("p.d.t", "a INT64, b STRING");
            run(&faster).await;
        }
    };
    let slower = Overtaken::by(inner.clone(), Box::pin(overtake));
    run(&sync_with(&warehouse, Arc::new(slower), &stub)).await;

    let columns = &head(&inner).await.tables[0].columns;
    let names: Vec<&str> = columns.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(
        columns[0].description.as_deref(),
        Some("Meaning of a."),
        "what was paid for is kept"
    );
    assert_eq!(stub.requests().len(), 1, "and is asked for once");
    let history = versions::load_history(&*inner).await.unwrap().0;
    assert_eq!(history.versions.len(), 2);
}

/// A store with a head that can't be read, and a person's example in the version behind it.
async fn damaged(warehouse: &Arc<Warehouse>) -> Arc<dyn Store> {
    let store = memory();
    let sync = sync(warehouse, store.clone());
    let app = TestApp::without_database(|_| Ok(schema_sync::api::router(sync.clone()))).await;
    run(&sync).await;
    let person = json!({"question": "How many?", "sql": "SELECT COUNT(id) FROM `p.shop.orders`"});
    assert_eq!(app.post("/v1/schema/examples", person).await.status, 201);
    put_head(&store, "{\"format\": 1, \"vers").await;
    store
}

async fn put_head(store: &Arc<dyn Store>, text: &'static str) {
    let put = store.put(HEAD, text.into(), platform::store::Put::Always);
    put.await.unwrap();
}

#[tokio::test]
async fn a_run_fails_if_the_store_is_down_while_the_cache_is_recovered() {
    let warehouse = Warehouse::new().table("p.shop.orders", ORDERS).shared();
    let store = damaged(&warehouse).await;

    let broken = Breaking::unreadable(store.clone(), "schema/versions/");
    let error = sync(&warehouse, Arc::new(broken))
        .run(&Run::default())
        .await
        .unwrap_err();

    assert_eq!(error.status(), 503);
    run(&sync(&warehouse, store.clone())).await;
    let people = head(&store).await.examples;
    assert_eq!(people[0].origin, Origin::Person, "it is not lost");
}

#[tokio::test]
async fn a_cache_of_a_newer_format_is_not_changed() {
    let warehouse = Warehouse::new().table("p.shop.orders", ORDERS).shared();
    let store = memory();
    let newer = "{\"format\": 99, \"tables\": {}}";
    put_head(&store, newer).await;
    let sync = sync(&warehouse, store.clone());
    let app = TestApp::without_database(|_| Ok(schema_sync::api::router(sync.clone()))).await;

    let example = json!({"question": "How many?", "sql": "SELECT COUNT(id) FROM `p.shop.orders`"});
    for (path, body) in [
        ("/v1/schema/sync", json!({})),
        ("/v1/schema/examples", example),
    ] {
        let reply = app.post(path, body).await;
        assert_eq!(reply.status, 409, "{path}");
        let detail = reply.json()["detail"].to_string();
        assert!(detail.contains("format 99"), "{path}: {detail}");
    }
    assert_eq!(store.get(HEAD).await.unwrap().body, newer);
}

#[tokio::test]
async fn an_example_for_a_damaged_cache_is_refused_with_the_reason() {
    let warehouse = Warehouse::new().table("p.shop.orders", ORDERS).shared();
    let store = damaged(&warehouse).await;
    let sync = sync(&warehouse, store);
    let app = TestApp::without_database(|_| Ok(schema_sync::api::router(sync.clone()))).await;

    let example = json!({"question": "Which?", "sql": "SELECT id FROM `p.shop.orders`"});
    let reply = app.post("/v1/schema/examples", example).await;

    assert_eq!(reply.status, 409);
    let detail = reply.json()["detail"].to_string();
    assert!(
        detail.contains("damaged") && !detail.contains("nothing was synced"),
        "{detail}"
    );
}

#[tokio::test]
async fn damaged_state_that_starts_over_is_a_problem_of_the_run() {
    let stub =
        LlmStub::start(|asked| EnrichPrompt::parse(asked).answer(|_, _| String::new(), &[])).await;
    let warehouse = Warehouse::new().table("p.d.t", "a INT64").shared();
    let store = memory();
    let sync = sync_with(&warehouse, store.clone(), &stub);
    run(&sync).await;
    let damage = async |key: &str| {
        let broken = bytes::Bytes::from_static(b"{");
        store
            .put(key, broken, platform::store::Put::Always)
            .await
            .unwrap();
    };
    for (key, subject) in [
        ("schema/history.json", "history"),
        ("schema/state.json", "state"),
        (HEAD, "cache"),
    ] {
        damage(key).await;
        warehouse.set("p.d.t", &format!("a INT64, {subject} STRING"));
        let answer = run(&sync).await;
        let told = answer.problems.iter().find(|it| it.subject == subject);
        let told = told.unwrap_or_else(|| panic!("{subject}: {:?}", answer.problems));
        assert!(
            told.detail.contains("damaged (") && told.detail.contains("EOF"),
            "{told:?}"
        );
        assert_ne!(answer.message, "MetaSync completed successfully");
    }
}
