//! Concurrency: late commits, several roll-ups at once, a roll-up that is killed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;

use crate::common::{app_on, say, start};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_writers_with_slow_transactions_lose_nothing() {
    const WRITERS: i64 = 24;
    const TRANSACTIONS: i64 = 20;
    let it = start().await;
    let writers = (0..WRITERS).map(|writer| {
        let client = it.database.client();
        async move {
            let client = client.await;
            for n in 0..TRANSACTIONS {
                client.batch_execute("begin").await.unwrap();
                say(
                    &client,
                    &format!("r{}", (writer + n) % 5),
                    "2026-11-02T10:00:00Z",
                    3,
                )
                .await;
                if (writer * TRANSACTIONS + n) % 50 == 0 {
                    tokio::time::sleep(Duration::from_millis(300)).await;
                }
                client.batch_execute("commit").await.unwrap();
            }
        }
    });
    let done = Arc::new(AtomicBool::new(false));
    let batch = {
        let (done, app) = (done.clone(), it.app.service());
        tokio::spawn(async move {
            let mut runs = 0;
            while !done.load(Ordering::Relaxed) {
                let request = http::Request::post("/events/stats-batch")
                    .body(axum::body::Body::from("{}"))
                    .unwrap();
                let reply = tower::ServiceExt::oneshot(app.clone(), request)
                    .await
                    .unwrap();
                assert_eq!(reply.status(), 200);
                runs += 1;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            runs
        })
    };
    futures::future::join_all(writers).await;
    done.store(true, Ordering::Relaxed);
    assert!(batch.await.unwrap() > 5);
    it.roll_up().await;
    let counted = it
        .count("select sum(total_conversations)::int8 from robeing.stats")
        .await;
    assert_eq!(counted, WRITERS * TRANSACTIONS * 3);
    it.is_as_recounted().await;
}

#[tokio::test]
async fn a_late_commit_is_counted_later_and_as_of_is_before_it() {
    let it = start().await;
    let slow = it.database.client().await;
    slow.batch_execute("begin; select pg_current_xact_id()")
        .await
        .unwrap();
    it.say("r1", "2026-11-02T10:00:00Z", 5).await;
    for _ in 0..3 {
        it.roll_up_once().await;
    }
    let as_of = "select (as_of >= (select xact_start from pg_stat_activity
                     where datname = current_database() and backend_xid is not null and pid <> pg_backend_pid() limit 1))::int::int8
                 from robeing.watermark";
    assert_eq!(it.count(as_of).await, 0);
    assert_eq!(it.stats("r1").await["total_conversations"], 0);
    say(&slow, "r1", "2026-11-02T11:00:00Z", 2).await;
    slow.batch_execute("commit").await.unwrap();
    it.roll_up().await;
    assert_eq!(it.stats("r1").await["total_conversations"], 7);
    it.roll_up_once().await;
    let behind = "select (extract(epoch from now() - as_of) < 5)::int::int8 from robeing.watermark";
    for _ in 0..500 {
        if it.count(behind).await == 1 {
            return;
        }
        it.roll_up_once().await;
    }
    panic!("as_of does not catch up");
}

#[tokio::test]
async fn of_several_concurrent_roll_ups_one_proceeds_and_a_killed_one_has_done_nothing() {
    let it = start().await;
    it.say("r1", "2026-11-02T10:00:00Z", 20).await;
    let held = it.database.client().await;
    held.batch_execute("begin; select from robeing.watermark for update")
        .await
        .unwrap();
    let skipped = it.roll_up_once().await;
    assert_eq!(
        skipped,
        json!({"rows": 0, "robeings": 0, "complete": false})
    );
    held.batch_execute("rollback").await.unwrap();

    // The trigger kills a roll-up in the middle of its transaction.
    it.database
        .run("create function public.die() returns trigger language plpgsql as
              $$ begin perform pg_terminate_backend(pg_backend_pid()); perform pg_sleep(1); return new; end $$;
              create trigger die before insert on robeing.stats for each row execute function public.die()")
        .await;
    let app = app_on(&it.database, &[]).await;
    let mut killed = app.post("/events/stats-batch", json!({})).await;
    // Transactions in other databases of the server hold the horizon back for a moment.
    while killed.status == 200 && killed.json()["rows"] == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        killed = app.post("/events/stats-batch", json!({})).await;
    }
    assert_eq!(killed.status, 503);
    assert_eq!(it.count("select count(*) from robeing.growth").await, 0);
    it.database.run("drop trigger die on robeing.stats").await;

    let runs = (0..6).map(|_| {
        let request = it.app.post("/events/stats-batch", json!({}));
        tokio::spawn(async move { request.await })
    });
    for run in runs.collect::<Vec<_>>() {
        assert_eq!(run.await.unwrap().status, 200);
    }
    it.roll_up().await;
    assert_eq!(it.stats("r1").await["total_conversations"], 20);
    it.is_as_recounted().await;
}

#[tokio::test]
async fn a_chunk_that_takes_too_long_is_retried_as_smaller_ones() {
    let it = start().await;
    // Each conversation has its own transaction, all of which have ended. The trigger simulates a server that is too
    // slow for 200 conversations at once.
    it.say("r1", "2026-11-02T10:00:00Z", 600).await;
    it.database
        .run("update conversation.log set xid = (3 + extract(epoch from created_at)::int8 % 600)::text::xid8;
              create function public.slow() returns trigger language plpgsql as
              $$ begin raise exception 'too long' using errcode = 'query_canceled'; end $$;
              create trigger slow before insert on robeing.stats
              for each row when (new.total_conversations > 200) execute function public.slow()")
        .await;
    it.roll_up().await;
    it.database.run("drop trigger slow on robeing.stats").await;
    assert_eq!(it.stats("r1").await["total_conversations"], 600);
    it.is_as_recounted().await;
}
