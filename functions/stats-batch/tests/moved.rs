//! A place that becomes known after its message was stored, beside a roll-up.

use std::time::Duration;

use platform::postgres::types::Type;
use serde_json::json;

use crate::common::{Fixture, start};
use crate::erased::{ERASE, MOVE};

#[tokio::test]
async fn a_message_gets_its_place_at_once_while_a_roll_up_is_open_and_delays_none() {
    let it = start().await;
    it.say("r1", "2026-11-02T10:00:00Z", 9).await;
    it.roll_up().await;
    let roll_up = it.database.client().await;
    roll_up
        .batch_execute("begin; select from robeing.watermark for update")
        .await
        .unwrap();
    let merge = it.database.client().await;
    merge
        .batch_execute("set statement_timeout = '2s'; begin")
        .await
        .unwrap();
    merge
        .batch_execute(MOVE)
        .await
        .expect("the merge waits for no roll-up");
    roll_up.batch_execute("rollback").await.unwrap();
    assert_eq!(it.roll_up_once().await["complete"], true);
    merge.batch_execute("commit").await.unwrap();
    it.is_as_recounted().await;
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Order {
    Before,
    /// After the roll-up has read the log, and before it commits.
    During,
    After,
}

#[tokio::test]
async fn a_place_that_becomes_known_beside_a_roll_up_counts_once_in_any_order() {
    for order in [Order::Before, Order::During, Order::After] {
        let it = start().await;
        it.say("r1", "2026-11-02T10:00:00Z", 9).await;
        if order == Order::Before {
            it.database.run(MOVE).await;
        }
        it.until_horizon_passed().await;
        if order == Order::During {
            move_during_roll_up(&it).await;
        } else {
            it.roll_up().await;
        }
        if order == Order::After {
            it.database.run(MOVE).await;
        }
        // Two of the messages turn out to be answers.
        let conversations = if order == Order::Before { 7 } else { 9 };
        let counted = &it.stats("r1").await["total_conversations"];
        assert_eq!(counted, conversations, "{order:?}");
        it.is_as_recounted().await;
        it.roll_up().await;
        let left = "select count(*) from robeing.moved";
        assert_eq!(
            it.count(left).await > 0,
            order != Order::Before,
            "{order:?}"
        );
        it.is_as_recounted().await;
    }
}

/// Lets a roll-up wait at the end of its statement, until the messages have their place.
async fn move_during_roll_up(it: &Fixture) {
    it.database
        .run(
            "create function public.wait() returns trigger language plpgsql as
             $$ begin perform pg_advisory_xact_lock(7); return new; end $$;
             create trigger wait before insert on robeing.stats for each row execute function public.wait()",
        )
        .await;
    let gate = it.database.client().await;
    gate.batch_execute("select pg_advisory_lock(7)")
        .await
        .unwrap();
    let roll_up = tokio::spawn({
        let request = it.app.post("/events/stats-batch", json!({}));
        async move { request.await }
    });
    let waiting = "select count(*) from pg_locks join pg_database on pg_database.oid = database
                   where locktype = 'advisory' and not granted and datname = current_database()";
    for _ in 0..500 {
        if it.count(waiting).await == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(it.count(waiting).await, 1, "the roll-up has read the log");
    it.database.run(MOVE).await;
    gate.batch_execute("select pg_advisory_unlock(7)")
        .await
        .unwrap();
    let reply = roll_up.await.unwrap();
    assert_eq!(reply.status, 200);
    assert!(reply.json()["rows"].as_i64() > Some(0), "{reply:?}");
}

/// The counts of all quarter hours, by place.
const HOURS: &str =
    "select sum(in_threads * 1000000 + direct * 1000 + in_channels)::int8 from robeing.growth";

/// Counts like the roll-up of a release that knows nothing of `robeing.moved`.
async fn roll_up_by_0_1_0(it: &Fixture) {
    let mut client = it.database.client().await;
    let db = client.transaction().await.expect("a transaction");
    let row = db
        .query_typed_one(
            "select xid::text as below, pg_snapshot_xmin(pg_current_snapshot())::text as horizon
             from robeing.watermark where name = 'stats-batch' for update",
            &[],
        )
        .await
        .expect("the watermark");
    let (from, to): (String, String) = (row.get("below"), row.get("horizon"));
    db.query_typed(
        include_str!("releases/0.1.0/roll_up.sql"),
        &[(&from, Type::TEXT), (&to, Type::TEXT)],
    )
    .await
    .expect("counts");
    db.execute_typed(
        "update robeing.watermark set xid = $1::text::xid8 where name = 'stats-batch'",
        &[(&to, Type::TEXT)],
    )
    .await
    .expect("the watermark");
    db.commit().await.expect("a commit");
}

#[tokio::test]
async fn what_the_roll_up_of_an_earlier_release_counts_is_not_corrected_later() {
    let it = start().await;
    it.say("r1", "2026-11-02T10:00:00Z", 9).await;
    it.until_horizon_passed().await;
    roll_up_by_0_1_0(&it).await;
    it.database.run(MOVE).await;
    it.say("r2", "2026-11-02T10:00:00Z", 9).await;
    it.database
        .run(&MOVE.replace("reply_to is null", "reply_to is null and robeing_id = 'r2'"))
        .await;
    it.until_horizon_passed().await;
    roll_up_by_0_1_0(&it).await;
    let counted = it.count(HOURS).await;
    // The levels, which the statement leaves to its caller.
    it.rebuild().await;
    assert_eq!(it.count(HOURS).await, counted);
    it.roll_up().await;
    it.is_as_recounted().await;
    assert_eq!(it.stats("r1").await["total_conversations"], 9);
    assert_eq!(it.stats("r2").await["total_conversations"], 7);
}

#[tokio::test]
async fn what_an_earlier_release_counts_again_is_not_corrected_later() {
    let it = start().await;
    it.say("r1", "2026-11-02T10:00:00Z", 9).await;
    it.roll_up().await;
    it.database.run(MOVE).await;
    let below = "select xid::text::int8 from robeing.watermark";
    let below = it.count(below).await.to_string();
    it.database
        .client()
        .await
        .query_typed(
            include_str!("releases/0.1.0/rebuild.sql"),
            &[(&below, Type::TEXT)],
        )
        .await
        .expect("counts");
    let counted = it.count(HOURS).await;
    it.rebuild().await;
    assert_eq!(it.count(HOURS).await, counted);
    it.is_as_recounted().await;
    assert_eq!(it.stats("r1").await["total_conversations"], 7);
}

#[tokio::test]
async fn a_recount_forgets_the_differences_to_months_that_have_left_the_log() {
    let it = start().await;
    for day in ["2026-10-02T10:00:00Z", "2026-11-02T10:00:00Z"] {
        it.say("r1", day, 9).await;
    }
    it.roll_up().await;
    it.database.run(MOVE).await;
    it.database.run(ERASE).await;
    it.database
        .run("delete from conversation.log where id in (select id from conversation.log order by id desc limit 3)")
        .await;
    let of_october = "select (select count(*) from robeing.moved where hour < '2026-11-01T00:00:00Z')
                           + (select count(*) from robeing.removed where hour < '2026-11-01T00:00:00Z')";
    let of_november = "select count(*) from robeing.removed where hour >= '2026-11-01T00:00:00Z'";
    it.is_as_recounted().await;
    assert!(it.count(of_october).await > 0, "the month is in the log");
    it.database.run("drop table conversation.log_2026_10").await;
    it.is_as_recounted().await;
    assert_eq!(it.count(of_october).await, 0);
    assert!(it.count(of_november).await > 0);
    assert_eq!(it.stats("r1").await["total_conversations"], 18);
}
