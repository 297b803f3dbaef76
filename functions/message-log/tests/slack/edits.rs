//! Edits and deletions, in every format and order.

use std::cell::Cell;

use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::{Fixture, callback, config, now_ts, said, send, start};

const TS: &str = "1795979174.000100";

/// A `message_changed` event of the message at `TS`.
fn changed(sent: &str, now: Value, before: Value) -> Value {
    let of_message = |mut message: Value| {
        message["ts"] = TS.into();
        if message.get("user").is_none() {
            message["user"] = "U2147483697".into();
        }
        message
    };
    callback(json!({
        "type": "message", "subtype": "message_changed", "hidden": true,
        "channel": "C024BE91L", "channel_type": "channel", "ts": sent, "event_ts": sent,
        "message": of_message(now), "previous_message": of_message(before),
    }))
}

fn section(text: &str) -> Value {
    json!([{"type": "section", "text": {"type": "mrkdwn", "text": text}}])
}

async fn item(log: &Fixture) -> Value {
    log.get("/v1/robeings/sales/messages").await["items"][0].clone()
}

#[tokio::test]
async fn a_tombstone_is_a_deletion() {
    let log = start().await;
    send(&log, &said(TS, "My secret plan is Zebra", json!({}))).await;
    let gone = json!({"subtype": "tombstone", "user": "USLACKBOT", "text": "This message was deleted.",
                      "hidden": true, "thread_ts": TS, "reply_count": 1});
    let before = json!({"text": "My secret plan is Zebra", "thread_ts": TS, "reply_count": 1});
    let reply = send(&log, &changed("1795979176.000100", gone, before)).await;
    assert_eq!(reply.status, 200);
    let item = item(&log).await;
    assert_eq!(item["message"], Value::Null);
    assert_eq!(item["deleted_at"], "2026-11-29T19:06:16.0001Z");
    let dump = log.dump().await;
    assert!(!dump.contains("Zebra") && !dump.contains("was deleted"));
    assert_eq!(log.rows().await, 1);
}

#[tokio::test]
async fn an_edit_is_applied_in_every_format_of_the_event() {
    let edited = json!({"user": "U5", "ts": "1795979176.000000"});
    let own = json!({"bot_id": "B1", "app_id": "A0FFV41KK"});
    let with = |mut fields: Value, more: &Value| {
        let more = more.as_object().expect("fields").clone();
        fields.as_object_mut().expect("fields").extend(more);
        fields
    };
    let mention = |text: &str, more: Value| {
        let fields =
            json!({"type": "app_mention", "channel_type": null, "event_ts": "1795979176.000100"});
        said(TS, text, with(fields, &more))
    };
    let at = "1795979176.000100";
    for (form, first, edit, field, text) in [
        (
            "blocks alone",
            said(TS, "", json!({"blocks": section("Meeting at 3pm")})),
            changed(
                at,
                json!({"text": "", "blocks": section("Meeting at 5pm"), "edited": edited}),
                json!({"text": ""}),
            ),
            "message",
            "Meeting at 5pm",
        ),
        (
            "attachments alone",
            said(
                TS,
                "",
                json!({"subtype": "bot_message", "bot_id": "B7", "attachments": [{"text": "firing"}]}),
            ),
            changed(
                at,
                json!({"text": "", "bot_id": "B7", "attachments": [{"text": "resolved"}]}),
                json!({"text": "", "bot_id": "B7", "attachments": [{"text": "firing"}]}),
            ),
            "message",
            "resolved",
        ),
        (
            "chat.update, without `edited`",
            said(TS, "Thinking…", own.clone()),
            changed(
                at,
                with(json!({"text": "Your refund arrives on Friday."}), &own),
                with(json!({"text": "Thinking…"}), &own),
            ),
            "response",
            "Your refund arrives on Friday.",
        ),
        (
            "an update that does not say whose bot it is",
            said(TS, "Thinking…", own.clone()),
            changed(
                at,
                json!({"text": "On Friday.", "bot_id": "B1"}),
                with(json!({"text": "Thinking…"}), &own),
            ),
            "response",
            "On Friday.",
        ),
        (
            "a mention again",
            mention("<@UBOT> hepl", json!({"event_ts": TS})),
            mention("<@UBOT> help", json!({"edited": edited})),
            "message",
            "<@UBOT> help",
        ),
        (
            "no `previous_message`",
            said(TS, "one", json!({})),
            changed(
                at,
                json!({"text": "two"}),
                Value::Object(Default::default()),
            ),
            "message",
            "two",
        ),
    ] {
        let log = start().await;
        assert_eq!(send(&log, &first).await.status, 200, "{form}");
        assert_eq!(send(&log, &edit).await.status, 200, "{form}");
        let item = item(&log).await;
        assert_eq!(item[field], text, "{form}");
        let other = if field == "message" {
            "response"
        } else {
            "message"
        };
        assert_eq!(item[other], Value::Null, "{form}");
        assert!(item["edited_at"].is_string(), "{form}");
        assert_eq!(log.rows().await, 1, "{form}");
    }
}

#[tokio::test]
async fn a_change_that_is_not_an_edit_leaves_the_message_unchanged() {
    let log = start().await;
    let file = json!([{"id": "F1", "name": "plan.pdf", "mimetype": "application/pdf"}]);
    send(
        &log,
        &said(TS, "see https://example.com", json!({"files": file})),
    )
    .await;
    let before = json!({"text": "see https://example.com", "files": file});
    let preview = json!([{"from_url": "https://example.com", "title": "Somebody else's words"}]);
    let now = |more: &Value| {
        let mut now = before.clone();
        now.as_object_mut()
            .expect("fields")
            .extend(more.as_object().expect("fields").clone());
        now
    };
    let at = "1795979176.000100";
    let mut reply = changed(at, json!({"text": "see https://example.com"}), json!({}));
    reply["event"]["subtype"] = "message_replied".into();
    for event in [
        changed(at, now(&json!({"attachments": preview})), before.clone()),
        changed(
            at,
            now(&json!({"reply_count": 2, "thread_ts": TS})),
            before.clone(),
        ),
        changed(
            at,
            now(&json!({"subtype": "channel_topic", "text": "topic"})),
            before.clone(),
        ),
        changed(at, json!({"text": "", "hidden": true}), before.clone()),
        changed(at, json!({}), before.clone()),
        reply,
    ] {
        assert_eq!(send(&log, &event).await.status, 200, "{event}");
        let item = item(&log).await;
        assert_eq!(item["message"], "see https://example.com", "{event}");
        assert_eq!(item["metadata"]["files"], file, "{event}");
        assert_eq!(item["edited_at"], Value::Null, "{event}");
    }
    let deleted = json!({"files": [{"id": "F1", "mode": "tombstone"}]});
    send(&log, &changed(at, now(&deleted), before.clone())).await;
    assert!(!log.dump().await.contains("plan.pdf"));
}

#[tokio::test]
async fn an_edit_of_a_message_that_an_agent_logged_changes_only_the_response() {
    let log = start().await;
    let answer = json!({
        "robeing_id": "sales", "channel_id": "C024BE91L", "slack_ts": TS, "message": "when?",
        "response": [{"type": "text", "content": "soon"}], "intent": "refund", "metadata": {"model": "m1"},
    });
    assert_eq!(log.post(answer).await.status, 201);
    let own = |text: &str| json!({"text": text, "bot_id": "B1", "app_id": "A0FFV41KK"});
    send(
        &log,
        &changed("1795979176.000100", own("on Friday"), own("soon")),
    )
    .await;
    let item = item(&log).await;
    assert_eq!(
        (&item["message"], &item["response"]),
        (&json!("when?"), &json!("on Friday"))
    );
    assert_eq!(
        (&item["parts"], &item["metadata"]),
        (
            &Value::Null,
            &json!({"model": "m1", "channel": "C024BE91L", "team": "T061EG9R6", "ts": TS, "bot_id": "B1"})
        )
    );
    assert_eq!(
        log.count("select token_count::bigint from conversation.log")
            .await,
        2 + 3
    );
}

/// An edit of a message. `sent` and `edited` are too coarse to be unique.
#[derive(Clone, Debug)]
struct Edit {
    is_mention: bool,
    sent: (u32, u32),
    edited: Option<u32>,
    is_blocks: bool,
}

#[derive(Clone, Debug)]
struct Story {
    is_own: bool,
    edits: Vec<Edit>,
    deletions: Vec<(bool, u32)>,
    has_mention: bool,
    /// The order in which events arrive, each at least once.
    order: Vec<usize>,
}

fn story() -> impl Strategy<Value = Story> {
    let edit = (
        any::<bool>(),
        (0..3_u32, prop::sample::select(vec![0, 0, 7])),
        prop::option::of(0..3_u32),
        any::<bool>(),
    );
    let edit = edit.prop_map(|(is_mention, sent, edited, is_blocks)| Edit {
        is_mention,
        sent,
        edited,
        is_blocks,
    });
    (
        any::<bool>(),
        prop::collection::vec(edit, 0..4),
        prop::collection::vec((any::<bool>(), 3..5_u32), 0..2),
        any::<bool>(),
        prop::collection::vec(any::<prop::sample::Index>(), 0..4),
    )
        .prop_flat_map(|(is_own, edits, deletions, has_mention, again)| {
            let has_mention = has_mention && !is_own;
            let events = 1 + usize::from(has_mention) + edits.len() + deletions.len();
            let again = again.into_iter().map(move |at| at.index(events));
            let order: Vec<usize> = (0..events).chain(again).collect();
            Just(order).prop_shuffle().prop_map(move |order| Story {
                is_own,
                edits: edits.clone(),
                deletions: deletions.clone(),
                has_mention,
                order,
            })
        })
}

impl Story {
    fn events(&self, channel: &str) -> Vec<Value> {
        let ts = |(second, micros): (u32, u32)| format!("{}.{micros:06}", 1_795_979_175 + second);
        let whole = |mut message: Value| {
            message["channel"] = channel.into();
            message["ts"] = TS.into();
            message["thread_ts"] = "1795979170.000001".into();
            if self.is_own {
                message["bot_id"] = "B1".into();
                message["app_id"] = "A0FFV41KK".into();
            } else {
                message["user"] = "U5".into();
            }
            message
        };
        let mut events = vec![whole(
            json!({"type": "message", "channel_type": "channel", "text": "as it was"}),
        )];
        if self.has_mention {
            events.push(whole(json!({"type": "app_mention", "text": "as it was"})));
        }
        for (n, edit) in self.edits.iter().enumerate() {
            let mut now = if edit.is_blocks {
                json!({"text": "", "blocks": section(&format!("edit {n}"))})
            } else {
                json!({"text": format!("edit {n}")})
            };
            let is_mention = edit.is_mention && !self.is_own;
            if let Some(second) = edit.edited.or(is_mention.then_some(edit.sent.0)) {
                now["edited"] = json!({"user": "U5", "ts": ts((second, 0))});
            }
            let mut now = whole(now);
            events.push(if is_mention {
                now["type"] = "app_mention".into();
                now["event_ts"] = ts(edit.sent).into();
                now
            } else {
                json!({"type": "message", "subtype": "message_changed", "channel": channel,
                       "channel_type": "channel", "ts": ts(edit.sent), "message": now})
            });
        }
        for (is_tombstone, second) in &self.deletions {
            let sent = ts((*second, 0));
            events.push(if *is_tombstone {
                json!({"type": "message", "subtype": "message_changed", "channel": channel, "ts": sent,
                       "message": {"type": "message", "subtype": "tombstone", "ts": TS}})
            } else {
                json!({"type": "message", "subtype": "message_deleted", "channel": channel, "ts": sent,
                       "deleted_ts": TS})
            });
        }
        let numbered = events.into_iter().enumerate().map(|(n, event)| {
            let mut event = callback(event);
            event["event_id"] = format!("Ev{n}").into();
            event
        });
        numbered.collect()
    }

    /// The text of the newest edit.
    fn text(&self) -> Option<String> {
        if !self.deletions.is_empty() {
            return None;
        }
        let newest = self.edits.iter().enumerate().max_by_key(|(n, edit)| {
            let is_mention = edit.is_mention && !self.is_own;
            let edited = edit.edited.or(is_mention.then_some(edit.sent.0));
            (edit.sent, edited, *n)
        });
        Some(newest.map_or("as it was".to_owned(), |(n, _)| format!("edit {n}")))
    }
}

/// The columns of the row that don't depend on the channel or the time of arrival.
async fn row(log: &Fixture, channel: &str) -> Value {
    let client = log.database.client().await;
    let sql = format!(
        "select (to_jsonb(log) - '{{id,xid,content,edit_order,source_event_id,channel_id,reply_to}}'::text[])
             || jsonb_build_object('metadata', metadata - 'channel', 'is_answer', reply_to is not null)
         from conversation.log
         where channel_id = '{channel}' and message is distinct from 'question'"
    );
    let row = client.query_typed_one(&sql, &[]).await.expect("one row");
    row.get(0)
}

#[test]
fn any_order_of_a_message_its_edits_and_its_deletion_gives_the_same_row() {
    let runtime = Runtime::new().expect("a runtime");
    let log = runtime.block_on(start());
    let count = Cell::new(0);
    proptest!(config(48), |(story in story())| {
        count.set(count.get() + 1);
        let (one, other) = (format!("C{}X", count.get()), format!("C{}Y", count.get()));
        let (in_order, shuffled) = (story.events(&one), story.events(&other));
        let rows = runtime.block_on(async {
            for channel in [&one, &other] {
                let question = json!({"channel": channel});
                send(&log, &said("1795979170.000001", "question", question)).await;
            }
            let shuffled = story.order.iter().map(|at| &shuffled[*at]);
            for event in in_order.iter().chain(shuffled) {
                assert_eq!(send(&log, event).await.status, 200);
            }
            (row(&log, &one).await, row(&log, &other).await)
        });
        prop_assert_eq!(&rows.0, &rows.1);
        let field = if story.is_own { "response" } else { "message" };
        prop_assert_eq!(rows.0[field].as_str().map(str::to_owned), story.text());
    });
}

/// A text that is too long for a message.
fn too_long() -> String {
    format!("narwhal {}", "x".repeat(300_000))
}

fn edited(ts: &str, at: &str, text: &str) -> Value {
    let message = json!({
        "type": "message", "user": "U2147483697", "text": text, "ts": ts,
        "edited": {"user": "U2147483697", "ts": at},
    });
    said(
        at,
        "",
        json!({"subtype": "message_changed", "event_ts": at, "message": message}),
    )
}

fn deleted(ts: &str, at: &str) -> Value {
    said(
        at,
        "",
        json!({"subtype": "message_deleted", "event_ts": at, "deleted_ts": ts}),
    )
}

#[tokio::test]
async fn a_dead_letter_is_discarded_once_its_message_is_edited_or_deleted() {
    let log = start().await;
    for n in 0..4 {
        let (ts, at, later) = (now_ts(n), now_ts(n + 10), now_ts(n + 20));
        let original = said(&ts, &too_long(), json!({}));
        let (first, then) = match n {
            0 => (original, deleted(&ts, &at)),
            1 => (original, edited(&ts, &at, "short")),
            2 => (edited(&ts, &at, &too_long()), deleted(&ts, &later)),
            _ => (edited(&ts, &at, &too_long()), edited(&ts, &later, "short")),
        };
        let rejected = send(&log, &first).await;
        assert_eq!(rejected.status, 413, "{n}: {rejected:?}");
        assert!(log.dump().await.contains("narwhal"), "{n}");
        let changed = send(&log, &then).await;
        assert_eq!(changed.status, 200, "{n}: {changed:?}");
        assert!(!log.dump().await.contains("narwhal"), "{n}");
    }
}

#[tokio::test]
async fn a_message_that_was_deleted_before_it_arrived_becomes_no_dead_letter() {
    let log = start().await;
    let (ts, at) = (now_ts(1), now_ts(2));
    assert_eq!(send(&log, &deleted(&ts, &at)).await.status, 200);
    for late in [
        said(&ts, &too_long(), json!({})),
        edited(&ts, &at, &too_long()),
    ] {
        assert_eq!(send(&log, &late).await.status, 200);
    }
    assert!(!log.dump().await.contains("narwhal"));
}
