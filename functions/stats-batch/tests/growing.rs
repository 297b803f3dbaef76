//! Experience, levels and stats, and the routes that show them.

use serde_json::{Value, json};

use crate::common::{app_on, start};

#[tokio::test]
async fn a_robeing_without_activity_has_level_1() {
    let it = start().await;
    let first = it.stats("r1").await;
    for (name, value) in [
        ("level", 1),
        ("experience", 0),
        ("memory_stat", 10),
        ("compute_stat", 10),
        ("empathy_stat", 10),
        ("leadership_stat", 10),
        ("ethics_stat", 10),
        ("total_conversations", 0),
        ("successful_tasks", 0),
        ("failed_tasks", 0),
    ] {
        assert_eq!(first[name], value, "{name}");
    }
    it.end_task("r1", "coding", 1, "success").await;
    let row = "select string_agg(stats::text, ',') from robeing.stats";
    let client = it.database.client().await;
    let begun: String = client.query_typed_one(row, &[]).await.unwrap().get(0);
    it.end_task("r1", "coding", 1, "success").await;
    let again: String = client.query_typed_one(row, &[]).await.unwrap().get(0);
    assert_eq!(begun, again);
    let refused = client
        .batch_execute("insert into robeing.stats (robeing_id) values ('r1')")
        .await;
    assert!(refused.is_err(), "a robeing has one row");
}

#[tokio::test]
async fn messages_and_tasks_earn_experience_levels_and_stats() {
    let it = start().await;
    it.say("r1", "2026-11-02T10:00:00Z", 30).await;
    it.end_task("r1", "coding", 10, "success").await;
    it.end_task("r1", "review", 10, "success").await;
    it.end_task("r1", "support", 5, "failure").await;
    it.roll_up().await;
    let stats = it.stats("r1").await;
    // 30 for conversations, 150 for coding, 100 for a review, and a fifth of 50 for a failed support task.
    assert_eq!(stats["experience"], 30 + 150 + 100 + 10);
    // 100 * 2 ** 1.5 = 282.8
    assert_eq!(
        (&stats["level"], &stats["next_level_at"]),
        (&json!(3), &json!(520))
    );
    assert_eq!(stats["total_conversations"], 30);
    assert_eq!(
        (&stats["successful_tasks"], &stats["failed_tasks"]),
        (&json!(2), &json!(1))
    );
    // Six points in the proportions 10 (threads), 150, 20 (direct, and support), 10 (channels) and 100 of 290.
    let five = ["memory", "compute", "empathy", "leadership", "ethics"];
    let five = five.map(|name| stats[format!("{name}_stat")].as_i64().unwrap());
    assert_eq!(five, [10, 13, 11, 10, 12]);
    assert_eq!(stats["features"], json!(["conversation", "news"]));
    let achieved: Vec<&Value> = stats["achievements"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|it| it["achieved"] == true)
        .collect();
    assert_eq!(achieved.len(), 2);
    it.is_as_recounted().await;

    // Nothing is counted twice.
    it.roll_up().await;
    assert_eq!(it.stats("r1").await["experience"], 290);
}

#[tokio::test]
async fn a_task_counts_once_per_key_and_another_task_with_the_key_is_rejected() {
    let it = start().await;
    let path = "/v1/robeings/r1/tasks";
    let task = |difficulty: i64| json!({"task_type": "coding", "difficulty": difficulty, "outcome": "success"});
    let first = it
        .app
        .post(path, task(3))
        .header("idempotency-key", "k1")
        .await;
    assert_eq!(
        (first.status.as_u16(), &first.json()["experience"]),
        (201, &json!(45))
    );
    let again = it
        .app
        .post(path, task(3))
        .header("idempotency-key", "\"k1\"")
        .await;
    assert_eq!(
        (again.status.as_u16(), again.header("idempotency-replayed")),
        (200, Some("true"))
    );
    assert_eq!(again.body, first.body);
    let mut in_body = task(3);
    in_body["idempotency_key"] = json!("k1");
    assert_eq!(it.app.post(path, &in_body).await.body, first.body);
    let other = it
        .app
        .post(path, task(4))
        .header("idempotency-key", "k1")
        .await;
    assert_eq!(other.status, 422, "{other:?}");
    let differs = it
        .app
        .post(path, &in_body)
        .header("idempotency-key", "k2")
        .await;
    assert_eq!(differs.status, 400);
    // The same key is another key for another robeing.
    let elsewhere = it
        .app
        .post("/v1/robeings/r2/tasks", task(4))
        .header("idempotency-key", "k1");
    assert_eq!(elsewhere.await.status, 201);

    let at_once = (0..10).map(|_| {
        let request = it.app.post(path, task(1)).header("idempotency-key", "k3");
        tokio::spawn(async move { request.await })
    });
    let mut statuses = Vec::new();
    for reply in at_once.collect::<Vec<_>>() {
        statuses.push(reply.await.unwrap().status.as_u16());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [&[200; 9][..], &[201]].concat());
    it.roll_up().await;
    assert_eq!(it.stats("r1").await["successful_tasks"], 2);

    for (bad, reason) in [
        (
            json!({"task_type": "Coding", "difficulty": 1, "outcome": "success"}),
            "task_type",
        ),
        (
            json!({"task_type": "a", "difficulty": 11, "outcome": "success"}),
            "difficulty must be 1 to 10",
        ),
        (
            json!({"task_type": "a", "difficulty": 1, "outcome": "draw"}),
            "must be `success` or `failure`, and is `draw`",
        ),
        (json!({"task_type": "a", "difficulty": 1}), "outcome"),
    ] {
        let refused = it.app.post(path, bad).await;
        assert_eq!(refused.status, 400);
        assert!(refused.text().contains(reason), "{refused:?}");
    }
}

#[tokio::test]
async fn task_values_can_be_configured_and_earlier_tasks_keep_theirs() {
    let it = start().await;
    it.end_task("r1", "juggling", 2, "success").await;
    let own = r#"{"juggling": {"experience": 7, "stat": "leadership"}}"#;
    let app = app_on(&it.database, &[("TASK_EXPERIENCE", own)]).await;
    let task = json!({"task_type": "juggling", "difficulty": 2, "outcome": "success"});
    let receipt = app.post("/v1/robeings/r1/tasks", task).await.json();
    assert_eq!(
        (&receipt["experience"], &receipt["stat"]),
        (&json!(14), &json!("leadership"))
    );
    it.roll_up().await;
    assert_eq!(it.stats("r1").await["experience"], 20 + 14);
    it.is_as_recounted().await;
}

#[tokio::test]
async fn growth_is_a_series_by_the_days_of_the_robeings_time_zone() {
    let it = start().await;
    // 23:30 on 1 November and 00:30 on 2 November in Seoul.
    it.say("r1", "2026-11-01T14:30:00Z", 5).await;
    it.say("r1", "2026-11-01T15:30:00Z", 7).await;
    it.say("r1", "2026-10-01T00:00:00Z", 100).await;
    it.roll_up().await;
    let growth = it
        .get("/v1/robeings/r1/growth?from=2026-11-01&to=2026-11-03")
        .await;
    assert_eq!(growth["timezone"], "Asia/Seoul");
    let day = |n: usize| growth["days"][n].clone();
    assert_eq!(
        day(0),
        json!({"day": "2026-11-01", "conversations": 5, "successful_tasks": 0, "failed_tasks": 0, "earned": 5, "experience": 105, "level": 2,
               "feedback": {"given": 0, "positive": 0, "negative": 0, "positive_share": null, "negative_share": null}})
    );
    assert_eq!(
        (&day(1)["earned"], &day(1)["experience"]),
        (&json!(7), &json!(112))
    );
    assert_eq!(
        (&day(2)["day"], &day(2)["earned"], &day(2)["experience"]),
        (&json!("2026-11-03"), &json!(0), &json!(112))
    );
    let utc = it
        .get("/v1/robeings/r1/growth?from=2026-11-01&to=2026-11-01&timezone=UTC")
        .await;
    assert_eq!(utc["days"][0]["earned"], 12);
    let usual = it.get("/v1/robeings/nobody/growth").await;
    let usual = usual["days"].as_array().unwrap();
    assert_eq!(usual.len(), 30);
    for day in usual {
        assert_eq!(
            (&day["earned"], &day["experience"], &day["level"]),
            (&json!(0), &json!(0), &json!(1))
        );
    }
    for query in [
        "timezone=Mars",
        "timezone=",
        "from=2026-11-02&to=2026-11-01",
        "from=2020-01-01&to=2026-01-01",
        "from=x",
        "to=-004713-01-01",
        "from=9999-12-30",
    ] {
        let refused = it.app.get(&format!("/v1/robeings/r1/growth?{query}")).await;
        assert_eq!(refused.status, 400, "{query}");
    }
    for query in ["to=0001-01-01", "from=9998-12-31"] {
        it.get(&format!("/v1/robeings/r1/growth?{query}")).await;
    }
}

#[tokio::test]
async fn robeings_are_ranked_by_experience_page_by_page() {
    let it = start().await;
    for (robeing, count) in [("b", 3), ("a", 3), ("c", 9), ("d.e", 1), ("f", 3)] {
        it.say(robeing, "2026-11-02T10:00:00Z", count).await;
    }
    it.roll_up().await;
    let mut ranked = Vec::new();
    let mut next = String::new();
    loop {
        let page = it.get(&format!("/v1/robeings?limit=2{next}")).await;
        let items = page["items"].as_array().unwrap();
        ranked.extend(
            items
                .iter()
                .map(|it| it["robeing_id"].as_str().unwrap().to_owned()),
        );
        match page["next"].as_str() {
            Some(after) => next = format!("&after={after}"),
            None => break,
        }
    }
    assert_eq!(ranked, ["c", "a", "b", "f", "d.e"]);
    for query in ["limit=0", "limit=201", "after=x", "before=x"] {
        assert_eq!(
            it.app.get(&format!("/v1/robeings?{query}")).await.status,
            400,
            "{query}"
        );
    }
}

#[tokio::test]
async fn experience_saturates_at_its_maximum() {
    let it = start().await;
    it.end_task("r1", "coding", 1, "success").await;
    let most = |hours_ago: i64| {
        format!(
            "insert into robeing.task
                 (id, robeing_id, key, task_type, difficulty, outcome, stat, experience, created_at)
             select gen_random_uuid(), 'r1', gen_random_uuid(), 'coding', 1, 'success', stat,
                    9223372036854775807, now() - {hours_ago} * interval '1 hour'
             from generate_series(1, 3), unnest('{{compute,ethics}}'::text[]) as stat"
        )
    };
    // Within an hour, a day, and several days; and again, when the rows exist.
    for _ in 0..2 {
        for hours_ago in [0, 1, 2, 24, 25, 800, 801, 900] {
            it.database.run(&most(hours_ago)).await;
        }
        it.roll_up().await;
    }
    it.say("r1", "2026-11-02T10:00:00Z", 3).await;
    it.roll_up().await;
    let stats = it.stats("r1").await;
    assert_eq!(stats["experience"], i64::MAX);
    assert!(stats["level"].as_i64().unwrap() > 200_000_000_000);
    it.is_as_recounted().await;
    let growth = it.get("/v1/robeings/r1/growth").await;
    for day in [0, 28, 29] {
        assert_eq!(growth["days"][day]["experience"], i64::MAX, "{day}");
    }
    let ranked = it.get("/v1/robeings?limit=1").await;
    assert_eq!(ranked["items"][0]["experience"], i64::MAX);
}

#[tokio::test]
async fn growth_counts_the_feedback_of_each_day_on_messages_that_are_stored() {
    let it = start().await;
    it.say("r1", "2026-11-01T14:30:00Z", 1).await;
    it.say("r2", "2026-11-01T14:30:00Z", 1).await;
    // 23:30 on 1 November and 00:30 on 2 November in Seoul.
    it.database
        .run(
            "insert into conversation.feedback
                 (id, key, message_id, robeing_id, name, value, comment, source, given_at, removed_at)
             select gen_random_uuid(), gen_random_uuid(), log.id, log.robeing_id, name, value::jsonb, comment, 'http', at::timestamptz,
                    case when is_removed then now() end
             from conversation.log
             cross join (values
                 ('helpful', 'true', null, '2026-11-01T14:30:00Z', false),
                 ('stars', '3', null, '2026-11-01T14:30:00Z', false),
                 ('stars', '0', null, '2026-11-01T14:30:00Z', false),
                 ('helpful', 'false', null, '2026-11-01T14:30:00Z', false),
                 ('topic', '\"refund\"', null, '2026-11-01T14:30:00Z', false),
                 ('note', null, 'long', '2026-11-01T14:30:00Z', false),
                 ('reaction', '1', null, '2026-11-01T14:30:00Z', true),
                 ('reaction', '-1', null, '2026-11-01T15:30:00Z', false)) as given (name, value, comment, at, is_removed)
             where reply_to is null;
             insert into conversation.feedback (id, key, message_id, robeing_id, name, value, source, given_at)
             values (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'r1', 'reaction', '1', 'slack', '2026-11-01T14:30:00Z')",
        )
        .await;
    let growth = it
        .get("/v1/robeings/r1/growth?from=2026-11-01&to=2026-11-03")
        .await;
    let counts = |given: i64, positive: i64, negative: i64, shares: [Option<f64>; 2]| {
        json!({"given": given, "positive": positive, "negative": negative,
               "positive_share": shares[0], "negative_share": shares[1]})
    };
    for (day, feedback) in [
        counts(6, 2, 1, [Some(0.5), Some(0.25)]),
        counts(1, 0, 1, [Some(0.0), Some(1.0)]),
        counts(0, 0, 0, [None, None]),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(growth["days"][day]["feedback"], feedback, "{day}");
    }
    it.database
        .run("update conversation.log set deleted_at = now() where robeing_id = 'r1'")
        .await;
    let deleted = it
        .get("/v1/robeings/r1/growth?from=2026-11-01&to=2026-11-01")
        .await;
    assert_eq!(
        deleted["days"][0]["feedback"],
        counts(0, 0, 0, [None, None])
    );
}
