//! The content of messages in blocks, attachments and files.

use http::StatusCode;
use serde_json::{Value, json};

use super::{Fixture, now_ts, said, send, start};
use crate::common::texts;

/// The stored text of a message.
async fn stored(log: &Fixture, n: u32, message: Value) -> Value {
    let text = message["text"].as_str().unwrap_or_default().to_owned();
    let reply = send(log, &said(&now_ts(n), &text, message)).await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    log.get("/v1/robeings/sales/messages").await["items"][0].clone()
}

fn rich(elements: &Value) -> Value {
    let section = json!({"type": "rich_text_section", "elements": elements});
    json!([{"type": "rich_text", "elements": [section]}])
}

#[tokio::test]
async fn attachments_and_forwarded_messages_are_stored() {
    let log = start().await;
    let firing = json!({"title": "[FIRING:1] DiskFull", "text": "host db-3 is 97% full", "fallback": "[FIRING:1] DiskFull"});
    let forwarded = json!({"is_share": true, "author_id": "U6", "from_url": "https://acme.slack.com/archives/C1/p1",
                           "text": "Customer asks for a refund of order 55"});
    let blocks = json!([{"type": "section", "text": {"type": "mrkdwn", "text": "*Deploy failed* in stage eu-1"}}]);
    for (n, attachment, text) in [
        (1, firing, "[FIRING:1] DiskFull\nhost db-3 is 97% full"),
        (2, forwarded, "Customer asks for a refund of order 55"),
        (
            3,
            json!({"blocks": blocks}),
            "*Deploy failed* in stage eu-1",
        ),
    ] {
        let item = stored(&log, n, json!({"text": "", "attachments": [attachment]})).await;
        assert_eq!(item["message"], text);
    }
}

#[tokio::test]
async fn a_partly_bold_secret_is_masked_as_a_whole() {
    let log = start().await;
    let key = ["sk-ant-api03-AbCdEfGh", "IjKlMnOpQrStUvWxYz0123456789"];
    let blocks = rich(&json!([
        {"type": "text", "text": format!("key {}", key[0])},
        {"type": "text", "text": key[1], "style": {"italic": true}},
        {"type": "text", "text": " ask "}, {"type": "user", "user_id": "U9"},
        {"type": "text", "text": " see "}, {"type": "link", "url": "https://example.com/guide"},
        {"type": "emoji", "name": "pray"},
    ]));
    let masked = "key [SECRET] ask <@U9> see https://example.com/guide:pray:";
    let marked = format!(
        "key {}*{}* ask <@U9> see <https://example.com/guide>:pray:",
        key[0], key[1]
    );
    let longer = format!("{marked}\nand what no block says");
    for (n, text, expected) in [
        (1, "", masked.to_owned()),
        (2, marked.as_str(), masked.to_owned()),
        (3, "A summary", format!("A summary\n{masked}")),
        (
            4,
            longer.as_str(),
            format!("{masked}\nand what no block says"),
        ),
    ] {
        let item = stored(&log, n, json!({"text": text, "blocks": blocks})).await;
        assert_eq!(item["message"], expected);
    }
    assert!(!log.dump().await.contains("IjKl"));
}

#[tokio::test]
async fn a_message_with_only_a_file_is_stored_as_its_masked_name() {
    let log = start().await;
    let file = json!({"id": "F1", "title": "Q3 of 010-1234-5678", "name": "q3.pdf", "pretty_type": "PDF",
                      "mimetype": "application/pdf"});
    let snippet = json!({"id": "F2", "name": "run.sh", "pretty_type": "Shell", "preview": "echo &lt;hello&gt;"});
    let memo = json!({"id": "F3", "name": "memo.m4a", "subtype": "slack_audio", "mimetype": "audio/mp4",
                      "transcription": {"status": "complete", "preview": {"content": "call me at 010-1234-5678"}}});
    for (n, files, text) in [
        (1, json!([file]), "[file: Q3 of [PHONE_1], q3.pdf (PDF)]"),
        (2, json!([snippet]), "[file: run.sh (Shell)]\necho <hello>"),
        (
            3,
            json!([memo]),
            "[file: memo.m4a (audio/mp4)]\ncall me at [PHONE_1]",
        ),
        (
            4,
            json!([{"id": "F4", "file_access": "check_file_info"}]),
            "[file]",
        ),
    ] {
        let message = json!({"subtype": "file_share", "text": "", "files": files});
        assert_eq!(stored(&log, n, message).await["message"], text);
    }
    let message = json!({"subtype": "file_share", "text": "as promised", "files": [snippet, file]});
    let item = stored(&log, 5, message).await;
    assert_eq!(item["message"], "as promised\necho <hello>");
    assert_eq!(item["metadata"]["files"][1]["name"], "q3.pdf");
    assert!(!log.dump().await.contains("1234-5678"));
}

#[tokio::test]
async fn a_message_that_is_nested_too_deeply_or_too_large_becomes_a_dead_letter() {
    let log = start().await;
    let mut deep = json!({"type": "text", "text": "bottom"});
    for _ in 0..60 {
        deep = json!({"type": "rich_text_section", "elements": [deep]});
    }
    let many: Vec<Value> = (0..3_000)
        .map(|n| json!({"text": format!("{n} {}", "x".repeat(100))}))
        .collect();
    for (n, message, status) in [
        (1, json!({"blocks": [deep]}), 422),
        (2, json!({"attachments": many}), 413),
    ] {
        let reply = send(&log, &said(&now_ts(n), "", message)).await;
        assert_eq!(reply.status.as_u16(), status);
        assert_eq!(reply.header("x-slack-no-retry"), Some("1"));
    }
    let page = log.get("/v1/dead-letters").await;
    assert_eq!(texts(&page, "robeing_id").len(), 2);
    assert_eq!(log.rows().await, 0);
}
