//! Terraform, on a temporary copy of `infra`.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, PoisonError};

use tempfile::TempDir;

use crate::server::folder;

pub const PEER: &str = "terraform";

/// One run at a time: Terraform fails if the provider starts too slowly, as several at once do.
static RUNNING: Mutex<()> = Mutex::new(());

pub struct Terraform {
    copy: TempDir,
    /// The folder of the root module.
    root: &'static str,
    /// The endpoint of AWS.
    endpoint: Option<String>,
}

pub fn infra() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra")
}

impl Terraform {
    /// Initialises a root module of AWS, with empty packages.
    pub fn aws(root: &'static str, endpoint: Option<String>) -> Self {
        let copy = tempfile::tempdir().expect("a temporary folder");
        let copied = Command::new("cp")
            .arg("-R")
            .arg(infra())
            .arg(copy.path())
            .status();
        assert!(copied.expect("cp runs").success());
        let packages = copy.path().join("packages");
        std::fs::create_dir(&packages).expect("a writable folder");
        for name in tests::catalogue::functions().keys() {
            let file = packages.join(format!("{name}.zip"));
            std::fs::write(file, EMPTY_ZIP).expect("a writable folder");
        }
        let terraform = Self {
            copy,
            root,
            endpoint,
        };
        terraform.succeeds(&["init"]);
        terraform
    }

    /// Runs a command that must succeed. Returns its output.
    pub fn succeeds(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{arguments:?}:\n{printed}\n{errors}"
        );
        printed
    }

    /// Runs a command with the variables of the example.
    pub fn with_variables(&self, arguments: &[&str], variables: &[&str]) -> Output {
        let packages = self.copy.path().join("packages");
        let packages = format!("packages={}", packages.display());
        let mut all = arguments.to_vec();
        let always = [
            packages.as_str(),
            "keep_data=false",
            "alarm_emails=[\"on-call@example.com\"]",
        ];
        for variable in always.iter().chain(variables) {
            all.extend(["-var", variable]);
        }
        self.run(&all)
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new("terraform");
        command
            .current_dir(self.copy.path().join(self.root))
            .args(arguments)
            .env("TF_CLI_CONFIG_FILE", folder(PEER).join("terraform.rc"))
            .env("TF_IN_AUTOMATION", "1")
            .env("TF_CLI_ARGS", "-no-color")
            .env("AWS_ACCESS_KEY_ID", "key")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .env("AWS_EC2_METADATA_DISABLED", "true");
        if let Some(endpoint) = &self.endpoint {
            command.env("AWS_ENDPOINT_URL", endpoint);
        }
        let _running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        command.output().expect("terraform runs")
    }
}

/// An empty ZIP archive: the end record of an empty directory.
const EMPTY_ZIP: &[u8] = b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
