//! From a page to the issuer and back, and what the browser keeps.

use std::time::Duration;

use http::Method;
use kit::TestApp;
use platform::Env;
use serde_json::json;

use super::browser::{Browser, COOKIE, at_issuer, location};
use super::{ORIGIN, SignIn, app, start};

#[tokio::test]
async fn a_page_without_a_sign_in_leads_to_the_issuer_and_back() {
    let console = start().await;
    console.issuer.set_person(super::person("lee"));
    let mut browser = console.browser();
    let page = browser
        .request(Method::GET, "/?tab=1")
        .header("accept", "text/html");
    let reply = browser.send(page).await;
    assert_eq!(reply.status, 303);
    let reply = browser.get(location(&reply)).await;
    assert_eq!(reply.status, 303);

    let issuer: url::Url = location(&reply).parse().unwrap();
    let asked: std::collections::HashMap<_, _> = issuer.query_pairs().into_owned().collect();
    assert_eq!(asked["redirect_uri"], format!("{ORIGIN}/auth/callback"));
    assert_eq!(asked["scope"], "openid email profile");
    assert_eq!(asked["code_challenge_method"], "S256");
    for secret in ["state", "nonce", "code_challenge"] {
        assert_eq!(asked[secret].len(), 43, "{secret}");
        assert!(!browser.cookie_header().contains(&asked[secret]));
    }
    let callback = at_issuer(&issuer).await;
    let reply = browser.get(&callback).await;
    assert_eq!((reply.status.as_u16(), location(&reply)), (303, "/?tab=1"));
    assert!(browser.logins().is_empty());
    assert_eq!(browser.me().await["email"], "lee@example.com");

    let page = browser.get("/").await;
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    let text = page.text();
    assert!(
        text.contains("lee@example.com")
            && text.contains("reader")
            && text.contains("/auth/sign-out")
    );
}

#[tokio::test]
async fn no_response_of_sign_in_is_stored_framed_or_names_where_it_came_from() {
    let console = start().await;
    let mut browser = console.browser();
    let began = browser.get("/auth/sign-in").await;
    let refused = browser.get("/auth/callback?state=x&code=y").await;
    let signed_out = console.signed_in("lee").await.post("/auth/sign-out").await;
    let page = browser.get("/auth/signed-out").await;
    for (reply, status) in [(began, 303), (refused, 400), (signed_out, 303), (page, 200)] {
        assert_eq!(reply.status, status);
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        assert_eq!(reply.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
        let policy = reply.header("content-security-policy").unwrap();
        for part in [
            "default-src 'none'",
            "style-src 'self'",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.contains(part), "{policy}");
        }
    }
}

#[tokio::test]
async fn after_signing_in_a_person_goes_to_a_page_of_this_service_only() {
    let console = start().await;
    let longest = format!("/{}", "a".repeat(1_999));
    for (return_to, expected) in [
        ("/projects/1?q=a%20b#top", "/projects/1?q=a%20b#top"),
        (longest.as_str(), longest.as_str()),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/.//evil.example", "/"),
        ("/\t/evil.example", "/"),
        ("https://evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("/a\r\nset-cookie: a=b", "/"),
        ("", "/"),
    ] {
        let mut browser = console.browser();
        let callback = browser.go_to_issuer(return_to).await;
        let reply = browser.get(&callback).await;
        assert_eq!(location(&reply), expected, "{return_to:?}");
    }
}

#[tokio::test]
async fn two_tabs_sign_in_at_once_and_each_returns_to_its_page() {
    let console = start().await;
    console.issuer.set_person(super::person("lee"));
    let mut browser = console.browser();
    let one = browser.go_to_issuer("/one").await;
    let two = browser.go_to_issuer("/two").await;
    let reply = browser.get(&one).await;
    assert_eq!((reply.status.as_u16(), location(&reply)), (303, "/one"));
    let first = browser.me().await;
    let reply = browser.get(&two).await;
    assert_eq!((reply.status.as_u16(), location(&reply)), (303, "/two"));
    assert!(browser.logins().is_empty());
    assert_eq!(browser.me().await["user_id"], first["user_id"]);
}

#[tokio::test]
async fn tabs_that_are_restored_at_once_keep_their_logins() {
    let console = start().await;
    console.issuer.set_person(super::person("lee"));
    let mut browser = console.browser();
    // Both requests leave before a response has set a cookie.
    let begin = |path| browser.request(Method::GET, path);
    let one = begin("/auth/sign-in?return_to=/one");
    let two = begin("/auth/sign-in?return_to=/two");
    let replies = [one.await, two.await];
    let mut callbacks = Vec::new();
    for reply in &replies {
        browser.keep(reply);
        callbacks.push(at_issuer(&location(reply).parse().unwrap()).await);
    }
    for (callback, page) in callbacks.iter().zip(["/one", "/two"]) {
        let reply = browser.get(callback).await;
        assert_eq!((reply.status.as_u16(), location(&reply)), (303, page));
    }
    assert!(browser.logins().is_empty());
}

#[tokio::test]
async fn a_browser_has_the_newest_five_logins() {
    let console = start().await;
    let mut browser = console.browser();
    let mut callbacks = Vec::new();
    for _ in 0..7 {
        callbacks.push(browser.go_to_issuer("/").await);
        console.clock.pass(Duration::from_secs(1));
    }
    assert_eq!(browser.logins().len(), 5);
    for (at, callback) in callbacks.iter().enumerate() {
        let expected = if at < 2 { 400 } else { 303 };
        assert_eq!(browser.get(callback).await.status, expected, "{at}");
    }
}

#[tokio::test]
async fn signing_out_ends_the_sign_in_beside_cookies_of_others_that_are_not_ascii() {
    let console = start().await;
    let browser = console.signed_in("lee").await;
    let mut request = browser.request(Method::POST, "/auth/sign-out");
    let cookies = format!("city=Z\u{fc}rich; {}", browser.cookie_header());
    request = request.header_bytes("cookie", cookies.as_bytes());
    let reply = request.header("sec-fetch-site", "same-origin").await;
    assert_eq!(reply.status, 303, "{reply:?}");
    // Another request with the same cookie.
    let mut copy = console.browser();
    copy.cookies.clone_from(&browser.cookies);
    assert!(copy.me().await.is_null());
}

#[tokio::test]
async fn a_cookie_from_before_a_sign_in_is_worth_nothing_afterwards() {
    let console = start().await;
    let attacker = console.signed_in("mallory").await;
    let planted = attacker.cookies[COOKIE].clone();

    let mut browser = console.browser();
    browser.cookies.insert(COOKIE.to_owned(), planted.clone());
    console.issuer.set_person(super::person("lee"));
    browser.sign_in().await;
    assert_ne!(browser.cookies[COOKIE], planted);
    assert_eq!(browser.me().await["email"], "lee@example.com");

    let mut attacker = attacker;
    assert!(attacker.me().await.is_null());
    // A value that the attacker makes up is not taken over either.
    let mut browser = console.browser();
    browser.cookies.insert(COOKIE.to_owned(), "A".repeat(43));
    browser.sign_in().await;
    assert_ne!(browser.cookies[COOKIE], "A".repeat(43));
}

#[tokio::test]
async fn a_cookie_ends_everywhere_when_the_person_signs_out() {
    let console = start().await;
    let other = app(&console.issuer, &console.database, &console.clock, &[]).await;
    let mut browser = console.signed_in("lee").await;
    let mut copy = Browser::of(&other);
    copy.cookies.clone_from(&browser.cookies);
    assert_eq!(copy.me().await["name"], "lee");

    let reply = browser.post("/auth/sign-out").await;
    assert_eq!(
        (reply.status.as_u16(), location(&reply)),
        (303, "/auth/signed-out")
    );
    assert!(!browser.cookies.contains_key(COOKIE));
    let mut replayed = console.browser();
    replayed.cookies.clone_from(&copy.cookies);
    assert!(replayed.me().await.is_null());
    // The other process knew the cookie a moment ago.
    console.clock.pass(Duration::from_secs(1));
    assert!(copy.me().await.is_null());
    assert_eq!(copy.post("/auth/sign-out").await.status, 401);
}

#[tokio::test]
async fn a_person_who_has_signed_out_stays_signed_out_until_they_choose_an_account() {
    let console = start().await;
    let mut browser = console.signed_in("lee").await;
    let home = browser.get("/").await;
    // Browsers apply this to the redirects after the form as well, which so stay here.
    let policy = home.header("content-security-policy").unwrap();
    assert!(policy.contains("form-action 'self'"), "{policy}");

    let mut reply = browser.post("/auth/sign-out").await;
    let mut visited = Vec::new();
    while reply.status == 303 {
        let path = location(&reply).to_owned();
        let page = browser.request(Method::GET, &path);
        reply = browser.send(page.header("accept", "text/html")).await;
        visited.push(path);
    }
    assert_eq!(visited, ["/auth/signed-out"]);
    assert_eq!(reply.status, 200, "{reply:?}");
    let text = reply.text();
    assert!(text.contains("You are signed out"), "{text}");
    assert!(browser.cookies.is_empty());
    assert!(browser.me().await.is_null());

    // The issuer has a session of its own, so it must ask.
    let link = text.split_once("href=\"").unwrap().1;
    let link = link.split_once('"').unwrap().0;
    let reply = browser.get(link).await;
    let issuer: url::Url = location(&reply).parse().unwrap();
    let prompt = issuer.query_pairs().find(|(name, _)| name == "prompt");
    assert_eq!(prompt.unwrap().1, "select_account");
    let callback = at_issuer(&issuer).await;
    assert_eq!(location(&browser.get(&callback).await), "/");
    assert_eq!(browser.me().await["name"], "lee");
}

#[tokio::test]
async fn a_change_with_a_cookie_must_come_from_a_page_of_this_service() {
    let console = start().await;
    let browser = console.signed_in("lee").await;
    let foreign = [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("sec-fetch-site", "none"),
        ("origin", "https://evil.example"),
        ("origin", "https://metasync.example.evil.example"),
        ("origin", "http://metasync.example"),
        ("origin", "null"),
        ("x-nothing", "of either"),
    ];
    let kinds = [
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/plain",
        "application/json",
        "",
    ];
    let changes = [
        (Method::POST, "/auth/sign-out"),
        (Method::POST, "/api/me/token"),
        (Method::PATCH, "/api/me"),
    ];
    for (method, path) in changes {
        for (name, value) in foreign {
            for kind in kinds {
                let request = browser.request(method.clone(), path).header(name, value);
                let request = match kind {
                    "" => request,
                    kind => request.header("content-type", kind),
                };
                let reply = request.body("{}").await;
                assert_eq!(reply.status, 403, "{path} {name}: {value} {kind}");
            }
        }
    }
    let own = browser.request(Method::PATCH, "/api/me").json(&json!({}));
    assert_eq!(own.header("origin", ORIGIN).await.status, 200);
}

#[tokio::test]
async fn a_cookie_is_worth_nothing_on_a_route_that_takes_none() {
    let console = start().await;
    let mut browser = console.signed_in("kim").await;
    assert_eq!(browser.me().await["role"], "admin");
    for path in ["/v1/people", "/v1/tokens", "/v1/audit", "/openapi.json"] {
        assert_eq!(browser.get(path).await.status, 401, "{path}");
    }
    let trigger = browser.json(Method::POST, "/events/console", json!({}));
    assert_eq!(trigger.await.status, 401);
    // Nor beside other credentials.
    let mixed = browser
        .request(Method::GET, "/api/me")
        .bearer("not a token");
    assert_eq!(mixed.await.status, 401);
    let doubled = format!("{0}; {0}", browser.cookie_header());
    let doubled = console.app.get("/api/me").header("cookie", doubled);
    assert_eq!(doubled.await.status, 401);
}

#[tokio::test]
async fn a_source_has_thirty_attempts_per_minute() {
    let console = start().await;
    let mut refused = None;
    for attempt in 0..70 {
        let reply = console.app.get("/auth/callback?state=x&code=y").await;
        if reply.status == 429 {
            refused = Some((attempt, reply));
            break;
        }
        assert_eq!(reply.status, 400);
    }
    let (attempts, reply) = refused.expect("a limit");
    // A minute may end in between.
    assert!(
        attempts == 30 || attempts > 30 && attempts <= 60,
        "{attempts}"
    );
    assert_eq!(reply.header("retry-after"), Some("60"));
    assert!(reply.text().contains("try again in a minute"));
}

#[tokio::test]
async fn without_a_client_sign_in_says_what_is_missing() {
    let database = kit::postgres::database().await;
    let app = TestApp::with_env(database.env())
        .named("console")
        .set("AUTH_TOKENS", crate::common::tokens())
        .set("METASYNC_KEYS", "07".repeat(32))
        .start(console::app)
        .await;
    for path in ["/auth/sign-in", "/auth/callback?state=x&code=y"] {
        let reply = app.get(path).await;
        assert_eq!(reply.status, 503);
        assert!(reply.text().contains("SIGN_IN_CLIENT_ID"), "{reply:?}");
    }
    let reply = app
        .post("/api/auth/google", json!({"credential": "x"}))
        .header("sec-fetch-site", "same-origin")
        .await;
    assert_eq!(reply.status, 503);
    assert!(reply.text().contains("SIGN_IN_CLIENT_ID"), "{reply:?}");
}

#[tokio::test]
async fn an_incomplete_configuration_is_an_error_that_names_the_variable() {
    let database = kit::postgres::database().await;
    let base = || {
        TestApp::with_env(database.env())
            .set("METASYNC_KEYS", "07".repeat(32))
            .set("SIGN_IN_CLIENT_ID", "client")
            .set("PUBLIC_URL", ORIGIN)
    };
    for (name, value) in [
        ("PUBLIC_URL", ""),
        ("PUBLIC_URL", "http://metasync.example"),
        ("PUBLIC_URL", "https://metasync.example/app"),
        ("SIGN_IN_ISSUER", "http://id.example"),
        ("SIGN_IN_ISSUER", "id.example"),
        ("SIGN_IN_DOMAINS", "example"),
        ("METASYNC_KEYS", "07"),
        ("METASYNC_KEYS", ""),
    ] {
        let Err(error) = base().set(name, value).try_start(console::app).await else {
            panic!("{name}={value} is accepted");
        };
        assert!(format!("{error:#}").contains(name), "{error:#}");
    }
}

#[tokio::test]
async fn in_the_open_mode_everybody_is_the_local_person() {
    let app = TestApp::with_env(Env::default())
        .on_a_database()
        .await
        .named("console")
        .set("METASYNC_KEYS", "07".repeat(32))
        .start(console::app)
        .await;
    let mut browser = Browser::of(&app);
    let local = [("host", "localhost")];
    let get = |browser: &Browser<'_>, path: &str| {
        local
            .iter()
            .fold(browser.request(Method::GET, path), |it, (name, value)| {
                it.header(name, value)
            })
    };
    let page = browser.send(get(&browser, "/")).await;
    assert_eq!(page.status, 200, "{page:?}");
    assert!(page.text().contains("Local") && page.text().contains("admin"));
    assert!(!page.text().contains("/auth/sign-out"));
    let reply = browser
        .send(get(&browser, "/auth/sign-in?return_to=/a"))
        .await;
    assert_eq!((reply.status.as_u16(), location(&reply)), (303, "/a"));
    let elsewhere = browser
        .request(Method::GET, "/")
        .header("host", "evil.example");
    assert_eq!(elsewhere.await.status, 403);
}

#[tokio::test]
async fn a_login_that_takes_more_than_ten_minutes_is_refused() {
    let console = start().await;
    let mut browser = console.browser();
    let in_time = browser.go_to_issuer("/").await;
    console.clock.pass(Duration::from_secs(590));
    assert_eq!(browser.get(&in_time).await.status, 303);

    let late = browser.go_to_issuer("/").await;
    console.clock.pass(Duration::from_secs(600));
    let reply = browser.get(&late).await;
    assert_eq!(reply.status, 400);
    assert!(reply.text().contains("10 minutes"), "{reply:?}");
}

#[tokio::test]
async fn a_login_continues_on_an_instance_with_the_same_keys_only() {
    let console = start().await;
    let SignIn {
        issuer,
        database,
        clock,
        ..
    } = &console;
    let mut browser = console.browser();
    let callback = browser.go_to_issuer("/").await;
    let at = async |keys: String| {
        let other = app(issuer, database, clock, &[("METASYNC_KEYS", &keys)]).await;
        let mut there = Browser::of(&other);
        there.cookies.clone_from(&browser.cookies);
        there.get(&callback).await.status.as_u16()
    };
    assert_eq!(at("08".repeat(32)).await, 400);
    // A new key that signs, and the old one that still opens.
    assert_eq!(
        at(format!("{},{}", "08".repeat(32), "07".repeat(32))).await,
        303
    );
}
