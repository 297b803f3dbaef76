//! Servers of peers, as child processes on free loopback ports.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

/// A server that runs until it is dropped or this process ends. A shell waits for the end of its input, which the
/// system closes when this process ends, and then stops the server.
pub struct Server {
    pub address: SocketAddr,
    shell: Child,
    input: Option<ChildStdin>,
}

const UNTIL_INPUT_ENDS: &str = r#""$@" & server=$!; read -r _; kill "$server"; wait "$server""#;

impl Server {
    /// Starts `program` from the folder of the peer, and waits until it accepts connections. `arguments` gets the
    /// port.
    pub fn start(peer: &str, program: &str, arguments: impl Fn(u16) -> Vec<String>) -> Self {
        let folder = folder(peer);
        let program = folder.join(program);
        assert!(
            is_installed(peer),
            "{peer} is not installed: run `tests/peers/install`",
        );
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free loopback port");
        let address = listener.local_addr().expect("a bound socket");
        drop(listener);

        let log_path = folder.join(format!("{}.log", address.port()));
        let log = File::create(&log_path).expect("a writable folder");
        let mut shell = Command::new("sh")
            .args(["-c", UNTIL_INPUT_ENDS, "sh"])
            .arg(program)
            .args(arguments(address.port()))
            .stdin(Stdio::piped())
            .stdout(log.try_clone().expect("a second handle of the log"))
            .stderr(log)
            .spawn()
            .expect("a shell");
        let input = shell.stdin.take();
        let server = Self {
            address,
            shell,
            input,
        };

        let deadline = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(address).is_err() {
            if Instant::now() > deadline {
                let mut text = String::new();
                let _ = File::open(&log_path).map(|mut log| log.read_to_string(&mut text));
                panic!("{peer} accepts no connections; its log:\n{text}");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        // The server keeps the file open; it is deleted when the server ends.
        let _ = fs::remove_file(log_path);
        server
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.shell.wait();
    }
}

/// Whether to skip a test because its peer is not installed.
///
/// In CI, or if `PEERS_REQUIRED` is set, this panics instead, unless `PEERS_OPTIONAL` is set too.
pub fn is_skipped(peer: &str) -> bool {
    if is_installed(peer) {
        return false;
    }
    assert!(
        !is_required(|name| std::env::var(name).ok()),
        "{peer} is not installed, so the test can't run: run `tests/peers/install {peer}`, or set \
         PEERS_OPTIONAL=1 to skip it"
    );
    is_missing(peer)
}

/// Like [`is_skipped`], for a peer that no package registry has, so that it is never required. Reports the skipped
/// test.
pub fn is_missing(peer: &str) -> bool {
    if is_installed(peer) {
        return false;
    }
    let test = std::thread::current();
    let test = test.name().unwrap_or("a test");
    let line = format!("\nSKIPPED {test}: {peer} is not installed, run `tests/peers/install`\n");
    // Written directly to stderr, because the output of a passing test is captured.
    let _ = std::io::stderr().write_all(line.as_bytes());
    true
}

fn is_required(variable: impl Fn(&str) -> Option<String>) -> bool {
    let is_set = |name: &str| {
        let value = variable(name).unwrap_or_default();
        !matches!(value.as_str(), "" | "0" | "false")
    };
    (is_set("CI") || is_set("PEERS_REQUIRED")) && !is_set("PEERS_OPTIONAL")
}

#[test]
fn a_missing_peer_fails_the_suite_if_it_is_required() {
    for (set, required) in [
        (&[][..], false),
        (&[("CI", "true")], true),
        (&[("CI", "false")], false),
        (&[("PEERS_REQUIRED", "1")], true),
        (&[("PEERS_REQUIRED", "1"), ("PEERS_OPTIONAL", "1")], false),
        (&[("CI", "1"), ("PEERS_OPTIONAL", "0")], true),
    ] {
        let variable = |name: &str| {
            let found = set.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        assert_eq!(is_required(variable), required, "{set:?}");
    }
}

/// Whether `tests/peers/install` has installed the peer.
fn is_installed(peer: &str) -> bool {
    folder(peer).join("installed").exists()
}

pub fn folder(peer: &str) -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || PathBuf::from(std::env::var_os("HOME").expect("HOME is set")).join(".cache");
    cache.unwrap_or_else(home).join("metasync/peers").join(peer)
}
