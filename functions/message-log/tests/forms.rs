//! Search finds the forms of English words, by the index and without it.

use serde_json::json;

use crate::common::{Fixture, message, start, texts};
use crate::memory::roll_up;

/// More than the newest messages, which a search reads without the index.
const FILLERS: i64 = 100;

async fn found(log: &Fixture, q: &str) -> Vec<String> {
    let path = format!("/v1/robeings/r1/search?q={}", q.replace(' ', "+"));
    texts(&log.get(&path).await, "message")
}

const TEXTS: [&str; 8] = [
    "When will my refund arrive?",
    "Two refunds are late",
    "She runs every day",
    "Is the importer running?",
    "Our policies changed",
    "We try again",
    "He used the app",
    "환불 refunds는 언제",
];

#[tokio::test]
async fn a_word_is_found_in_each_of_its_forms() {
    let log = start().await;
    for text in TEXTS {
        log.stored(message(text)).await;
    }
    for is_indexed in [false, true] {
        if is_indexed {
            let fillers = (0..FILLERS).map(|n| message(&format!("filler {n}")));
            let items: Vec<_> = fillers.collect();
            log.app
                .post("/v1/messages/batch", json!({ "items": items }))
                .await;
            roll_up(&log).await;
        }
        for (q, places) in [
            ("refunds", &[7, 1, 0][..]),
            ("refund", &[7, 1, 0]),
            ("REFUNDED", &[7, 1, 0]),
            ("refunds late", &[1]),
            ("lately refunds", &[1]),
            ("run", &[3, 2]),
            ("running", &[3, 2]),
            ("policy", &[4]),
            ("tries", &[5]),
            ("using", &[6]),
            ("using apps", &[6]),
            ("try again", &[5]),
            // Words match anywhere in a text, as before.
            ("fun", &[7, 1, 0]),
            ("olicie", &[4]),
            ("환불 refunding", &[7]),
            ("police", &[]),
            ("usual", &[]),
        ] {
            let expected: Vec<_> = places.iter().map(|place| TEXTS[*place]).collect();
            assert_eq!(found(&log, q).await, expected, "{q} {is_indexed}");
        }
    }
}

#[tokio::test]
async fn a_memory_is_found_by_another_form_of_its_word() {
    let log = start().await;
    let mut old = message("The narwhals were shipped on Monday");
    old["thread_ts"] = "t1".into();
    log.stored(old).await;
    for n in 0..FILLERS {
        let filler =
            json!({"robeing_id": "r1", "thread_ts": "t2", "message": format!("filler {n}")});
        log.stored(filler).await;
    }
    roll_up(&log).await;
    let context = log
        .get("/v1/robeings/r1/context?thread=t2&token_budget=2000&q=shipping+a+narwhal")
        .await;
    let memory = &context["turns"][0];
    assert_eq!(memory["kind"], "memory");
    assert_eq!(memory["text"], "The narwhals were shipped on Monday");
}
