//! Examples whose author or readers may not see everything that they mention.

use super::scope::with_admins;
use super::*;

const COUNT: &str = "SELECT COUNT(id) AS n FROM `p.shop.orders`";

async fn shop() -> (Sync, TestApp) {
    let warehouse = Warehouse::new()
        .table("p.shop.orders", ORDERS)
        .table("p.hr.people", "id INT64, salary FLOAT64")
        .shared();
    let mut sync = sync(&warehouse, memory());
    sync.settings.examples = 3;
    run(&sync).await;
    let app = with_admins(&sync).await;
    (sync, app)
}

#[tokio::test]
async fn an_example_that_its_author_would_not_see_is_refused_and_nothing_is_written() {
    let (sync, app) = shop().await;
    let before = head(&sync.store).await;
    let add = |question: &str| {
        let body = json!({"question": question, "sql": COUNT});
        app.post("/v1/schema/examples", body).bearer("shop-token")
    };
    let is_refused = |detail: &Value| {
        let detail = detail["detail"].as_str().unwrap();
        assert!(detail.contains("out of your datasets"), "{detail}");
        assert!(
            !detail.contains("people") && !detail.contains("hr"),
            "{detail}"
        );
    };
    for question in ["What do people earn?", "Orders of HR?"] {
        let reply = add(question).await;
        assert_eq!(reply.status, 422, "{question}: {}", reply.text());
        is_refused(&reply.json());
    }
    assert_eq!(head(&sync.store).await, before);

    let added = add("How many orders?").await;
    assert_eq!(added.status, 201, "{}", added.text());
    let id = added.json()["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/schema/examples/{id}");
    let body = json!({"question": "List people?", "sql": COUNT});
    let changed = app.put(&path, body).bearer("shop-token").await;
    assert_eq!(changed.status, 422, "{}", changed.text());
    is_refused(&changed.json());
    let kept = app.get(&path).bearer("shop-token").await;
    assert_eq!(kept.json()["question"], "How many orders?");
    assert_eq!(app.delete(&path).bearer("shop-token").await.status, 204);
}

#[tokio::test]
async fn an_example_that_its_readers_do_not_see_takes_no_place_of_one_that_they_see() {
    let (sync, app) = shop().await;
    let seen = async || {
        let scope = platform::auth::Names::only(["p.shop"]);
        schema::within(&head(&sync.store).await, &scope)
    };
    let before = seen().await;
    assert!(!before.examples.is_empty());
    for n in 0..4 {
        let sql = format!("SELECT id + {n} AS n FROM `p.shop.orders`");
        let body = json!({"question": format!("What do people earn in year {n}?"), "sql": sql});
        let added = app.post("/v1/schema/examples", body).bearer("all-token");
        assert_eq!(added.await.status, 201);
        assert_eq!(seen().await, before, "{n}");
        run(&sync).await;
        assert_eq!(seen().await, before, "{n} after a sync");
    }
    let removed = &before.examples[0];
    let path = format!("/v1/schema/examples/{}", removed.id());
    assert_eq!(app.delete(&path).bearer("shop-token").await.status, 204);
    run(&sync).await;
    let after = head(&sync.store).await;
    let generated = after.examples.iter().filter(|it| it.origin == Origin::Rule);
    assert_eq!(generated.count(), 3, "the next sync fills the place again");
}
