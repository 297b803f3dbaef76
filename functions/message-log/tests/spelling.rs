//! Search finds a word in every spelling that people take for the same.

use serde_json::json;

use crate::common::{Fixture, message, start, texts};
use crate::memory::roll_up;

/// More than the newest messages, which a search reads without the index.
const FILLERS: i64 = 100;

async fn found(log: &Fixture, q: &str) -> Vec<String> {
    let q: String = q.bytes().map(|byte| format!("%{byte:02X}")).collect();
    texts(
        &log.get(&format!("/v1/robeings/r1/search?q={q}")).await,
        "message",
    )
}

/// Stores newer messages and rolls up, so that search has to find the older ones by the index.
async fn until_indexed(log: &Fixture) {
    let items: Vec<_> = (0..FILLERS)
        .map(|n| message(&format!("filler {n}")))
        .collect();
    log.app
        .post("/v1/messages/batch", json!({ "items": items }))
        .await;
    roll_up(log).await;
}

const SPELLINGS: [(&str, &[&str]); 12] = [
    (
        "my re\u{200b}fund is late",
        &[
            "refund",
            "re\u{200b}fund",
            "re\u{ad}fund",
            "REFUND",
            "ｒｅｆｕｎｄ",
        ],
    ),
    (
        "환\u{200b}불 요\u{2060}청",
        &["환불", "환\u{200b}불", "요청"],
    ),
    ("the con\u{ad}tract", &["contract"]),
    ("\u{feff}invoice \u{202b}total\u{202c}", &["invoice total"]),
    ("می\u{200c}خواهم", &["میخواهم", "می\u{200c}خواهم"]),
    ("un café serré", &["cafe", "café", "cafe\u{301}", "serre"]),
    ("le re\u{301}sume\u{301}", &["resume", "résumé"]),
    ("phở Việt Nam", &["pho viet", "phở việt"]),
    ("Straße in Łódź", &["strasse", "straße", "lodz"]),
    ("IĞDIR ışık", &["ığdır", "isik"]),
    ("مُحَمَّد في المدرسة", &["محمد", "المدرسه", "محـمد"]),
    ("שָׁלוֹם עולם", &["שלום"]),
];

#[tokio::test]
async fn search_finds_words_with_invisible_letters_accents_and_vowel_marks_and_shows_the_original()
{
    let log = start().await;
    for (text, _) in SPELLINGS {
        log.stored(message(text)).await;
    }
    log.stored(message("ガス か が")).await;
    // Without the index, and by it.
    for is_indexed in [false, true] {
        if is_indexed {
            until_indexed(&log).await;
        }
        for (text, queries) in SPELLINGS {
            for q in queries {
                assert_eq!(found(&log, q).await, [text], "{q:?} {is_indexed}");
            }
        }
        assert_eq!(found(&log, "ｶﾞス").await, ["ガス か が"]);
        assert!(found(&log, "カス").await.is_empty());
    }
}

#[tokio::test]
async fn messages_that_an_earlier_release_indexed_are_found_once_a_roll_up_has_indexed_them_again()
{
    let log = start().await;
    for (text, _) in SPELLINGS {
        let mut message = message(text);
        message["created_at"] = json!("2026-10-20T10:00:00Z");
        log.stored(message).await;
    }
    until_indexed(&log).await;
    // The n-grams of another release.
    log.database
        .run(
            "update conversation.search_posting set ngram = ngram # 4711;
             update conversation.search_tail set ngrams = array(select it # 4711 from unnest(ngrams) as it)",
        )
        .await;
    assert!(found(&log, "cafe").await.is_empty());
    log.database
        .run(
            "insert into conversation.outdated_day (day) values ('2026-10-20');
             insert into conversation.outdated_day (day, after_id) values ('2026-10-19', 'ffffffff-ffff-ffff-ffff-ffffffffffff')",
        )
        .await;
    roll_up(&log).await;
    assert_eq!(
        log.count("select count(*) from conversation.outdated_day")
            .await,
        0
    );
    for (text, queries) in SPELLINGS {
        for q in queries {
            assert_eq!(found(&log, q).await, [text], "{q:?}");
        }
    }
}

#[tokio::test]
async fn a_search_without_words_is_refused_and_names_the_parameter() {
    let log = start().await;
    for query in [
        "",
        "?q=",
        "?q=%20",
        "?q=%E2%80%8B",
        "?q=%D9%8B%D9%8C",
        "?q=a",
        "?limit=5",
    ] {
        let refused = log.app.get(&format!("/v1/robeings/r1/search{query}")).await;
        assert_eq!(refused.status, 400, "{query}");
        let detail = refused.json()["detail"].to_string();
        assert!(detail.starts_with("\"q "), "{query}: {detail}");
    }
}
