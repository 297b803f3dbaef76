//! Whatever is made of a message follows it: when it is edited, deleted or erased, or expires.

mod story;

use std::collections::BTreeMap;

use jiff::{Timestamp, ToSpan as _};
use kit::slack;
use serde_json::{Value, json};

use crate::common::{Fixture, start_with};

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

/// The message's `ts`: a different microsecond of a past time each.
fn ts(days_ago: i64, n: usize) -> String {
    let at = Timestamp::now() - (days_ago * 24).hours();
    format!("{}.{n:06}", at.as_second())
}

/// Letters alone, so that nothing of it is masked.
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

/// How often each question is counted.
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
async fn a_question_that_was_deleted_or_edited_is_nowhere_after_the_next_roll_up() {
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
async fn a_question_that_is_deleted_before_the_roll_up_and_erased_after_it_leaves_nothing() {
    let it = start().await;
    let asked = ts(0, 1);
    say(&it, &asked, "U0KIM", &question("narwhal")).await;
    it.roll_up().await;
    delete(&it, &asked).await;
    // Nothing was rolled up in between: the erasure itself has to reach it.
    it.erase(json!({"slack_user_id": "U0KIM"})).await;
    assert!(!it.is_anywhere("narwhal").await);
    assert_eq!(questions(&it, "sales").await, BTreeMap::new());
}

#[tokio::test]
async fn the_intents_of_a_person_go_with_them_and_those_of_others_stay() {
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
async fn a_receipt_is_not_written_while_a_copy_of_an_erased_message_is_left() {
    let it = start().await;
    say(&it, &ts(0, 1), "U0KIM", &question("narwhal")).await;
    it.roll_up().await;
    it.erase(json!({"slack_user_id": "U0KIM"})).await;
    say(&it, &ts(0, 2), "U0LEE", &question("walrus")).await;
    it.roll_up().await;
    // As a fault would leave it.
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
async fn dead_letters_and_placeholders_are_no_older_than_the_memory_of_their_robeing() {
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

/// A delivery that names its sender only in the text that can't be read.
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
async fn a_dead_letter_that_became_a_message_is_erased_with_it() {
    let it = start().await;
    let letter = refused(&it, "m1", "narwhal, from somebody").await;
    let right = json!({"message": {
        "robeing_id": "sales", "slack_user_id": "U0KIM", "message": "narwhal", "channel_id": "C1",
    }});
    let path = format!("/v1/dead-letters/{letter}/replay");
    let replayed = it.log.post(&path, right.clone()).await;
    assert_eq!(replayed.status, 200, "{replayed:?}");
    // Its time is that of the delivery, not that of the replay.
    assert_eq!(replayed.json()["created_at"], "2026-11-18T11:06:40.123Z");
    it.roll_up().await;
    let erased = it.erase(json!({"slack_user_id": "U0KIM"})).await;
    assert_eq!(erased["erased"]["conversation.dead_letter"], 1);
    assert!(!it.is_anywhere("narwhal").await);
    assert_eq!(it.log.post(&path, right).await.status, 409);
}

#[tokio::test]
async fn a_dead_letter_that_only_says_whose_it_was_to_be_goes_with_that_robeing() {
    let it = start().await;
    it.stored(json!({"robeing_id": "sales", "message": "hello"}))
        .await;
    let letter = refused(
        &it,
        "m1",
        r#"{"robeing_id": "sales", "message": 5, "note": "narwhal"}"#,
    )
    .await;
    // As one is kept that its sender may not send.
    it.database
        .run("update conversation.dead_letter set robeing_id = null")
        .await;
    it.erase(json!({"robeing_id": "sales"})).await;
    assert!(!it.is_anywhere("narwhal").await);
    let path = format!("/v1/dead-letters/{letter}/replay");
    assert_eq!(it.log.post(&path, json!({})).await.status, 409);
}

/// Polls the future until it has had to wait so often: its outcome, if it had one by then.
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

/// What a person says after their erasure was asked for and before it has begun is erased as well, also
/// where Slack names them for the first time then.
#[tokio::test]
async fn a_person_who_is_named_while_they_are_looked_up_is_not_taken_for_another() {
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
async fn an_answer_to_another_robeings_message_is_not_erased_with_it() {
    let it = start().await;
    let theirs = it
        .stored(json!({"robeing_id": "r2", "slack_user_id": "U0KIM", "message": "hello"}))
        .await;
    it.stored(json!({"robeing_id": "sales", "response": "walrus", "reply_to": theirs}))
        .await;
    let erased = it.erase(json!({"slack_user_id": "U0KIM"})).await;
    assert_eq!(erased["erased"]["conversation.log"], 1);
    assert!(it.is_anywhere("walrus").await);
}

#[tokio::test]
async fn a_dead_letter_that_is_replayed_while_its_message_is_erased_is_erased_as_well() {
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
    // As it is between the row and the letter's knowledge of it.
    let unknown = "update conversation.dead_letter set message_id = null, replayed_at = null";
    it.database.run(unknown).await;
    it.erase(json!({"slack_user_id": "U0KIM"})).await;
    assert_eq!(replay().await.status, 200);
    assert!(!it.is_anywhere("narwhal").await);

    // As it is where the erasure was at work meanwhile.
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
