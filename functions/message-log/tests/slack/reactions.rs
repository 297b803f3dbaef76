//! Slack reactions as feedback on their messages.

use serde_json::{Value, json};

use super::{SECRET, callback, now_ts, said, send};
use crate::common::{Fixture, app_on, start_with, texts};
use crate::memory::roll_up;

const LIST: &str = "/v1/robeings/sales/feedback";

fn reaction(kind: &str, emoji: &str, ts: &str, at: u32) -> Value {
    let mut event = callback(json!({
        "type": kind, "user": "U2147483697", "reaction": emoji, "item_user": "U1", "event_ts": now_ts(at),
        "item": {"type": "message", "channel": "C024BE91L", "ts": ts},
    }));
    event["is_ext_shared_channel"] = false.into();
    event
}

fn added(emoji: &str, ts: &str, at: u32) -> Value {
    reaction("reaction_added", emoji, ts, at)
}

fn removed(emoji: &str, ts: &str, at: u32) -> Value {
    reaction("reaction_removed", emoji, ts, at)
}

async fn accept(log: &Fixture, event: &Value) {
    let reply = send(log, event).await;
    assert_eq!(reply.status, 200, "{reply:?}");
}

/// The emoji and scores that are listed, oldest first.
async fn scores(log: &Fixture) -> Vec<(String, Value)> {
    let page = log.get(LIST).await;
    let items = page["items"].as_array().expect("items").iter().rev();
    let scores = items.map(|it| {
        let emoji = it["reaction"].as_str().unwrap_or_default();
        (emoji.to_owned(), it["value"].clone())
    });
    scores.collect()
}

fn score(emoji: &str, value: i32) -> (String, Value) {
    (emoji.to_owned(), value.into())
}

#[tokio::test]
async fn a_reaction_is_a_score_until_it_is_removed() {
    let log = super::start().await;
    let ts = now_ts(1);
    accept(&log, &said(&ts, "question", json!({}))).await;
    for _ in 0..2 {
        accept(&log, &added("+1::skin-tone-2", &ts, 10)).await;
    }
    accept(&log, &added("thumbsdown", &ts, 11)).await;
    accept(&log, &added("eyes", &ts, 12)).await;
    let up = score("+1::skin-tone-2", 1);
    assert_eq!(scores(&log).await, [up.clone(), score("thumbsdown", -1)]);
    let page = log.get(LIST).await;
    let message = log.get("/v1/robeings/sales/messages").await["items"][0].clone();
    assert_eq!(texts(&page, "name"), ["reaction", "reaction"]);
    assert_eq!(texts(&page, "source"), ["slack", "slack"]);
    assert_eq!(page["items"][0]["message_id"], message["id"]);
    // The person is the one who is known by this Slack id.
    assert_eq!(page["items"][0]["user_id"], message["user_id"]);
    assert_eq!(message["feedback"].as_array().map(Vec::len), Some(2));

    for _ in 0..2 {
        accept(&log, &removed("thumbsdown", &ts, 13)).await;
    }
    assert_eq!(scores(&log).await, [up]);
    accept(&log, &added("thumbsdown", &ts, 14)).await;
    assert_eq!(scores(&log).await.len(), 2);
}

#[tokio::test]
async fn the_newest_event_of_a_reaction_wins_in_any_order_of_arrival() {
    let events = |ts: &str| {
        [
            said(ts, "question", json!({})),
            added("+1", ts, 10),
            removed("+1", ts, 11),
            added("-1", ts, 12),
        ]
    };
    for order in [
        [0, 1, 2, 3],
        [0, 2, 1, 3],
        [3, 2, 1, 0],
        [1, 3, 0, 2],
        [2, 0, 3, 1],
    ] {
        let log = super::start().await;
        let events = events(&now_ts(1));
        for n in order {
            accept(&log, &events[n]).await;
        }
        assert_eq!(scores(&log).await, [score("-1", -1)], "{order:?}");
    }
}

#[tokio::test]
async fn feedback_goes_with_a_deleted_message_and_stays_with_an_edited_one() {
    let log = super::start().await;
    let (edited, gone) = (now_ts(1), now_ts(2));
    for ts in [&edited, &gone] {
        accept(&log, &said(ts, "question", json!({}))).await;
        accept(&log, &added("+1", ts, 10)).await;
    }
    let at = now_ts(20);
    let now = json!({"type": "message", "user": "U2147483697", "text": "changed", "ts": edited,
        "edited": {"user": "U2147483697", "ts": at}});
    let edit = json!({"type": "message", "subtype": "message_changed", "channel": "C024BE91L", "ts": at, "message": now});
    accept(&log, &callback(edit)).await;
    let deletion = json!({"type": "message", "subtype": "message_deleted", "channel": "C024BE91L",
        "ts": now_ts(21), "deleted_ts": gone});
    accept(&log, &callback(deletion)).await;
    assert_eq!(scores(&log).await.len(), 1);
    // A reaction that Slack sends late.
    accept(&log, &added("tada", &gone, 12)).await;
    roll_up(&log).await;
    assert_eq!(
        log.count("select count(*) from conversation.feedback")
            .await,
        1
    );
    let page = log.get("/v1/robeings/sales/messages").await;
    let counts = page["items"].as_array().expect("items").iter();
    let counts = counts.map(|it| {
        (
            it["message"].clone(),
            it["feedback"].as_array().map(Vec::len),
        )
    });
    assert_eq!(
        counts.collect::<Vec<_>>(),
        [(Value::Null, Some(0)), (json!("changed"), Some(1))]
    );
}

#[tokio::test]
async fn other_reactions_are_acknowledged_and_not_stored() {
    let log = super::start().await;
    let ts = now_ts(1);
    accept(&log, &said(&ts, "question", json!({}))).await;
    let mut of_file = added("+1", &ts, 10);
    of_file["event"]["item"] = json!({"type": "file", "file": "F1"});
    let mut of_own_bot = added("+1", &ts, 11);
    of_own_bot["authorizations"] =
        json!([{"team_id": "T061EG9R6", "user_id": "U2147483697", "is_bot": true}]);
    let mut without_time = added("+1", &ts, 12);
    without_time["event"]["event_ts"] = Value::Null;
    let mut of_other_app = added("+1", &ts, 13);
    of_other_app["api_app_id"] = "A2".into();
    for event in [of_file, of_own_bot, without_time, added("eyes", &ts, 14)] {
        accept(&log, &event).await;
    }
    send(&log, &of_other_app).await;
    assert_eq!(
        log.count("select count(*) from conversation.feedback")
            .await,
        0
    );
    assert_eq!(
        log.count("select count(*) from conversation.dead_letter")
            .await,
        0
    );
}

#[tokio::test]
async fn slack_reactions_names_the_scores_of_emoji() {
    let log = start_with(&[
        ("SLACK_SIGNING_SECRET", SECRET),
        ("SLACK_ROBEINGS", r#"{"A0FFV41KK": "sales"}"#),
        (
            "SLACK_REACTIONS",
            r#"{"rocket": 2, "bug": "wrong", "x": null}"#,
        ),
    ])
    .await;
    let ts = now_ts(1);
    accept(&log, &said(&ts, "question", json!({}))).await;
    for (at, emoji) in ["rocket", "bug", "x", "+1"].into_iter().enumerate() {
        accept(
            &log,
            &added(emoji, &ts, 10 + u32::try_from(at).expect("few")),
        )
        .await;
    }
    let wrong = ("bug".to_owned(), json!("wrong"));
    assert_eq!(
        scores(&log).await,
        [score("rocket", 2), wrong, score("+1", 1)]
    );
}

#[tokio::test]
async fn a_reaction_is_removed_although_its_emoji_has_no_score_any_more() {
    let mut log = super::start().await;
    let ts = now_ts(1);
    accept(&log, &said(&ts, "question", json!({}))).await;
    accept(&log, &added("x", &ts, 10)).await;
    assert_eq!(scores(&log).await, [score("x", -1)]);
    let settings = [
        ("SLACK_SIGNING_SECRET", SECRET),
        ("SLACK_ROBEINGS", r#"{"A0FFV41KK": "sales"}"#),
        ("SLACK_REACTIONS", r#"{"x": null}"#),
    ];
    log.app = app_on(&log.database, &settings).await;
    accept(&log, &removed("x", &ts, 11)).await;
    accept(&log, &removed("eyes", &ts, 11)).await;
    assert_eq!(scores(&log).await, []);
    let rows = "select count(*) from conversation.feedback";
    assert_eq!(log.count(rows).await, 1, "one removal is remembered");
}

#[tokio::test]
async fn a_deleted_reaction_stays_deleted_when_slack_delivers_it_again() {
    let log = super::start().await;
    let ts = now_ts(1);
    accept(&log, &said(&ts, "question", json!({}))).await;
    accept(&log, &added("+1", &ts, 10)).await;
    let id = log.get(LIST).await["items"][0]["id"].clone();
    let path = format!("/v1/feedback/{}", id.as_str().expect("an id"));
    assert_eq!(log.app.delete(&path).await.status, 204);
    accept(&log, &added("+1", &ts, 10)).await;
    assert_eq!(scores(&log).await, []);
    assert_eq!(log.app.delete(&path).await.status, 404);
}

#[tokio::test]
async fn a_reaction_to_a_message_that_was_replayed_is_in_the_robeing_of_the_replay() {
    for robeings in [None, Some(r#"{"A0FFV41KK": "support"}"#)] {
        let mut log = start_with(&[("SLACK_SIGNING_SECRET", SECRET)]).await;
        let ts = now_ts(1);
        accept(&log, &added("+1", &ts, 9)).await;
        accept(&log, &said(&ts, "question", json!({}))).await;
        let letter = log.get("/v1/dead-letters").await["items"][0]["id"].clone();
        let path = format!(
            "/v1/dead-letters/{}/replay",
            letter.as_str().expect("an id")
        );
        let replay = log.app.post(&path, json!({"robeing_id": "sales"})).await;
        assert_eq!(replay.status, 200, "{replay:?}");
        if let Some(robeings) = robeings {
            let settings = [
                ("SLACK_SIGNING_SECRET", SECRET),
                ("SLACK_ROBEINGS", robeings),
            ];
            log.app = app_on(&log.database, &settings).await;
        }
        accept(&log, &added("-1", &ts, 10)).await;
        assert_eq!(scores(&log).await, [score("-1", -1)], "{robeings:?}");
        let support = log.get("/v1/robeings/support/feedback").await;
        assert_eq!(support["items"], json!([]), "support lacks the message");
        accept(&log, &removed("-1", &ts, 11)).await;
        assert_eq!(scores(&log).await, [], "{robeings:?}");
    }
}

#[tokio::test]
async fn a_reaction_is_found_by_the_slack_id_with_the_team_of_who_reacted() {
    let log = super::start().await;
    let ts = now_ts(1);
    accept(&log, &said(&ts, "question", json!({"user": "U5"}))).await;
    let mut event = added("+1", &ts, 10);
    event["team_id"] = "T7".into();
    accept(&log, &event).await;
    for (giver, count) in [
        ("T7:U2147483697", 1),
        ("U2147483697", 1),
        ("T8:U2147483697", 0),
    ] {
        let page = log.get(&format!("{LIST}?user_id={giver}")).await;
        assert_eq!(
            page["items"].as_array().map(Vec::len),
            Some(count),
            "{giver}"
        );
    }
}

#[tokio::test]
async fn a_reaction_in_a_channel_that_may_be_shared_is_of_no_known_team_and_person() {
    let log = super::start().await;
    let ts = now_ts(1);
    accept(&log, &said(&ts, "question", json!({}))).await;
    for is_shared in [json!(true), Value::Null] {
        let mut event = added("+1", &ts, 10);
        event["is_ext_shared_channel"] = is_shared;
        accept(&log, &event).await;
        let given = &log.get(LIST).await["items"][0];
        assert_eq!(
            (&given["user_id"], &given["slack_user_id"]),
            (&Value::Null, &json!("U2147483697"))
        );
        let unnamed = "select count(*) from conversation.feedback where slack_names is null";
        assert_eq!(log.count(unnamed).await, 1);
    }
}

#[tokio::test]
async fn a_reaction_by_what_is_no_slack_id_is_not_stored() {
    let log = super::start().await;
    let ts = now_ts(1);
    accept(&log, &said(&ts, "question", json!({}))).await;
    for user in ["kim@example.com", "010-1234-5678", "01012345678", "U", "u1"] {
        let mut event = added("+1", &ts, 10);
        event["event"]["user"] = user.into();
        accept(&log, &event).await;
    }
    assert_eq!(scores(&log).await, []);
    let dump = log.dump().await;
    assert!(
        !dump.contains("kim@example") && !dump.contains("1234"),
        "{dump}"
    );
}
