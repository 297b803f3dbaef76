//! Feedback is erased and exported with the person who gave it, and goes with its message.

use kit::slack;
use serde_json::{Value, json};

use crate::common::{Fixture, KIM, LEE, said, start};

async fn give(it: &Fixture, message: &str, person: &str, comment: &str) {
    let path = format!("/v1/messages/{message}/feedback");
    let feedback = json!({"name": "helpful", "value": 1, "comment": comment, "user_id": person});
    let reply = it.log.post(&path, feedback).await;
    assert_eq!(reply.status, 201, "{reply:?}");
}

async fn comments(it: &Fixture) -> Vec<String> {
    let page = it.log.get("/v1/robeings/r1/feedback").await.json();
    let items = page["items"].as_array().expect("items").iter().rev();
    let comments = items.map(|it| it["comment"].as_str().unwrap_or_default().to_owned());
    comments.collect()
}

/// A message of Kim and one of Lee, each with feedback of both and of a Slack user.
async fn start_with_feedback() -> Fixture {
    let it = start().await;
    for (person, name) in [(KIM, "kim"), (LEE, "lee")] {
        let id = it.stored(said("r1", person, "hello", "now")).await;
        for (giver, by) in [(KIM, "kim"), (LEE, "lee"), ("U1", "slack")] {
            give(&it, &id, giver, &format!("{by} on {name}")).await;
        }
    }
    it.roll_up().await;
    it
}

fn done(receipt: &Value) -> Value {
    let text = receipt.to_string();
    assert!(text.contains("conversation.feedback"), "{text}");
    receipt.clone()
}

#[tokio::test]
async fn an_erasure_removes_what_the_person_gave_and_the_feedback_on_their_messages() {
    let it = start_with_feedback().await;
    done(&it.erase(json!({"user_id": KIM})).await);
    assert_eq!(comments(&it).await, ["lee on lee", "slack on lee"]);
    assert!(!it.dump().await.contains("kim on"));
}

#[tokio::test]
async fn a_slack_user_who_only_reacted_is_erased() {
    let it = start_with_feedback().await;
    done(&it.erase(json!({"slack_user_id": "U1"})).await);
    assert_eq!(
        comments(&it).await,
        ["kim on kim", "lee on kim", "kim on lee", "lee on lee"]
    );
    assert_eq!(
        it.count("select count(*) from conversation.feedback where slack_user_id = 'U1'")
            .await,
        0
    );
}

#[tokio::test]
async fn an_erasure_of_a_robeing_removes_all_of_its_feedback() {
    let it = start_with_feedback().await;
    done(&it.erase(json!({"robeing_id": "r1"})).await);
    assert_eq!(
        it.count("select count(*) from conversation.feedback").await,
        0
    );
}

#[tokio::test]
async fn an_export_has_the_feedback_that_the_person_gave_and_nobody_elses() {
    let it = start_with_feedback().await;
    for (subject, count) in [
        (json!({"user_id": KIM}), 2),
        (json!({"slack_user_id": "U1"}), 2),
        (json!({"robeing_id": "r1"}), 6),
    ] {
        let lines = it.export(subject.clone()).await;
        let given: Vec<&Value> = lines
            .iter()
            .filter(|it| it["table"] == "conversation.feedback")
            .collect();
        assert_eq!(given.len(), count, "{subject}");
        assert!(
            given
                .iter()
                .all(|it| it.get("agent").is_none() && it["comment"].is_string())
        );
        if subject["user_id"] == KIM {
            assert!(given.iter().all(|it| it["user_id"] == KIM), "{given:?}");
        }
    }
}

#[tokio::test]
async fn feedback_leaves_the_database_with_the_month_of_its_message() {
    let it = start().await;
    let old = it.stored(said("r1", KIM, "old", "2025-08-10")).await;
    let new = it.stored(said("r1", KIM, "new", "now")).await;
    give(&it, &old, LEE, "old").await;
    give(&it, &new, LEE, "new").await;
    it.roll_up().await;
    assert_eq!(it.run().await["archived"][0]["state"], "dropped");
    assert_eq!(comments(&it).await, ["new"]);
    assert_eq!(
        it.count("select count(*) from conversation.feedback").await,
        1
    );
}

#[tokio::test]
async fn feedback_expires_with_its_message() {
    let it = crate::common::start_with(&[("RETENTION_DAYS", "30"), ("ARCHIVE_AFTER_DAYS", "3000")])
        .await;
    let old = it.stored(said("r1", KIM, "old", "2026-09-10")).await;
    let new = it.stored(said("r1", KIM, "new", "now")).await;
    give(&it, &old, LEE, "old").await;
    give(&it, &new, LEE, "new").await;
    it.roll_up().await;
    it.run().await;
    assert_eq!(
        it.count("select count(*) from conversation.feedback").await,
        1
    );
    assert_eq!(comments(&it).await, ["new"]);
}

#[tokio::test]
async fn a_reaction_without_a_message_and_a_removed_one_are_kept_for_a_day() {
    let it = start_with_feedback().await;
    it.database
        .run(
            "update conversation.feedback set is_pending = true;
             insert into conversation.feedback (id, key, message_id, robeing_id, name, source, given_at, removed_at, is_pending)
             select gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'r1', 'reaction', 'slack',
                    now() - hours * interval '1 hour',
                    case when is_removed then now() end, not is_removed
             from (values (23, true), (25, true), (23, false), (25, false)) as unsettled (hours, is_removed);
             update conversation.feedback set given_at = now() - interval '2 days' where source = 'http'",
        )
        .await;
    it.run().await;
    let left = "select count(*) from conversation.feedback where source = ";
    assert_eq!(it.count(&format!("{left} 'slack'")).await, 2);
    assert_eq!(
        it.count(&format!("{left} 'http' and not is_pending")).await,
        6
    );
}

#[tokio::test]
async fn a_reaction_of_an_erased_person_is_not_stored_again_when_slack_delivers_it_again() {
    const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
    let it = crate::common::start_with(&[
        ("SLACK_SIGNING_SECRET", SECRET),
        ("SLACK_ROBEINGS", r#"{"A1": "r1"}"#),
    ])
    .await;
    let now = jiff::Timestamp::now().as_second();
    let ts = format!("{}.000001", now - 60);
    let send = async |event: Value| {
        let envelope = json!({"type": "event_callback", "team_id": "T1", "api_app_id": "A1", "event_id": "Ev1",
                              "event": event});
        let reply = slack::send(&it.log, SECRET, &envelope).await;
        assert_eq!(reply.status, 200, "{reply:?}");
    };
    let reaction = |at: i64| {
        json!({"type": "reaction_added", "user": "U7", "reaction": "+1", "event_ts": format!("{at}.000002"),
               "item": {"type": "message", "channel": "C1", "ts": ts}})
    };
    let said = json!({"type": "message", "channel": "C1", "channel_type": "channel", "user": "U8", "ts": ts,
                      "text": "hello"});
    send(said).await;
    send(reaction(now - 50)).await;
    let given = "select count(*) from conversation.feedback where removed_at is null";
    assert_eq!(it.count(given).await, 1);
    done(&it.erase(json!({"slack_user_id": "U7"})).await);
    send(reaction(now - 50)).await;
    assert_eq!(it.count(given).await, 0);
    assert!(!it.dump().await.contains("U7"));
    // A new reaction is one.
    send(reaction(now + 60)).await;
    assert_eq!(it.count(given).await, 1);
    let page = it.log.get("/v1/robeings/r1/feedback").await.json();
    assert_eq!(page["items"][0]["slack_user_id"], "U7");
}
