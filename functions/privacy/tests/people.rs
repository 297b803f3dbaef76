//! A person whose messages have several ids, from several workspaces, is erased and exported as one.

use kit::slack;
use serde_json::{Value, json};

use crate::common::{Fixture, KIM, LEE, start_with};

const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
const TS: &str = "1795979643.000100";

async fn start() -> Fixture {
    start_with(&[
        ("SLACK_SIGNING_SECRET", SECRET),
        ("SLACK_ROBEINGS", r#"{"A1": "sales"}"#),
    ])
    .await
}

/// A message that U7 of the team T2 posts in a channel shared with T1.
async fn say(it: &Fixture, ts: &str, text: &str, more: Value) {
    let mut event = json!({"type": "message", "channel": "C1", "channel_type": "channel", "user": "U7", "ts": ts,
                           "text": text, "user_team": "T2"});
    let Value::Object(more) = more else {
        panic!("{more} has no fields");
    };
    event.as_object_mut().expect("fields").extend(more);
    let envelope = json!({"type": "event_callback", "team_id": "T1", "api_app_id": "A1", "event_id": "Ev1",
                          "is_ext_shared_channel": true, "event": event});
    let reply = slack::send(&it.log, SECRET, &envelope).await;
    assert_eq!(reply.status, 200, "{reply:?}");
}

/// A person whom an earlier version stored twice: as seen in their own workspace, and in the other one.
async fn stored_twice() -> Fixture {
    let it = start().await;
    it.database
        .run(&format!(
            "insert into conversation.slack_user (team_id, slack_user_id, user_id)
             values ('T2', 'U7', '{KIM}'), ('T1', 'U7', '{LEE}'), ('T1', 'U8', '0190b2a0-0000-7000-8000-000000000008')"
        ))
        .await;
    for (user, text) in [(KIM, "narwhal one"), (LEE, "narwhal two")] {
        it.stored(
            json!({"robeing_id": "sales", "user_id": user, "slack_user_id": "U7", "message": text}),
        )
        .await;
    }
    say(&it, TS, "narwhal three", json!({})).await;
    it.stored(json!({"robeing_id": "sales", "slack_user_id": "U8", "message": "walrus"}))
        .await;
    it
}

#[tokio::test]
async fn an_erasure_finds_what_is_stored_under_the_earlier_and_the_present_id() {
    for subject in [
        json!({"user_id": KIM}),
        json!({"user_id": LEE}),
        json!({"slack_user_id": "U7"}),
    ] {
        let it = stored_twice().await;
        let exported = it.export(subject.clone()).await;
        let log = exported
            .iter()
            .filter(|it| it["table"] == "conversation.log");
        assert_eq!(log.count(), 3, "{subject}: {exported:?}");
        let erasure = it.erase(subject.clone()).await;
        assert_eq!(
            erasure["receipt"]["body"]["erased"]["conversation.log"], 3,
            "{subject}"
        );
        for text in ["narwhal", KIM, LEE] {
            assert!(!it.is_anywhere(text).await, "{subject}: {text}");
        }
        assert!(it.is_anywhere("walrus").await);
    }
}

#[tokio::test]
async fn the_redelivery_of_an_erased_event_stores_nothing_of_its_author() {
    let it = start().await;
    say(&it, TS, "narwhal", json!({})).await;
    it.erase(json!({"slack_user_id": "U7"})).await;
    let edited = json!({"edited": {"user": "U7", "ts": "1795979650.000000"}});
    for more in [json!({}), json!({"type": "app_mention"}), edited] {
        say(&it, TS, "narwhal", more).await;
    }
    let people = "select count(*) from conversation.slack_user";
    assert_eq!(it.count(people).await, 0);
    assert!(!it.is_anywhere("narwhal").await && !it.is_anywhere("U7").await);
    // A new message of the same person is a new one.
    say(&it, "1795979644.000100", "hello again", json!({})).await;
    assert_eq!(it.count(people).await, 1);
}

#[tokio::test]
async fn an_agent_adds_nothing_to_an_erased_answer() {
    let it = start().await;
    say(&it, TS, "where is it?", json!({})).await;
    let answer = json!({"robeing_id": "sales", "channel_id": "C1", "thread_ts": TS, "slack_ts": "1795979644.000100",
                        "response": "narwhal", "intent": "refund"});
    let own = json!({"thread_ts": TS, "bot_id": "B1", "app_id": "A1", "user": "UBOT"});
    say(&it, "1795979644.000100", "narwhal", own).await;
    it.erase(json!({"slack_user_id": "U7"})).await;
    let reply = it.post(answer).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    for text in ["narwhal", "refund"] {
        assert!(!it.is_anywhere(text).await, "{text}");
    }
}
