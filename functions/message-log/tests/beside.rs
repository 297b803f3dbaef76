//! Work on long texts doesn't block other requests.

use std::future::Future;
use std::sync::mpsc::{Receiver, Sender, channel};

use serde_json::{Value, json};
use tokio::runtime::Builder;
use tokio::task::{JoinHandle, spawn, spawn_blocking};

use crate::common::{Fixture, message, start};

/// Runs a test on a runtime with one thread for requests and one for long work.
fn on_two_threads(test: impl Future<Output = ()>) {
    let mut runtime = Builder::new_current_thread();
    let runtime = runtime.enable_all().max_blocking_threads(1).build();
    runtime.expect("a runtime").block_on(test);
}

/// Takes the thread for long work until something is sent.
fn taken() -> Sender<()> {
    let (give_back, waits): (_, Receiver<()>) = channel();
    spawn_blocking(move || {
        let _ = waits.recv();
    });
    give_back
}

fn phones(count: usize) -> String {
    "010-1234-5678 ".repeat(count)
}

fn posted(log: &Fixture, path: &str, body: &Value) -> JoinHandle<u16> {
    let request = log.app.post(path, body);
    spawn(async move { request.await.status.as_u16() })
}

async fn others_are_answered(log: &Fixture) {
    // More than one, since the first is stored together with earlier messages.
    for _ in 0..10 {
        log.stored(message("안녕하세요")).await;
        assert_eq!(log.app.get("/healthz").await.status, 200);
    }
}

#[test]
fn other_requests_are_answered_while_a_long_text_is_masked() {
    on_two_threads(async {
        let log = start().await;
        others_are_answered(&log).await;
        // The second is long enough to be parsed on that thread, and as long as a text may be.
        for count in [4_000, 18_700] {
            let give_back = taken();
            let long = posted(&log, "/v1/messages", &message(&phones(count)));
            others_are_answered(&log).await;
            assert!(!long.is_finished());
            give_back.send(()).expect("the thread is taken");
            assert_eq!(long.await.expect("no panic"), 201);
        }
    });
}

#[test]
fn a_batch_of_short_texts_counts_as_one_long_text() {
    on_two_threads(async {
        let log = start().await;
        others_are_answered(&log).await;
        let items: Vec<Value> = (0..100).map(|_| message(&phones(2))).collect();
        let give_back = taken();
        let batch = posted(&log, "/v1/messages/batch", &json!({"items": items}));
        others_are_answered(&log).await;
        assert!(!batch.is_finished());
        give_back.send(()).expect("the thread is taken");
        assert_eq!(batch.await.expect("no panic"), 200);
    });
}

#[test]
fn masking_a_batch_stops_when_its_sender_disconnects() {
    on_two_threads(async {
        let log = start().await;
        others_are_answered(&log).await;
        let before = log.rows().await;
        let items: Vec<Value> = (0..100).map(|_| message(&phones(2))).collect();
        let batch = json!({"items": items});
        let give_back = taken();
        let given_up = posted(&log, "/v1/messages/batch", &batch);
        others_are_answered(&log).await;
        given_up.abort();
        assert!(given_up.await.is_err_and(|error| error.is_cancelled()));
        give_back.send(()).expect("the thread is taken");
        // Queued behind the rest of the first batch, if there is any.
        let next = posted(&log, "/v1/messages/batch", &batch);
        assert_eq!(next.await.expect("no panic"), 200);
        assert_eq!(log.rows().await, before + 10 + 100);
    });
}
