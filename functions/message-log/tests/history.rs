//! The history: newest first, in pages, by robeing, person, channel and thread.

use serde_json::{Value, json};

use crate::common::{start, texts};

const PERSON: &str = "0190b2a0-0000-7000-8000-000000000001";

fn said(text: &str, mut message: Value) -> Value {
    message["robeing_id"] = "r1".into();
    message["message"] = text.into();
    message
}

#[tokio::test]
async fn history_is_newest_first_and_each_page_continues_the_previous_one() {
    let log = start().await;
    for n in 0..7 {
        let at = format!("2026-{:02}-15T09:00:00Z", 4 + n);
        log.stored(said(
            &n.to_string(),
            json!({"created_at": at, "user_id": PERSON}),
        ))
        .await;
    }
    for path in [
        "/v1/robeings/r1/messages".to_owned(),
        format!("/v1/users/{PERSON}/messages"),
    ] {
        let mut all = Vec::new();
        let mut next = String::new();
        loop {
            let page = log.get(&format!("{path}?limit=3{next}")).await;
            all.extend(texts(&page, "message"));
            match page["next"].as_str() {
                Some(after) => next = format!("&after={after}"),
                None => break,
            }
        }
        assert_eq!(all, ["6", "5", "4", "3", "2", "1", "0"]);
    }
}

#[tokio::test]
async fn history_can_be_filtered_by_channel_thread_person_intent_and_time() {
    let log = start().await;
    log.stored(said(
        "a",
        json!({"channel_id": "C1", "thread_ts": "t1", "created_at": "2026-10-01T00:00:00Z"}),
    ))
    .await;
    log.stored(said("b", json!({"channel_id": "C1", "thread_ts": "t2", "intent": "refund", "created_at": "2026-10-02T00:00:00Z"}))).await;
    log.stored(said(
        "c",
        json!({"channel_id": "C2", "user_id": PERSON, "created_at": "2026-10-03T00:00:00Z"}),
    ))
    .await;
    for (query, expected) in [
        ("channel=C1", vec!["b", "a"]),
        ("thread=t1", vec!["a"]),
        ("user=0190b2a0-0000-7000-8000-000000000001", vec!["c"]),
        ("intent=refund", vec!["b"]),
        ("from=2026-10-02T00:00:00Z", vec!["c", "b"]),
        ("to=2026-10-02T00:00:00Z", vec!["a"]),
        (
            "from=2026-10-02T00:00:00Z&to=2026-10-03T00:00:00Z",
            vec!["b"],
        ),
        ("channel=C3", vec![]),
    ] {
        let page = log.get(&format!("/v1/robeings/r1/messages?{query}")).await;
        assert_eq!(texts(&page, "message"), expected, "{query}");
    }
    for query in [
        "limit=0",
        "limit=201",
        "after=x",
        "from=yesterday",
        "masked=false",
    ] {
        let reply = log
            .app
            .get(&format!("/v1/robeings/r1/messages?{query}"))
            .await;
        assert_eq!(reply.status, 400, "{query}");
    }
}

#[tokio::test]
async fn a_later_response_answers_the_last_message_of_its_thread() {
    let log = start().await;
    let thread = json!({"channel_id": "C1", "thread_ts": "t1"});
    log.stored(said("first", thread.clone())).await;
    let asked = log.stored(said("second", thread)).await;
    log.stored(
        json!({"robeing_id": "r1", "channel_id": "C1", "thread_ts": "t2", "message": "elsewhere"}),
    )
    .await;
    let answer = json!({"robeing_id": "r1", "channel_id": "C1", "thread_ts": "t1", "response": "an answer", "intent": "greeting", "confidence": 0.5});
    let answer = log.stored(answer).await;

    let page = log.get("/v1/robeings/r1/messages?thread=t1").await;
    assert_eq!(texts(&page, "message"), ["second", "first"]);
    let item = &page["items"][0];
    assert_eq!(item["id"], asked);
    assert_eq!(item["response"], "an answer");
    assert_eq!(item["intent"], "greeting");
    assert_eq!(item["answered_by"], json!([answer]));
    assert_eq!(page["items"][1]["response"], Value::Null);
    let by_intent = log.get("/v1/robeings/r1/messages?intent=greeting").await;
    assert_eq!(texts(&by_intent, "message"), ["second"]);
}

#[tokio::test]
async fn history_has_responses_of_the_same_batch_and_responses_that_answer_nothing() {
    let log = start().await;
    let items = json!([
        {"robeing_id": "r1", "thread_ts": "t", "message": "asked"},
        {"robeing_id": "r1", "thread_ts": "t", "response": "answered"},
        {"robeing_id": "r1", "thread_ts": "u", "response": "to nobody"},
        {"robeing_id": "r1", "response": "to what is gone", "reply_to": "0190b2a0-0000-7000-8000-000000000009"},
    ]);
    log.app
        .post("/v1/messages/batch", json!({"items": items}))
        .await;
    let page = log.get("/v1/robeings/r1/messages").await;
    assert_eq!(texts(&page, "message"), ["", "", "asked"]);
    assert_eq!(
        texts(&page, "response"),
        ["to what is gone", "to nobody", "answered"]
    );
}
