//! Months: partitions are created on demand, and a key is unique across them.

use serde_json::json;

use crate::common::start;

#[tokio::test]
async fn the_first_message_of_a_month_creates_its_partition_once() {
    let log = start().await;
    let sends = (0..24).map(|n| {
        let at = format!("2026-{:02}-10T00:00:00Z", 1 + n % 8);
        let message = json!({"robeing_id": "r1", "message": n.to_string(), "created_at": at});
        let request = log.app.post("/v1/messages", message);
        tokio::spawn(async move { request.await })
    });
    for send in sends.collect::<Vec<_>>() {
        let reply = send.await.expect("no panic");
        assert_eq!(reply.status, 201, "{reply:?}");
    }
    let months = "select count(*) from pg_inherits where inhparent = 'conversation.log'::regclass";
    assert_eq!(log.count(months).await, 8);
    assert_eq!(log.rows().await, 24);
    let default = "select count(*) from pg_class where relispartition and pg_get_expr(relpartbound, oid) = 'DEFAULT'";
    assert_eq!(log.count(default).await, 0);
}

#[tokio::test]
async fn a_message_is_in_the_month_of_its_time_and_an_older_one_in_the_oldest_month() {
    let log = start().await;
    let items = json!([
        {"robeing_id": "r1", "message": "a", "created_at": "2026-09-30T23:59:59.999999Z"},
        {"robeing_id": "r1", "message": "b", "created_at": "2026-10-01T00:00:00Z"},
        {"robeing_id": "r1", "message": "c", "created_at": "1970-01-01T00:00:00Z"},
    ]);
    log.app
        .post("/v1/messages/batch", json!({"items": items}))
        .await;
    assert_eq!(
        log.count("select count(*) from conversation.log where tableoid = 'conversation.log_2026_09'::regclass")
            .await,
        1
    );
    assert_eq!(
        log.count("select count(*) from conversation.log where tableoid = 'conversation.log_2026_10'::regclass")
            .await,
        1
    );
    let old =
        "select count(*) from conversation.log where created_at > now() - interval '1101 days'";
    assert_eq!(log.count(old).await, 3);
}

#[tokio::test]
async fn a_key_is_stored_once_even_if_the_repeat_is_in_another_month() {
    let log = start().await;
    let first = log
        .stored(json!({"robeing_id": "r1", "id": "m-1", "message": "a", "created_at": "2026-09-30T23:59:59Z"}))
        .await;
    let other = json!({"robeing_id": "r1", "id": "m-1", "message": "a", "created_at": "2026-10-01T00:00:01Z"});
    assert_eq!(log.post(other).await.status, 422);
    let same = json!({"robeing_id": "r1", "id": "m-1", "message": "a", "created_at": "2026-09-30T23:59:59Z"});
    assert_eq!(log.post(same).await.json()["id"], first);
    assert_eq!(log.rows().await, 1);
}
