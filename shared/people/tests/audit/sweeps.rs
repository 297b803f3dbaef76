//! The chain has each committed entry once, whatever happens to sweeps.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures::future::join_all;
use kit::audit::record_many;
use people::audit::record;
use people::{Actor, Entry};
use platform::auth::Kind;
use platform::postgres::scoped::{self, Scope};
use serde_json::{Value, json};

use super::log;

#[tokio::test]
async fn committed_entries_enter_the_chain_and_the_anchor_signs_its_end() {
    let log = log().await;
    assert_eq!(log.fault().await, None, "an empty log");
    log.record_some(3).await;
    assert_eq!(log.fault().await, None, "entries that wait for the sweep");
    let swept = log.chain.sweep().await.unwrap();
    assert_eq!(
        (swept.rows, swept.seq, swept.anchored_seq, swept.complete),
        (3, 3, 3, true)
    );
    log.record_some(2).await;
    assert_eq!(log.chain.sweep().await.unwrap().seq, 5);
    let idle = log.chain.sweep().await.unwrap();
    assert_eq!((idle.rows, idle.anchored_seq), (0, 5));

    let anchors = log.store.list("audit/anchors/").await.unwrap();
    let names = ["00000000000000000003", "00000000000000000005"];
    let expected = names.map(|name| format!("audit/anchors/{name}.json"));
    assert_eq!(anchors, expected);
    let anchor = log.store.get(&anchors[1]).await.unwrap().body;
    let anchor: Value = serde_json::from_slice(&anchor).unwrap();
    assert_eq!((&anchor["seq"], &anchor["rows"]), (&json!(5), &json!(2)));
    let verified = log.verified().await;
    assert_eq!(verified.fault, None);
    assert_eq!(
        (verified.entries, verified.anchors, verified.seq),
        (5, 2, 5)
    );
}

#[tokio::test]
async fn a_large_log_is_chained_in_batches_and_verified_in_parts() {
    let log = log().await;
    record_many(&log.database.client().await, 12_000).await;
    let swept = log.chain.sweep().await.unwrap();
    assert_eq!((swept.rows, swept.complete), (12_000, true));
    assert_eq!(log.count("people.audit_pending").await, 0);
    let (mut after, mut entries, mut parts) = (0, 0, 0);
    loop {
        // No time is left after the first page.
        let part = log.chain.verify(after, Instant::now()).await.unwrap();
        assert_eq!(part.fault, None);
        entries += part.entries;
        parts += 1;
        match part.next {
            Some(next) if next > after => after = next,
            // One that never gets further would never end.
            Some(_) => panic!("part {parts} verified nothing"),
            None => break,
        }
    }
    assert_eq!(entries, 12_000);
    assert!(parts > 1, "{parts}");
    let beyond = log.chain.verify(12_001, Instant::now()).await;
    assert!(beyond.is_err());
}

#[tokio::test]
async fn sweeps_at_once_chain_each_entry_once() {
    let log = log().await;
    record_many(&log.database.client().await, 12_000).await;
    let sweeps = join_all((0..4).map(|_| log.chain.sweep())).await;
    let rows: u64 = sweeps.into_iter().map(|it| it.unwrap().rows).sum();
    assert_eq!(rows, 12_000);
    let verified = log.verified().await;
    assert_eq!((verified.entries, verified.fault), (12_000, None));
}

#[tokio::test]
async fn a_sweep_that_is_killed_loses_nothing() {
    let log = log().await;
    record_many(&log.database.client().await, 20_000).await;
    for milliseconds in (0..200).step_by(20) {
        let limit = Duration::from_millis(milliseconds);
        let _ = tokio::time::timeout(limit, log.chain.sweep()).await;
        assert_eq!(log.fault().await, None, "after {milliseconds} ms");
    }
    while !log.chain.sweep().await.unwrap().complete {}
    let verified = log.verified().await;
    assert_eq!((verified.entries, verified.fault), (20_000, None));
}

#[tokio::test]
async fn an_anchor_that_could_not_be_written_is_written_by_the_next_sweep() {
    let log = log().await;
    log.record_some(2).await;
    // A file takes the place of the folder of the anchors.
    let file = log.bucket.path().join("audit");
    std::fs::write(&file, "").unwrap();
    log.chain.sweep().await.unwrap_err();
    assert_eq!(log.count("people.audit_link").await, 2);
    std::fs::remove_file(&file).unwrap();
    let swept = log.chain.sweep().await.unwrap();
    assert_eq!((swept.rows, swept.anchored_seq), (0, 2));
    assert_eq!(log.fault().await, None);
}

#[tokio::test]
async fn an_entry_whose_transaction_commits_late_follows_those_that_were_chained_before() {
    let log = log().await;
    let mut client = log.database.unscoped_client().await;
    let scope = Scope::all(Kind::new("people"));
    let late = scoped::begin(&mut client, &scope).await.unwrap();
    let entry = Entry {
        action: "token.revoke",
        subject_kind: "token",
        subject: "late",
        detail: json!({}),
    };
    record(&late, &Actor::command(), &entry).await.unwrap();
    log.record_some(2).await;
    assert_eq!(log.chain.sweep().await.unwrap().rows, 2);
    late.commit().await.unwrap();
    assert_eq!(log.chain.sweep().await.unwrap().rows, 1);
    assert_eq!(log.fault().await, None);
    let entries = log
        .people
        .audit_entries(&Default::default(), None, 10)
        .await
        .unwrap();
    let late = entries.iter().find(|it| it.subject == "late").unwrap();
    assert_eq!(late.seq, Some(3));
    let seqs: BTreeSet<Option<i64>> = entries.iter().map(|it| it.seq).collect();
    assert_eq!(seqs, BTreeSet::from([Some(1), Some(2), Some(3)]));
}

#[tokio::test]
async fn a_transaction_that_is_rolled_back_leaves_no_entry() {
    let log = log().await;
    let mut client = log.database.unscoped_client().await;
    let scope = Scope::all(Kind::new("people"));
    let transaction = scoped::begin(&mut client, &scope).await.unwrap();
    let entry = Entry {
        action: "token.revoke",
        subject_kind: "token",
        subject: "t1",
        detail: json!({}),
    };
    record(&transaction, &Actor::command(), &entry)
        .await
        .unwrap();
    transaction.rollback().await.unwrap();
    assert_eq!(log.chain.sweep().await.unwrap().rows, 0);
    assert_eq!(log.count("people.audit").await, 0);
}
