//! People and tokens of a database, by fake accounts: one person with the cookie `good` or `old`, whose token is
//! `mst_person`, and one service with the token `mst_service`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use kit::TestApp;
use platform::Router as App;
use platform::auth::{Accounts, COOKIE, SignedIn};
use uuid::Uuid;

use super::*;

const PERSON: Uuid = Uuid::from_u128(7);
const PAGE: &str = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8";

#[derive(Default)]
struct Fake {
    queries: AtomicUsize,
    is_down: bool,
}

impl Fake {
    fn query(&self) -> Result<(), Error> {
        self.queries.fetch_add(1, Ordering::Relaxed);
        if self.is_down {
            return Err(Error::Unavailable {
                detail: "the database is down".to_owned(),
                cause: None,
            });
        }
        Ok(())
    }
}

fn person() -> Caller {
    Caller::of_person(PERSON, Role::Admin, Arc::default())
}

#[async_trait]
impl Accounts for Fake {
    fn is_token(&self, bearer: &str) -> bool {
        bearer.starts_with("mst_")
    }

    async fn by_token(&self, bearer: &str) -> Result<Option<Caller>, Error> {
        self.query()?;
        Ok(match bearer {
            "mst_person" => Some(person()),
            "mst_service" => Some(Caller::service(
                "loader".into(),
                Role::Admin,
                Arc::default(),
            )),
            _ => None,
        })
    }

    async fn by_cookie(&self, value: &str) -> Result<Option<SignedIn>, Error> {
        self.query()?;
        let renewed = (value == "old").then(|| HeaderValue::from_static("__Host-metasync=new"));
        let is_known = ["good", "old"].contains(&value);
        Ok(is_known.then(|| SignedIn {
            caller: person(),
            renewed,
        }))
    }

    async fn local(&self) -> Result<Caller, Error> {
        self.query()?;
        Ok(person())
    }
}

/// The name and the person of the caller, and what the response says of the cookie.
async fn whoami(caller: Option<axum::Extension<Caller>>) -> String {
    let caller = caller.map(|it| it.0);
    let person = caller.as_ref().and_then(Caller::person);
    let name = caller.map(|caller| caller.name.to_string());
    format!(
        "{} {}",
        name.as_deref().unwrap_or("nobody"),
        person.is_some()
    )
}

async fn leave(_: Caller) -> ([(&'static str, &'static str); 1], &'static str) {
    ([("set-cookie", "__Host-metasync=; Max-Age=0")], "left")
}

fn app(fake: &Arc<Fake>) -> impl FnOnce(&Resources) -> anyhow::Result<App> + use<> {
    let fake = fake.clone();
    move |resources| {
        resources.accept_accounts(fake);
        let ingress = resources.ingress();
        for route in ["/", "/api/things/{id}", "/leave", "/events/test"] {
            ingress.accept_cookies(route);
        }
        ingress.accept_anybody(axum::http::Method::GET, "/auth/sign-in");
        ingress.accept_anybody(axum::http::Method::POST, "/auth/credential");
        let all = || get(whoami).post(whoami).put(whoami).delete(whoami);
        Ok(axum::Router::new()
            .route("/", all())
            .route("/api/things/{id}", all())
            .route("/leave", get(leave))
            .route("/v1/things", all())
            .route("/events/test", all())
            .route("/auth/sign-in", all())
            .route("/auth/credential", all())
            .into())
    }
}

fn tokens() -> String {
    json!([{"name": "loader", "role": "admin", "sha256": sha256("configured")}]).to_string()
}

async fn start(fake: &Arc<Fake>) -> TestApp {
    let app_ = TestApp::with_env(Env::default()).set("AUTH_TOKENS", tokens());
    app_.start(app(fake)).await
}

fn cookie(value: &str) -> String {
    format!("theme=dark; {COOKIE}={value}; other={COOKIE}=x")
}

fn by_person() -> String {
    format!("{PERSON} true")
}

#[tokio::test]
async fn a_cookie_is_accepted_on_its_routes_and_nowhere_else() {
    let fake = Arc::default();
    let app = start(&fake).await;
    for path in ["/", "/api/things/1"] {
        let reply = app.get(path).header("cookie", cookie("good")).await;
        assert_eq!(
            (reply.status, reply.text()),
            (StatusCode::OK, &*by_person()),
            "{path}"
        );
    }
    assert_eq!(fake.queries.load(Ordering::Relaxed), 2);
    for path in ["/v1/things", "/openapi.json", "/nowhere", "/events/test"] {
        let reply = app.get(path).header("cookie", cookie("good")).await;
        assert_eq!(reply.status, 401, "{path}");
    }
    let event = app.post("/events/test", json!({}));
    let event = event
        .header("cookie", cookie("good"))
        .header("sec-fetch-site", "same-origin");
    assert_eq!(event.await.status, 401);
    assert_eq!(
        fake.queries.load(Ordering::Relaxed),
        2,
        "it is not even looked up"
    );
}

#[tokio::test]
async fn an_unknown_cookie_is_refused_and_two_cookies_are_as_well() {
    let app = start(&Arc::default()).await;
    let twice = format!("{COOKIE}=good; {COOKIE}=good");
    for cookies in [
        cookie("other"),
        cookie(""),
        format!("{COOKIE}good"),
        format!("x{COOKIE}=good"),
        format!("{}=good", COOKIE.to_lowercase()),
        twice.clone(),
        format!("{COOKIE}=; {COOKIE}=good"),
        format!("theme=dark,{COOKIE}=good"),
    ] {
        let reply = app.get("/").header("cookie", &cookies).await;
        assert_eq!(reply.status, 401, "{cookies}");
    }
    // A redirect to sign-in would not end: sign-in can't remove the cookie that another path or domain set.
    let reply = app.get("/").header("cookie", twice).header("accept", PAGE);
    assert_eq!(reply.await.status, 401);

    let mut request = Request::get("/").body(Body::empty()).unwrap();
    for value in ["good", "good"] {
        let cookie = HeaderValue::from_str(&cookie(value)).unwrap();
        request.headers_mut().append("cookie", cookie);
    }
    let response = app.service().oneshot(request).await.unwrap();
    assert_eq!(response.status(), 401);
}

#[tokio::test]
async fn an_authorization_header_wins_over_a_cookie_even_if_it_is_bad() {
    let app = start(&Arc::default()).await;
    let ask = |token: &str| {
        let request = app.get("/").header("cookie", cookie("good"));
        request.header("accept", PAGE).bearer(token)
    };
    assert_eq!(ask("configured").await.text(), "loader false");
    assert_eq!(ask("mst_service").await.text(), "loader false");
    for bad in ["other", "mst_other", ""] {
        assert_eq!(ask(bad).await.status, 401, "{bad}");
    }
}

#[tokio::test]
async fn accounts_are_asked_only_for_tokens_of_their_form_that_are_not_configured() {
    let fake = Arc::default();
    let app = start(&fake).await;
    for (token, expected) in [("configured", 200), ("other", 401), ("e30.e30.e30", 401)] {
        assert_eq!(app.get("/v1/things").bearer(token).await.status, expected);
    }
    assert_eq!(fake.queries.load(Ordering::Relaxed), 0);
    let reply = app.get("/v1/things").bearer("mst_person").await;
    assert_eq!(reply.text(), by_person());
    assert_eq!(app.get("/v1/things").bearer("mst_other").await.status, 401);
    assert_eq!(fake.queries.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_person_never_calls_a_trigger() {
    let app = start(&Arc::default()).await;
    for (token, expected) in [
        ("mst_person", 403),
        ("mst_service", 200),
        ("configured", 200),
    ] {
        let reply = app.post("/events/test", json!({})).bearer(token).await;
        assert_eq!(reply.status, expected, "{token}");
    }
}

#[tokio::test]
async fn a_database_that_is_down_is_an_outage_and_not_a_reason_to_sign_in() {
    let fake = Arc::new(Fake {
        is_down: true,
        ..Fake::default()
    });
    let app = start(&fake).await;
    let page = app.get("/").header("cookie", cookie("good"));
    assert_eq!(page.header("accept", PAGE).await.status, 503);
    let token = app.get("/v1/things").bearer("mst_person").await;
    assert_eq!(token.status, 503);
    assert_eq!(app.get("/v1/things").bearer("configured").await.status, 200);
}

#[tokio::test]
async fn a_change_with_a_cookie_must_come_from_a_page_of_the_service() {
    const OWN: (&str, &str) = ("sec-fetch-site", "same-origin");
    let app = start(&Arc::default()).await;
    let public = TestApp::with_env(Env::default())
        .set("AUTH_TOKENS", tokens())
        .set("PUBLIC_URL", "https://public.example")
        .start(app_of_default())
        .await;
    type Headers = &'static [(&'static str, &'static str)];
    let cases: [(Headers, u16, u16); 15] = [
        (&[OWN], 200, 200),
        (&[OWN, ("origin", "https://evil.example")], 200, 200),
        (&[], 403, 403),
        (&[("sec-fetch-site", "cross-site")], 403, 403),
        (&[("sec-fetch-site", "same-site")], 403, 403),
        (&[("sec-fetch-site", "none")], 403, 403),
        (&[("sec-fetch-site", "Same-Origin")], 403, 403),
        (
            &[
                ("sec-fetch-site", "cross-site"),
                ("origin", "https://own.example"),
            ],
            403,
            403,
        ),
        (&[("origin", "https://own.example")], 200, 403),
        (&[("origin", "http://own.example")], 200, 403),
        (&[("origin", "https://public.example")], 403, 200),
        (&[("origin", "http://public.example")], 403, 403),
        (&[("origin", "https://own.example.evil")], 403, 403),
        (&[("origin", "null")], 403, 403),
        (
            &[
                ("origin", "own.example"),
                ("referer", "https://own.example/"),
            ],
            403,
            403,
        ),
    ];
    for content_type in [
        "application/json",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
    ] {
        for (headers, by_host, by_configuration) in cases {
            for (app, expected) in [(&app, by_host), (&public, by_configuration)] {
                for method in ["POST", "PUT", "DELETE"] {
                    let request = app
                        .request(method.parse().unwrap(), "/api/things/1")
                        .header("host", "own.example")
                        .header("content-type", content_type)
                        .header("cookie", cookie("good"));
                    let request = headers
                        .iter()
                        .fold(request, |it, (name, value)| it.header(name, value));
                    let status = request.await.status;
                    assert_eq!(status, expected, "{method} {content_type} {headers:?}");
                }
            }
        }
    }
}

fn app_of_default() -> impl FnOnce(&Resources) -> anyhow::Result<App> {
    app(&Arc::default())
}

#[tokio::test]
async fn a_token_and_a_read_need_no_proof_of_their_origin() {
    let app = start(&Arc::default()).await;
    let evil = |request: kit::TestRequest| {
        let request = request.header("origin", "https://evil.example");
        request.header("sec-fetch-site", "cross-site")
    };
    let with_token = evil(app.post("/api/things/1", json!({}))).bearer("mst_person");
    assert_eq!(with_token.await.status, 200);
    let read = evil(app.get("/api/things/1")).header("cookie", cookie("good"));
    assert_eq!(read.await.status, 200);
}

#[tokio::test]
async fn a_page_without_a_caller_redirects_to_sign_in_and_back() {
    let app = start(&Arc::default()).await;
    for (path, cookies, back) in [
        ("/", None, "%2F"),
        ("/?tab=1&q=a%20b", None, "%2F%3Ftab%3D1%26q%3Da%2520b"),
        ("/api/things/1", Some("ended"), "%2Fapi%2Fthings%2F1"),
    ] {
        let mut request = app.get(path).header("accept", PAGE);
        if let Some(value) = cookies {
            request = request.header("cookie", cookie(value));
        }
        let reply = request.await;
        assert_eq!(reply.status, 303, "{path}");
        let expected = format!("/auth/sign-in?return_to={back}");
        assert_eq!(reply.header("location"), Some(&*expected));
        assert_eq!(reply.header("cache-control"), Some("no-store"));
    }
    for request in [
        app.get("/"),
        app.get("/").header("accept", "application/json"),
        app.get("/").header("accept", "*/*"),
        app.get("/v1/things").header("accept", PAGE),
        app.post("/", json!({})).header("accept", PAGE),
    ] {
        assert_eq!(request.await.status, 401);
    }
}

#[tokio::test]
async fn a_renewed_cookie_is_added_unless_the_response_sets_it() {
    let app = start(&Arc::default()).await;
    let reply = app.get("/").header("cookie", cookie("old")).await;
    assert_eq!(reply.header("set-cookie"), Some("__Host-metasync=new"));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let reply = app.get("/").header("cookie", cookie("good")).await;
    assert_eq!(reply.header("set-cookie"), None);
    let reply = app.get("/leave").header("cookie", cookie("old")).await;
    let set: Vec<_> = reply.headers.get_all("set-cookie").iter().collect();
    assert_eq!(set, ["__Host-metasync=; Max-Age=0"]);
}

#[tokio::test]
async fn a_cookie_is_accepted_through_the_gateway_of_lambda_as_well() {
    let app = start(&Arc::default()).await;
    let event = |method: &str, site: &str| {
        json!({
            "rawPath": "/api/things/1",
            "headers": {"host": "own.example", "sec-fetch-site": site},
            "cookies": ["theme=dark", format!("{COOKIE}=old")],
            "requestContext": {"http": {"method": method}},
        })
    };
    for (method, site, expected) in [
        ("GET", "cross-site", 200),
        ("POST", "same-origin", 200),
        ("POST", "cross-site", 403),
    ] {
        let result = app.invoke(&event(method, site)).await.unwrap();
        let result: Value = serde_json::from_str(result.get()).unwrap();
        assert_eq!(result["statusCode"], expected, "{method} {site}");
        let renewed = (expected == 200).then(|| json!(["__Host-metasync=new"]));
        assert_eq!(result.get("cookies"), renewed.as_ref());
    }
}

#[tokio::test]
async fn a_route_for_anybody_is_served_without_a_caller_and_only_with_its_method() {
    let fake = Arc::default();
    let app = start(&fake).await;
    for request in [
        app.get("/auth/sign-in"),
        app.get("/auth/sign-in").bearer("other"),
        app.get("/auth/sign-in").header("cookie", cookie("good")),
    ] {
        let reply = request.await;
        assert_eq!(
            (reply.status, reply.text()),
            (StatusCode::OK, "nobody false")
        );
    }
    assert_eq!(
        app.request("HEAD".parse().unwrap(), "/auth/sign-in")
            .await
            .status,
        200
    );
    assert_eq!(app.post("/auth/sign-in", json!({})).await.status, 401);
    assert_eq!(app.get("/auth/sign-in/more").await.status, 401);
    assert_eq!(fake.queries.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_change_for_anybody_must_come_from_a_page_of_the_service() {
    let configured = start(&Arc::default()).await;
    let open = TestApp::without_database(app(&Arc::default())).await;
    for app in [configured, open] {
        for (header, value, expected) in [
            ("sec-fetch-site", "same-origin", 200),
            ("sec-fetch-site", "cross-site", 403),
            ("origin", "http://localhost", 200),
            ("origin", "https://evil.example", 403),
            ("referer", "http://localhost/", 403),
        ] {
            let request = app.post("/auth/credential", json!({})).bearer("configured");
            let request = request.header("host", "localhost").header(header, value);
            let status = request.await.status;
            assert_eq!(status, expected, "{header}: {value}");
        }
    }
}

#[tokio::test]
async fn the_open_mode_signs_in_a_local_person_where_cookies_are_accepted() {
    let app = TestApp::without_database(app(&Arc::default())).await;
    for request in [app.get("/"), app.post("/api/things/1", json!({}))] {
        assert_eq!(request.await.text(), by_person());
    }
    assert_eq!(app.get("/v1/things").await.text(), "anyone false");
    assert_eq!(
        app.post("/events/test", json!({})).await.text(),
        "anyone false"
    );
    for path in ["/", "/auth/sign-in"] {
        let reply = app.get(path).header("origin", "https://evil.example");
        assert_eq!(
            reply.header("host", "localhost").await.status,
            403,
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_route_that_accepts_cookies_accepts_none_without_accounts() {
    let app = TestApp::with_env(Env::default()).set("AUTH_TOKENS", tokens());
    let app = app
        .start(|resources| {
            resources.ingress().accept_cookies("/");
            Ok(axum::Router::new().route("/", get(whoami)).into())
        })
        .await;
    let reply = app.get("/").header("cookie", cookie("good")).await;
    assert_eq!(reply.status, 401);
    assert_eq!(app.get("/").bearer("configured").await.status, 200);
}

#[tokio::test]
async fn the_first_accounts_that_are_registered_stay() {
    let (first, second): (Arc<Fake>, Arc<Fake>) = Default::default();
    let both = |resources: &Resources| {
        app(&first)(resources)?;
        app(&second)(resources)
    };
    let env = TestApp::with_env(Env::default()).set("AUTH_TOKENS", tokens());
    let app = env.start(both).await;
    assert_eq!(app.get("/v1/things").bearer("mst_person").await.status, 200);
    let queries = [&first, &second].map(|fake| fake.queries.load(Ordering::Relaxed));
    assert_eq!(queries, [1, 0]);
}
