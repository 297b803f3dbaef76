//! Setting, reading and rejecting values.

use http::Method;
use kit::TestApp;
use kit::postgres::database;
use serde_json::{Value, json};

use crate::common::{app_on, get, path};

#[tokio::test]
async fn a_setting_that_was_never_written_has_its_default() {
    let database = database().await;
    let app = app_on(&database, &[]).await;
    let all = get(&app, "").await;
    assert_eq!(
        all["user"],
        json!({"response_style": "friendly", "response_length": "normal", "language": "ko", "timezone": "Asia/Seoul"})
    );
    assert_eq!(
        all["system"],
        json!({"max_memory_size": 1000, "memory_ttl_days": 30, "auto_summarize": true, "debug_mode": false, "unmasked": []})
    );
    assert_eq!(
        all["skill"],
        json!({
            "email": {"enabled": false, "check_interval": 300, "auto_reply": false},
            "news": {"enabled": false, "categories": [], "summary_length": 3},
        })
    );
    let client = database.client().await;
    let columns = client
        .query_typed(
            "select column_name::text from information_schema.columns
             where table_schema = 'robeing' and table_name = 'settings'",
            &[],
        )
        .await
        .unwrap();
    let columns: Vec<String> = columns.iter().map(|row| row.get(0)).collect();
    for name in [
        "id",
        "robeing_id",
        "user_preference",
        "system_settings",
        "skill_settings",
        "created_at",
        "updated_at",
    ] {
        assert!(columns.iter().any(|it| it == name), "{name}");
    }
}

#[tokio::test]
async fn one_key_is_read_written_and_removed_without_changing_others() {
    let database = database().await;
    let app = app_on(&database, &[]).await;
    let style = path("/user/response_style");
    assert_eq!(app.get(&style).await.json(), "friendly");
    let set = app.put(&style, "formal").await;
    assert_eq!((set.status.as_u16(), set.json()), (200, json!("formal")));
    app.put(&path("/user/language"), "en").await;
    assert_eq!(
        get(&app, "/user").await,
        json!({"response_style": "formal", "response_length": "normal", "language": "en", "timezone": "Asia/Seoul"})
    );
    assert_eq!(app.delete(&style).await.status, 204);
    assert_eq!(app.delete(&style).await.status, 204);
    assert_eq!(app.get(&style).await.json(), "friendly");
    assert_eq!(app.get(&path("/user/language")).await.json(), "en");

    for (key, value) in [
        ("chess", json!({"elo": 1200})),
        ("한국어 키", json!([1, null])),
        ("email", json!({"enabled": true})),
    ] {
        let key: String = key.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let set = app.put(&path(&format!("/skill/{key}")), &value).await;
        assert_eq!(set.status, 200, "{set:?}");
    }
    let skill = get(&app, "/skill").await;
    assert_eq!(skill["한국어 키"], json!([1, null]));
    assert_eq!(
        skill["email"],
        json!({"enabled": true, "check_interval": 300, "auto_reply": false})
    );
    assert_eq!(app.get(&path("/skill/nothing")).await.status, 404);
}

#[tokio::test]
async fn a_patch_is_a_merge_patch_and_all_or_nothing() {
    let database = database().await;
    let app = app_on(&database, &[]).await;
    let patch = async |category: &str, body: Value| {
        let path = path(&format!("/{category}"));
        let request = app.request(Method::PATCH, &path).json(&body);
        request
            .header("content-type", "application/merge-patch+json")
            .await
    };
    patch(
        "skill",
        json!({"a": {"b": 1, "c": {"d": 2}}, "news": {"enabled": true, "summary_length": 5}}),
    )
    .await;
    // The examples of RFC 7396 in one patch.
    let patched = patch(
        "skill",
        json!({"a": {"b": null, "c": {"e": [null]}}, "f": {"g": {"h": null}}, "news": {"summary_length": null}}),
    )
    .await;
    assert_eq!(patched.status, 200, "{patched:?}");
    let skill = get(&app, "/skill").await;
    assert_eq!(skill, patched.json());
    assert_eq!(skill["a"], json!({"c": {"d": 2, "e": [null]}}));
    assert_eq!(skill["f"], json!({"g": {}}));
    assert_eq!(
        skill["news"],
        json!({"enabled": true, "categories": [], "summary_length": 3})
    );

    let rejected = patch("system", json!({"max_memory_size": 5, "debug_mode": "yes"})).await;
    assert_eq!(rejected.status, 400);
    assert_eq!(get(&app, "/system").await["max_memory_size"], 1000);
    assert_eq!(patch("user", json!([1])).await.status, 400);
}

#[tokio::test]
async fn an_invalid_value_is_rejected_with_a_hint_and_changes_nothing() {
    let database = database().await;
    let app = app_on(&database, &[]).await;
    for (key, value, status, reason) in [
        (
            "user/response_style",
            json!("rude"),
            400,
            "`formal`, `casual`, `friendly`",
        ),
        (
            "user/timezone",
            json!("Asia/Atlantis"),
            400,
            "use a name like Asia/Seoul",
        ),
        ("user/timezone", json!("a b"), 400, "like Asia/Seoul"),
        ("user/theme", json!("dark"), 400, "under skill"),
        ("system/unmasked", json!(["rrn"]), 400, "and is `rrn`"),
        (
            "system/max_memory_size",
            json!(-1),
            400,
            "a whole number from 0",
        ),
        (
            "skill/email",
            json!({"check_interval": 5}),
            400,
            "from 10 to 86400",
        ),
        ("skill/x", json!(null), 400, "DELETE"),
        ("skill/x", json!("a".repeat(70_000)), 413, "larger"),
        ("mood/x", json!(1), 404, "user, system or skill"),
    ] {
        let rejected = app.put(&path(&format!("/{key}")), &value).await;
        assert_eq!(rejected.status.as_u16(), status, "{rejected:?}");
        let detail = rejected.json()["detail"].to_string();
        assert!(detail.contains(reason), "{detail}");
    }
    for n in 0..5 {
        let set = app
            .put(&path(&format!("/skill/{n}")), "a".repeat(60_000))
            .await;
        assert_eq!(set.status.as_u16(), if n < 4 { 200 } else { 413 }, "{n}");
    }
    assert_eq!(
        app.put(&path("/user/timezone"), "Europe/Berlin")
            .await
            .status,
        200
    );
    let long = format!("/v1/robeings/{}/settings/user/language", "r".repeat(101));
    assert_eq!(app.put(&long, "en").await.status, 400);
    let no_json = app.request(Method::PUT, &path("/user/language")).body("en");
    assert_eq!(no_json.await.status, 415);
}

#[tokio::test]
async fn with_if_match_a_change_is_made_only_at_that_revision() {
    let database = database().await;
    let app = app_on(&database, &[]).await;
    let theme = path("/skill/theme");
    let first = app.get(&path("/skill")).await;
    assert_eq!(first.etag(), Some("\"0\""));
    assert_eq!(app.put(&theme, "dark").if_match(7).await.status, 412);
    assert_eq!(
        app.put(&theme, "dark").if_match(0).await.etag(),
        Some("\"1\"")
    );
    assert_eq!(app.put(&theme, "light").if_match(0).await.status, 412);
    assert_eq!(
        app.put(&theme, "light").if_match(1).await.etag(),
        Some("\"2\"")
    );
    let rejected = app.put(&theme, "blue").if_match(1).await;
    assert_eq!(rejected.status, 412);
    assert_eq!(rejected.json()["title"], "precondition failed");
    assert_eq!(app.delete(&theme).if_match(1).await.status, 412);
    for never in ["W/\"2\"", "\"x\"", "\"2.0.0\""] {
        assert_eq!(
            app.put(&theme, "blue").if_match(never).await.status,
            412,
            "{never}"
        );
    }
    assert_eq!(app.get(&theme).await.json(), "light");
    assert_eq!(
        app.put(&theme, "blue")
            .header("if-match", "\"1\", \"2\"")
            .await
            .status,
        200
    );
    assert_eq!(app.put(&theme, "red").if_match("*").await.status, 200);
    // Each category has its own revision.
    let other = app.put(&path("/user/language"), "en").if_match(0).await;
    assert_eq!(other.etag(), Some("\"1\""));
    let all = app.get(&path("")).await;
    assert_eq!(all.etag(), Some("\"1.0.4\""));
}

#[tokio::test]
async fn a_client_with_the_current_revision_gets_304() {
    let database = database().await;
    let app = app_on(&database, &[]).await;
    for rest in ["", "/system", "/system/debug_mode"] {
        let first = app.get(&path(rest)).await;
        let tag = first.etag().unwrap().to_owned();
        let again = app.get(&path(rest)).if_none_match(&tag).await;
        assert_eq!(
            (again.status.as_u16(), again.body.len()),
            (304, 0),
            "{rest}"
        );
        app.put(&path("/system/debug_mode"), rest.is_empty()).await;
        let changed = app.get(&path(rest)).if_none_match(&tag).await;
        assert_eq!(changed.status, 200, "{rest}");
    }
}

#[tokio::test]
async fn on_lambda_and_over_http_a_change_and_a_read_are_the_same() {
    let database = database().await;
    let app = app_on(&database, &[]).await;
    let event = |method: &str, path: &str, body: Value| {
        json!({
            "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "",
            "headers": {"content-type": "application/json", "host": "localhost"},
            "requestContext": {
                "accountId": "1", "apiId": "a", "domainName": "localhost", "domainPrefix": "a", "requestId": "1",
                "routeKey": "$default", "stage": "$default", "time": "", "timeEpoch": 0,
                "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": ""},
            },
            "body": body.to_string(), "isBase64Encoded": false,
        })
    };
    let set = event("PUT", &path("/user/language"), json!("en"));
    let set = app.invoke(&set).await.unwrap();
    let set: Value = serde_json::from_str(set.get()).unwrap();
    assert_eq!(
        (&set["statusCode"], &set["body"]),
        (&json!(200), &json!("\"en\""))
    );
    let read = app
        .invoke(&event("GET", &path("/user"), json!(null)))
        .await
        .unwrap();
    let read: Value = serde_json::from_str(read.get()).unwrap();
    let over_http = app.get(&path("/user")).await;
    assert_eq!(read["body"], over_http.text());
}

#[tokio::test]
async fn without_its_database_a_request_gets_503() {
    let app: TestApp = TestApp::with_env(platform::Env::default())
        .set("DATABASE_URL", "postgres://u@127.0.0.1:1/d")
        .start(settings::app)
        .await;
    assert_eq!(app.get(&path("")).await.status, 503);
    assert_eq!(app.put(&path("/user/language"), "en").await.status, 503);
}

/// Lists within each other.
fn nested(levels: usize) -> Value {
    (1..levels).fold(json!([]), |inner, _| json!([inner]))
}

#[tokio::test]
async fn every_value_that_is_accepted_can_be_read_again_however_deep_it_is() {
    let database = database().await;
    let app = app_on(&database, &[]).await;
    let deep = path("/skill/deep");
    let set = app.put(&deep, nested(100)).await;
    assert_eq!(set.status, 200, "{}", set.text());
    assert_eq!(get(&app, "").await["skill"]["deep"], nested(100));
    let refused = app.put(&deep, nested(101)).await;
    assert_eq!(refused.status, 400);
    assert_eq!(
        refused.json()["detail"],
        "skill.deep can't be nested deeper than 100 levels"
    );
    let other = app.put(&path("/user/response_style"), "formal").await;
    assert_eq!(other.status, 200, "{}", other.text());
}
