//! The context for a question, within its budget.

mod budget;
mod details;
mod families;
mod formats;
mod meaning;
mod words;

use std::sync::Arc;

use cache_read::context::{Context, Format, Index, Request, tokens};
use http::StatusCode;
use proptest::collection::vec;
use proptest::prelude::*;
use schema::document::{Column, Document, Mode, Shards, Table};
use serde_json::{Value, json};

use crate::common::{document, example, sealed, serving, shop, table};

const CONTEXT: &str = "/v1/schema/context";

fn ask(document: &Document, question: &str, budget: usize) -> Context {
    in_format(document, question, budget, Format::Text)
}

fn in_format(document: &Document, question: &str, budget: usize, format: Format) -> Context {
    Index::build(Arc::new(document.clone())).context(&Request {
        question,
        token_budget: budget,
        datasets: None,
        format,
    })
}

fn names(context: &Context) -> Vec<&str> {
    context
        .tables
        .iter()
        .map(|table| table.name.as_str())
        .collect()
}

/// More tables than a small budget holds, which match no question.
fn noise() -> Vec<Table> {
    let noise = (0..300_u32).map(|number| {
        let letters: String = (0..3)
            .map(|place| char::from(b'a' + u8::try_from(number / 7_u32.pow(place) % 7).unwrap()))
            .collect();
        let columns: Vec<String> = (0..12).map(|at| format!("{letters}q{at}")).collect();
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        table(&format!("p.noise.{letters}_z{number}"), &columns)
    });
    noise.collect()
}

fn with_noise(mut tables: Vec<Table>) -> Document {
    tables.extend(noise());
    document(tables)
}

fn described(mut table: Table, description: &str) -> Table {
    table.description = Some(description.to_owned());
    table
}

fn nested(name: &str, mode: Mode, fields: Vec<Column>) -> Column {
    Column {
        mode,
        fields,
        ..Column::leaf(name, "STRUCT")
    }
}

fn any_column() -> impl Strategy<Value = Column> {
    let leaf = ("[a-z_가-힣`\" ]{1,20}", 0_usize..4).prop_map(|(name, kind)| {
        let data_type = ["STRING", "INT64", "DATE", "NUMERIC(10, 2)"][kind];
        let mut leaf = Column::leaf(&name, data_type);
        leaf.mode = [Mode::Nullable, Mode::Repeated][kind % 2];
        leaf.description = (kind > 1).then(|| format!("what {name} is\nfor"));
        leaf
    });
    leaf.prop_recursive(3, 20, 6, |inner| {
        ("[a-z_]{1,12}", vec(inner, 1..6), any::<bool>()).prop_map(|(name, fields, repeated)| {
            nested(
                &name,
                [Mode::Nullable, Mode::Repeated][usize::from(repeated)],
                fields,
            )
        })
    })
}

fn any_document() -> impl Strategy<Value = Document> {
    let one = ("[a-z0-9_가-힣]{1,25}", "[a-c]", vec(any_column(), 0..30));
    vec(one, 0..25).prop_map(|tables| {
        let mut tables: Vec<Table> = tables
            .into_iter()
            .map(|(name, dataset, columns)| Table {
                columns,
                ..described(
                    table(&format!("p.{dataset}.{name}"), &[]),
                    &format!("about {name}"),
                )
            })
            .collect();
        tables.sort_by(|a, b| a.name.cmp(&b.name));
        tables.dedup_by(|a, b| a.name == b.name);
        let examples = tables.iter().map(|table| example(&[&table.name])).collect();
        let mut document = document(tables);
        document.examples = examples;
        sealed(document)
    })
}

#[test]
fn tables_that_match_the_question_come_first_with_their_names() {
    let document = with_noise(vec![
        table("p.web.page_views", &["view_id", "viewed_at", "url"]),
        table(
            "p.shop.orders",
            &["order_id", "customer_id", "ordered_at", "total"],
        ),
    ]);
    let context = ask(&document, "What is the total of all orders?", 300);
    assert_eq!(names(&context)[0], "p.shop.orders");
    assert!(
        context.context.contains("`p.shop.orders`"),
        "{}",
        context.context
    );
    assert!(context.tables[0].columns.contains(&"total".to_owned()));
    assert!(context.tables[0].why.contains(&"name: order".to_owned()));
    assert!(!context.complete);
}

#[test]
fn a_table_that_must_be_joined_is_added() {
    let mut orders = table("p.noise.orders", &["order_id", "buyer", "total"]);
    let references = |columns: &str, to: &str, key: &str| {
        let columns = vec![columns.to_owned()];
        let to = crate::common::name(to);
        schema::document::ForeignKey::new(columns, to, vec![key.to_owned()])
    };
    orders.foreign_keys = vec![references("buyer", "p.noise.zz_people", "nr")];
    let people = table("p.noise.zz_people", &["nr", "surname"]);
    let shared = table("p.noise.zz_parcels", &["parcel", "order_id"]);
    let document = with_noise(vec![orders, people, shared]);
    let context = ask(&document, "total of the orders", 250);
    let found = |name: &str| {
        context
            .tables
            .iter()
            .find(|table| table.name == name)
            .unwrap()
    };
    let why = "join: p.noise.orders".to_owned();
    assert!(found("p.noise.zz_people").why.contains(&why));
    assert!(found("p.noise.zz_parcels").why.contains(&why));
    assert!(
        context.context.contains("buyer -> zz_people(nr)"),
        "{}",
        context.context
    );
}

#[tokio::test]
async fn the_route_returns_tables_scores_and_the_version() {
    let shop = shop();
    let (app, _) = serving(&shop).await;
    let body = json!({"question": "how many rows have orders?", "token_budget": 500});
    let reply = app.post(CONTEXT, &body).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
    assert_eq!(reply.header("metasync-cache"), Some("fresh"));
    assert_eq!(
        reply.header("metasync-version"),
        Some(shop.version.as_str())
    );
    let answer = reply.json();
    assert_eq!(answer["version"], shop.version);
    assert_eq!(answer["tables"].as_array().unwrap().len(), 5);
    assert!(answer["tables"][0]["score"].as_f64().unwrap() > 0.0);
    assert!(answer["tokens"].as_u64().unwrap() <= 500);
    assert_eq!(answer["examples"][0]["tables"], json!(["p.shop.orders"]));
    assert_eq!(app.post(CONTEXT, &body).await.text(), reply.text());
}

#[tokio::test]
async fn a_caller_gets_no_context_of_datasets_outside_their_scope() {
    let (app, _) = serving(&shop()).await;
    let ask = |body: Value| {
        app.post(CONTEXT, body)
            .header("test-datasets", "p.web,p.shop")
    };
    let question = "how many rows have orders and people with a salary?";
    let seen = ask(json!({"question": question})).await;
    assert_eq!(seen.status, StatusCode::OK);
    assert!(
        !seen.text().contains("p.hr") && !seen.text().contains("salary:"),
        "{}",
        seen.text()
    );
    assert_eq!(seen.json()["tables"].as_array().unwrap().len(), 4);

    let web = ask(json!({"question": question, "datasets": ["p.web"]}))
        .await
        .json();
    assert_eq!(web["tables"].as_array().unwrap().len(), 2);
    assert!(web["examples"].as_array().unwrap().is_empty());
    assert!(!web["context"].as_str().unwrap().contains("p.shop"));

    let hidden = ask(json!({"question": question, "datasets": ["p.hr"]})).await;
    let unknown = ask(json!({"question": question, "datasets": ["p.no"]})).await;
    assert_eq!(hidden.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        hidden
            .text()
            .replace("p.hr", "p.no")
            .split("request_id")
            .next(),
        unknown.text().split("request_id").next()
    );
}

#[tokio::test]
async fn an_invalid_request_is_refused_with_the_reason() {
    let (app, _) = serving(&shop()).await;
    for (body, reason) in [
        (json!({}), "question"),
        (json!({"question": " \n"}), "question is empty"),
        (json!({"question": "a\u{0}b"}), "NUL"),
        (json!({"question": "가".repeat(10_001)}), "10001 characters"),
        (
            json!({"question": "a", "token_budget": 99}),
            "use 100 to 200000",
        ),
        (
            json!({"question": "a", "token_budget": 200_001}),
            "use 100 to 200000",
        ),
        (json!({"question": "a", "token_budget": -1}), "token_budget"),
        (
            json!({"question": "a", "datasets": []}),
            "datasets is empty",
        ),
        (json!({"question": "a", "format": "yaml"}), "yaml"),
        (json!({"question": "a", "budget": 1}), "unknown field"),
    ] {
        let reply = app.post(CONTEXT, &body).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{body}");
        assert!(reply.text().contains(reason), "{reason}: {}", reply.text());
    }
    let longest = json!({"question": "가".repeat(10_000)});
    assert_eq!(app.post(CONTEXT, &longest).await.status, StatusCode::OK);
}

#[tokio::test]
async fn without_a_schema_there_is_no_context() {
    let app = crate::common::start(&crate::common::Moody::new()).await;
    let reply = app.post(CONTEXT, json!({"question": "a"})).await;
    assert_eq!(reply.header("metasync-cache"), Some("builtin"));
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
    let told = reply.text();
    assert!(told.contains("nothing is synced yet"), "{told}");
}
