//! Terraform's files as others read them: the schemas of the providers, and policies.

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
    } = command.output().expect("the peer's own Python");
    let said = String::from_utf8_lossy(&stdout) + String::from_utf8_lossy(&stderr);
    (status.code(), said.into_owned())
}

#[test]
fn every_argument_is_one_of_the_newest_provider_and_what_it_requires_is_there() {
    if is_skipped(SCHEMAS) {
        return;
    }
    for (cloud, package, prefix) in [
        ("gcp", "cdktn_provider_google", "google_"),
        ("aws", "cdktn_provider_aws", "aws_"),
    ] {
        let (module, root) = (infra().join("modules").join(cloud), infra().join(cloud));
        let (status, said) = check(package, prefix, &[&module, &root]);
        assert_eq!(status, Some(0), "{said}");
        assert!(said.contains(" blocks, 0 problems"), "{said}");
    }
}

#[test]
fn what_the_provider_does_not_know_is_found() {
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

    let (status, said) = check("cdktn_provider_google", "google_", &[folder.path()]);

    assert_eq!(status, Some(1));
    for problem in [
        "template.containers: there is no prots",
        "template.volumes: there is no nam",
        "template.volumes: name is missing",
        "this: location is missing",
        "there is no resource google_pubsub_tropic",
    ] {
        assert!(said.contains(problem), "{problem}: {said}");
    }
}

#[test]
fn checkovs_policies_hold_but_for_those_that_the_configuration_gives_a_reason_for() {
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
            .expect("the peer's own program");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.success(), said)
    };
    let (holds, said) = checkov(Path::new("."));
    assert!(holds, "{said}");

    // It has looked: a bucket that anybody may be let into is found.
    let open = tempfile::tempdir().unwrap();
    let bucket = "resource \"google_storage_bucket\" \"open\" {\n  name = \"open\"\n}\n";
    std::fs::write(open.path().join("main.tf"), bucket).unwrap();
    let (holds, said) = checkov(open.path());
    assert!(!holds && said.contains("CKV_GCP_114"), "{said}");
}
