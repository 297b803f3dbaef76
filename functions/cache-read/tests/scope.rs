//! Scopes: no response contains anything of a dataset outside the caller's scope.

use http::StatusCode;
use kit::Reply;
use schema::document::{Column, Document};
use serde_json::json;

use crate::common::{Moody, example, names, sealed, serving, shop, start};

#[tokio::test]
async fn a_caller_sees_nothing_of_datasets_outside_their_scope() {
    let shop = shop();
    let (app, _) = serving(&shop).await;
    let seen = app
        .get("/v1/schema")
        .header("test-datasets", "p.web,p.shop,p.none")
        .await;

    assert!(!seen.text().contains("p.hr"), "{}", seen.text());
    let document: Document = seen.parse();
    let tables: Vec<&str> = document
        .tables
        .iter()
        .map(|table| table.name.as_str())
        .collect();
    assert_eq!(
        tables,
        [
            "p.shop.customers",
            "p.shop.orders",
            "p.web.events_*",
            "p.web.orders"
        ]
    );
    assert_eq!(document.examples, [example(&["p.shop.orders"])]);
    assert_eq!(document.quarantined, [example(&["p.web.events_*"])]);
    assert_eq!(document.source.datasets, ["p.shop", "p.web"]);
    assert_eq!(document.tables[1].foreign_keys.len(), 1);
    assert_eq!(document.ledger.problems.len(), 1);
    assert_eq!(document.ledger.problems[0].subject, "p.shop");
    assert_eq!(document.version, shop.version);

    let nothing: Document = app
        .get("/v1/schema")
        .header("test-datasets", "")
        .await
        .parse();
    assert!(nothing.tables.is_empty() && nothing.examples.is_empty());
}

#[tokio::test]
async fn a_tag_of_one_scope_is_not_valid_for_another() {
    let (app, _) = serving(&shop()).await;
    let all = app.get("/v1/schema").await;
    let tag = all.etag().unwrap();
    let web = app
        .get("/v1/schema")
        .header("test-datasets", "p.web")
        .if_none_match(tag)
        .await;
    assert_eq!(web.status, StatusCode::OK);
    assert_ne!(web.etag(), all.etag());
    let shop = app
        .get("/v1/schema")
        .header("test-datasets", "p.shop")
        .await;
    assert_ne!(web.etag(), shop.etag());
    let both = app
        .get("/v1/schema")
        .header("test-datasets", "p.shop,p.web")
        .await;
    let turned = app
        .get("/v1/schema")
        .header("test-datasets", "p.web,p.shop,p.web")
        .await;
    assert_eq!(both.etag(), turned.etag());
}

#[tokio::test]
async fn a_table_out_of_scope_is_as_unknown_as_a_missing_one() {
    let (app, _) = serving(&shop()).await;
    let get = |name: &str| {
        app.get(&format!("/v1/schema/tables/{name}"))
            .header("test-datasets", "p.shop")
    };
    let hidden = get("p.hr.people").await;
    let unknown = get("p.hr.nobody").await;
    assert_eq!(
        (hidden.status, unknown.status),
        (StatusCode::NOT_FOUND, StatusCode::NOT_FOUND)
    );
    let told =
        |reply: &Reply, name: &str| reply.json()["detail"].as_str().unwrap().replace(name, "it");
    assert_eq!(told(&hidden, "p.hr.people"), told(&unknown, "p.hr.nobody"));

    let only_one_of_two = get("orders").await;
    assert_eq!(only_one_of_two.json()["name"], "p.shop.orders");
    let page = app
        .get("/v1/schema/tables")
        .header("test-datasets", "p.shop")
        .await;
    assert_eq!(names(&page), ["p.shop.customers", "p.shop.orders"]);
    let page = app
        .get("/v1/schema/tables?dataset=p.hr")
        .header("test-datasets", "p.shop")
        .await;
    assert!(names(&page).is_empty());
}

#[tokio::test]
async fn changes_out_of_scope_are_not_listed() {
    let one = shop();
    let mut two = shop();
    two.tables.remove(0);
    two.tables[1].columns.push(Column::leaf("note", "STRING"));
    let store = Moody::new();
    store.sync(&one).await;
    store.sync(&sealed(two)).await;
    let app = start(&store).await;
    let path = format!("/v1/schema/changes?since={}", one.version);

    let told = app.get(&path).header("test-datasets", "p.shop").await;
    assert_eq!(told.json()["changes"].as_array().unwrap().len(), 1);
    assert_eq!(told.json()["changes"][0]["path"], "note");
    let none = app.get(&path).header("test-datasets", "p.web").await;
    assert_eq!(none.json()["changes"], json!([]));
    assert_eq!(
        app.get(&path).await.json()["changes"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

/// `shop` with texts that mention `p.hr`, in every place that can hold a text.
fn telling() -> Document {
    let mut shop = shop();
    let secret = "the key of hr.people, the salaries";
    shop.tables[1].description = Some("whoever bought, as `p.hr.people` has them".into());
    shop.tables[1].columns[0].description = Some(secret.into());
    shop.tables[2].columns[0].description = Some("what was ordered".into());
    let mut nested = Column::leaf("address", "STRUCT");
    nested.fields = vec![Column::leaf("street", "STRING")];
    nested.fields[0].description = Some(secret.into());
    shop.tables[2].columns.push(nested);
    let mut asked = example(&["p.shop.customers"]);
    asked.question = "which customers are people?".into();
    shop.examples.push(asked.clone());
    asked.error = Some("no column in people".into());
    asked.question = "which customers?".into();
    shop.quarantined.push(asked);
    shop.ledger.dropped[0].table = Some("p.shop.orders".into());
    shop.ledger.problems[2].detail = "slower than p.hr".into();
    sealed(shop)
}

#[tokio::test]
async fn texts_that_mention_names_out_of_scope_are_in_no_answer() {
    let new = telling();
    let mut old = telling();
    old.tables[1].columns[0].description = Some("once of hr.people".into());
    old.tables[2].columns[0].description = None;
    let store = Moody::new();
    store.sync(&sealed(old.clone())).await;
    store.sync(&new).await;
    let app = start(&store).await;
    let since = sealed(old).version;
    let question = json!({"question": "orders and customers by their key"});

    for (datasets, told) in [("p.shop", false), ("p.shop,p.hr", true)] {
        let mut answers = Vec::new();
        for path in [
            "/v1/schema".to_owned(),
            "/v1/schema/tables".to_owned(),
            "/v1/schema/tables/p.shop.customers".to_owned(),
            "/v1/schema/tables/p.shop.customers?format=ddl".to_owned(),
            "/v1/schema/tables/p.shop.orders?format=text".to_owned(),
            format!("/v1/schema/changes?since={since}"),
        ] {
            let answer = app.get(&path).header("test-datasets", datasets).await;
            answers.push((path, answer));
        }
        for path in ["/v1/schema/context", "/v1/schema/prompt"] {
            let answer = app.post(path, &question);
            let answer = answer.header("test-datasets", datasets).await;
            answers.push((path.to_owned(), answer));
        }
        for (path, answer) in answers {
            assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text());
            let text = answer.text();
            let tells = ["hr", "people", "salar"].map(|word| text.contains(word));
            assert_eq!(tells.contains(&true), told, "{path} {datasets}: {text}");
        }
    }
    let seen = app
        .get("/v1/schema")
        .header("test-datasets", "p.shop")
        .await;
    let seen: Document = seen.parse();
    assert_eq!(seen.tables[0].columns[0].description, None);
    assert_eq!(
        seen.tables[1].columns[0].description.as_deref(),
        Some("what was ordered"),
        "and what tells of nothing stays"
    );
}
