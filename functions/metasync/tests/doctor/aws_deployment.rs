//! What a deployment on AWS differs in from the catalogue, what its functions lack, and what the caller may not do.

use serde_json::{Value, json};

use super::{TOKENS, assert_fails, cloud, doctor};

const SECRET: &str =
    "arn:aws:secretsmanager:eu-central-1:123456789012:secret:metasync/MASKING_KEY-abc";
const CALLER: &str = "arn:aws:iam::123456789012:user/ann";

/// The responses of an account with `message-log` as the catalogue has it.
struct Account(Vec<(String, u16, Value)>);

impl Account {
    fn new() -> Self {
        let arn = |rest: &str| format!("arn:aws:{rest}");
        let function = arn("lambda:eu-central-1:123456789012:function:metasync-message-log");
        let queue = |name: &str| arn(&format!("sqs:eu-central-1:123456789012:metasync-{name}"));
        let variables =
            json!({"MASKING_KEY": SECRET, "DATABASE_URL": "postgres://metasync@db/shop"});
        let redrive = json!({
            "deadLetterTargetArn": queue("message-log-dead-letters"), "maxReceiveCount": 5,
        });
        let caller = json!({"GetCallerIdentityResult": {"Arn": CALLER}});
        let report = json!({"status": "ok", "checks": [{"name": "database", "status": "ok"}]});
        let mut account = Self(Vec::new());
        account.set(
            "GetCallerIdentity",
            json!({"GetCallerIdentityResponse": caller}),
        );
        account.set(
            "/2015-03-31/functions/metasync-message-log/configuration",
            json!({"State": "Active", "MemorySize": 256, "Timeout": 30, "Environment": {"Variables": variables}}),
        );
        account.set(
            "/2019-09-30/functions/metasync-message-log/concurrency",
            json!({}),
        );
        account.set(
            "/2019-09-25/functions/metasync-message-log/event-invoke-config",
            json!({"MaximumRetryAttempts": 2, "DestinationConfig": {"OnFailure": {"Destination": queue("failed-runs")}}}),
        );
        account.set(
            "/2015-03-31/event-source-mappings/",
            json!({"EventSourceMappings": [{
                "EventSourceArn": queue("message-log"), "State": "Enabled", "BatchSize": 10,
                "FunctionResponseTypes": ["ReportBatchItemFailures"], "ScalingConfig": {"MaximumConcurrency": 20},
            }]}),
        );
        account.set(
            "AmazonSQS.GetQueueUrl",
            json!({"QueueUrl": "https://queue"}),
        );
        account.set(
            "AmazonSQS.GetQueueAttributes",
            json!({"Attributes": {
                "ApproximateNumberOfMessages": "0", "VisibilityTimeout": "180", "RedrivePolicy": redrive.to_string(),
            }}),
        );
        account.set(
            "/schedules/metasync-message-log-roll-up",
            json!({"State": "ENABLED", "ScheduleExpression": "rate(1 minute)", "Target": {"Arn": function, "Input": "{}"}}),
        );
        account.set(
            "secretsmanager.DescribeSecret",
            json!({"ARN": SECRET, "VersionIdsToStages": {"1": ["AWSCURRENT"]}}),
        );
        account.set(
            "secretsmanager.GetSecretValue",
            json!({"SecretString": "07".repeat(32)}),
        );
        account.set(
            "/2015-03-31/functions/metasync-message-log/invocations",
            json!({"statusCode": 200, "body": report.to_string()}),
        );
        account
    }

    fn set(&mut self, key: &str, response: Value) {
        self.refuse(key, 200, response);
    }

    fn refuse(&mut self, key: &str, status: u16, response: Value) {
        self.0.retain(|(known, ..)| known != key);
        self.0.push((key.to_owned(), status, response));
    }

    /// Changes a field of a response.
    fn change(&mut self, key: &str, pointer: &str, value: Value) {
        let known = self.0.iter_mut().find(|(known, ..)| known == key);
        let (.., response) = known.expect("a response");
        *response.pointer_mut(pointer).expect("a field") = value;
    }

    fn checks(&self) -> Vec<(String, String, String)> {
        let answers = self.0.iter();
        let answers: Vec<(&str, u16, Value)> = answers
            .map(|(key, status, response)| (key.as_str(), *status, response.clone()))
            .collect();
        let url = cloud(&answers, "");
        let env = [
            ("AUTH_TOKENS", TOKENS),
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", "key"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_ENDPOINT_URL", &url),
        ];
        doctor(&["--aws"], &env).1
    }
}

/// The status and the text of a check.
fn found(checks: &[(String, String, String)], check: &str) -> (String, String) {
    let found = checks.iter().find(|(name, ..)| name == check);
    let (_, status, text) = found.unwrap_or_else(|| panic!("{check} in {checks:#?}"));
    (status.clone(), text.clone())
}

#[test]
fn a_deployment_on_aws_as_in_the_catalogue_passes() {
    let checks = Account::new().checks();
    for check in [
        "configuration message-log",
        "secret MASKING_KEY",
        "readiness message-log",
    ] {
        assert_eq!(found(&checks, check).0, "fine", "{checks:#?}");
    }
    let (status, text) = found(&checks, "rights");
    assert_eq!(status, "skipped");
    assert!(text.contains("iam:SimulatePrincipalPolicy"), "{text}");
}

#[test]
fn every_difference_from_the_catalogue_on_aws_is_found() {
    const FUNCTION: &str = "/2015-03-31/functions/metasync-message-log/configuration";
    const MAPPING: &str = "/2015-03-31/event-source-mappings/";
    const RUNS: &str = "/2019-09-25/functions/metasync-message-log/event-invoke-config";
    const SCHEDULE: &str = "/schedules/metasync-message-log-roll-up";
    const QUEUE: &str = "AmazonSQS.GetQueueAttributes";
    const APPLY: &str = "terraform -chdir=infra/aws apply";
    let mapping = |field: &str| format!("/EventSourceMappings/0/{field}");
    let variable = |name: &str| format!("/Environment/Variables/{name}");
    let other = SECRET.replace("secret:metasync/", "secret:other/");
    for (key, pointer, value, expected) in [
        (
            FUNCTION,
            "/MemorySize".to_owned(),
            json!(128),
            "memory in MB: 128, and 256 in the catalogue",
        ),
        (
            FUNCTION,
            "/Timeout".to_owned(),
            json!(3),
            "timeout in s: 3, and 30 in the catalogue",
        ),
        (
            FUNCTION,
            variable("MASKING_KEY"),
            json!(other),
            "MASKING_KEY refers to the secret of another deployment",
        ),
        (
            MAPPING,
            mapping("State"),
            json!("Disabled"),
            "state of the mapping of the queue message-log: Disabled",
        ),
        (
            MAPPING,
            mapping("BatchSize"),
            json!(1),
            "batch size of the queue message-log: 1, and 10",
        ),
        (
            MAPPING,
            mapping("FunctionResponseTypes"),
            json!([]),
            "responses of the queue message-log: []",
        ),
        (
            MAPPING,
            mapping("ScalingConfig/MaximumConcurrency"),
            json!(2),
            "largest concurrency of the queue message-log: 2",
        ),
        (
            MAPPING,
            "/EventSourceMappings".to_owned(),
            json!([]),
            "the queue message-log is not mapped to it",
        ),
        (
            RUNS,
            "/MaximumRetryAttempts".to_owned(),
            json!(0),
            "retries of failed runs: 0, and 2",
        ),
        (
            RUNS,
            "/DestinationConfig".to_owned(),
            json!({}),
            "failed runs are not kept in their queue",
        ),
        (
            SCHEDULE,
            "/State".to_owned(),
            json!("DISABLED"),
            "state of the schedule roll-up: DISABLED, and ENABLED",
        ),
        (
            SCHEDULE,
            "/ScheduleExpression".to_owned(),
            json!("rate(1 day)"),
            "times of the schedule roll-up: rate(1 day)",
        ),
        (
            SCHEDULE,
            "/Target/Input".to_owned(),
            json!("[]"),
            "input of the schedule roll-up: []",
        ),
        (
            SCHEDULE,
            "/Target/Arn".to_owned(),
            json!("arn:x"),
            "the schedule roll-up runs arn:x",
        ),
        (
            QUEUE,
            "/Attributes/VisibilityTimeout".to_owned(),
            json!("30"),
            "visibility timeout in s of the queue message-log: 30",
        ),
        (
            QUEUE,
            "/Attributes/RedrivePolicy".to_owned(),
            json!("{}"),
            "the queue message-log keeps no dead letters",
        ),
    ] {
        let mut account = Account::new();
        account.change(key, &pointer, value);
        let checks = account.checks();
        assert_fails(
            &checks,
            &[
                ("configuration message-log", expected),
                ("configuration message-log", APPLY),
            ],
        );
    }
    let mut account = Account::new();
    account.set(
        "/2019-09-30/functions/metasync-message-log/concurrency",
        json!({"ReservedConcurrentExecutions": 0}),
    );
    account.refuse(SCHEDULE, 404, json!({}));
    account.change(
        FUNCTION,
        "/Environment/Variables",
        json!({"AUTH_MODE": "open", "MASKING_KEY": SECRET}),
    );
    let checks = account.checks();
    for expected in [
        "reserved concurrency: 0, and 20 in the catalogue",
        "the schedule roll-up doesn't exist",
        "AUTH_MODE is set, and the function doesn't read it",
        "DATABASE_URL is not set: set it to postgres://user:password@host/database, or leave message-log out",
        "| ${EDITOR:-vi} infra/aws/terraform.tfvars && terraform -chdir=infra/aws apply",
    ] {
        assert_fails(&checks, &[("configuration message-log", expected)]);
    }
}

#[test]
fn a_secret_that_is_deleted_or_has_another_form_fails_and_its_value_is_not_printed() {
    let mut account = Account::new();
    account.set(
        "secretsmanager.DescribeSecret",
        json!({"ARN": SECRET, "DeletedDate": 1_700_000_000, "VersionIdsToStages": {"1": ["AWSCURRENT"]}}),
    );
    let restore =
        format!("| aws secretsmanager restore-secret --region eu-central-1 --secret-id {SECRET}");
    assert_fails(
        &account.checks(),
        &[
            ("secret MASKING_KEY", "scheduled for deletion"),
            ("secret MASKING_KEY", &restore),
        ],
    );

    let mut account = Account::new();
    account.set(
        "secretsmanager.GetSecretValue",
        json!({"SecretString": "hunter2"}),
    );
    let checks = account.checks();
    let put = format!("put-secret-value --secret-id {SECRET}");
    assert_fails(
        &checks,
        &[
            ("secret MASKING_KEY", "64 hex digits"),
            ("secret MASKING_KEY", &put),
        ],
    );
    assert!(!format!("{checks:?}").contains("hunter2"), "{checks:#?}");

    let denied = json!({"__type": "AccessDeniedException", "Message": "no"});
    account.refuse("secretsmanager.GetSecretValue", 400, denied);
    let (status, text) = found(&account.checks(), "secret MASKING_KEY");
    assert_eq!(status, "skipped", "{text}");
}

#[test]
fn a_function_on_aws_that_lacks_something_fails_or_is_throttled_is_found() {
    const INVOKE: &str = "/2015-03-31/functions/metasync-message-log/invocations";
    let lacking = json!({"status": "unavailable", "checks": [
        {"name": "database", "status": "unavailable", "detail": "migrations are missing: run `metasync migrate`"},
    ]});
    for (status, response, expected) in [
        (
            200,
            json!({"statusCode": 503, "body": lacking.to_string()}),
            "database: migrations are missing: run `metasync migrate` | metasync migrate",
        ),
        (
            200,
            json!({"statusCode": 404, "body": "{}"}),
            "without GET /readyz, so it can't be checked | terraform",
        ),
        (429, json!({"Type": "User"}), "AWS throttles it"),
        (
            403,
            json!({"Message": "no lambda:InvokeFunction"}),
            "no lambda:InvokeFunction\"} | aws logs tail /aws/lambda/metasync-message-log --region eu-central-1",
        ),
    ] {
        let mut account = Account::new();
        account.refuse(INVOKE, status, response);
        assert_fails(&account.checks(), &[("readiness message-log", expected)]);
    }
}

#[test]
fn a_right_that_apply_needs_and_the_caller_lacks_is_named_with_the_command_that_grants_it() {
    let decided = |decision: &str| {
        let results = ["lambda:CreateFunction", "iam:PassRole"];
        let results =
            results.map(|action| json!({"EvalActionName": action, "EvalDecision": decision}));
        json!({"SimulatePrincipalPolicyResponse": {"SimulatePrincipalPolicyResult": {"EvaluationResults": results}}})
    };
    let with = |decision: &str| {
        let mut account = Account::new();
        account.set("SimulatePrincipalPolicy", decided(decision));
        account.checks()
    };
    assert_eq!(found(&with("allowed"), "rights").0, "fine");
    let missing = with("implicitDeny");
    assert_fails(
        &missing,
        &[
            (
                "rights",
                "terraform apply needs iam:PassRole, lambda:CreateFunction for aws_",
            ),
            (
                "rights",
                "\"Action\":[\"iam:PassRole\",\"lambda:CreateFunction\"]",
            ),
            (
                "rights",
                "aws iam attach-user-policy --user-name ann --policy-arn \"$policy\"",
            ),
        ],
    );
    // Rights that only some deployments need are hints.
    let optional = missing
        .iter()
        .filter(|(name, status, _)| name == "rights" && status == "hint");
    assert_eq!(optional.count(), 4, "{missing:#?}");
    assert_fails(
        &with("explicitDeny"),
        &[(
            "rights",
            "which a policy denies | aws iam list-attached-user-policies --user-name ann",
        )],
    );
}
