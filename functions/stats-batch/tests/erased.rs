//! Rows that leave the log stay counted, once.

use personal::{Identity, Owner as _, Subject};
use platform::postgres::scoped;
use stats_batch::personal::Stats;
use uuid::Uuid;

use crate::common::start;

/// Erases rows like an erasure of a person, which leaves nothing to count.
pub const ERASE: &str = "update conversation.log
    set message = null, channel_id = null, channel_type = null, thread_ts = null, reply_to = null, metadata = '{}',
        content = '00000000-0000-0000-0000-000000000000', deleted_at = now()
    where id in (select id from conversation.log order by id limit 7)";

#[tokio::test]
async fn erasing_and_deleting_rows_changes_no_count() {
    for is_rolled_up in [true, false] {
        let it = start().await;
        it.say("r1", "2026-11-02T10:00:00Z", 9).await;
        it.say("r2", "2026-11-02T10:59:58Z", 9).await;
        let twin = start().await;
        twin.say("r1", "2026-11-02T10:00:00Z", 9).await;
        twin.say("r2", "2026-11-02T10:59:58Z", 9).await;
        twin.roll_up().await;
        if is_rolled_up {
            it.roll_up().await;
        }
        it.database.run(ERASE).await;
        // Deletes erased rows, and rows that were not erased.
        it.database
            .run("delete from conversation.log where id in (select id from conversation.log order by id limit 12)")
            .await;
        it.roll_up().await;
        let without_ids = |state: String| -> Vec<String> {
            let lines = state
                .lines()
                .map(|line| match line.split_once("\"id\": \"") {
                    Some((_, rest)) => rest.split_once("\", ").unwrap_or_default().1.to_owned(),
                    None => line.to_owned(),
                });
            let dates = |line: String| {
                line.split("\"created_at\"")
                    .next()
                    .unwrap_or_default()
                    .to_owned()
            };
            lines.map(dates).collect()
        };
        let hours = "select coalesce(sum(in_threads * 1000000 + direct * 1000 + in_channels), 0)::int8 from robeing.growth";
        assert_eq!(
            it.count(hours).await,
            twin.count(hours).await,
            "{is_rolled_up}"
        );
        for robeing in ["r1", "r2"] {
            let (one, other) = (it.stats(robeing).await, twin.stats(robeing).await);
            for name in [
                "experience",
                "level",
                "total_conversations",
                "memory_stat",
                "empathy_stat",
            ] {
                assert_eq!(one[name], other[name], "{name} {is_rolled_up}");
            }
        }
        assert_eq!(
            without_ids(it.state().await).len(),
            without_ids(twin.state().await).len()
        );
        it.is_as_recounted().await;
    }
}

#[tokio::test]
async fn a_month_that_left_the_log_stays_counted() {
    let it = start().await;
    it.say("r1", "2026-09-02T10:00:00Z", 9).await;
    it.say("r1", "2026-11-02T10:00:00Z", 9).await;
    it.end_task("r1", "coding", 5, "success").await;
    it.roll_up().await;
    it.database
        .run("delete from conversation.log where id in (select id from conversation.log order by id limit 3)")
        .await;
    it.database
        .run("alter table conversation.log detach partition conversation.log_2026_09; drop table conversation.log_2026_09")
        .await;
    assert_eq!(it.stats("r1").await["total_conversations"], 18);
    it.is_as_recounted().await;
    // Wrong counts of months in the log are corrected.
    it.database
        .run("delete from robeing.growth where hour >= '2026-10-01'; update robeing.stats set total_conversations = 1, level = 9")
        .await;
    assert!(it.rebuild().await.changed > 0);
    assert_eq!(it.stats("r1").await["total_conversations"], 18);
    it.is_as_recounted().await;
}

#[tokio::test]
async fn everything_is_counted_again_from_nothing() {
    let it = start().await;
    it.say("r1", "2026-11-02T10:00:00Z", 40).await;
    it.say("r2", "2026-10-02T10:00:00Z", 30).await;
    it.end_task("r2", "coding", 5, "failure").await;
    it.roll_up().await;
    // Not rolled up yet, so the rebuild doesn't count it.
    it.say("r1", "2026-11-02T10:00:00Z", 5).await;
    let before = it.state().await;
    it.database.run("truncate robeing.growth").await;
    it.database
        .run("update robeing.stats set total_conversations = 0, experience = 7, level = 3, memory_experience = 5, ethics_stat = 0, failed_tasks = 9")
        .await;
    it.rebuild().await;
    assert_eq!(it.state().await, before);
}

#[tokio::test]
async fn an_erased_robeing_is_gone_from_every_table() {
    let it = start().await;
    it.say("r1", "2026-11-02T10:00:00Z", 4).await;
    it.say("r2", "2026-11-02T10:00:00Z", 4).await;
    it.end_task("r1", "coding", 5, "success").await;
    it.roll_up().await;
    it.say("r1", "2026-11-02T10:00:00Z", 4).await;
    it.database.run(MOVE).await;
    it.database
        .run("delete from conversation.log where robeing_id = 'r1'")
        .await;
    let subject = Subject {
        identity: Identity::Robeing("r1".to_owned()),
        robeings: None,
        everything: true,
    };
    let mut client = it.app.resources().postgres().unwrap().get().await.unwrap();
    let transaction = scoped::begin(&mut client, &subject.scope()).await.unwrap();
    let erased = Stats.erase(&transaction, &subject, Uuid::nil()).await;
    assert!(!erased.unwrap().done.is_empty());
    transaction.commit().await.unwrap();
    drop(client);
    it.roll_up().await;
    for table in ["stats", "growth", "task", "removed", "moved"] {
        let left = format!("select count(*) from robeing.{table} where robeing_id = 'r1'");
        assert_eq!(it.count(&left).await, 0, "{table}");
    }
    assert_eq!(it.stats("r2").await["total_conversations"], 4);
    it.is_as_recounted().await;
}

/// Adds to rows where they were said, and what they answer, as a later event about a message does.
pub const MOVE: &str = "
    with numbered as (select id, row_number() over (order by id) as n from conversation.log where reply_to is null)
    update conversation.log
    set thread_ts = case when n in (1, 2) then 't9' else thread_ts end,
        channel_id = case when n in (3, 4) then 'C9' else channel_id end,
        channel_type = case when n in (3, 5) then 'im' when n = 4 then 'channel' else channel_type end,
        reply_to = case when n in (6, 7) then gen_random_uuid() end
    from numbered
    where numbered.id = log.id";

#[tokio::test]
async fn a_place_that_becomes_known_later_changes_no_count() {
    for is_rolled_up in [true, false] {
        let it = start().await;
        it.say("r1", "2026-11-02T10:00:00Z", 9).await;
        it.say("r2", "2026-11-02T10:59:58Z", 9).await;
        if is_rolled_up {
            it.roll_up().await;
        }
        let before = it.state().await;
        it.database.run(MOVE).await;
        it.database.run(MOVE).await;
        it.roll_up().await;
        if is_rolled_up {
            assert_eq!(it.state().await, before);
        }
        it.is_as_recounted().await;
        let counted = it.state().await;
        it.database
            .run("insert into robeing.outdated_day values ('2026-11-02')")
            .await;
        it.roll_up_once().await;
        assert_eq!(it.state().await, counted);
        // Erased or deleted afterwards.
        it.database.run(ERASE).await;
        it.database
            .run("delete from conversation.log where id in (select id from conversation.log order by id limit 12)")
            .await;
        it.roll_up().await;
        it.is_as_recounted().await;
        let hours = |state: String| {
            state
                .lines()
                .filter(|it| it.starts_with('('))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(hours(it.state().await), hours(counted), "{is_rolled_up}");
    }
}
