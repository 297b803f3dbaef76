//! What is refused between the browser, the service and the issuer. No refusal sets the cookie of a sign-in.

use std::time::Duration;

use http::Method;
use kit::Reply;
use serde_json::json;

use super::browser::{Browser, COOKIE, at_issuer, with};
use super::{SignIn, person, start};

/// A page that says why, and offers to try again.
fn assert_page(reply: &Reply, status: u16, text: &str) {
    assert_eq!(reply.status, status, "{reply:?}");
    assert_eq!(
        reply.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    let page = reply.text();
    assert!(page.contains(text), "{text:?} is not in {page}");
    assert!(
        page.contains("href=\"/auth/sign-in?return_to=%2F"),
        "{page}"
    );
    assert!(!page.contains("<script"), "{page}");
}

async fn assert_refused(browser: &mut Browser<'_>, callback: &str, status: u16, text: &str) {
    let reply = browser.get(callback).await;
    assert_page(&reply, status, text);
    assert!(!browser.cookies.contains_key(COOKIE));
    assert!(browser.me().await.is_null());
}

#[tokio::test]
async fn an_id_token_for_something_else_is_refused() {
    let console = start().await;
    let hour_ago = std::time::SystemTime::now() - Duration::from_secs(3_600);
    let hour_ago = hour_ago
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let in_two_minutes = hour_ago + 3_720;
    for (claims, text) in [
        (json!({"aud": "another-client"}), "another audience"),
        (
            json!({"aud": [kit::oidc::CLIENT_ID, "another-client"]}),
            "another client",
        ),
        (
            json!({"aud": [kit::oidc::CLIENT_ID, "another-client"], "azp": "another-client"}),
            "another client",
        ),
        (json!({"iss": "https://evil.example"}), "another issuer"),
        (
            json!({"iss": format!("{}/", console.issuer.url())}),
            "another issuer",
        ),
        (json!({"nonce": "another"}), "another login"),
        (json!({"nonce": null}), "another login"),
        (json!({"nonce": ["x"]}), "another login"),
        (json!({"exp": hour_ago}), "expired"),
        (json!({"exp": null}), "not valid"),
        (json!({"iat": in_two_minutes}), "issued in the future"),
        (json!({"sub": null}), "who the person is"),
        (json!({"sub": ""}), "who the person is"),
    ] {
        console.issuer.set_person(person("lee"));
        console.issuer.change_id_tokens(claims.clone());
        let mut browser = console.browser();
        let callback = browser.go_to_issuer("/").await;
        assert_refused(&mut browser, &callback, 401, text).await;
        assert!(browser.logins().is_empty(), "{claims}");
    }
    console.issuer.change_id_tokens(json!({}));
    assert_eq!(console.browser().sign_in().await.status, 303);
}

#[tokio::test]
async fn an_id_token_of_a_key_that_the_issuer_does_not_publish_is_refused() {
    let console = start().await;
    let mut browser = console.browser();
    browser.sign_in().await;
    let mut browser = console.browser();
    let callback = browser.go_to_issuer("/").await;
    // The keys were fetched less than 5 seconds ago.
    console.issuer.rotate(jsonwebtoken::Algorithm::ES256);
    assert_refused(&mut browser, &callback, 401, "key").await;
}

#[tokio::test]
async fn a_state_of_another_browser_is_refused() {
    let console = start().await;
    let mut attacker = console.browser();
    let callback = attacker.go_to_issuer("/").await;
    // Without a login of its own, and with one.
    assert_refused(
        &mut console.browser(),
        &callback,
        400,
        "did not begin in this browser",
    )
    .await;
    let mut victim = console.browser();
    let own = victim.go_to_issuer("/").await;
    assert_refused(&mut victim, &callback, 400, "did not begin in this browser").await;
    for state in [None, Some(""), Some("x")] {
        let changed = with(&own, "state", state);
        assert_refused(&mut victim, &changed, 400, "did not begin in this browser").await;
    }
    // The victim's own login goes on.
    assert_eq!(victim.get(&own).await.status, 303);
}

#[tokio::test]
async fn a_cookie_of_a_login_that_this_service_did_not_seal_is_refused() {
    let console = start().await;
    let mut browser = console.browser();
    let callback = browser.go_to_issuer("/").await;
    let login = browser.logins().remove(0);
    let sealed = browser.cookies[&login].clone();
    let mut flipped = sealed.clone().into_bytes();
    flipped[20] = if flipped[20] == b'A' { b'B' } else { b'A' };
    let flipped = String::from_utf8(flipped).unwrap();
    for value in ["", "x", "AAAA", &flipped, &sealed[..sealed.len() - 4]] {
        let mut browser = console.browser();
        browser.cookies.insert(login.clone(), value.to_owned());
        assert_refused(
            &mut browser,
            &callback,
            400,
            "did not begin in this browser",
        )
        .await;
    }
    // Two cookies of the name: one may be planted.
    let twice = format!("{login}={sealed}; {login}={sealed}");
    let request = console.app.get(&callback).header("cookie", twice);
    assert_page(&request.await, 400, "did not begin in this browser");
}

#[tokio::test]
async fn a_login_is_completed_once() {
    let console = start().await;
    let mut browser = console.browser();
    let callback = browser.go_to_issuer("/").await;
    let before = browser.cookies.clone();
    assert_eq!(browser.get(&callback).await.status, 303);

    // The same address again: the login is over.
    let mut again = console.browser();
    assert_refused(&mut again, &callback, 400, "did not begin in this browser").await;
    // Even with a copy of the cookie, and another code.
    let mut copy = console.browser();
    copy.cookies.clone_from(&before);
    assert_refused(&mut copy, &callback, 400, "completed before").await;
    let other = console.browser().go_to_issuer("/").await;
    let code = url::Url::parse(&format!("https://x{other}")).unwrap();
    let code = code
        .query_pairs()
        .find(|(name, _)| name == "code")
        .unwrap()
        .1
        .into_owned();
    copy.cookies = before;
    let callback = with(&callback, "code", Some(&code));
    assert_refused(&mut copy, &callback, 400, "completed before").await;
}

#[tokio::test]
async fn a_code_is_redeemed_once_and_by_the_browser_that_began() {
    let console = start().await;
    let mut browser = console.browser();
    let callback = browser.go_to_issuer("/").await;
    let url = url::Url::parse(&format!("https://x{callback}")).unwrap();
    let code = url
        .query_pairs()
        .find(|(name, _)| name == "code")
        .unwrap()
        .1
        .into_owned();

    // In another login it fails, because of the verifier, and the issuer forgets it.
    let mut attacker = console.browser();
    let own = attacker.go_to_issuer("/").await;
    let injected = with(&own, "code", Some(&code));
    assert_refused(
        &mut attacker,
        &injected,
        401,
        "doesn&#39;t accept this login",
    )
    .await;
    assert_refused(
        &mut browser,
        &callback,
        401,
        "doesn&#39;t accept this login",
    )
    .await;
    for code in [None, Some(""), Some("made-up")] {
        let mut browser = console.browser();
        let callback = with(&browser.go_to_issuer("/").await, "code", code);
        let (status, text) = match code {
            Some("made-up") => (401, "doesn&#39;t accept this login"),
            _ => (400, "no valid code"),
        };
        assert_refused(&mut browser, &callback, status, text).await;
    }
}

#[tokio::test]
async fn a_response_of_another_issuer_is_refused() {
    let console = start().await;
    // An issuer that doesn't announce its name may leave it out, but a wrong one is refused.
    let mut browser = console.browser();
    let callback = browser.go_to_issuer("/").await;
    let wrong = with(&callback, "iss", Some("https://evil.example"));
    assert_refused(&mut browser, &wrong, 400, "another issuer").await;
    let mut browser = console.browser();
    let callback = browser.go_to_issuer("/").await;
    let named = with(&callback, "iss", Some(console.issuer.url()));
    assert_eq!(browser.get(&named).await.status, 303);

    let console = start().await;
    console.issuer.name_itself();
    for iss in [None, Some(""), Some("https://evil.example")] {
        let mut browser = console.browser();
        let callback = with(&browser.go_to_issuer("/").await, "iss", iss);
        assert_refused(&mut browser, &callback, 400, "another issuer").await;
    }
    assert_eq!(console.browser().sign_in().await.status, 303);
}

#[tokio::test]
async fn a_login_that_began_at_another_issuer_is_refused() {
    let console = start().await;
    let mut browser = console.browser();
    let callback = browser.go_to_issuer("/").await;
    // Meanwhile the service was configured for another one.
    let other = kit::oidc::Issuer::start().await;
    let SignIn {
        database, clock, ..
    } = &console;
    let app = super::app(&other, database, clock, &[]).await;
    let mut there = Browser::of(&app);
    there.cookies.clone_from(&browser.cookies);
    assert_refused(&mut there, &callback, 400, "another issuer").await;
}

#[tokio::test]
async fn the_text_of_an_issuer_is_not_repeated() {
    let console = start().await;
    let markup = "<script>alert(1)</script>";
    for (error, status, text) in [
        ("access_denied", 403, "cancelled"),
        ("server_error", 503, "not available"),
        ("temporarily_unavailable", 503, "not available"),
        ("login_required", 401, "did not sign you in"),
        (markup, 401, "did not sign you in"),
    ] {
        let mut browser = console.browser();
        let callback = browser.go_to_issuer("/").await;
        let callback = with(&callback, "error", Some(error));
        let callback = with(&callback, "error_description", Some(markup));
        let reply = browser.get(&callback).await;
        assert_page(&reply, status, text);
        assert!(!reply.text().contains("alert("), "{reply:?}");
    }
    for query in [
        "state=a&state=b",
        "state=%FF",
        "code=a&code=b",
        "state=%3Cscript%3Ealert(1)%3C/script%3E",
    ] {
        let reply = console.app.get(&format!("/auth/callback?{query}")).await;
        assert_page(&reply, 400, "");
        assert!(!reply.text().contains("alert("), "{reply:?}");
    }
}

#[tokio::test]
async fn the_link_to_try_again_leads_back_to_the_page() {
    let console = start().await;
    let mut browser = console.browser();
    let callback = browser.go_to_issuer("/projects/1?q=<\"'&b=1").await;
    let callback = with(&callback, "error", Some("access_denied"));
    let page = browser.get(&callback).await;
    assert!(page.text().contains("return_to=%2F&#38;"), "{page:?}");
    let callback = browser.go_to_issuer("/projects/1?q='&b=1").await;
    let callback = with(&callback, "error", Some("access_denied"));
    let page = browser.get(&callback).await;
    assert!(
        page.text()
            .contains("return_to=%2Fprojects%2F1%3Fq%3D%27%26b%3D1&#38;"),
        "{page:?}"
    );
}

#[tokio::test]
async fn whoever_was_refused_can_choose_another_account() {
    let console = start().await;
    let mut stranger = person("eve");
    stranger["email"] = json!("eve@evil.example");
    console.issuer.set_person(stranger);
    let mut browser = console.browser();
    let plain = browser.begin("/a").await;
    assert!(!plain.as_str().contains("prompt"), "{plain}");
    let reply = browser.get(&at_issuer(&plain).await).await;
    let link = "/auth/sign-in?return_to=%2Fa&#38;account=other";
    assert_page(&reply, 403, &format!("href=\"{link}\""));

    let reply = browser.get(&link.replace("&#38;", "&")).await;
    let url: url::Url = super::browser::location(&reply).parse().unwrap();
    let prompt = url.query_pairs().find(|(name, _)| name == "prompt");
    assert_eq!(prompt.unwrap().1, "select_account");
    console.issuer.set_person(person("lee"));
    let reply = browser.get(&at_issuer(&url).await).await;
    assert_eq!(super::browser::location(&reply), "/a");
    // A login that was not refused doesn't ask.
    let reply = console.browser().get("/auth/callback?state=x").await;
    assert!(!reply.text().contains("account=other"), "{reply:?}");
    let reply = browser.get("/auth/sign-in?account=x").await;
    assert_page(&reply, 400, "account");
}

#[tokio::test]
async fn the_redirect_to_the_issuer_can_not_be_changed_by_the_request() {
    let console = start().await;
    let browser = console.browser();
    let request = browser.request(
        Method::GET,
        "/auth/sign-in?redirect_uri=https://evil.example",
    );
    let reply = request
        .header("host", "evil.example")
        .header("x-forwarded-host", "evil.example")
        .await;
    let url: url::Url = super::browser::location(&reply).parse().unwrap();
    assert!(!url.as_str().contains("evil"), "{url}");
    assert!(at_issuer(&url).await.starts_with("/auth/callback?"));
}
