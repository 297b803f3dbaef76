//! Responses are bounded, whatever is stored, and pages leave out no row.

use std::collections::BTreeSet;

use message_log::page;
use platform::postgres::types::Type;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;
use uuid::Uuid;

use crate::common::{Fixture, start};

/// The bytes of a response without its items.
const FRAME: usize = 1_024;
const USER: &str = "0190b2a0-0000-7000-8000-000000000001";

/// A row of the largest accepted size, with texts that are longer in JSON.
#[derive(Clone, Debug)]
struct Large {
    letter: &'static str,
    /// The characters of its message.
    letters: i32,
    has_response: bool,
    has_parts: bool,
    /// The number of its answers, of 250,000 bytes each.
    answers: i32,
}

fn large() -> impl Strategy<Value = Large> {
    (
        prop::sample::select(vec!["x", "\u{1}", "\"", "한", "\u{1f600}"]),
        prop_oneof![Just(1), Just(1_000), Just(60_000), Just(250_000)],
        any::<bool>(),
        any::<bool>(),
        prop_oneof![4 => Just(0), 1 => Just(3), 1 => Just(130)],
    )
        .prop_map(
            |(letter, letters, has_response, has_parts, answers)| Large {
                letter,
                letters: letters / i32::try_from(letter.len()).expect("few bytes"),
                has_response,
                has_parts,
                answers,
            },
        )
}

async fn fill(it: &Fixture, robeing: &str, rows: &[Large]) -> BTreeSet<Uuid> {
    let client = it.database.client().await;
    let mut ids = BTreeSet::new();
    for row in rows {
        let id = Uuid::now_v7();
        ids.insert(id);
        client
            .execute_typed(
                "insert into conversation.log
                     (id, robeing_id, user_id, message, response, parts, metadata, token_count, source,
                      source_event_id, content, created_at)
                 select $1, $2, $3::text::uuid, text, case when $6 then text end,
                        case when $7 then jsonb_build_object('message', text) end,
                        '{}', 0, 'http', '', $1, now()
                 from (select 'walrus ' || repeat($4, $5) as text) as it",
                &[
                    (&id, Type::UUID),
                    (&robeing, Type::TEXT),
                    (&USER, Type::TEXT),
                    (&row.letter, Type::TEXT),
                    (&row.letters, Type::INT4),
                    (&row.has_response, Type::BOOL),
                    (&row.has_parts, Type::BOOL),
                ],
            )
            .await
            .expect("a row");
        for _ in 0..row.answers {
            client
                .execute_typed(
                    "insert into conversation.log
                         (id, robeing_id, response, metadata, token_count, source, source_event_id, content,
                          reply_to, created_at)
                     values ($1, $2, repeat($3, 250000 / octet_length($3)), '{}', 0, 'http', '', $1, $4, now())",
                    &[
                        (&Uuid::now_v7(), Type::UUID),
                        (&robeing, Type::TEXT),
                        (&row.letter, Type::TEXT),
                        (&id, Type::UUID),
                    ],
                )
                .await
                .expect("an answer");
        }
        let body = serde_json::json!({"robeing_id": robeing, "message": row.letter.repeat(row.letters as usize)});
        client
            .execute_typed(
                "insert into conversation.dead_letter (id, key, source, source_event_id, robeing_id, reason, body)
                 values ($1, $1, 'sqs', 'e', $2, 'bad', $3)",
                &[
                    (&id, Type::UUID),
                    (&robeing, Type::TEXT),
                    (&platform::postgres::types::Json(body), Type::JSONB),
                ],
            )
            .await
            .expect("a dead letter");
    }
    ids
}

async fn bounded(it: &Fixture, path: &str, most: usize) -> Value {
    let reply = it.app.get(path).await;
    assert_eq!(reply.status, 200, "{path}: {:?}", reply.status);
    let bytes = reply.body.len();
    assert!(bytes <= most + FRAME, "{path}: {bytes} bytes");
    reply.json()
}

/// The ids of all pages. Checks that each page is bounded and has an item.
async fn all_pages(it: &Fixture, path: &str, only: &BTreeSet<Uuid>) -> Vec<Uuid> {
    let mut ids = Vec::new();
    let mut after = String::new();
    loop {
        let page = bounded(it, &format!("{path}{after}"), page::BYTES).await;
        for item in page["items"].as_array().expect("items") {
            let id = item["id"].as_str().expect("an id").parse().expect("a UUID");
            // Without the rows of other cases.
            if only.contains(&id) {
                ids.push(id);
            }
        }
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return ids,
        }
    }
}

#[test]
fn responses_are_bounded_and_pages_leave_out_no_row() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let it = runtime.block_on(start());
    runtime.block_on(
        it.database
            .run("select conversation.add_month(current_date)"),
    );
    let cases = Config {
        cases: 3,
        max_shrink_iters: 10,
        failure_persistence: None,
        ..Config::default()
    };
    let rows = prop::collection::vec(large(), 1..14);
    let result = TestRunner::new(cases).run(&rows, |rows| {
        runtime.block_on(async {
            let robeing = format!("r{}", Uuid::now_v7().simple());
            let ids = fill(&it, &robeing, &rows).await;
            let newest_first: Vec<Uuid> = ids.iter().rev().copied().collect();
            for path in [
                format!("/v1/robeings/{robeing}/messages?limit=200"),
                format!("/v1/robeings/{robeing}/messages?limit=3"),
                format!("/v1/robeings/{robeing}/search?limit=200&q=walrus"),
                format!("/v1/users/{USER}/messages?limit=200"),
                "/v1/dead-letters?limit=200".to_owned(),
            ] {
                assert_eq!(all_pages(&it, &path, &ids).await, newest_first, "{path}");
            }
            for budget in [100, 200_000] {
                let path = format!("/v1/robeings/{robeing}/context?token_budget={budget}");
                bounded(&it, &path, page::BYTES).await;
            }
        });
        Ok(())
    });
    result.expect("within bounds");
    drop(it);
}

#[tokio::test]
async fn a_shortened_item_says_so() {
    let it = start().await;
    it.database
        .run("select conversation.add_month(current_date)")
        .await;
    let row = |answers| Large {
        letter: "x",
        letters: 10,
        has_response: false,
        has_parts: false,
        answers,
    };
    fill(&it, "few", &[row(3)]).await;
    fill(&it, "many", &[row(30)]).await;
    let few = it.get("/v1/robeings/few/messages").await;
    assert_eq!(
        few["items"][0]["answered_by"].as_array().map(Vec::len),
        Some(3)
    );
    assert_eq!(few["items"][0]["is_cut"], false);
    let many = it.get("/v1/robeings/many/messages").await;
    assert_eq!(many["items"][0]["is_cut"], true);
    // 4 MB of 250,000 bytes each.
    assert_eq!(
        many["items"][0]["answered_by"].as_array().map(Vec::len),
        Some(17)
    );
}
