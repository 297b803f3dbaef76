//! A new user on AWS: every command of docs/deployment.md, copied from the page, against moto.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::account::Account;
use super::amazon::Amazon;
use crate::package::stand_ins;
use crate::server::{folder, is_missing, is_skipped};
use crate::terraform::{PEER, infra};

pub const AWSCLI: &str = "awscli";

/// The lines of the first block of commands after this text in docs/deployment.md.
fn commands(after: &str) -> Vec<String> {
    let page = std::fs::read_to_string(infra().join("../docs/deployment.md")).expect("the page");
    let (_, rest) = page.split_once(after).expect("this text");
    let (_, block) = rest.split_once("```sh needs=aws\n").expect("a block");
    let (block, _) = block.split_once("```").expect("its end");
    block.lines().map(str::to_owned).collect()
}

/// Writes a script.
fn program(path: &Path, text: &str) {
    std::fs::write(path, format!("#!/bin/sh\n{text}\n")).expect("a writable folder");
    let runs = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(path, runs).expect("a file");
}

/// A checkout, and the environment of a shell.
pub struct Newcomer {
    checkout: tempfile::TempDir,
    env: Vec<(String, String)>,
}

impl Newcomer {
    pub fn new(endpoint: &str, database_url: &str) -> Self {
        let checkout = tempfile::tempdir().expect("a temporary folder");
        let copied = Command::new("cp")
            .arg("-R")
            .arg(infra())
            .arg(checkout.path())
            .status();
        assert!(copied.expect("cp runs").success());
        // Stand-ins for the binaries, because a build takes long and moto runs none of them.
        let built = checkout.path().join("built");
        std::fs::create_dir(&built).expect("a writable folder");
        stand_ins(&built);
        let ours = checkout.path().join("bin");
        std::fs::create_dir(&ours).expect("a writable folder");
        symlink(env!("CARGO_BIN_EXE_metasync-cli"), ours.join("metasync")).expect("a link");
        // Version 1 of the CLI ignores AWS_ENDPOINT_URL for SQS.
        let cli = folder(AWSCLI).join("bin/aws");
        let wrapper = format!(
            "exec '{}' --endpoint-url '{endpoint}' \"$@\"",
            cli.display()
        );
        program(&ours.join("aws"), &wrapper);
        // The warehouse is a Postgres, and there is no model.
        let editor = ours.join("editor");
        program(
            &editor,
            "sed -i -e 's/# \"WAREHOUSE_URL\"/\"WAREHOUSE_URL\"/' -e '/LLM_MODEL/d' -e '/ANTHROPIC/d' \"$1\"",
        );
        let path = format!(
            "{}:{}",
            ours.display(),
            std::env::var("PATH").unwrap_or_default()
        );
        let tokens = json!([{"name": "me", "role": "admin", "sha256": "0".repeat(64)}]).to_string();
        let configuration = folder(PEER).join("terraform.rc");
        let env = [
            ("PATH", path),
            ("HOME", checkout.path().display().to_string()),
            ("EDITOR", editor.display().to_string()),
            ("BINARIES", built.display().to_string()),
            ("TF_CLI_CONFIG_FILE", configuration.display().to_string()),
            ("TF_CLI_ARGS_apply", "-auto-approve -no-color".to_owned()),
            ("AWS_ENDPOINT_URL", endpoint.to_owned()),
            ("AWS_ACCESS_KEY_ID", "key".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "secret".to_owned()),
            ("AWS_REGION", "eu-central-1".to_owned()),
            // Version 1 of the CLI reads this one.
            ("AWS_DEFAULT_REGION", "eu-central-1".to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
            ("AUTH_TOKENS", tokens),
            ("DATABASE_URL", database_url.to_owned()),
            ("WAREHOUSE_URL", database_url.to_owned()),
            ("MASKING_KEY", "0".repeat(64)),
            ("METASYNC_KEYS", "0".repeat(64)),
            ("PRIVACY_KEY", "0".repeat(64)),
            ("SLACK_SIGNING_SECRET", "secret".to_owned()),
        ];
        let env = env.map(|(name, value)| (name.to_owned(), value)).to_vec();
        Self { checkout, env }
    }

    /// Exports a variable in the shell.
    pub fn export(&mut self, name: &str, value: &str) {
        self.env.push((name.to_owned(), value.to_owned()));
    }

    /// Runs the commands of the page. Returns what the last one prints, which is the doctor.
    pub fn deploy(&self) -> String {
        let lines = commands("\n## AWS\n");
        assert!(lines.len() > 5, "{lines:?}");
        let mut printed = String::new();
        for line in lines {
            printed = self.run(&line);
            if line.contains("output -raw next_steps") {
                let steps: Vec<&str> = printed.lines().collect();
                let (puts, rest) = steps.split_at(steps.len() - 3);
                assert_eq!(rest[0], "metasync migrate");
                assert!(rest[1].contains("aws lambda invoke"), "{rest:?}");
                assert_eq!(rest[2], "metasync doctor --aws");
                for put in puts {
                    self.run(put);
                }
            }
        }
        printed
    }

    /// Runs a line in a shell. Returns its output.
    pub fn run(&self, line: &str) -> String {
        let mut shell = Command::new("sh");
        shell
            .args(["-ec", line])
            .current_dir(self.checkout.path())
            .env_clear();
        shell.envs(self.env.iter().map(|(name, value)| (name, value)));
        let output = shell.output().expect("a shell");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}\n{text}\n{errors}");
        text
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_commands_of_the_deployment_page_give_a_deployment_that_the_doctor_accepts() {
    if is_missing(PEER) || is_skipped("moto") || is_skipped(AWSCLI) {
        return;
    }
    let moto = super::moto();
    let amazon = Amazon::new(moto.url());
    let database = kit::postgres::empty_database().await;
    let account = Account::before(&moto.url()).await;
    let newcomer = Newcomer::new(&account.url, &database.url);

    let doctor = newcomer.deploy();
    for check in ["function cache-read", "alarms"] {
        assert!(doctor.contains(&format!("ok    {check}")), "{doctor}");
    }
    assert!(!doctor.contains("FAIL"), "{doctor}");
    let id = json!({"SecretId": "metasync/MASKING_KEY"});
    let key = amazon
        .call("secretsmanager", "secretsmanager.GetSecretValue", id)
        .await;
    assert_eq!(key["SecretString"], Value::String("0".repeat(64)));
}
