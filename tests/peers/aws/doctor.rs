//! Faults of a deployment on AWS that the doctor finds are repaired by the commands that it prints: the faults are seeded
//! in an account, and the commands are run as they are printed.

use kit::postgres::Database;
use serde_json::Value;

use super::account::{Account, CALLER};
use super::amazon::Amazon;
use super::newcomer::{AWSCLI, Newcomer};
use crate::server::{is_missing, is_skipped};
use crate::terraform::PEER;

const BUCKET: &str = "metasync-123456789012-eu-central-1";
const APPLY: &str = "terraform -chdir=infra/aws apply";

/// A deployment that the doctor accepts.
struct Deployment {
    newcomer: Newcomer,
    account: Account,
    /// The one that is in use is the last.
    databases: Vec<Database>,
}

impl Deployment {
    async fn new(moto: &str) -> Self {
        let account = Account::before(moto).await;
        let database = kit::postgres::empty_database().await;
        let deployment = Self {
            newcomer: Newcomer::new(&account.url, &database.url),
            account,
            databases: vec![database],
        };
        deployment.newcomer.deploy();
        deployment
    }

    /// Whether every check passes, and the name, status, detail and command of each.
    fn checks(&self) -> (bool, Vec<[String; 4]>) {
        let text = self.newcomer.run("metasync doctor --aws --json || true");
        let report: Value = serde_json::from_str(&text).expect("a report");
        let fields = ["check", "status", "detail", "mend"];
        let checks = report["checks"].as_array().expect("checks").iter();
        let checks =
            checks.map(|it| fields.map(|field| it[field].as_str().unwrap_or("").to_owned()));
        (report["ok"] == true, checks.collect())
    }

    /// Asserts that these checks fail with these details. Returns the commands, each one once.
    fn commands(&self, expected: &[(&str, &str)]) -> Vec<String> {
        let (is_fine, checks) = self.checks();
        assert!(!is_fine, "{expected:?}");
        let mut commands: Vec<String> = Vec::new();
        for (check, detail) in expected {
            let mut named = checks.iter().filter(|[name, ..]| name == check);
            let found =
                named.find(|[_, status, text, _]| status == "failed" && text.contains(detail));
            let [.., command] = found.unwrap_or_else(|| panic!("{check}: {detail}: {checks:#?}"));
            if !commands.contains(command) {
                commands.push(command.clone());
            }
        }
        commands
    }

    fn passes(&self) {
        let (is_fine, checks) = self.checks();
        let failed: Vec<_> = checks
            .iter()
            .filter(|[_, status, ..]| status == "failed")
            .collect();
        assert!(is_fine, "{failed:#?}");
    }

    /// Runs the commands for these faults, and sees the doctor pass.
    fn repairs(&self, expected: &[(&str, &str)]) {
        for command in self.commands(expected) {
            self.newcomer.run(&command);
        }
        self.passes();
    }

    fn seed(&self, commands: &[&str]) {
        for command in commands {
            self.newcomer.run(command);
        }
    }

    fn secrets(&self) {
        for (value, detail) in [
            ("hunter2", "64 hex digits"),
            ("'0000\n'", "it ends with a line break"),
        ] {
            self.seed(&[&format!(
                "aws secretsmanager put-secret-value --secret-id metasync/MASKING_KEY --secret-string {value}"
            )]);
            self.repairs(&[("secret MASKING_KEY", detail)]);
        }
        self.seed(&[
            "aws secretsmanager put-secret-value --secret-id metasync/AUTH_TOKENS --secret-string []",
            "aws secretsmanager put-secret-value --secret-id metasync/DATABASE_URL --secret-string mysql://db",
        ]);
        self.repairs(&[
            ("secret AUTH_TOKENS", "AUTH_TOKENS has no token"),
            ("secret DATABASE_URL", "DATABASE_URL"),
        ]);
        self.seed(&["aws secretsmanager delete-secret --secret-id metasync/PRIVACY_KEY"]);
        self.repairs(&[("secret PRIVACY_KEY", "scheduled for deletion")]);
    }

    /// Changes made by hand, all of which one apply undoes.
    async fn differences(&self) {
        let amazon = Amazon::new(self.account.url.clone());
        let mapping = amazon.mappings("message-log").await;
        let mapping = mapping[0]["UUID"].as_str().expect("a mapping");
        let queue = format!("{}/123456789012/metasync-message-log", self.account.url);
        self.seed(&[
            "aws lambda update-function-configuration --function-name metasync-settings --memory-size 128 --timeout 3",
            "aws lambda update-function-configuration --function-name metasync-stats-batch --environment \
             'Variables={RUST_LOG=debug}'",
            "aws lambda put-function-concurrency --function-name metasync-cache-read \
             --reserved-concurrent-executions 1",
            &format!("aws lambda update-event-source-mapping --uuid {mapping} --batch-size 1"),
            &format!("aws sqs set-queue-attributes --queue-url {queue} --attributes VisibilityTimeout=1"),
            "aws scheduler delete-schedule --name metasync-privacy-daily",
        ]);
        let commands = self.commands(&[
            (
                "configuration settings",
                "memory in MB: 128, and 256 in the catalogue; timeout in s: 3",
            ),
            (
                "configuration cache-read",
                "reserved concurrency: 1, and 20 in the catalogue",
            ),
            (
                "configuration message-log",
                "batch size of the queue message-log: 1",
            ),
            (
                "configuration message-log",
                "visibility timeout in s of the queue message-log: 1",
            ),
            ("configuration privacy", "the schedule daily doesn't exist"),
        ]);
        assert!(commands.iter().any(|it| it == APPLY), "{commands:?}");
        let commands = self.commands(&[("configuration stats-batch", "DATABASE_URL is not set")]);
        assert_eq!(
            commands,
            [format!(
                "${{EDITOR:-vi}} infra/aws/terraform.tfvars && {APPLY}"
            )]
        );
        self.newcomer.run(&commands[0]);
        self.passes();
    }

    /// Another database, which nobody has migrated.
    async fn missing_migrations(&mut self) {
        let database = kit::postgres::empty_database().await;
        self.newcomer.export("DATABASE_URL", &database.url);
        self.databases.push(database);
        self.seed(&[
            "aws secretsmanager put-secret-value --secret-id metasync/DATABASE_URL --secret-string \"$DATABASE_URL\"",
        ]);
        self.repairs(&[
            ("readiness message-log", "database: migrations are missing"),
            ("readiness settings", "database: migrations are missing"),
        ]);
    }

    /// The URL of a queue.
    fn queue(&self, name: &str) -> String {
        format!("{}/123456789012/{name}", self.account.url)
    }

    async fn failed_work(&self) {
        let (runs, dead) = ("metasync-failed-runs", "metasync-message-log-dead-letters");
        let message = r#"{"robeing_id": "sales", "message": "sent in an outage"}"#;
        for (queue, body, detail) in [
            (runs, "{}", "1 runs failed"),
            (dead, message, "1 messages failed"),
        ] {
            let url = self.queue(queue);
            self.seed(&[&format!(
                "aws sqs send-message --queue-url {url} --message-body '{body}'"
            )]);
            let check = format!("queue {queue}");
            self.repairs(&[(check.as_str(), detail)]);
        }
        let database = self.databases.last().expect("a database");
        let sql = "select message from conversation.log";
        let rows = database.client().await.query_typed(sql, &[]).await;
        let rows = rows.expect("the messages");
        let texts: Vec<&str> = rows.iter().map(|row| row.get(0)).collect();
        assert_eq!(texts, ["sent in an outage"]);
    }

    fn alarms(&self) {
        self.seed(&[
            "aws cloudwatch disable-alarm-actions --alarm-names metasync-failed-runs metasync-server-errors",
        ]);
        self.repairs(&[
            ("alarms", "the actions of metasync-failed-runs are disabled"),
            (
                "alarms",
                "the actions of metasync-server-errors are disabled",
            ),
        ]);
        self.seed(&[
            "aws sns unsubscribe --subscription-arn $(aws sns list-subscriptions --query \
             'Subscriptions[0].SubscriptionArn' --output text)",
        ]);
        self.repairs(&[("alarms", "has no subscription")]);
    }

    /// A secret that is deleted for good exists after the first command, and has its value after the second.
    fn deleted_secret(&self) {
        self.seed(&[
            "aws secretsmanager delete-secret --secret-id metasync/PRIVACY_KEY --force-delete-without-recovery",
        ]);
        let commands = self.commands(&[("secret PRIVACY_KEY", "the secret doesn't exist")]);
        assert_eq!(commands, [APPLY]);
        self.newcomer.run(&commands[0]);
        self.repairs(&[("secret PRIVACY_KEY", "it has no value")]);
    }

    fn rights(&self) {
        self.seed(&[&format!("aws iam create-user --user-name {CALLER}")]);
        self.account
            .forbid(&["iam:PassRole", "lambda:CreateFunction", "sqs:CreateQueue"]);
        self.repairs(&[(
            "rights",
            "terraform apply needs iam:PassRole, lambda:CreateFunction, sqs:CreateQueue for aws_iam_role, \
             aws_lambda_function, aws_scheduler_schedule, aws_sqs_queue",
        )]);
        // A deployment with its own database needs it, and this one has none.
        self.account.forbid(&["rds:CreateDBInstance"]);
        self.passes();
        let (_, checks) = self.checks();
        let is_hint = |[name, status, ..]: &&[String; 4]| name == "rights" && status == "hint";
        let [.., detail, command] = checks.iter().find(is_hint).expect("a hint");
        assert!(
            detail.starts_with("terraform apply with database needs rds:CreateDBInstance"),
            "{detail}"
        );
        self.newcomer.run(command);
        let (_, checks) = self.checks();
        assert_eq!(checks.iter().find(is_hint), None);
    }

    fn missing_schema(&self) {
        self.seed(&[&format!("aws s3 rm --recursive s3://{BUCKET}/schema/")]);
        self.repairs(&[("readiness cache-read", "schema: ")]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn secrets_differences_and_a_missing_schema_are_repaired_by_the_commands_that_the_doctor_prints_for_aws()
 {
    if is_missing(PEER) || is_skipped("moto") || is_skipped(AWSCLI) {
        return;
    }
    let moto = super::moto();
    let deployment = Deployment::new(&moto.url()).await;
    deployment.passes();
    deployment.secrets();
    deployment.differences().await;
    deployment.missing_schema();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn migrations_failed_work_alarms_and_rights_are_repaired_by_the_commands_that_the_doctor_prints_for_aws()
 {
    if is_missing(PEER) || is_skipped("moto") || is_skipped(AWSCLI) {
        return;
    }
    let moto = super::moto();
    let mut deployment = Deployment::new(&moto.url()).await;
    deployment.missing_migrations().await;
    deployment.failed_work().await;
    deployment.alarms();
    deployment.deleted_secret();
    deployment.rights();
}
