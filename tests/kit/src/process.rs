//! A function as a process of its own, over HTTP.

use std::io::{BufRead as _, BufReader, Lines};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::lambda::Process;

/// The process's log, a line of JSON an event. One that nobody reads stops its writer in the end.
pub struct Log(Lines<BufReader<ChildStdout>>);

impl Log {
    pub fn of(process: &mut Process) -> Self {
        let stdout = process.0.stdout.take().expect("a piped stdout");
        Self(BufReader::new(stdout).lines())
    }

    /// The next line whose message `fits`.
    pub fn wait_for(&mut self, fits: impl Fn(&str) -> bool) -> Value {
        loop {
            let line = self.0.next().expect("a log that goes on").expect("text");
            let line: Value = serde_json::from_str(&line).expect("a line of JSON");
            if line["message"].as_str().is_some_and(&fits) {
                return line;
            }
        }
    }

    /// Reads on, on a thread of its own.
    pub fn drain(mut self) {
        std::thread::spawn(move || while self.0.next().is_some() {});
    }
}

/// A server that is open to everybody on a free port, its log, and its URL.
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

/// A server on a free port whose log nobody reads, and its address, once it takes connections.
pub fn serve_unheard(mut command: Command) -> (Process, SocketAddr) {
    // It can't tell a port that it finds itself.
    let free = TcpListener::bind(("127.0.0.1", 0)).and_then(|free| free.local_addr());
    let address = free.expect("a free loopback port");
    command.env("PORT", address.port().to_string());
    let process = command.stdout(Stdio::null()).spawn();
    let mut process = Process(process.expect("the function starts"));
    let patience = Instant::now() + Duration::from_secs(30);
    while TcpStream::connect(address).is_err() {
        let ended = process.0.try_wait().expect("a process of ours");
        assert!(ended.is_none(), "it ended with {ended:?}");
        assert!(Instant::now() < patience, "nobody listens on {address}");
        std::thread::sleep(Duration::from_millis(20));
    }
    (process, address)
}

/// The release build of a program, made now, for a benchmark, which has a profile of its own.
pub fn release(package: &str, binary: &str) -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--release", "--package", package, "--bin", binary]);
    let built = cargo.status().expect("cargo runs");
    assert!(built.success(), "{binary} does not build");
    let ours = std::env::current_exe().expect("a program knows its file");
    let profile = ours.parent().and_then(|deps| deps.parent());
    let profile = profile.expect("cargo puts it into a folder of its profile's");
    profile.with_file_name("release").join(binary)
}
