//! The routes of service tokens.

use serde_json::{Value, json};

use crate::common::{Console, SALES, id};

fn bot() -> Value {
    let scope: Value = serde_json::from_str(SALES).expect("JSON");
    json!({"name": "bot", "role": "admin", "scope": scope})
}

#[tokio::test]
async fn a_created_token_acts_with_its_rights_until_it_is_revoked() {
    let console = Console::start().await;
    let created = console.post("/v1/tokens", &bot()).await;
    assert_eq!(created.status, 201, "{created:?}");
    assert_eq!(created.header("cache-control"), Some("no-store"));
    let token = created.json();
    let secret = token["secret"].as_str().unwrap();
    let path = format!("/v1/tokens/{}", id(&token));
    assert_eq!(created.header("location"), Some(path.as_str()));

    // The token is an admin of sales itself.
    let seen = console.app.get("/v1/tokens").bearer(secret).await;
    assert_eq!(seen.status, 200, "{seen:?}");
    let seen = seen.json();
    assert_eq!(seen["items"][0]["name"], "bot");
    assert_eq!(seen["items"][0]["secret"], Value::Null);
    let everything = json!({"name": "other", "role": "reader", "scope": {"*": ["*"]}});
    let refused = console.app.post("/v1/tokens", &everything).bearer(secret);
    assert_eq!(refused.await.status, 403);

    let mut expected = token.clone();
    expected.as_object_mut().unwrap().remove("secret");
    let mut read = console.get(&path).await.json();
    assert!(read["last_used_at"].is_string());
    read["last_used_at"] = Value::Null;
    assert_eq!(read, expected);

    assert_eq!(console.delete(&path).await.status, 204);
    assert_eq!(console.delete(&path).await.status, 204);
    assert_eq!(
        console.app.get("/v1/tokens").bearer(secret).await.status,
        401
    );
    assert!(console.get(&path).await.json()["revoked_at"].is_string());
}

#[tokio::test]
async fn what_is_no_token_is_refused_with_what_to_send() {
    let console = Console::start().await;
    for (field, value) in [
        ("name", json!("")),
        ("name", json!("x".repeat(101))),
        ("name", json!("trigger:sweep")),
        ("name", Value::Null),
        ("role", json!("owner")),
        ("role", Value::Null),
        ("scope", json!({"robeings": ["a\u{7}"]})),
        ("expires_at", json!("2020-01-01T00:00:00Z")),
        ("expires_at", json!("tomorrow")),
        ("secret", json!("mst_mine")),
    ] {
        let mut body = bot();
        body[field] = value;
        let reply = console.post("/v1/tokens", &body).await;
        let detail = reply.json()["detail"].to_string();
        assert!(
            reply.status == 400 && detail.contains(field),
            "{body}: {reply:?}"
        );
    }
    assert_eq!(console.get("/v1/tokens/bot").await.status, 400);
    let missing = "/v1/tokens/0190b2a0-0000-7000-8000-000000000001";
    assert_eq!(console.get(missing).await.status, 404);
    assert_eq!(console.delete(missing).await.status, 404);
}

#[tokio::test]
async fn a_retry_names_the_token_whose_secret_it_can_not_show() {
    let console = Console::start().await;
    let create = |body: Value| {
        let request = console.post("/v1/tokens", &body);
        request.header("idempotency-key", "k1")
    };
    let token = create(bot()).await;
    assert_eq!(token.status, 201);
    let again = create(bot()).await;
    assert_eq!(again.status, 409);
    let detail = again.json()["detail"].to_string();
    assert!(detail.contains(id(&token.json())), "{detail}");
    assert!(!detail.contains("mst_"), "{detail}");
    let mut other = bot();
    other["role"] = json!("reader");
    assert_eq!(create(other).await.status, 422);
    let listed = console.get("/v1/tokens").await.json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_token_can_not_have_the_name_of_one_in_the_configuration() {
    let console = Console::start().await;
    let mut body = bot();
    body["name"] = json!("sales");
    let reply = console.post("/v1/tokens", &body).await;
    assert_eq!(reply.status, 409);
    let detail = reply.json()["detail"].to_string();
    assert!(detail.contains("AUTH_TOKENS"), "{detail}");
}
