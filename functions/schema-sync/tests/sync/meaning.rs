//! What people wrote: it outranks other texts, survives syncs, and names only what exists.

use kit::TestRequest;

use super::*;

pub(super) const TOTAL: &str = "/v1/schema/descriptions/p.shop.orders?column=total";
pub(super) const COLUMNS: &str = "id INT64, customer_id INT64, total FLOAT64, placed DATE";

pub(super) struct Shop {
    pub warehouse: Arc<Warehouse>,
    pub store: Arc<dyn Store>,
    pub sync: Sync,
    pub app: TestApp,
}

pub(super) async fn shop() -> Shop {
    let warehouse = Warehouse::new()
        .table("p.shop.orders", COLUMNS)
        .table("p.hr.people", "id INT64, salary FLOAT64")
        .shared();
    let store = memory();
    let sync = sync(&warehouse, store.clone());
    run(&sync).await;
    let shop = json!({"datasets": ["p.shop"], "robeings": [], "sessions": []});
    let all = json!({"datasets": ["*"], "robeings": [], "sessions": []});
    let tokens = json!([
        {"name": "all", "role": "admin", "scope": all, "sha256": hash("all-token")},
        {"name": "shop", "role": "admin", "scope": shop, "sha256": hash("shop-token")},
        {"name": "reader", "role": "reader", "scope": all, "sha256": hash("reader-token")},
    ]);
    let env = Env::default().with("AUTH_TOKENS", tokens.to_string());
    let router = schema_sync::api::router(sync.clone());
    let app = TestApp::with_env(env).start(|_| Ok(router)).await;
    Shop {
        warehouse,
        store,
        sync,
        app,
    }
}

fn hash(token: &str) -> String {
    use sha2::Digest as _;
    hex::encode(sha2::Sha256::digest(token))
}

impl Shop {
    pub fn put(&self, path: &str, body: Value) -> TestRequest {
        self.app.put(path, body).bearer("all-token")
    }

    pub fn get(&self, path: &str) -> TestRequest {
        self.app.get(path).bearer("all-token")
    }

    pub fn delete(&self, path: &str) -> TestRequest {
        self.app.delete(path).bearer("all-token")
    }

    /// The description of `total`, and its source.
    async fn total(&self) -> (Option<String>, Value) {
        let document = head(&self.store).await;
        let orders = document.tables.iter().find(|it| it.name == "p.shop.orders");
        let total = orders.unwrap().column_at("total").unwrap();
        let source = serde_json::to_value(total.description_source).unwrap();
        (total.description.clone(), source)
    }
}

#[tokio::test]
async fn a_description_of_a_person_outranks_the_llm_and_survives_syncs() {
    let shop = shop().await;
    let stub = LlmStub::start(|asked| {
        let text = |_: &str, path: &str| format!("Meaning of {path}.");
        EnrichPrompt::parse(asked).answer(text, &[])
    })
    .await;
    let sync = sync_with(&shop.warehouse, shop.store.clone(), &stub);
    let body = json!({"text": "Gross, in euros."});
    assert_eq!(shop.put(TOTAL, body).await.status, 201);
    assert_eq!(
        shop.total().await,
        (Some("Gross, in euros.".to_owned()), json!("person"))
    );

    run(&sync).await;
    let asked: Vec<String> = stub.requests().iter().map(|it| it.user.clone()).collect();
    let wanted = stub
        .requests()
        .iter()
        .flat_map(|it| EnrichPrompt::parse(it).tables)
        .collect::<Vec<_>>();
    let columns: Vec<&String> = wanted.iter().flat_map(|(_, _, columns)| columns).collect();
    assert!(!columns.iter().any(|it| *it == "total"), "{asked:?}");
    assert_eq!(shop.total().await.1, json!("person"));
    shop.warehouse
        .set("p.shop.orders", &format!("{COLUMNS}, note STRING"));
    assert!(run(&sync).await.updated);
    assert_eq!(shop.total().await.0.unwrap(), "Gross, in euros.");
    assert!(!run(&sync).await.updated, "nothing changed");
}

#[tokio::test]
async fn removing_a_description_restores_the_one_that_it_replaced() {
    let shop = shop().await;
    let stub = LlmStub::start(|asked| {
        let text = |_: &str, path: &str| format!("Meaning of {path}.");
        EnrichPrompt::parse(asked).answer(text, &[])
    })
    .await;
    let sync = sync_with(&shop.warehouse, shop.store.clone(), &stub);
    run(&sync).await;
    shop.put(TOTAL, json!({"text": "Gross."})).await;
    run(&sync).await;
    let asked = stub.requests().len();

    assert_eq!(shop.delete(TOTAL).await.status, 204);

    assert_eq!(
        shop.total().await,
        (Some("Meaning of total.".to_owned()), json!("llm"))
    );
    assert!(!run(&sync).await.updated);
    assert_eq!(stub.requests().len(), asked, "the text was kept");
    assert_eq!(shop.delete(TOTAL).await.status, 404);
    assert_eq!(shop.get(TOTAL).await.status, 404);
}

#[tokio::test]
async fn what_names_something_unknown_is_refused_and_the_unknown_is_named() {
    let shop = shop().await;
    let metric = |sql: &str, table: &str| json!({"sql": sql, "table": table});
    let term = |meaning: &str, tables: &[&str]| json!({"meaning": meaning, "tables": tables});
    for (path, body, unknown) in [
        (TOTAL, json!({"text": "Before `rebate`."}), "rebate"),
        (
            "/v1/schema/descriptions/p.shop.order",
            json!({"text": "x"}),
            "no table p.shop.order; did you mean orders?",
        ),
        (
            "/v1/schema/descriptions/orders?column=totl",
            json!({"text": "x"}),
            "no column totl in p.shop.orders; did you mean total?",
        ),
        (
            "/v1/schema/glossary/churn",
            term("No order in 90 days, by last_order_at.", &["orders"]),
            "last_order_at",
        ),
        (
            "/v1/schema/glossary/churn",
            term("No order.", &["p.shop.visits"]),
            "p.shop.visits",
        ),
        (
            "/v1/schema/metrics/revenue",
            metric("sum(totl)", "orders"),
            "totl",
        ),
        (
            "/v1/schema/metrics/revenue",
            metric("(select max(salary) from `p.hr.people`)", "orders"),
            "people",
        ),
        (
            "/v1/schema/metrics/revenue",
            metric("sum(total)) as a, (1", "orders"),
            "one expression",
        ),
        (
            "/v1/schema/metrics/revenue",
            metric("sum(total) from `p.hr.people` --", "orders"),
            "",
        ),
    ] {
        let refused = shop.put(path, body.clone()).await;
        assert_eq!(refused.status, 422, "{path} {body}");
        let detail = refused.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(unknown), "{path} {body}: {detail}");
    }
    assert!(head(&shop.store).await.meaning.is_empty());
}

#[tokio::test]
async fn a_metric_that_the_warehouse_rejects_is_refused() {
    let shop = shop().await;
    shop.warehouse.reject_with("sum(placed)", "no sum of dates");
    let body = json!({"sql": "sum(placed)", "table": "orders"});
    let refused = shop.put("/v1/schema/metrics/days", body).await;
    assert_eq!(refused.status, 422);
    assert_eq!(refused.json()["detail"], "no sum of dates");
}

#[tokio::test]
async fn a_term_and_a_metric_that_a_change_breaks_are_kept_unused_until_they_fit_again() {
    let shop = shop().await;
    let metric = json!({"sql": "sum(total)", "table": "orders", "description": "Gross."});
    let term = json!({"meaning": "The sum of `total`.", "tables": ["shop.orders"]});
    let written = shop.put("/v1/schema/metrics/revenue", metric).await;
    assert_eq!(written.status, 201);
    assert_eq!(written.json()["table"], "p.shop.orders");
    let written = shop.put("/v1/schema/glossary/turnover", term).await;
    assert_eq!(written.status, 201);

    shop.warehouse.set("p.shop.orders", "id INT64, placed DATE");
    let answer = run(&shop.sync).await;
    let details: Vec<&str> = answer
        .problems
        .iter()
        .map(|it| it.detail.as_str())
        .collect();
    for (noun, unknown) in [
        ("the metric \"revenue\"", "total"),
        ("the term \"turnover\"", "total"),
    ] {
        let named = |it: &&&str| it.starts_with(noun) && it.contains(unknown);
        assert_eq!(details.iter().filter(named).count(), 1, "{details:?}");
    }
    let listed = shop.get("/v1/schema/meaning").await.json();
    assert!(
        listed["metrics"][0]["error"]
            .as_str()
            .unwrap()
            .contains("total")
    );
    assert!(listed["glossary"][0]["error"].is_string());

    shop.warehouse.set("p.shop.orders", COLUMNS);
    assert_eq!(run(&shop.sync).await.problems, []);
    let listed = shop.get("/v1/schema/meaning").await.json();
    assert!(listed["metrics"][0]["error"].is_null() && listed["glossary"][0]["error"].is_null());
}

#[tokio::test]
async fn a_description_of_a_lost_column_is_reported_and_returns_with_the_column() {
    let shop = shop().await;
    shop.put(TOTAL, json!({"text": "Gross."})).await;
    shop.warehouse.set("p.shop.orders", "id INT64");
    let answer = run(&shop.sync).await;
    assert_eq!(answer.problems[0].subject, "p.shop.orders");
    assert!(answer.problems[0].detail.contains("no column total"));
    shop.warehouse.set("p.shop.orders", COLUMNS);
    run(&shop.sync).await;
    assert_eq!(shop.total().await.0.as_deref(), Some("Gross."));
}

#[tokio::test]
async fn the_conditions_of_a_write_are_honoured() {
    let shop = shop().await;
    let path = "/v1/schema/glossary/Churn";
    let body = |meaning: &str| json!({"meaning": meaning, "tables": ["orders"]});
    let missing = shop.put(path, body("a")).header("if-match", "*").await;
    assert_eq!(missing.status, 412);
    let created = shop.put(path, body("a")).header("if-none-match", "*").await;
    assert_eq!(created.status, 201);
    let first = created.headers["etag"].to_str().unwrap().to_owned();
    let again = shop.put(path, body("b")).header("if-none-match", "*").await;
    assert_eq!(again.status, 412);
    assert_eq!(shop.put(path, body("a")).await.status, 200, "twice is once");
    let changed = shop.put(path, body("b")).header("if-match", &first).await;
    assert_eq!(changed.status, 200);
    let lost = shop.put(path, body("c")).header("if-match", &first).await;
    assert_eq!(lost.status, 412);
    assert_eq!(
        shop.delete(path).header("if-match", &first).await.status,
        412
    );
    let read = shop.get("/v1/schema/glossary/churn").await;
    assert_eq!(read.json()["meaning"], "b", "in any case");
    assert_ne!(read.headers["etag"].to_str().unwrap(), first);
    assert_eq!(shop.delete(path).await.status, 204);
}

#[tokio::test]
async fn an_import_writes_what_fits_in_one_version_and_lists_the_rest() {
    let shop = shop().await;
    let file = json!({
        "descriptions": [
            {"table": "shop.orders", "text": "One row per order."},
            {"table": "orders", "column": "total", "text": "Gross."},
            {"table": "orders", "column": "rebate", "text": "Off."},
        ],
        "glossary": [{"term": "churn", "meaning": "No order.", "tables": ["orders"]}],
        "metrics": [{"name": "revenue", "sql": "sum(total)", "table": "orders"}],
    });
    let import = || {
        let file = file.clone();
        shop.app
            .post("/v1/schema/meaning", file)
            .bearer("all-token")
    };
    let versions = async || {
        let (history, _) = versions::load_history(&*shop.store).await.unwrap();
        history.versions.len()
    };
    let before = versions().await;
    let first = import().await.json();
    assert_eq!(
        (&first["written"], &first["unchanged"]),
        (&json!(4), &json!(0))
    );
    let refused = &first["refused"][0];
    assert_eq!(refused["entry"], "the description of rebate in orders");
    assert!(
        refused["reason"]
            .as_str()
            .unwrap()
            .contains("no column rebate")
    );
    assert_eq!(versions().await, before + 1);
    let second = import().await.json();
    assert_eq!(
        (&second["written"], &second["unchanged"]),
        (&json!(0), &json!(4))
    );
    assert_eq!(versions().await, before + 1);
    let wrong = json!({"descriptions": [{"table": "nothing", "text": "x"}]});
    let refused = shop
        .app
        .post("/v1/schema/meaning", wrong)
        .bearer("all-token")
        .await;
    assert_eq!(refused.status, 422);
}

#[tokio::test]
async fn what_is_out_of_scope_can_be_neither_named_nor_seen_nor_changed() {
    let shop = shop().await;
    let pay = json!({"meaning": "Paid per year.", "tables": ["p.hr.people"]});
    shop.put("/v1/schema/glossary/pay", pay).await;
    let all = json!({"meaning": "A person who orders."});
    assert_eq!(
        shop.put("/v1/schema/glossary/customer", all).await.status,
        201
    );
    let text = json!({"text": "Who works here."});
    shop.put("/v1/schema/descriptions/p.hr.people", text).await;
    let metric = json!({"sql": "sum(salary)", "table": "p.hr.people"});
    assert_eq!(
        shop.put("/v1/schema/metrics/payroll", metric).await.status,
        201
    );

    let get = |path: &str| shop.app.get(path).bearer("shop-token");
    assert_eq!(get("/v1/schema/meaning").await.json(), json!({}));
    for path in [
        "/v1/schema/glossary/pay",
        "/v1/schema/glossary/customer",
        "/v1/schema/metrics/payroll",
        "/v1/schema/descriptions/p.hr.people",
    ] {
        assert_eq!(get(path).await.status, 404, "{path}");
        let removed = shop.app.delete(path).bearer("shop-token").await;
        assert_eq!(removed.status, 404, "{path}");
    }
    let put = |path: &str, body: Value| shop.app.put(path, body).bearer("shop-token");
    let hidden = put(
        "/v1/schema/descriptions/p.hr.people",
        json!({"text": "mine"}),
    )
    .await;
    let missing = put(
        "/v1/schema/descriptions/p.hr.nothing",
        json!({"text": "mine"}),
    )
    .await;
    assert_eq!(hidden.status, 422);
    assert_eq!(missing.status, 422);
    let taken = json!({"meaning": "mine", "tables": ["orders"]});
    assert_eq!(put("/v1/schema/glossary/pay", taken).await.status, 409);
    let general = put("/v1/schema/glossary/vip", json!({"meaning": "Rich."})).await;
    assert_eq!(
        general.status, 422,
        "it would be about no dataset of theirs"
    );
    assert_eq!(
        shop.app
            .get("/v1/schema/meaning")
            .bearer("reader-token")
            .await
            .status,
        403
    );
}

#[tokio::test]
async fn a_description_that_is_written_during_a_sync_survives_it() {
    let shop = shop().await;
    let other = shop
        .app
        .put(TOTAL, json!({"text": "Gross."}))
        .bearer("all-token");
    let overtake = Box::pin(async move {
        assert_eq!(other.await.status, 201);
    });
    let store: Arc<dyn Store> = Arc::new(Overtaken::by(shop.store.clone(), overtake));
    shop.warehouse
        .set("p.shop.orders", &format!("{COLUMNS}, note STRING"));

    run(&sync(&shop.warehouse, store)).await;

    assert_eq!(shop.total().await.0.as_deref(), Some("Gross."));
    let document = head(&shop.store).await;
    assert!(
        document
            .tables
            .iter()
            .any(|it| it.column_at("note").is_some())
    );
}
