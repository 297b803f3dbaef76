//! Work that is killed at any await point is resumed by the next process.

use std::collections::BTreeSet;

use privacy::erase::ErasureJob;
use privacy::{job, run};
use serde_json::json;

use crate::common::{Fixture, KIM, LEE, killed_after, said, start};

async fn filled() -> Fixture {
    let it = start().await;
    for n in 0..12 {
        let user = if n % 3 == 0 { LEE } else { KIM };
        it.stored(said("r1", user, &format!("old{n}"), "2025-08-10"))
            .await;
    }
    it.roll_up().await;
    it
}

/// Asserts that every row is in the log or in a verified file.
async fn nothing_is_lost(it: &Fixture, all: &BTreeSet<uuid::Uuid>, when: usize) {
    let mut there: BTreeSet<_> = it.live_ids().await.into_iter().collect();
    there.extend(it.archived_ids().await);
    assert!(
        there.is_superset(all),
        "killed after {when} waits: {there:?}"
    );
}

#[tokio::test]
async fn an_archive_run_killed_at_every_await_point_in_turn_loses_nothing() {
    let it = filled().await;
    let all: BTreeSet<_> = it.live_ids().await.into_iter().collect();
    let mut kills = 0;
    for waits in 1.. {
        let privacy = it.privacy();
        let ended = killed_after(waits, run::run(&privacy)).await;
        drop(privacy);
        nothing_is_lost(&it, &all, waits).await;
        it.expire_leases().await;
        if let Some(ran) = ended {
            ran.expect("a complete run succeeds");
            break;
        }
        kills += 1;
    }
    assert!(kills > 30, "{kills} kills");
    assert_eq!(it.run().await["archived"], json!([]));
    let archived = it.archived_ids().await;
    assert_eq!(archived.len(), all.len());
    assert_eq!(archived.into_iter().collect::<BTreeSet<_>>(), all);
    assert!(it.live_ids().await.is_empty());
    assert_eq!(
        it.count("select count(*) from privacy.part where verified_at is null")
            .await,
        0
    );
    assert_eq!(
        it.objects("archive").len(),
        it.count("select count(*) from privacy.part").await as usize
    );
}

#[tokio::test]
async fn an_archive_run_killed_at_any_await_point_is_completed_by_the_next_run() {
    for waits in (1..60).step_by(4) {
        let it = filled().await;
        let all: BTreeSet<_> = it.live_ids().await.into_iter().collect();
        let privacy = it.privacy();
        let ended = killed_after(waits, run::run(&privacy)).await;
        drop(privacy);
        nothing_is_lost(&it, &all, waits).await;
        it.expire_leases().await;
        it.run().await;
        let archived = it.archived_ids().await;
        assert_eq!(archived.len(), all.len(), "killed after {waits} waits");
        assert_eq!(archived.into_iter().collect::<BTreeSet<_>>(), all);
        assert!(it.live_ids().await.is_empty());
        if ended.is_some() {
            break;
        }
    }
}

#[tokio::test]
async fn an_erasure_killed_at_every_await_point_in_turn_completes_and_counts_each_row_once() {
    let it = filled().await;
    it.run().await;
    for n in 0..20 {
        it.stored(said("r1", KIM, &format!("new{n}?"), "now")).await;
        it.stored(said("r1", LEE, &format!("other{n}"), "now"))
            .await;
    }
    it.roll_up().await;
    let mut kills = 0;
    let reply = loop {
        let request = it.app.post("/v1/erasures", json!({"user_id": KIM}));
        match killed_after(kills, request.into_future()).await {
            Some(reply) => break reply,
            None => kills += 1,
        }
    };
    assert!(kills > 10, "{kills} kills");
    assert_eq!(reply.status, 200, "{reply:?}");
    let receipt = &reply.json()["receipt"];
    assert_eq!(receipt["number"], 1);
    let erased = &receipt["body"]["erased"];
    assert_eq!(erased["conversation.log"], 20);
    assert_eq!(erased["archive, rows"], 8);
    assert_eq!(erased["conversation.question"], 20);
    assert_eq!(it.count("select count(*) from privacy.erasure").await, 1);
    for text in ["new7", "old1", KIM] {
        assert!(!it.is_anywhere(text).await, "{text}");
    }
    for text in ["other7", "old3", LEE] {
        assert!(it.is_anywhere(text).await, "{text}");
    }
}

#[tokio::test]
async fn an_unfinished_erasure_is_completed_by_the_next_trigger() {
    let it = filled().await;
    let request = it.app.post("/v1/erasures", json!({"user_id": KIM}));
    // Kills the request later and later, until the erasure has been recorded.
    let mut waits = 1;
    let mut left = killed_after(waits, request.into_future()).await;
    while it.count("select count(*) from privacy.erasure").await == 0 {
        waits += 1;
        let request = it.app.post("/v1/erasures", json!({"user_id": KIM}));
        left = killed_after(waits, request.into_future()).await;
    }
    assert!(left.is_none());
    let ran = it.run().await;
    assert_eq!(ran["erasures_finished"], 1);
    assert!(!it.is_anywhere("old1").await);
    assert!(it.is_anywhere("old3").await);
}

#[tokio::test]
async fn an_export_killed_at_every_await_point_in_turn_has_each_row_once() {
    let it = filled().await;
    it.run().await;
    for n in 0..10 {
        it.stored(said("r1", KIM, &format!("new{n}"), "now")).await;
    }
    let mut kills = 0;
    let reply = loop {
        it.expire_leases().await;
        let request = it
            .app
            .post("/v1/exports", json!({"user_id": KIM}))
            .header("idempotency-key", "e1");
        match killed_after(kills, request.into_future()).await {
            Some(reply) => break reply,
            None => kills += 1,
        }
    };
    assert!(kills > 10, "{kills} kills");
    assert_eq!(reply.status, 200, "{reply:?}");
    let lines = it.lines(&reply.json()).await;
    let ids: BTreeSet<_> = lines.iter().map(|it| it["id"].to_string()).collect();
    assert_eq!((lines.len(), ids.len()), (18, 18));
}

#[tokio::test]
async fn a_person_erased_while_their_month_is_archived_is_not_in_the_archive() {
    // The erasure comes at different points of the archive run.
    for waits in (1..44).step_by(3) {
        let it = filled().await;
        let privacy = it.privacy();
        let ended = killed_after(waits, run::run(&privacy)).await;
        let id = it.erase(json!({"user_id": KIM})).await["id"].to_string();
        drop(privacy);
        it.expire_leases().await;
        it.run().await;
        assert!(!it.is_anywhere("old1").await, "{waits}: {id}");
        assert!(it.is_anywhere("old3").await, "{waits}");
        assert_eq!(it.archived_ids().await.len() % 4, 0, "{waits}");
        if ended.is_some() {
            break;
        }
    }
}

#[tokio::test]
async fn an_erasure_concurrent_with_an_archive_run_leaves_nothing_of_the_person() {
    let it = filled().await;
    let (one, two) = (it.privacy(), it.privacy());
    let archive = tokio::spawn(async move { run::run(&one).await });
    let request = it.app.post("/v1/erasures", json!({"user_id": KIM}));
    let erasure = tokio::spawn(async move { request.await });
    let reply = erasure.await.expect("no panic");
    assert!(reply.status.is_success(), "{reply:?}");
    archive.await.expect("no panic").expect("a run");
    let id = reply.json()["id"].as_str().unwrap().parse().unwrap();
    let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
    job::run::<ErasureJob>(&two, id, until)
        .await
        .expect("an erasure");
    it.run().await;
    assert!(!it.is_anywhere("old1").await);
    assert_eq!(it.count("select count(*) from privacy.receipt").await, 1);
}
