//! Who may sign in, and as whom.

use http::Method;
use serde_json::{Value, json};

use super::browser::COOKIE;
use super::{SignIn, person, start};

/// A request of an admin to the routes of people.
async fn admin(console: &SignIn, method: Method, path: &str, body: Value) -> Value {
    let request = console
        .app
        .request(method, path)
        .json(&body)
        .bearer("admin");
    let reply = request.await;
    assert!(reply.status.is_success(), "{reply:?}");
    reply.json()
}

async fn invite(console: &SignIn, email: &str) -> Value {
    let invitation = json!({"email": email, "role": "writer", "scope": {"robeings": ["sales"]}});
    admin(console, Method::POST, "/v1/people", invitation).await
}

#[tokio::test]
async fn the_first_admin_is_one_of_everything_and_others_are_readers_without_a_scope() {
    let console = start().await;
    let me = console.signed_in("kim").await.me().await;
    assert_eq!(
        (&me["role"], &me["scope"]),
        (&json!("admin"), &json!({"*": ["*"]}))
    );
    let me = console.signed_in("lee").await.me().await;
    assert_eq!((&me["role"], &me["scope"]), (&json!("reader"), &json!({})));
}

#[tokio::test]
async fn a_person_is_the_one_with_the_issuer_and_the_subject_whatever_the_address() {
    let console = start().await;
    let first = console.signed_in("lee").await.me().await;
    let mut renamed = person("lee");
    renamed["email"] = json!("lee.new@example.com");
    renamed["name"] = json!("Lee");
    console.issuer.set_person(renamed);
    let mut browser = console.browser();
    browser.sign_in().await;
    let again = browser.me().await;
    assert_eq!(again["user_id"], first["user_id"]);
    assert_eq!(
        (&again["email"], &again["name"]),
        (&json!("lee.new@example.com"), &json!("Lee"))
    );

    let mut impostor = person("mallory");
    impostor["email"] = json!("lee.new@example.com");
    console.issuer.set_person(impostor);
    let mut browser = console.browser();
    browser.sign_in().await;
    assert_ne!(browser.me().await["user_id"], first["user_id"]);
}

#[tokio::test]
async fn an_address_counts_only_if_it_is_verified() {
    let console = start().await;
    let invited = invite(&console, "lee@other.example").await;
    for (name, email, verified) in [
        ("kim", "kim@example.com", json!(false)),
        ("kim", "kim@example.com", json!(null)),
        ("park", "park@example.com", json!("false")),
        ("lee", "lee@other.example", json!(false)),
    ] {
        let claims = json!({"sub": name, "email": email, "email_verified": verified});
        console.issuer.set_person(claims);
        let mut browser = console.browser();
        let reply = browser.sign_in().await;
        assert_eq!(reply.status, 403, "{email}");
        let text = reply.text();
        assert!(
            text.contains("has not verified its e-mail address"),
            "{text}"
        );
        assert!(!text.contains("invitation"), "{text}");
        assert!(!browser.cookies.contains_key(COOKIE));
    }
    let path = format!("/v1/people/{}", invited["id"].as_str().unwrap());
    let still = admin(&console, Method::GET, &path, json!({})).await;
    assert_eq!(still["has_signed_in"], false);
}

#[tokio::test]
async fn an_invitation_is_taken_with_its_address_in_any_case_and_once() {
    let console = start().await;
    let invited = invite(&console, "Lee@Other.Example").await;
    let claims = json!({"sub": "lee", "email": "lee@OTHER.example", "email_verified": true});
    console.issuer.set_person(claims);
    let mut browser = console.browser();
    assert_eq!(browser.sign_in().await.status, 303);
    let me = browser.me().await;
    assert_eq!(me["user_id"], invited["id"]);
    assert_eq!(
        (&me["role"], &me["scope"]),
        (&json!("writer"), &json!({"robeings": ["sales"]}))
    );
    // Somebody else with this address comes too late.
    let claims = json!({"sub": "mallory", "email": "lee@other.example", "email_verified": true});
    console.issuer.set_person(claims);
    assert_eq!(console.browser().sign_in().await.status, 403);
}

#[tokio::test]
async fn a_deactivated_person_is_signed_out_and_can_not_sign_in() {
    let console = start().await;
    let mut browser = console.signed_in("lee").await;
    let me = browser.me().await;
    let path = format!("/v1/people/{}", me["user_id"].as_str().unwrap());
    admin(&console, Method::PATCH, &path, json!({"is_active": false})).await;
    assert!(browser.me().await.is_null());
    let reply = console.browser().sign_in().await;
    assert_eq!(reply.status, 403);
    assert!(reply.text().contains("deactivated"), "{reply:?}");

    admin(&console, Method::PATCH, &path, json!({"is_active": true})).await;
    assert!(browser.me().await.is_null());
    assert_eq!(console.browser().sign_in().await.status, 303);
}

#[tokio::test]
async fn a_change_of_rights_takes_effect_at_once() {
    let console = start().await;
    // Without another one, this would be the last admin.
    console.signed_in("kim").await;
    let mut browser = console.signed_in("lee").await;
    let me = browser.me().await;
    let path = format!("/v1/people/{}", me["user_id"].as_str().unwrap());
    let grants = json!({"role": "admin", "scope": {"*": ["*"]}});
    admin(&console, Method::PATCH, &path, grants).await;
    let token = browser.post("/api/me/token").await.json();
    let token = token["token"].as_str().unwrap();
    assert_eq!(
        console.app.get("/v1/people").bearer(token).await.status,
        200
    );
    admin(&console, Method::PATCH, &path, json!({"role": "reader"})).await;
    assert_eq!(
        console.app.get("/v1/people").bearer(token).await.status,
        403
    );
    assert_eq!(browser.me().await["role"], "reader");
}
