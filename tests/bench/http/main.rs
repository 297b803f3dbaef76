//! The whole document over HTTP from a warm cache: `cache-read` compared with nginx serving the same bytes.
//!
//! `cargo bench -p tests --bench http [-- --rounds 5 --seconds 4 --binary FILE]`. A document of 1,145 tables is in
//! a bucket folder. The release binary serves it to a caller with a service token: once with `RUST_LOG=warn` (no
//! log line per request, like nginx with `access_log off`), and once with the default `info` (one line per
//! request, to /dev/null). nginx serves the bytes of the function's responses as files. wrk sends the same
//! requests to all servers in turn.

#[expect(dead_code, reason = "the tests against peers use the rest")]
#[path = "../../peers/server.rs"]
mod server;

mod document;
mod load;

use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};
use kit::lambda::Process;
use kit::process::{release, serve_without_log};
use platform::store::Put;
use platform::{Env, Resources};
use schema::versions::{publish, record};

use load::{Measured, Request, wrk};

const TOKEN: &str = "benchmark";
/// `printf %s benchmark | sha256sum`
const TOKEN_SHA256: &str = "0e89820860c342f2c7ec694d144023b10301c2accdd078cb5167a06d0c3d5bcc";
/// Enough connections to keep two cores busy.
const CONNECTIONS: usize = 16;

struct Served {
    name: &'static str,
    address: SocketAddr,
    process: u32,
    /// A request for each of [`CASES`].
    requests: Vec<Request>,
}

const CASES: [&str; 4] = ["200 zstd", "304 zstd", "200 gzip", "304 gzip"];

/// The measurements of one server and case, with one connection and with [`CONNECTIONS`].
#[derive(Default)]
struct Series {
    alone: Vec<Measured>,
    together: Vec<Measured>,
}

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    // `cargo test --benches` only checks that it starts.
    if arguments.iter().any(|argument| argument == "--test") {
        return Ok(());
    }
    let number = |name: &str, default: u64| {
        let at = arguments.iter().position(|argument| argument == name);
        at.map_or(Ok(default), |at| {
            let value = arguments.get(at + 1);
            value
                .with_context(|| format!("{name} needs a number"))?
                .parse()
                .with_context(|| format!("{name} needs a number"))
        })
    };
    let (rounds, seconds) = (number("--rounds", 5)?, number("--seconds", 4)?);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let installed = Command::new(root.join("peers/install"))
        .args(["nginx", "wrk"])
        .status()?;
    ensure!(installed.success(), "nginx and wrk can't be installed");
    let program = server::folder("wrk").join("wrk");
    let other = arguments.iter().position(|argument| argument == "--binary");
    let binary = match other {
        Some(at) => arguments
            .get(at + 1)
            .context("--binary needs a file")?
            .into(),
        None => release("cache-read", "cache-read"),
    };

    let folder = tempfile::tempdir()?;
    let bucket = folder.path().join("bucket");
    fill(&bucket)?;
    let (quiet, _quiet) = start(&binary, &bucket, Some("warn"))?;
    let (logging, _logging) = start(&binary, &bucket, None)?;
    let (nginx, _nginx) = nginx(folder.path(), &quiet)?;
    let servers = [nginx, quiet, logging];

    let mut measured: Vec<Vec<Series>> = Vec::new();
    for _ in &servers {
        measured.push(CASES.iter().map(|_| Series::default()).collect());
    }
    for round in 1..=rounds {
        for case in 0..CASES.len() {
            for (server, series) in servers.iter().zip(&mut measured) {
                let request = &server.requests[case];
                let run = |connections| {
                    wrk(
                        &program,
                        (server.address, server.process),
                        request,
                        connections,
                        seconds,
                    )
                };
                series[case].alone.push(run(1)?);
                series[case].together.push(run(CONNECTIONS)?);
            }
        }
        eprintln!("round {round} of {rounds}");
    }
    report(&servers, &measured, rounds, seconds);
    Ok(())
}

/// Stores the document as a sync does.
fn fill(bucket: &Path) -> anyhow::Result<()> {
    let document = document::document();
    let url = format!("file://{}", bucket.display());
    let store = Resources::new(Env::default().with("BUCKET_URL", url)).store()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        publish(&*store, &document, Put::IfAbsent).await?;
        record(&*store, None, &document).await
    })?;
    let json = serde_json::to_vec(&document)?.len();
    let columns = document.columns_count();
    let tables = document.tables.len();
    println!(
        "{tables} tables, {columns} columns, {} KB of JSON",
        json / 1_000
    );
    Ok(())
}

fn start(binary: &Path, bucket: &Path, log: Option<&str>) -> anyhow::Result<(Served, Process)> {
    let tokens = format!(
        r#"[{{"name": "benchmark", "role": "reader", "scope": {{"datasets": ["*"]}}, "sha256": "{TOKEN_SHA256}"}}]"#
    );
    let mut command = Command::new(binary);
    command
        .env_clear()
        .env("BUCKET_URL", format!("file://{}", bucket.display()))
        .env("AUTH_TOKENS", tokens)
        .env(
            "TMPDIR",
            bucket.parent().context("the bucket is in a folder")?,
        );
    if let Some(level) = log {
        command.env("RUST_LOG", level);
    }
    let (process, address) = serve_without_log(command);

    let request = || Request {
        path: "/v1/schema",
        headers: vec![("authorization", format!("Bearer {TOKEN}"))],
    };
    let mut requests = Vec::new();
    for encoding in ["zstd", "gzip"] {
        let whole = request().header("accept-encoding", encoding);
        // The first request fills the cache of compressed bytes.
        let answer = whole.send(address)?;
        ensure!(answer.header("content-encoding") == Some(encoding));
        let tag = answer.header("etag").context("no ETag")?;
        requests.extend([whole.clone(), whole.header("if-none-match", tag)]);
    }
    let name = log.map_or("cache-read, info", |_| "cache-read, warn");
    check(name, address, &requests)?;
    Ok((
        Served {
            name,
            address,
            process: process.0.id(),
            requests,
        },
        process,
    ))
}

/// Starts nginx with files of the bytes that `ours` returns, and with its headers.
fn nginx(folder: &Path, ours: &Served) -> anyhow::Result<(Served, server::Server)> {
    let mut locations = String::new();
    for (encoding, whole) in ["zstd", "gzip"]
        .into_iter()
        .zip(ours.requests.iter().step_by(2))
    {
        let answer = whole.send(ours.address)?;
        println!("{encoding}: {} KB", answer.body.len() / 1_000);
        std::fs::write(folder.join(encoding), &answer.body)?;
        let header = |name: &str| answer.header(name).unwrap_or_default().to_owned();
        locations += &format!(
            "location = /{encoding} {{
                add_header Content-Encoding {encoding};
                add_header Cache-Control '{}';
                add_header Vary '{}';
            }}\n",
            header("cache-control"),
            header("vary"),
        );
    }
    // The workers need access to `folder`; only a root process may set their user.
    let user = if folder.metadata()?.uid() == 0 {
        "user root;"
    } else {
        ""
    };
    let path = folder.display();
    let server = server::Server::start("nginx", "nginx", |port| {
        let configuration = format!(
            "{user}
            daemon off;
            worker_processes auto;
            pid {path}/nginx.pid;
            error_log {path}/nginx.log;
            events {{ worker_connections 1024; }}
            http {{
                access_log off;
                sendfile on;
                tcp_nopush on;
                tcp_nodelay on;
                open_file_cache max=16;
                keepalive_timeout 65;
                keepalive_requests 1000000000;
                default_type application/json;
                server {{
                    listen 127.0.0.1:{port};
                    root {path};
                    {locations}
                }}
            }}"
        );
        let file = folder.join("nginx.conf");
        std::fs::write(&file, configuration).expect("a writable folder");
        let error_log = format!("{path}/nginx.log");
        ["-c", &file.display().to_string(), "-e", &error_log]
            .map(str::to_owned)
            .into()
    });
    let address = server.address;
    let mut requests = Vec::new();
    for (path, encoding) in [("/zstd", "zstd"), ("/gzip", "gzip")] {
        let headers = ours.requests[0].headers[..1].to_vec();
        let whole = Request { path, headers }.header("accept-encoding", encoding);
        let answer = whole.send(address)?;
        ensure!(answer.header("content-encoding") == Some(encoding));
        ensure!(answer.body == std::fs::read(folder.join(encoding))?);
        let tag = answer.header("etag").context("no ETag from nginx")?;
        requests.extend([whole.clone(), whole.header("if-none-match", tag)]);
    }
    check("nginx", address, &requests)?;
    let name = "nginx";
    let process = std::fs::read_to_string(folder.join("nginx.pid"))?;
    let process = process.trim().parse()?;
    Ok((
        Served {
            name,
            address,
            process,
            requests,
        },
        server,
    ))
}

fn check(name: &str, address: SocketAddr, requests: &[Request]) -> anyhow::Result<()> {
    for (request, case) in requests.iter().zip(CASES) {
        let status = request.send(address)?.status;
        let expected = &case[..3];
        ensure!(
            status.to_string() == expected,
            "{name}, {case}: status {status}"
        );
    }
    Ok(())
}

fn report(servers: &[Served], measured: &[Vec<Series>], rounds: u64, seconds: u64) {
    println!("{rounds} rounds of {seconds} s; medians in ms and requests per second");
    println!("ratio to nginx: median, minimum and maximum over the rounds");
    println!(
        "| what | server | p50, 1 connection | p99 | requests/s, {CONNECTIONS} connections | p50 | p99 | of nginx | least | most | CPU, µs per request |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    for (case, name) in CASES.iter().enumerate() {
        for (server, series) in servers.iter().zip(measured) {
            let Series { alone, together } = &series[case];
            let of_nginx = together.iter().zip(&measured[0][case].together);
            let mut ratios: Vec<f64> = of_nginx
                .map(|(ours, nginx)| ours.per_second / nginx.per_second)
                .collect();
            ratios.sort_by(f64::total_cmp);
            let (least, most) = (ratios[0], ratios[ratios.len() - 1]);
            println!(
                "| {name} | {} | {:.3} | {:.3} | {:.0} | {:.3} | {:.3} | {:.2} | {least:.2} | {most:.2} | {:.1} |",
                server.name,
                median(alone, |it| it.p50.as_secs_f64() * 1e3),
                median(alone, |it| it.p99.as_secs_f64() * 1e3),
                median(together, |it| it.per_second),
                median(together, |it| it.p50.as_secs_f64() * 1e3),
                median(together, |it| it.p99.as_secs_f64() * 1e3),
                ratios[ratios.len() / 2],
                median(together, |it| it.cpu),
            );
        }
    }
}

fn median(measured: &[Measured], of: impl Fn(&Measured) -> f64) -> f64 {
    let mut values: Vec<f64> = measured.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
