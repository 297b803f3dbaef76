//! A message from the deployed queue, through the deployed configuration of the function, into a row.

use kit::TestApp;
use platform::{Env, secrets};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::amazon::Amazon;
use tests::catalogue;

pub const FUNCTION: &str = "message-log";
const TOKEN: &str = "a-reader-s-token";

pub async fn goes_from_the_queue_into_a_row(amazon: &Amazon) {
    let database = kit::postgres::database().await;
    let tokens = json!([{
        "name": "reader", "role": "reader", "scope": {"robeings": ["sales"]},
        "sha256": hex(&Sha256::digest(TOKEN)),
    }]);
    for (variable, value) in [
        ("AUTH_TOKENS", tokens.to_string()),
        ("DATABASE_URL", database.url.clone()),
        ("MASKING_KEY", "0123456789abcdef".repeat(4)),
    ] {
        let secret = json!({
            "SecretId": format!("metasync/{variable}"),
            "SecretString": value,
            "ClientRequestToken": format!("{variable:-<32}"),
        });
        amazon
            .call("secretsmanager", "secretsmanager.PutSecretValue", secret)
            .await;
    }
    let app = TestApp::with_env(environment(amazon).await)
        .named(FUNCTION)
        .start(message_log::app)
        .await;

    switch_mapping(amazon, false).await;
    let queue = format!("{}/123456789012/metasync-{FUNCTION}", amazon.url);
    for message in [
        json!({"robeing_id": "sales", "thread_ts": "t1", "message": "My number is 010-1234-5678"}),
        json!({"robeing_id": "sales"}),
        json!({"robeing_id": "sales", "thread_ts": "t1", "response": "Thank you."}),
    ] {
        let body = json!({"QueueUrl": queue, "MessageBody": message.to_string()});
        amazon.call("sqs", "AmazonSQS.SendMessage", body).await;
    }

    let receives = catalogue::functions()[FUNCTION].queues[FUNCTION].receives;
    for _ in 0..receives {
        deliver(amazon, &app, &queue).await;
    }

    let reply = app
        .get("/v1/robeings/sales/messages")
        .header("authorization", format!("Bearer {TOKEN}"))
        .await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let text = reply.text();
    let messages = reply.json()["items"].as_array().map(Vec::len);
    assert_eq!(messages, Some(1), "{text}");
    assert_eq!(text.matches("My number is [PHONE_1]").count(), 1, "{text}");
    assert!(text.contains("Thank you."), "{text}");

    // The bad message is in the dead-letter queue once.
    assert_eq!(receive(amazon, &queue).await, [] as [Value; 0]);
    let dead = receive(amazon, &format!("{queue}-dead-letters")).await;
    assert_eq!(dead.len(), 1, "{dead:?}");
    assert_eq!(dead[0]["Body"], json!({"robeing_id": "sales"}).to_string());
    switch_mapping(amazon, true).await;
}

/// The variables of the deployed function, with those that Lambda adds, and with resolved secrets.
async fn environment(amazon: &Amazon) -> Env {
    let path = format!("/2015-03-31/functions/metasync-{FUNCTION}");
    let function = amazon.get("lambda", &path).await;
    let variables = function["Configuration"]["Environment"]["Variables"].clone();
    let variables: std::collections::BTreeMap<String, String> =
        serde_json::from_value(variables).expect("variables");
    let env: Env = variables.into_iter().collect();
    let env = env
        .with("AWS_ACCESS_KEY_ID", "key")
        .with("AWS_SECRET_ACCESS_KEY", "secret")
        .with("AWS_ENDPOINT_URL", &amazon.url);
    secrets::resolve(env).await.expect("the secrets")
}

/// Enables or disables the mapping. While it is enabled, moto runs the function in a container.
async fn switch_mapping(amazon: &Amazon, on: bool) {
    let mappings = amazon.mappings(FUNCTION).await;
    let id = mappings[0]["UUID"].as_str().expect("a mapping");
    let path = format!("/2015-03-31/event-source-mappings/{id}");
    amazon.put("lambda", &path, &json!({ "Enabled": on })).await;
}

pub async fn receive(amazon: &Amazon, queue: &str) -> Vec<Value> {
    let body = json!({
        "QueueUrl": queue, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 0,
        "MessageSystemAttributeNames": ["All"], "AttributeNames": ["All"],
        "MessageAttributeNames": ["All"],
    });
    let received = amazon.call("sqs", "AmazonSQS.ReceiveMessage", body).await;
    received["Messages"].as_array().cloned().unwrap_or_default()
}

/// The event by which Lambda delivers messages from the queue of the function.
pub fn event(messages: &[Value]) -> Value {
    let record = |message: &Value| {
        json!({
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message["Attributes"],
            "messageAttributes": {},
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": format!("arn:aws:sqs:eu-central-1:123456789012:metasync-{FUNCTION}"),
            "awsRegion": "eu-central-1",
        })
    };
    let records: Vec<Value> = messages.iter().map(record).collect();
    json!({ "Records": records })
}

/// Acts as the poller of Lambda: invokes the function with one batch, and deletes the messages that did not fail.
/// The others become visible at once, so that the test doesn't wait.
async fn deliver(amazon: &Amazon, app: &TestApp, queue: &str) {
    let messages = receive(amazon, queue).await;
    assert!(!messages.is_empty());
    let result = app.invoke(&event(&messages)).await.expect("a report");
    let report: Value = serde_json::from_str(result.get()).expect("JSON");
    let failures = report["batchItemFailures"].as_array().expect("a report");
    assert_eq!(failures.len(), 1, "{report}");
    for message in &messages {
        let has_failed = failures
            .iter()
            .any(|it| it["itemIdentifier"] == message["MessageId"]);
        let mut body = json!({"QueueUrl": queue, "ReceiptHandle": message["ReceiptHandle"]});
        if has_failed {
            body["VisibilityTimeout"] = json!(0);
            amazon
                .call("sqs", "AmazonSQS.ChangeMessageVisibility", body)
                .await;
        } else {
            amazon.call("sqs", "AmazonSQS.DeleteMessage", body).await;
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
