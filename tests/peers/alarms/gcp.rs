//! The pages of Google Cloud, against the Pub/Sub emulator, and a stand-in for the APIs that have no emulator: it keeps
//! each request of gcloud, and answers like the API.

use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::response::Json;
use http::{Method, Uri};
use serde_json::{Value, json};

use super::{DEAD, Operator, QUEUE, blocks, serve, texts};
use crate::conversation::Conversation;
use crate::pubsub::{EMULATOR, PEER as PUBSUB, wait_for};
use crate::server::is_missing;

/// Whether gcloud is missing, which the tests take from the system, as the emulator does.
fn is_gcloud_missing() -> bool {
    let found = Command::new("gcloud").arg("--version").output();
    let is_missing = !found.is_ok_and(|it| it.status.success());
    if is_missing {
        eprintln!("SKIPPED: gcloud is not installed");
    }
    is_missing
}

/// An operator whose gcloud calls these APIs at this URL.
fn operator(apis: &[&str], url: &str) -> Operator {
    let mut operator = Operator::new(&[
        ("CLOUDSDK_AUTH_DISABLE_CREDENTIALS", "true"),
        ("CLOUDSDK_CORE_DISABLE_PROMPTS", "1"),
        ("CLOUDSDK_CORE_PROJECT", "alarms"),
    ]);
    for api in apis {
        let variable = format!("CLOUDSDK_API_ENDPOINT_OVERRIDES_{api}");
        operator.set(&variable, &format!("{url}/"));
    }
    operator
}

/// A stand-in for Cloud Logging, Cloud Scheduler and Cloud Run: its requests, and its URL. The log has this entry.
async fn stand_in(entry: Value) -> (Arc<Mutex<Vec<String>>>, String) {
    let requests = Arc::new(Mutex::new(Vec::new()));
    let kept = requests.clone();
    let reply = move |method: Method, uri: Uri, body: Bytes| {
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let filter = body["filter"].as_str().unwrap_or_default().to_owned();
        let path = uri.path().to_owned();
        let request = format!("{method} {path} {filter}");
        kept.lock().expect("no panic").push(request);
        let conditions =
            json!([{"type": "Ready", "status": "False", "message": "a secret has no value"}]);
        let answer = match path.as_str() {
            "/v2/entries:list" => json!({ "entries": [entry] }),
            "/v1/projects/alarms/locations/-/services" => json!({"items": [{
                "apiVersion": "serving.knative.dev/v1", "kind": "Service",
                "metadata": {"name": QUEUE}, "status": {"conditions": conditions}}]}),
            "/v1/projects/alarms/locations/europe-west3/jobs/metasync-schema-sync-sync:run" => {
                json!({})
            }
            _ => panic!("{method} {path}"),
        };
        async { Json(answer) }
    };
    (requests, serve(Router::new().fallback(reply)).await)
}

#[tokio::test]
async fn the_page_of_dead_letters_on_google_cloud_leads_from_the_alert_to_an_empty_subscription() {
    if is_missing(PUBSUB) || is_gcloud_missing() {
        return;
    }
    let log = Conversation::start().await;
    let url = serve(log.app.service()).await;
    let mut operator = operator(&["PUBSUB"], &EMULATOR.url());
    operator.set("URL", &url);
    operator.set("TOKEN", "token");
    let push = format!("{url}/events/message-log");
    let publish = |id: &str, message: Value| {
        format!("gcloud pubsub topics publish {DEAD} --attribute id={id} --message '{message}'")
    };
    for command in [
        format!("gcloud pubsub topics create {QUEUE} {DEAD}"),
        format!("gcloud pubsub subscriptions create {DEAD} --topic {DEAD}"),
        format!(
            "gcloud pubsub subscriptions create {QUEUE} --topic {QUEUE} --push-endpoint {push} \
             --dead-letter-topic {DEAD} --max-delivery-attempts 5 --min-retry-delay 0.1s --max-retry-delay 0.1s"
        ),
        publish(
            "good-1",
            json!({"robeing_id": "sales", "message": "sent in an outage"}),
        ),
        publish("bad-1", json!({"robeing_id": "sales"})),
        publish("bad-2", json!({"robeing_id": "sales"})),
    ] {
        operator.run(&command).await;
    }

    let [look, redrive, replay, dismiss, purge, cleared] = blocks("gcp-dead-letters.md");
    let seen = operator.run(&look).await;
    assert!(seen.contains("good-1"), "{seen}");
    assert!(seen.contains("\"items\":[]"), "{seen}");
    // As the page says, what was looked at is hidden for ten seconds.
    tokio::time::sleep(Duration::from_secs(11)).await;
    operator.run(&redrive).await;
    wait_for("the message of the outage", async || {
        (texts(&log).await == ["sent in an outage"]).then_some(())
    })
    .await;
    wait_for("the originals", async || {
        let letters = log.dead_letters().await;
        let is_given_up = |it: &Value| it["attempts"].as_i64() >= Some(5);
        (letters.len() == 2 && letters.iter().all(is_given_up)).then_some(())
    })
    .await;
    operator.decide(&log, &replay, &dismiss).await;
    assert_eq!(texts(&log).await, ["put right", "sent in an outage"]);
    // The emulator forwards the last ones late, as Pub/Sub may, and the page says to repeat it then.
    let mut left = String::new();
    for _ in 0..5 {
        operator.run(&purge).await;
        left = operator.run(&cleared).await;
        if left.is_empty() {
            break;
        }
    }
    assert_eq!(left, "");
}

#[tokio::test]
async fn the_page_of_failed_runs_on_google_cloud_finds_the_cause_and_runs_the_job() {
    if is_gcloud_missing() {
        return;
    }
    let (requests, url) = stand_in(json!({"severity": "ERROR", "textPayload": "503"})).await;
    let operator = operator(&["LOGGING", "CLOUDSCHEDULER"], &url);
    let [look, run] = blocks("gcp-failed-runs.md");
    assert!(operator.run(&look).await.contains("503"));
    operator.run(&run).await;
    let requests = requests.lock().expect("no panic");
    let [of_job, of_service, run] = requests.as_slice() else {
        panic!("{requests:?}");
    };
    assert!(
        of_job.contains(r#"resource.type="cloud_scheduler_job""#),
        "{of_job}"
    );
    assert!(
        of_service.contains(r#"resource.labels.service_name="metasync-schema-sync""#),
        "{of_service}"
    );
    assert!(run.contains("metasync-schema-sync-sync:run"), "{run}");
}

#[tokio::test]
async fn the_page_of_server_errors_on_google_cloud_finds_the_requests_and_the_state_of_the_service()
{
    if is_gcloud_missing() {
        return;
    }
    let entry = json!({"jsonPayload": {"status": 503, "error": "the database is not available"}});
    let (requests, url) = stand_in(entry).await;
    let operator = operator(&["LOGGING", "RUN"], &url);
    let [look, describe] = blocks("gcp-server-errors.md");
    let seen = operator.run(&look).await;
    assert!(seen.contains("the database is not available"), "{seen}");
    let seen = operator.run(&describe).await;
    assert!(seen.contains("a secret has no value"), "{seen}");
    let requests = requests.lock().expect("no panic");
    assert!(
        requests[0].contains("jsonPayload.status>=500"),
        "{requests:?}"
    );
}
