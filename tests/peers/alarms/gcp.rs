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
use crate::server::{is_missing, is_skipped};

/// Whether to skip a test because there is no gcloud. Where it can be run, the installer must have found it.
fn is_gcloud_skipped() -> bool {
    const PEER: &str = "gcloud";
    let runs = Command::new(PEER).arg("--version").output();
    match runs.is_ok_and(|it| it.status.success()) {
        true => is_skipped(PEER),
        false => is_missing(PEER),
    }
}

/// Every function in one service.
const ALL: &str = "metasync-metasync";

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
                "metadata": {"name": ALL}, "status": {"conditions": conditions}}]}),
            "/v1/projects/alarms/locations/europe-west3/jobs/metasync-metasync-schema-sync-sync:run" =>
            {
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
    if is_missing(PUBSUB) || is_gcloud_skipped() {
        return;
    }
    let log = Conversation::start().await;
    let url = serve(log.app.service()).await;
    let mut operator = operator(&["PUBSUB"], &EMULATOR.url());
    operator.set("URL", &url);
    operator.set("TOKEN", "token");
    let push = format!("{url}/events/message-log");
    let publish = |topic: &str, attributes: &str, message: &Value| {
        format!(
            "gcloud pubsub topics publish {topic} --attribute '{attributes}' --message '{message}'"
        )
    };
    let said = |text: &str| json!({"robeing_id": "sales", "message": text});
    let nothing = json!({"robeing_id": "sales"});
    // They were stored, and the answer was lost.
    let stored = [
        ("event_id=stored-1", said("stored 전화 🙂\n\"twice\"")),
        ("^;^ce-source=/crm,eu;ce-id=1", said("stored \\n too")),
    ];
    let texts_with = |others: &[&str]| {
        let stored = stored.iter().map(|(_, it)| it["message"].as_str());
        let mut texts: Vec<String> = stored.map(|it| it.expect("a text").to_owned()).collect();
        texts.extend(others.iter().map(|&it| it.to_owned()));
        texts.sort();
        texts
    };
    for command in [
        format!("gcloud pubsub topics create {QUEUE} {DEAD}"),
        format!("gcloud pubsub subscriptions create {DEAD} --topic {DEAD}"),
        format!(
            "gcloud pubsub subscriptions create {QUEUE} --topic {QUEUE} --push-endpoint {push} \
             --dead-letter-topic {DEAD} --max-delivery-attempts 5 --min-retry-delay 0.1s --max-retry-delay 0.1s"
        ),
        publish(DEAD, "id=good-1", &said("sent in an outage")),
        publish(DEAD, "id=bad-1", &nothing),
        publish(DEAD, "id=bad-2", &nothing),
    ] {
        operator.run(&command).await;
    }
    for (attributes, message) in &stored {
        for topic in [QUEUE, DEAD] {
            operator.run(&publish(topic, attributes, message)).await;
        }
    }
    wait_for("the stored messages", async || {
        (texts(&log).await == texts_with(&[])).then_some(())
    })
    .await;

    let [look, redrive, replay, dismiss, purge, cleared] = blocks("gcp-dead-letters.md");
    let seen = operator.run(&look).await;
    assert!(seen.contains("good-1"), "{seen}");
    assert!(seen.contains("\"items\":[]"), "{seen}");
    // As the page says, what was looked at is hidden for ten seconds.
    tokio::time::sleep(Duration::from_secs(11)).await;
    operator.run(&redrive).await;
    wait_for("the message of the outage", async || {
        (texts(&log).await == texts_with(&["sent in an outage"])).then_some(())
    })
    .await;
    wait_for("the originals", async || {
        let letters = log.dead_letters().await;
        let is_given_up = |it: &Value| it["attempts"].as_i64() >= Some(5);
        (letters.len() == 2 && letters.iter().all(is_given_up)).then_some(())
    })
    .await;
    operator.decide(&log, &replay, &dismiss).await;
    let stored = texts_with(&["put right", "sent in an outage"]);
    assert_eq!(texts(&log).await, stored);
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
    if is_gcloud_skipped() {
        return;
    }
    let (requests, url) = stand_in(json!({"severity": "ERROR", "textPayload": "503"})).await;
    let mut operator = operator(&["LOGGING", "CLOUDSCHEDULER"], &url);
    operator.set("FUNCTION", "metasync-schema-sync");
    operator.set("JOB", "metasync-metasync-schema-sync-sync");
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
    if is_gcloud_skipped() {
        return;
    }
    let entry = json!({"jsonPayload": {"status": 503, "error": "the database is not available"}});
    let (requests, url) = stand_in(entry).await;
    let mut operator = operator(&["LOGGING", "RUN"], &url);
    operator.set("FUNCTION", ALL);
    let [look, describe] = blocks("gcp-server-errors.md");
    let seen = operator.run(&look).await;
    assert!(seen.contains("the database is not available"), "{seen}");
    let seen = operator.run(&describe).await;
    assert!(seen.contains("a secret has no value"), "{seen}");
    let requests = requests.lock().expect("no panic");
    assert!(
        requests[0].contains("service_name=\"metasync-metasync\"\n  AND jsonPayload.status>=500"),
        "{requests:?}"
    );
}

#[tokio::test]
async fn the_page_of_refused_requests_on_google_cloud_finds_the_requests_and_their_addresses() {
    if is_gcloud_skipped() {
        return;
    }
    let entry = json!({"jsonPayload": {"status": 401}, "httpRequest": {"remoteIp": "203.0.113.7"}});
    let (requests, url) = stand_in(entry).await;
    let mut operator = operator(&["LOGGING"], &url);
    operator.set("FUNCTION", ALL);
    let [look, addresses] = blocks("gcp-refused-requests.md");
    assert!(operator.run(&look).await.contains("401"));
    let seen = operator.run(&addresses).await;
    assert_eq!(
        seen.split_whitespace().collect::<Vec<_>>(),
        ["1", "203.0.113.7"]
    );
    let requests = requests.lock().expect("no panic");
    let of_all = r#"service_name="metasync-metasync""#;
    assert!(
        requests.iter().all(|it| it.contains(of_all)),
        "{requests:?}"
    );
    assert!(
        requests[1].contains("httpRequest.status=403"),
        "{requests:?}"
    );
}
