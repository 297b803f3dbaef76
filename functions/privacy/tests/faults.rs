//! A store that fails, lies or forgets: nothing is dropped of which it does not give back every byte.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use platform::store::{self, ETag, Object, Put, Result, Store, StoreError};
use privacy::run;
use serde_json::json;

use crate::common::{Fixture, KIM, said, start};

/// What a store does wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    /// Gives back one bit of what it was given the other way round.
    Flips,
    /// Gives back all but the end.
    CutsOff,
    /// Takes an object and has it not.
    Forgets,
    /// Is down when something is to be written.
    RefusesWrites,
    /// Is down when something is to be read.
    RefusesReads,
    /// Has written it and says it has not.
    LosesTheAnswer,
}

struct Faulty {
    store: Arc<dyn Store>,
    fault: Fault,
    on: AtomicBool,
    calls: AtomicU32,
}

impl Faulty {
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
impl Store for Faulty {
    async fn get_if_changed(&self, key: &str, etag: Option<&ETag>) -> Result<Option<Object>> {
        if self.has(Fault::RefusesReads) {
            return Err(down(key));
        }
        let mut found = self.store.get_if_changed(key, etag).await?;
        if let Some(object) = &mut found {
            let mut body = object.body.to_vec();
            if self.has(Fault::Flips) {
                let middle = body.len() / 2;
                body[middle] ^= 1;
            }
            if self.has(Fault::CutsOff) {
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
        if self.has(Fault::Forgets) {
            return Ok(ETag("1".to_owned()));
        }
        let written = self.store.put(key, body, condition).await?;
        if self.has(Fault::LosesTheAnswer) {
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

fn faulty(it: &Fixture, fault: Fault) -> Arc<Faulty> {
    let store = store::open(it.app.resources()).expect("a store");
    Arc::new(Faulty {
        store,
        fault,
        on: AtomicBool::new(true),
        calls: AtomicU32::new(0),
    })
}

const FAULTS: [Fault; 6] = [
    Fault::Flips,
    Fault::CutsOff,
    Fault::Forgets,
    Fault::RefusesWrites,
    Fault::RefusesReads,
    Fault::LosesTheAnswer,
];

#[tokio::test]
async fn r18_nothing_is_dropped_that_the_store_does_not_give_back() {
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
        assert!(store.calls.load(Ordering::SeqCst) > 0, "{fault:?} was met");
        assert_eq!(it.live_ids().await.len(), 5, "{fault:?}");
        assert_eq!(it.archived_ids().await.len(), 0, "{fault:?}");

        // Once it works again, the next run does it all, and nothing lies about.
        store.on.store(false, Ordering::SeqCst);
        let ran = run::run(&privacy).await.expect("a run");
        assert_eq!(ran.archived[0].state, "dropped", "{fault:?}");
        assert_eq!(it.archived_ids().await.len(), 5, "{fault:?}");
        assert_eq!(it.objects("archive").len(), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn what_fails_keeps_nothing_else_from_being_done() {
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
async fn an_export_that_the_store_did_not_take_is_taken_up_again() {
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
    it.end_leases().await;
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
