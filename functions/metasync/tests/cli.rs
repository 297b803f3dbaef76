//! The command line as a person meets it: the demo prints what to try, and it works.

mod doctor;

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::process::{ChildStdout, Command, Output, Stdio};

use kit::lambda::Process;
use serde_json::Value;
use tempfile::TempDir;

/// The binary that cargo built for this test.
fn metasync() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_metasync"))
}

fn run(arguments: &[&str], env: &[(&str, &str)]) -> Output {
    let mut command = Command::new(metasync());
    command
        .env_clear()
        .args(arguments)
        .envs(env.iter().copied());
    command.output().unwrap()
}

/// A demo in a temporary folder of its own, so that a test sees what it leaves behind.
struct Demo {
    process: Process,
    /// Open as long as the demo runs: what it prints must not fail for want of a reader.
    out: BufReader<ChildStdout>,
    folder: TempDir,
}

impl Demo {
    fn start(env: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(metasync());
        command.env_clear().args(["demo", "--port", "0"]);
        command.env("TMPDIR", folder.path());
        command.envs(env.iter().copied());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = Process(command.spawn().unwrap());
        let out = BufReader::new(process.0.stdout.take().unwrap());
        Self {
            process,
            out,
            folder,
        }
    }

    /// The `curl` lines it prints, once it serves.
    fn curls(&mut self) -> Vec<String> {
        let lines = self.out.by_ref().lines().map(Result::unwrap);
        let lines = lines.take_while(|line| !line.contains("/docs"));
        lines
            .map(|line| line.trim().to_owned())
            .filter(|line| line.starts_with("curl "))
            .collect()
    }

    /// Ctrl-C: what is left of it afterwards.
    fn interrupt(mut self) -> Vec<PathBuf> {
        let kill = format!("kill -INT {}", self.process.0.id());
        let killed = Command::new("sh").args(["-c", &kill]).status().unwrap();
        assert!(killed.success());
        assert!(self.process.0.wait().unwrap().success());
        let left = std::fs::read_dir(self.folder.path()).unwrap();
        left.map(|entry| entry.unwrap().path()).collect()
    }
}

/// The arguments that a shell would give to `curl`.
fn words(line: &str) -> Vec<String> {
    let print = format!("set -f; set -- {line}; printf '%s\\n' \"$@\"");
    let output = Command::new("sh").args(["-c", &print]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().skip(1).map(str::to_owned).collect()
}

#[tokio::test]
async fn m13_the_demo_needs_no_cloud_account_prints_three_curl_lines_that_work_and_leaves_nothing()
{
    let mut demo = Demo::start(&[]);
    let curls = demo.curls();

    assert_eq!(curls.len(), 3);
    let client = platform::http_client::build(&platform::Env::default()).unwrap();
    for curl in curls {
        let words = words(&curl);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let request = match words[..] {
            ["-X", "POST", url] => client.post(url),
            [url] => client.get(url),
            _ => panic!("{curl}"),
        };
        let reply = request.send().await.unwrap();
        assert_eq!(reply.status(), 200, "{curl}");
        let text = reply.text().await.unwrap();
        let expected = if curl.contains("/sync") {
            "\"updated\":false"
        } else {
            "events_"
        };
        assert!(text.contains(expected), "{curl}: {text}");
    }
    assert_eq!(demo.interrupt(), Vec::<PathBuf>::new());
}

#[test]
fn a_demo_that_is_interrupted_in_its_sync_leaves_nothing_behind() {
    // A model that takes the question and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", silent.local_addr().unwrap());
    let demo = Demo::start(&[("LLM_MODEL", "silent"), ("LLM_BASE_URL", &url)]);
    let asked = silent.accept().unwrap();

    assert_eq!(demo.interrupt(), Vec::<PathBuf>::new());
    drop(asked);
}

#[test]
fn a_model_without_its_key_does_not_keep_the_demo_from_running() {
    let mut demo = Demo::start(&[("LLM_MODEL", "claude-sonnet")]);
    assert_eq!(demo.curls().len(), 3);
    let mut told = String::new();
    let mut stderr = demo.process.0.stderr.take().unwrap();
    demo.interrupt();
    stderr.read_to_string(&mut told).unwrap();
    assert!(
        told.contains("goes on without a model: ANTHROPIC_API_KEY"),
        "{told}"
    );
}

#[test]
fn sync_prints_its_answer_context_reads_it_and_both_fail_with_what_to_set() {
    let folder = tempfile::tempdir().unwrap();
    let (warehouse, bucket) = (folder.path().join("w"), folder.path().join("b"));
    std::fs::create_dir_all(&warehouse).unwrap();
    std::fs::create_dir_all(&bucket).unwrap();
    metasync::sample::write(&warehouse).unwrap();
    let (warehouse, bucket) = (
        format!("file://{}", warehouse.display()),
        format!("file://{}", bucket.display()),
    );
    let env = [
        ("WAREHOUSE_URL", warehouse.as_str()),
        ("BUCKET_URL", bucket.as_str()),
    ];

    let done = run(&["sync", "--json"], &env);
    assert!(done.status.success());
    assert_eq!(String::from_utf8_lossy(&done.stderr), "");
    let answer: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(
        (
            answer["columns_count"].as_u64(),
            answer["updated"].as_bool()
        ),
        (Some(23), Some(true))
    );

    let context = [
        "context",
        "revenue of purchases by country",
        "--budget",
        "400",
    ];
    let shown = run(&context, &env[1..]);
    let text = String::from_utf8(shown.stdout).unwrap();
    assert!(
        text.contains("events_*") && text.contains("purchase_revenue"),
        "{text}"
    );
    assert!(text.chars().count() <= 1_600);
    let told: Value =
        serde_json::from_slice(&run(&[&context[..], &["--json"]].concat(), &env[1..]).stdout)
            .unwrap();
    assert_eq!(told["context"], text);
    let dataset = told["tables"][0]["name"].as_str().unwrap();
    let (dataset, _) = dataset.rsplit_once('.').unwrap();
    let within = |datasets| {
        let arguments = [&context[..], &["--datasets", datasets]].concat();
        let shown = run(&arguments, &env[1..]);
        (
            shown.status.success(),
            String::from_utf8(shown.stdout).unwrap(),
        )
    };
    assert_eq!(within(dataset), (true, text.clone()));
    assert_eq!(within("not.mine"), (true, String::new()));
    let nothing = format!("file://{}/nothing", folder.path().display());
    let missing = run(&context, &[("BUCKET_URL", nothing.as_str())]);
    assert!(String::from_utf8_lossy(&missing.stderr).contains("`metasync sync` makes one"));

    let unset = run(&["sync"], &env[1..]);
    assert!(!unset.status.success());
    assert!(String::from_utf8_lossy(&unset.stderr).contains("WAREHOUSE_URL is not set"));
}

#[test]
fn help_teaches_and_no_command_is_no_success() {
    let help = run(&["--help"], &[]);
    let text = String::from_utf8(help.stdout).unwrap();
    for word in [
        "demo",
        "serve",
        "sync",
        "stats",
        "migrate",
        "WAREHOUSE_URL",
        "Examples",
    ] {
        assert!(text.contains(word), "{word}");
    }
    assert_eq!(run(&[], &[]).status.code(), Some(2));
}

#[test]
fn a_server_that_nobody_may_call_does_not_start_nor_sync() {
    let bucket = tempfile::tempdir().unwrap();
    let warehouse = tempfile::tempdir().unwrap();
    metasync::sample::write(warehouse.path()).unwrap();
    let bucket_url = format!("file://{}", bucket.path().display());
    let warehouse_url = format!("file://{}", warehouse.path().display());
    let env = [
        ("WAREHOUSE_URL", warehouse_url.as_str()),
        ("BUCKET_URL", bucket_url.as_str()),
    ];

    let refused = run(&["serve"], &env);

    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stdout).contains("AUTH_TOKENS"));
    assert_eq!(std::fs::read_dir(bucket.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn r3_r13_a_message_arrives_in_the_demo_and_the_robeing_levels_up_by_the_lines_that_it_prints()
 {
    let mut command = Command::new(metasync());
    let path = std::env::var("PATH").unwrap_or_default();
    command
        .env_clear()
        .env("PATH", path)
        .args(["demo", "--port", "0"]);
    let mut process = Process(command.stdout(Stdio::piped()).spawn().unwrap());
    let out = BufReader::new(process.0.stdout.take().unwrap());
    let mut lines: Vec<String> = Vec::new();
    for line in out.lines() {
        let line = line.unwrap();
        let is_last = line.contains("/settings/user") && !line.contains("PUT");
        lines.push(line);
        if is_last {
            break;
        }
    }
    let begin = lines
        .iter()
        .position(|line| line.contains("body='"))
        .expect("a message");
    let is_command = |line: &&String| line.starts_with("  ");
    let script: Vec<&str> = lines[begin..]
        .iter()
        .filter(is_command)
        .map(String::as_str)
        .collect();
    let script = script.join("\n");
    let has = |tool: &str| Command::new(tool).arg("--version").output().is_ok();
    if !has("curl") {
        eprintln!("there is no curl here, so the printed lines are not run");
        return;
    }
    let ran = Command::new("sh").args(["-ec", &script]).output().unwrap();
    let said = String::from_utf8(ran.stdout).unwrap();
    assert!(
        ran.status.success(),
        "{said} {}",
        String::from_utf8_lossy(&ran.stderr)
    );
    assert_eq!(
        said.matches("refund please, my number is [PHONE_1]")
            .count(),
        3 + 1,
        "{said}"
    );
    assert!(!said.contains("1234-5678"), "{said}");
    // Three tasks of 15 times 7 and a conversation: past 100 * 2 ** 1.5.
    assert!(said.contains("\"level\":3,\"experience\":316"), "{said}");
    assert!(said.contains("\"response_style\":\"formal\""), "{said}");
}

#[tokio::test]
async fn stats_rolls_up_and_counts_again_by_hand() {
    let database = kit::postgres::database().await;
    let env = [("DATABASE_URL", database.url.as_str())];
    let read = |arguments: &[&str]| -> Value {
        let done = run(arguments, &env);
        assert!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
        serde_json::from_slice(&done.stdout).unwrap()
    };
    let rolled_up = read(&["stats", "--json"]);
    assert_eq!(
        (&rolled_up["rows"], &rolled_up["complete"]),
        (&0.into(), &true.into())
    );
    database
        .run("insert into robeing.stats (robeing_id, level) values ('r1', 5)")
        .await;
    assert_eq!(read(&["stats", "--rebuild", "--json"])["changed"], 1);
    assert_eq!(read(&["stats", "--rebuild", "--json"])["changed"], 0);
    let told = run(&["stats", "--rebuild"], &env);
    assert!(String::from_utf8_lossy(&told.stdout).contains("0 rows were not as they should be"));
    let unset = run(&["stats"], &[]);
    assert!(String::from_utf8_lossy(&unset.stderr).contains("DATABASE_URL is not set"));
}
