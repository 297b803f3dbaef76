//! A restore into another cluster, where transaction ids start over.

use crate::common::start;
use crate::erased::{ERASE, MOVE};

#[tokio::test]
async fn after_a_restore_into_another_cluster_everything_is_counted_again() {
    let it = start().await;
    it.say("r1", "2026-11-02T10:00:00Z", 9).await;
    it.end_task("r1", "coding", 5, "success").await;
    it.roll_up().await;
    it.say("r1", "2026-11-02T11:00:00Z", 3).await;
    it.end_task("r2", "review", 5, "success").await;
    // Rows and watermarks of a cluster that was far ahead. Some rows were not rolled up there.
    it.database
        .run(
            "update robeing.watermark set cluster = 1, xid = '9000000000', next_xid = '9000000000';
              update conversation.cluster set system_identifier = 1;
              update conversation.log set xid = (xid::text::int8 + 8999999000)::text::xid8;
              update robeing.task set xid = (xid::text::int8 + 8999999000)::text::xid8",
        )
        .await;
    it.roll_up().await;
    assert_eq!(it.stats("r1").await["total_conversations"], 12);
    assert_eq!(it.stats("r2").await["successful_tasks"], 1);
    it.is_as_recounted().await;
    it.say("r1", "2026-11-02T12:00:00Z", 1).await;
    it.roll_up().await;
    assert_eq!(it.stats("r1").await["total_conversations"], 13);
    let ours = "select count(*) from robeing.watermark where cluster = (select system_identifier from pg_control_system())";
    assert_eq!(it.count(ours).await, 1);
}

/// What a restore into another cluster does to the watermarks and to the transactions of all rows.
const RESTORE: &str = "
    update robeing.watermark set cluster = 1, xid = (xid::text::int8 + 8999999000)::text::xid8, next_xid = '9000000000';
    update conversation.cluster set system_identifier = 1;
    update conversation.log set xid = (xid::text::int8 + 8999999000)::text::xid8;
    update robeing.moved set row_xid = (row_xid::text::int8 + 8999999000)::text::xid8";

#[tokio::test]
async fn after_a_restore_a_place_that_became_known_later_changes_no_count() {
    let moved = |robeing: &str| {
        let of_robeing = format!("reply_to is null and robeing_id = '{robeing}'");
        MOVE.replace("reply_to is null", &of_robeing)
    };
    // The roll-up of message-log adopts the restored messages as well.
    for is_adopted_first in [false, true] {
        let it = start().await;
        it.say("r1", "2026-11-02T10:00:00Z", 9).await;
        it.roll_up().await;
        it.database.run(&moved("r1")).await;
        // Not counted before the restore, so it is counted where it is now.
        it.say("r2", "2026-11-02T10:00:00Z", 9).await;
        it.database.run(&moved("r2")).await;
        it.say("r3", "2026-11-02T10:00:00Z", 9).await;
        it.database.run(RESTORE).await;
        if is_adopted_first {
            it.database.run("select conversation.adopt_cluster()").await;
        }
        it.say("r4", "2026-11-02T10:00:00Z", 9).await;
        for robeing in ["r3", "r4"] {
            it.database.run(&moved(robeing)).await;
        }
        it.roll_up().await;
        assert_eq!(it.stats("r1").await["total_conversations"], 9);
        assert_eq!(it.stats("r2").await["total_conversations"], 7);
        it.is_as_recounted().await;
        it.roll_up().await;
        it.is_as_recounted().await;
    }
}

#[tokio::test]
async fn the_time_to_adopt_or_erase_messages_grows_with_their_number_only() {
    let it = start().await;
    it.say("r1", "2026-11-02T10:00:00Z", 10_000).await;
    it.roll_up().await;
    let client = it.database.client().await;
    // The plans of these statements stay in the session.
    for _ in 0..10 {
        client
            .batch_execute(
                "update conversation.log set xid = xid
                 where id = (select id from conversation.log order by id limit 1)",
            )
            .await
            .expect("a small statement");
    }
    let erase = ERASE.replace("limit 7", "limit 20000");
    // The square of the number takes more than a minute.
    let limited = format!("set statement_timeout = '20s'; {erase}");
    client
        .batch_execute(
            "update conversation.cluster set system_identifier = 1;
             set statement_timeout = '20s';
             select conversation.adopt_cluster()",
        )
        .await
        .expect("the rows are adopted in time");
    client
        .batch_execute(&limited)
        .await
        .expect("the rows are erased in time");
    let erased = "select count(*) from conversation.log where deleted_at is not null";
    assert_eq!(it.count(erased).await, 20_000);
}
