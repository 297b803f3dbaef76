//! Everything that is stored is masked, whichever way it arrived.

use serde_json::json;

use crate::common::start;

const PHONE: &str = "010-1234-5678";
const OTHER: &str = "010-8765-4321";
const RRN: &str = "900101-1234567";

#[tokio::test]
async fn no_personal_data_is_anywhere_in_the_database() {
    let log = start().await;
    log.stored(json!({
        "robeing_id": "r1",
        "thread_ts": "t",
        "id": format!("key {PHONE}"),
        "message": format!("제 번호는 {PHONE}이고 주민번호는 {RRN}입니다"),
        "response": [{"type": "tool_call", "name": "call", "arguments": {PHONE: [PHONE]}}],
        "intent": format!("call {PHONE}"),
        "metadata": {PHONE: {"nested": PHONE}},
    }))
    .await;
    let dump = log.dump().await;
    assert!(
        !dump.contains("1234-5678") && !dump.contains("1234567"),
        "{dump}"
    );
    let page = log.get("/v1/robeings/r1/messages").await;
    assert_eq!(
        page["items"][0]["message"],
        "제 번호는 [PHONE_1]이고 주민번호는 [RRN]입니다"
    );
    let said = page.to_string();
    assert!(
        said.contains("[PHONE_1]") && !said.contains("1234"),
        "{said}"
    );
}

#[tokio::test]
async fn a_value_has_the_same_number_throughout_a_conversation_and_another_one_elsewhere() {
    let log = start().await;
    let say = async |thread: &str, text: String| {
        log.stored(json!({"robeing_id": "r1", "thread_ts": thread, "message": text}))
            .await;
        let page = log
            .get(&format!(
                "/v1/robeings/r1/messages?thread_ts={thread}&limit=1"
            ))
            .await;
        page["items"][0]["message"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    assert_eq!(say("t1", format!("전화 {PHONE}")).await, "전화 [PHONE_1]");
    assert_eq!(say("t1", format!("전화 {OTHER}")).await, "전화 [PHONE_2]");
    assert_eq!(
        say("t1", format!("전화 {OTHER} 또는 {PHONE}")).await,
        "전화 [PHONE_2] 또는 [PHONE_1]"
    );
    assert_eq!(say("t2", format!("전화 {OTHER}")).await, "전화 [PHONE_1]");
}

#[tokio::test]
async fn concurrent_messages_of_a_conversation_agree_on_the_numbers() {
    let log = start().await;
    let sends = (0..12).map(|n| {
        let text = format!("번호 010-5555-00{:02}", n % 4);
        let request = log.app.post(
            "/v1/messages",
            json!({"robeing_id": "r1", "thread_ts": "t", "message": text}),
        );
        tokio::spawn(async move { request.await })
    });
    for send in sends.collect::<Vec<_>>() {
        assert_eq!(send.await.expect("no panic").status, 201);
    }
    let page = log.get("/v1/robeings/r1/messages").await;
    let mut counts = std::collections::BTreeMap::new();
    for text in crate::common::texts(&page, "message") {
        *counts.entry(text).or_insert(0) += 1;
    }
    let expected = (1..=4).map(|n| (format!("번호 [PHONE_{n}]"), 3)).collect();
    assert_eq!(counts, expected);
}

#[tokio::test]
async fn a_repeat_of_a_masked_message_is_recognized() {
    let log = start().await;
    let send = || {
        log.post(json!({"robeing_id": "r1", "id": "m-1", "message": format!("{PHONE} {OTHER}")}))
    };
    assert_eq!(send().await.status, 201);
    assert_eq!(send().await.status, 200);
}
