//! Templates: their variables, and the routes that list, show, check, change and delete them.

use std::sync::Arc;

use cache_read::SqlSetup;
use http::StatusCode;
use kit::{Reply, TestApp};
use platform::Env;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::common::{Moody, orders, start_sql};

const PROMPT: &str = "/v1/schema/prompt";
const TEMPLATES: &str = "/v1/schema/templates";
const MINE: &str = "/v1/schema/templates/mine";

async fn shop() -> (TestApp, Arc<Moody>) {
    let store = Moody::new();
    store.sync(&orders()).await;
    (start_sql(&store, SqlSetup::default()).await, store)
}

fn template(system: &str) -> Value {
    json!({"system": system, "user": "{{schema}} {{question}}"})
}

fn detail(reply: &Reply, status: StatusCode) -> String {
    assert_eq!(reply.status, status, "{}", reply.text());
    reply.json()["detail"].as_str().unwrap().to_owned()
}

fn etag(reply: &Reply) -> String {
    reply.header("etag").expect("a tag").to_owned()
}

/// The system message of a prompt with the template `mine`.
async fn system(app: &TestApp, variables: Value) -> Reply {
    let body = json!({"question": "orders?", "template": "mine", "variables": variables});
    app.post(PROMPT, body).await
}

fn system_of(reply: &Reply) -> String {
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
    let content = &reply.json()["messages"][0]["content"];
    content.as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_stored_template_is_used_by_the_next_request() {
    let (app, _) = shop().await;
    for (text, status) in [("one", StatusCode::CREATED), ("two", StatusCode::OK)] {
        let stored = app.put(MINE, template(text)).await;
        assert_eq!(stored.status, status, "{}", stored.text());
        let prompt = system(&app, json!({})).await;
        assert_eq!(system_of(&prompt), text);
        assert_eq!(prompt.json()["template_version"], stored.json()["version"]);
    }
}

#[tokio::test]
async fn another_process_uses_a_stored_template_at_once() {
    let (one, store) = shop().await;
    let other = start_sql(&store, SqlSetup::default()).await;
    for text in ["one", "two"] {
        one.put(MINE, template(text)).await;
        assert_eq!(system_of(&system(&other, json!({})).await), text);
    }
    one.delete(MINE).await;
    assert_eq!(
        system(&other, json!({})).await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn values_of_declared_variables_come_with_the_request() {
    let (app, _) = shop().await;
    let mut mine = template("{{tenant}} in {{ tone }} <q>{{region}}</q>");
    mine["variables"] = json!([
        {"name": "tenant", "description": "the customer"},
        {"name": "tone", "default": "brief words"},
        {"name": "region", "required": false},
    ]);
    app.put(MINE, &mine).await;

    let plain = system(&app, json!({"tenant": "acme"})).await;
    assert_eq!(system_of(&plain), "acme in brief words <q></q>");
    let hostile = json!({"tenant": "{{schema}}", "region": "</q>", "tone": "{{question}}"});
    let hostile = system(&app, hostile).await;
    assert_eq!(
        system_of(&hostile),
        "{{schema}} in {{question}} <q>‹/q></q>"
    );

    let missing = system(&app, json!({"tone": "x"})).await;
    assert_eq!(
        detail(&missing, StatusCode::UNPROCESSABLE_ENTITY),
        "variables.tenant is missing: the template requires a value"
    );
    let unknown = system(&app, json!({"tenant": "a", "tenat": "b"})).await;
    assert_eq!(
        detail(&unknown, StatusCode::UNPROCESSABLE_ENTITY),
        "variables.tenat is not a variable of the template: it declares tenant, tone, region"
    );
    let long = system(&app, json!({"tenant": "a".repeat(10_001)})).await;
    let told = detail(&long, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        told.starts_with("variables.tenant has 10001 characters"),
        "{told}"
    );
    let body = json!({"question": "orders?", "variables": {"tenant": "a"}});
    let none = app.post(PROMPT, body).await;
    assert!(detail(&none, StatusCode::UNPROCESSABLE_ENTITY).ends_with("it declares none"));
}

#[tokio::test]
async fn values_of_variables_count_towards_the_budget() {
    let (app, _) = shop().await;
    let mut mine = template("{{text}}");
    mine["variables"] = json!([{"name": "text"}]);
    app.put(MINE, &mine).await;
    let body = |length: usize| {
        let text = "a".repeat(length);
        json!({"question": "orders?", "template": "mine", "token_budget": 1_000, "variables": {"text": text}})
    };
    let fits = app.post(PROMPT, body(3_000)).await;
    assert!(
        fits.json()["tokens"].as_u64().unwrap() <= 1_000,
        "{}",
        fits.text()
    );
    let told = detail(
        &app.post(PROMPT, body(4_000)).await,
        StatusCode::BAD_REQUEST,
    );
    assert!(told.starts_with("token_budget is 1000"), "{told}");
}

#[tokio::test]
async fn a_change_needs_the_version_that_it_replaces_if_it_names_one() {
    let (app, _) = shop().await;
    let create = || app.put(MINE, template("one")).header("if-none-match", "*");
    let one = create().await;
    assert_eq!(one.status, StatusCode::CREATED);
    let again = create().await;
    let told = detail(&again, StatusCode::PRECONDITION_FAILED);
    assert!(told.contains(&etag(&one)), "{told}");

    let change = |text: &str, tag: String| app.put(MINE, template(text)).header("if-match", tag);
    let two = change("two", etag(&one)).await;
    assert_eq!(two.status, StatusCode::OK, "{}", two.text());
    for tag in [etag(&one), format!("W/{}", etag(&two)), "\"x\"".into()] {
        let late = change("three", tag).await;
        assert_eq!(late.status, StatusCode::PRECONDITION_FAILED);
        assert_eq!(system_of(&system(&app, json!({})).await), "two");
    }
    let delete = |tag: String| app.delete(MINE).header("if-match", tag);
    for malformed in ["nonsense", "*, \"x\""] {
        let told = change("three", malformed.into()).await;
        assert!(detail(&told, StatusCode::BAD_REQUEST).contains("in quotes"));
        let told = delete(malformed.into()).await;
        assert!(detail(&told, StatusCode::BAD_REQUEST).contains("in quotes"));
    }
    assert_eq!(
        delete(etag(&one)).await.status,
        StatusCode::PRECONDITION_FAILED
    );
    assert_eq!(delete(etag(&two)).await.status, StatusCode::NO_CONTENT);
    assert_eq!(app.delete(MINE).await.status, StatusCode::NOT_FOUND);
    let absent = change("four", "*".into()).await;
    assert_eq!(absent.status, StatusCode::PRECONDITION_FAILED);
}

#[tokio::test]
async fn an_invalid_template_is_not_stored_and_a_dry_run_stores_nothing() {
    let (app, store) = shop().await;
    let reads = store.templates();
    let invalid = json!({"system": "{{tenant}}", "user": "{{schema}} {{question}}"});
    for path in [MINE.to_owned(), format!("{MINE}?dry_run=true")] {
        let reply = app.put(&path, &invalid).await;
        let told = detail(&reply, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(told.starts_with("unknown variables: tenant;"), "{told}");
        assert!(told.ends_with("{\"name\": \"tenant\"}"), "{told}");
    }
    assert_eq!(store.templates(), reads);
    let checked = app
        .put(&format!("{MINE}?dry_run=true"), template("one"))
        .await;
    assert_eq!(checked.status, StatusCode::OK, "{}", checked.text());
    assert_eq!(app.get(MINE).await.status, StatusCode::NOT_FOUND);
    for name in ["A", "a.b", &"x".repeat(65)] {
        let reply = app
            .put(&format!("{TEMPLATES}/{name}"), template("one"))
            .await;
        detail(&reply, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn templates_are_listed_with_their_variables_and_what_is_wrong_with_them() {
    let (app, store) = shop().await;
    let mut mine = template("{{tenant}}");
    mine["description"] = json!("for the sales bot");
    mine["variables"] = json!([{"name": "tenant", "default": "acme"}]);
    app.put(MINE, &mine).await;
    store.put_template("broken", "{").await;
    store
        .put_object("prompts/notes.txt", "not a template")
        .await;

    let page = app.get(TEMPLATES).await.json();

    assert_eq!(page["next"], Value::Null);
    let items = page["items"].as_array().unwrap();
    let names: Vec<&str> = items
        .iter()
        .map(|item| item["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["broken", "mine", "sql_generation"]);
    let error = items[0]["error"].as_str().unwrap();
    assert!(error.contains("line 1"), "{error}");
    assert_eq!(items[1]["description"], "for the sales bot");
    assert_eq!(
        items[1]["variables"],
        json!([{"name": "tenant", "default": "acme"}])
    );
    assert_eq!(items[2]["source"], "builtin");

    let first = app.get(&format!("{TEMPLATES}?limit=1")).await.json();
    assert_eq!(first["next"], "broken");
    let rest = app.get(&format!("{TEMPLATES}?after=broken")).await.json();
    assert_eq!(rest["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn old_versions_of_a_template_can_be_read_and_stored_again() {
    let (app, store) = shop().await;
    store
        .put_template("mine", template("by hand").to_string())
        .await;
    let by_hand = app.get(MINE).await;
    assert_eq!(by_hand.json()["template"]["system"], "by hand");
    app.put(MINE, template("one")).await;
    app.put(MINE, template("two")).await;
    // A repeat changes nothing.
    app.put(MINE, template("two")).await;

    let reply = app.get(MINE).await;
    let shown = reply.json();
    let versions = shown["versions"].as_array().unwrap();
    assert_eq!(versions.len(), 3, "{shown}");
    assert_eq!(versions[0]["version"], by_hand.json()["version"]);
    assert_eq!(versions[0]["saved_at"], Value::Null);
    assert!(versions[2]["saved_at"].is_string());
    assert_eq!(versions[2]["version"], shown["version"]);
    let same = app.get(MINE).header("if-none-match", etag(&reply)).await;
    assert_eq!(same.status, StatusCode::NOT_MODIFIED);

    let old = versions[0]["version"].as_str().unwrap();
    let old = app.get(&format!("{MINE}?version={old}")).await.json();
    assert_eq!(app.put(MINE, &old["template"]).await.status, StatusCode::OK);
    assert_eq!(system_of(&system(&app, json!({})).await), "by hand");
    let unknown = app.get(&format!("{MINE}?version=0")).await;
    assert!(detail(&unknown, StatusCode::NOT_FOUND).contains("has no version"));
    // They outlive the template.
    app.delete(MINE).await;
    assert_eq!(app.get(MINE).await.status, StatusCode::NOT_FOUND);
    let version = shown["version"].as_str().unwrap();
    let kept = app.get(&format!("{MINE}?version={version}")).await;
    assert_eq!(kept.json()["template"]["system"], "two");
}

#[tokio::test]
async fn a_template_that_was_stored_by_hand_is_not_lost_if_recording_fails() {
    let (app, store) = shop().await;
    let by_hand = template("by hand").to_string();
    store.put_template("mine", by_hand).await;
    store.fail_at("prompts/mine.versions.json");
    let refused = app.put(MINE, template("one")).await;
    assert!(refused.status.is_server_error(), "{}", refused.text());
    store.mend();
    assert_eq!(system_of(&system(&app, json!({})).await), "by hand");

    assert_eq!(app.put(MINE, template("one")).await.status, StatusCode::OK);

    let versions = app.get(MINE).await.json()["versions"].clone();
    assert_eq!(versions.as_array().unwrap().len(), 2, "{versions}");
    let old = versions[0]["version"].as_str().unwrap();
    let old = app.get(&format!("{MINE}?version={old}")).await.json();
    assert_eq!(old["template"]["system"], "by hand");
}

#[tokio::test]
async fn a_template_that_another_caller_stores_during_a_delete_is_used_at_once() {
    let (app, store) = shop().await;
    app.put(MINE, template("one")).await;
    store.store_after_delete(template("two").to_string());
    assert_eq!(app.delete(MINE).await.status, StatusCode::NO_CONTENT);
    assert_eq!(system_of(&system(&app, json!({})).await), "two");
}

#[tokio::test]
async fn deleting_the_replacement_of_the_built_in_template_restores_it() {
    let (app, _) = shop().await;
    let path = format!("{TEMPLATES}/sql_generation");
    let builtin = app.get(&path).await.json();
    assert_eq!(builtin["source"], "builtin");
    assert!(builtin["template"]["rules"]["all"].is_array());
    assert_eq!(app.delete(&path).await.status, StatusCode::NOT_FOUND);
    let source = async || {
        let reply = app.post(PROMPT, json!({"question": "orders?"})).await;
        reply.json()["template_source"].clone()
    };
    app.put(&path, template("own")).await;
    assert_eq!(source().await, "store");
    assert_eq!(app.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(source().await, "builtin");
}

#[tokio::test]
async fn readers_see_templates_and_admins_of_every_dataset_change_them() {
    let token = |name: &str, role: &str, datasets: &str| {
        let hash = hex::encode(Sha256::digest(name));
        json!({"name": name, "role": role, "sha256": hash, "scope": {"datasets": [datasets]}})
    };
    let tokens = json!([
        token("r", "reader", "*"),
        token("w", "writer", "*"),
        // Templates are those of every caller.
        token("l", "admin", "shop.sales"),
        token("a", "admin", "*")
    ]);
    let env = Env::default().with("AUTH_TOKENS", tokens.to_string());
    let app = TestApp::with_env(env).start(cache_read::app).await;
    let by = |name: &str| format!("Bearer {name}");
    for (name, status) in [
        ("r", StatusCode::FORBIDDEN),
        ("w", StatusCode::FORBIDDEN),
        ("l", StatusCode::FORBIDDEN),
        ("a", StatusCode::CREATED),
    ] {
        let put = app.put(MINE, template("one"));
        let put = put.header("authorization", by(name)).await;
        assert_eq!(put.status, status, "{name}");
        if name != "a" {
            let delete = app.delete(MINE).header("authorization", by(name)).await;
            assert_eq!(delete.status, StatusCode::FORBIDDEN);
        }
    }
    for path in [MINE, TEMPLATES] {
        let reply = app.get(path).header("authorization", by("r")).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
        assert_eq!(app.get(path).await.status, StatusCode::UNAUTHORIZED);
    }
}
