//! Scopes: no response contains anything of a dataset outside the caller's scope.

use std::time::Duration;

use http::StatusCode;
use kit::{Reply, TestApp};
use schema::document::{Column, Document, Problem};
use schema::versions::content_hash;
use serde_json::{Value, json};

use crate::common::{Moody, example, names, sealed, serving, shop, start, table, version};

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
    assert_eq!(document.version, content_hash(&document));
    assert_ne!(document.version, shop.version);

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
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
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

/// The next sync of `before`, ten minutes later, in which `change` happened.
fn later(before: &Document, change: impl FnOnce(&mut Document)) -> Document {
    let mut next = before.clone();
    next.generated_at += Duration::from_secs(600);
    next.ledger.requests += 1_000;
    next.ledger.bytes_billed += 1_000;
    change(&mut next);
    next = sealed(next);
    next.date_datasets(Some(before));
    next
}

fn add_column(document: &mut Document, table: &str, column: &str) {
    let mut tables = document.tables.iter_mut();
    let table = tables.find(|it| it.name == table).expect("the table");
    table.columns.push(Column::leaf(column, "STRING"));
}

/// The replies of every route that shows a view to callers of these datasets.
async fn replies(app: &TestApp, datasets: &str) -> Vec<Reply> {
    let mut replies = Vec::new();
    for path in [
        "/v1/schema",
        "/v1/schema/tables",
        "/v1/schema/tables/p.shop.orders",
        "/v1/schema/tables/p.shop.orders?format=ddl",
    ] {
        let get = app.get(path).header("cache-control", "no-cache");
        replies.push(get.header("test-datasets", datasets).await);
    }
    let question = json!({"question": "orders of customers"});
    for path in ["/v1/schema/context", "/v1/schema/prompt"] {
        let post = app.post(path, &question);
        replies.push(post.header("test-datasets", datasets).await);
    }
    for reply in &mut replies {
        assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
        for header in ["x-request-id", "age"] {
            reply.headers.remove(header);
        }
    }
    replies
}

#[tokio::test]
async fn a_change_out_of_scope_changes_no_byte_no_tag_and_no_version() {
    let mut one = shop();
    one.date_datasets(None);
    let two = later(&one, |it| {
        add_column(it, "p.hr.people", "bonus");
        it.tables.push(table("p.hr.payroll", &["id"]));
        it.ledger.problems.push(Problem::of_dataset("p.hr", "slow"));
    });
    let store = Moody::new();
    store.sync(&one).await;
    let app = start(&store).await;
    let before = replies(&app, "p.shop").await;
    let all_before = app.get("/v1/schema").await;
    store.sync(&two).await;

    // In this process, and in one that never saw the version before.
    for app in [&app, &start(&store).await] {
        assert_eq!(replies(app, "p.shop").await, before);
        let tag = before[0].etag().unwrap();
        let again = app.get("/v1/schema").header("test-datasets", "p.shop");
        let again = again.if_none_match(tag).await;
        assert_eq!(again.status, StatusCode::NOT_MODIFIED);
        let version = before[0].header("metasync-version");
        assert_eq!(again.header("metasync-version"), version);

        let all = app.get("/v1/schema").await;
        assert_ne!(all.etag(), all_before.etag());
        assert_eq!(all.json()["version"], two.version);
    }
    let seen: Document = before[0].parse();
    assert_eq!(seen.generated_at, one.generated_at);
    assert_eq!((seen.ledger.requests, seen.ledger.bytes_billed), (0, 0));
}

#[tokio::test]
async fn a_change_in_scope_changes_version_tag_and_time() {
    let mut one = shop();
    one.date_datasets(None);
    let two = later(&one, |it| add_column(it, "p.shop.orders", "note"));
    let store = Moody::new();
    store.sync(&one).await;
    let app = start(&store).await;
    let before = replies(&app, "p.shop").await;
    store.sync(&two).await;
    let after = replies(&app, "p.shop").await;
    assert_ne!(after[0].etag(), before[0].etag());
    for header in ["metasync-version", "etag"] {
        assert_ne!(after[0].header(header), before[0].header(header));
    }
    let seen: Document = after[0].parse();
    assert_eq!(seen.generated_at, two.generated_at);
    assert_eq!(after[4].json()["version"], seen.version);
}

#[tokio::test]
async fn a_view_that_hides_nothing_has_the_version_of_the_document() {
    let shop = shop();
    let (app, _) = serving(&shop).await;
    let all = app.get("/v1/schema");
    let all = all.header("test-datasets", "p.hr,p.shop,p.web").await;
    let document: Document = all.parse();
    assert_eq!(document.tables.len(), shop.tables.len());
    assert_eq!(content_hash(&document), document.version);
}

#[tokio::test]
async fn the_version_of_a_view_finds_the_changes_since_it() {
    let mut one = shop();
    one.date_datasets(None);
    let two = later(&one, |it| add_column(it, "p.hr.people", "bonus"));
    let three = later(&two, |it| add_column(it, "p.shop.orders", "note"));
    let four = later(&three, |it| add_column(it, "p.hr.people", "grade"));
    let store = Moody::new();
    store.sync(&one).await;
    let app = start(&store).await;
    let known = app.get("/v1/schema").header("test-datasets", "p.shop");
    let known = version(&known.await);
    for next in [&two, &three, &four] {
        store.sync(next).await;
    }

    // A process that has never served that view finds it in the history.
    for app in [&app, &start(&store).await] {
        let changes = async |datasets: &str, since: &str| {
            let path = format!("/v1/schema/changes?since={since}");
            let get = app.get(&path).header("cache-control", "no-cache");
            get.header("test-datasets", datasets).await
        };
        let told = changes("p.shop", &known).await;
        let list = told.json()["changes"].clone();
        assert_eq!(list.as_array().unwrap().len(), 1, "{told:?}");
        assert_eq!(list[0]["path"], "note");
        let current = told.json()["version"].as_str().unwrap().to_owned();
        assert_eq!(told.header("metasync-version"), Some(&*current));
        let nothing = changes("p.shop", &current).await;
        assert_eq!(nothing.json()["changes"], json!([]));

        // The version of a view is unknown in every other scope.
        let other = changes("p.web", &known).await;
        assert_eq!(other.status, StatusCode::NOT_FOUND);
        // A caller may have got the version of the whole document from an earlier release.
        let whole = changes("p.shop", &one.version).await;
        assert_eq!(whole.json()["changes"], list);
    }
}

#[tokio::test]
async fn the_versions_of_a_view_are_those_in_which_it_changed() {
    let mut one = shop();
    one.date_datasets(None);
    let two = later(&one, |it| add_column(it, "p.hr.people", "bonus"));
    let three = later(&two, |it| add_column(it, "p.shop.orders", "note"));
    let four = later(&three, |it| add_column(it, "p.hr.people", "grade"));
    let store = Moody::new();
    for next in [&one, &two, &three, &four] {
        store.sync(next).await;
    }
    let app = start(&store).await;
    let list = async |datasets: &str, query: &str| {
        let get = app.get(&format!("/v1/schema/versions{query}"));
        let told = get.header("test-datasets", datasets).await;
        assert_eq!(told.status, StatusCode::OK, "{told:?}");
        told.json()
    };
    let all = app.get("/v1/schema/versions").await.json();
    let versions = |it: &Value| -> Vec<String> {
        let items = it["items"].as_array().unwrap().iter();
        items
            .map(|it| it["version"].as_str().unwrap().to_owned())
            .collect()
    };
    let stored = [&four, &three, &two, &one].map(|it| it.version.clone());
    assert_eq!(versions(&all), stored);
    assert_eq!(all["items"][0]["changes"]["added"], 1);
    let newest = app.get("/v1/schema/versions?limit=1").await.json();
    assert_eq!(
        (versions(&newest).len(), &newest["more"]),
        (1, &json!(true))
    );

    let shop = list("p.shop", "").await;
    assert_eq!(versions(&shop).len(), 2, "{shop}");
    assert_eq!(shop["more"], false);
    assert_eq!(shop["items"][0]["changes"]["added"], 1);
    assert_eq!(shop["items"][0]["tables_count"], 2);
    assert_eq!(shop["items"][1]["changes"]["added"], 2, "each table");
    let seen = app
        .get("/v1/schema")
        .header("test-datasets", "p.shop")
        .await;
    assert_eq!(versions(&shop)[0], version(&seen));
    assert_eq!(versions(&list("p.shop", "?limit=1").await).len(), 1);

    let changes = app
        .get("/v1/schema/changes")
        .header("test-datasets", "p.shop");
    let changes = changes.await.json();
    assert_eq!(changes["since"], versions(&shop)[1].as_str());
    assert_eq!(changes["changes"][0]["path"], "note");
    let web = app
        .get("/v1/schema/changes")
        .header("test-datasets", "p.web");
    assert_eq!(web.await.status, StatusCode::NOT_FOUND, "it never changed");
}

#[tokio::test]
async fn a_list_of_versions_reads_and_compares_each_version_of_a_view_once() {
    let mut one = shop();
    one.date_datasets(None);
    let two = later(&one, |it| add_column(it, "p.hr.people", "bonus"));
    let three = later(&two, |it| add_column(it, "p.shop.orders", "note"));
    let four = later(&three, |it| add_column(it, "p.shop.orders", "by"));
    let store = Moody::new();
    for next in [&one, &two, &three, &four] {
        store.sync(next).await;
    }
    let app = start(&store).await;
    let list = async |query: &str| {
        let get = app.get(&format!("/v1/schema/versions{query}"));
        let told = get.header("test-datasets", "p.shop").await;
        assert_eq!(told.status, StatusCode::OK, "{told:?}");
        told.json()
    };
    let first = list("").await;
    assert_eq!(first["items"].as_array().unwrap().len(), 3);
    let reads = store.reads();
    assert_eq!(list("").await, first);
    let newest = list("?limit=2").await;
    assert_eq!(newest["items"][1], first["items"][1]);
    assert_eq!(
        store.reads(),
        reads,
        "neither a version nor a scope changes"
    );

    let five = later(&four, |it| add_column(it, "p.shop.orders", "via"));
    store.sync(&five).await;
    let current = app.get("/v1/schema").header("test-datasets", "p.shop");
    current.header("cache-control", "no-cache").await;
    let reads = store.reads();
    let longer = list("").await;
    assert_eq!(longer["items"].as_array().unwrap().len(), 4);
    assert_eq!(longer["items"][1], first["items"][0]);
    assert!(
        store.reads() <= reads + 3,
        "the history, the new one and the one before"
    );
}

#[tokio::test]
async fn callers_who_see_the_same_today_get_only_the_changes_of_their_own_datasets() {
    let one = shop();
    let mut two = shop();
    two.tables.remove(0);
    two.source.datasets.retain(|dataset| dataset != "p.hr");
    let store = Moody::new();
    store.sync(&one).await;
    store.sync(&sealed(two)).await;
    let app = start(&store).await;
    let path = format!("/v1/schema/changes?since={}", one.version);
    for (datasets, count) in [("p.hr,p.shop", 1), ("p.shop", 0)] {
        let told = app.get(&path).header("test-datasets", datasets).await;
        let changes = told.json()["changes"].as_array().unwrap().len();
        assert_eq!(changes, count, "{datasets}: {told:?}");
    }
}
