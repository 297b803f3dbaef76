//! Every function under `cargo lambda watch`: `cargo lambda invoke` with each file of `events/` returns the same as
//! the binary as an HTTP server.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use kit::lambda::Process;
use kit::process::serve;
use platform::Env;
use regex::Regex;
use serde_json::json;
use tempfile::TempDir;
use throwaway_postgres::Server as Postgres;

use crate::server::{Server, folder, is_skipped};
use tests::catalogue;

const PEER: &str = "cargo-lambda";
/// The bad message in the batch of `sqs.json`.
const POISON: &str = "2e1424d4-f796-459a-8184-9c92662be6da";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The storage of one side, empty at the start. It has its own server, because transactions in the databases of
/// other tests delay the roll-up.
struct Storage {
    postgres: Postgres,
    folder: TempDir,
}

impl Storage {
    async fn fresh() -> Self {
        let postgres = Postgres::start(&Env::from_process()).expect("a Postgres for tests");
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in ["bucket", "warehouse"] {
            std::fs::create_dir(folder.path().join(name)).expect("a writable folder");
        }
        metasync::sample::write(&folder.path().join("warehouse")).expect("a sample");
        let storage = Self { postgres, folder };
        let env: Env = storage.variables().into_iter().collect();
        platform::postgres::migrate(&env, migrations::FILES)
            .await
            .expect("a fresh database");
        storage
    }

    fn variables(&self) -> Vec<(String, String)> {
        let path = |name: &str| format!("file://{}", self.folder.path().join(name).display());
        let variables = [
            ("BUCKET_URL", path("bucket")),
            ("DATABASE_URL", self.postgres.url()),
            ("MASKING_KEY", "07".repeat(32)),
            ("METASYNC_KEYS", "09".repeat(32)),
            ("PRIVACY_KEY", "08".repeat(32)),
            ("TMPDIR", self.folder.path().display().to_string()),
            ("WAREHOUSE_URL", path("warehouse")),
            // Archives are off, because encrypted data differs each time.
            ("ARCHIVE_AFTER_DAYS", "36500".to_owned()),
            // Schedules are off, so that only the events run.
            ("AUDIT_INTERVAL_SECONDS", "0".to_owned()),
            ("PRIVACY_INTERVAL_SECONDS", "0".to_owned()),
            ("ROLL_UP_INTERVAL_SECONDS", "0".to_owned()),
            ("STATS_INTERVAL_SECONDS", "0".to_owned()),
            ("SYNC_INTERVAL_SECONDS", "0".to_owned()),
        ];
        variables
            .map(|(name, value)| (name.to_owned(), value))
            .into()
    }
}

/// Starts the emulator without building: the binaries are built already.
fn watch() -> Server {
    let manifest = root().join("Cargo.toml").display().to_string();
    Server::start(PEER, "bin/cargo-lambda", |port| {
        let port = port.to_string();
        let arguments = ["lambda", "watch", "--only-lambda-apis", "--ignore-changes"];
        let options = ["--invoke-address", "127.0.0.1", "--invoke-port", &port];
        let arguments = arguments.into_iter().chain(options);
        let arguments = arguments.chain(["--manifest-path", &manifest]);
        arguments.map(str::to_owned).collect()
    })
}

/// The command of the binary, which is the same for both sides.
fn binary(function: &str, storage: &Storage) -> Command {
    let mut command = if function == "metasync" {
        Command::new(env!("CARGO_BIN_EXE_metasync-cli"))
    } else {
        let mut command = Command::new(env!("CARGO_BIN_EXE_function"));
        command.arg(function);
        command
    };
    command.env_clear().envs(storage.variables());
    command
}

/// Starts a function with the variables that `watch` sets.
fn on_lambda(watch: &Server, function: &str, storage: &Storage) -> Process {
    let tokens = json!([{"name": "nobody", "role": "reader", "sha256": "0".repeat(64)}]);
    let mut command = binary(function, storage);
    command.env("AUTH_TOKENS", tokens.to_string()).envs([
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "4096"),
        ("AWS_LAMBDA_FUNCTION_NAME", function),
        ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
        ("AWS_LAMBDA_MAX_CONCURRENCY", "1"),
    ]);
    let api = format!("{}/.rt/{function}", watch.url());
    command.env("AWS_LAMBDA_RUNTIME_API", api);
    Process(
        command
            .stdout(Stdio::null())
            .spawn()
            .expect("the function starts"),
    )
}

fn invoke(watch: &Server, function: &str, file: &Path) -> Output {
    Command::new(folder(PEER).join("bin/cargo-lambda"))
        .args(["lambda", "invoke", "--invoke-address", "127.0.0.1"])
        .args(["--invoke-port", &watch.address.port().to_string()])
        .arg("--data-file")
        .arg(file)
        .arg(function)
        .output()
        .expect("cargo-lambda runs")
}

/// The event files by function, in the order of delivery, without those of Slack, which has another route.
fn events() -> Vec<(String, Vec<PathBuf>)> {
    let sorted = |folder: &Path| {
        let entries = std::fs::read_dir(folder).expect("a folder of events");
        let paths = entries.map(|it| it.expect("an entry").path());
        let is_slack = |path: &PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| name.starts_with("slack"))
        };
        let mut paths: Vec<_> = paths.filter(|path| !is_slack(path)).collect();
        paths.sort();
        paths
    };
    let folders = sorted(&root().join("events")).into_iter();
    let folders = folders.map(|folder| {
        let name = folder.file_name().and_then(|name| name.to_str());
        (name.expect("a function's name").to_owned(), sorted(&folder))
    });
    folders.collect()
}

/// Replaces the duration of a sync, which differs each time.
fn without_duration(answer: &str) -> String {
    let time = Regex::new(r#""execution_time":[0-9.e-]+"#).expect("a pattern");
    time.replace(answer, r#""execution_time":0"#).into_owned()
}

#[test]
fn every_function_with_a_trigger_has_events() {
    let functions = catalogue::functions().into_iter();
    let triggered = functions.filter(|(_, it)| !it.schedules.is_empty() || !it.queues.is_empty());
    let triggered: BTreeSet<String> = triggered.map(|(name, _)| name).collect();
    let has_events = events().into_iter().map(|(name, _)| name).collect();
    assert_eq!(triggered, has_events);
}

#[tokio::test]
async fn every_event_returns_the_same_under_cargo_lambda_and_over_http() {
    if is_skipped(PEER) {
        return;
    }
    let (one, other) = (Storage::fresh().await, Storage::fresh().await);
    let watch = watch();
    let http = platform::http_client::build(&Env::default()).expect("a client");
    let mut poisoned = 0;
    for (function, files) in events() {
        let on_lambda = on_lambda(&watch, &function, &one);
        let invoked = files.iter().map(|file| invoke(&watch, &function, file));
        let invoked: Vec<Output> = invoked.collect();
        drop(on_lambda);

        let mut server = binary(&function, &other);
        if function == "metasync" {
            server.arg("serve");
        }
        let (_server, log, url) = serve(server);
        log.drain();
        for (file, invoked) in files.iter().zip(invoked) {
            let event = std::fs::read(file).expect("an event");
            let request = http.post(format!("{url}/events/{function}"));
            let request = request.header("content-type", "application/json");
            let answer = request.body(event).send().await.expect("an answer");
            let status = answer.status();
            let answer = answer.text().await.expect("text");
            let file = file.display().to_string();
            assert_eq!(status, 200, "{file}: {answer}");
            let errors = String::from_utf8_lossy(&invoked.stderr);
            assert!(invoked.status.success(), "{file}: {errors}");
            let printed = String::from_utf8(invoked.stdout).expect("text");
            assert_eq!(
                without_duration(&printed),
                without_duration(&answer) + "\n",
                "{file}"
            );
            if file.ends_with("message-log/sqs.json") {
                let report = json!({"batchItemFailures": [{"itemIdentifier": POISON}]});
                assert_eq!(answer, report.to_string());
                poisoned += 1;
            }
        }
    }
    assert_eq!(poisoned, 1);
}
