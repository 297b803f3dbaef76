//! The time from the start of a process to its first poll of the Lambda Runtime API: functions with all their
//! clients compared with lambda_http's hello world.
//!
//! `cargo bench -p tests --bench startup [-- <function> ...]`. The default is two functions and a probe that
//! opens every client of `platform`. All are release builds, run in turn, against a stub of the Runtime API. The
//! measurement includes the process only; Lambda adds about 10 ms before it.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use kit::lambda::{Process, RuntimeApi};
use kit::process::release;

const RUNS: usize = 100;
const FUNCTIONS: [&str; 3] = ["schema-sync", "cache-read", "probe"];

/// The configuration of all clients: S3, Postgres, BigQuery, a model, and OIDC.
const CONFIGURATION: [(&str, &str); 13] = [
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
    (
        "MASKING_KEY",
        "0707070707070707070707070707070707070707070707070707070707070707",
    ),
    ("HOME", "/nonexistent"),
];

struct Start {
    took: Duration,
    /// The peak resident memory until the poll, in KiB.
    peak_kib: u64,
}

fn main() {
    let named = std::env::args().skip(1);
    let mut functions: Vec<String> = named.filter(|name| !name.starts_with('-')).collect();
    if functions.is_empty() {
        functions = FUNCTIONS.map(str::to_owned).to_vec();
    }
    let mut binaries = Vec::new();
    for function in ["hello".to_owned()].into_iter().chain(functions) {
        // A function is in the package of its name.
        let package = match function.as_str() {
            "hello" | "probe" => "tests",
            function => function,
        };
        let binary = release(package, &function);
        binaries.push((function, binary));
    }

    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime");
    // Warms the page cache.
    for (_, binary) in &binaries {
        runtime.block_on(start(binary));
    }
    let mut starts: Vec<Vec<Start>> = binaries.iter().map(|_| Vec::new()).collect();
    for _ in 0..RUNS {
        for ((_, binary), starts) in binaries.iter().zip(&mut starts) {
            starts.push(runtime.block_on(start(binary)));
        }
    }

    println!("{RUNS} starts each, in turn; ms from spawn to the first poll, MB resident by then");
    println!("| binary | min ms | p50 ms | p95 ms | over hello (p50) | MB | certificate files |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    let hello_p50 = quantile(&mut starts[0], 50);
    for ((name, binary), starts) in binaries.iter().zip(&mut starts) {
        let (min, p50, p95) = (
            quantile(starts, 0),
            quantile(starts, 50),
            quantile(starts, 95),
        );
        let over = p50 - hello_p50;
        let resident = resident_mb(starts);
        let opened = match certificate_files(binary, &runtime) {
            Some(opened) if opened.is_empty() => "none".to_owned(),
            Some(opened) => opened.join(", "),
            None => "unknown: strace is not installed".to_owned(),
        };
        println!(
            "| {name} | {min:.2} | {p50:.2} | {p95:.2} | {over:.2} | {resident:.1} | {opened} |"
        );
    }
}

/// A quantile in ms.
fn quantile(starts: &mut [Start], percent: usize) -> f64 {
    starts.sort_by_key(|start| start.took);
    let at = (starts.len() - 1) * percent / 100;
    starts[at].took.as_secs_f64() * 1e3
}

#[expect(clippy::cast_precision_loss, reason = "the memory of a process")]
fn resident_mb(starts: &[Start]) -> f64 {
    let peak = starts.iter().map(|start| start.peak_kib).max();
    peak.unwrap_or_default() as f64 * 1024.0 / 1e6
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
    let status = status.expect("a running process");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.and_then(|peak| peak.trim().strip_suffix(" kB")?.parse().ok());
    Start {
        took,
        peak_kib: peak.expect("a peak in kB"),
    }
}

/// The certificate files that the function tried to open; none without strace.
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
    let opened = std::fs::read_to_string(&trace).expect("a trace");
    std::fs::remove_file(&trace).expect("a removable trace");
    assert!(opened.contains("libc.so"), "an empty trace: {opened}");
    let is_certificate = |path: &&str| {
        [".pem", ".crt", ".cer", "/ssl/", "/certs", "/pki/"]
            .iter()
            .any(|sign| path.contains(sign))
    };
    let paths = opened.lines().filter_map(|line| line.split('"').nth(1));
    Some(paths.filter(is_certificate).map(str::to_owned).collect())
}
