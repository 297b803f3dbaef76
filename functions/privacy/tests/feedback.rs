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

/// Feedback on one message, each as its comment, the giver's Slack id if one is named, and the name of the caller.
async fn start_with_callers(rows: &[(&str, Option<&str>, &str)]) -> Fixture {
    let it = start().await;
    let id = it.stored(said("r1", LEE, "hello", "now")).await;
    for (n, (comment, slack_user, agent)) in rows.iter().enumerate() {
        let slack_user = slack_user.map_or("null".to_owned(), |id| format!("'{id}'"));
        it.database
            .run(&format!(
                "insert into conversation.feedback
                     (id, key, message_id, robeing_id, name, comment, source, slack_user_id, agent, given_at)
                 values ('00000000-0000-7000-8000-00000000000{n}', gen_random_uuid(), '{id}', 'r1', 'helpful', '{comment}', 'http', {slack_user}, '{agent}', now())"
            ))
            .await;
    }
    it
}

/// The comments of an export.
async fn exported(it: &Fixture, subject: Value) -> Vec<String> {
    let lines = it.export(subject).await;
    let given = lines
        .iter()
        .filter(|it| it["table"] == "conversation.feedback");
    let comments = given.map(|it| it["comment"].as_str().unwrap_or_default().to_owned());
    comments.collect()
}

#[tokio::test]
async fn a_caller_gave_only_the_feedback_that_names_nobody() {
    let simple = KIM.replace('-', "").to_uppercase();
    let it = start_with_callers(&[
        ("own", None, KIM),
        ("own by other spelling", None, &simple),
        ("of bob", Some("UBOB"), KIM),
        ("of nobody", None, &format!("app {KIM}")),
    ])
    .await;
    let own = ["own", "own by other spelling"];
    assert_eq!(exported(&it, json!({"user_id": KIM})).await, own);
    done(&it.erase(json!({"user_id": KIM})).await);
    assert_eq!(comments(&it).await, ["of bob", "of nobody"]);
    // Bob's feedback stays, without the name of the caller.
    let named = format!("select count(*) from conversation.feedback where agent = '{KIM}'");
    assert_eq!(it.count(&named).await, 0);
    assert_eq!(
        exported(&it, json!({"slack_user_id": "UBOB"})).await,
        ["of bob"]
    );
}

#[tokio::test]
async fn the_name_of_a_caller_is_compared_with_an_id_as_a_whole() {
    let it = start_with_callers(&[
        ("1", None, "wr-a"),
        ("2", None, "WR-a"),
        ("3", None, "app WR"),
        ("4", None, "WR"),
        ("5", None, "u0bot-service"),
        ("6", None, "U0BOT"),
        ("7", None, "U0BOT service"),
    ])
    .await;
    assert_eq!(exported(&it, json!({"slack_user_id": "WR"})).await, ["4"]);
    done(&it.erase(json!({"slack_user_id": "WR"})).await);
    assert_eq!(comments(&it).await, ["1", "2", "3", "5", "6", "7"]);
    done(&it.erase(json!({"user_id": "U0BOT"})).await);
    assert_eq!(comments(&it).await, ["1", "2", "3", "5", "7"]);
}

#[tokio::test]
async fn feedback_by_one_slack_id_in_two_teams_is_erased_and_exported_by_team() {
    for known in ["", "T7"] {
        let it = start().await;
        let id = it.stored(said("r1", LEE, "hello", "now")).await;
        for giver in ["T7:UQQ", "T8:UQQ", "UQQ"] {
            give(&it, &id, giver, giver).await;
        }
        if known == "T7" {
            let name = format!("insert into conversation.slack_user values ('T7', 'UQQ', '{KIM}')");
            it.database.run(&name).await;
        }
        for giver in ["T7:UQQ", "T8:UQQ"] {
            let given = exported(&it, json!({"user_id": giver})).await;
            assert_eq!(
                given
                    .iter()
                    .filter(|it| it.starts_with('T'))
                    .collect::<Vec<_>>(),
                [giver]
            );
        }
        done(&it.erase(json!({"slack_user_id": "T8:UQQ"})).await);
        assert_eq!(comments(&it).await, ["T7:UQQ", "UQQ"]);
        let again = it
            .app
            .post("/v1/erasures", json!({"user_id": "T9:UQQ"}))
            .await;
        assert_eq!(again.status, 404);
        if known == "T7" {
            done(&it.erase(json!({"user_id": KIM})).await);
        } else {
            assert_eq!(
                exported(&it, json!({"user_id": "UQQ"})).await,
                ["T7:UQQ", "UQQ"]
            );
            done(&it.erase(json!({"user_id": "UQQ"})).await);
        }
        assert_eq!(comments(&it).await, Vec::<String>::new());
        assert!(!it.dump().await.contains("UQQ"));
    }
}

#[tokio::test]
async fn an_export_by_a_slack_id_of_several_teams_has_the_feedback_of_none() {
    let it = start().await;
    let id = it.stored(said("r1", LEE, "hello", "now")).await;
    for giver in ["T7:UQQ", "T8:UQQ", "UQQ"] {
        give(&it, &id, giver, giver).await;
    }
    assert_eq!(exported(&it, json!({"user_id": "UQQ"})).await, ["UQQ"]);
    done(&it.erase(json!({"user_id": "UQQ"})).await);
    assert_eq!(comments(&it).await, Vec::<String>::new());
}
