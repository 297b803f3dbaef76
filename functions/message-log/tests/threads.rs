//! The list of threads: the last active first, in pages, as current as the log.

use serde_json::{Value, json};

use crate::common::{Fixture, start, texts};
use crate::slack::{self, callback, now_ts, said};

const PATH: &str = "/v1/robeings/r1/threads";

async fn say(log: &Fixture, channel: &str, thread: &str, mut message: Value) -> String {
    message["robeing_id"] = "r1".into();
    message["channel_id"] = channel.into();
    message["thread_ts"] = thread.into();
    log.stored(message).await
}

fn at(day: u32, mut message: Value) -> Value {
    message["created_at"] = format!("2026-10-{day:02}T09:00:00Z").into();
    message
}

#[tokio::test]
async fn threads_are_listed_by_their_last_message_with_their_place_counts_and_times() {
    let log = start().await;
    say(&log, "C1", "t1", at(1, json!({"message": "a"}))).await;
    say(
        &log,
        "C1",
        "t2",
        at(
            2,
            json!({"message": "b", "response": "c", "channel_type": "channel"}),
        ),
    )
    .await;
    let last = say(&log, "C1", "t1", at(3, json!({"response": "d"}))).await;
    // The same thread of another channel, and of another robeing.
    say(&log, "C2", "t1", at(4, json!({"message": "e"}))).await;
    log.stored(at(
        5,
        json!({"robeing_id": "r2", "channel_id": "C1", "thread_ts": "t2", "message": "f"}),
    ))
    .await;
    // No thread.
    log.stored(at(
        6,
        json!({"robeing_id": "r1", "channel_id": "C1", "message": "g"}),
    ))
    .await;
    // A thread without a channel.
    log.stored(at(
        7,
        json!({"robeing_id": "r1", "thread_ts": "t1", "message": "h"}),
    ))
    .await;

    let page = log.get(PATH).await;
    assert_eq!(texts(&page, "thread_ts"), ["t1", "t1", "t1", "t2"]);
    assert_eq!(texts(&page, "channel_id"), ["", "C2", "C1", "C1"]);
    let thread = &page["items"][2];
    let expected = json!({
        "thread_ts": "t1", "channel_id": "C1", "channel_type": null, "messages": 1, "responses": 1,
        "first_message_at": "2026-10-01T09:00:00Z", "last_message_at": "2026-10-03T09:00:00Z",
        "last_message_id": last,
    });
    assert_eq!(*thread, expected);
    let both = &page["items"][3];
    assert_eq!(
        (&both["messages"], &both["responses"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(both["channel_type"], "channel");
    assert_eq!(page["next"], Value::Null);
    let of_channel = log.get(&format!("{PATH}?channel_id=C2")).await;
    assert_eq!(texts(&of_channel, "channel_id"), ["C2"]);
}

#[tokio::test]
async fn a_page_of_threads_continues_the_previous_one_over_months() {
    let log = start().await;
    for n in 0..7 {
        let time = format!("2026-{:02}-15T09:00:00Z", 3 + n);
        let message = json!({"message": "a", "created_at": time});
        say(&log, "C1", &format!("t{n}"), message).await;
    }
    // The oldest thread goes on.
    say(&log, "C1", "t0", json!({"message": "b"})).await;
    let mut listed = Vec::new();
    let mut next = String::new();
    loop {
        let page = log.get(&format!("{PATH}?limit=3{next}")).await;
        listed.extend(texts(&page, "thread_ts"));
        match page["next"].as_str() {
            Some(after) => next = format!("&after={after}"),
            None => break,
        }
    }
    assert_eq!(listed, ["t0", "t6", "t5", "t4", "t3", "t2", "t1"]);
    for query in ["limit=0", "limit=201", "after=x", "thread_ts=t1"] {
        assert_eq!(
            log.app.get(&format!("{PATH}?{query}")).await.status,
            400,
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_message_that_is_deleted_leaves_its_thread_at_once() {
    let log = slack::start().await;
    let path = "/v1/robeings/sales/threads";
    let (root, reply, other) = (now_ts(1), now_ts(2), now_ts(3));
    for event in [
        said(&root, "first", json!({})),
        said(&reply, "second", json!({"thread_ts": root})),
        said(&other, "alone", json!({})),
    ] {
        assert_eq!(slack::send(&log, &event).await.status, 200);
    }
    let page = log.get(path).await;
    assert_eq!(texts(&page, "thread_ts"), [other.clone(), root.clone()]);
    assert_eq!(page["items"][1]["messages"], 2);
    let first = page["items"][1]["first_message_at"].clone();
    for ts in [&reply, &other] {
        let event = json!({"type": "message", "subtype": "message_deleted", "channel": "C024BE91L",
                           "ts": now_ts(900), "deleted_ts": ts});
        assert_eq!(slack::send(&log, &callback(event)).await.status, 200);
    }
    let page = log.get(path).await;
    assert_eq!(texts(&page, "thread_ts"), [root]);
    assert_eq!(page["items"][0]["messages"], 1);
    assert_eq!(page["items"][0]["last_message_at"], first);
}

#[tokio::test]
async fn a_thread_of_a_direct_channel_includes_the_message_that_it_belongs_to() {
    let log = slack::start().await;
    let (root, reply) = (now_ts(1), now_ts(2));
    let place = json!({"channel": "D1", "channel_type": "im"});
    let mut answer = place.clone();
    answer["thread_ts"] = root.clone().into();
    for event in [
        said(&root, "question", place.clone()),
        said(&reply, "in the thread", answer),
        said(&now_ts(3), "beside it", place),
    ] {
        assert_eq!(slack::send(&log, &event).await.status, 200);
    }
    let page = log.get("/v1/robeings/sales/threads").await;
    assert_eq!(texts(&page, "thread_ts"), [root]);
    let thread = &page["items"][0];
    assert_eq!(thread["messages"], 2);
    assert!(thread["first_message_at"].as_str() < thread["last_message_at"].as_str());
}

#[tokio::test]
async fn a_thread_with_very_many_messages_hides_no_older_thread() {
    let log = start().await;
    say(
        &log,
        "C1",
        "old",
        json!({"message": "a", "created_at": "2026-10-01T09:00:00Z"}),
    )
    .await;
    say(&log, "C1", "long", at(2, json!({"message": "b"}))).await;
    log.database
        .run(
            "insert into conversation.log
                 (id, robeing_id, channel_id, thread_ts, message, metadata, token_count, source, source_event_id, content, created_at)
             select (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '7' || lpad(to_hex(n), 19, '0'))::uuid,
                    'r1', 'C1', 'long', 'c', '{}', 1, 'http', '', gen_random_uuid(), at
             from generate_series(1, 20500) as n,
                  lateral (select timestamptz '2026-10-03T09:00:00Z' + n * interval '1 second' as at) as time",
        )
        .await;
    let page = log.get(PATH).await;
    assert_eq!(texts(&page, "thread_ts"), ["long"]);
    assert_eq!(page["items"][0]["messages"], 20_501);
    let next = page["next"].as_str().expect("a cursor");
    let page = log.get(&format!("{PATH}?after={next}")).await;
    assert_eq!(texts(&page, "thread_ts"), ["old"]);
    assert_eq!(page["next"], Value::Null);
}
