//! What a caller with a limited scope learns by writing.

use schema::document::Replaced;

use super::meaning::{Shop, TOTAL, shop};
use super::*;

/// Replaces the head.
async fn publish(shop: &Shop, mut document: Document) {
    versions::seal(&mut document);
    let replace = versions::load_head(&*shop.store).await.unwrap().replace();
    versions::publish(&*shop.store, &document, replace)
        .await
        .unwrap();
}

#[tokio::test]
async fn no_answer_to_a_scoped_caller_has_the_description_that_is_replaced() {
    let shop = shop().await;
    let body = || json!({"text": "Gross."});
    shop.put(TOTAL, body()).await;
    let mut document = head(&shop.store).await;
    document.meaning.descriptions[0].replaces = Some(Replaced {
        text: "As in people.".to_owned(),
        source: schema::document::DescriptionSource::Warehouse,
    });
    publish(&shop, document).await;
    for body in [body(), body(), json!({"text": "Net."})] {
        let put = shop.app.put(TOTAL, body).bearer("shop-token").await;
        assert_eq!(put.status, 200);
        assert!(put.json()["replaces"].is_null(), "{}", put.text());
    }
}

/// A document of Postgres, in which `shop.orders.boss` has the row type of the hidden table `hr.people`.
fn with_row_type(document: Document) -> Document {
    let column = |value| serde_json::from_value(value).unwrap();
    let mut next = document;
    next.source.dialect = schema::Dialect::Postgres;
    next.source.extensions = Some(Vec::new());
    next.examples.clear();
    for table in &mut next.tables {
        if table.own_name() == "orders" {
            table.columns = vec![
                column(json!({"name": "id", "type": "integer"})),
                column(json!({"name": "boss", "type": "hr.people",
                              "fields": [{"name": "salary", "type": "numeric"}]})),
            ];
        }
    }
    next
}

#[tokio::test]
async fn a_scoped_caller_can_not_tell_a_hidden_field_from_one_that_does_not_exist() {
    let shop = shop().await;
    let document = with_row_type(head(&shop.store).await);
    publish(&shop, document).await;
    let describe = async |path: &str, token: &str| {
        let path = format!("/v1/schema/descriptions/orders?column={path}");
        let request = shop.app.put(&path, json!({"text": "In euros."}));
        let answer = request.bearer(token).await;
        let detail = answer.json()["detail"].to_string();
        (answer.status, detail.replace("salary", "salarx"))
    };
    let hidden = describe("boss.salary", "shop-token").await;
    let missing = describe("boss.salarx", "shop-token").await;
    assert_eq!(hidden, missing);
    assert_eq!(hidden.0, 422);
    assert_eq!(describe("boss", "shop-token").await.0, 201);
    assert_eq!(describe("boss.salary", "all-token").await.0, 201);

    let metric = async |sql: &str, token: &str| {
        let body = json!({"sql": sql, "table": "orders"});
        let request = shop.app.put("/v1/schema/metrics/pay", body);
        request.bearer(token).await.status
    };
    assert_eq!(metric("sum((boss).salary)", "shop-token").await, 422);
    assert_eq!(metric("sum((boss).salary)", "all-token").await, 201);
    let seen = shop
        .app
        .get("/v1/schema/meaning")
        .bearer("shop-token")
        .await;
    assert!(!seen.text().contains("salary"), "{}", seen.text());
}

#[tokio::test]
async fn a_scoped_caller_gets_the_message_of_the_warehouse_without_hidden_names() {
    let shop = shop().await;
    shop.warehouse
        .reject_with("sum(total)", "total of people is no number");
    shop.warehouse.reject_with("sum(id)", "no function sum");
    let put = async |sql: &str| {
        let body = json!({"sql": sql, "table": "orders"});
        let request = shop.app.put("/v1/schema/metrics/pay", body);
        let refused = request.bearer("shop-token").await;
        assert_eq!(refused.status, 422);
        refused.json()["detail"].as_str().unwrap().to_owned()
    };
    assert!(!put("sum(total)").await.contains("people"));
    assert_eq!(put("sum(id)").await, "no function sum");
}

#[tokio::test]
async fn an_entry_that_its_author_would_not_see_is_refused_and_nothing_is_written() {
    let shop = shop().await;
    shop.warehouse.set("p.hr.status", "id INT64");
    run(&shop.sync).await;
    let version = head(&shop.store).await.version;
    let put = async |path: &str, body: Value| {
        let request = shop.app.put(path, body).bearer("shop-token");
        let answer = request.await;
        let detail = answer.json()["detail"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        (answer.status, detail)
    };
    for (path, body) in [
        (TOTAL, json!({"text": "By the status of the order."})),
        (
            "/v1/schema/glossary/open",
            json!({"meaning": "The status of an order.", "tables": ["orders"]}),
        ),
        (
            "/v1/schema/metrics/status",
            json!({"sql": "sum(total)", "table": "orders"}),
        ),
    ] {
        let (status, detail) = put(path, body).await;
        assert_eq!(status, 422, "{path}");
        assert!(detail.contains("out of your datasets"), "{detail}");
        assert!(
            !detail.contains("status") && !detail.contains("hr"),
            "{detail}"
        );
    }
    assert_eq!(head(&shop.store).await.version, version);
    let file = json!({"descriptions": [
        {"table": "orders", "text": "One row per order."},
        {"table": "orders", "column": "total", "text": "By status."},
    ]});
    let import = shop.app.post("/v1/schema/meaning", file);
    let imported = import.bearer("shop-token").await.json();
    assert_eq!(imported["written"], 1);
    assert_eq!(
        imported["refused"][0]["entry"],
        "the description of total in orders"
    );
    let (status, detail) = put(TOTAL, json!({"text": "Gross."})).await;
    assert_eq!(status, 201, "{detail}");
    let (status, _) = put(TOTAL, json!({"text": "By the status."})).await;
    assert_eq!(status, 422);
    let kept = shop.app.get(TOTAL).bearer("shop-token").await;
    assert_eq!(kept.json()["text"], "Gross.");
}

#[tokio::test]
async fn an_entry_about_a_dropped_table_can_be_seen_changed_and_removed_by_its_author() {
    let shop = shop().await;
    shop.warehouse.set("p.shop.visits", "id INT64");
    run(&shop.sync).await;
    let description = "/v1/schema/descriptions/p.shop.visits";
    let (term, metric) = ("/v1/schema/glossary/visit", "/v1/schema/metrics/visits");
    for (path, body) in [
        (description, json!({"text": "One row per visit."})),
        (term, json!({"meaning": "A session.", "tables": ["visits"]})),
        (metric, json!({"sql": "count(*)", "table": "visits"})),
    ] {
        let written = shop.app.put(path, body).bearer("shop-token").await;
        assert_eq!(written.status, 201, "{path}");
    }
    shop.warehouse.drop_table("p.shop.visits");

    run(&shop.sync).await;

    for path in [description, term, metric] {
        let seen = shop.app.get(path).bearer("shop-token").await;
        assert_eq!(seen.status, 200, "{path}");
        assert!(seen.json()["error"].is_string(), "{}", seen.text());
    }
    let other = json!({"meaning": "An order.", "tables": ["orders"]});
    let changed = shop.app.put(term, other).bearer("shop-token").await;
    assert_eq!(changed.status, 200);
    for path in [description, term, metric] {
        let removed = shop.app.delete(path).bearer("shop-token").await;
        assert_eq!(removed.status, 204, "{path}");
    }
    assert!(head(&shop.store).await.meaning.is_empty());
}
