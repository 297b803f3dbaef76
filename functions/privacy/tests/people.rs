//! A person whose messages have several ids, from several workspaces, is erased and exported as one.

use kit::slack;
use message_log::ids::digest;
use personal::{Identity, Owner as _, Person, Subject};
use platform::postgres::scoped::{self, Scope};
use robeing::ROBEINGS;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::common::{Fixture, KIM, LEE, start_with, tokens};

const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
const OTHER_SECRET: &str = "1f742231b10e8888abcd99yyyzzz85a5";
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
    for (user, team, text) in [(KIM, "T2", "narwhal one"), (LEE, "T1", "narwhal two")] {
        it.stored(
            json!({"robeing_id": "sales", "user_id": user, "slack_user_id": "U7", "message": text,
                         "metadata": {"team": team}}),
        )
        .await;
    }
    it.database
        .run(&format!(
            "insert into conversation.slack_user (team_id, slack_user_id, user_id, earlier_below)
             values ('T2', 'U7', '{KIM}', pg_current_xact_id()), ('T1', 'U7', '{LEE}', pg_current_xact_id()),
                    ('T1', 'U8', '0190b2a0-0000-7000-8000-000000000008', pg_current_xact_id())"
        ))
        .await;
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

/// Lets the people of two teams, whom Slack calls the same, say something.
async fn namesakes() -> Fixture {
    let it = start().await;
    say(&it, TS, "narwhal", json!({"user_team": "T1"})).await;
    let of_other = json!({"user_team": "T2"});
    say(&it, "1795979644.000100", "walrus", of_other).await;
    it
}

#[tokio::test]
async fn a_slack_id_with_its_team_is_one_person_in_erasures_and_exports() {
    for name in ["user_id", "slack_user_id"] {
        let it = namesakes().await;
        let exported = it.export(json!({ name: "T2:U7" })).await;
        let exported = Value::from(exported).to_string();
        assert!(exported.contains("walrus") && !exported.contains("narwhal"));
        for _ in 0..2 {
            let erasure = it.erase(json!({ name: "T1:U7" })).await;
            assert_eq!(erasure["subject"]["kind"], "slack_user_id");
            assert!(!it.is_anywhere("narwhal").await && it.is_anywhere("walrus").await);
        }
        let unknown = json!({ name: "T3:U7" });
        let unknown = it.app.post("/v1/erasures", unknown).await;
        assert_eq!(unknown.status, 404);
        assert!(it.is_anywhere("walrus").await);
    }
}

#[tokio::test]
async fn a_slack_id_is_accepted_as_the_user_id_of_a_request() {
    let it = namesakes().await;
    let several = it.app.post("/v1/exports", json!({"user_id": "U7"})).await;
    assert_eq!(several.status, 422);
    assert!(
        several.text().contains("T0123ABCD:U0123ABCD"),
        "{several:?}"
    );
    let erasure = it.erase(json!({"user_id": "U7"})).await;
    assert!(!it.is_anywhere("narwhal").await && !it.is_anywhere("walrus").await);
    let again = it.erase(json!({"slack_user_id": "U7"})).await;
    assert_eq!(again["id"], erasure["id"]);
    let invalid = it.app.post("/v1/erasures", json!({"user_id": "kim"})).await;
    assert_eq!(invalid.status, 400);
    assert!(invalid.text().contains("U0123ABCD"), "{invalid:?}");
}

#[tokio::test]
async fn erased_messages_are_listed_only_on_request() {
    let it = start().await;
    say(&it, TS, "narwhal", json!({})).await;
    say(&it, "1795979644.000100", "walrus", json!({"user": "U8"})).await;
    it.erase(json!({"user_id": "U7"})).await;
    let list = async |query: &str| {
        let path = format!("/v1/robeings/sales/messages{query}");
        let page = it.log.get(&path).await.json();
        page["items"].as_array().expect("items").clone()
    };
    let listed = list("").await;
    assert_eq!(listed.len(), 1);
    assert_eq!(
        (&listed[0]["message"], &listed[0]["erased_at"]),
        (&json!("walrus"), &Value::Null)
    );
    let with_erased = list("?include=erased").await;
    assert_eq!(with_erased.len(), 2);
    assert!(with_erased[1]["erased_at"].is_string());
    assert_eq!(with_erased[1]["message"], Value::Null);
    let path = "/v1/robeings/sales/messages?include=all";
    assert_eq!(it.log.get(path).await.status, 400);
    let threads = it.log.get("/v1/robeings/sales/threads").await.json();
    assert_eq!(threads["items"].as_array().map(Vec::len), Some(1));
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

#[tokio::test]
async fn an_id_of_an_erased_person_is_left_with_nobody() {
    let it = start().await;
    let subject = Subject {
        identity: Identity::Person(Person {
            user_ids: vec![KIM.parse().expect("an id")],
            slack_user_ids: vec!["U7".to_owned()],
            ..Person::default()
        }),
        robeings: None,
        everything: true,
    };
    // The row took the id over after the ids of the person were resolved.
    it.database
        .run(&format!(
            "insert into conversation.slack_user (team_id, slack_user_id, user_id, is_own, earlier_user_ids)
             values ('T2', 'U9', '{LEE}', true, array['{KIM}', '{LEE}']::uuid[])"
        ))
        .await;
    let mut client = it.database.client().await;
    let db = scoped::begin(&mut client, &Scope::all(ROBEINGS))
        .await
        .expect("a transaction");
    let owner = message_log::personal::Conversations;
    let held = async || {
        owner
            .held(&db, &subject)
            .await
            .expect("counts")
            .get("conversation.slack_user")
            .copied()
    };
    assert_eq!(held().await, Some(1));
    let erased = owner
        .erase(&db, &subject, Uuid::nil())
        .await
        .expect("a step");
    assert_eq!(erased.done.get("conversation.slack_user"), Some(&1));
    assert_eq!(held().await.unwrap_or_default(), 0);
    db.commit().await.expect("a commit");
    assert!(!it.is_anywhere(KIM).await && it.is_anywhere(LEE).await);
}

#[tokio::test]
async fn an_erasure_reaches_what_was_kept_before_the_place_of_a_message_was_known() {
    let text = "call 010-1234-5678";
    let by_agent = json!({"robeing_id": "sales", "channel_id": "C1", "slack_user_id": "U7", "slack_ts": TS, "message": text});
    let edit = json!({"subtype": "message_changed", "event_ts": "1795979650.000000",
                      "message": {"type": "message", "user": "U7", "ts": TS, "text": "now 010-8765-4321",
                                  "edited": {"user": "U7", "ts": "1795979650.000000"}}});
    for (case, steps) in [
        ("agent first", ["agent", "roll-up", "event"]),
        ("agent first, counted later", ["agent", "event", "roll-up"]),
        ("event first", ["event", "agent", "roll-up"]),
        ("an edit in another place", ["agent", "roll-up", "edit"]),
    ] {
        let it = start().await;
        for step in steps {
            match step {
                "agent" => drop(it.post(by_agent.clone()).await),
                "roll-up" => it.roll_up().await,
                "edit" => say(&it, TS, "", edit.clone()).await,
                _ => say(&it, TS, text, json!({})).await,
            }
        }
        it.roll_up().await;
        let kept = "select count(*) from conversation.placeholder";
        assert!(it.count(kept).await > 0, "{case}");
        it.erase(json!({"slack_user_id": "U7"})).await;
        assert_eq!(it.count(kept).await, 0, "{case}");
        // A conversation in a thread names nobody.
        let thread = Uuid::from_bytes(digest(&["sales", "C1", TS]));
        let named =
            format!("select count(*) from conversation.thread where conversation <> '{thread}'");
        assert_eq!(it.count(&named).await, 0, "{case}");
    }
}

/// Keeps a dead letter of the robeing `sales` with a `slack_user_id` and a `user_id`.
async fn letter(it: &Fixture, slack_user_id: &str, user_id: Option<&str>, text: &str) {
    let body = json!({"robeing_id": "sales", "slack_user_id": slack_user_id, "user_id": user_id, "message": text});
    it.database
        .run(&format!(
            "insert into conversation.dead_letter (id, key, source, source_event_id, robeing_id, reason, body)
             values (gen_random_uuid(), gen_random_uuid(), 'sqs', '{text}', 'sales', 'x', '{body}')"
        ))
        .await;
}

#[tokio::test]
async fn an_erasure_leaves_the_dead_letters_of_another_person_with_the_slack_id() {
    let it = namesakes().await;
    let client = it.database.client().await;
    let id_of = async |team: &str| -> String {
        let sql = format!(
            "select user_id::text from conversation.slack_user where slack_user_id = 'U7' and team_id = '{team}'"
        );
        let row = client.query_typed_one(&sql, &[]).await;
        row.expect("a person").get(0)
    };
    let (own, other) = (id_of("T1").await, id_of("T2").await);
    let other = other.to_uppercase();
    letter(&it, "U7", Some(&own), "ocelot").await;
    letter(&it, "U7", None, "dingo").await;
    letter(&it, "U7", Some(LEE), "gecko").await;
    letter(&it, "U7", Some(&other), "panda").await;
    it.erase(json!({"user_id": "T1:U7"})).await;
    for gone in ["narwhal", "ocelot", "dingo", "gecko"] {
        assert!(!it.is_anywhere(gone).await, "{gone}");
    }
    for left in ["walrus", "panda"] {
        assert!(it.is_anywhere(left).await, "{left}");
    }
}

#[tokio::test]
async fn an_export_by_a_slack_id_that_agents_paired_has_the_dead_letters_with_the_paired_id() {
    let it = start().await;
    it.stored(
        json!({"robeing_id": "sales", "user_id": KIM, "slack_user_id": "U9", "message": "narwhal"}),
    )
    .await;
    letter(&it, "U9", Some(KIM), "ocelot").await;
    letter(&it, "U9", None, "dingo").await;
    letter(&it, "U9", Some(LEE), "gecko").await;
    let exported = Value::from(it.export(json!({"user_id": "U9"})).await).to_string();
    for own in ["narwhal", "ocelot", "dingo"] {
        assert!(exported.contains(own), "{own}");
    }
    assert!(!exported.contains("gecko"));
}

#[tokio::test]
async fn people_of_other_tenants_change_no_export_of_an_admin_with_a_limited_scope() {
    let it = start_with(&[
        ("AUTH_TOKENS", &tokens()),
        (
            "SLACK_SIGNING_SECRET",
            &json!({"A1": SECRET, "A2": OTHER_SECRET}).to_string(),
        ),
        ("SLACK_ROBEINGS", r#"{"A1": "r1", "A2": "r2"}"#),
    ])
    .await;
    for (app, team, user, ts, text) in [
        ("A1", "T1", "U7", "1795979643.000100", "narwhal"),
        ("A2", "T2", "U7", "1795979644.000100", "walrus"),
        ("A2", "T2", "U8", "1795979645.000100", "walrus"),
    ] {
        let event = json!({"type": "message", "channel": "C1", "channel_type": "channel", "user": user, "ts": ts,
                           "text": text, "team": team});
        let envelope = json!({"type": "event_callback", "team_id": team, "api_app_id": app, "event_id": ts,
                              "event": event});
        let secret = if app == "A1" { SECRET } else { OTHER_SECRET };
        let reply = slack::send(&it.log, secret, &envelope).await;
        assert_eq!(reply.status, 200, "{reply:?}");
    }
    for (robeing, slack_user_id, user_id, text) in [
        ("r1", "U7", None, "ocelot"),
        ("r1", "U8", Some(KIM), "dingo"),
        ("r2", "U8", Some(LEE), "walrus"),
    ] {
        let message = json!({"robeing_id": robeing, "slack_user_id": slack_user_id, "user_id": user_id,
                             "message": text});
        let stored = it.log.post("/v1/messages", message).bearer("all").await;
        assert_eq!(stored.status, 201, "{stored:?}");
    }
    for (user, own) in [("U7", &["narwhal", "ocelot"][..]), ("U8", &["dingo"])] {
        let request = it.app.post("/v1/exports", json!({"slack_user_id": user}));
        let export = request.bearer("one").await;
        assert_eq!(export.status, 200, "{user}: {export:?}");
        let exported = Value::from(it.lines(&export.json()).await).to_string();
        for text in own {
            assert!(exported.contains(text), "{user}: {text}: {exported}");
        }
        assert!(!exported.contains("walrus"), "{user}: {exported}");
        let request = it.app.post("/v1/exports", json!({"slack_user_id": "U7"}));
        assert_eq!(request.bearer("all").await.status, 422);
    }
}
