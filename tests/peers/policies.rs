//! The Terraform files, checked against the schemas of the providers and against policies.

use std::path::Path;
use std::process::{Command, Output};

use crate::server::{folder, is_skipped};
use crate::terraform::infra;

const SCHEMAS: &str = "provider-schemas";

fn check(package: &str, prefix: &str, folders: &[&Path]) -> (Option<i32>, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/provider_schema.py");
    let mut command = Command::new(folder(SCHEMAS).join("bin/python"));
    command.arg(script).args([package, prefix]).args(folders);
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().expect("the Python of the peer");
    let text = String::from_utf8_lossy(&stdout) + String::from_utf8_lossy(&stderr);
    (status.code(), text.into_owned())
}

#[test]
fn every_argument_exists_in_the_newest_provider_and_no_required_one_is_missing() {
    if is_skipped(SCHEMAS) {
        return;
    }
    for (cloud, package, prefix) in [
        ("gcp", "cdktn_provider_google", "google_"),
        ("aws", "cdktn_provider_aws", "aws_"),
    ] {
        let (module, root) = (infra().join("modules").join(cloud), infra().join(cloud));
        let (status, text) = check(package, prefix, &[&module, &root]);
        assert_eq!(status, Some(0), "{text}");
        assert!(text.contains(" blocks, 0 problems"), "{text}");
    }
}

#[test]
fn arguments_that_the_provider_does_not_have_are_found() {
    if is_skipped(SCHEMAS) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let wrong = r#"
resource "google_cloud_run_v2_service" "this" {
  name = "probe"

  template {
    containers {
      image = "image"

      prots {
        container_port = 8080
      }
    }

    dynamic "volumes" {
      for_each = []

      content {
        nam = "cloudsql"
      }
    }
  }
}

resource "google_pubsub_tropic" "this" {}
"#;
    std::fs::write(folder.path().join("main.tf"), wrong).unwrap();

    let (status, text) = check("cdktn_provider_google", "google_", &[folder.path()]);

    assert_eq!(status, Some(1));
    for problem in [
        "template.containers: there is no prots",
        "template.volumes: there is no nam",
        "template.volumes: name is missing",
        "this: location is missing",
        "there is no resource google_pubsub_tropic",
    ] {
        assert!(text.contains(problem), "{problem}: {text}");
    }
}

#[test]
fn checkov_finds_no_violation_except_those_with_a_reason_in_its_configuration() {
    const CHECKOV: &str = "checkov";
    if is_skipped(CHECKOV) {
        return;
    }
    let checkov = |folder_of_files: &Path| {
        let output = Command::new(folder(CHECKOV).join("bin/checkov"))
            .current_dir(infra())
            .args([
                "--config-file",
                ".checkov.yaml",
                "--skip-download",
                "--directory",
            ])
            .arg(folder_of_files)
            .output()
            .expect("the program of the peer");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.success(), text)
    };
    let (passes, text) = checkov(Path::new("."));
    assert!(passes, "{text}");

    // Checks that checkov works: it finds a bucket that allows public access.
    let open = tempfile::tempdir().unwrap();
    let bucket = "resource \"google_storage_bucket\" \"open\" {\n  name = \"open\"\n}\n";
    std::fs::write(open.path().join("main.tf"), bucket).unwrap();
    let (passes, text) = checkov(open.path());
    assert!(!passes && text.contains("CKV_GCP_114"), "{text}");
}
