//! Triggers from schedulers, with the same bytes on Lambda and over HTTP.

use std::path::Path;

use serde_json::Value;

use crate::common::start;

#[tokio::test]
async fn every_event_gives_the_same_bytes_on_lambda_and_over_http() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events/stats-batch");
    let files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(files.len(), 3);
    for file in files {
        let event: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        let (one, other) = (start().await, start().await);
        for it in [&one, &other] {
            it.say("r1", "2026-11-02T10:00:00Z", 5).await;
            it.end_task("r1", "coding", 1, "success").await;
            it.until_horizon_passed().await;
        }
        let on_lambda = one.app.invoke(&event).await.unwrap();
        let over_http = other.app.post("/events/stats-batch", &event).await;
        assert_eq!(over_http.status, 200, "{over_http:?}");
        assert_eq!(on_lambda.get().as_bytes(), over_http.body, "{file:?}");
        assert_eq!(over_http.json()["rows"], 11);
        for it in [&one, &other] {
            assert_eq!(it.stats("r1").await["experience"], 5 + 15, "{file:?}");
        }
    }
}
