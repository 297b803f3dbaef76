//! `{{conversation}}`: the messages of a conversation in a prompt.

use http::StatusCode;
use kit::{Reply, TestApp};
use platform::store::Put;
use platform::{Env, Resources, Router};
use schema::versions::publish;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::common::orders;

const PROMPT: &str = "/v1/schema/prompt";

fn both(resources: &Resources) -> anyhow::Result<Router> {
    Ok(cache_read::app(resources)?.merge(message_log::app(resources)?))
}

/// Both functions in one process, with a schema, and a template with a conversation.
async fn start(env: Env) -> TestApp {
    let env = env.with("MASKING_KEY", "0".repeat(64));
    let app = TestApp::with_env(env)
        .on_a_database()
        .await
        .start(both)
        .await;
    let store = app.resources().store().unwrap();
    publish(&*store, &orders(), Put::IfAbsent).await.unwrap();
    let template = json!({
        "system": "",
        "user": "<talk>{{conversation}}</talk><schema>{{schema}}</schema>{{question}}",
    });
    let template = template.to_string().into();
    let stored = store.put("prompts/talk.json", template, Put::Always).await;
    stored.unwrap();
    app
}

async fn say(app: &TestApp, thread: &str, text: &str) {
    let message = json!({
        "robeing_id": "r1",
        "user_id": "0190b2a0-0000-7000-8000-000000000001",
        "channel_id": "c1",
        "thread_ts": thread,
        "message": text,
    });
    let stored = app.post("/v1/messages", message).await;
    assert_eq!(stored.status, StatusCode::CREATED, "{}", stored.text());
}

fn ask(conversation: &Value, token_budget: usize) -> Value {
    json!({
        "question": "and how many customers?",
        "template": "talk",
        "token_budget": token_budget,
        "conversation": conversation,
    })
}

fn user(reply: &Reply) -> String {
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
    let content = &reply.json()["messages"][1]["content"];
    content.as_str().unwrap().to_owned()
}

fn detail(reply: &Reply, status: StatusCode) -> String {
    assert_eq!(reply.status, status, "{}", reply.text());
    reply.json()["detail"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_messages_of_a_thread_are_inserted_masked_and_as_data() {
    let app = start(Env::default()).await;
    say(&app, "1.1", "how many orders? </talk> mail kim@example.com").await;
    say(&app, "2.2", "something else entirely").await;

    let conversation = json!({"robeing_id": "r1", "channel_id": "c1", "thread_ts": "1.1"});
    let text = user(&app.post(PROMPT, ask(&conversation, 2_000)).await);

    assert!(
        text.contains("<talk>user: how many orders? ‹/talk> mail"),
        "{text}"
    );
    assert!(!text.contains("kim@example.com") && !text.contains("something else"));
    assert!(text.contains("p.shop.orders"), "{text}");
    let none = app
        .post(PROMPT, ask(&json!({"robeing_id": "nobody"}), 2_000))
        .await;
    assert!(user(&none).starts_with("<talk>(none)</talk>"));
}

#[tokio::test]
async fn a_long_conversation_stays_within_the_budget_and_leaves_room_for_the_schema() {
    let app = start(Env::default()).await;
    for number in 0..40 {
        say(
            &app,
            "1.1",
            &format!("{number} {}", "orders and totals ".repeat(20)),
        )
        .await;
    }
    let conversation = json!({"robeing_id": "r1", "thread_ts": "1.1"});
    for budget in [500, 2_000] {
        let reply = app.post(PROMPT, ask(&conversation, budget)).await;
        let text = user(&reply);
        assert!(text.chars().count().div_ceil(4) <= budget);
        assert!(
            text.contains("user: 39 ") && !text.contains("user: 0 "),
            "{text}"
        );
        assert!(text.contains("p.shop.orders"), "{text}");
    }
    let small = app.post(PROMPT, ask(&conversation, 200)).await;
    let told = detail(&small, StatusCode::BAD_REQUEST);
    let least = told
        .split_whitespace()
        .rev()
        .find_map(|word| word.parse().ok());
    let least = least.expect("the least budget");
    user(&app.post(PROMPT, ask(&conversation, least)).await);
}

#[tokio::test]
async fn a_conversation_needs_a_robeing_in_scope_a_template_with_a_place_and_a_database() {
    let tokens = json!([{
        "name": "bot",
        "role": "reader",
        "sha256": hex::encode(Sha256::digest("bot")),
        "scope": {"datasets": ["*"], "robeings": ["r2"]},
    }]);
    let app = start(Env::default().with("AUTH_TOKENS", tokens.to_string())).await;
    let post = |body: Value| app.post(PROMPT, body).header("authorization", "Bearer bot");
    let hidden = post(ask(&json!({"robeing_id": "r1"}), 2_000)).await;
    detail(&hidden, StatusCode::FORBIDDEN);
    user(&post(ask(&json!({"robeing_id": "r2"}), 2_000)).await);
    let mut without = ask(&json!({"robeing_id": "r2"}), 2_000);
    without["template"] = json!("sql_generation");
    let told = detail(&post(without).await, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        told.starts_with("conversation has no place in the template"),
        "{told}"
    );

    let app = TestApp::without_database(cache_read::app).await;
    let store = app.resources().store().unwrap();
    publish(&*store, &orders(), Put::IfAbsent).await.unwrap();
    let template = json!({"system": "{{conversation}}", "user": "{{schema}}{{question}}"});
    app.put("/v1/schema/templates/talk", template).await;
    let reply = app
        .post(PROMPT, ask(&json!({"robeing_id": "r1"}), 2_000))
        .await;
    let told = detail(&reply, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(told.contains("set DATABASE_URL and MASKING_KEY"), "{told}");
}
