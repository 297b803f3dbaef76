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

#[tokio::test]
async fn a_further_answer_to_an_answered_message_is_listed_with_it() {
    let log = start().await;
    let thread = |mut more: Value| {
        more["robeing_id"] = "r1".into();
        more["thread_ts"] = "t".into();
        more
    };
    log.stored(thread(
        json!({"message": "Where is it?", "response": "I ask.", "metadata": {"model": "m1"}}),
    ))
    .await;
    let parts = json!([{"type": "text", "text": "On its way."}]);
    let second = log
        .stored(thread(
            json!({"response": parts, "intent": "delivery", "confidence": 0.5, "metadata": {"model": "m2"}}),
        ))
        .await;
    let page = log.get("/v1/robeings/r1/messages").await;
    assert_eq!(texts(&page, "message"), ["Where is it?"]);
    let item = &page["items"][0];
    assert_eq!(item["response"], "I ask.\nOn its way.");
    assert_eq!(item["intent"], "delivery");
    assert_eq!(item["metadata"], json!({"model": "m1"}));
    assert_eq!(item["answered_by"], json!([second]));
    let answer = &item["answers"][0];
    assert_eq!(answer["id"], second);
    assert_eq!(answer["response"], "On its way.");
    assert_eq!(answer["parts"], json!({ "response": parts }));
    assert_eq!(answer["intent"], "delivery");
    assert_eq!(answer["confidence"], 0.5);
    assert_eq!(answer["metadata"], json!({"model": "m2"}));
    assert!(answer["created_at"].is_string());
}

#[tokio::test]
async fn every_row_is_read_back_whatever_it_answers() {
    let log = start().await;
    let asked = log.stored(said("asked", json!({}))).await;
    let reply = |mut more: Value, to: &str| {
        more["robeing_id"] = "r1".into();
        more["reply_to"] = to.into();
        more
    };
    let answered = log
        .stored(reply(json!({"response": "answered"}), &asked))
        .await;
    let corrected = log
        .stored(reply(json!({"response": "corrected"}), &answered))
        .await;
    log.stored(reply(
        json!({"message": "asked back", "response": "explained"}),
        &answered,
    ))
    .await;
    // An import may store an answer with an earlier time than its message.
    log.stored(reply(
        json!({"response": "dated earlier", "created_at": "2026-10-01T00:00:00Z"}),
        &asked,
    ))
    .await;
    let page = log.get("/v1/robeings/r1/messages").await;
    assert_eq!(
        texts(&page, "response"),
        ["explained", "answered\ncorrected", "dated earlier"]
    );
    assert_eq!(
        page["items"][1]["answered_by"],
        json!([answered, corrected])
    );
}

#[tokio::test]
async fn an_answer_is_listed_alone_where_the_filter_leaves_out_its_message() {
    let log = start().await;
    let asked = said(
        "asked",
        json!({"channel_id": "C1", "thread_ts": "t1", "user_id": PERSON, "created_at": "2026-10-01T00:00:00Z"}),
    );
    let asked = log.stored(asked).await;
    log.stored(json!({
        "robeing_id": "r1", "channel_id": "C2", "thread_ts": "t2", "user_id": "0190b2a0-0000-7000-8000-000000000002",
        "response": "answered", "reply_to": asked, "created_at": "2026-10-03T00:00:00Z",
    }))
    .await;
    for query in [
        "channel=C2",
        "thread=t2",
        "user=0190b2a0-0000-7000-8000-000000000002",
        "from=2026-10-02T00:00:00Z",
    ] {
        let page = log.get(&format!("/v1/robeings/r1/messages?{query}")).await;
        assert_eq!(texts(&page, "response"), ["answered"], "{query}");
        assert_eq!(texts(&page, "message"), [""], "{query}");
    }
    for query in ["", "channel=C1", "thread=t1", "from=2026-09-02T00:00:00Z"] {
        let page = log.get(&format!("/v1/robeings/r1/messages?{query}")).await;
        assert_eq!(texts(&page, "message"), ["asked"], "{query}");
        assert_eq!(texts(&page, "response"), ["answered"], "{query}");
    }
}

#[tokio::test]
async fn what_was_said_once_is_told_once_in_history_and_context_even_if_two_rows_have_it() {
    let log = start().await;
    for row in [
        json!({"message": "Where is my order?"}),
        // The agent logs both, and Slack sends both as messages of their own.
        json!({"message": "Where is my order?", "response": "It is **on its way**."}),
        json!({"response": "It is on its way."}),
        json!({"message": "Thanks!"}),
        json!({"message": "Where is my order?"}),
    ] {
        let mut row = row;
        row["robeing_id"] = "r1".into();
        row["thread_ts"] = "t".into();
        log.stored(row).await;
    }
    let context = log
        .get("/v1/robeings/r1/context?thread=t&token_budget=1000")
        .await;
    assert_eq!(
        context["context"],
        "user: Where is my order?\nassistant: It is **on its way**.\nuser: Thanks!\nuser: Where is my order?\n"
    );
    let page = log.get("/v1/robeings/r1/messages").await;
    assert_eq!(
        texts(&page, "response"),
        ["", "", "It is **on its way**.", ""]
    );
    assert_eq!(
        page["items"][2]["answers"][0]["response"],
        "It is on its way."
    );
}

#[tokio::test]
async fn an_intent_anywhere_in_a_chain_of_answers_lists_their_message() {
    let log = start().await;
    let other = log.stored(said("other", json!({"intent": "other"}))).await;
    for with_intent in 0..4 {
        let intent = format!("intent-{with_intent}");
        let mut chain = vec![said(&intent, json!({}))];
        for text in ["one", "two", "three"] {
            chain.push(json!({"robeing_id": "r1", "response": text}));
        }
        chain[with_intent]["intent"] = intent.clone().into();
        let mut ids: Vec<String> = Vec::new();
        for mut message in chain {
            if let Some(last) = ids.last() {
                message["reply_to"] = last.clone().into();
            }
            ids.push(log.stored(message).await);
        }
        let page = log
            .get(&format!("/v1/robeings/r1/messages?intent={intent}"))
            .await;
        assert_eq!(texts(&page, "message"), [intent.as_str()]);
        let item = &page["items"][0];
        assert_eq!(item["answered_by"], json!(ids[1..]), "{intent}");
        assert_eq!(item["intent"], intent);
    }
    let page = log.get("/v1/robeings/r1/messages?intent=other").await;
    assert_eq!(texts(&page, "id"), [other]);
    let all = log.get("/v1/robeings/r1/messages").await;
    assert_eq!(all["items"].as_array().map(Vec::len), Some(5));
}

#[tokio::test]
async fn an_answer_to_an_answer_is_listed_if_their_message_is_left_out() {
    let log = start().await;
    let early = json!({"created_at": "2026-10-01T00:00:00Z"});
    let mut last = log.stored(said("asked", early)).await;
    let mut ids = Vec::new();
    for (text, intent) in [("one", "a"), ("two", "b")] {
        let answer =
            json!({"robeing_id": "r1", "response": text, "intent": intent, "reply_to": last});
        last = log.stored(answer).await;
        ids.push(last.clone());
    }
    for intent in ["a", "b"] {
        let path = format!("/v1/robeings/r1/messages?from=2026-10-02T00:00:00Z&intent={intent}");
        let page = log.get(&path).await;
        assert_eq!(texts(&page, "id"), [ids[0].clone()], "{intent}: {page}");
        assert_eq!(page["items"][0]["answered_by"], json!([ids[1]]));
    }
}
