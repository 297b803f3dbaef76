//! Terraform, on a copy of `infra` in a folder that goes with the test.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::server::folder;

pub const PEER: &str = "terraform";

pub struct Terraform {
    copy: TempDir,
    /// Which folder is the root.
    root: &'static str,
    /// Where Amazon is.
    endpoint: Option<String>,
}

pub fn infra() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra")
}

impl Terraform {
    /// With Amazon's provider, and packages that hold no function.
    pub fn aws(root: &'static str, endpoint: Option<String>) -> Self {
        let copy = tempfile::tempdir().expect("a temporary folder");
        let copied = Command::new("cp")
            .arg("-R")
            .arg(infra())
            .arg(copy.path())
            .status();
        assert!(copied.expect("there is cp").success());
        let packages = copy.path().join("packages");
        std::fs::create_dir(&packages).expect("a folder of our own");
        for name in tests::catalogue::functions().keys() {
            let file = packages.join(format!("{name}.zip"));
            std::fs::write(file, EMPTY_ZIP).expect("a folder of our own");
        }
        let terraform = Self {
            copy,
            root,
            endpoint,
        };
        terraform.succeeds(&["init"]);
        terraform
    }

    /// What the command prints; a failure fails the test.
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

    /// As [`Self::succeeds`], with the example's variables.
    pub fn with_variables(&self, arguments: &[&str], variables: &[&str]) -> Output {
        let packages = self.copy.path().join("packages");
        let packages = format!("packages={}", packages.display());
        let mut all = arguments.to_vec();
        for variable in [packages.as_str(), "keep_data=false"]
            .iter()
            .chain(variables)
        {
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
        command.output().expect("there is terraform")
    }
}

/// The end of a directory with nothing in it, which is all that such an archive is.
const EMPTY_ZIP: &[u8] = b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
