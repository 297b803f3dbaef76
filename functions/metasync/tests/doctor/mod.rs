//! `metasync doctor`: it finds common problems of deployments and prints the command that fixes each.

use std::collections::BTreeMap;
use std::net::TcpListener;

use axum::Router;
use axum::extract::Request;
use axum::http::header::DATE;
use axum::response::IntoResponse as _;
use kit::object_server::{Deviations, ObjectServer};
use serde_json::{Value, json};

use crate::run;

const TOKENS: &str = r#"[{"name": "me", "role": "admin",
    "sha256": "0000000000000000000000000000000000000000000000000000000000000000"}]"#;

/// A server with these responses by target or path, and 404 for any other. It lives as long as the process.
fn cloud(answers: &[(&str, u16, Value)], date: &'static str) -> String {
    let answers: BTreeMap<String, (u16, Value)> = answers
        .iter()
        .map(|(key, status, body)| ((*key).to_owned(), (*status, body.clone())))
        .collect();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let reply = move |request: Request| {
        let target = request.headers().get("x-amz-target");
        let target = target.map(|it| it.to_str().unwrap().to_owned());
        let key = target.unwrap_or_else(|| request.uri().path().to_owned());
        let (status, body) = answers.get(&key).cloned().unwrap_or((404, Value::Null));
        async move {
            let status = axum::http::StatusCode::from_u16(status).unwrap();
            let mut answer = (status, body.to_string()).into_response();
            if !date.is_empty() {
                answer.headers_mut().insert(DATE, date.parse().unwrap());
            }
            answer
        }
    };
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, Router::new().fallback(reply))
                .await
                .unwrap();
        });
    });
    url
}

/// Whether every check passes, and the name, status, and detail and remedy of each.
fn doctor(arguments: &[&str], env: &[(&str, &str)]) -> (bool, Vec<(String, String, String)>) {
    let output = run(&[&["doctor", "--json"], arguments].concat(), env);
    let text = String::from_utf8(output.stdout).unwrap();
    let report: Value = serde_json::from_str(&text).unwrap_or_else(|_| {
        panic!("{text} {}", String::from_utf8_lossy(&output.stderr));
    });
    assert_eq!(report["ok"], output.status.success());
    let string = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let checks = report["checks"].as_array().unwrap();
    let checks = checks.iter().map(|it| {
        let text = format!("{} | {}", string(&it["detail"]), string(&it["mend"]));
        (string(&it["check"]), string(&it["status"]), text)
    });
    (output.status.success(), checks.collect())
}

/// Asserts that each of these checks fails, with this text in its detail or remedy.
fn assert_fails(checks: &[(String, String, String)], expected: &[(&str, &str)]) {
    for (check, part) in expected {
        let mut named = checks.iter().filter(|(name, ..)| name == check);
        let found = named.any(|(_, status, text)| status == "failed" && text.contains(part));
        assert!(found, "{check} with {part:?} in {checks:#?}");
    }
}

#[test]
fn missing_callers_are_a_failure_and_other_missing_variables_skip_their_check() {
    let (is_well, checks) = doctor(&[], &[]);
    assert!(!is_well);
    assert_fails(&checks, &[("callers", "export AUTH_TOKENS=")]);
    let skipped = checks.iter().filter(|(_, status, _)| status == "skipped");
    assert_eq!(skipped.count(), 6, "{checks:?}");

    let shown = run(&["doctor"], &[]);
    let text = String::from_utf8(shown.stdout).unwrap();
    assert!(
        text.contains("FAIL  callers: ") && text.contains("\n          export AUTH_TOKENS="),
        "{text}"
    );
}

#[test]
fn functions_are_incomplete_served_or_left_out_as_serve_does_it() {
    let see = |env: &[(&str, &str)]| {
        let (_, checks) = doctor(&[], &[&[("AUTH_MODE", "open")], env].concat());
        let of_functions = checks.into_iter().find(|(name, ..)| name == "functions");
        let (_, status, text) = of_functions.expect("the check");
        (status, text)
    };
    let (status, text) = see(&[("WAREHOUSE_URL", "file:///nothing"), ("MASKING_KEY", "x")]);
    assert_eq!(status, "failed");
    for part in [
        "BUCKET_URL is not set",
        "export BUCKET_URL=... DATABASE_URL=...",
    ] {
        assert!(text.contains(part), "{text}");
    }
    let (status, text) = see(&[("BUCKET_URL", "memory:///")]);
    assert_eq!(status, "fine");
    for part in [
        "serves cache-read;",
        "schema-sync is not served, because WAREHOUSE_URL is not set",
    ] {
        assert!(text.contains(part), "{text}");
    }
    assert_eq!(see(&[]).0, "skipped");
}

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
            ("model", "export LLM_MODEL="),
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

const TABLES: &str = "/bigquery/v2/projects/shop/datasets/sales/tables";
const JOBS: &str = "/bigquery/v2/projects/shop/jobs";

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
                "3 messages failed | aws sqs receive-message",
            ),
        ],
    );
    let read = checks
        .iter()
        .find(|(name, ..)| name == "function cache-read")
        .unwrap();
    assert_eq!(read.1, "fine");
}

fn on_gcp(url: &str) -> (bool, Vec<(String, String, String)>) {
    doctor(
        &["--gcp"],
        &[
            ("AUTH_TOKENS", TOKENS),
            ("GOOGLE_CLOUD_PROJECT", "shop"),
            ("CLOUDSDK_AUTH_ACCESS_TOKEN", "token"),
            ("CLOUDSDK_API_ENDPOINT_OVERRIDES_SERVICEUSAGE", url),
            ("CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDRESOURCEMANAGER", url),
            ("CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER", url),
        ],
    )
}

#[test]
fn on_google_cloud_apis_permissions_and_secrets_are_checked() {
    const APIS: &str = "/v1/projects/shop/services:batchGet";
    const RIGHTS: &str = "/v1/projects/shop:testIamPermissions";
    const SECRETS: &str = "/v1/projects/shop/secrets";
    let api = |name: &str, state: &str| json!({"name": format!("projects/1/services/{name}.googleapis.com"), "state": state});
    let services = json!({"services": [api("run", "DISABLED"), api("iam", "ENABLED")]});
    let secrets = json!({"secrets": [{"name": "projects/1/secrets/metasync-AUTH_TOKENS"}, {"name": "projects/1/secrets/other"}]});
    let answers = [
        (APIS, 200, services),
        (RIGHTS, 200, json!({"permissions": ["run.services.create"]})),
        (SECRETS, 200, secrets),
        (
            "/v1/projects/shop/secrets/metasync-AUTH_TOKENS/versions",
            200,
            json!({}),
        ),
    ];
    let (_, checks) = on_gcp(&cloud(&answers, ""));
    assert_fails(
        &checks,
        &[
            (
                "APIs",
                "secretmanager.googleapis.com storage.googleapis.com --project shop",
            ),
            (
                "APIs",
                "| gcloud services enable artifactregistry.googleapis.com",
            ),
            ("rights", "--role roles/cloudscheduler.admin"),
            (
                "secret AUTH_TOKENS",
                "gcloud secrets versions add metasync-AUTH_TOKENS --project shop",
            ),
        ],
    );
    let all: String = checks.iter().map(|(_, _, text)| text.as_str()).collect();
    assert!(
        !all.contains("iam.googleapis.com ") && !all.contains("--role roles/run.admin"),
        "{all}"
    );

    let unused = json!({"error": {"message": "Service Usage API has not been used in project 1 before or it is disabled."}});
    let (_, checks) = on_gcp(&cloud(&[(APIS, 403, unused), (RIGHTS, 401, json!({}))], ""));
    assert_fails(
        &checks,
        &[
            (
                "APIs",
                "gcloud services enable serviceusage.googleapis.com --project shop",
            ),
            ("rights", "gcloud auth application-default login"),
            ("secrets", "gcloud projects list"),
        ],
    );
}

#[test]
fn a_secret_that_cannot_be_read_is_one_failure_and_the_other_checks_run() {
    let arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:metasync/DATABASE_URL-abc";
    let (_, checks) = doctor(&[], &[("AUTH_TOKENS", TOKENS), ("DATABASE_URL", arn)]);
    assert_fails(&checks, &[("secrets", "aws configure export-credentials")]);
    let callers = checks.iter().find(|(name, ..)| name == "callers").unwrap();
    assert_eq!(callers.1, "fine");
}
