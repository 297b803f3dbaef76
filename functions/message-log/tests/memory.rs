//! Search, context and patterns.

use serde_json::{Value, json};

use crate::common::{Fixture, message, start, texts};

/// Rolls up until all messages are rolled up. Transactions in other databases of the server hold the horizon back for a
/// moment.
pub async fn roll_up(log: &Fixture) {
    for _ in 0..500 {
        log.app.post("/events/message-log", json!({})).await;
        let open =
            "select (select count(*) from conversation.edited) + count(*) from conversation.log
                    where xid >= (select xid from conversation.watermark)";
        if log.count(open).await == 0 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("the roll-up does not come to an end");
}

async fn found(log: &Fixture, q: &str) -> Vec<String> {
    let q: String = q.bytes().map(|byte| format!("%{byte:02x}")).collect();
    texts(
        &log.get(&format!("/v1/robeings/r1/search?q={q}")).await,
        "message",
    )
}

#[tokio::test]
async fn a_word_is_found_with_any_particle_before_and_after_a_roll_up() {
    let log = start().await;
    for text in [
        "환불은 언제 되나요",
        "배송 언제 와요",
        "환불해 주세요",
        "REFUND please",
        "ＡＩ 모델",
        "무관한 말",
    ] {
        log.stored(message(text)).await;
    }
    log.stored(json!({"robeing_id": "r2", "message": "환불 다른 로빙"}))
        .await;
    for round in 0..2 {
        assert_eq!(
            found(&log, "환불").await,
            ["환불해 주세요", "환불은 언제 되나요"],
            "{round}"
        );
        assert_eq!(
            found(&log, "언제 환불").await,
            ["환불은 언제 되나요"],
            "{round}"
        );
        assert_eq!(found(&log, "refund").await, ["REFUND please"], "{round}");
        assert_eq!(found(&log, "ai").await, ["ＡＩ 모델"], "{round}");
        assert!(found(&log, "없는말").await.is_empty(), "{round}");
        roll_up(&log).await;
    }
    for q in ["", "q=%EB%8F%88", "q=a"] {
        assert_eq!(
            log.app
                .get(&format!("/v1/robeings/r1/search?{q}"))
                .await
                .status,
            400,
            "{q}"
        );
    }
}

#[tokio::test]
async fn a_search_is_newest_first_across_months_and_pages() {
    let log = start().await;
    for n in 0..12 {
        let at = format!("2026-{:02}-{:02}T00:00:00Z", 6 + n % 4, 1 + n);
        log.stored(json!({"robeing_id": "r1", "message": format!("환불 {n}"), "created_at": at}))
            .await;
    }
    for _ in 0..2 {
        let mut all = Vec::new();
        let mut next = String::new();
        loop {
            let page = log
                .get(&format!(
                    "/v1/robeings/r1/search?q=%ED%99%98%EB%B6%88&limit=5{next}"
                ))
                .await;
            all.extend(texts(&page, "created_at"));
            match page["next"].as_str() {
                Some(after) => next = format!("&after={after}"),
                None => break,
            }
        }
        let mut sorted = all.clone();
        sorted.sort_unstable_by(|one, other| other.cmp(one));
        assert_eq!((all.len(), &all), (12, &sorted));
        roll_up(&log).await;
    }
}

#[tokio::test]
async fn older_messages_are_found_by_the_index_in_any_month() {
    let log = start().await;
    log.stored(message("환불 규정이 궁금해요")).await;
    // More messages of two months than a search reads without the index.
    for month in ["2026-10", "2026-11"] {
        let items: Vec<Value> = (0..300)
            .map(|n| {
                let at = format!("{month}-01T00:{:02}:{:02}Z", n / 60, n % 60);
                json!({"robeing_id": "r1", "message": format!("점심 {n}"), "created_at": at})
            })
            .collect();
        log.app
            .post("/v1/messages/batch", json!({ "items": items }))
            .await;
    }
    let old = "2026-09-01T00:00:00Z";
    log.stored(json!({"robeing_id": "r1", "message": "환불 되나요", "created_at": old}))
        .await;
    roll_up(&log).await;
    assert_eq!(
        found(&log, "환불").await,
        ["환불 규정이 궁금해요", "환불 되나요"]
    );
    assert_eq!(found(&log, "점심 7").await.len(), 20);
    assert_eq!(found(&log, "점심 299").await, ["점심 299", "점심 299"]);
    let context = log
        .get("/v1/robeings/r1/context?thread_ts=new&q=%EB%90%98%EB%82%98%EC%9A%94")
        .await;
    assert_eq!(context["turns"][0]["text"], "환불 되나요");
}

#[tokio::test]
async fn an_edited_or_deleted_message_is_not_found_by_its_old_text() {
    let log = start().await;
    log.stored(message("환불 요청")).await;
    roll_up(&log).await;
    log.database
        .run("update conversation.log set message = null, deleted_at = now()")
        .await;
    assert!(found(&log, "환불").await.is_empty());
}

#[tokio::test]
async fn a_context_has_the_last_turns_and_related_older_messages_within_the_budget() {
    let log = start().await;
    let say = async |thread: &str, text: &str, answer: &str| {
        log.stored(
            json!({"robeing_id": "r1", "thread_ts": thread, "message": text, "response": answer}),
        )
        .await
    };
    let old = say(
        "t1",
        "환불 규정이 어떻게 되나요",
        "영수증이 있으면 삼십일 안에 됩니다",
    )
    .await;
    say("t2", "점심 뭐 먹지", "김치찌개").await;
    say("t3", "안녕하세요", "안녕하세요").await;
    say("t3", "환불규정에 대해 알려주세요", "잠시만요").await;
    log.stored(json!({"robeing_id": "r1", "thread_ts": "t3", "message": "환불 됩니까"}))
        .await;
    roll_up(&log).await;

    let path = "/v1/robeings/r1/context?thread_ts=t3&token_budget=1000";
    let context = log.get(path).await;
    let turns = context["turns"].as_array().expect("turns");
    let kinds: Vec<&str> = turns
        .iter()
        .map(|turn| turn["kind"].as_str().unwrap_or_default())
        .collect();
    assert_eq!(
        kinds,
        [
            "memory", "memory", "recent", "recent", "recent", "recent", "recent"
        ]
    );
    assert_eq!(turns[0]["id"], old);
    let text = context["context"].as_str().unwrap_or_default();
    assert!(
        text.starts_with("user: 환불 규정이") && text.ends_with("user: 환불 됩니까\n"),
        "{text}"
    );
    assert!(!text.contains("점심"));

    let first = log.app.get(path).await;
    assert_eq!(first.body, log.app.get(path).await.body);
    for n in 0..40 {
        say(
            "t4",
            &format!("긴 이야기 {n} {}", "가나다라 ".repeat(20)),
            "네",
        )
        .await;
    }
    for budget in [100, 150, 400, 1_000] {
        let context = log
            .get(&format!(
                "/v1/robeings/r1/context?thread_ts=t4&token_budget={budget}"
            ))
            .await;
        assert!(
            context["tokens"].as_i64().unwrap_or(i64::MAX) <= budget,
            "{context}"
        );
        let last = context["turns"]
            .as_array()
            .and_then(|turns| turns.last().cloned());
        assert!(
            last.is_some_and(|turn| turn["kind"] == "recent"),
            "{budget}"
        );
    }
    assert_eq!(
        log.get("/v1/robeings/nobody/context").await["turns"],
        json!([])
    );
    assert_eq!(
        log.app
            .get("/v1/robeings/r1/context?token_budget=1")
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn patterns_report_days_hours_intents_questions_and_confidence() {
    let log = start().await;
    let items = json!([
        {"robeing_id": "r1", "thread_ts": "a", "message": "환불은 언제 되나요?", "intent": "refund", "confidence": 0.5, "created_at": "2026-11-01T14:10:00Z"},
        {"robeing_id": "r1", "thread_ts": "a", "response": "곧", "created_at": "2026-11-01T14:11:00Z"},
        {"robeing_id": "r1", "thread_ts": "b", "message": "환불은  언제 되나요", "intent": "refund", "confidence": 1.0, "created_at": "2026-11-01T15:30:00Z"},
        {"robeing_id": "r1", "thread_ts": "b", "message": "고마워", "intent": "thanks", "created_at": "2026-11-02T15:40:00Z"},
        {"robeing_id": "r2", "thread_ts": "b", "message": "다른 로빙?", "intent": "other", "created_at": "2026-11-02T15:40:00Z"},
    ]);
    log.app
        .post("/v1/messages/batch", json!({"items": items}))
        .await;
    roll_up(&log).await;
    let patterns = log
        .get("/v1/robeings/r1/patterns?from=2026-11-01&to=2026-11-03&timezone=UTC")
        .await;
    let day = |at: usize, field: &str| patterns["days"][at][field].clone();
    assert_eq!(
        (
            day(0, "day"),
            day(0, "conversations"),
            day(0, "messages"),
            day(0, "responses")
        ),
        (json!("2026-11-01"), json!(2), json!(2), json!(1))
    );
    assert_eq!(
        (day(1, "day"), day(1, "conversations"), day(1, "messages")),
        (json!("2026-11-02"), json!(0), json!(1))
    );
    assert_eq!(
        (day(0, "confidence"), day(1, "confidence")),
        (json!(0.75), Value::Null)
    );
    assert_eq!(
        (&patterns["hours"][14], &patterns["hours"][15]),
        (&json!(1), &json!(2))
    );
    assert_eq!(
        patterns["intents"][0],
        json!({"intent": "refund", "messages": 2, "confidence": 0.75})
    );
    assert_eq!(
        patterns["questions"],
        json!([{"question": "환불은 언제 되나요", "asked": 2}])
    );

    let seoul = log
        .get("/v1/robeings/r1/patterns?from=2026-11-01&to=2026-11-03")
        .await;
    assert_eq!(
        texts(&json!({"items": seoul["days"]}), "day"),
        ["2026-11-01", "2026-11-02", "2026-11-03"]
    );
    for query in [
        "timezone=Mars",
        "from=2026-11-02&to=2026-11-01",
        "from=2020-01-01&to=2026-01-01",
    ] {
        assert_eq!(
            log.app
                .get(&format!("/v1/robeings/r1/patterns?{query}"))
                .await
                .status,
            400,
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_roll_up_adds_each_row_once_with_late_commits_and_starts_over_in_another_cluster() {
    let log = start().await;
    let slow = log.database.client().await;
    log.stored(message("first")).await;
    slow.batch_execute("begin; select pg_current_xact_id()")
        .await
        .expect("a transaction");
    log.stored(message("second")).await;
    log.app.post("/events/message-log", json!({})).await;
    let counted = "select coalesce(sum(messages), 0)::int8 from conversation.activity";
    assert!(
        log.count(counted).await <= 1,
        "nothing beyond what may still commit"
    );
    slow.batch_execute(
        "insert into conversation.log
             (id, robeing_id, message, metadata, token_count, source, source_event_id, content, created_at)
         select (left(id::text, 35) || to_hex((get_byte(uuid_send(id), 15) & 15) # 1))::uuid, 'r1',
                'late', '{}', 0, 'http', '', content, created_at
         from conversation.log
         limit 1;
         commit",
    )
    .await
    .expect("a late commit");
    roll_up(&log).await;
    assert_eq!(log.count(counted).await, 3);
    roll_up(&log).await;
    assert_eq!(log.count(counted).await, 3);

    log.database
        .run("update conversation.watermark set cluster = 1, xid = '9000000000'")
        .await;
    log.app.post("/events/message-log", json!({})).await;
    roll_up(&log).await;
    assert_eq!(log.count(counted).await, 3);
    assert_eq!(found(&log, "late").await, ["late"]);
}

#[tokio::test]
async fn a_roll_up_of_more_rows_than_a_chunk_follows_the_order_of_transactions() {
    let log = start().await;
    log.stored(message("the first makes room for the month"))
        .await;
    // In numeric order, 9 is before 10.
    log.database
        .run(
            "insert into conversation.log
                 (id, robeing_id, message, metadata, token_count, source, source_event_id, content, xid, created_at)
             select (left(id::text, 24) || lpad(to_hex(n), 12, '0'))::uuid, 'r1', 'invoice', '{}', 2, 'http', n::text, id,
                    (case when n <= 10 then '9' else '10' end)::xid8, created_at
             from conversation.log, generate_series(1, 10200) as n",
        )
        .await;
    roll_up(&log).await;
    let searched = "select (select sum(messages)::int8 from conversation.search_segment) + count(*)
                    from conversation.search_tail";
    assert_eq!(log.count(searched).await, 10_201);
}

#[tokio::test]
async fn of_several_concurrent_roll_ups_one_does_the_work() {
    let log = start().await;
    for n in 0..20 {
        log.stored(message(&n.to_string())).await;
    }
    let runs = (0..6).map(|_| {
        let request = log.app.post("/events/message-log", json!({}));
        tokio::spawn(async move { request.await })
    });
    for run in runs.collect::<Vec<_>>() {
        assert_eq!(run.await.expect("no panic").status, 200);
    }
    roll_up(&log).await;
    assert_eq!(
        log.count("select sum(messages)::int8 from conversation.activity")
            .await,
        20
    );
}
