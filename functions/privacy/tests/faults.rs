//! A faulty store: a month is dropped only if the store returns every byte of its archive.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use platform::store::{self, ETag, Object, Put, Result, Store, StoreError};
use privacy::run;
use serde_json::json;

use crate::common::{Fixture, KIM, said, start};

/// How the store fails.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    /// Flips one bit.
    FlipsBit,
    /// Truncates the object.
    Truncates,
    /// Reports a successful write without storing the object.
    LosesWrites,
    /// Is unavailable for writes.
    RefusesWrites,
    /// Is unavailable for reads.
    RefusesReads,
    /// Stores the object and returns an error.
    LosesResponses,
}

struct FaultyStore {
    store: Arc<dyn Store>,
    fault: Fault,
    on: AtomicBool,
    calls: AtomicU32,
}

impl FaultyStore {
    fn has(&self, fault: Fault) -> bool {
        let has = self.fault == fault && self.on.load(Ordering::SeqCst);
        self.calls.fetch_add(u32::from(has), Ordering::SeqCst);
        has
    }
}

fn down(key: &str) -> StoreError {
    StoreError::Unavailable {
        key: key.to_owned(),
        source: std::io::Error::other("down").into(),
    }
}

#[async_trait]
impl Store for FaultyStore {
    async fn get_if_changed(&self, key: &str, etag: Option<&ETag>) -> Result<Option<Object>> {
        if self.has(Fault::RefusesReads) {
            return Err(down(key));
        }
        let mut found = self.store.get_if_changed(key, etag).await?;
        if let Some(object) = &mut found {
            let mut body = object.body.to_vec();
            if self.has(Fault::FlipsBit) {
                let middle = body.len() / 2;
                body[middle] ^= 1;
            }
            if self.has(Fault::Truncates) {
                body.truncate(body.len() - 1);
            }
            object.body = body.into();
        }
        Ok(found)
    }

    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes> {
        self.store.get_range(key, range).await
    }

    async fn put(&self, key: &str, body: Bytes, condition: Put) -> Result<ETag> {
        if self.has(Fault::RefusesWrites) {
            return Err(down(key));
        }
        if self.has(Fault::LosesWrites) {
            return Ok(ETag("1".to_owned()));
        }
        let written = self.store.put(key, body, condition).await?;
        if self.has(Fault::LosesResponses) {
            return Err(down(key));
        }
        Ok(written)
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>> {
        self.store.list(prefix).await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.store.delete(key).await
    }
}

fn faulty(it: &Fixture, fault: Fault) -> Arc<FaultyStore> {
    let store = store::open(it.app.resources()).expect("a store");
    Arc::new(FaultyStore {
        store,
        fault,
        on: AtomicBool::new(true),
        calls: AtomicU32::new(0),
    })
}

const FAULTS: [Fault; 6] = [
    Fault::FlipsBit,
    Fault::Truncates,
    Fault::LosesWrites,
    Fault::RefusesWrites,
    Fault::RefusesReads,
    Fault::LosesResponses,
];

#[tokio::test]
async fn a_month_is_dropped_only_if_the_store_returns_every_byte() {
    for fault in FAULTS {
        let it = start().await;
        for n in 0..5 {
            it.stored(said("r1", KIM, &format!("m{n}"), "2025-08-10"))
                .await;
        }
        it.roll_up().await;
        let store = faulty(&it, fault);
        let privacy = it.privacy().with_store(store.clone());

        run::run(&privacy)
            .await
            .expect_err("a part of the run fails");
        assert!(store.calls.load(Ordering::SeqCst) > 0, "{fault:?} occurred");
        assert_eq!(it.live_ids().await.len(), 5, "{fault:?}");
        assert_eq!(it.archived_ids().await.len(), 0, "{fault:?}");

        // Once the store works, the next run archives the month, and no other object is left.
        store.on.store(false, Ordering::SeqCst);
        let ran = run::run(&privacy).await.expect("a run");
        assert_eq!(ran.archived[0].state, "dropped", "{fault:?}");
        assert_eq!(it.archived_ids().await.len(), 5, "{fault:?}");
        assert_eq!(it.objects("archive").len(), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn a_failed_part_does_not_stop_the_other_parts_of_a_run() {
    let it = start().await;
    it.stored(said("r1", KIM, "a", "2025-08-10")).await;
    it.roll_up().await;
    let privacy = it.privacy().with_store(faulty(&it, Fault::RefusesWrites));
    run::run(&privacy).await.expect_err("the archive fails");
    let ahead = "select count(*) from pg_inherits where inhparent = 'conversation.log'::regclass";
    assert_eq!(it.count(ahead).await, 5);
    assert_eq!(it.count("select count(*) from privacy.lease").await, 0);
}

#[tokio::test]
async fn an_export_is_resumed_after_the_store_refused_a_file() {
    let it = start().await;
    it.stored(said("r1", KIM, "mine", "now")).await;
    let store = faulty(&it, Fault::RefusesWrites);
    let privacy = it.privacy().with_store(store.clone());
    it.database
        .run(&format!(
            "insert into privacy.export (id, subject_kind, subject_digest, subject, expires_at)
             values ('0190b2a0-0000-7000-8000-00000000000e', 'user_id', '\\x00',
                     '{{\"identity\": {{\"person\": {{\"user_ids\": [\"{KIM}\"], \"slack_user_ids\": [], \"namesakes\": []}}}}, \"robeings\": null}}',
                     now() + interval '1 day')"
        ))
        .await;
    run::run(&privacy).await.expect_err("the export fails");
    store.on.store(false, Ordering::SeqCst);
    it.expire_leases().await;
    let ran = run::run(&privacy).await.expect("a run");
    assert_eq!(ran.exports_finished, 1);
    let export = it
        .app
        .get("/v1/exports/0190b2a0-0000-7000-8000-00000000000e")
        .await
        .json();
    let lines = it.lines(&export).await;
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["message"], json!("mine"));
}
