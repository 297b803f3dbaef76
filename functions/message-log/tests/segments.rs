//! Segments of the index: packed, merged, and updated after edits.

use message_log::search::{Lookup, Segments, Terms};
use platform::postgres::scoped::{self, Scope};
use platform::work::Workers;
use robeing::ROBEINGS;
use serde_json::json;
use uuid::Uuid;

use crate::common::{Fixture, message, start, texts};
use crate::memory::roll_up;

/// Inserts messages of `r1` in March. The n-th is about `order<n>`, and each two share a time key.
async fn insert(log: &Fixture, from: i64, to: i64) {
    let add_month = "select conversation.add_month('2026-03-01')";
    log.database.run(add_month).await;
    log.database
        .run(&format!(
            "insert into conversation.log
                 (id, robeing_id, message, metadata, token_count, source, source_event_id, content, created_at)
             select (lpad(to_hex((extract(epoch from at) * 1000)::int8), 12, '0') || '70008000'
                         || lpad(to_hex(n / 2 + n % 2 * 65536), 12, '0'))::uuid,
                    'r1', 'about order' || n, '{{}}', 3, 'http', n::text, gen_random_uuid(), at
             from generate_series({from}, {to} - 1) as n,
                  lateral (select timestamptz '2026-03-02 00:00Z' + n / 2 * interval '1 s' as at) as it"
        ))
        .await;
}

async fn found(log: &Fixture, q: &str) -> Vec<String> {
    let path = format!("/v1/robeings/r1/search?limit=200&q={q}");
    texts(&log.get(&path).await, "message")
}

/// The number of messages per segment, largest first.
async fn segments(log: &Fixture) -> Vec<i32> {
    let client = log.database.client().await;
    let rows = client
        .query_typed(
            "select messages from conversation.search_segment order by messages desc",
            &[],
        )
        .await
        .expect("segments");
    rows.iter().map(|row| row.get(0)).collect()
}

/// The number of posting lists with the time key of a message.
async fn mentions(log: &Fixture, n: i64) -> i64 {
    log.count(&format!(
        "select count(*)
         from conversation.search_posting,
              generate_series(1, octet_length(time_keys), 5) as at
         where substring(time_keys from at for 5)
               = int4send((86400 + {n} / 2) * 1000) || substring(int4send({n} / 2) from 4)"
    ))
    .await
}

#[tokio::test]
async fn small_segments_are_merged_and_every_message_is_found_in_segments_of_any_size() {
    let log = start().await;
    let mut seen = Vec::new();
    for from in (0..2_700).step_by(300) {
        insert(&log, from, from + 300).await;
        roll_up(&log).await;
        seen.push(segments(&log).await);
    }
    let of_300 = vec![300; 6];
    assert_eq!([&seen[0], &seen[5]], [&vec![300], &of_300]);
    assert_eq!(seen[8], [2_100, 300, 300]);
    insert(&log, 2_700, 2_720).await;
    roll_up(&log).await;
    let tail = "select count(*) from conversation.search_tail";
    assert_eq!(log.count(tail).await, 20);
    insert(&log, 2_720, 2_750).await;
    roll_up(&log).await;
    assert_eq!(log.count(tail).await, 0);
    assert_eq!(segments(&log).await, [2_100, 300, 300, 50]);

    for n in [0, 299, 300, 1_777, 2_100, 2_699, 2_700, 2_749] {
        let text = format!("about order{n}");
        let all = found(&log, &format!("order{n}")).await;
        assert_eq!(all.last(), Some(&text), "{all:?}");
    }
    let expected: Vec<String> = (0..2_750)
        .rev()
        .filter(|n: &i32| n.to_string().contains("77"))
        .map(|n| format!("about order{n}"))
        .collect();
    let with_77 = found(&log, "77").await;
    // Two digits are an n-gram only if no other digit is next to them.
    assert!(with_77.iter().all(|text| expected.contains(text)));
    let with_177: Vec<String> = expected
        .into_iter()
        .filter(|it| it.contains("177"))
        .collect();
    assert_eq!(found(&log, "177").await, with_177);
    assert_eq!(found(&log, "about").await.len(), 200);
    assert!(found(&log, "order9999").await.is_empty());

    // Later messages of an earlier time are in their own segment.
    insert(&log, 10_000, 10_300).await;
    log.database
        .run(
            "update conversation.log
             set message = 'about order177 again', id = (left(id::text, 24) || 'ffffffffffff')::uuid
             where message = 'about order10177'",
        )
        .await;
    roll_up(&log).await;
    assert_eq!(found(&log, "order177").await[0], "about order177 again");
}

/// The hits of a search that began before `meanwhile` runs.
async fn found_beside(log: &Fixture, q: &str, meanwhile: impl Future<Output = ()>) -> Vec<String> {
    let mut client = log.database.client().await;
    let db = scoped::read(&mut client, &Scope::only(ROBEINGS, ["r1"])).await;
    let db = db.expect("a transaction");
    let segments = Segments::open(&db, "r1").await.expect("segments");
    meanwhile.await;
    let lookup = Lookup {
        robeing_id: "r1",
        queries: &[Terms::of(q)],
        past: Uuid::max(),
        wanted: 5,
        max_messages: i64::MAX,
        max_candidates: usize::MAX,
        workers: &Workers::default(),
    };
    let found = segments.find(&db, &lookup).await.expect("hits");
    let found = found.into_iter().flat_map(|found| found.hits);
    found.filter_map(|hit| hit.message).collect()
}

#[tokio::test]
async fn a_search_finds_messages_that_are_packed_or_merged_while_it_runs() {
    let log = start().await;
    insert(&log, 0, 20).await;
    roll_up(&log).await;
    insert(&log, 20, 300).await;
    let found = found_beside(&log, "order15", roll_up(&log)).await;
    assert_eq!(found, ["about order15"]);
    assert_eq!(segments(&log).await, [300]);

    for from in (300..1_800).step_by(300) {
        insert(&log, from, from + 300).await;
        roll_up(&log).await;
    }
    insert(&log, 1_800, 2_100).await;
    let found = found_beside(&log, "order1777", roll_up(&log)).await;
    assert_eq!(found, ["about order1777"]);
    assert_eq!(segments(&log).await, [2_100]);
}

#[tokio::test]
async fn an_edited_message_leaves_its_segment_and_messages_with_the_same_time_key_stay_searchable()
{
    let log = start().await;
    insert(&log, 0, 300).await;
    roll_up(&log).await;
    assert!(mentions(&log, 100).await > 5);
    log.database
        .run(
            "insert into conversation.edited (id, robeing_id)
             select id, robeing_id from conversation.log
             where message in ('about order100', 'about order200');
             update conversation.log set message = 'receipt' where message = 'about order100';
             update conversation.log set message = null where message = 'about order200'",
        )
        .await;
    roll_up(&log).await;
    assert_eq!(
        (mentions(&log, 100).await, mentions(&log, 200).await),
        (0, 0)
    );
    assert_eq!(found(&log, "receipt").await, ["receipt"]);
    for gone in ["order100", "order200"] {
        assert!(found(&log, gone).await.is_empty(), "{gone}");
    }
    for left in ["order101", "order201", "order102"] {
        assert_eq!(found(&log, left).await, [format!("about {left}")]);
    }
    // Messages with the same time keys that still have a text wait in the tail for the next segment.
    let tail = "select count(*) from conversation.search_tail";
    assert_eq!(log.count(tail).await, 3);
}

#[tokio::test]
async fn edits_reach_the_first_and_the_last_millisecond_of_a_segment() {
    let log = start().await;
    insert(&log, 0, 100).await;
    log.database
        .run(
            "insert into conversation.log
                 (id, robeing_id, message, metadata, token_count, source, source_event_id, content, created_at)
             select (left(id::text, 32) || 'ffff')::uuid, 'r1', 'beside ' || message, '{}', 3, 'http', id::text,
                    gen_random_uuid(), created_at
             from conversation.log;
             update conversation.log set id = (left(id::text, 24) || '00000000ff00')::uuid
             where message in ('about order0', 'about order99')",
        )
        .await;
    roll_up(&log).await;
    for n in [0, 99] {
        log.database
            .run(&format!(
                "insert into conversation.edited (id, robeing_id)
                 select id, robeing_id from conversation.log where message = 'about order{n}';
                 update conversation.log set message = null where message = 'about order{n}'"
            ))
            .await;
    }
    let lists = "select sum(octet_length(time_keys))::int8 from conversation.search_posting";
    let before = log.count(lists).await;
    roll_up(&log).await;
    assert!(log.count(lists).await <= before - 2 * 5 * 3);
}

#[tokio::test]
async fn many_messages_of_one_millisecond_are_all_found() {
    let log = start().await;
    let at = "2026-03-01T00:00:00Z";
    let items: Vec<_> = (0..400)
        .map(|n| json!({"robeing_id": "r1", "message": format!("order{n} imported"), "created_at": at}))
        .collect();
    log.app
        .post("/v1/messages/batch", json!({ "items": items }))
        .await;
    log.stored(message("something else")).await;
    roll_up(&log).await;
    assert_eq!(found(&log, "order123").await, ["order123 imported"]);
    let mut all = 0;
    let mut after = String::new();
    loop {
        let page = log
            .get(&format!(
                "/v1/robeings/r1/search?limit=150&q=imported{after}"
            ))
            .await;
        all += texts(&page, "id").len();
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(all, 400);
}

#[tokio::test]
async fn a_transaction_too_large_for_one_chunk_is_rolled_up_in_parts_each_row_once() {
    let log = start().await;
    // One transaction with 6,000 messages of 3,000 bytes, four of them per millisecond. A trigger fails the second chunk.
    log.database
        .run(
            "select conversation.add_month('2026-03-01');
             insert into conversation.log
                 (id, robeing_id, message, metadata, token_count, source, source_event_id, content, created_at)
             select (lpad(to_hex((extract(epoch from at) * 1000)::int8), 12, '0') || '70008000'
                         || lpad(to_hex(n), 10, '0') || '07')::uuid,
                    'r1', 'about order' || n || repeat(' 가나다', 300), '{}', 3, 'http', n::text, gen_random_uuid(), at
             from generate_series(0, 5999) as n,
                  lateral (select timestamptz '2026-03-02 00:00Z' + n / 4 * interval '1 ms' as at) as it;
             create function fail() returns trigger language plpgsql as $$ begin raise 'stopped'; end $$;
             create trigger fail before update on conversation.watermark
             for each row when (old.after_id <> '00000000-0000-0000-0000-000000000000')
             execute function fail()",
        )
        .await;
    until_stopped(&log).await;
    let counted = "select coalesce(sum(messages), 0)::int8 from conversation.activity";
    let part = log.count(counted).await;
    assert!((1_000..2_000).contains(&part), "{part} rows of 4 MB");

    // Messages that share a time key with an edited one are removed with it, and added again if they are rolled up.
    log.database
        .run(
            "drop trigger fail on conversation.watermark;
             insert into conversation.edited (id, robeing_id, xid)
             select id, robeing_id, '8' from conversation.log where message like 'about order101 %'",
        )
        .await;
    roll_up(&log).await;
    assert_eq!(log.count(counted).await, 6_000);
    let late = "select count(*) from conversation.log
                where (xid, id) > (select xid, after_id from conversation.watermark)";
    assert_eq!(log.count(late).await, 0);
    for n in [0, 100, 101, 103, part - 1, part, 5_900] {
        let mut all = found(&log, &format!("order{n}")).await;
        all.retain(|text| text.starts_with(&format!("about order{n} ")));
        assert_eq!(all.len(), 1, "{n}");
    }
}

/// Rolls up until the trigger fails it. Transactions in other databases of the server hold the horizon back for a moment.
async fn until_stopped(log: &Fixture) {
    for _ in 0..500 {
        if log.app.post("/events/message-log", json!({})).await.status == 500 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("the roll-up has nothing to do");
}
