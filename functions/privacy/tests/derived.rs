//! Data derived from a message follows its edits, deletion, erasure and expiry.

mod story;

use std::collections::BTreeMap;

use jiff::{Timestamp, ToSpan as _};
use kit::slack;
use serde_json::{Value, json};

use crate::common::{Fixture, KIM, start_with};

const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
const APP: &str = "A0FFV41KK";

async fn start() -> Fixture {
    start_with(&[
        ("SLACK_SIGNING_SECRET", SECRET),
        ("SLACK_ROBEINGS", r#"{"A0FFV41KK": "sales"}"#),
    ])
    .await
}

fn envelope(event: &Value) -> Value {
    json!({
        "type": "event_callback",
        "team_id": "T1",
        "api_app_id": APP,
        "event_id": format!("Ev{}", uuid::Uuid::now_v7().simple()),
        "event": event,
    })
}

/// A Slack `ts` in the past, unique per `n`.
fn ts(days_ago: i64, n: usize) -> String {
    let at = Timestamp::now() - (days_ago * 24).hours();
    format!("{}.{n:06}", at.as_second())
}

/// A unique word of letters only, so that it is not masked.
fn word(n: usize) -> String {
    let letters = n.to_string().into_bytes().into_iter();
    let letters = letters.map(|digit| char::from(b'a' + (digit - b'0')));
    format!("quux{}zz", letters.collect::<String>())
}

fn question(word: &str) -> String {
    format!("where is the {word}?")
}

async fn send(it: &Fixture, event: Value) {
    let reply = slack::send(&it.log, SECRET, &envelope(&event)).await;
    assert_eq!(reply.status, 200, "{reply:?}");
}

async fn say(it: &Fixture, ts: &str, person: &str, text: &str) {
    let event = json!({
        "type": "message", "channel": "C1", "channel_type": "channel",
        "user": person, "text": text, "ts": ts, "event_ts": ts,
    });
    send(it, event).await;
}

async fn edit(it: &Fixture, ts: &str, person: &str, text: &str, n: usize) {
    let at = format!("{}.{n:06}", Timestamp::now().as_second());
    let event = json!({
        "type": "message", "subtype": "message_changed", "hidden": true,
        "channel": "C1", "channel_type": "channel", "ts": at, "event_ts": at,
        "message": {
            "type": "message", "user": person, "text": text, "ts": ts,
            "edited": {"user": person, "ts": at},
        },
        "previous_message": {"type": "message", "user": person, "text": "before", "ts": ts},
    });
    send(it, event).await;
}

async fn delete(it: &Fixture, ts: &str) {
    let at = format!("{}.000100", Timestamp::now().as_second());
    let event = json!({
        "type": "message", "subtype": "message_deleted", "hidden": true,
        "channel": "C1", "channel_type": "channel", "ts": at, "event_ts": at, "deleted_ts": ts,
    });
    send(it, event).await;
}

async fn patterns(it: &Fixture, robeing: &str) -> Value {
    let from = (Timestamp::now() - (24 * 20).hours()).strftime("%Y-%m-%d");
    let path = format!("/v1/robeings/{robeing}/patterns?from={from}");
    let reply = it.log.get(&path).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()
}

/// The count of each question in the patterns.
async fn questions(it: &Fixture, robeing: &str) -> BTreeMap<String, i64> {
    let patterns = patterns(it, robeing).await;
    let list = patterns["questions"].as_array().expect("a list").iter();
    list.map(|it| {
        let question = it["question"].as_str().expect("a text").to_owned();
        (question, it["asked"].as_i64().expect("a count"))
    })
    .collect()
}

#[tokio::test]
async fn a_deleted_or_edited_question_is_gone_everywhere_after_the_next_roll_up() {
    let it = start().await;
    let (deleted, edited, kept) = (ts(0, 1), ts(0, 2), ts(0, 3));
    say(&it, &deleted, "U0KIM", &question("narwhal")).await;
    say(&it, &edited, "U0KIM", &question("walrus")).await;
    say(&it, &kept, "U0LEE", &question("walrus")).await;
    it.roll_up().await;
    assert_eq!(
        questions(&it, "sales").await,
        [
            ("where is the narwhal".to_owned(), 1),
            ("where is the walrus".to_owned(), 2)
        ]
        .into()
    );

    delete(&it, &deleted).await;
    edit(&it, &edited, "U0KIM", &question("beluga"), 7).await;
    it.roll_up().await;
    assert_eq!(
        questions(&it, "sales").await,
        [
            ("where is the beluga".to_owned(), 1),
            ("where is the walrus".to_owned(), 1)
        ]
        .into()
    );
    assert!(!it.is_anywhere("narwhal").await);

    let erased = it.erase(json!({"slack_user_id": "U0KIM"})).await;
    assert_eq!(erased["erased"]["conversation.question"], 1);
    assert!(!it.is_anywhere("beluga").await);
    assert_eq!(
        questions(&it, "sales").await,
        [("where is the walrus".to_owned(), 1)].into()
    );
}

#[tokio::test]
async fn an_erasure_removes_a_deleted_question_before_the_next_roll_up() {
    let it = start().await;
    let asked = ts(0, 1);
    say(&it, &asked, "U0KIM", &question("narwhal")).await;
    it.roll_up().await;
    delete(&it, &asked).await;
    // No roll-up ran in between, so the erasure itself must remove it.
    it.erase(json!({"slack_user_id": "U0KIM"})).await;
    assert!(!it.is_anywhere("narwhal").await);
    assert_eq!(questions(&it, "sales").await, BTreeMap::new());
}

#[tokio::test]
async fn an_erasure_removes_the_intents_of_that_person_only() {
    let it = start().await;
    for (person, intent) in [
        ("U0KIM", "refund"),
        ("U0KIM", "narwhal"),
        ("U0LEE", "refund"),
    ] {
        it.stored(json!({
            "robeing_id": "sales", "slack_user_id": person, "message": "hello", "intent": intent,
            "confidence": 0.5,
        }))
        .await;
    }
    it.roll_up().await;
    it.erase(json!({"slack_user_id": "U0KIM"})).await;
    assert_eq!(
        patterns(&it, "sales").await["intents"],
        json!([{"intent": "refund", "messages": 1, "confidence": 0.5}])
    );
    assert!(!it.is_anywhere("narwhal").await);
}

#[tokio::test]
async fn an_erasure_gets_no_receipt_while_a_copy_of_an_erased_message_is_left() {
    let it = start().await;
    say(&it, &ts(0, 1), "U0KIM", &question("narwhal")).await;
    it.roll_up().await;
    it.erase(json!({"slack_user_id": "U0KIM"})).await;
    say(&it, &ts(0, 2), "U0LEE", &question("walrus")).await;
    it.roll_up().await;
    // Simulates a fault that leaves a copy.
    it.database
        .run(
            "insert into conversation.counted (id, robeing_id, day)
             select id, robeing_id, current_date from conversation.log where erased_at is not null",
        )
        .await;
    let reply = it
        .app
        .post("/v1/erasures", json!({"slack_user_id": "U0LEE"}))
        .await;
    assert_eq!(reply.status, 202, "{reply:?}");
    assert_eq!(reply.json()["receipt"], Value::Null);

    it.database.run("delete from conversation.counted").await;
    assert_eq!(it.run().await["erasures_finished"], 1);
}

#[tokio::test]
async fn dead_letters_and_placeholders_expire_with_the_retention_of_their_robeing() {
    let it = start().await;
    for robeing in ["sales", "r2"] {
        it.stored(json!({"robeing_id": robeing, "message": "call 010-1234-5678"}))
            .await;
    }
    it.database
        .run(
            "insert into conversation.dead_letter (id, key, source, source_event_id, robeing_id, reason)
             select gen_random_uuid(), gen_random_uuid(), 'sqs', 'e', robeing_id, 'x'
             from conversation.placeholder;
             update conversation.dead_letter set created_at = now() - interval '3 days';
             update conversation.placeholder set created_at = now() - interval '3 days';
             insert into robeing.settings (id, robeing_id, system_settings, system_revision)
             values (gen_random_uuid(), 'sales', '{\"memory_ttl_days\": 1}', 1)",
        )
        .await;
    it.roll_up().await;
    it.run().await;
    for table in ["dead_letter", "placeholder"] {
        let left = format!("select count(*) from conversation.{table} where robeing_id");
        assert_eq!(it.count(&format!("{left} = 'sales'")).await, 0, "{table}");
        assert_eq!(it.count(&format!("{left} = 'r2'")).await, 1, "{table}");
    }
}

/// Sends a delivery that fails. Returns the id of its dead letter.
async fn refused(it: &Fixture, id: &str, body: &str) -> String {
    let record = json!({
        "messageId": id, "eventSource": "aws:sqs",
        "attributes": {"SentTimestamp": "1795000000123"}, "body": body,
    });
    let reply = it
        .log
        .post("/events/message-log", json!({"Records": [record]}))
        .await;
    assert_eq!(reply.json()["batchItemFailures"][0]["itemIdentifier"], id);
    let page = it.log.get("/v1/dead-letters").await.json();
    page["items"][0]["id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn a_replayed_dead_letter_is_erased_with_its_message() {
    let it = start().await;
    let letter = refused(&it, "m1", "narwhal, from somebody").await;
    let right = json!({"message": {
        "robeing_id": "sales", "slack_user_id": "U0KIM", "message": "narwhal", "channel_id": "C1",
    }});
    let path = format!("/v1/dead-letters/{letter}/replay");
    let replayed = it.log.post(&path, right.clone()).await;
    assert_eq!(replayed.status, 200, "{replayed:?}");
    // The message has the time of the delivery, not of the replay.
    assert_eq!(replayed.json()["created_at"], "2026-11-18T11:06:40.123Z");
    it.roll_up().await;
    let erased = it.erase(json!({"slack_user_id": "U0KIM"})).await;
    assert_eq!(erased["erased"]["conversation.dead_letter"], 1);
    assert!(!it.is_anywhere("narwhal").await);
    assert_eq!(it.log.post(&path, right).await.status, 409);
}

#[tokio::test]
async fn a_dead_letter_whose_body_names_a_robeing_is_erased_with_that_robeing() {
    let it = start().await;
    it.stored(json!({"robeing_id": "sales", "message": "hello"}))
        .await;
    let letter = refused(
        &it,
        "m1",
        r#"{"robeing_id": "sales", "message": 5, "note": "narwhal"}"#,
    )
    .await;
    // The state of a dead letter whose sender had no access to the robeing.
    it.database
        .run("update conversation.dead_letter set robeing_id = null")
        .await;
    it.erase(json!({"robeing_id": "sales"})).await;
    assert!(!it.is_anywhere("narwhal").await);
    let path = format!("/v1/dead-letters/{letter}/replay");
    assert_eq!(it.log.post(&path, json!({})).await.status, 409);
}

#[tokio::test]
async fn a_dead_letter_names_a_person_in_any_spelling_and_in_a_body_that_is_no_json() {
    let it = start().await;
    let digits = KIM.replace('-', "");
    it.stored(json!({"robeing_id": "sales", "user_id": KIM, "slack_user_id": "U0.KIM", "message": "hello"}))
        .await;
    let bodies = [
        format!(
            r#"{{"robeing_id": "sales", "user_id": "{digits}", "message": 5, "note": "narwhal"}}"#
        ),
        format!(
            r#"{{"robeing_id": "sales", "user_id": "urn:uuid:{KIM}", "message": 5, "note": "narwhal"}}"#
        ),
        format!(r#"{{"robeing_id": "sales", "user_id": " {KIM}", "message": "narwhal"}}"#),
        format!(
            r#"{{"robeing_id": "sales", "user_id": "{}", "message": "narwhal"#,
            KIM.to_uppercase()
        ),
        r#"{"robeing_id": "sales", "slack_user_id": "U0.KIM", "message": "narwhal"#.to_owned(),
        "user=U0.KIM&text=narwhal".to_owned(),
        r#"{"robeing_id": "sales", "slack_user_id": "U0.KIM", "message": 5, "note": "narwhal"}"#
            .to_owned(),
    ];
    for (n, body) in bodies.iter().enumerate() {
        refused(&it, &format!("m{n}"), body).await;
    }
    // About others, whose ids look alike.
    for (n, body) in [
        r#"{"robeing_id": "sales", "slack_user_id": "U0.KIM2", "message": 5, "note": "walrus"}"#,
        r#"{"robeing_id": "sales", "slack_user_id": "U0XKIM", "message": "walrus"#,
        r#"{"robeing_id": "sales", "message": 5, "note": "walrus, said <@U0.KIM> once"}"#,
    ]
    .into_iter()
    .enumerate()
    {
        refused(&it, &format!("o{n}"), body).await;
    }
    it.erase(json!({"slack_user_id": "U0.KIM"})).await;
    it.erase(json!({"user_id": KIM})).await;
    assert!(!it.is_anywhere("narwhal").await);
    let others = "select count(*) from conversation.dead_letter where body::text like '%walrus%'";
    assert_eq!(it.count(others).await, 3);
}

/// Polls the future until it has returned `Pending` more than `waits` times. Returns its output if it
/// completed before.
async fn for_waits<F: Future + Unpin>(waits: usize, future: &mut F) -> Option<F::Output> {
    let mut waited = 0;
    std::future::poll_fn(
        |context| match std::pin::Pin::new(&mut *future).poll(context) {
            std::task::Poll::Ready(outcome) => std::task::Poll::Ready(Some(outcome)),
            std::task::Poll::Pending => {
                waited += 1;
                match waited > waits {
                    true => std::task::Poll::Ready(None),
                    false => std::task::Poll::Pending,
                }
            }
        },
    )
    .await
}

/// The message may also be the first one in which Slack gives the person's id.
#[tokio::test]
async fn a_message_that_arrives_while_its_sender_is_resolved_is_erased() {
    let it = start().await;
    let erasures = "select count(*) from privacy.erasure";
    for waits in 0.. {
        let person = format!("U0NEW{waits}");
        it.stored(json!({"robeing_id": "sales", "slack_user_id": person, "message": "hello"}))
            .await;
        let before = it.count(erasures).await;
        let request = it
            .app
            .post("/v1/erasures", json!({"slack_user_id": person}));
        let mut erasing = Box::pin(request.into_future());
        let early = for_waits(waits, &mut erasing).await;
        if early.is_some() || it.count(erasures).await > before {
            assert!(waits > 3, "{waits} waits");
            return;
        }
        let word = word(waits);
        say(&it, &ts(0, waits), &person, &question(&word)).await;
        let reply = erasing.await;
        assert_eq!(reply.status, 200, "{reply:?}");
        assert!(!it.is_anywhere(&word).await, "after {waits} waits");
        let names = "select count(*) from conversation.slack_user";
        assert_eq!(it.count(names).await, 0, "after {waits} waits");
    }
}

#[tokio::test]
async fn a_response_of_another_robeing_is_not_erased_with_the_message_it_answers() {
    let it = start().await;
    let theirs = it
        .stored(json!({"robeing_id": "r2", "slack_user_id": "U0KIM", "message": "hello"}))
        .await;
    it.stored(json!({"robeing_id": "sales", "response": "walrus"}))
        .await;
    // An earlier version accepted such an answer.
    let answer =
        format!("update conversation.log set reply_to = '{theirs}' where response = 'walrus'");
    it.database.run(&answer).await;
    let erased = it.erase(json!({"slack_user_id": "U0KIM"})).await;
    assert_eq!(erased["erased"]["conversation.log"], 1);
    assert!(it.is_anywhere("walrus").await);
}

#[tokio::test]
async fn a_dead_letter_replayed_during_the_erasure_of_its_message_is_erased() {
    let it = start().await;
    let letter = refused(&it, "m1", "narwhal, from somebody").await;
    let right = json!({"message": {
        "robeing_id": "sales", "slack_user_id": "U0KIM", "message": "narwhal",
    }});
    let replay = || {
        it.log
            .post(&format!("/v1/dead-letters/{letter}/replay"), right.clone())
    };
    assert_eq!(replay().await.status, 200);
    // The state between the insert of the row and the update of the dead letter.
    let unknown = "update conversation.dead_letter set message_id = null, replayed_at = null";
    it.database.run(unknown).await;
    it.erase(json!({"slack_user_id": "U0KIM"})).await;
    assert_eq!(replay().await.status, 200);
    assert!(!it.is_anywhere("narwhal").await);

    // The state if an erasure ran at the same time.
    it.database
        .run(
            "update conversation.dead_letter
             set body = '\"narwhal\"', erased_at = null, robeing_id = 'sales',
                 message_id = (select id from conversation.log where erased_at is not null limit 1)",
        )
        .await;
    it.stored(json!({"robeing_id": "sales", "slack_user_id": "U0LEE", "message": "hello"}))
        .await;
    it.erase(json!({"slack_user_id": "U0LEE"})).await;
    assert!(!it.is_anywhere("narwhal").await);
}
