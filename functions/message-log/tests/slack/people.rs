//! A person in Slack is one person, whichever workspace's event brings their message.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Fixture, now_ts, said, send, start};
use crate::common::texts;

/// An event that workspace `team` receives, with more fields of the envelope and of the message.
pub fn from(team: &str, n: u32, user: &str, envelope: Value, message: Value) -> Value {
    let fields = with(json!({"user": user}), message);
    let mut event = said(&now_ts(n), &format!("message {n}"), fields);
    event["team_id"] = team.into();
    with(event, envelope)
}

fn with(mut value: Value, more: Value) -> Value {
    let Value::Object(more) = more else {
        panic!("{more} has no fields");
    };
    value.as_object_mut().expect("fields").extend(more);
    value
}

/// The person whom each message names, in the order of messages.
pub async fn people(log: &Fixture) -> Vec<String> {
    let page = log.get("/v1/robeings/sales/messages").await;
    let mut people = texts(&page, "user_id");
    people.reverse();
    people
}

async fn accept(log: &Fixture, event: &Value) {
    let reply = send(log, event).await;
    assert_eq!(reply.status, 200, "{reply:?}");
}

/// Stores what an earlier version stored: a person by the workspace of the envelope, with a message.
pub async fn as_before(log: &Fixture, robeing: &str, team: &str, user: &str, user_id: &str) {
    log.stored(
        json!({"robeing_id": robeing, "user_id": user_id, "slack_user_id": user, "metadata": {"team": team},
                      "message": format!("from before, in {team}")}),
    )
    .await;
    let client = log.database.client().await;
    let sql = format!(
        "insert into conversation.slack_user (team_id, slack_user_id, user_id, earlier_below)
         values ('{team}', '{user}', '{user_id}', pg_current_xact_id())"
    );
    client.batch_execute(&sql).await.expect("a person");
}

pub const BEFORE: &str = "0190b2a0-0000-7000-8000-000000000001";
const BEFORE_TOO: &str = "0190b2a0-0000-7000-8000-000000000002";

#[tokio::test]
async fn in_a_shared_channel_the_authors_own_team_identifies_them() {
    let log = start().await;
    // Both organizations' apps receive the messages of both.
    for (n, seen_in, fields) in [
        (1, "T2", json!({"team": "T2"})),
        (
            2,
            "T1",
            json!({"user_team": "T2", "source_team": "T2", "team": "T1"}),
        ),
        (3, "T1", json!({"source_team": "T2"})),
        (
            4,
            "T3",
            json!({"user_profile": {"team": "T2"}, "team": "T3"}),
        ),
    ] {
        accept(
            &log,
            &from(
                seen_in,
                n,
                "U7",
                json!({"is_ext_shared_channel": true}),
                fields,
            ),
        )
        .await;
    }
    let people = people(&log).await;
    assert_eq!(people.len(), 4);
    assert_eq!(
        people.iter().collect::<BTreeSet<_>>().len(),
        1,
        "{people:?}"
    );
    let of_person = log.get(&format!("/v1/users/{}/messages", people[0])).await;
    assert_eq!(texts(&of_person, "message").len(), 4);
    let metadata = &log.get("/v1/robeings/sales/messages").await["items"][2]["metadata"];
    assert_eq!(
        (&metadata["team"], &metadata["user_team"]),
        (&json!("T1"), &json!("T2"))
    );
}

#[tokio::test]
async fn people_of_two_teams_with_the_same_id_are_two_people() {
    let log = start().await;
    for (n, seen_in, fields) in [
        (1, "T1", json!({"team": "T1"})),
        (2, "T1", json!({"user_team": "T2"})),
        (3, "T2", json!({"team": "T2"})),
        (4, "T2", json!({"user_team": "T1"})),
    ] {
        accept(&log, &from(seen_in, n, "U7", json!({}), fields)).await;
    }
    let people = people(&log).await;
    assert_ne!(people[0], people[1]);
    assert_eq!((&people[2], &people[3]), (&people[1], &people[0]));
}

#[tokio::test]
async fn in_an_enterprise_grid_a_person_is_one_in_all_workspaces() {
    let log = start().await;
    let grid = json!({"enterprise_id": "E1"});
    let installed = json!({"authorizations": [{"enterprise_id": "E1", "team_id": "T2", "is_enterprise_install": true}],
                           "is_ext_shared_channel": true});
    for (n, event) in [
        from("T1", 1, "W7", grid.clone(), json!({"team": "T1"})),
        from("T2", 2, "W7", grid.clone(), json!({"team": "T2"})),
        from(
            "T1",
            3,
            "W7",
            json!({"enterprise_id": "E1", "is_ext_shared_channel": false}),
            json!({"user_team": "T3"}),
        ),
        from("T9", 4, "W7", json!({}), json!({"user_team": "E1"})),
        from("T9", 5, "W7", installed, json!({"user_team": "T2"})),
        // Seen from outside, after the workspace is known to be the person's.
        from(
            "T9",
            6,
            "W7",
            json!({"is_ext_shared_channel": true}),
            json!({"user_team": "T3"}),
        ),
        from("T4", 7, "W7", grid.clone(), json!({})),
    ]
    .iter()
    .enumerate()
    {
        let reply = send(&log, event).await;
        assert_eq!(reply.status, 200, "{n}: {reply:?}");
    }
    let people = people(&log).await;
    assert_eq!(people.len(), 7);
    assert_eq!(
        people.iter().collect::<BTreeSet<_>>().len(),
        1,
        "{people:?}"
    );
    accept(
        &log,
        &from(
            "T5",
            8,
            "W7",
            json!({"enterprise_id": "E2"}),
            json!({"team": "T5"}),
        ),
    )
    .await;
    let other = log.get("/v1/robeings/sales/messages?limit=1").await["items"][0]["user_id"].clone();
    assert_ne!(other, people[0], "the same id in another enterprise");
}

#[tokio::test]
async fn a_person_whom_an_earlier_version_stored_keeps_their_user_id() {
    for (team, envelope, fields) in [
        // In their own workspace, in a channel shared by another one, and in a grid.
        ("T1", json!({}), json!({"team": "T1"})),
        ("T1", json!({}), json!({"user_team": "T2"})),
        ("T1", json!({}), json!({})),
        ("T1", json!({"enterprise_id": "E1"}), json!({"team": "T1"})),
    ] {
        let log = start().await;
        as_before(&log, "sales", "T1", "U7", BEFORE).await;
        for n in 1..3 {
            accept(&log, &from(team, n, "U7", envelope.clone(), fields.clone())).await;
        }
        let people = people(&log).await;
        assert!(people.iter().all(|it| it == BEFORE), "{fields}: {people:?}");
    }
}

#[tokio::test]
async fn messages_under_two_earlier_ids_of_one_person_are_listed_together() {
    for (own, envelope, fields) in [
        ("T2", json!({}), json!({"user_team": "T2"})),
        (
            "T2",
            json!({"enterprise_id": "E1", "is_ext_shared_channel": false}),
            json!({"user_team": "T2"}),
        ),
    ] {
        let log = start().await;
        as_before(&log, "sales", own, "U7", BEFORE).await;
        as_before(&log, "sales", "T1", "U7", BEFORE_TOO).await;
        accept(&log, &from("T1", 1, "U7", envelope, fields)).await;
        for id in [BEFORE, BEFORE_TOO] {
            let listed = log.get(&format!("/v1/users/{id}/messages")).await;
            assert_eq!(
                listed["items"].as_array().map(Vec::len),
                Some(3),
                "{id}: {listed}"
            );
            let listed = log
                .get(&format!("/v1/robeings/sales/messages?user_id={id}"))
                .await;
            assert_eq!(
                listed["items"].as_array().map(Vec::len),
                Some(3),
                "{id}: {listed}"
            );
        }
        let people = "select count(distinct user_id) from conversation.slack_user";
        assert_eq!(log.count(people).await, 1);
    }
}

#[tokio::test]
async fn concurrent_events_of_one_person_in_several_workspaces_get_one_user_id() {
    let log = start().await;
    let events: Vec<Value> = (1..=8)
        .map(|n| {
            let team = format!("T{n}");
            from(
                &team,
                n,
                "W7",
                json!({"enterprise_id": "E1"}),
                json!({"team": team}),
            )
        })
        .collect();
    let replies = futures::future::join_all(events.iter().map(|event| send(&log, event))).await;
    assert!(replies.iter().all(|it| it.status == 200));
    let people = people(&log).await;
    assert_eq!(people.len(), 8);
    assert_eq!(
        people.iter().collect::<BTreeSet<_>>().len(),
        1,
        "{people:?}"
    );
}
