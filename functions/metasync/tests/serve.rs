//! `metasync serve` with configurations that are incomplete or not valid.

use std::io::{BufRead as _, BufReader, Lines};
use std::process::{ChildStdout, Command, Output, Stdio};

use kit::lambda::Process;
use serde_json::{Value, json};

fn command(env: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_metasync"));
    command.env_clear().arg("serve").envs(env.iter().copied());
    command
}

/// A server that has started.
struct Server {
    _process: Process,
    /// Open until the end: the server stops if nobody can read what it prints.
    lines: Lines<BufReader<ChildStdout>>,
    /// What it has printed so far.
    log: String,
    address: String,
}

impl Server {
    fn start(env: &[(&str, &str)]) -> Self {
        let mut command = command(env);
        command.env("PORT", "0");
        if env.iter().all(|(name, _)| *name != "AUTH_TOKENS") {
            command.env("AUTH_MODE", "open");
        }
        let mut process = Process(command.stdout(Stdio::piped()).spawn().unwrap());
        let mut lines = BufReader::new(process.0.stdout.take().unwrap()).lines();
        let mut log = Vec::new();
        for line in lines.by_ref().map(Result::unwrap) {
            let is_last = line.contains("listens on");
            log.push(line);
            if is_last {
                break;
            }
        }
        let log = log.join("\n");
        let (_, address) = log.rsplit_once("http://").expect("it listens");
        let end = address.find(|it: char| !it.is_ascii_digit() && it != '.' && it != ':');
        let address = address[..end.unwrap_or(address.len())].to_owned();
        Self {
            _process: process,
            lines,
            log,
            address,
        }
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        let client = platform::http_client::build(&platform::Env::default()).unwrap();
        let url = format!("http://{}{path}", self.address);
        let reply = client.get(url).send().await.unwrap();
        let status = reply.status().as_u16();
        let body = reply.bytes().await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    async fn post(&self, path: &str, body: Value) -> (u16, String) {
        let client = platform::http_client::build(&platform::Env::default()).unwrap();
        let request = client
            .post(format!("http://{}{path}", self.address))
            .header("content-type", "application/json")
            .body(body.to_string());
        let reply = request.send().await.unwrap();
        (reply.status().as_u16(), reply.text().await.unwrap())
    }
}

fn refused(env: &[(&str, &str)]) -> String {
    let Output { status, stdout, .. } = command(env).output().unwrap();
    assert_eq!(status.code(), Some(1));
    String::from_utf8(stdout).unwrap()
}

#[test]
fn a_server_names_every_missing_variable_of_every_function_and_missing_callers_at_once() {
    let database = ("DATABASE_URL", "postgres://nobody@127.0.0.1:1/nothing");
    for (env, missing) in [
        (
            &[database, ("WAREHOUSE_URL", "file:///nothing")][..],
            &["BUCKET_URL", "MASKING_KEY", "AUTH_TOKENS"][..],
        ),
        (
            &[("AUTH_MODE", "open"), ("PRIVACY_KEY", "x")],
            &["BUCKET_URL", "DATABASE_URL", "PRIVACY_KEY"],
        ),
        (
            &[("AUTH_MODE", "open")],
            &[
                "BUCKET_URL",
                "WAREHOUSE_URL",
                "DATABASE_URL",
                "MASKING_KEY",
                "PRIVACY_KEY",
            ],
        ),
    ] {
        let log = refused(env);
        for name in missing {
            assert!(log.contains(name), "{name} in {log}");
        }
    }
}

#[test]
fn a_server_names_every_invalid_value_of_functions_schedules_limits_port_and_callers_at_once() {
    let log = refused(&[
        ("AUTH_TOKENS", "[{}]"),
        ("BUCKET_URL", "memory:///"),
        ("CACHE_FRESH_SECONDS", "soon"),
        ("MAX_BODY_BYTES", "1 MB"),
        ("PORT", "http"),
        ("REQUEST_TIMEOUT_SECONDS", "0"),
        ("SYNC_INTERVAL_SECONDS", "hourly"),
        ("WAREHOUSE_URL", "mysql://shop"),
    ]);
    for part in [
        "AUTH_TOKENS",
        r#"CACHE_FRESH_SECONDS is \"soon\": set it to a whole number from 0 to 4294967295"#,
        r#"MAX_BODY_BYTES is \"1 MB\": set it to a whole number, 0 or more"#,
        r#"PORT is \"http\": set it to a whole number from 0 to 65535"#,
        r#"REQUEST_TIMEOUT_SECONDS is \"0\": set it to a whole number from 1 to 4294967295"#,
        r#"SYNC_INTERVAL_SECONDS is \"hourly\": set it to a whole number, 0 or more"#,
        "WAREHOUSE_URL has the unknown scheme",
    ] {
        assert_eq!(log.matches(part).count(), 1, "{part} in {log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_for_conversations_alone_needs_no_warehouse_and_says_what_it_leaves_out() {
    let database = kit::postgres::database().await;
    let key = "07".repeat(32);
    let server = Server::start(&[("DATABASE_URL", &database.url), ("MASKING_KEY", &key)]);
    for (function, missing) in [
        ("schema-sync", "WAREHOUSE_URL and BUCKET_URL are not set"),
        ("cache-read", "BUCKET_URL is not set"),
        ("privacy", "BUCKET_URL and PRIVACY_KEY are not set"),
    ] {
        let line = format!("{function} is not served, because {missing}");
        let log = &server.log;
        assert_eq!(log.matches(&line).count(), 1, "{line} in {log}");
    }
    let message = json!({"robeing_id": "r1", "message": "hello"});
    assert_eq!(server.post("/v1/messages", message).await.0, 201);
    assert_eq!(server.get("/v1/schema/tables").await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_lacks_a_variable_is_named_and_the_other_functions_are_served() {
    let database = kit::postgres::database().await;
    let server = Server::start(&[
        ("BUCKET_URL", "memory:///"),
        ("DATABASE_URL", &database.url),
        ("RETENTION_DAYS", "30"),
    ]);
    let log = &server.log;
    for (function, missing, remedy) in [
        ("message-log", "MASKING_KEY", "64 hex digits"),
        ("privacy", "PRIVACY_KEY", "64 hex digits"),
    ] {
        let line = format!(
            "{function} is not served, because {missing} is not set: set {missing} to {remedy}"
        );
        assert_eq!(log.matches(&line).count(), 1, "{line} in {log}");
    }
    assert_eq!(server.get("/v1/robeings/r1/settings/user").await.0, 200);
    let (_, report) = server.get("/readyz").await;
    let checks = report["checks"].as_array().unwrap();
    let off = checks.iter().find(|it| it["name"] == "message-log");
    let off = off.expect("what is not served is reported");
    assert_eq!(off["status"], "off");
    let expected = "message-log is not served, because MASKING_KEY is not set";
    assert_eq!(off["detail"], expected);
    let event = json!({"function": "privacy"});
    let (status, answer) = server.post("/events/metasync", event).await;
    assert_eq!(status, 409, "{answer}");
    assert!(answer.contains("PRIVACY_KEY is not set"), "{answer}");
    let message = json!({"robeing_id": "r1", "message": "hello"});
    assert_eq!(server.post("/v1/messages", message).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_does_not_say_where_a_secret_without_a_value_is_and_the_log_does() {
    let database = kit::postgres::database().await;
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("masking-key");
    std::fs::write(&key, "").unwrap();
    let key = key.to_str().unwrap();
    let server = Server::start(&[
        ("BUCKET_URL", "memory:///"),
        ("DATABASE_URL", &database.url),
        ("MASKING_KEY_FILE", key),
    ]);
    let reason = "message-log is not served, because MASKING_KEY is not set";
    let mut lines = server.log.lines();
    let line = lines.find(|it| it.contains(&format!("{reason}: ")));
    assert!(line.is_some_and(|it| it.contains(key)), "{}", server.log);
    let (_, report) = server.get("/readyz").await;
    let report = report.to_string();
    assert!(report.contains(&format!("{reason}\"")), "{report}");
    assert!(!report.contains(key), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scope_of_a_token_that_matches_no_dataset_is_logged_before_its_caller_asks() {
    let folder = tempfile::tempdir().unwrap();
    let (warehouse, bucket) = (
        folder.path().join("warehouse"),
        folder.path().join("bucket"),
    );
    std::fs::create_dir(&warehouse).unwrap();
    std::fs::create_dir(&bucket).unwrap();
    metasync::sample::write(&warehouse).unwrap();
    let warehouse = format!("file://{}", warehouse.display());
    let bucket = ("BUCKET_URL", format!("file://{}", bucket.display()));
    let mut sync = Command::new(env!("CARGO_BIN_EXE_metasync"));
    sync.env_clear().arg("sync").env("WAREHOUSE_URL", warehouse);
    assert!(
        sync.env(bucket.0, &bucket.1)
            .output()
            .unwrap()
            .status
            .success()
    );

    let tokens = json!([{"name": "bot", "role": "reader", "sha256": "00".repeat(32),
        "scope": {"datasets": ["ga4_obfuscated_sample_ecommerce"]}}]);
    let tokens = tokens.to_string();
    let mut server = Server::start(&[(bucket.0, &bucket.1), ("AUTH_TOKENS", &tokens)]);
    let (status, report) = server.get("/readyz").await;
    assert_eq!(status, 200, "{report}");
    let told = server
        .lines
        .by_ref()
        .map(Result::unwrap)
        .find(|line| line.contains("matches no dataset"))
        .expect("the log says so");
    let part = r#"the scope of \"bot\" has no effect: \"ga4_obfuscated_sample_ecommerce\" matches no dataset; did you mean \"bigquery-public-data.ga4_obfuscated_sample_ecommerce\"?"#;
    assert!(told.contains(part), "{told}");
}
