//! Partitions are created ahead of time; old months are archived, verified, and only then dropped.

use std::time::Duration;

use serde_json::json;

use crate::common::{KIM, LEE, OLD, said, start, start_with};

#[tokio::test]
async fn an_old_month_is_archived_as_a_whole_and_dropped_from_the_database() {
    let it = start().await;
    let mut ids = Vec::new();
    for (user, text, day) in [
        (KIM, "언제 오나요?", "2025-08-01"),
        (LEE, "second", "2025-08-31"),
        (KIM, "third", "2025-08-15"),
    ] {
        ids.push(it.stored(said("r1", user, text, day)).await);
    }
    let young = it.stored(said("r1", KIM, "young", "2026-01-01")).await;
    it.roll_up().await;

    let ran = it.run().await;

    let month = &ran["archived"][0];
    assert_eq!(
        (
            &month["month"],
            &month["state"],
            &month["rows"],
            &month["parts"]
        ),
        (
            &json!("2025-08-01"),
            &json!("dropped"),
            &json!(3),
            &json!(1)
        )
    );
    assert_eq!(it.live_ids().await, [young.parse::<uuid::Uuid>().unwrap()]);
    for table in ["log_2025_08", "search_posting_2025_08"] {
        let left = format!("select count(*) from pg_class where relname = '{table}'");
        assert_eq!(it.count(&left).await, 0, "{table}");
    }
    assert_eq!(
        it.count("select count(*) from conversation.search_tail")
            .await,
        1
    );
    ids.sort();
    let archived = it.archived_ids().await;
    assert_eq!(
        archived.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ids
    );
    // Personal data can be read only with the keys.
    let objects = it.objects(&format!("archive/conversation.log/{OLD}"));
    assert_eq!(objects.len(), 1);
    for text in ["오나요", "second", "note", KIM] {
        let text = text.as_bytes();
        assert!(!objects[0].1.windows(text.len()).any(|it| it == text));
    }
    assert!(!it.dump().await.contains("오나요"));
    assert!(it.is_anywhere("오나요").await);
    // A second run has nothing to do.
    assert_eq!(it.run().await["archived"], json!([]));
}

#[tokio::test]
async fn partitions_are_created_three_months_ahead() {
    let it = start().await;
    assert_eq!(it.run().await["months_made"], 4);
    assert_eq!(it.run().await["months_made"], 0);
    let months = "select count(*) from pg_inherits where inhparent = 'conversation.log'::regclass";
    assert_eq!(it.count(months).await, 4);
}

#[tokio::test]
async fn a_month_is_archived_only_after_its_roll_up() {
    let it = start().await;
    it.stored(said("r1", KIM, "how many?", "2025-08-10")).await;
    let ran = it.run().await;
    assert_eq!(
        (&ran["archived"][0]["state"], &ran["archived"][0]["rows"]),
        (&json!("closed"), &json!(0))
    );
    assert_eq!(it.live_ids().await.len(), 1);
    assert!(it.objects("archive").is_empty());

    it.roll_up().await;
    assert_eq!(
        it.count("select messages from conversation.activity").await,
        1
    );
    assert_eq!(it.run().await["archived"][0]["state"], "dropped");
}

#[tokio::test]
async fn messages_for_a_closed_month_are_refused_with_the_reason() {
    let it = start().await;
    it.stored(said("r1", KIM, "kept", "2025-08-10")).await;
    let refused = |it: kit::Reply| {
        assert_eq!(it.status, 422, "{it:?}");
        assert!(it.json()["detail"].as_str().unwrap().contains("archive"));
    };
    it.run().await;
    refused(it.post(said("r1", KIM, "on the way", "2025-08-11")).await);
    it.roll_up().await;
    it.run().await;
    refused(it.post(said("r1", KIM, "verspaetet", "2025-08-11")).await);

    // The other messages of a batch are stored.
    let items = json!({"items": [said("r1", KIM, "verspaetet", "2025-08-11"), said("r1", KIM, "new", "now")]});
    let reply = it.log.post("/v1/messages/batch", items).await.json();
    assert_eq!(
        (&reply["items"][0]["status"], &reply["items"][1]["status"]),
        (&json!(422), &json!(201))
    );
    // A delivery from a queue becomes a dead letter without its text.
    let event = json!({"Records": [{"messageId": "m1", "eventSource": "aws:sqs",
        "body": said("r1", KIM, "verspaetet from a queue", "2025-08-11").to_string()}]});
    it.log.invoke(&event).await.expect("an answer");
    assert_eq!(
        it.count("select count(*) from conversation.dead_letter where body is null")
            .await,
        1
    );
    assert!(!it.is_anywhere("verspaetet").await);
}

#[tokio::test]
async fn months_are_archived_in_order_including_empty_ones() {
    let it = start().await;
    it.stored(said("r1", KIM, "a", "2025-07-10")).await;
    it.stored(said("r1", KIM, "b", "2025-08-10")).await;
    it.database
        .run("select conversation.add_month('2025-06-01')")
        .await;
    it.roll_up().await;
    let ran = it.run().await;
    let states: Vec<_> = ran["archived"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (&it["month"], &it["rows"]))
        .collect();
    assert_eq!(
        states,
        [
            (&json!("2025-06-01"), &json!(0)),
            (&json!("2025-07-01"), &json!(1)),
            (&json!("2025-08-01"), &json!(1))
        ]
    );
    assert!(it.live_ids().await.is_empty());
}

#[tokio::test]
async fn a_response_in_the_next_month_belongs_to_the_person_it_answers() {
    let it = start().await;
    let asked = it.stored(said("r1", KIM, "a question", "2025-08-31")).await;
    it.stored(
        json!({"robeing_id": "r1", "response": "the answer repeats a question", "reply_to": asked,
        "created_at": "2025-09-01T00:00:01Z"}),
    )
    .await;
    it.stored(
        json!({"robeing_id": "r1", "response": "an answer of the same month repeats a question",
        "reply_to": asked, "created_at": "2025-08-31T13:00:00Z"}),
    )
    .await;
    it.roll_up().await;
    let ran = it.run().await;
    assert_eq!(ran["archived"].as_array().unwrap().len(), 2);
    assert_eq!(
        it.count("select count(distinct user_id) from privacy.person_key")
            .await,
        1
    );

    it.erase(json!({"user_id": KIM})).await;
    assert!(!it.is_anywhere("repeats").await);
}

#[tokio::test]
async fn concurrent_runs_archive_a_month_once() {
    let it = start().await;
    for n in 0..50 {
        it.stored(said("r1", KIM, &format!("m{n}"), "2025-08-10"))
            .await;
    }
    it.roll_up().await;
    let runs = (0..4).map(|_| {
        let request = it.app.post("/events/privacy", json!({}));
        tokio::spawn(async move { request.await })
    });
    let mut ran = 0;
    for run in runs.collect::<Vec<_>>() {
        let reply = run.await.expect("no panic");
        assert_eq!(reply.status, 200, "{reply:?}");
        ran += u32::from(reply.json()["ran"] == true);
    }
    assert!(ran >= 1);
    assert_eq!(it.archived_ids().await.len(), 50);
    assert_eq!(it.objects("archive").len(), 1);
    assert!(it.live_ids().await.is_empty());
}

#[tokio::test]
async fn an_interrupted_detach_of_a_partition_is_resumed() {
    let it = start().await;
    it.stored(said("r1", KIM, "a", "2025-08-10")).await;
    it.stored(said("r1", KIM, "b", "now")).await;
    it.roll_up().await;
    // A reader makes the second half of the detach wait, and then its connection is terminated.
    let reader = it.database.client().await;
    let read = "begin; set local app.robeings = '*'; select from conversation.log";
    reader.batch_execute(read).await.expect("a reader");
    let request = it.app.post("/events/privacy", json!({}));
    let run = tokio::spawn(async move { request.await });
    let pending = "select count(*) from pg_inherits where inhdetachpending";
    for _ in 0..500 {
        if it.count(pending).await > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(it.count(pending).await, 1);
    it.database
        .run(
            "select pg_terminate_backend(pid) from pg_stat_activity
              where query like 'alter table%' and datname = current_database()",
        )
        .await;
    assert!(run.await.expect("no panic").status.is_server_error());
    reader.batch_execute("commit").await.expect("a reader");
    assert_eq!(
        it.count("select count(*) from privacy.month where state = 'archived'")
            .await,
        1
    );

    it.expire_leases().await;
    assert_eq!(it.run().await["archived"][0]["state"], "dropped");
    assert_eq!(it.live_ids().await.len(), 1);
    assert_eq!(it.archived_ids().await.len(), 1);
}

#[tokio::test]
async fn a_manually_detached_partition_is_not_archived_as_empty() {
    let it = start().await;
    it.stored(said("r1", KIM, "a", "2025-08-10")).await;
    it.run().await;
    it.roll_up().await;
    it.database
        .run("alter table conversation.log detach partition conversation.log_2025_08")
        .await;
    let reply = it.app.post("/events/privacy", json!({})).await;
    assert_eq!(reply.status, 500, "{reply:?}");
    // The detached partition still has its rows.
    assert!(it.dump().await.contains("note a"));
}

#[tokio::test]
async fn writers_are_not_blocked_while_a_month_is_dropped() {
    let it = start_with(&[("DATABASE_POOL_SIZE", "4")]).await;
    for n in 0..200 {
        it.stored(said("r1", KIM, &format!("m{n}"), "2025-08-10"))
            .await;
    }
    it.roll_up().await;
    let writer = tokio::spawn({
        let requests: Vec<_> = (0..200)
            .map(|n| {
                it.log
                    .post("/v1/messages", said("r1", LEE, &format!("w{n}"), "now"))
            })
            .collect();
        async move {
            let mut longest = Duration::ZERO;
            for request in requests {
                let started = std::time::Instant::now();
                let reply = request.await;
                longest = longest.max(started.elapsed());
                assert_eq!(reply.status, 201, "{reply:?}");
            }
            longest
        }
    });
    assert_eq!(it.run().await["archived"][0]["state"], "dropped");
    // `tests/bench/privacy.rs` measures the real duration.
    assert!(writer.await.expect("no panic") < Duration::from_secs(2));
}
