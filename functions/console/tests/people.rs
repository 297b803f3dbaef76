//! The routes of people.

use http::Method;
use serde_json::{Value, json};

use crate::common::{Console, id};

fn kim() -> Value {
    json!({"email": "kim@example.com", "role": "writer", "scope": {"robeings": ["sales"]}})
}

#[tokio::test]
async fn an_invited_person_is_shown_listed_changed_and_erased() {
    let console = Console::start().await;
    let invited = console.post("/v1/people", &kim()).await;
    assert_eq!(invited.status, 201, "{invited:?}");
    let person = invited.json();
    let path = format!("/v1/people/{}", id(&person));
    assert_eq!(invited.header("location"), Some(path.as_str()));
    assert_eq!(person["has_signed_in"], false);
    assert_eq!(person["scope"], kim()["scope"]);

    let read = console.get(&path).await;
    assert_eq!(read.json(), person);
    assert_eq!(read.etag(), invited.etag());
    let listed = console.get("/v1/people?email=KIM@example.com").await.json();
    assert_eq!(listed, json!({"items": [person], "next": null}));

    let change = json!({"role": "reader", "is_active": false});
    let changed = console.patch(&path, &change).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    assert_eq!(changed.json()["role"], "reader");
    assert_eq!(changed.json()["is_active"], false);
    assert_ne!(changed.etag(), read.etag());

    let sign_ins = format!("{path}/sign-ins");
    assert_eq!(console.delete(&sign_ins).await.status, 204);
    assert_eq!(console.delete(&path).await.status, 204);
    for (method, path) in [
        (Method::GET, &path),
        (Method::DELETE, &path),
        (Method::DELETE, &sign_ins),
    ] {
        let reply = console.app.request(method, path).bearer("admin").await;
        assert_eq!(reply.status, 404, "{reply:?}");
    }
    let patched = console.patch(&path, &change).await;
    assert_eq!(patched.status, 404);
}

#[tokio::test]
async fn what_is_no_invitation_or_change_is_refused_with_what_to_send() {
    let console = Console::start().await;
    for (body, part) in [
        (json!({}), "email"),
        (json!({"email": "kim"}), "not an e-mail address"),
        (json!({"email": "kim@example.com", "rol": "admin"}), "rol"),
        (json!({"email": "kim@example.com", "role": "owner"}), "role"),
        (
            json!({"email": "kim@example.com", "scope": {"robeings": "sales"}}),
            "scope",
        ),
        (
            json!({"email": "kim@example.com", "scope": {"*": ["sales"]}}),
            "scope",
        ),
        (
            json!({"email": "kim@example.com", "scope": {"robeings": [""]}}),
            "scope",
        ),
    ] {
        let reply = console.post("/v1/people", &body).await;
        let detail = reply.json()["detail"].to_string();
        assert!(
            reply.status == 400 && detail.contains(part),
            "{body}: {reply:?}"
        );
    }
    let path = format!(
        "/v1/people/{}",
        id(&console.create("/v1/people", &kim()).await)
    );
    for body in [
        json!({}),
        json!({"role": null}),
        json!({"email": "lee@example.com"}),
    ] {
        assert_eq!(console.patch(&path, &body).await.status, 400, "{body}");
    }
    for query in ["limit=0", "limit=201", "after=x", "role=admin"] {
        let reply = console.get(&format!("/v1/people?{query}")).await;
        assert_eq!(reply.status, 400, "{query}");
    }
    assert_eq!(console.get("/v1/people/kim").await.status, 400);
    let names: Vec<String> = (0..30_000).map(|n| format!("n{n}")).collect();
    let large = json!({"email": "lee@example.com", "scope": {"robeings": names}});
    assert_eq!(console.post("/v1/people", &large).await.status, 413);
}

#[tokio::test]
async fn a_change_with_if_match_is_made_at_that_revision_only() {
    let console = Console::start().await;
    let path = format!(
        "/v1/people/{}",
        id(&console.create("/v1/people", &kim()).await)
    );
    let first = console.get(&path).await;
    let tag = first.etag().unwrap();
    let change = json!({"role": "reader"});
    for (name, value, status) in [
        ("if-match", "\"77\"", 412),
        ("if-match", &format!("W/{tag}"), 412),
        ("if-none-match", tag, 412),
        ("if-none-match", "*", 412),
        ("if-match", "1", 400),
        ("if-match", &format!("\"77\", {tag}"), 200),
        ("if-match", tag, 412),
        ("if-match", "*", 200),
    ] {
        let reply = console.patch(&path, &change).header(name, value).await;
        assert_eq!(reply.status, status, "{name}: {value}: {reply:?}");
    }
}

#[tokio::test]
async fn an_invitation_with_an_idempotency_key_is_sent_once() {
    let console = Console::start().await;
    let invite = |body: Value, key: &str| {
        let request = console.post("/v1/people", &body);
        request.header("idempotency-key", key)
    };
    let first = invite(kim(), "k1").await;
    assert_eq!(first.status, 201);
    let again = invite(kim(), "k1").await;
    assert_eq!(again.status, 200);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.json(), first.json());
    let other = json!({"email": "lee@example.com"});
    assert_eq!(invite(other, "k1").await.status, 422);
    let mut admin = kim();
    admin["role"] = json!("admin");
    assert_eq!(invite(admin, "k1").await.status, 422);
    assert_eq!(invite(kim(), "k2").await.status, 409);
    assert_eq!(invite(kim(), "").await.status, 400);
}

#[tokio::test]
async fn only_admins_administer_and_only_as_far_as_their_scope_reaches() {
    let console = Console::start().await;
    let of_sales = console.create("/v1/people", &kim()).await;
    let lee = json!({"email": "lee@example.com", "scope": {"robeings": ["ops"]}});
    let of_ops = console.create("/v1/people", &lee).await;
    let token = json!({"name": "bot", "role": "reader", "scope": {"robeings": ["ops"]}});
    let token = console.create("/v1/tokens", &token).await;
    let change = json!({"is_active": true});
    let routes = |person: &Value, token: &Value| {
        let (person, token) = (id(person).to_owned(), id(token).to_owned());
        [
            (Method::GET, "/v1/people".to_owned(), None),
            (
                Method::POST,
                "/v1/people".to_owned(),
                Some(json!({"email": "kim@example.com"})),
            ),
            (Method::GET, format!("/v1/people/{person}"), None),
            (
                Method::PATCH,
                format!("/v1/people/{person}"),
                Some(change.clone()),
            ),
            (
                Method::DELETE,
                format!("/v1/people/{person}/sign-ins"),
                None,
            ),
            (Method::GET, "/v1/tokens".to_owned(), None),
            (
                Method::POST,
                "/v1/tokens".to_owned(),
                Some(json!({"name": "bot", "role": "reader"})),
            ),
            (Method::GET, format!("/v1/tokens/{token}"), None),
            (Method::DELETE, format!("/v1/tokens/{token}"), None),
            (Method::DELETE, format!("/v1/people/{person}"), None),
        ]
    };
    let send = async |caller: Option<&str>,
                      (method, path, body): (Method, String, Option<Value>)| {
        let mut request = console.app.request(method, &path);
        if let Some(caller) = caller {
            request = request.bearer(caller);
        }
        if let Some(body) = &body {
            request = request.json(body);
        }
        request.await.status.as_u16()
    };
    for route in routes(&of_sales, &token) {
        for (caller, status) in [
            (None, 401),
            (Some("nobody"), 401),
            (Some("reader"), 403),
            (Some("writer"), 403),
        ] {
            assert_eq!(
                send(caller, route.clone()).await,
                status,
                "{caller:?} {route:?}"
            );
        }
    }
    // What is outside the reach of an admin does not exist for them, except that its name or address is taken.
    for (route, status) in routes(&of_ops, &token)
        .into_iter()
        .zip([200, 409, 404, 404, 404, 200, 409, 404, 404, 404])
    {
        assert_eq!(
            send(Some("sales"), route.clone()).await,
            status,
            "{route:?}"
        );
    }
    let listed = console.app.get("/v1/people").bearer("sales").await.json();
    assert_eq!(listed["items"], json!([of_sales]));
    let tokens = console.app.get("/v1/tokens").bearer("sales").await.json();
    assert_eq!(tokens["items"], json!([]));
    for (path, body) in [
        (
            "/v1/people",
            json!({"email": "park@example.com", "scope": {"*": ["*"]}}),
        ),
        (
            "/v1/tokens",
            json!({"name": "other", "role": "reader", "scope": {"robeings": ["ops"]}}),
        ),
    ] {
        let reply = console.app.post(path, &body).bearer("sales").await;
        assert_eq!(reply.status, 403, "{path}: {reply:?}");
    }
}

#[tokio::test]
async fn pages_of_people_end_with_a_null() {
    let console = Console::start().await;
    for n in 0..3 {
        let person = json!({"email": format!("p{n}@example.com")});
        console.create("/v1/people", &person).await;
    }
    let first = console.get("/v1/people?limit=2").await.json();
    assert_eq!(first["items"].as_array().unwrap().len(), 2);
    let next = first["next"].as_str().unwrap();
    let second = console
        .get(&format!("/v1/people?limit=2&after={next}"))
        .await
        .json();
    assert_eq!(second["items"][0]["email"], "p0@example.com");
    assert_eq!(second["next"], Value::Null);
}

#[tokio::test]
async fn each_change_is_in_the_audit_log_with_who_made_it_and_without_personal_data() {
    let console = Console::start().await;
    let person = console.create("/v1/people", &kim()).await;
    let path = format!("/v1/people/{}", id(&person));
    console.patch(&path, &json!({"role": "admin"})).await;
    console.delete(&path).await;
    let client = console.database.client().await;
    let rows = client
        .query_typed(
            "select action, actor_kind, personal ->> 'actor', detail::text, request_id is not null
             from people.audit where subject = $1 order by at, id",
            &[(&id(&person), platform::postgres::types::Type::TEXT)],
        )
        .await
        .unwrap();
    let actions: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(actions, ["person.invite", "person.change", "person.erase"]);
    for row in &rows {
        let (kind, actor): (String, String) = (row.get(1), row.get(2));
        assert_eq!((kind.as_str(), actor.as_str()), ("token", "admin"));
        let detail: String = row.get(3);
        assert!(!detail.contains("example.com"), "{detail}");
        assert!(row.get::<_, bool>(4), "the request is named");
    }
    let detail: String = rows[1].get(3);
    let detail: Value = serde_json::from_str(&detail).unwrap();
    assert_eq!(detail, json!({"role": {"old": "writer", "new": "admin"}}));
}
