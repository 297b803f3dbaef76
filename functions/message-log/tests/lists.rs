//! What the lists of messages take: parameters with the names of fields, and people by any of their ids.

use serde_json::{Value, json};

use crate::common::{Fixture, app_on, start, texts};
use crate::scope::tokens;
use crate::slack::people::{from, people};
use crate::slack::{self, send};

const PERSON: &str = "0190b2a0-0000-7000-8000-000000000001";
const OTHER_SECRET: &str = "1f742231b10e8888abcd99yyyzzz85a5";

#[tokio::test]
async fn a_parameter_has_the_name_of_its_field_and_its_earlier_name_is_accepted() {
    let log = start().await;
    let place = json!({"channel_id": "C1", "thread_ts": "t1", "user_id": PERSON});
    for (robeing, text, mut message) in [
        ("r1", "a", place.clone()),
        ("r1", "b", json!({})),
        ("r2", "c", place),
    ] {
        message["robeing_id"] = robeing.into();
        message["message"] = text.into();
        log.stored(message).await;
    }
    for (name, earlier, value) in [
        ("channel_id", "channel", "C1"),
        ("thread_ts", "thread", "t1"),
        ("user_id", "user", PERSON),
    ] {
        for name in [name, earlier] {
            let path = format!("/v1/robeings/r1/messages?{name}={value}");
            assert_eq!(texts(&log.get(&path).await, "message"), ["a"], "{name}");
        }
        let both = format!("/v1/robeings/r1/messages?{name}={value}&{earlier}={value}");
        let refused = log.app.get(&both).await;
        assert_eq!(refused.status, 400);
        assert!(refused.text().contains(&format!("`{name}`")), "{refused:?}");
    }
    for name in ["robeing_id", "robeing"] {
        let path = format!("/v1/users/{PERSON}/messages?{name}=r2");
        assert_eq!(texts(&log.get(&path).await, "message"), ["c"], "{name}");
    }
    for query in ["thread_ts=t1", "thread=t1", "channel_id=C1", "channel=C1"] {
        let context = log.get(&format!("/v1/robeings/r1/context?{query}")).await;
        assert_eq!(context["context"], "user: a\n", "{query}");
    }
}

/// Stores what an agent logs about a Slack user whose `user_id` it doesn't know.
async fn log_of_agent(log: &Fixture, user: &str, text: &str) {
    log.stored(json!({"robeing_id": "sales", "slack_user_id": user, "message": text}))
        .await;
}

async fn accept(log: &Fixture, event: &Value) {
    let reply = send(log, event).await;
    assert_eq!(reply.status, 200, "{reply:?}");
}

/// The messages of a person by both lists, which must be the same.
async fn messages_of(log: &Fixture, id: &str) -> Vec<String> {
    let listed = log.get(&format!("/v1/users/{id}/messages")).await;
    let path = format!("/v1/robeings/sales/messages?user_id={id}");
    let filtered = log.get(&path).await;
    let messages = texts(&listed, "message");
    assert_eq!(texts(&filtered, "message"), messages, "{id}");
    messages
}

#[tokio::test]
async fn a_person_is_found_by_their_slack_id_as_by_their_user_id() {
    let log = slack::start().await;
    let grid = json!({"enterprise_id": "E1"});
    accept(
        &log,
        &from("T1", 1, "W7", grid.clone(), json!({"team": "T1"})),
    )
    .await;
    accept(&log, &from("T2", 2, "W7", grid, json!({"team": "T2"}))).await;
    accept(&log, &from("T1", 3, "W8", json!({}), json!({"team": "T1"}))).await;
    log_of_agent(&log, "W7", "by an agent").await;
    let user_id = people(&log).await.remove(0);
    for id in [user_id.as_str(), "W7", "T1:W7", "T2:W7", "E1:W7"] {
        let messages = messages_of(&log, id).await;
        assert_eq!(messages, ["by an agent", "message 2", "message 1"], "{id}");
    }
    for unknown in ["W9", "T3:W7", "T1:W9", PERSON] {
        assert!(messages_of(&log, unknown).await.is_empty(), "{unknown}");
    }
    for invalid in ["kim", "w7", "C7", "T1", "T1:", "0190b2a0"] {
        let refused = log.app.get(&format!("/v1/users/{invalid}/messages")).await;
        assert_eq!(refused.status, 400, "{invalid}");
        let path = format!("/v1/robeings/sales/messages?user_id={invalid}");
        let filtered = log.app.get(&path).await;
        assert_eq!(filtered.status, 400, "{invalid}");
        for refused in [refused, filtered] {
            assert!(refused.text().contains("U0123ABCD"), "{refused:?}");
        }
    }
}

#[tokio::test]
async fn a_slack_user_whom_only_agents_logged_is_found_by_their_slack_id() {
    let log = slack::start().await;
    log_of_agent(&log, "U7", "by an agent").await;
    assert_eq!(messages_of(&log, "U7").await, ["by an agent"]);
    assert!(messages_of(&log, "T1:U7").await.is_empty());
    let paired = |user_id: &str, text: &str| json!({"robeing_id": "sales", "slack_user_id": "U7", "user_id": user_id, "message": text});
    log.stored(paired(PERSON, "with both ids")).await;
    assert_eq!(
        messages_of(&log, "U7").await,
        ["with both ids", "by an agent"]
    );
    assert_eq!(messages_of(&log, PERSON).await, ["with both ids"]);
    log.stored(paired("0190b2a0-0000-7000-8000-000000000002", "another's"))
        .await;
    let refused = log.app.get("/v1/users/U7/messages").await;
    assert_eq!(refused.status, 422);
    // No team is known, so none can be put in front.
    let text = refused.text();
    assert!(
        text.contains("`user_id`") && !text.contains("in front"),
        "{text}"
    );
}

#[tokio::test]
async fn people_without_messages_in_the_scope_of_the_caller_do_not_count() {
    let mut log = slack::start().await;
    let settings = [
        ("AUTH_TOKENS", tokens()),
        (
            "SLACK_SIGNING_SECRET",
            json!({"A0FFV41KK": slack::SECRET, "A2": OTHER_SECRET}).to_string(),
        ),
        (
            "SLACK_ROBEINGS",
            r#"{"A0FFV41KK": "r1", "A2": "r2"}"#.to_owned(),
        ),
    ];
    let settings: Vec<_> = settings
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    log.app = app_on(&log.database, &settings).await;
    let mut of_r2 = from("T2", 2, "U7", json!({}), json!({"team": "T2"}));
    of_r2["api_app_id"] = "A2".into();
    accept(&log, &from("T1", 1, "U7", json!({}), json!({"team": "T1"}))).await;
    let reply = kit::slack::send(&log.app, OTHER_SECRET, &of_r2).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let agents = |robeing: &str, user_id: &str| json!({"robeing_id": robeing, "slack_user_id": "U8", "user_id": user_id, "message": "by an agent"});
    for message in [
        agents("r1", PERSON),
        agents("r2", "0190b2a0-0000-7000-8000-000000000002"),
        json!({"robeing_id": "r1", "slack_user_id": "U7", "message": "with the Slack id alone"}),
    ] {
        let stored = log.app.post("/v1/messages", message).bearer("all").await;
        assert_eq!(stored.status, 201, "{stored:?}");
    }
    for (user, messages) in [
        ("U7", vec!["with the Slack id alone", "message 1"]),
        ("U8", vec!["by an agent"]),
    ] {
        for path in [
            format!("/v1/users/{user}/messages"),
            format!("/v1/robeings/r1/messages?user_id={user}"),
        ] {
            let page = log.app.get(&path).bearer("one").await;
            assert_eq!(page.status, 200, "{path}: {page:?}");
            assert_eq!(texts(&page.json(), "message"), messages, "{path}");
        }
        let all = log
            .app
            .get(&format!("/v1/users/{user}/messages"))
            .bearer("all")
            .await;
        assert_eq!(all.status, 422, "{user}");
    }
}

#[tokio::test]
async fn the_team_tells_people_with_the_same_slack_id_apart() {
    let log = slack::start().await;
    for (n, team) in [(1, "T1"), (2, "T2")] {
        accept(&log, &from(team, n, "U7", json!({}), json!({"team": team}))).await;
    }
    // Nobody knows whose this is.
    log_of_agent(&log, "U7", "by an agent").await;
    assert_eq!(messages_of(&log, "T1:U7").await, ["message 1"]);
    assert_eq!(messages_of(&log, "T2:U7").await, ["message 2"]);
    for path in [
        "/v1/users/U7/messages",
        "/v1/robeings/sales/messages?user_id=U7",
    ] {
        let refused = log.app.get(path).await;
        assert_eq!(refused.status, 422, "{refused:?}");
        assert!(
            refused.text().contains("T0123ABCD:U0123ABCD"),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn a_person_whom_only_another_tenant_knows_hides_no_messages_with_their_slack_id() {
    let mut log = slack::start().await;
    let tokens = tokens();
    let settings = [
        ("AUTH_TOKENS", tokens.as_str()),
        ("SLACK_SIGNING_SECRET", slack::SECRET),
        ("SLACK_ROBEINGS", r#"{"A0FFV41KK": "r2"}"#),
    ];
    log.app = app_on(&log.database, &settings).await;
    accept(&log, &from("T2", 1, "U7", json!({}), json!({"team": "T2"}))).await;
    for message in [
        json!({"robeing_id": "r1", "slack_user_id": "U7", "user_id": PERSON, "message": "with both ids"}),
        json!({"robeing_id": "r1", "slack_user_id": "U7", "message": "with the Slack id alone"}),
    ] {
        let stored = log.app.post("/v1/messages", message).bearer("all").await;
        assert_eq!(stored.status, 201, "{stored:?}");
    }
    for path in [
        "/v1/users/U7/messages",
        "/v1/robeings/r1/messages?user_id=U7",
    ] {
        let page = log.app.get(path).bearer("one").await;
        assert_eq!(page.status, 200, "{path}: {page:?}");
        assert_eq!(
            texts(&page.json(), "message"),
            ["with the Slack id alone", "with both ids"],
            "{path}"
        );
    }
}
