//! `/api/me`: what people choose, and tokens in their name.

use http::Method;
use serde_json::{Value, json};

use super::start;

#[tokio::test]
async fn a_person_chooses_a_language_and_a_time_zone() {
    let console = start().await;
    let mut browser = console.signed_in("lee").await;
    let me = browser.me().await;
    assert_eq!(
        (&me["language"], &me["time_zone"]),
        (&Value::Null, &Value::Null)
    );
    let reply = browser
        .json(Method::PATCH, "/api/me", json!({"language": "KO"}))
        .await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let zone = json!({"time_zone": "asia/seoul"});
    let me = browser.json(Method::PATCH, "/api/me", zone).await.json();
    assert_eq!(
        (&me["language"], &me["time_zone"]),
        (&json!("ko"), &json!("Asia/Seoul"))
    );
    assert_eq!(browser.me().await, me);
    for wrong in [
        json!({"language": "korean"}),
        json!({"language": ""}),
        json!({"language": 7}),
        json!({"time_zone": "Mars"}),
        json!({"time_zone": "KST"}),
        json!({"role": "admin"}),
        json!({"email": "other@example.com"}),
        json!([]),
    ] {
        let reply = browser.json(Method::PATCH, "/api/me", wrong.clone()).await;
        assert_eq!(reply.status, 400, "{wrong}");
    }
    assert_eq!(browser.me().await, me);
}

#[tokio::test]
async fn a_token_of_a_person_acts_as_the_person_and_ends_with_the_sign_in() {
    let console = start().await;
    let mut browser = console.signed_in("kim").await;
    let me = browser.me().await;
    let reply = browser.post("/api/me/token").await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let policy = reply.header("ratelimit-policy").unwrap();
    assert!(policy.starts_with("\"administration\""), "{policy}");
    let body = reply.json();
    let token = body["token"].as_str().unwrap();
    assert!(token.starts_with("mst_") && body["expires_at"].is_string());

    let with_token = |path: &str| console.app.get(path).bearer(token);
    assert_eq!(with_token("/api/me").await.json()["user_id"], me["user_id"]);
    assert_eq!(with_token("/v1/people").await.status, 200);
    // A token creates no further ones.
    let request = console
        .app
        .request(Method::POST, "/api/me/token")
        .bearer(token);
    assert_eq!(request.await.status, 401);

    browser.post("/auth/sign-out").await;
    assert_eq!(with_token("/v1/people").await.status, 401);
}

#[tokio::test]
async fn services_have_no_account_of_a_person() {
    let console = start().await;
    assert_eq!(console.app.get("/api/me").bearer("admin").await.status, 403);
    let change = console
        .app
        .request(Method::PATCH, "/api/me")
        .json(&json!({}));
    assert_eq!(change.bearer("admin").await.status, 403);
    let token = console.app.request(Method::POST, "/api/me/token");
    assert_eq!(token.bearer("admin").await.status, 401);
    assert_eq!(console.app.get("/api/me").await.status, 401);
    let page = console.app.get("/").bearer("reader").await;
    assert_eq!(page.status, 200);
    assert!(page.text().contains("<dd>reader</dd>"), "{page:?}");
}

#[tokio::test]
async fn the_page_shows_names_as_text() {
    let console = start().await;
    let mut claims = super::person("lee");
    claims["name"] = json!("<script>alert('Lee')</script>");
    console.issuer.set_person(claims);
    let mut browser = console.browser();
    browser.sign_in().await;
    let page = browser.get("/").await;
    assert!(!page.text().contains("<script"), "{page:?}");
    assert!(
        page.text().contains("&#60;script&#62;alert(&#39;Lee&#39;)"),
        "{page:?}"
    );
}
