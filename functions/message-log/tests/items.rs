//! An invalid item doesn't affect the others, in every way of sending several.

use futures::future::join_all;
use kit::TestApp;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::common::{Fixture, start, texts};

/// A closed month.
const CLOSED: &str = "2026-01-15T00:00:00Z";

/// A message as the text of its JSON, and whether it can be stored.
#[derive(Clone, Debug)]
struct Item {
    json: String,
    is_good: bool,
}

fn good(fields: &Value) -> Item {
    Item {
        json: fields.to_string(),
        is_good: true,
    }
}

fn bad(fields: &Value) -> Item {
    Item {
        json: fields.to_string(),
        is_good: false,
    }
}

fn nested(depth: usize) -> Value {
    (0..depth).fold(json!("deep"), |inner, _| json!({ "in": inner }))
}

/// A message that no parser with a stack reads.
fn deepest() -> String {
    let (open, close) = ("[".repeat(100_000), "]".repeat(100_000));
    format!(r#"{{"robeing_id": "r1", "message": "deepest", "metadata": {{"in": {open}{close}}}}}"#)
}

/// Invalid items of every kind, and valid items that look invalid.
fn items() -> Vec<Item> {
    let said = |mut more: Value| {
        if more.get("robeing_id").is_none() {
            more["robeing_id"] = json!("r1");
        }
        if more.get("message").is_none() {
            more["message"] = json!("hello");
        }
        more
    };
    let raw = |json: &str| Item {
        json: json.to_owned(),
        is_good: false,
    };
    vec![
        good(&said(json!({}))),
        good(&said(
            json!({"message": "call 010-1234-5678", "thread_ts": "t1"}),
        )),
        good(&said(
            json!({"message": null, "response": "on its way", "thread_ts": "t1"}),
        )),
        good(&said(
            json!({"message": "\u{202e}\u{1f469}\u{200d}\u{1f4bb} ﷽ \u{7f}\u{feff}"}),
        )),
        good(&said(json!({"message": "x".repeat(200_000)}))),
        // Masking makes them longer.
        good(&said(json!({"intent": "a@b.co ".repeat(14)}))),
        good(&said(json!({"intent": "010-1234-5678,".repeat(7)}))),
        good(&said(json!({"metadata": nested(100)}))),
        good(&said(json!({"metadata": {"number": 1e308, "": null}}))),
        good(&said(
            json!({"robeing_id": "r'; drop schema conversation --"}),
        )),
        good(&said(json!({"robeing_id": "**"}))),
        good(&said(json!({"created_at": "1970-01-01T00:00:00Z"}))),
        bad(&said(json!({"robeing_id": "*"}))),
        bad(&said(json!({"robeing_id": ""}))),
        bad(&said(json!({"robeing_id": "r".repeat(101)}))),
        bad(&said(json!({"robeing_id": "a\u{0}b"}))),
        bad(&said(json!({"robeing_id": "a\nb"}))),
        bad(&said(json!({"robeing_id": null}))),
        bad(&said(json!({"message": 5}))),
        bad(&said(json!({"message": "a\u{0}b"}))),
        bad(&said(json!({"metadata": {"a\u{0}": 1}}))),
        bad(&said(json!({"metadata": []}))),
        bad(&said(json!({"metadata": {"large": "x".repeat(70_000)}}))),
        bad(&said(json!({"message": "x".repeat(300_000)}))),
        bad(&said(json!({"confidence": 2.0}))),
        bad(&said(json!({"confidence": "high"}))),
        bad(&said(json!({"created_at": "9999-01-01T00:00:00Z"}))),
        bad(&said(json!({"created_at": "yesterday"}))),
        bad(&said(json!({"created_at": CLOSED}))),
        bad(&said(json!({"intent": "x".repeat(101)}))),
        bad(&said(json!({"id": ""}))),
        bad(&said(json!({"id": "x".repeat(513)}))),
        bad(&said(json!({"surprise": true}))),
        bad(&said(json!({"user_id": "kim"}))),
        bad(&json!({"robeing_id": "r1"})),
        bad(&json!([1, 2])),
        bad(&json!("*")),
        bad(&said(json!({"metadata": nested(101)}))),
        bad(&said(json!({"metadata": nested(120)}))),
        bad(&said(json!({"metadata": nested(200)}))),
        bad(&said(
            json!({"message": (0..120).fold(json!("deep"), |inner, _| json!({"content": [inner], "role": "user"}))}),
        )),
        raw(&deepest()),
        raw(r#"{"robeing_id": "r1", "message": "\ud800"}"#),
        raw(r#"{"robeing_id": "r1", "message": "a", "confidence": 1e999}"#),
    ]
}

async fn rows(it: &Fixture, marker: &str) -> i64 {
    it.count(&format!(
        "select count(*) from conversation.log where source_event_id like '{marker}%'"
    ))
    .await
}

/// Adds a unique id, so that each item is stored and can be found.
fn with_id(item: &Item, id: &str) -> String {
    match item.json.strip_prefix('{') {
        Some(rest) if !item.json.contains("\"id\"") => format!("{{\"id\": \"{id}\", {rest}"),
        _ => item.json.clone(),
    }
}

async fn by_batch(it: &Fixture, marker: &str, items: &[Item]) {
    let texts: Vec<String> = items
        .iter()
        .enumerate()
        .map(|(place, item)| with_id(item, &format!("{marker}-{place}")))
        .collect();
    let body = format!("{{\"items\": [{}]}}", texts.join(","));
    let reply = it
        .app
        .request(http::Method::POST, "/v1/messages/batch")
        .header("content-type", "application/json")
        .body(body)
        .await;
    assert_eq!(reply.status, 200, "{reply:?}");
    for (item, receipt) in items
        .iter()
        .zip(reply.json()["items"].as_array().expect("receipts"))
    {
        let status = receipt["status"].as_u64().expect("a status");
        fits(item, status, receipt);
    }
}

async fn by_singles(it: &Fixture, marker: &str, items: &[Item]) {
    let posts = items.iter().enumerate().map(|(place, item)| {
        let app: &TestApp = &it.app;
        app.request(http::Method::POST, "/v1/messages")
            .header("content-type", "application/json")
            .body(with_id(item, &format!("{marker}-{place}")))
    });
    for (item, reply) in items
        .iter()
        .zip(join_all(posts.map(IntoFuture::into_future)).await)
    {
        fits(
            item,
            reply.status.as_u16().into(),
            &json!(format!("{reply:?}")),
        );
    }
}

/// The number of deliveries that became dead letters.
async fn letters(it: &Fixture) -> i64 {
    let sql = "select coalesce(sum(attempts), 0)::int8 from conversation.dead_letter";
    it.count(sql).await
}

async fn by_queue(it: &Fixture, marker: &str, items: &[Item]) {
    let record = |(place, item): (usize, &Item)| {
        json!({
            "messageId": format!("{marker}-{place}"),
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:ap-northeast-2:123456789012:messages",
            "attributes": {"SentTimestamp": "1795000000123"},
            "body": item.json,
        })
    };
    let records: Vec<Value> = items.iter().enumerate().map(record).collect();
    let before = letters(it).await;
    let reply = it
        .app
        .post("/events/message-log", json!({"Records": records}))
        .await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let failed: Vec<String> = reply.json()["batchItemFailures"]
        .as_array()
        .expect("a report")
        .iter()
        .map(|failure| {
            failure["itemIdentifier"]
                .as_str()
                .expect("a name")
                .to_owned()
        })
        .collect();
    let expected: Vec<String> = items
        .iter()
        .enumerate()
        .filter(|(_, item)| !item.is_good)
        .map(|(place, _)| format!("{marker}-{place}"))
        .collect();
    assert_eq!(failed, expected);
    assert_eq!(letters(it).await - before, expected.len() as i64);
}

fn fits(item: &Item, status: u64, told: &Value) {
    let fits = match item.is_good {
        true => status == 201,
        false => (400..500).contains(&status),
    };
    let start: String = item.json.chars().take(120).collect();
    assert!(fits, "{status} for {start}: {told}");
}

#[test]
fn in_any_mix_of_items_the_valid_ones_are_stored_and_each_invalid_one_is_rejected_alone() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let it = runtime.block_on(start());
    runtime.block_on(it.database.run(
        "select conversation.add_month('2026-01-01'); select conversation.close_month('2026-01-01')",
    ));
    let mixes = prop::collection::vec(prop::sample::select(items()), 1..30);
    let cases = Config {
        cases: 10,
        max_shrink_iters: 20,
        failure_persistence: None,
        ..Config::default()
    };
    let mut case = 0;
    let case = std::cell::Cell::from_mut(&mut case);
    let result = TestRunner::new(cases).run(&mixes, |items| {
        case.set(case.get() + 1);
        let marker = |way: &str| format!("{way}{}", case.get());
        runtime.block_on(async {
            let good = items.iter().filter(|item| item.is_good).count() as i64;
            let (batch, single, queue) = (marker("batch"), marker("single"), marker("queue"));
            by_batch(&it, &batch, &items).await;
            assert_eq!(rows(&it, &format!("{batch}-")).await, good);
            by_singles(&it, &single, &items).await;
            assert_eq!(rows(&it, &format!("{single}-")).await, good);
            by_queue(&it, &queue, &items).await;
            assert_eq!(rows(&it, &format!("{queue}-")).await, good);
        });
        Ok(())
    });
    result.expect("no item spoils another");
    drop(it);
}

/// An error that the database raises for one row.
#[tokio::test]
async fn an_unexpected_database_error_affects_only_its_row() {
    let it = start().await;
    it.database
        .run(
            "create function public.surprise() returns trigger language plpgsql as
             $$ begin
                 if new.message like 'surprise%' then
                     raise exception 'nobody foresaw this' using errcode = 'XX001';
                 end if;
                 return new;
             end $$;
             create trigger surprise before insert on conversation.log
             for each row execute function public.surprise()",
        )
        .await;
    let items: Vec<Value> = (0..40)
        .map(|n| {
            let kind = if n % 13 == 5 { "surprise" } else { "hello" };
            json!({"robeing_id": "r1", "id": format!("m{n}"), "message": format!("{kind} {n}")})
        })
        .collect();
    let reply = it
        .app
        .post("/v1/messages/batch", json!({"items": items.clone()}))
        .await;
    let receipts = reply.json()["items"].clone();
    for (place, receipt) in receipts.as_array().expect("receipts").iter().enumerate() {
        let status = if place % 13 == 5 { 500 } else { 201 };
        assert_eq!(receipt["status"], status, "{place}: {receipt}");
    }
    let alone = items.into_iter().map(|mut item| {
        item["id"] = json!(format!("single {}", item["id"]));
        it.app.post("/v1/messages", item).into_future()
    });
    for (place, reply) in join_all(alone).await.into_iter().enumerate() {
        let status = if place % 13 == 5 { 500 } else { 201 };
        assert_eq!(reply.status, status, "{place}: {reply:?}");
    }
    assert_eq!(it.rows().await, 74);
}

/// Content of this many levels.
fn parts(levels: usize) -> Value {
    assert!(levels.is_multiple_of(2));
    let part = json!([{"type": "text", "text": "deep"}]);
    (2..levels).step_by(2).fold(
        part,
        |inner, _| json!([{"type": "tool_result", "content": inner}]),
    )
}

#[tokio::test]
async fn everything_that_is_accepted_can_be_read_again_however_deep_it_is() {
    let it = start().await;
    let message = json!({"robeing_id": "r1", "message": parts(100), "metadata": nested(100)});
    let asked = it.stored(message.clone()).await;
    let answer = json!({"robeing_id": "r1", "response": parts(100), "reply_to": asked, "metadata": nested(100)});
    it.stored(answer).await;
    let page = it.get("/v1/robeings/r1/messages").await;
    let item = &page["items"][0];
    assert_eq!(item["message"], "deep");
    assert_eq!(item["parts"]["message"], parts(100));
    assert_eq!(item["metadata"], nested(100));
    assert_eq!(item["answers"][0]["metadata"], nested(100));
    for deeper in [
        json!({"robeing_id": "r1", "message": parts(102)}),
        json!({"robeing_id": "r1", "message": "hello", "metadata": nested(101)}),
    ] {
        let refused = it.post(deeper).await;
        assert_eq!(refused.status, 400);
        assert!(
            refused.text().contains("nested deeper than 100 levels"),
            "{refused:?}"
        );
    }
    // A dead letter is listed with a body that can be replayed, or without one.
    for (levels, is_kept) in [(100, true), (102, false), (120, false)] {
        let event = json!({"robeing_id": "r1", "id": format!("e{levels}"), "confidence": 2, "metadata": nested(levels)});
        let refused = it.app.post("/events/message-log", json!([event])).await;
        assert_eq!(refused.status, 200, "{refused:?}");
        let letters = it.get("/v1/dead-letters").await;
        let body = &letters["items"][0]["body"];
        assert_eq!(
            body["metadata"] == nested(levels),
            is_kept,
            "{levels}: {body}"
        );
    }
    assert_eq!(
        it.get("/v1/dead-letters").await["items"]
            .as_array()
            .map(Vec::len),
        Some(3)
    );
}

#[tokio::test]
async fn an_event_that_is_too_deep_to_be_parsed_does_not_fail_the_others_of_its_list() {
    let it = start().await;
    let cloud_event = |id: &str, metadata: Value| {
        let data = json!({"robeing_id": "r1", "message": id, "metadata": metadata});
        json!({"specversion": "1.0", "id": id, "source": "/test", "data": data})
    };
    let events = [
        cloud_event("shallow", json!({})).to_string(),
        cloud_event("deep", nested(120)).to_string(),
        cloud_event("deeper", nested(200)).to_string(),
        deepest(),
        cloud_event("last", json!({})).to_string(),
    ];
    let reply = it
        .app
        .request(http::Method::POST, "/events/message-log")
        .header("content-type", "application/json")
        .body(format!("[{}]", events.join(",")))
        .await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let outcomes = reply.json()["items"].clone();
    for (place, is_stored) in [(0, true), (1, false), (2, false), (3, false), (4, true)] {
        let outcome = &outcomes[place];
        assert_eq!(outcome["id"].is_string(), is_stored, "{place}: {outcome}");
        if !is_stored {
            let detail = outcome["detail"].as_str().expect("a reason");
            assert!(detail.contains("nested deeper than"), "{detail}");
        }
    }
    assert_eq!(
        texts(&it.get("/v1/robeings/r1/messages").await, "message"),
        ["last", "shallow"]
    );
}
