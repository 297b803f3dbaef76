//! SQS in moto, with an event source mapping as AWS documents it: it receives messages, invokes the function,
//! deletes the messages that `batchItemFailures` does not name, and leaves the others in the queue.

use std::collections::BTreeMap;
use std::path::Path;

use reqwest::Client;
use serde_json::{Map, Value, json};

use crate::conversation::{Conversation, Row};
use crate::moto::MOTO;

pub const REGION: &str = "us-east-1";
const ATTEMPTS: i64 = 3;

pub struct Queue {
    client: Client,
    region: &'static str,
    url: String,
    pub arn: String,
}

impl Queue {
    pub async fn create(name: &str, attributes: Value) -> Self {
        Self::create_in(REGION, name, attributes).await
    }

    pub async fn create_in(region: &'static str, name: &str, attributes: Value) -> Self {
        let created = json!({"QueueName": name, "Attributes": attributes});
        Self::of(region, "CreateQueue", created).await
    }

    pub async fn find(region: &'static str, name: &str) -> Self {
        Self::of(region, "GetQueueUrl", json!({ "QueueName": name })).await
    }

    /// The queue of which an action returns the URL.
    async fn of(region: &'static str, action: &str, body: Value) -> Self {
        let client = platform::http_client::build(&platform::Env::default()).unwrap();
        let mut queue = Self {
            client,
            region,
            url: String::new(),
            arn: String::new(),
        };
        let found = queue.call(action, body).await;
        queue.url = found["QueueUrl"].as_str().unwrap().to_owned();
        let reply = queue.call_with_url("GetQueueAttributes", json!({"AttributeNames": ["All"]}));
        let reply = reply.await;
        queue.arn = reply["Attributes"]["QueueArn"].as_str().unwrap().to_owned();
        queue
    }

    /// A queue, and its dead-letter queue for messages that were received [`ATTEMPTS`] times.
    async fn with_dead_letters(name: &str) -> (Self, Self) {
        let (name, mut attributes) = match name.strip_suffix(".fifo") {
            Some(name) => (
                (format!("{name}.fifo"), format!("{name}-dead.fifo")),
                json!({"FifoQueue": "true"}),
            ),
            None => ((name.to_owned(), format!("{name}-dead")), json!({})),
        };
        let dead = Self::create(&name.1, attributes.clone()).await;
        let redrive = json!({"deadLetterTargetArn": dead.arn, "maxReceiveCount": ATTEMPTS});
        attributes["RedrivePolicy"] = redrive.to_string().into();
        (Self::create(&name.0, attributes).await, dead)
    }

    async fn call(&self, action: &str, body: Value) -> Value {
        let region = self.region;
        let credential = format!("Credential=key/20261125/{region}/sqs/aws4_request");
        let request = self
            .client
            .post(MOTO.url())
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", format!("AmazonSQS.{action}"))
            .header(
                "authorization",
                format!("AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature=0"),
            )
            .body(body.to_string());
        let answer = request.send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{action}: {status} {text}");
        serde_json::from_str(if text.is_empty() { "{}" } else { &text }).unwrap()
    }

    pub async fn call_with_url(&self, action: &str, mut body: Value) -> Value {
        body["QueueUrl"] = self.url.clone().into();
        self.call(action, body).await
    }

    /// Sends a message and returns its id in the queue. `id` is an attribute of the publisher.
    pub async fn send(&self, body: &str, id: Option<&str>, group: Option<&str>) -> String {
        let mut message = json!({"MessageBody": body});
        if let Some(id) = id {
            let id = json!({"DataType": "String", "StringValue": id});
            message["MessageAttributes"] = json!({ "id": id });
        }
        if let Some(group) = group {
            message["MessageGroupId"] = group.into();
            let unique = uuid::Uuid::now_v7().to_string();
            message["MessageDeduplicationId"] = unique.into();
        }
        let sent = self.call_with_url("SendMessage", message).await;
        sent["MessageId"].as_str().unwrap().to_owned()
    }

    /// Sends what another queue had, as SQS moves it: with its attributes, and a new id.
    pub async fn send_again(&self, message: &Value) {
        let message = json!({
            "MessageBody": message["Body"],
            "MessageAttributes": message.get("MessageAttributes").unwrap_or(&json!({})),
        });
        self.call_with_url("SendMessage", message).await;
    }

    pub async fn receive(&self) -> Vec<Value> {
        let all = json!({"MaxNumberOfMessages": 10, "AttributeNames": ["All"], "MessageAttributeNames": ["All"]});
        let received = self.call_with_url("ReceiveMessage", all).await;
        received["Messages"].as_array().cloned().unwrap_or_default()
    }

    /// The event of Lambda for messages: the fields of the API with other capitalisation.
    fn event(&self, messages: &[Value]) -> Value {
        let record = |message: &Value| {
            let mut record = json!({
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": message["Attributes"],
                "messageAttributes": {},
                "md5OfBody": message["MD5OfBody"],
                "eventSource": "aws:sqs",
                "eventSourceARN": self.arn,
                "awsRegion": self.region,
            });
            for (name, value) in message["MessageAttributes"]
                .as_object()
                .into_iter()
                .flatten()
            {
                record["messageAttributes"][name] = json!({
                    "stringValue": value["StringValue"],
                    "stringListValues": [],
                    "binaryListValues": [],
                    "dataType": value["DataType"],
                });
            }
            record
        };
        json!({"Records": messages.iter().map(record).collect::<Vec<_>>()})
    }

    /// One poll and invocation. Returns whether each received message was stored, by its body.
    pub async fn poll(&self, log: &Conversation) -> BTreeMap<String, bool> {
        let messages = self.receive().await;
        if messages.is_empty() {
            return BTreeMap::new();
        }
        let report = invoke(log, &self.event(&messages)).await;
        let failed: Vec<&str> = report["batchItemFailures"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["itemIdentifier"].as_str().unwrap())
            .collect();
        let mut outcomes = BTreeMap::new();
        for message in &messages {
            let receipt = json!({"ReceiptHandle": message["ReceiptHandle"]});
            let is_stored = !failed.contains(&message["MessageId"].as_str().unwrap());
            if is_stored {
                self.call_with_url("DeleteMessage", receipt).await;
            } else {
                self.release(&receipt).await;
            }
            outcomes.insert(message["Body"].as_str().unwrap().to_owned(), is_stored);
        }
        outcomes
    }

    /// Ends the visibility timeout of a message.
    async fn release(&self, receipt: &Value) {
        let mut body = receipt.clone();
        body["VisibilityTimeout"] = 0.into();
        self.call_with_url("ChangeMessageVisibility", body).await;
    }
}

async fn invoke(log: &Conversation, event: &Value) -> Value {
    let result = log.app.invoke(event).await;
    let result = result.unwrap_or_else(|failure| panic!("{}", failure.error_message));
    serde_json::from_str(result.get()).unwrap()
}

fn fields(record: &Value) -> Vec<&String> {
    let object = |value: &'_ Value| value.as_object().map(Map::len);
    assert!(object(&record["attributes"]).is_some(), "{record}");
    let outer = record.as_object().unwrap().keys();
    let mut fields: Vec<&String> = outer.collect();
    fields.extend(record["attributes"].as_object().unwrap().keys());
    fields.sort();
    fields
}

/// Asserts that an event has the same fields as the sample from the documentation of AWS.
fn assert_as_documented(event: &Value, sample: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../events/message-log");
    let sample = std::fs::read_to_string(folder.join(sample)).unwrap();
    let sample: Value = serde_json::from_str(&sample).unwrap();
    assert_eq!(fields(&event["Records"][0]), fields(&sample["Records"][0]));
}

fn said(text: &str, thread: &str) -> Value {
    json!({"robeing_id": "sales", "thread_ts": thread, "message": text})
}

#[tokio::test]
async fn messages_of_a_queue_are_stored_once_and_a_bad_one_becomes_a_dead_letter_here_and_in_sqs() {
    let log = Conversation::start().await;
    let (queue, dead) = Queue::with_dead_letters("messages").await;

    let by_attribute = said("named by its publisher", "t1").to_string();
    queue.send(&by_attribute, Some("order-1"), None).await;
    queue.send(&by_attribute, Some("order-1"), None).await;
    let mut by_body = said("named in its body, 전화는 010-1234-5678", "t1");
    by_body["id"] = "order-2".into();
    queue.send(&by_body.to_string(), None, None).await;
    queue.send(&by_body.to_string(), None, None).await;
    let nameless = said("named by the queue alone", "t2").to_string();
    queue.send(&nameless, None, None).await;
    let cloud_event = json!({
        "specversion": "1.0", "id": "A234", "source": "/crm", "type": "message",
        "data": said("in a CloudEvent 🙂", "t2"),
    });
    queue.send(&cloud_event.to_string(), None, None).await;
    let notification = json!({
        "Type": "Notification", "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": "arn:aws:sns:us-east-1:123456789012:topic",
        "Message": said("through a topic of SNS", "t2").to_string(),
    });
    queue.send(&notification.to_string(), None, None).await;
    let poison = json!({"robeing_id": "sales", "thread_ts": "t3", "메모": "010-9999-8888"});
    let poison = poison.to_string();
    queue.send(&poison, Some("bad-1"), None).await;

    let messages = queue.receive().await;
    assert_eq!(messages.len(), 8);
    let event = queue.event(&messages);
    assert_as_documented(&event, "sqs.json");
    let sent_at = messages.iter().find(|it| it["Body"] == nameless.as_str());
    let sent_at = sent_at.unwrap()["Attributes"]["SentTimestamp"].as_str();
    let sent_at: i64 = sent_at.unwrap().parse().unwrap();
    // The response is lost, so all messages are delivered again.
    invoke(&log, &event).await;
    for message in &messages {
        let receipt = json!({"ReceiptHandle": message["ReceiptHandle"]});
        queue.release(&receipt).await;
    }
    let outcomes = queue.poll(&log).await;
    for (body, is_stored) in &outcomes {
        assert_eq!(*is_stored, *body != poison, "{body}");
    }
    let mut polls = 1;
    while !queue.poll(&log).await.is_empty() {
        polls += 1;
    }
    assert_eq!(polls + 1, ATTEMPTS);

    let mut expected = [
        Row::new("named by its publisher", "t1"),
        Row::new("named in its body, 전화는 [PHONE_1]", "t1"),
        Row::new("named by the queue alone", "t2"),
        Row::new("in a CloudEvent 🙂", "t2"),
        Row::new("through a topic of SNS", "t2"),
    ];
    expected.sort();
    assert_eq!(log.sorted_rows().await, expected);
    assert_eq!(log.millis_of("named by the queue alone").await, sent_at);

    let left = dead.receive().await;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["Body"], poison);
    let letters = log.dead_letters().await;
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0]["attempts"], ATTEMPTS);
    assert_eq!(letters[0]["source_event_id"], "bad-1");
    assert_eq!(letters[0]["body"]["메모"], "[PHONE_1]");
    let reason = letters[0]["reason"].as_str().unwrap();
    assert!(reason.contains("unknown field"), "{reason}");
}

#[tokio::test]
async fn a_fifo_group_keeps_its_order_and_a_bad_message_does_not_block_it() {
    let log = Conversation::start().await;
    let (queue, dead) = Queue::with_dead_letters("messages.fifo").await;
    for n in 0..4 {
        for group in ["a", "b"] {
            let body = match (group, n) {
                ("a", 1) => "no message".to_owned(),
                _ => said(&format!("{group}{n}"), group).to_string(),
            };
            // One by one, each with its own time, because the sequence numbers of moto are not ordered.
            queue.send(&body, None, Some(group)).await;
        }
    }
    let messages = queue.receive().await;
    assert_as_documented(&queue.event(&messages), "sqs-fifo.json");
    assert_eq!(messages.len(), 8);
    for message in &messages {
        let receipt = json!({"ReceiptHandle": message["ReceiptHandle"]});
        queue.release(&receipt).await;
    }
    // The messages have been received once.
    let outcomes = queue.poll(&log).await;
    let stored = outcomes.values().filter(|is_stored| **is_stored).count();
    assert_eq!((outcomes.len(), stored), (8, 7), "{outcomes:?}");
    while !queue.poll(&log).await.is_empty() {}

    let rows = log.rows().await;
    let of = |group: &str| -> Vec<&str> {
        let rows = rows.iter().filter(|row| row.thread == group);
        rows.map(|row| row.message.as_str()).collect()
    };
    assert_eq!(of("a"), ["a0", "a2", "a3"]);
    assert_eq!(of("b"), ["b0", "b1", "b2", "b3"]);
    let left = dead.receive().await;
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(left[0]["Body"], "no message");
    let letters = log.dead_letters().await;
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0]["attempts"], ATTEMPTS - 1);
}
