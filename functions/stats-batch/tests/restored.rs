//! A restore into another cluster, where transaction ids start over.

use crate::common::start;

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
