//! An issuer that is down, slow, or answers nonsense, and the ways in which a client authenticates.

use std::time::{Duration, Instant};

use kit::oidc::{CLIENT_SECRET, Fault};
use serde_json::json;

use super::browser::{Browser, COOKIE, at_issuer};
use super::{SignIn, app, start, start_with};

const FAULTS: [Fault; 6] = [
    Fault::Down,
    Fault::Slow(Duration::from_secs(20)),
    Fault::Page,
    Fault::Large,
    Fault::Redirect,
    Fault::Error,
];

#[tokio::test]
async fn sign_in_waits_a_few_seconds_for_an_issuer_that_is_down_slow_or_answers_nonsense() {
    for fault in FAULTS {
        let console = start().await;
        console.issuer.set_discovery_fault(Some(fault));
        let started = Instant::now();
        let reply = console.app.get("/auth/sign-in?return_to=/a").await;
        assert_eq!(reply.status, 503, "{fault:?}");
        assert!(reply.text().contains("can&#39;t be reached"), "{reply:?}");
        assert!(reply.text().contains("return_to=%2Fa"), "{reply:?}");
        assert!(started.elapsed() < Duration::from_secs(10), "{fault:?}");
        // It is asked again after a pause.
        console.issuer.set_discovery_fault(None);
        assert_eq!(console.app.get("/auth/sign-in").await.status, 503);
        console.clock.pass(Duration::from_secs(6));
        assert_eq!(
            console.app.get("/auth/sign-in").await.status,
            303,
            "{fault:?}"
        );
    }
}

#[tokio::test]
async fn nobody_is_signed_in_if_the_code_can_not_be_redeemed() {
    let console = start().await;
    for fault in FAULTS {
        let mut browser = console.browser();
        let callback = browser.go_to_issuer("/").await;
        console.issuer.set_token_fault(Some(fault));
        let started = Instant::now();
        let reply = browser.get(&callback).await;
        assert_eq!(reply.status, 503, "{fault:?}");
        assert!(!reply.text().contains("alert("), "{reply:?}");
        assert!(started.elapsed() < Duration::from_secs(10), "{fault:?}");
        assert!(!browser.cookies.contains_key(COOKIE));
        console.issuer.set_token_fault(None);
    }
    assert_eq!(console.browser().sign_in().await.status, 303);
}

#[tokio::test]
async fn a_discovery_document_of_another_issuer_or_with_unsafe_endpoints_is_refused() {
    for change in [
        json!({"issuer": "https://evil.example"}),
        json!({"issuer": null}),
        json!({"authorization_endpoint": "http://evil.example/authorize"}),
        json!({"authorization_endpoint": "javascript:alert(1)"}),
        json!({"token_endpoint": "http://evil.example/token"}),
        json!({"token_endpoint": "file:///etc/passwd"}),
        json!({"token_endpoint": null}),
    ] {
        let console = start().await;
        console.issuer.change_document(change.clone());
        let reply = console.app.get("/auth/sign-in").await;
        assert_eq!(reply.status, 503, "{change}");
        assert!(!reply.text().contains("evil"), "{reply:?}");
    }
}

#[tokio::test]
async fn the_document_is_kept_for_an_hour_and_for_a_day_while_it_can_not_be_fetched() {
    let console = start().await;
    let host = async || {
        let reply = console.app.get("/auth/sign-in").await;
        let url = reply.header("location").map(url::Url::parse);
        let host = url.and_then(|url| url.unwrap().host_str().map(str::to_owned));
        host.unwrap_or_else(|| reply.status.to_string())
    };
    assert_eq!(host().await, "127.0.0.1");
    let moved = json!({"authorization_endpoint": "https://moved.example/authorize"});
    console.issuer.change_document(moved);
    console.clock.pass(Duration::from_secs(3_590));
    assert_eq!(host().await, "127.0.0.1");
    console.clock.pass(Duration::from_secs(20));
    assert_eq!(host().await, "moved.example");

    console.issuer.set_discovery_fault(Some(Fault::Down));
    for _ in 0..2 {
        console.clock.pass(Duration::from_secs(12 * 3_600 - 10));
        assert_eq!(host().await, "moved.example");
        // No other fetch is tried at once.
        assert_eq!(host().await, "moved.example");
    }
    console.clock.pass(Duration::from_secs(30));
    assert_eq!(host().await, "503 Service Unavailable");
}

#[tokio::test]
async fn a_login_can_be_completed_after_the_issuer_was_down() {
    let console = start().await;
    let mut browser = console.browser();
    let callback = browser.go_to_issuer("/").await;
    // A process that has never fetched the document.
    let SignIn {
        issuer,
        database,
        clock,
        ..
    } = &console;
    let other = app(issuer, database, clock, &[]).await;
    issuer.set_discovery_fault(Some(Fault::Down));
    let mut there = Browser::of(&other);
    there.cookies.clone_from(&browser.cookies);
    assert_eq!(there.get(&callback).await.status, 503);
    issuer.set_discovery_fault(None);
    clock.pass(Duration::from_secs(6));
    assert_eq!(there.get(&callback).await.status, 303);
    assert!(there.cookies.contains_key(COOKIE));
}

#[tokio::test]
async fn a_client_authenticates_as_the_issuer_announces() {
    let secret = [("SIGN_IN_CLIENT_SECRET", CLIENT_SECRET)];
    for (settings, methods, expected) in [
        (&secret[..], json!(null), Some("basic")),
        (
            &secret,
            json!(["client_secret_post", "client_secret_basic"]),
            Some("basic"),
        ),
        (&secret, json!(["client_secret_post"]), Some("post")),
        (&secret, json!(["private_key_jwt"]), None),
        (&[], json!(["client_secret_basic"]), Some("none")),
        (&[("SIGN_IN_CLIENT_SECRET", "wrong")], json!(null), None),
    ] {
        let console = start_with(settings).await;
        let change = json!({"token_endpoint_auth_methods_supported": methods});
        console.issuer.change_document(change);
        let mut browser = console.browser();
        let begun = browser.get("/auth/sign-in").await;
        let reply = match begun.header("location").map(url::Url::parse) {
            Some(url) => browser.get(&at_issuer(&url.unwrap()).await).await,
            None => begun,
        };
        let status = if expected.is_some() { 303 } else { 503 };
        assert_eq!(reply.status, status, "{methods} {reply:?}");
        let used = console.issuer.methods();
        assert_eq!(used, expected.into_iter().collect::<Vec<_>>(), "{methods}");
    }
}

#[tokio::test]
async fn an_issuer_may_say_the_address_beside_the_id_token() {
    let console = start().await;
    console.issuer.set_person(super::person("lee"));
    console.issuer.set_user_info(super::person("lee"));
    let mut browser = console.browser();
    assert_eq!(browser.sign_in().await.status, 303);
    let me = browser.me().await;
    assert_eq!(me["email"], "lee@example.com");
    assert_eq!(me["name"], "lee");

    // Claims of somebody else are not those of the ID token.
    for (about, status) in [
        (super::person("kim"), 401),
        (
            json!({"email": "kim@example.com", "email_verified": true}),
            401,
        ),
        (json!([]), 503),
        (
            json!({"sub": "lee", "email": "lee@example.com", "email_verified": false}),
            303,
        ),
        (json!({"sub": "lee"}), 303),
    ] {
        console.issuer.set_user_info(about.clone());
        let reply = console.browser().sign_in().await;
        assert_eq!(reply.status, status, "{about}");
    }
    // That the address of the ID token is verified says nothing about another one.
    let verified = json!({"email_verified": true});
    console.issuer.change_id_tokens(verified);
    let other = json!({"sub": "lee", "email": "kim@example.com"});
    console.issuer.set_user_info(other);
    assert_eq!(console.browser().sign_in().await.status, 303);
    assert_eq!(browser.me().await["email"], "lee@example.com");
}
