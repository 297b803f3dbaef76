//! HTTP requests: a single one to inspect its response, and load from wrk.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};

/// A GET request.
#[derive(Clone, Debug)]
pub struct Request {
    pub path: &'static str,
    pub headers: Vec<(&'static str, String)>,
}

pub struct Answer {
    pub status: u16,
    head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

impl Request {
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Sends the request over a new connection.
    pub fn send(&self, to: SocketAddr) -> anyhow::Result<Answer> {
        let mut connection = TcpStream::connect(to)?;
        let mut request = format!("GET {} HTTP/1.1\r\nhost: {to}\r\n", self.path);
        for (name, value) in &self.headers {
            request += &format!("{name}: {value}\r\n");
        }
        request += "connection: close\r\n\r\n";
        connection.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer)?;
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
        let body = answer.split_off(end.context("no end of the headers")? + 4);
        let head = String::from_utf8(answer)?;
        let status = head.split(' ').nth(1).context("no status")?;
        Ok(Answer {
            status: status.parse()?,
            head,
            body,
        })
    }
}

/// A measurement by wrk.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    pub p50: Duration,
    pub p99: Duration,
    pub per_second: f64,
    /// CPU time of the server's processes per request, in µs. It is more reliable than wall time on a shared
    /// machine.
    pub cpu: f64,
}

/// Runs wrk. Each connection sends its next request after the response to the last one. wrk uses one thread, so
/// that the server has at least one of two cores.
pub fn wrk(
    program: &Path,
    (to, process): (SocketAddr, u32),
    request: &Request,
    connections: usize,
    seconds: u64,
) -> anyhow::Result<Measured> {
    let mut wrk = Command::new(program);
    wrk.args(["--threads", "1", "--latency"])
        .args(["--connections", &connections.to_string()])
        .args(["--duration", &format!("{seconds}s")]);
    for (name, value) in &request.headers {
        wrk.args(["--header", &format!("{name}: {value}")]);
    }
    let before = cpu_ticks(process)?;
    let output = wrk.arg(format!("http://{to}{}", request.path)).output()?;
    let ticks = cpu_ticks(process)? - before;
    let text = String::from_utf8(output.stdout)?;
    ensure!(output.status.success(), "wrk failed: {text}");
    for error in ["Non-2xx", "Socket errors"] {
        ensure!(!text.contains(error), "wrk reported errors: {text}");
    }
    let value = |label: &str| {
        let mut lines = text.lines().map(str::trim);
        let value = lines.find_map(|line| line.strip_prefix(label));
        value
            .map(str::trim)
            .with_context(|| format!("no {label} in {text}"))
    };
    let counted = text
        .lines()
        .find_map(|line| line.trim().split_once(" requests in "));
    let requests: f64 = counted.context("no count of requests")?.0.parse()?;
    Ok(Measured {
        p50: duration(value("50%")?)?,
        p99: duration(value("99%")?)?,
        per_second: value("Requests/sec:")?.parse()?,
        cpu: ticks * 1e6 / TICKS_PER_SECOND / requests,
    })
}

/// The unit of CPU times in /proc, on every platform that is built for.
const TICKS_PER_SECOND: f64 = 100.0;

/// The CPU time of the process and its children.
fn cpu_ticks(process: u32) -> anyhow::Result<f64> {
    let mut ticks = 0.0;
    for entry in std::fs::read_dir("/proc")? {
        // A process may end meanwhile.
        let Ok(stat) = std::fs::read_to_string(entry?.path().join("stat")) else {
            continue;
        };
        let (pid, rest) = stat.split_once(" (").unwrap_or_default();
        let rest = rest.rsplit_once(") ").map_or("", |(_, rest)| rest);
        let fields: Vec<&str> = rest.split(' ').collect();
        let of = [Some(&pid), fields.get(1)];
        if of.contains(&Some(&process.to_string().as_str())) {
            // Fields 14 and 15 in proc(5): user and system time.
            for field in &fields[11..=12] {
                ticks += field.parse::<f64>()?;
            }
        }
    }
    Ok(ticks)
}

/// `431.00us`, `1.20ms`, `2.01s`
fn duration(text: &str) -> anyhow::Result<Duration> {
    let unit = text.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == '.');
    let number: f64 = text[..text.len() - unit.len()].parse()?;
    let second = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        _ => anyhow::bail!("unknown duration {text}"),
    };
    Ok(Duration::from_secs_f64(number * second))
}
