//! The pages of AWS, against moto, which evaluates no alarms: their states are set here, from what CloudWatch measures.

use std::os::unix::fs::PermissionsExt as _;

use axum::Router;
use axum::body::Bytes;
use http::{HeaderMap, Method, StatusCode, Uri};
use platform::{Env, http_client};
use serde_json::{Value, json};

use super::{DEAD, Operator, QUEUE, blocks, serve, texts};
use crate::conversation::Conversation;
use crate::moto::MOTO;
use crate::server::{folder, is_skipped};
use crate::sqs::{Queue, REGION};

const AWSCLI: &str = "awscli";

fn is_any_skipped() -> bool {
    is_skipped("moto") || is_skipped(AWSCLI)
}

/// An operator whose commands call the AWS API at this URL.
fn operator(url: &str, region: &str) -> Operator {
    let mut operator = Operator::new(&[
        ("AWS_ACCESS_KEY_ID", "key"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_DEFAULT_REGION", region),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ]);
    // Version 1 of the CLI ignores AWS_ENDPOINT_URL for SQS.
    let program = folder(AWSCLI).join("bin/aws");
    let script = format!(
        "#!/bin/sh\nexec '{}' --endpoint-url '{url}' \"$@\"\n",
        program.display()
    );
    let wrapper = operator.home.path().join("aws");
    std::fs::write(&wrapper, script).expect("a writable folder");
    let runs = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&wrapper, runs).expect("a file");
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", operator.home.path().display());
    operator.set("PATH", &path);
    operator
}

impl Operator {
    /// Sets the state of an alarm as CloudWatch would.
    async fn evaluate(&self, alarm: &str, is_breached: bool) {
        let state = if is_breached { "ALARM" } else { "OK" };
        let block = format!(
            "aws cloudwatch put-metric-alarm --alarm-name {alarm} --namespace AWS/SQS --metric-name Messages \
             --statistic Maximum --threshold 0 --period 300 --evaluation-periods 1 --comparison-operator \
             GreaterThanThreshold
             aws cloudwatch set-alarm-state --alarm-name {alarm} --state-value {state} --state-reason measured"
        );
        self.run(&block).await;
    }

    /// Logs a line, as a function on Lambda does.
    async fn log(&self, function: &str, line: &Value) {
        let group = format!("/aws/lambda/metasync-{function}");
        let block = format!(
            "aws logs create-log-group --log-group-name {group}
             aws logs create-log-stream --log-group-name {group} --log-stream-name 1
             aws logs put-log-events --log-group-name {group} --log-stream-name 1 \
               --log-events timestamp=$(date +%s)000,message=\"$LINE\""
        );
        let mut logger = Self::new(&[]);
        logger.env.extend(self.env.clone());
        logger.set("LINE", &format!("'{line}'"));
        logger.run(&block).await;
    }
}

/// moto, with the action that it lacks: it moves the messages of a dead-letter queue back into their queue.
async fn moto_with_moves() -> String {
    let reply = async |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
        let target = headers.get("x-amz-target").and_then(|it| it.to_str().ok());
        if target == Some("AmazonSQS.StartMessageMoveTask") {
            let task: Value = serde_json::from_slice(&body).expect("JSON");
            let dead = Queue::find(REGION, DEAD).await;
            assert_eq!(task, json!({ "SourceArn": dead.arn }));
            let queue = Queue::find(REGION, QUEUE).await;
            for message in dead.receive().await {
                queue.send_again(&message).await;
                let receipt = json!({"ReceiptHandle": message["ReceiptHandle"]});
                dead.call_with_url("DeleteMessage", receipt).await;
            }
            let started = json!({"TaskHandle": "task"}).to_string();
            return (StatusCode::OK, Bytes::from(started));
        }
        let client = http_client::build(&Env::default()).expect("a client");
        let request = client.request(method, format!("{}{uri}", MOTO.url()));
        let answer = request.headers(headers).body(body).send().await;
        let answer = answer.expect("moto");
        (answer.status(), answer.bytes().await.expect("a body"))
    };
    serve(Router::new().fallback(reply)).await
}

#[tokio::test]
async fn the_page_of_dead_letters_on_aws_leads_from_the_alarm_to_an_empty_queue() {
    if is_any_skipped() {
        return;
    }
    let log = Conversation::start().await;
    let url = serve(log.app.service()).await;
    let mut operator = operator(&moto_with_moves().await, REGION);
    operator.set("URL", &url);
    operator.set("TOKEN", "token");
    let dead = Queue::create(DEAD, json!({})).await;
    let redrive = json!({"deadLetterTargetArn": dead.arn, "maxReceiveCount": 5}).to_string();
    let queue = Queue::create(QUEUE, json!({"RedrivePolicy": redrive})).await;
    // One failed while the database was down, and two can't be stored.
    let good = json!({"robeing_id": "sales", "message": "sent in an outage"}).to_string();
    let bad = json!({"robeing_id": "sales"}).to_string();
    for (body, id) in [(&good, "good-1"), (&bad, "bad-1"), (&bad, "bad-2")] {
        dead.send(body, Some(id), None).await;
    }
    operator.evaluate(DEAD, true).await;

    let [look, redrive, replay, dismiss, purge, cleared] = blocks("aws-dead-letters.md");
    let seen = operator.run(&look).await;
    assert!(seen.contains("sent in an outage"), "{seen}");
    assert!(seen.contains("\"items\":[]"), "{seen}");
    operator.run(&redrive).await;
    while !queue.poll(&log).await.is_empty() {}
    assert_eq!(texts(&log).await, ["sent in an outage"]);
    operator.decide(&log, &replay, &dismiss).await;
    assert_eq!(texts(&log).await, ["put right", "sent in an outage"]);
    // The originals of both are still in the queue.
    assert_eq!(operator.run(&cleared).await, "2\nALARM\n");
    operator.run(&purge).await;
    assert_eq!(dead.receive().await, [json!(null); 0]);
    operator.evaluate(DEAD, false).await;
    assert_eq!(operator.run(&cleared).await, "0\nOK\n");
}

#[tokio::test]
async fn an_original_that_is_moved_back_after_its_replay_or_dismissal_does_what_the_page_says() {
    let log = Conversation::start().await;
    let dead = Queue::create("moved-back-dead", json!({})).await;
    let redrive = json!({"deadLetterTargetArn": dead.arn, "maxReceiveCount": 2}).to_string();
    let queue = Queue::create("moved-back", json!({"RedrivePolicy": redrive})).await;
    let too_sure = json!({"robeing_id": "sales", "message": "hello", "confidence": 7});
    for id in ["corrected", "dismissed"] {
        queue.send(&too_sure.to_string(), Some(id), None).await;
    }
    while !queue.poll(&log).await.is_empty() {}
    let letters = log.dead_letters().await;
    for (event, action, body) in [
        (
            "corrected",
            "replay",
            json!({"message": {"robeing_id": "sales", "message": "hello"}}),
        ),
        ("dismissed", "dismiss", json!({"reason": "a test"})),
    ] {
        let letter = letters.iter().find(|it| it["source_event_id"] == event);
        let id = letter.expect("a dead letter")["id"]
            .as_str()
            .expect("an id");
        let path = format!("/v1/dead-letters/{id}/{action}");
        assert_eq!(log.app.post(&path, body).await.status, 200);
    }

    for message in dead.receive().await {
        queue.send_again(&message).await;
    }
    dead.call_with_url("PurgeQueue", json!({})).await;
    while !queue.poll(&log).await.is_empty() {}
    assert_eq!(texts(&log).await, ["hello"]);
    // Both come back.
    assert_eq!(dead.receive().await.len(), 2);
    assert_eq!(log.dead_letters().await, [json!(null); 0]);
    let dismissed = log.app.get("/v1/dead-letters?status=dismissed").await;
    assert_eq!(dismissed.json()["items"][0]["body"], Value::Null);
}

#[tokio::test]
async fn a_stored_original_that_is_moved_back_is_recognized_by_its_publishers_key_alone() {
    if is_skipped("moto") {
        return;
    }
    let log = Conversation::start().await;
    let dead = Queue::create("stored-dead", json!({})).await;
    let queue = Queue::create("stored", json!({})).await;
    let said = |text: &str| json!({"robeing_id": "sales", "message": text}).to_string();
    let text = |value: &str| json!({"DataType": "String", "StringValue": value});
    let (event, cloud) = (said("with event_id"), said("of a CloudEvent"));
    for original in [
        json!({"Body": event, "MessageAttributes": {"event_id": text("1")}}),
        json!({"Body": cloud, "MessageAttributes": {"ce-source": text("/crm"), "ce-id": text("1")}}),
        json!({"Body": said("without a key")}),
    ] {
        // It was stored, and the answer was lost.
        queue.send_again(&original).await;
        dead.send_again(&original).await;
    }
    while !queue.poll(&log).await.is_empty() {}
    for message in dead.receive().await {
        queue.send_again(&message).await;
    }
    while !queue.poll(&log).await.is_empty() {}
    let stored = [
        "of a CloudEvent",
        "with event_id",
        "without a key",
        "without a key",
    ];
    assert_eq!(texts(&log).await, stored);
}

#[tokio::test]
async fn the_page_of_waiting_messages_leads_from_the_alarm_to_a_function_that_takes_them() {
    if is_any_skipped() {
        return;
    }
    const ALARM: &str = "metasync-message-log-waiting";
    const ELSEWHERE: &str = "eu-west-1";
    let log = Conversation::start().await;
    let mut operator = operator(&MOTO.url(), ELSEWHERE);
    // All functions are deployed as one, and the queue keeps its name.
    operator.set("FUNCTION", "metasync-metasync");
    let queue = Queue::create_in(ELSEWHERE, QUEUE, json!({})).await;
    let waiting = json!({"robeing_id": "sales", "message": "hello"}).to_string();
    queue.send(&waiting, Some("waiting-1"), None).await;
    let stopped = format!(
        "python3 -c 'import zipfile; zipfile.ZipFile(\"code.zip\", \"w\").writestr(\"bootstrap\", \"\")'
         role=$(aws iam create-role --role-name waiting --assume-role-policy-document '{{}}' \
           --query Role.Arn --output text)
         aws lambda create-function --function-name metasync-metasync --runtime provided.al2023 \
           --handler bootstrap --role \"$role\" --zip-file fileb://code.zip
         aws lambda create-event-source-mapping --function-name metasync-metasync \
           --event-source-arn {} --no-enabled
         aws lambda put-function-concurrency --function-name metasync-metasync \
           --reserved-concurrent-executions 0",
        queue.arn
    );
    operator.run(&stopped).await;
    let error = json!({"level": "ERROR", "message": "the database is not available"});
    operator.log("metasync", &error).await;
    operator.evaluate(ALARM, true).await;

    let [look, enable, allow, cleared] = blocks("aws-waiting.md");
    let seen = operator.run(&look).await;
    for cause in [
        "the database is not available",
        "Disabled",
        "\"ReservedConcurrentExecutions\": 0",
    ] {
        assert!(seen.contains(cause), "{cause}: {seen}");
    }
    assert_eq!(operator.run(&cleared).await, "1\nALARM\n");
    operator.run(&enable).await;
    operator.run(&allow).await;
    let seen = operator.run(&look).await;
    assert!(seen.contains("Enabled"), "{seen}");
    assert!(!seen.contains("ReservedConcurrentExecutions"), "{seen}");
    while !queue.poll(&log).await.is_empty() {}
    assert_eq!(texts(&log).await, ["hello"]);
    operator.evaluate(ALARM, false).await;
    assert_eq!(operator.run(&cleared).await, "0\nOK\n");
}

#[tokio::test]
async fn the_page_of_failed_runs_on_aws_leads_from_the_alarm_to_an_empty_queue() {
    if is_any_skipped() {
        return;
    }
    const ALARM: &str = "metasync-failed-runs";
    let mut operator = operator(&MOTO.url(), REGION);
    operator.set("FUNCTION", "metasync-schema-sync");
    let queue = Queue::create(ALARM, json!({})).await;
    let run =
        json!({"requestPayload": {}, "responsePayload": {"errorMessage": "the warehouse is down"}});
    queue.send(&run.to_string(), None, None).await;
    let error = json!({"level": "ERROR", "message": "28P01 password authentication failed"});
    operator.log("schema-sync", &error).await;
    operator.evaluate(ALARM, true).await;

    let [look, purge, cleared] = blocks("aws-failed-runs.md");
    let seen = operator.run(&look).await;
    for cause in ["the warehouse is down", "28P01"] {
        assert!(seen.contains(cause), "{cause}: {seen}");
    }
    assert_eq!(operator.run(&cleared).await, "1\nALARM\n");
    operator.run(&purge).await;
    operator.evaluate(ALARM, false).await;
    assert_eq!(operator.run(&cleared).await, "0\nOK\n");
}

#[tokio::test]
async fn the_page_of_server_errors_on_aws_shows_the_requests_and_the_state_of_the_alarm() {
    if is_any_skipped() {
        return;
    }
    const ALARM: &str = "metasync-server-errors";
    let mut operator = operator(&MOTO.url(), REGION);
    operator.set("FUNCTION", "metasync-metasync");
    let failed = json!({"level": "ERROR", "status": 503, "error": "the database is not available"});
    operator.log("metasync", &failed).await;
    operator.evaluate(ALARM, true).await;

    let [look, cleared] = blocks("aws-server-errors.md");
    let seen = operator.run(&look).await;
    assert!(seen.contains("the database is not available"), "{seen}");
    assert_eq!(operator.run(&cleared).await, "ALARM\n");
    operator.evaluate(ALARM, false).await;
    assert_eq!(operator.run(&cleared).await, "OK\n");
}

#[tokio::test]
async fn the_page_of_refused_requests_on_aws_shows_the_requests_and_the_state_of_the_alarm() {
    if is_any_skipped() {
        return;
    }
    const ALARM: &str = "metasync-refused-requests";
    let mut operator = operator(&MOTO.url(), REGION);
    operator.set("FUNCTION", "metasync-settings");
    let refused = json!({"level": "INFO", "status": 403, "caller": "bot", "route": "/v1/robeings/{id}/settings"});
    operator.log("settings", &refused).await;
    operator.evaluate(ALARM, true).await;

    let [look, cleared] = blocks("aws-refused-requests.md");
    let seen = operator.run(&look).await;
    assert!(seen.contains("\"caller\":\"bot\""), "{seen}");
    assert_eq!(operator.run(&cleared).await, "ALARM\n");
    operator.evaluate(ALARM, false).await;
    assert_eq!(operator.run(&cleared).await, "OK\n");
}
