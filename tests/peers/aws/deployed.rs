//! Compares a deployment, read through the APIs of AWS, with the catalogue.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::amazon::Amazon;
use tests::catalogue::{self, Function, Queue, Schedule};

const ACCOUNT: &str = "123456789012";
const REGION: &str = "eu-central-1";
const BUCKET: &str = "metasync-123456789012-eu-central-1";
const SECRETS: [&str; 5] = [
    "AUTH_TOKENS",
    "DATABASE_URL",
    "MASKING_KEY",
    "METASYNC_KEYS",
    "PRIVACY_KEY",
];

fn arn(service: &str, rest: &str) -> String {
    format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}")
}

/// The functions of a deployment: each by itself, or all of them as `metasync`.
pub fn deployment(is_one_function: bool) -> BTreeMap<String, Function> {
    let mut functions = catalogue::functions();
    functions.retain(|name, _| (name == "metasync") == is_one_function);
    functions
}

pub async fn matches_the_catalogue(amazon: &Amazon, deployed: &BTreeMap<String, Function>) {
    for (name, function) in deployed {
        configuration(amazon, name, function).await;
        rights(amazon, name, function).await;
        for (schedule, when) in &function.schedules {
            schedules(amazon, name, schedule, when).await;
        }
        queues(amazon, name, function).await;
    }
    gateway(amazon, deployed).await;
    bucket(amazon).await;
    let functions = amazon.get("lambda", "/2015-03-31/functions/").await;
    let functions = functions["Functions"].as_array().map(Vec::len);
    assert_eq!(functions, Some(deployed.len()));
    let schedules = amazon.get("scheduler", "/schedules").await;
    let expected: usize = deployed.values().map(|it| it.schedules.len()).sum();
    assert_eq!(
        schedules["Schedules"].as_array().map(Vec::len),
        Some(expected)
    );
}

pub async fn is_gone(amazon: &Amazon) {
    let functions = amazon.get("lambda", "/2015-03-31/functions/").await;
    assert_eq!(functions["Functions"], json!([]));
    let schedules = amazon.get("scheduler", "/schedules").await;
    assert_eq!(schedules["Schedules"], json!([]));
    let queues = amazon.call("sqs", "AmazonSQS.ListQueues", json!({})).await;
    assert!(
        queues["QueueUrls"].as_array().is_none_or(Vec::is_empty),
        "{queues}"
    );
    let secrets = amazon
        .call("secretsmanager", "secretsmanager.ListSecrets", json!({}))
        .await;
    assert_eq!(secrets["SecretList"], json!([]));
    let apis = amazon.get("apigateway", "/v2/apis").await;
    assert_eq!(apis["items"], json!([]));
}

async fn secret(amazon: &Amazon, variable: &str) -> String {
    let name = json!({"SecretId": format!("metasync/{variable}")});
    let secret = amazon
        .call("secretsmanager", "secretsmanager.DescribeSecret", name)
        .await;
    secret["ARN"].as_str().expect("a secret").to_owned()
}

async fn configuration(amazon: &Amazon, name: &str, function: &Function) {
    let path = format!("/2015-03-31/functions/metasync-{name}");
    let is = amazon.get("lambda", &path).await["Configuration"].clone();
    assert_eq!(is["Runtime"], "provided.al2023");
    assert_eq!(is["Architectures"], json!(["x86_64"]));
    assert_eq!(is["MemorySize"], function.memory_mb, "{name}");
    assert_eq!(is["Timeout"], function.timeout_seconds, "{name}");
    assert_eq!(
        is["Role"],
        format!("arn:aws:iam::{ACCOUNT}:role/metasync-{name}")
    );

    let mut expected = serde_json::Map::new();
    for variable in SECRETS.iter().filter(|it| function.reads.contains(**it)) {
        expected.insert(
            (*variable).to_owned(),
            secret(amazon, variable).await.into(),
        );
    }
    if function.uses.bucket.is_used() {
        expected.insert("BUCKET_URL".to_owned(), format!("s3://{BUCKET}").into());
    }
    // The host of the gateway, because the deployment has no domain.
    let apis = amazon.get("apigateway", "/v2/apis").await;
    let url = apis["items"][0]["apiEndpoint"].clone();
    assert!(url.is_string(), "{apis}");
    expected.insert("PUBLIC_URL".to_owned(), url);
    assert_eq!(
        is["Environment"]["Variables"],
        Value::Object(expected),
        "{name}"
    );

    let group = format!("/aws/lambda/metasync-{name}");
    let groups = json!({"logGroupNamePrefix": group});
    let groups = amazon
        .call("logs", "Logs_20140328.DescribeLogGroups", groups)
        .await;
    assert_eq!(groups["logGroups"][0]["retentionInDays"], 30, "{name}");

    if !function.schedules.is_empty() {
        let path = format!("/2019-09-25/functions/metasync-{name}/event-invoke-config");
        let tried = amazon.get("lambda", &path).await;
        assert_eq!(tried["MaximumRetryAttempts"], 2);
        let failed = arn("sqs", "metasync-failed-runs");
        assert_eq!(
            tried["DestinationConfig"]["OnFailure"]["Destination"],
            failed
        );
    }
}

/// The pairs of action and resource.
fn pairs(statements: &[Value]) -> BTreeSet<(String, String)> {
    let list = |value: &Value| -> Vec<String> {
        let one = value.as_str().map(|text| vec![text.to_owned()]);
        one.unwrap_or_else(|| serde_json::from_value(value.clone()).expect("a list"))
    };
    let mut pairs = BTreeSet::new();
    for statement in statements {
        assert_eq!(statement["Effect"], "Allow");
        for action in list(&statement["Action"]) {
            for resource in list(&statement["Resource"]) {
                pairs.insert((action.clone(), resource));
            }
        }
    }
    pairs
}

/// Checks that the role has exactly the rights that the function needs.
async fn rights(amazon: &Amazon, name: &str, function: &Function) {
    let statements = amazon.statements(&format!("metasync-{name}"), "uses").await;
    let is = pairs(&statements);
    let mut expected = BTreeSet::new();
    let mut may = |action: &str, resource: String| {
        expected.insert((action.to_owned(), resource));
    };
    let log = arn("logs", &format!("log-group:/aws/lambda/metasync-{name}:*"));
    may("logs:CreateLogStream", log.clone());
    may("logs:PutLogEvents", log);
    for variable in SECRETS.iter().filter(|it| function.reads.contains(**it)) {
        may(
            "secretsmanager:GetSecretValue",
            secret(amazon, variable).await,
        );
    }
    let bucket = &function.uses.bucket;
    if bucket.is_used() {
        may("s3:ListBucket", format!("arn:aws:s3:::{BUCKET}"));
    }
    let objects = [
        ("s3:GetObject", &bucket.read),
        ("s3:PutObject", &bucket.write),
        ("s3:DeleteObject", &bucket.delete),
    ];
    for (action, prefixes) in objects {
        for prefix in prefixes {
            may(action, format!("arn:aws:s3:::{BUCKET}/{prefix}*"));
        }
    }
    for owner in function.queues.keys() {
        for action in ["DeleteMessage", "GetQueueAttributes", "ReceiveMessage"] {
            may(
                &format!("sqs:{action}"),
                arn("sqs", &format!("metasync-{owner}")),
            );
        }
    }
    if !function.schedules.is_empty() {
        may("sqs:SendMessage", arn("sqs", "metasync-failed-runs"));
    }
    assert_eq!(is, expected, "{name}");
    for (action, resource) in &is {
        assert!(
            !action.contains('*') && resource != "*",
            "{name}: {action} {resource}"
        );
    }
}

async fn schedules(amazon: &Amazon, name: &str, schedule: &str, when: &Schedule) {
    let path = format!("/schedules/metasync-{name}-{schedule}");
    let is = amazon.get("scheduler", &path).await;
    let expression = match (when.every_minutes, &when.daily_at) {
        (Some(1), None) => "rate(1 minute)".to_owned(),
        (Some(minutes), None) => format!("rate({minutes} minutes)"),
        (None, Some(at)) => {
            let (hour, minute) = at.split_once(':').expect("hh:mm");
            let [hour, minute]: [u32; 2] =
                [hour, minute].map(|part| part.parse().expect("a number"));
            format!("cron({minute} {hour} * * ? *)")
        }
        _ => panic!("{name}: a schedule needs either an interval or a time"),
    };
    assert_eq!(is["ScheduleExpression"], expression);
    let target = &is["Target"];
    assert_eq!(
        target["Arn"],
        arn("lambda", &format!("function:metasync-{name}"))
    );
    let input: Value =
        serde_json::from_str(target["Input"].as_str().expect("input")).expect("JSON");
    assert_eq!(input, Value::from(when.input.clone()));
    let failed = arn("sqs", "metasync-failed-runs");
    assert_eq!(target["DeadLetterConfig"]["Arn"], failed);
    assert_eq!(target["RetryPolicy"]["MaximumRetryAttempts"], 10);

    let role = format!("metasync-{name}-{schedule}-schedule");
    assert_eq!(
        target["RoleArn"],
        format!("arn:aws:iam::{ACCOUNT}:role/{role}")
    );
    let invoke = arn("lambda", &format!("function:metasync-{name}"));
    let expected = [
        ("lambda:InvokeFunction", invoke),
        ("sqs:SendMessage", failed),
    ];
    let expected = expected.map(|(action, resource)| (action.to_owned(), resource));
    assert_eq!(
        pairs(&amazon.statements(&role, "runs").await),
        expected.into()
    );
}

async fn queues(amazon: &Amazon, name: &str, function: &Function) {
    let mappings = amazon.mappings(name).await;
    assert_eq!(mappings.len(), function.queues.len(), "{name}");
    for (owner, queue) in &function.queues {
        let source = arn("sqs", &format!("metasync-{owner}"));
        let mapping = mappings.iter().find(|it| it["EventSourceArn"] == source);
        let mapping = mapping.expect("a mapping of the queue");
        assert_eq!(mapping["BatchSize"], queue.batch);
        assert_eq!(
            mapping["FunctionResponseTypes"],
            json!(["ReportBatchItemFailures"])
        );
        attributes(amazon, owner, queue, function).await;
    }
}

/// The settings of a queue that `function` consumes.
async fn attributes(amazon: &Amazon, owner: &str, queue: &Queue, function: &Function) {
    let url = format!("{}/{ACCOUNT}/metasync-{owner}", amazon.url);
    let body = json!({"QueueUrl": url, "AttributeNames": ["All"]});
    let is = amazon
        .call("sqs", "AmazonSQS.GetQueueAttributes", body)
        .await["Attributes"]
        .clone();
    let visible = (function.timeout_seconds * 6).min(43_200).to_string();
    assert_eq!(is["VisibilityTimeout"], visible);
    let redrive = is["RedrivePolicy"].as_str().expect("a dead-letter queue");
    let redrive: Value = serde_json::from_str(redrive).expect("JSON");
    let dead = arn("sqs", &format!("metasync-{owner}-dead-letters"));
    assert_eq!(redrive["deadLetterTargetArn"], dead);
    assert_eq!(
        redrive["maxReceiveCount"].to_string().trim_matches('"'),
        queue.receives.to_string()
    );
}

/// The routes of the catalogue, each to its function, and no other.
async fn gateway(amazon: &Amazon, deployed: &BTreeMap<String, Function>) {
    let apis = amazon.get("apigateway", "/v2/apis").await;
    let api = apis["items"][0]["apiId"]
        .as_str()
        .expect("one API")
        .to_owned();
    let items = async |what: &str| {
        let items = amazon
            .get("apigateway", &format!("/v2/apis/{api}/{what}"))
            .await;
        items["items"].as_array().expect("a list").clone()
    };
    let integrations = items("integrations").await;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut is = BTreeSet::new();
    for route in items("routes").await {
        let target = text(&route["target"]);
        let integration = integrations.iter().find(|it| {
            target
                == format!(
                    "integrations/{}",
                    it["integrationId"].as_str().unwrap_or_default()
                )
        });
        let integration = integration.expect("the integration of a route");
        assert_eq!(integration["payloadFormatVersion"], "2.0");
        is.insert((
            text(&route["routeKey"]),
            text(&integration["integrationUri"]),
        ));
    }
    let mut expected = BTreeSet::new();
    for (name, function) in deployed {
        let function_arn = arn("lambda", &format!("function:metasync-{name}"));
        let uri = format!(
            "arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{function_arn}/invocations"
        );
        expected.extend(
            function
                .routes
                .iter()
                .map(|route| (route.clone(), uri.clone())),
        );
    }
    assert_eq!(is, expected);
    assert!(
        !is.iter()
            .any(|(route, _)| route.contains("/events/") || route == "$default")
    );
}

async fn bucket(amazon: &Amazon) {
    let block = amazon.bucket(BUCKET, "publicAccessBlock").await;
    for setting in [
        "BlockPublicAcls",
        "BlockPublicPolicy",
        "IgnorePublicAcls",
        "RestrictPublicBuckets",
    ] {
        assert!(
            block.contains(&format!("<{setting}>true</{setting}>")),
            "{block}"
        );
    }
    let policy: Value = serde_json::from_str(&amazon.bucket(BUCKET, "policy").await).expect("JSON");
    let statement = &policy["Statement"][0];
    assert_eq!(statement["Effect"], "Deny");
    assert_eq!(
        statement["Condition"]["Bool"]["aws:SecureTransport"],
        "false"
    );
    let versioning = amazon.bucket(BUCKET, "versioning").await;
    assert!(!versioning.contains("Enabled"), "{versioning}");
    let lifecycle = amazon.bucket(BUCKET, "lifecycle").await;
    assert!(
        lifecycle.contains("AbortIncompleteMultipartUpload"),
        "{lifecycle}"
    );
}
