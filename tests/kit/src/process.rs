//! A function in its own process, over HTTP.

use std::fmt;
use std::io::{BufRead as _, BufReader, Lines};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::{Map, Value};

use crate::lambda::Process;

/// The log of a process, one line of JSON per event. The process blocks if nothing reads its log.
pub struct Log(Lines<BufReader<ChildStdout>>);

impl Log {
    pub fn of(process: &mut Process) -> Self {
        let stdout = process.0.stdout.take().expect("a piped stdout");
        Self(BufReader::new(stdout).lines())
    }

    /// Waits for a line whose message `matches`.
    pub fn wait_for(&mut self, matches: impl Fn(&str) -> bool) -> Value {
        loop {
            let line = self
                .0
                .next()
                .expect("another line of the log")
                .expect("text");
            let Line(line) = serde_json::from_str(&line).expect("a line of JSON");
            if line["message"].as_str().is_some_and(&matches) {
                return line;
            }
        }
    }

    /// Reads the rest of the log on a thread.
    pub fn drain(mut self) {
        std::thread::spawn(move || while self.0.next().is_some() {});
    }
}

/// An object in which no field appears twice, at the top: `Value` keeps the last of two without an error.
struct Line(Value);

impl<'de> Deserialize<'de> for Line {
    fn deserialize<D: Deserializer<'de>>(line: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = Line;

            fn expecting(&self, it: &mut fmt::Formatter<'_>) -> fmt::Result {
                it.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Line, A::Error> {
                let mut line = Map::new();
                while let Some((name, value)) = fields.next_entry::<String, Value>()? {
                    if line.contains_key(&name) {
                        return Err(A::Error::custom(format!("the field {name} appears twice")));
                    }
                    line.insert(name, value);
                }
                Ok(Line(Value::Object(line)))
            }
        }

        line.deserialize_map(Fields)
    }
}

/// Starts a server that accepts every caller on a free port. Returns it with its log and its URL.
pub fn serve(mut command: Command) -> (Process, Log, String) {
    command.env("AUTH_MODE", "open").env("PORT", "0");
    let process = command.stdout(Stdio::piped()).spawn();
    let mut process = Process(process.expect("the function starts"));
    let mut log = Log::of(&mut process);
    let line = log.wait_for(|message| message.contains("listens on"));
    let message = line["message"].as_str().unwrap_or_default();
    let (_, url) = message.split_once("listens on ").expect("an address");
    let url = url.to_owned();
    (process, log, url)
}

/// Starts a server on a free port without reading its log. Returns it with its address once it accepts
/// connections.
pub fn serve_without_log(mut command: Command) -> (Process, SocketAddr) {
    // Without its log, the port must be known in advance.
    let free = TcpListener::bind(("127.0.0.1", 0)).and_then(|free| free.local_addr());
    let address = free.expect("a free loopback port");
    command.env("PORT", address.port().to_string());
    let process = command.stdout(Stdio::null()).spawn();
    let mut process = Process(process.expect("the function starts"));
    let deadline = Instant::now() + Duration::from_secs(30);
    while TcpStream::connect(address).is_err() {
        let status = process.0.try_wait().expect("a child process");
        assert!(status.is_none(), "the server ended with {status:?}");
        assert!(Instant::now() < deadline, "nothing listens on {address}");
        std::thread::sleep(Duration::from_millis(20));
    }
    (process, address)
}

/// Builds a program with the release profile, for benchmarks, which have another profile. Returns its path.
pub fn release(package: &str, binary: &str) -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--release", "--package", package, "--bin", binary]);
    let status = cargo.status().expect("cargo runs");
    assert!(status.success(), "the build of {binary} failed");
    let executable = std::env::current_exe().expect("the path of this program");
    let profile = executable.parent().and_then(|deps| deps.parent());
    let profile = profile.expect("cargo's folder for the profile");
    profile.with_file_name("release").join(binary)
}
