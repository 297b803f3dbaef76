//! A deployment on AWS.

use serde_json::{Value, json};

use super::{TOKENS, assert_fails, cloud, doctor};

const AWS: [(&str, &str); 4] = [
    ("AUTH_TOKENS", TOKENS),
    ("AWS_REGION", "eu-central-1"),
    ("AWS_ACCESS_KEY_ID", "key"),
    ("AWS_SECRET_ACCESS_KEY", "secret"),
];

fn on_aws(url: &str) -> (bool, Vec<(String, String, String)>) {
    let env = [&AWS[..], &[("AWS_ENDPOINT_URL", url)]].concat();
    doctor(&["--aws"], &env)
}

#[test]
fn on_aws_the_login_the_clock_and_the_deployment_are_checked() {
    let (_, checks) = doctor(&["--aws"], &AWS[..1]);
    assert_fails(&checks, &[("AWS region", "export AWS_REGION=")]);

    let expired =
        json!({"Error": {"Code": "ExpiredToken", "Message": "The security token is expired"}});
    let (_, checks) = on_aws(&cloud(
        &[("/", 403, expired)],
        "Wed, 01 Jan 2020 00:00:00 GMT",
    ));
    assert_fails(
        &checks,
        &[
            ("AWS login", "aws configure export-credentials"),
            ("clock", "timedatectl set-ntp true"),
        ],
    );

    let (_, checks) = on_aws(&cloud(&[("/", 200, json!({}))], ""));
    assert_fails(
        &checks,
        &[("functions", "terraform -chdir=infra/aws apply")],
    );

    let arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:metasync/AUTH_TOKENS-abc";
    let variables = json!({"Variables": {"AUTH_TOKENS": arn, "BUCKET_URL": "s3://bucket"}});
    let deployed =
        json!({"State": "Active", "LastUpdateStatus": "Successful", "Environment": variables});
    let broken = json!({"State": "Failed", "StateReason": "the role can't be assumed"});
    let answers = [
        ("/", 200, json!({})),
        (
            "/2015-03-31/functions/metasync-cache-read/configuration",
            200,
            deployed,
        ),
        (
            "/2015-03-31/functions/metasync-schema-sync/configuration",
            200,
            broken,
        ),
        ("secretsmanager.DescribeSecret", 200, json!({"ARN": arn})),
        (
            "AmazonSQS.GetQueueUrl",
            200,
            json!({"QueueUrl": "https://queue"}),
        ),
        (
            "AmazonSQS.GetQueueAttributes",
            200,
            json!({"Attributes": {"ApproximateNumberOfMessages": "3"}}),
        ),
    ];
    let (_, checks) = on_aws(&cloud(&answers, ""));
    assert_fails(
        &checks,
        &[
            (
                "function schema-sync",
                "the role can't be assumed | terraform",
            ),
            (
                "secret AUTH_TOKENS",
                &format!("put-secret-value --secret-id {arn}"),
            ),
            (
                "queue metasync-failed-runs",
                "3 runs failed; once their cause is repaired, empty the queue | aws sqs purge-queue",
            ),
        ],
    );
    let read = checks
        .iter()
        .find(|(name, ..)| name == "function cache-read")
        .unwrap();
    assert_eq!(read.1, "fine");
}

const TOPIC: &str = "arn:aws:sns:eu-central-1:123456789012:metasync-alarms";

/// The checks of a deployment with these alarms, and with these subscriptions of [`TOPIC`].
fn with_alarms(alarms: &Value, subscriptions: &Value) -> Vec<(String, String, String)> {
    let alarms =
        json!({"DescribeAlarmsResponse": {"DescribeAlarmsResult": {"MetricAlarms": alarms}}});
    let listed = json!({"ListSubscriptionsByTopicResponse":
        {"ListSubscriptionsByTopicResult": {"Subscriptions": subscriptions}}});
    let function = "/2015-03-31/functions/metasync-cache-read/configuration";
    let answers = [
        ("/", 200, json!({})),
        (function, 200, json!({"State": "Active"})),
        ("DescribeAlarms", 200, alarms),
        ("ListSubscriptionsByTopic", 200, listed),
    ];
    on_aws(&cloud(&answers, "")).1
}

#[test]
fn an_alarm_on_aws_without_a_confirmed_receiver_fails() {
    let alarm = |name: &str, topics: &[&str], enabled: bool| json!({"AlarmName": name, "AlarmActions": topics, "ActionsEnabled": enabled});
    let subscription = |arn: &str| json!({"SubscriptionArn": arn, "Protocol": "email", "Endpoint": "on-call@example.com"});
    let confirmed = subscription(&format!("{TOPIC}:46519208"));
    let good = alarm("metasync-server-errors", &[TOPIC], true);
    let refused = alarm("metasync-refused-requests", &[TOPIC], true);
    let subscribe = format!(
        "aws sns subscribe --region eu-central-1 --topic-arn {TOPIC} --protocol email --notification-endpoint \
         on-call@example.com"
    );
    for (alarms, subscriptions, expected) in [
        (json!([]), json!([]), "has no alarms | terraform"),
        (
            json!([good, alarm("metasync-failed-runs", &[], true)]),
            json!([confirmed]),
            "metasync-failed-runs has no receiver | terraform -chdir=infra/aws apply -var 'alarm_emails",
        ),
        (
            json!([refused]),
            json!([confirmed]),
            "the alarm metasync-server-errors doesn't exist | terraform -chdir=infra/aws apply",
        ),
        (
            json!([good]),
            json!([confirmed]),
            "the alarm metasync-refused-requests doesn't exist | terraform -chdir=infra/aws apply",
        ),
        (
            json!([alarm("metasync-server-errors", &[TOPIC], false)]),
            json!([confirmed]),
            "enable-alarm-actions --region eu-central-1 --alarm-names metasync-server-errors",
        ),
        (json!([good]), json!([]), &subscribe),
        (json!([good]), json!([subscription("Deleted")]), &subscribe),
        (
            json!([good]),
            json!([confirmed, subscription("PendingConfirmation")]),
            &subscribe,
        ),
    ] {
        assert_fails(
            &with_alarms(&alarms, &subscriptions),
            &[("alarms", expected)],
        );
    }
    let checks = with_alarms(
        &json!([good, refused]),
        &json!([confirmed, subscription("Deleted")]),
    );
    let alarms: Vec<_> = checks
        .iter()
        .filter(|(name, ..)| name == "alarms")
        .collect();
    assert!(
        matches!(alarms[..], [(_, status, _)] if status == "fine"),
        "{checks:#?}"
    );
}
