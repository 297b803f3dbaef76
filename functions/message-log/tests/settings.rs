//! Settings and stats of a robeing change what the log does.

use kit::TestApp;
use serde_json::{Value, json};

use crate::common::{Fixture, start, texts};
use crate::memory::roll_up;

/// The log, with settings as a separate process.
async fn start_both() -> (Fixture, TestApp) {
    let log = start().await;
    let settings = TestApp::with_env(log.database.env())
        .start(settings::app)
        .await;
    (log, settings)
}

async fn set(settings: &TestApp, key: &str, value: Value) {
    let path = format!("/v1/robeings/r1/settings/{key}");
    let reply = settings.put(&path, value).await;
    assert_eq!(reply.status, 200, "{reply:?}");
}

const SAID: &str = "010-1234-5678, hong@example.com, 900101-1234567";

#[tokio::test]
async fn values_that_a_robeing_leaves_unmasked_are_stored_unless_they_are_registration_numbers() {
    let (log, settings) = start_both().await;
    let say = async |robeing: &str, id: &str| {
        let message = json!({"robeing_id": robeing, "thread_ts": "t", "id": id, "message": SAID});
        log.post(message).await
    };
    say("r1", "m-1").await;
    set(&settings, "system/unmasked", json!(["email"])).await;
    // Another process changes it, so the notification takes a moment.
    let mut said = String::new();
    for n in 0..500 {
        let batch = json!({"items": [
            {"robeing_id": "r1", "id": format!("n-{n}"), "message": SAID},
            {"robeing_id": "r2", "id": format!("n-{n}"), "message": SAID},
        ]});
        log.app.post("/v1/messages/batch", batch).await;
        said.clone_from(
            &texts(
                &log.get("/v1/robeings/r1/messages?limit=1").await,
                "message",
            )[0],
        );
        if said.contains("hong@example.com") {
            break;
        }
    }
    assert_eq!(said, "[PHONE_1], hong@example.com, [RRN]");
    let others = log.get("/v1/robeings/r2/messages?limit=1").await;
    assert_eq!(texts(&others, "message"), ["[PHONE_1], [EMAIL_1], [RRN]"]);
    // A repeat under another policy is still a repeat, and the stored message stays masked.
    assert_eq!(say("r1", "m-1").await.status, 200);
    let thread = log.get("/v1/robeings/r1/messages?thread_ts=t").await;
    assert_eq!(texts(&thread, "message"), ["[PHONE_1], [EMAIL_1], [RRN]"]);
    assert_eq!(say("r1", "m-2").await.status, 201);
    let thread = log
        .get("/v1/robeings/r1/messages?thread_ts=t&limit=1")
        .await;
    assert_eq!(
        texts(&thread, "message"),
        ["[PHONE_1], hong@example.com, [RRN]"]
    );
}

#[tokio::test]
async fn a_high_memory_stat_gives_a_longer_context() {
    let log = start().await;
    let items: Vec<Value> = (0..300)
        .map(|n| json!({"robeing_id": "r1", "thread_ts": "t", "message": format!("{n} {}", "a".repeat(120))}))
        .collect();
    log.app
        .post("/v1/messages/batch", json!({"items": items}))
        .await;
    let kept = async |query: &str| {
        let context = log
            .get(&format!("/v1/robeings/r1/context?thread_ts=t{query}"))
            .await;
        let tokens = context["tokens"].as_i64().unwrap_or_default();
        (context["turns"].as_array().map_or(0, Vec::len), tokens)
    };
    let (turns, tokens) = kept("").await;
    assert!((3_900..=4_000).contains(&tokens), "{tokens}");
    assert_eq!(kept("&token_budget=200000").await.0, 200);
    log.database
        .run("insert into robeing.stats (robeing_id, memory_stat) values ('r1', 14)")
        .await;
    let (more_turns, more_tokens) = kept("").await;
    assert!(
        more_turns > turns && (5_500..=5_600).contains(&more_tokens),
        "{more_tokens}"
    );
    assert_eq!(kept("&token_budget=200000").await.0, 280);
}

#[tokio::test]
async fn a_context_has_no_more_messages_than_the_settings_allow() {
    let (log, settings) = start_both().await;
    for n in 0..30 {
        let thread = if n < 20 { "old" } else { "new" };
        log.stored(
            json!({"robeing_id": "r1", "thread_ts": thread, "message": format!("환불 규정 {n}")}),
        )
        .await;
    }
    roll_up(&log).await;
    set(&settings, "system/max_memory_size", json!(8)).await;
    let mut turns = Vec::new();
    for _ in 0..500 {
        let context = log
            .get("/v1/robeings/r1/context?thread_ts=new&token_budget=100000")
            .await;
        turns = context["turns"].as_array().cloned().unwrap_or_default();
        if turns.len() <= 8 {
            break;
        }
    }
    let kinds = |kind: &str| turns.iter().filter(|turn| turn["kind"] == kind).count();
    assert_eq!((kinds("memory"), kinds("recent")), (2, 6));
}

#[tokio::test]
async fn patterns_count_by_the_days_of_the_robeings_time_zone() {
    let (log, settings) = start_both().await;
    set(&settings, "user/timezone", json!("America/New_York")).await;
    log.stored(
        json!({"robeing_id": "r1", "message": "hello", "created_at": "2026-11-02T03:00:00Z"}),
    )
    .await;
    for _ in 0..500 {
        log.app.post("/events/message-log", json!({})).await;
        let patterns = log
            .get("/v1/robeings/r1/patterns?from=2026-11-01&to=2026-11-03")
            .await;
        if patterns["days"][0]["day"] == "2026-11-01" {
            return;
        }
    }
    panic!("03:00 in UTC is another day in New York");
}
