//! Servers that imitate S3 or Cloud Storage and deviate.

use std::sync::Arc;

use futures::future::join_all;
use kit::object_server::{Deviations, ObjectServer};
use platform::store::{ETag, Put, Store, StoreError};
use platform::{Env, Error, Resources};

/// This one must pass the contract tests.
mod without_a_generation_beside_the_content {
    use super::*;

    async fn bucket() -> (ObjectServer, Arc<dyn Store>) {
        let server = ObjectServer::start(Deviations {
            hides_generation: true,
            ..Deviations::default()
        })
        .await;
        let store = server.store("gs");
        (server, store)
    }

    kit::store_contract!(bucket);
}

const HONEST: Deviations = Deviations {
    ignores_absent: false,
    ignores_match: false,
    refuses_match: false,
    hides_generation: false,
};

fn deviations() -> [(Deviations, &'static str); 3] {
    [
        (
            Deviations {
                ignores_absent: true,
                ..HONEST
            },
            "was created again",
        ),
        (
            Deviations {
                ignores_match: true,
                ..HONEST
            },
            "a changed object was replaced",
        ),
        (
            Deviations {
                refuses_match: true,
                ..HONEST
            },
            "was not replaced",
        ),
    ]
}

#[tokio::test]
async fn a_store_that_ignores_conditions_gets_no_conditional_write() {
    for (deviations, expected) in deviations() {
        for scheme in ["s3", "gs"] {
            let server = ObjectServer::start(deviations).await;
            let store = server.store(scheme);
            for condition in [Put::IfAbsent, Put::IfMatch(ETag("1".to_owned()))] {
                let refused = store.put("key", "body".into(), condition).await;
                let error = refused.expect_err("the store ignores its condition");
                assert!(matches!(error, StoreError::Deviates(_)), "{error:?}");
                let text = error.to_string();
                assert!(text.contains(expected), "{scheme}: {text}");
                assert!(
                    text.contains("STORE_CONDITIONAL_WRITES=unchecked"),
                    "{text}"
                );
                let Error::Unavailable { detail, .. } = error.into() else {
                    panic!("the caller gets another error");
                };
                assert_eq!(detail, text);
            }
            assert!(matches!(store.probe().await, Err(StoreError::Deviates(_))));
            assert_eq!(server.keys(), [""; 0], "{scheme}");

            // Writes without a condition still work.
            store.put("key", "body".into(), Put::Always).await.unwrap();
            assert_eq!(store.get("key").await.unwrap().body, "body");
        }
    }
}

fn probes(requests: &[String]) -> usize {
    requests
        .iter()
        .filter(|it| it.contains(" prefix/probe/"))
        .count()
}

#[tokio::test]
async fn conditional_writes_are_tested_once_per_process_and_only_by_writers() {
    for scheme in ["s3", "gs"] {
        let server = ObjectServer::start(HONEST).await;
        let store = server.store(scheme);
        store.put("key", "1".into(), Put::Always).await.unwrap();
        store.get("key").await.unwrap();
        store.list("").await.unwrap();
        store.delete("key").await.unwrap();
        assert_eq!(probes(&server.requests()), 0, "{scheme}");

        let keys: Vec<String> = (0..8).map(|key| key.to_string()).collect();
        let writes = keys
            .iter()
            .map(|key| store.put(key, "1".into(), Put::IfAbsent));
        for written in join_all(writes).await {
            written.unwrap();
        }
        // Four writes, a read, and the removal.
        assert_eq!(probes(&server.requests()), 6, "{scheme}");
        store.probe().await.unwrap();
        assert_eq!(server.requests(), [""; 0]);
        assert_eq!(
            server.keys().len(),
            keys.len(),
            "{scheme}: nothing else is left"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_test_that_cannot_be_completed_is_repeated_and_nothing_is_written_meanwhile() {
    // Every test uses a new key, so the whole server has to fail.
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let gone = listener.local_addr().unwrap().to_string();
    drop(listener);
    let env = Env::default()
        .with("STORAGE_EMULATOR_HOST", gone)
        .with("BUCKET_URL", "gs://bucket");
    let store = Resources::new(env).store().unwrap();
    for _ in 0..2 {
        let written = store.put("key", "1".into(), Put::IfAbsent).await;
        assert!(
            matches!(written, Err(StoreError::Unavailable { .. })),
            "{written:?}"
        );
    }
}

#[tokio::test]
async fn unchecked_conditions_are_compared_before_each_write() {
    for (deviations, _) in &deviations()[..2] {
        for scheme in ["s3", "gs"] {
            let server = ObjectServer::start(*deviations).await;
            let env = server
                .env(scheme)
                .with("STORE_CONDITIONAL_WRITES", "unchecked");
            let store = Resources::new(env).store().unwrap();
            let first = store.put("key", "1".into(), Put::IfAbsent).await.unwrap();
            let again = store.put("key", "2".into(), Put::IfAbsent).await;
            assert!(
                matches!(again, Err(StoreError::Precondition(_))),
                "{scheme}"
            );
            let second = Put::IfMatch(first.clone());
            store.put("key", "2".into(), second).await.unwrap();
            let late = store.put("key", "3".into(), Put::IfMatch(first)).await;
            assert!(matches!(late, Err(StoreError::Precondition(_))), "{scheme}");
            assert_eq!(store.get("key").await.unwrap().body, "2");
            assert_eq!(probes(&server.requests()), 0);
        }
    }
}

#[test]
fn another_setting_is_refused_at_startup() {
    let env = Env::default()
        .with("BUCKET_URL", "gs://bucket")
        .with("STORAGE_EMULATOR_HOST", "127.0.0.1:1")
        .with("STORE_CONDITIONAL_WRITES", "off");
    let error = Resources::new(env).store().err().unwrap().to_string();
    assert!(
        error.starts_with("STORE_CONDITIONAL_WRITES is \"off\""),
        "{error}"
    );
}
