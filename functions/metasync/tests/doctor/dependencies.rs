//! The database, the bucket, the warehouse and the model.

use kit::object_server::{Deviations, ObjectServer};
use serde_json::{Value, json};

use super::{TOKENS, assert_fails, cloud, doctor};
use crate::run;

const TABLES: &str = "/bigquery/v2/projects/shop/datasets/sales/tables";
const JOBS: &str = "/bigquery/v2/projects/shop/jobs";

#[tokio::test(flavor = "multi_thread")]
async fn a_database_must_be_reachable_migrated_and_used_by_an_ordinary_role() {
    let database = kit::postgres::empty_database().await;
    let url = database.url.clone();
    let env = |url: &str| {
        [
            ("DATABASE_URL".to_owned(), url.to_owned()),
            ("AUTH_TOKENS".to_owned(), TOKENS.to_owned()),
            ("MASKING_KEY".to_owned(), "07".repeat(32)),
        ]
    };
    let see = |url: &str| {
        let env = env(url);
        let env: Vec<(&str, &str)> = env
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        doctor(&[], &env)
    };

    let (_, checks) = see("postgres://nobody@127.0.0.1:1/nothing");
    assert_fails(&checks, &[("database", "psql \"$DATABASE_URL\"")]);
    let (_, checks) = see(&url);
    assert_fails(
        &checks,
        &[
            ("database", migrations::FILES[0].0),
            ("database", "| metasync migrate"),
        ],
    );

    assert!(
        run(&["migrate"], &[("DATABASE_URL", &url)])
            .status
            .success()
    );
    // As the documentation says: an ordinary role that owns the database migrates it and owns the tables.
    let (is_well, checks) = see(&url);
    assert!(is_well, "{checks:#?}");
    let (_, checks) = see(&database.admin_url());
    assert_fails(&checks, &[("database", "create role metasync")]);
}

#[test]
fn bucket_warehouse_dry_run_and_model_are_tried() {
    let folder = tempfile::tempdir().unwrap();
    metasync::sample::write(folder.path()).unwrap();
    let warehouse = format!("file://{}", folder.path().display());
    let bucket = tempfile::tempdir().unwrap();
    let bucket = format!("file://{}", bucket.path().display());
    let fine = [
        ("AUTH_TOKENS", TOKENS),
        ("WAREHOUSE_URL", &warehouse),
        ("BUCKET_URL", &bucket),
    ];
    let (is_well, checks) = doctor(&[], &fine);
    assert!(is_well, "{checks:#?}");
    let plans = checks.iter().find(|(name, ..)| name == "dry run").unwrap();
    assert_eq!(plans.1, "skipped", "{plans:?}");
    assert!(plans.2.contains("plans no query"), "{plans:?}");

    let refusing = cloud(
        &[
            (
                "/v1/chat/completions",
                401,
                json!({"error": {"message": "bad key"}}),
            ),
            (
                TABLES,
                403,
                denied("Permission bigquery.tables.list denied on dataset shop:sales"),
            ),
            (
                JOBS,
                403,
                denied("User does not have bigquery.jobs.create permission"),
            ),
        ],
        "",
    );
    let model = format!("{refusing}/v1");
    let (_, checks) = doctor(
        &[],
        &[
            ("AUTH_TOKENS", TOKENS),
            ("WAREHOUSE_URL", "bigquery://shop/sales"),
            ("BIGQUERY_EMULATOR_HOST", &refusing),
            ("BUCKET_URL", "gs://bucket"),
            ("STORAGE_EMULATOR_HOST", "http://127.0.0.1:1"),
            ("LLM_MODEL", "gpt-test"),
            ("LLM_BASE_URL", &model),
            ("LLM_API_KEY", "wrong"),
            ("LLM_ATTEMPTS", "1"),
        ],
    );
    assert_fails(
        &checks,
        &[
            ("bucket", "gcloud storage buckets describe gs://bucket"),
            ("warehouse", "--role roles/bigquery.metadataViewer"),
            ("dry run", "--role roles/bigquery.jobUser"),
            ("model", "| export LLM_API_KEY="),
        ],
    );

    let (_, checks) = doctor(
        &[],
        &[
            ("LLM_MODEL", "claude-sonnet-4-5"),
            ("BUCKET_URL", "ftp://x"),
        ],
    );
    assert_fails(
        &checks,
        &[
            ("model", "| export ANTHROPIC_API_KEY="),
            ("bucket", "export BUCKET_URL="),
        ],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_ignores_conditional_writes_is_reported_and_left_empty() {
    for (ignores_absent, allowed, expected) in [
        (true, None, "was created again"),
        (true, Some("unchecked"), ""),
        (false, None, ""),
    ] {
        let server = ObjectServer::start(Deviations {
            ignores_absent,
            ..Deviations::default()
        })
        .await;
        let mut env = server.env("gs").with("AUTH_TOKENS", TOKENS);
        if let Some(allowed) = allowed {
            env = env.with("STORE_CONDITIONAL_WRITES", allowed);
        }
        let env: Vec<(&str, &str)> = env.iter().collect();
        let (_, checks) = doctor(&[], &env);
        let bucket = checks.iter().find(|(name, ..)| name == "bucket").unwrap();
        if expected.is_empty() {
            assert_eq!(bucket.1, "fine", "{bucket:?}");
        } else {
            let remedy = "| export STORE_CONDITIONAL_WRITES=unchecked";
            assert_fails(&checks, &[("bucket", expected), ("bucket", remedy)]);
        }
        assert_eq!(server.keys(), [""; 0]);
    }
}

#[test]
fn a_folder_that_cannot_be_written_fails_the_check_of_the_bucket() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "in the way").unwrap();
    let bucket = format!("file://{}/bucket", file.display());
    let (_, checks) = doctor(&[], &[("AUTH_TOKENS", TOKENS), ("BUCKET_URL", &bucket)]);
    let (_, status, detail) = checks.iter().find(|(name, ..)| name == "bucket").unwrap();
    assert_eq!(status, "failed", "{detail}");
    let good = format!("file://{}/bucket", folder.path().display());
    let (_, checks) = doctor(&[], &[("AUTH_TOKENS", TOKENS), ("BUCKET_URL", &good)]);
    let (_, status, detail) = checks.iter().find(|(name, ..)| name == "bucket").unwrap();
    assert_eq!(status, "fine", "{detail}");
}

/// A refusal by BigQuery.
fn denied(message: &str) -> Value {
    json!({"error": {"message": message, "errors": [{"reason": "accessDenied"}]}})
}

#[test]
fn a_role_is_suggested_only_if_bigquerys_message_names_the_missing_permission() {
    let check = |tables: &str, jobs: &str| {
        let answers = [(TABLES, 403, denied(tables)), (JOBS, 403, denied(jobs))];
        let url = cloud(&answers, "");
        let env = [
            ("AUTH_TOKENS", TOKENS),
            ("WAREHOUSE_URL", "bigquery://shop/sales"),
            ("BIGQUERY_EMULATOR_HOST", &url),
        ];
        let text = |checks: &[(String, String, String)], name: &str| {
            let check = checks.iter().find(|(check, ..)| check == name).unwrap();
            assert_eq!(check.1, "failed");
            check.2.clone()
        };
        let (_, checks) = doctor(&[], &env);
        (text(&checks, "warehouse"), text(&checks, "dry run"))
    };
    for (message, role) in [
        (
            "Permission bigquery.tables.getData denied on table shop:sales.t",
            Some("dataViewer"),
        ),
        (
            "Caller lacks serviceusage.services.use",
            Some("serviceUsageConsumer"),
        ),
        ("VPC Service Controls: Request is prohibited", None),
        ("Permission cloudkms.cryptoKeys.decrypt denied", None),
    ] {
        let (warehouse, dry_run) = check(message, message);
        for text in [warehouse, dry_run] {
            assert!(text.contains(message), "{text}");
            match role {
                Some(role) => {
                    assert!(text.contains("--role roles/"), "{text}");
                    assert!(text.contains(role), "{text}");
                }
                None => assert!(!text.contains("roles/"), "{text}"),
            }
        }
    }
    let (_, dry_run) = check("x", "Something else is wrong");
    assert!(
        dry_run.contains("Something else is wrong") && dry_run.contains("| bq query --dry_run"),
        "{dry_run}"
    );
}
