//! Pages of tables, single tables by name, and their formats.

use http::StatusCode;
use schema::document::Table;
use serde_json::json;

use crate::common::{level, names, serving, shop};

#[tokio::test]
async fn tables_are_listed_page_by_page_in_the_order_of_names() {
    let (app, _) = serving(&shop()).await;
    let mut path = "/v1/schema/tables?limit=2".to_owned();
    let mut pages = Vec::new();
    loop {
        let page = app.get(&path).await;
        pages.push(names(&page));
        let body = page.json();
        let Some(next) = body["next"].as_str() else {
            break;
        };
        path = format!(
            "/v1/schema/tables?limit=2&after={}",
            next.replace('*', "%2A")
        );
    }
    assert_eq!(
        pages,
        [
            vec!["p.hr.people", "p.shop.customers"],
            vec!["p.shop.orders", "p.web.events_*"],
            vec!["p.web.orders"],
        ]
    );
    let exact = app.get("/v1/schema/tables?limit=5").await;
    assert_eq!(exact.json()["next"], json!(null));
}

#[tokio::test]
async fn an_entry_describes_the_table_without_its_columns() {
    let (app, _) = serving(&shop()).await;
    let page = app.get("/v1/schema/tables?dataset=p.shop").await;
    assert_eq!(
        page.json(),
        json!({"items": [
            {"name": "p.shop.customers", "kind": "table", "columns_count": 1},
            {
                "name": "p.shop.orders",
                "kind": "table",
                "rows": 1200,
                "columns_count": 2,
                "partitioning": {"column": "day", "unit": "DAY"},
                "require_partition_filter": true,
            },
        ], "next": null})
    );
    let web = app.get("/v1/schema/tables?dataset=p.web&limit=1").await;
    assert_eq!(web.json()["items"][0]["shards_count"], 2);
    assert_eq!(web.json()["next"], "p.web.events_*");
}

#[tokio::test]
async fn a_dataset_that_matches_nothing_is_refused_with_the_name_that_is_meant() {
    let (app, _) = serving(&shop()).await;
    let list = async |dataset: &str, scope: &str| {
        let get = app.get(&format!("/v1/schema/tables?dataset={dataset}"));
        let told = get.header("test-datasets", scope).await;
        (told.status.as_u16(), told.json()["detail"].to_string())
    };
    let context = async |dataset: &str, scope: &str| {
        let body = json!({"question": "a", "datasets": [dataset]});
        let post = app.post("/v1/schema/context", body);
        let told = post.header("test-datasets", scope).await;
        (told.status.as_u16(), told.json()["detail"].to_string())
    };
    let told = list("shop", "p.hr,p.shop,p.web").await;
    assert_eq!(told.0, 422);
    assert!(told.1.contains(r#"did you mean \"p.shop\"?"#), "{}", told.1);
    assert_eq!(told, context("shop", "p.hr,p.shop,p.web").await);
    let hidden = list("p.hr", "p.shop").await;
    let unknown = list("p.no", "p.shop").await;
    assert_eq!(hidden.0, 422);
    assert_eq!(hidden.1.replace("p.hr", "p.no"), unknown.1);
    let short = list("hr", "p.shop").await;
    assert!(!short.1.contains("p.hr"), "{}", short.1);
    assert_eq!(short, context("hr", "p.shop").await);
}

#[tokio::test]
async fn a_wrong_parameter_is_named() {
    let (app, _) = serving(&shop()).await;
    for (path, named) in [
        ("/v1/schema?dataset=p.shop", "dataset"),
        ("/v1/schema/tables?limit=0", "limit"),
        ("/v1/schema/tables?limit=1001", "limit"),
        ("/v1/schema/tables?limit=ten", "limit"),
        ("/v1/schema/tables?limt=10", "limt"),
        ("/v1/schema/tables/orders?format=xml", "format"),
        ("/v1/schema/changes?since=", "since"),
        ("/v1/schema/changes?since=../metadata_cache", "since"),
    ] {
        let reply = app.get(path).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{path}");
        assert_eq!(
            reply.header("content-type"),
            Some("application/problem+json"),
            "{path}"
        );
        let problem = reply.json();
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(named), "{path}: {detail}");
        assert_eq!(level(&reply), "fresh");
        assert_eq!(reply.header("cache-control"), Some("no-store"));
    }
}

#[tokio::test]
async fn a_table_is_found_by_any_unique_suffix_of_its_name() {
    let (app, _) = serving(&shop()).await;
    for (name, found) in [
        ("p.shop.orders", Some("p.shop.orders")),
        ("shop.orders", Some("p.shop.orders")),
        ("people", Some("p.hr.people")),
        ("events_*", Some("p.web.events_*")),
        ("events_%2A", Some("p.web.events_*")),
        ("p.web.events_%2a", Some("p.web.events_*")),
        ("rders", None),
        ("p.shop", None),
        ("PEOPLE", None),
    ] {
        let reply = app.get(&format!("/v1/schema/tables/{name}")).await;
        match found {
            Some(found) => assert_eq!(reply.json()["name"], found, "{name}"),
            None => assert_eq!(reply.status, StatusCode::NOT_FOUND, "{name}"),
        }
    }
    let ambiguous = app.get("/v1/schema/tables/orders").await;
    assert_eq!(ambiguous.status, StatusCode::BAD_REQUEST);
    let detail = ambiguous.json()["detail"].to_string();
    assert!(detail.contains("p.shop.orders, p.web.orders"), "{detail}");
}

#[tokio::test]
async fn the_404_of_a_shard_names_its_family_unless_the_scope_hides_it() {
    let (app, _) = serving(&shop()).await;
    let told = async |name: &str, scope: &str| {
        let request = app.get(&format!("/v1/schema/tables/{name}"));
        let reply = request.header("test-datasets", scope).await;
        assert_eq!(reply.status, StatusCode::NOT_FOUND, "{name}");
        reply.json()["detail"].as_str().unwrap().to_owned()
    };
    for name in [
        "p.web.events_20210102",
        "web.events_20210101",
        "events_20210101",
    ] {
        let detail = told(name, "p.web").await;
        let family = "p.web.events_* (20210101 to 20210102); use that name";
        assert!(detail.ends_with(family), "{detail}");
        let hidden = told(name, "p.shop").await;
        assert!(hidden.ends_with("lists the tables"), "{hidden}");
    }
    for name in ["events_1", "events_", "orders_20210101", "20210101"] {
        let detail = told(name, "p.web").await;
        assert!(detail.ends_with("lists the tables"), "{name}: {detail}");
    }
}

#[tokio::test]
async fn a_table_is_rendered_as_json_ddl_or_text() {
    let (app, _) = serving(&shop()).await;
    let json = app.get("/v1/schema/tables/events_*").await;
    let ddl = app.get("/v1/schema/tables/events_*?format=ddl").await;
    let text = app.get("/v1/schema/tables/events_*?format=text").await;

    let whole: Table = json.parse();
    assert_eq!(
        Some(&whole),
        shop().tables.iter().find(|table| table.name == whole.name)
    );
    assert!(
        ddl.text()
            .contains("CREATE TABLE `p.web.events_*` (\n  event_date STRING,")
    );
    assert!(
        text.text()
            .contains("event_params STRUCT REPEATED [UNNEST(event_params) AS p -> p.key]")
    );
    for reply in [ddl, text] {
        assert_eq!(
            reply.header("content-type"),
            Some("text/plain; charset=utf-8")
        );
    }
}
