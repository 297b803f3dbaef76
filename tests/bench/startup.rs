//! From starting a process to its first complete poll of the Lambda Runtime API: a function with
//! all its clients against lambda_http's hello world.
//!
//! `cargo bench -p tests --bench startup [-- <function>]`, by default of `schema-sync`. Both are
//! release builds, run in turn, against a stub of the Runtime API. What is measured is the process
//! alone: the platform adds some 10 ms of its own before it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use kit::lambda::{Process, RuntimeApi};

const RUNS: usize = 100;

/// All clients: S3, Postgres, BigQuery, a model, and OIDC tokens of callers.
const CONFIGURATION: [(&str, &str); 12] = [
    ("AUTH_ISSUER", "https://issuer.example"),
    ("AUTH_AUDIENCE", "metasync"),
    ("BUCKET_URL", "s3://bucket/prefix"),
    ("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE"),
    ("AWS_SECRET_ACCESS_KEY", "example"),
    ("AWS_SESSION_TOKEN", "example"),
    (
        "DATABASE_URL",
        "postgres://user:example@database.example/metasync?sslmode=require",
    ),
    ("WAREHOUSE_URL", "bigquery://project/dataset"),
    ("BIGQUERY_EMULATOR_HOST", "http://127.0.0.1:9"),
    ("LLM_MODEL", "claude-opus-4-1"),
    ("ANTHROPIC_API_KEY", "example"),
    ("HOME", "/nonexistent"),
];

struct Start {
    took: Duration,
    /// The most memory that was resident until the poll, in KiB.
    peak_kib: u64,
}

fn main() {
    let function = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'));
    let function = function.unwrap_or_else(|| "schema-sync".to_owned());
    let hello = PathBuf::from(env!("CARGO_BIN_EXE_hello"));
    let binary = hello.with_file_name(&function);
    build(&function);

    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime");
    // The page cache is warm for both before any run counts.
    runtime.block_on(start(&hello));
    runtime.block_on(start(&binary));
    let (mut hellos, mut functions) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        hellos.push(runtime.block_on(start(&hello)));
        functions.push(runtime.block_on(start(&binary)));
    }

    println!("{RUNS} starts each, in turn; ms from spawn to the first poll, MiB resident by then");
    println!(
        "{:16} {:>7} {:>7} {:>7} {:>7}",
        "", "min", "p50", "p95", "MiB"
    );
    let hello_p50 = report("hello", &mut hellos);
    let function_p50 = report(&function, &mut functions);
    println!("{:16} {:>15.2}", "difference", function_p50 - hello_p50);
    match certificate_files(&binary, &runtime) {
        Some(opened) if opened.is_empty() => println!("certificate files opened: none"),
        Some(opened) => println!("certificate files opened: {}", opened.join(", ")),
        None => println!("certificate files opened: not counted, strace is not installed"),
    }
}

/// The hello world comes with the benchmark; a function is of the package of its name.
fn build(function: &str) {
    let package = if function == "probe" {
        "tests"
    } else {
        function
    };
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args([
        "build",
        "--release",
        "--package",
        package,
        "--bin",
        function,
    ]);
    let built = cargo.status().expect("cargo runs");
    assert!(built.success(), "{function} does not build");
}

fn configured(api: &RuntimeApi, command: Command) -> Process {
    let mut command = api.configure(command);
    command.envs(CONFIGURATION).stdout(Stdio::null());
    Process(command.spawn().expect("the function starts"))
}

async fn start(binary: &Path) -> Start {
    let api = RuntimeApi::start();
    let started = Instant::now();
    let process = configured(&api, Command::new(binary));
    let took = api.first_poll().await - started;
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.0.id()));
    let status = status.expect("the process is still there");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.and_then(|peak| peak.trim().strip_suffix(" kB")?.parse().ok());
    Start {
        took,
        peak_kib: peak.expect("a peak in kB"),
    }
}

#[expect(clippy::cast_precision_loss, reason = "KiB of a process are few")]
fn report(name: &str, starts: &mut [Start]) -> f64 {
    starts.sort_by_key(|start| start.took);
    let at = |quantile: usize| {
        starts[(starts.len() - 1) * quantile / 100]
            .took
            .as_secs_f64()
            * 1e3
    };
    let peak = starts
        .iter()
        .map(|start| start.peak_kib)
        .max()
        .unwrap_or_default();
    let (min, p50, p95) = (at(0), at(50), at(95));
    let mib = peak as f64 / 1024.0;
    println!("{name:16} {min:>7.2} {p50:>7.2} {p95:>7.2} {mib:>7.1}");
    p50
}

/// What looks like a certificate among the files the function tried to open, if strace can tell.
fn certificate_files(binary: &Path, runtime: &tokio::runtime::Runtime) -> Option<Vec<String>> {
    let api = RuntimeApi::start();
    let trace = std::env::temp_dir().join(format!("metasync-startup-{}", std::process::id()));
    Command::new("strace")
        .arg("-V")
        .stdout(Stdio::null())
        .status()
        .ok()?;
    let mut strace = Command::new("strace");
    strace
        .args(["-f", "-e", "trace=open,openat", "-o"])
        .arg(&trace)
        .arg(binary);
    let process = configured(&api, strace);
    runtime.block_on(api.first_poll());
    drop(process);
    let opened = std::fs::read_to_string(&trace).expect("strace has written what it saw");
    std::fs::remove_file(&trace).expect("the trace is ours");
    assert!(opened.contains("libc.so"), "strace saw nothing: {opened}");
    let is_certificate = |path: &&str| {
        [".pem", ".crt", ".cer", "/ssl/", "/certs", "/pki/"]
            .iter()
            .any(|sign| path.contains(sign))
    };
    let paths = opened.lines().filter_map(|line| line.split('"').nth(1));
    Some(paths.filter(is_certificate).map(str::to_owned).collect())
}
