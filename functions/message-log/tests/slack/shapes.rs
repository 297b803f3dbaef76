//! Events of every format: other types are acknowledged, and no message is lost.

use std::cell::Cell;

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;

use super::{callback, config, now_ts, said, send, start};
use crate::common::texts;

#[tokio::test]
async fn an_event_is_read_by_its_type_and_other_types_are_acknowledged() {
    let log = start().await;
    let channel = json!({"id": "C77", "name": "fun", "created": 1_721_054_427, "creator": "U1"});
    for event in [
        json!({"type": "team_join", "user": {"id": "U88", "name": "mina"}, "event_ts": "1795979174.000100"}),
        json!({"type": "user_change", "user": {"id": "U88", "name": "mina"}}),
        json!({"type": "channel_created", "channel": channel}),
        json!({"type": "channel_rename", "channel": channel}),
        json!({"type": "im_created", "user": "U1", "channel": {"id": "D1"}}),
        json!({"type": "shared_channel_invite_received", "invite": {"id": "I1"}, "channel": channel}),
        json!({"type": "message", "subtype": "channel_join", "user": {"id": "U88"}, "text": 5}),
        json!({"type": ["message"]}),
        json!({"type": "message.channels", "text": {}}),
        json!("message"),
        json!([]),
        Value::Null,
    ] {
        assert_eq!(
            send(&log, &callback(event.clone())).await.status,
            200,
            "{event}"
        );
    }
    for envelope in [
        json!({"type": "event_of_tomorrow", "event": {"type": "message", "channel": {}}}),
        json!({"type": {"event_callback": true}}),
        json!({"challenge": 5, "type": "url_verification"}),
        json!({}),
        json!([{"type": "event_callback"}]),
        json!("event_callback"),
    ] {
        assert_eq!(send(&log, &envelope).await.status, 200, "{envelope}");
    }
    assert_eq!(
        log.count("select count(*) from conversation.dead_letter")
            .await,
        0
    );
    assert_eq!(log.rows().await, 0);
}

#[tokio::test]
async fn a_message_of_an_unknown_format_becomes_a_dead_letter_that_slack_does_not_retry() {
    let log = start().await;
    let (one, two) = (now_ts(1), now_ts(2));
    let letters = [
        (
            said(&one, "call 010-1234-5678", json!({"channel": {"id": "C1"}})),
            "channel",
        ),
        (said(&two, "hello", json!({"user": {"id": "U1"}})), "user"),
        (
            callback(json!({"type": "message", "channel": "C1", "ts": 5, "text": "hello"})),
            "ts",
        ),
        (
            said(&now_ts(3), "hello", json!({"blocks": {"type": "section"}})),
            "blocks",
        ),
        (
            callback(json!({"type": "message", "subtype": "message_changed", "channel": "C1"})),
            "no `ts`",
        ),
        (
            callback(
                json!({"type": "message", "subtype": "message_deleted", "channel": "C1",
                         "previous_message": {"text": "gone"}}),
            ),
            "no `ts`",
        ),
    ];
    for (event, reason) in &letters {
        let reply = send(&log, event).await;
        assert_eq!(reply.status, 400, "{event}");
        assert_eq!(reply.header("x-slack-no-retry"), Some("1"));
        assert!(reply.text().contains(reason), "{reply:?}");
    }
    let page = log.get("/v1/dead-letters").await;
    assert_eq!(texts(&page, "robeing_id"), ["sales"; 6]);
    let kept = page["items"][5]["body"]["metadata"]["event"]["text"].clone();
    assert_eq!(kept, "call [PHONE_1]");
    let dump = log.dump().await;
    assert!(!dump.contains("1234-5678") && !dump.contains("gone"));
    assert_eq!(log.rows().await, 0);

    // A dead letter has the key of its message, under which a corrected message is stored.
    let user = &page["items"][4];
    assert_eq!(user["source_event_id"], format!("C024BE91L {two}"));
    let path = format!(
        "/v1/dead-letters/{}/replay",
        user["id"].as_str().expect("an id")
    );
    let message =
        json!({"message": {"robeing_id": "sales", "channel_id": "C024BE91L", "message": "hello"}});
    assert_eq!(log.app.post(&path, message).await.status, 200);
    assert_eq!(
        send(&log, &said(&two, "hello", json!({}))).await.status,
        200
    );
    assert_eq!(log.rows().await, 1);
}

#[tokio::test]
async fn a_message_without_an_app_becomes_a_dead_letter_without_a_robeing() {
    let log = crate::common::start_with(&[("SLACK_SIGNING_SECRET", super::SECRET)]).await;
    let mut event = said(&now_ts(1), "hello", json!({}));
    event["api_app_id"] = "*".into();
    assert_eq!(send(&log, &event).await.status, 200);
    let page = log.get("/v1/dead-letters").await;
    assert_eq!(page["items"][0]["robeing_id"], Value::Null);
    assert_eq!(log.rows().await, 0);
}

fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        prop::sample::select(vec![
            "",
            "\0",
            "C1",
            "U1\0",
            "*",
            "1795979174.000100",
            "99999999999.000001"
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            fields(inner),
        ]
    })
}

/// Fields that an event, a message, a block or a file may have, with any value.
fn fields(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    let names = "type subtype channel channel_type user ts event_ts thread_ts deleted_ts text blocks \
        attachments files edited message previous_message bot_id app_id bot_profile elements fields title \
        fallback is_share message_blocks rows indent offset style url name preview transcription mode";
    let name = prop::sample::select(names.split_whitespace().collect::<Vec<_>>());
    let fields = prop::collection::vec((name, value), 0..8);
    fields.prop_map(|fields| {
        let fields = fields.into_iter();
        let fields = fields.map(|(name, value)| (name.to_owned(), value));
        Value::Object(fields.collect::<Map<_, _>>())
    })
}

fn event() -> impl Strategy<Value = Value> {
    let kinds = vec![
        "message",
        "message",
        "app_mention",
        "team_join",
        "reaction_added",
    ];
    let subtypes = vec![
        Value::Null,
        "message_changed".into(),
        "message_deleted".into(),
        "tombstone".into(),
        "file_share".into(),
    ];
    let known = (
        prop::sample::select(kinds),
        prop::option::of(prop::sample::select(subtypes)),
        any::<bool>(),
        fields(anything()),
    );
    let known = known.prop_map(|(kind, subtype, is_whole, mut event)| {
        event["type"] = kind.into();
        if let Some(subtype) = subtype {
            event["subtype"] = subtype;
        }
        if is_whole {
            for (name, text) in [
                ("channel", "C1"),
                ("user", "U1"),
                ("ts", "1795979174.000100"),
            ] {
                event[name] = text.into();
            }
        }
        event
    });
    prop_oneof![4 => known, 1 => anything()]
}

fn envelope() -> impl Strategy<Value = Value> {
    let kinds = vec![
        "event_callback",
        "url_verification",
        "app_rate_limited",
        "block_actions",
    ];
    let kind = prop_oneof![
        8 => Just(Value::from("event_callback")),
        1 => prop::sample::select(kinds).prop_map(Value::from),
        1 => anything(),
    ];
    let team = prop_oneof![2 => Just(Value::from("T1")), 1 => anything()];
    (kind, team, anything(), event()).prop_map(|(kind, team_id, event_id, event)| {
        json!({"type": kind, "team_id": team_id, "event_id": event_id, "event": event,
               "api_app_id": "A0FFV41KK"})
    })
}

#[test]
fn signed_json_is_rejected_only_if_it_becomes_a_dead_letter() {
    let runtime = Runtime::new().expect("a runtime");
    let log = runtime.block_on(start());
    let letters = "select coalesce(sum(attempts), 0)::bigint from conversation.dead_letter";
    let known = Cell::new(0);
    proptest!(config(400), |(body in envelope())| {
        let (reply, kept) = runtime.block_on(async {
            let reply = send(&log, &body).await;
            (reply, log.count(letters).await)
        });
        match reply.status.as_u16() {
            200 => prop_assert_eq!(kept, known.get()),
            400 | 413 | 422 => prop_assert_eq!(kept, known.get() + 1, "{:?}", reply),
            _ => prop_assert!(false, "{:?}", reply),
        }
        known.set(kept);
    });
    assert!(known.get() > 0 && runtime.block_on(log.rows()) > 0);
}
