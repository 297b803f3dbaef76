//! Several events in one request, some of which can't be stored: which ones the source delivers again.

use http::StatusCode;
use serde_json::json;

use crate::common::{Fixture, start, texts};
use crate::envelopes::{all, cloud_event, notification, queued, said, streamed};
use crate::events::{TRIGGER, invoke};

/// Makes the database reject a message until the trigger is dropped.
async fn reject(log: &Fixture, text: &str) {
    let sql = format!(
        "create function fail() returns trigger language plpgsql as
         $$ begin raise exception 'not now'; end $$;
         create trigger fail before insert on conversation.log for each row
         when (new.message = '{text}') execute function fail()"
    );
    log.database.run(&sql).await;
}

#[tokio::test]
async fn a_stream_is_told_the_records_to_deliver_again_and_no_dead_letters() {
    let log = start().await;
    reject(&log, "later").await;
    let batch = json!({"Records": [
        streamed("11", "no json, 010-1234-5678"),
        streamed("12", &said("later").to_string()),
        streamed("13", &said("good").to_string()),
        {"eventSource": "aws:dynamodb", "eventName": "REMOVE", "eventID": "r",
            "dynamodb": {"SequenceNumber": "14", "OldImage": {"message": {"S": "gone"}}}},
    ]});
    let report = invoke(&log, &batch).await.unwrap();
    let failed = report["batchItemFailures"].as_array().expect("a report");
    let failed: Vec<_> = failed
        .iter()
        .map(|it| it["itemIdentifier"].as_str())
        .collect();
    assert!(failed.contains(&Some("12")), "{failed:?}");
    assert!(
        !failed.contains(&Some("11")) && !failed.contains(&Some("14")),
        "{failed:?}"
    );

    log.database
        .run("drop trigger fail on conversation.log")
        .await;
    assert_eq!(
        invoke(&log, &batch).await.unwrap(),
        json!({"batchItemFailures": []})
    );
    assert_eq!(all(&log).await, ["good", "later"]);
    let letters = log.get("/v1/dead-letters").await;
    assert_eq!(texts(&letters, "source"), ["dynamodb", "kinesis"]);
    assert_eq!(letters["items"][1]["body"], "no json, [PHONE_1]");
    assert_eq!(letters["items"][1]["attempts"], 2);
}

#[tokio::test]
async fn a_source_without_partial_responses_fails_only_if_an_event_is_neither_stored_nor_a_dead_letter()
 {
    let log = start().await;
    reject(&log, "later").await;
    let mut wrong = cloud_event("2", "hong@example.com");
    wrong["data"]["confidence"] = 7.into();
    for (event, also) in [
        (
            json!({"Records": [
                notification("1", &said("good").to_string()), notification("2", "mail hong@example.com"),
                notification("3", &said("later").to_string())]}),
            "sns",
        ),
        (
            json!([cloud_event("1", "good"), wrong, cloud_event("3", "later")]),
            "cloudevents",
        ),
    ] {
        assert!(invoke(&log, &event).await.is_err());
        assert_eq!(
            log.app.post(TRIGGER, &event).await.status,
            StatusCode::INTERNAL_SERVER_ERROR
        );
        let mut event = event;
        let events = match event.get_mut("Records") {
            Some(records) => records,
            None => &mut event,
        };
        events.as_array_mut().and_then(Vec::pop);
        let reply = log.app.post(TRIGGER, &event).await;
        assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
        let items = reply.json();
        assert!(items["items"][0]["id"].is_string(), "{items}");
        assert!(items["items"][1]["detail"].is_string(), "{items}");
        let letters = log.get("/v1/dead-letters").await;
        assert_eq!(letters["items"][0]["source"], also);
        assert!(
            letters["items"][0]["body"]
                .to_string()
                .contains("[EMAIL_1]"),
            "{letters}"
        );
    }
    assert!(!log.dump().await.contains("hong@example.com"));
    assert_eq!(all(&log).await, ["good", "good"]);
}

#[tokio::test]
async fn each_record_of_a_mixed_list_is_stored_or_becomes_a_dead_letter() {
    let log = start().await;
    let object = json!({"eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": "b"}, "object": {"key": "kim@example.com.txt"}}});
    let batch = json!({"Records": [
        queued("1", &said("from a queue")), object, queued("3", &json!({"Records": [object]})),
        notification("4", &said("from a topic").to_string()), 5,
    ]});
    let failed = json!({"batchItemFailures": [{"itemIdentifier": "3"}]});
    for attempt in 1..=2 {
        assert_eq!(invoke(&log, &batch).await.unwrap(), failed);
        assert_eq!(all(&log).await, ["from a queue", "from a topic"]);
        let letters = log.get("/v1/dead-letters").await;
        let mut sources = texts(&letters, "source");
        sources.sort();
        assert_eq!(sources, ["s3", "sqs", "unknown"]);
        let items = letters["items"].as_array().expect("letters");
        assert!(
            items.iter().all(|it| it["attempts"] == attempt),
            "{letters}"
        );
    }
    assert!(!log.dump().await.contains("kim@example.com"));
}

#[tokio::test]
async fn answers_that_differ_in_a_sign_or_a_placeholder_are_all_told() {
    let log = start().await;
    let asked =
        json!({"robeing_id": "r1", "channel_id": "C1", "thread_ts": "t1", "message": "how much?"});
    log.stored(asked).await;
    let answers = [
        "it costs 15",
        "it costs 1.5",
        "C++",
        "C#",
        "call 010-1234-5678",
        "call 010-1234-5679",
    ];
    for text in answers {
        let answer =
            json!({"robeing_id": "r1", "channel_id": "C1", "thread_ts": "t1", "response": text});
        log.stored(answer).await;
    }
    let told = [
        "it costs 15",
        "it costs 1.5",
        "C++",
        "C#",
        "call [PHONE_1]",
        "call [PHONE_2]",
    ];
    let page = log.get("/v1/robeings/r1/messages").await;
    assert_eq!(texts(&page, "response"), [told.join("\n")]);
    let context = log.get("/v1/robeings/r1/context?thread_ts=t1").await;
    let turns = context["turns"].as_array().expect("turns").iter().skip(1);
    let turns: Vec<_> = turns
        .map(|turn| turn["text"].as_str().unwrap_or_default())
        .collect();
    assert_eq!(turns, told);
}
