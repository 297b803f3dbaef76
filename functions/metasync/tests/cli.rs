//! The command line: the demo prints commands that work, and errors say what to set.

mod doctor;

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
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
    /// Open as long as the demo runs, which fails if it can't print.
    out: BufReader<ChildStdout>,
    folder: TempDir,
}

impl Demo {
    fn start(env: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(metasync());
        command.env_clear().arg("demo");
        command.env("TMPDIR", folder.path()).env("PORT", "0");
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

    /// The `curl` lines that it prints once it serves.
    fn curls(&mut self) -> Vec<String> {
        let lines = self.out.by_ref().lines().map(Result::unwrap);
        let lines = lines.take_while(|line| !line.contains("/docs"));
        lines
            .map(|line| line.trim().to_owned())
            .filter(|line| line.starts_with("curl "))
            .collect()
    }

    /// Interrupts the demo and returns the files that it leaves behind.
    fn interrupt(mut self) -> Vec<PathBuf> {
        let kill = format!("kill -INT {}", self.process.0.id());
        let killed = Command::new("sh").args(["-c", &kill]).status().unwrap();
        assert!(killed.success());
        assert!(self.process.0.wait().unwrap().success());
        let left = std::fs::read_dir(self.folder.path()).unwrap();
        left.map(|entry| entry.unwrap().path()).collect()
    }
}

/// The arguments that a shell passes to `curl`.
fn arguments(line: &str) -> Vec<String> {
    let print = format!("set -f; set -- {line}; printf '%s\\n' \"$@\"");
    let output = Command::new("sh").args(["-c", &print]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().skip(1).map(str::to_owned).collect()
}

#[tokio::test]
async fn the_demo_needs_no_cloud_account_prints_three_curl_lines_that_work_and_leaves_nothing() {
    let mut demo = Demo::start(&[]);
    let curls = demo.curls();

    assert_eq!(curls.len(), 3);
    let client = platform::http_client::build(&platform::Env::default()).unwrap();
    for curl in curls {
        let arguments = arguments(&curl);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let request = match arguments[..] {
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
fn the_demo_signs_in_a_local_person_and_prints_commands_that_fill_and_verify_the_audit_log() {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut demo = Demo::start(&[("PATH", &path)]);
    let mut lines = demo.out.by_ref().lines().map(Result::unwrap);
    let signed_in = lines
        .find(|line| line.contains("who is signed in"))
        .unwrap();
    let (url, _) = signed_in.split_once("/ ").unwrap();
    let commands: Vec<String> = lines
        .filter(|line| line.starts_with("  "))
        .take(2)
        .collect();
    let script = format!(
        "curl -sS -H 'accept: text/html' {url}/; {}",
        commands.join("\n").replace("curl ", "curl -sS ")
    );
    let output = Command::new("sh").args(["-ec", &script]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for part in [
        "<dd>Local</dd>",
        "kim@example.com",
        "\"action\":\"person.invite\"",
        "\"fault\":null",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    demo.interrupt();
}

#[test]
fn the_demo_listens_on_the_port_that_its_environment_names_and_prints_it() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port().to_string();
    drop(free);
    let mut demo = Demo::start(&[("PORT", &port)]);
    for curl in demo.curls() {
        assert!(
            curl.contains(&format!("http://127.0.0.1:{port}/")),
            "{curl}"
        );
    }
    demo.interrupt();
}

#[test]
fn a_demo_whose_port_is_taken_says_so_and_ends() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for (arguments, env) in [
        (&["demo"][..], &[("PORT", port.as_str())][..]),
        (&["demo", "--port", &port], &[]),
    ] {
        let refused = run(arguments, env);
        assert!(!refused.status.success());
        let error = String::from_utf8_lossy(&refused.stderr);
        let expected = format!("can't listen on 127.0.0.1:{port}: set PORT to a free port");
        assert!(error.contains(&expected), "{error}");
    }
}

#[test]
fn a_demo_that_is_interrupted_in_its_sync_leaves_nothing_behind() {
    // A model that accepts the question and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", silent.local_addr().unwrap());
    let demo = Demo::start(&[("LLM_MODEL", "silent"), ("LLM_BASE_URL", &url)]);
    let asked = silent.accept().unwrap();

    assert_eq!(demo.interrupt(), Vec::<PathBuf>::new());
    drop(asked);
}

#[test]
fn the_demo_runs_without_the_model_if_its_key_is_missing() {
    let mut demo = Demo::start(&[("LLM_MODEL", "claude-sonnet")]);
    assert_eq!(demo.curls().len(), 3);
    let mut warning = String::new();
    let mut stderr = demo.process.0.stderr.take().unwrap();
    demo.interrupt();
    stderr.read_to_string(&mut warning).unwrap();
    assert!(
        warning.contains("continues without a model: ANTHROPIC_API_KEY"),
        "{warning}"
    );
}

#[test]
fn sync_prints_its_result_context_reads_the_cache_and_errors_say_what_to_set() {
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
    let json = run(&[&context[..], &["--json"]].concat(), &env[1..]).stdout;
    let json: Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["context"], text);
    let dataset = json["tables"][0]["name"].as_str().unwrap();
    let (dataset, _) = dataset.rsplit_once('.').unwrap();
    let within = |datasets| {
        let arguments = [&context[..], &["--datasets", datasets]].concat();
        let shown = run(&arguments, &env[1..]);
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (shown.status.code(), text(shown.stdout), text(shown.stderr))
    };
    assert_eq!(within(dataset).0, Some(0));
    assert_eq!(within(dataset).1, text);
    let (code, nothing, error) = within("not.mine");
    assert_eq!((code, nothing.as_str()), (Some(1), ""), "{error}");
    assert!(
        error.contains("the cache does not have (\"not.mine\")"),
        "{error}"
    );
    assert!(!error.contains(dataset), "{error}");
    let nothing = format!("file://{}/nothing", folder.path().display());
    let missing = run(&context, &[("BUCKET_URL", nothing.as_str())]);
    assert!(String::from_utf8_lossy(&missing.stderr).contains("run `metasync sync` to create it"));

    let unset = run(&["sync"], &env[1..]);
    assert!(!unset.status.success());
    assert!(String::from_utf8_lossy(&unset.stderr).contains("WAREHOUSE_URL is not set"));
}

#[test]
fn sync_prints_each_problem_once() {
    let folder = tempfile::tempdir().unwrap();
    let column = r#"[{"name": "id", "type": "INT64"}]"#;
    std::fs::write(folder.path().join("p.d.good.json"), column).unwrap();
    std::fs::write(folder.path().join("p.d.broken.json"), "[").unwrap();
    let warehouse = format!("file://{}", folder.path().display());
    let bucket = format!("{warehouse}/bucket");
    let env = [
        ("WAREHOUSE_URL", warehouse.as_str()),
        ("BUCKET_URL", bucket.as_str()),
    ];
    for arguments in [&["sync"][..], &["sync", "--json"]] {
        let done = run(arguments, &env);
        assert!(done.status.success());
        let mut text = String::from_utf8(done.stdout).unwrap();
        text.push_str(&String::from_utf8(done.stderr).unwrap());
        assert_eq!(text.matches("invalid JSON").count(), 1, "{text}");
    }
}

#[test]
fn help_lists_the_commands_and_no_command_is_an_error() {
    let help = run(&["--help"], &[]);
    let text = String::from_utf8(help.stdout).unwrap();
    for word in [
        "demo",
        "serve",
        "sync",
        "describe",
        "stats",
        "migrate",
        "WAREHOUSE_URL",
        "Examples",
    ] {
        assert!(text.contains(word), "{word}");
    }
    assert_eq!(run(&[], &[]).status.code(), Some(2));

    let help = run(&["serve", "--help"], &[]);
    let text = String::from_utf8(help.stdout).unwrap();
    for function in metasync::functions::FUNCTIONS {
        for schedule in function.trigger.map_or(&[][..], |it| it.schedules) {
            assert!(text.contains(schedule.variable), "{text}");
        }
    }
}

#[test]
fn a_server_without_a_way_to_authenticate_neither_starts_nor_syncs() {
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
async fn in_the_demo_a_message_arrives_and_the_robeing_levels_up_by_the_printed_lines() {
    let mut command = Command::new(metasync());
    let path = std::env::var("PATH").unwrap_or_default();
    command
        .env_clear()
        .env("PATH", path)
        .args(["demo", "--port", "0"]);
    let mut process = Process(command.stdout(Stdio::piped()).spawn().unwrap());
    // Open until the end: the server stops if nobody can read what it prints.
    let mut out = BufReader::new(process.0.stdout.take().unwrap());
    let mut lines: Vec<String> = Vec::new();
    for line in out.by_ref().lines() {
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
        eprintln!("skipped: curl is not installed");
        return;
    }
    let ran = Command::new("sh").args(["-ec", &script]).output().unwrap();
    let output = String::from_utf8(ran.stdout).unwrap();
    assert!(
        ran.status.success(),
        "{output} {}",
        String::from_utf8_lossy(&ran.stderr)
    );
    assert_eq!(
        output
            .matches("refund please, my number is [PHONE_1]")
            .count(),
        3 + 1,
        "{output}"
    );
    assert!(!output.contains("1234-5678"), "{output}");
    // Three tasks of 15 times 7 and a conversation: past 100 * 2 ** 1.5.
    let level = "\"level\":3,\"experience\":316";
    assert!(output.contains(level), "{output}");
    let setting = "\"response_style\":\"formal\"";
    assert!(output.contains(setting), "{output}");
}

#[tokio::test]
async fn stats_rolls_up_once_and_recounts() {
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
    let rebuilt = run(&["stats", "--rebuild"], &env);
    assert!(String::from_utf8_lossy(&rebuilt.stdout).contains("corrected 0 rows"));
    let unset = run(&["stats"], &[]);
    assert!(String::from_utf8_lossy(&unset.stderr).contains("DATABASE_URL is not set"));
}
