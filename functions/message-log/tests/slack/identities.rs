//! What an event says of a person's team reaches no other person, whoever signed it.

use jiff::Timestamp;
use kit::postgres::{Database, database};
use kit::{Reply, TestApp};
use serde_json::{Value, json};

use super::people::{BEFORE, as_before, from, people};
use super::{Fixture, SECRET, callback, now_ts, send_at};
use crate::common::{app_on, texts};

const OTHER_SECRET: &str = "1f742231b10e8888abcd99yyyzzz85a5";

/// Two organizations: the app of `sales`, and another one.
async fn start() -> Fixture {
    let database = database().await;
    let app = start_on(&database).await;
    Fixture { app, database }
}

async fn start_on(database: &Database) -> TestApp {
    let secrets = json!({"A0FFV41KK": SECRET, "A0OTHER": OTHER_SECRET}).to_string();
    let settings = [
        ("SLACK_SIGNING_SECRET", secrets.as_str()),
        (
            "SLACK_ROBEINGS",
            r#"{"A0FFV41KK": "sales", "A0OTHER": "other"}"#,
        ),
    ];
    app_on(database, &settings).await
}

fn of_other_app(mut event: Value) -> Value {
    event["api_app_id"] = "A0OTHER".into();
    event
}

async fn send(log: &Fixture, event: &Value) -> Reply {
    let secret = match event["api_app_id"].as_str() {
        Some("A0OTHER") => OTHER_SECRET,
        _ => SECRET,
    };
    send_at(&log.app, Timestamp::now(), secret, event).await
}

async fn accept(log: &Fixture, event: &Value) {
    let reply = send(log, event).await;
    assert_eq!(reply.status, 200, "{reply:?}");
}

/// The person whom the message with this text names.
async fn author_of(log: &Fixture, robeing: &str, text: &str) -> String {
    let page = log.get(&format!("/v1/robeings/{robeing}/messages")).await;
    let place = texts(&page, "message").iter().position(|it| it == text);
    texts(&page, "user_id").remove(place.expect("the message"))
}

/// The person whom message `n` names.
async fn who(log: &Fixture, robeing: &str, n: u32) -> String {
    author_of(log, robeing, &format!("message {n}")).await
}

async fn id_in(log: &Fixture, team: &str, user: &str) -> String {
    let client = log.database.client().await;
    let sql = format!(
        "select user_id::text from conversation.slack_user where team_id = '{team}' and slack_user_id = '{user}'"
    );
    client
        .query_typed_one(&sql, &[])
        .await
        .expect("a name")
        .get(0)
}

#[tokio::test]
async fn a_person_whose_team_no_event_stated_is_nobody_of_another_team() {
    let log = start().await;
    // A, of whom the events of their workspace T1 don't name the team.
    accept(&log, &from("T1", 1, "U7", json!({}), json!({}))).await;
    let a = who(&log, "sales", 1).await;
    for (n, app) in [(2, of_other_app as fn(Value) -> Value), (3, |it| it)] {
        accept(
            &log,
            &app(from("T1", n, "U7", json!({}), json!({"user_team": "T2"}))),
        )
        .await;
    }
    // Known by their own team before.
    accept(
        &log,
        &of_other_app(from("T3", 4, "U7", json!({}), json!({"team": "T3"}))),
    )
    .await;
    accept(
        &log,
        &of_other_app(from("T1", 5, "U7", json!({}), json!({"user_team": "T3"}))),
    )
    .await;
    assert_eq!(id_in(&log, "T1", "U7").await, a);
    for team in ["T2", "T3"] {
        assert_ne!(id_in(&log, team, "U7").await, a, "{team}");
    }
    accept(&log, &from("T1", 6, "U7", json!({}), json!({"team": "T1"}))).await;
    assert_eq!(who(&log, "sales", 6).await, a);
    assert_eq!(
        log.get(&format!("/v1/users/{a}/messages")).await["items"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
}

#[tokio::test]
async fn an_earlier_row_is_taken_over_only_through_a_robeing_that_knew_the_person_there() {
    let log = start().await;
    as_before(&log, "sales", "T1", "U7", BEFORE).await;
    // The other robeing hears of T1 only now.
    for n in 1..4 {
        let in_t1 = from("T1", n, "U7", json!({}), json!({}));
        accept(&log, &of_other_app(in_t1)).await;
        let as_t2 = from("T1", 10 + n, "U7", json!({}), json!({"user_team": "T2"}));
        accept(&log, &of_other_app(as_t2)).await;
        assert_ne!(who(&log, "other", 10 + n).await, BEFORE);
    }
    assert_eq!(id_in(&log, "T1", "U7").await, BEFORE);
    // One person takes it over, and the next one is another person.
    accept(
        &log,
        &from("T1", 31, "U7", json!({}), json!({"user_team": "T4"})),
    )
    .await;
    assert_eq!(who(&log, "sales", 31).await, BEFORE);
    accept(
        &log,
        &from("T1", 32, "U7", json!({}), json!({"user_team": "T5"})),
    )
    .await;
    assert_ne!(who(&log, "sales", 32).await, BEFORE);
}

#[tokio::test]
async fn an_enterprise_takes_over_no_earlier_row_through_a_robeing_that_did_not_know_the_person() {
    let log = start().await;
    as_before(&log, "sales", "T1", "U7", BEFORE).await;
    let grid = |team: &str, n| {
        let enterprise = json!({"enterprise_id": "E9"});
        of_other_app(from(team, n, "U7", enterprise, json!({"team": team})))
    };
    for n in 1..4 {
        accept(&log, &grid("T1", n)).await;
        accept(&log, &grid("T9", 10 + n)).await;
        assert_ne!(who(&log, "other", 10 + n).await, BEFORE);
    }
    assert_eq!(id_in(&log, "T1", "U7").await, BEFORE);
}

#[tokio::test]
async fn a_stated_enterprise_changes_no_row_that_is_known_to_be_somebodys() {
    let log = start().await;
    accept(&log, &from("T1", 1, "U7", json!({}), json!({"team": "T1"}))).await;
    accept(&log, &from("T1", 2, "U8", json!({}), json!({"team": "T1"}))).await;
    // An operator knows both names as one person.
    log.database
        .run(&format!(
            "update conversation.slack_user set user_id = '{BEFORE}'"
        ))
        .await;
    let before = log
        .count("select count(*) from conversation.slack_user")
        .await;
    assert_eq!(before, 2);
    for n in 0..2 {
        for team in ["T9", "T1"] {
            let forged = from(
                team,
                10 + n,
                "U7",
                json!({"enterprise_id": "E9"}),
                json!({"team": team}),
            );
            accept(&log, &of_other_app(forged)).await;
        }
    }
    for user in ["U7", "U8"] {
        assert_eq!(id_in(&log, "T1", user).await, BEFORE, "{user}");
    }
    let c = id_in(&log, "E9", "U7").await;
    assert_ne!(c, BEFORE);
    // Neither before the enterprise is known.
    for n in 0..3 {
        let forged = from(
            "T1",
            20 + n,
            "U8",
            json!({"enterprise_id": "E8"}),
            json!({"team": "T1"}),
        );
        accept(&log, &of_other_app(forged)).await;
        let c = from(
            "T8",
            30 + n,
            "U8",
            json!({"enterprise_id": "E8"}),
            json!({"team": "T8"}),
        );
        accept(&log, &of_other_app(c)).await;
        assert_ne!(who(&log, "other", 30 + n).await, BEFORE);
    }
    accept(
        &log,
        &from("T1", 40, "U7", json!({}), json!({"team": "T1"})),
    )
    .await;
    assert_eq!(who(&log, "sales", 40).await, BEFORE);
}

#[tokio::test]
async fn joining_an_earlier_row_changes_no_other_name_with_its_id() {
    let log = start().await;
    as_before(&log, "sales", "T1", "U7", BEFORE).await;
    as_before(&log, "sales", "T5", "U8", BEFORE).await;
    accept(&log, &from("T2", 1, "U7", json!({}), json!({"team": "T2"}))).await;
    let b = who(&log, "sales", 1).await;
    accept(
        &log,
        &from("T1", 2, "U7", json!({}), json!({"user_team": "T2"})),
    )
    .await;
    assert_eq!(
        (who(&log, "sales", 2).await, id_in(&log, "T2", "U7").await),
        (b.clone(), b)
    );
    assert_eq!(id_in(&log, "T5", "U8").await, BEFORE);
}

#[tokio::test]
async fn a_team_is_joined_with_its_enterprise_if_no_other_robeing_knows_the_person() {
    for is_known_elsewhere in [false, true] {
        let log = start().await;
        let outside = json!({"is_ext_shared_channel": true});
        let seen = from("T9", 1, "W7", outside, json!({"user_team": "T3"}));
        accept(&log, &seen).await;
        if is_known_elsewhere {
            let mut seen = seen;
            seen["event"]["ts"] = now_ts(2).into();
            accept(&log, &of_other_app(seen)).await;
        }
        let grid = json!({"enterprise_id": "E1"});
        for (n, team) in [(3, "T3"), (4, "T4")] {
            accept(
                &log,
                &from(team, n, "W7", grid.clone(), json!({"team": team})),
            )
            .await;
        }
        let people = people(&log).await;
        assert_eq!(people[0], people[1]);
        assert_eq!(people[1] == people[2], !is_known_elsewhere);
    }
}

#[tokio::test]
async fn a_replay_takes_the_author_from_the_letter_and_not_from_who_replays_it() {
    for (field, value, is_named) in [
        ("team", "T5", true),
        ("user_team", "T6", true),
        ("slack_user_id", "U8", false),
        ("", "", true),
    ] {
        let log = start().await;
        let author = json!({"user": "U7", "user_team": "T1", "channel": "C1"});
        let mut late = callback(
            json!({"type": "message", "channel_type": "channel", "ts": now_ts(2),
                                       "text": "y".repeat(300_000)}),
        );
        late["event"]
            .as_object_mut()
            .expect("fields")
            .extend(author.as_object().expect("fields").clone());
        late["team_id"] = "T9".into();
        assert_eq!(send(&log, &late).await.status, 413);
        let letter = log.get("/v1/dead-letters").await["items"][0].clone();
        let mut message = letter["body"].clone();
        message["message"] = "short".into();
        match field {
            "" => {}
            "slack_user_id" => message[field] = value.into(),
            _ => message["metadata"][field] = value.into(),
        }
        let path = format!(
            "/v1/dead-letters/{}/replay",
            letter["id"].as_str().expect("an id")
        );
        let reply = log.app.post(&path, json!({"message": message})).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let names = "select count(*) from conversation.slack_user";
        assert_eq!(log.count(names).await, i64::from(is_named), "{field}");
        let of_event = "select count(*) from conversation.slack_user where team_id = 'T1' and slack_user_id = 'U7'";
        assert_eq!(log.count(of_event).await, i64::from(is_named), "{field}");
        assert_eq!(
            author_of(&log, "sales", "short").await.is_empty(),
            !is_named,
            "{field}"
        );
    }
}

#[tokio::test]
async fn the_letter_of_an_unreadable_event_keeps_its_author() {
    let log = start().await;
    let mut event = from("T9", 1, "U7", json!({}), json!({"user_team": "T1"}));
    event["event"]["text"] = json!(5);
    assert_eq!(send(&log, &event).await.status, 400);
    let letter = log.get("/v1/dead-letters").await["items"][0].clone();
    assert_eq!(letter["body"]["metadata"]["user_team"], "T1", "{letter}");
    let message = json!({"robeing_id": "sales", "channel_id": "C1", "slack_user_id": "U7", "message": "five"});
    let path = format!(
        "/v1/dead-letters/{}/replay",
        letter["id"].as_str().expect("an id")
    );
    assert_eq!(
        log.app
            .post(&path, json!({"message": message}))
            .await
            .status,
        200
    );
    assert_eq!(
        author_of(&log, "sales", "five").await,
        id_in(&log, "T1", "U7").await
    );
}

/// Stores what shows that the robeing `other` heard U7 in T1, in transaction `xid`.
async fn heard(log: &Fixture, xid: &str) {
    let message = json!({"robeing_id": "other", "slack_user_id": "U7", "message": "heard", "metadata": {"team": "T1"}});
    let id = log.stored(message).await;
    let client = log.database.client().await;
    let sql = format!("update conversation.log set xid = '{xid}' where id = '{id}'");
    client.batch_execute(&sql).await.expect("a transaction");
}

#[tokio::test]
async fn a_refusal_to_join_is_remembered_and_not_looked_up_for_each_message() {
    let mut log = start().await;
    as_before(&log, "sales", "T1", "U7", BEFORE).await;
    let as_t2 = |n| of_other_app(from("T1", n, "U7", json!({}), json!({"user_team": "T2"})));
    accept(&log, &as_t2(1)).await;
    // A lookup would find this message.
    heard(&log, "3").await;
    accept(&log, &as_t2(2)).await;
    assert_eq!(id_in(&log, "T1", "U7").await, BEFORE);
    log.app = start_on(&log.database).await;
    accept(&log, &as_t2(3)).await;
    assert_eq!(who(&log, "other", 3).await, who(&log, "other", 2).await);
    let taken = "select count(*) from conversation.slack_user where team_id = 'T1'";
    assert_eq!(log.count(taken).await, 0, "looked up by another process");
}

#[tokio::test]
async fn after_a_restore_a_message_from_after_the_upgrade_joins_nobody() {
    for is_from_before in [true, false] {
        let log = start().await;
        if is_from_before {
            heard(&log, "3").await;
        }
        as_before(&log, "sales", "T1", "U7", BEFORE).await;
        if !is_from_before {
            let message = json!({"robeing_id": "other", "slack_user_id": "U7", "message": "heard", "metadata": {"team": "T1"}});
            log.stored(message).await;
        }
        let client = log.database.client().await;
        client
            .batch_execute(
                "update conversation.cluster set system_identifier = 1;
                 select conversation.adopt_cluster()",
            )
            .await
            .expect("the rows are adopted");
        accept(
            &log,
            &of_other_app(from("T1", 1, "U7", json!({}), json!({"user_team": "T2"}))),
        )
        .await;
        let is_joined = who(&log, "other", 1).await == BEFORE;
        assert_eq!(is_joined, is_from_before);
    }
}

#[tokio::test]
async fn until_a_restored_database_is_adopted_no_message_joins_anybody() {
    for is_adopted in [false, true] {
        let log = start().await;
        as_before(&log, "sales", "T1", "U7", BEFORE).await;
        if !is_adopted {
            let restored = "update conversation.cluster set system_identifier = 1";
            let client = log.database.client().await;
            client.batch_execute(restored).await.expect("a restore");
        }
        // A transaction of the new cluster, whose ids start over.
        heard(&log, "3").await;
        accept(
            &log,
            &of_other_app(from("T1", 1, "U7", json!({}), json!({"user_team": "T2"}))),
        )
        .await;
        let is_joined = who(&log, "other", 1).await == BEFORE;
        assert_eq!(is_joined, is_adopted);
    }
}
