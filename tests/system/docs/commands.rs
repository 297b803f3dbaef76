//! The commands of the documents, run as a reader types them, and their output.
//!
//! A block `console` has commands (`$ ...`, continued after a backslash) with their output. The blocks of one
//! page run in order, in one shell, against a demo of their own. Output in JSON is compared by shape: each
//! key that is shown is there, with a value of the same type. Of other output each line is there.

use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use kit::lambda::Process;
use serde_json::Value;
use tempfile::TempDir;

use super::{Block, Page, pages};

/// Separates the outputs of a shell's commands.
const END: &str = "\u{1e}";

pub(super) struct Step {
    pub(super) command: String,
    output: String,
    line: usize,
}

/// The commands of a page with their outputs.
fn steps(page: &Page) -> Vec<Step> {
    let blocks = page.blocks().into_iter();
    let blocks = blocks.filter(|it| it.info.split([' ', ',']).next() == Some("console"));
    blocks.flat_map(|block| steps_of(&block)).collect()
}

/// The commands of a block with their outputs.
pub(super) fn steps_of(block: &Block) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut continues = false;
    for (n, line) in block.text.lines().enumerate() {
        let command = match line.strip_prefix("$ ") {
            Some(command) => {
                steps.push(Step {
                    command: String::new(),
                    output: String::new(),
                    line: block.line + 1 + n,
                });
                Some(command)
            }
            None if continues => Some(line),
            None => None,
        };
        let step = steps.last_mut().expect("a block begins with a command");
        match command {
            Some(command) => {
                continues = command.ends_with('\\');
                step.command += command;
                step.command.push('\n');
            }
            None => {
                step.output += line;
                step.output.push('\n');
            }
        }
    }
    steps
}

/// A demo on a port of its own, and the shell of a reader.
pub(super) struct Reader {
    folder: TempDir,
    demo: Process,
    ports: [u16; 2],
}

pub(super) fn free_port() -> u16 {
    let free = TcpListener::bind(("127.0.0.1", 0)).and_then(|free| free.local_addr());
    free.expect("a free loopback port").port()
}

impl Reader {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let programs = folder.path().join("bin");
        std::fs::create_dir(&programs).expect("a folder");
        symlink(
            env!("CARGO_BIN_EXE_metasync-cli"),
            programs.join("metasync"),
        )
        .expect("a link");
        let ports = [free_port(), free_port()];
        let mut demo = Command::new(env!("CARGO_BIN_EXE_metasync-cli"));
        demo.arg("demo").env("PORT", ports[0].to_string());
        demo.env("TMPDIR", folder.path()).env("RUST_LOG", "error");
        demo.stdout(Stdio::null()).stderr(Stdio::null());
        let mut demo = Process(demo.spawn().expect("the demo starts"));
        let patience = Instant::now() + Duration::from_secs(120);
        while std::net::TcpStream::connect(("127.0.0.1", ports[0])).is_err()
            || !is_healthy(ports[0])
        {
            let ended = demo.0.try_wait().expect("a process of ours");
            assert!(ended.is_none(), "the demo ended with {ended:?}");
            assert!(Instant::now() < patience, "the demo does not start");
            std::thread::sleep(Duration::from_millis(50));
        }
        Self {
            folder,
            demo,
            ports,
        }
    }

    pub(super) fn port(&self) -> u16 {
        self.ports[0]
    }

    /// Runs the commands in one shell and returns what each printed, with its status.
    fn run(&self, steps: &[Step]) -> Vec<(String, i32)> {
        let [ours, second] = self.ports.map(|port| port.to_string());
        let mut script = String::from("cd \"$TMPDIR\"\n");
        for step in steps {
            let command = step.command.replace("8080", &ours).replace("8081", &second);
            script += &format!("{command}printf '{END}%s{END}' $?\n");
        }
        // What a page has started in the background ends with it.
        script += "kill $(jobs -p) 2>/dev/null; exit 0\n";
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{path}", self.folder.path().join("bin").display());
        let mut shell = Command::new("timeout");
        shell.args(["240", "bash", "-c", &script]);
        shell.env("PATH", path).env("TMPDIR", self.folder.path());
        shell
            .env("HOME", self.folder.path())
            .env("RUST_LOG", "error");
        shell.stderr(Stdio::null());
        let output = shell.output().expect("bash runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let parts: Vec<&str> = text.split(END).collect();
        let pairs = parts.chunks_exact(2);
        pairs
            .map(|pair| (pair[0].to_owned(), pair[1].parse().unwrap_or(-1)))
            .collect()
    }
}

pub(super) fn is_healthy(port: u16) -> bool {
    let curl = Command::new("curl")
        .args(["-sf", &format!("http://127.0.0.1:{port}/healthz")])
        .output();
    curl.is_ok_and(|output| output.status.success())
}

impl Drop for Reader {
    /// As Ctrl-C does, so that the demo removes its database.
    fn drop(&mut self) {
        let id = self.demo.0.id().to_string();
        let _ = Command::new("kill").args(["-INT", &id]).status();
        let _ = self.demo.0.wait();
    }
}

/// Why the real output is not what the page shows.
fn differs(shown: &str, real: &str) -> Option<String> {
    if shown.trim().is_empty() {
        return None;
    }
    if let Ok(shown) = serde_json::from_str::<Value>(shown) {
        return match serde_json::from_str(real.trim()) {
            Ok(real) => shape(&shown, &real, "the output"),
            Err(_) => Some("the output is no JSON".to_owned()),
        };
    }
    let lines = shown.lines().map(str::trim);
    let mut missing =
        lines.filter(|line| !line.is_empty() && *line != "..." && !real.contains(line));
    missing
        .next()
        .map(|line| format!("there is no line {line:?}"))
}

fn shape(shown: &Value, real: &Value, place: &str) -> Option<String> {
    match (shown, real) {
        (Value::Object(shown), Value::Object(real)) => shown.iter().find_map(|(key, value)| {
            let place = format!("{place}.{key}");
            match real.get(key) {
                Some(real) => shape(value, real, &place),
                None => Some(format!("there is no {place}")),
            }
        }),
        (Value::Array(shown), Value::Array(real)) => match (shown.first(), real.first()) {
            (Some(shown), Some(real)) => shape(shown, real, &format!("{place}[0]")),
            (Some(_), None) => Some(format!("{place} is empty")),
            _ => None,
        },
        (Value::Null, Value::Null)
        | (Value::Bool(_), Value::Bool(_))
        | (Value::Number(_), Value::Number(_))
        | (Value::String(_), Value::String(_)) => None,
        _ => Some(format!("{place} is {real}")),
    }
}

fn try_page(page: &Page) -> Vec<String> {
    let steps = steps(page);
    if steps.is_empty() {
        return Vec::new();
    }
    let reader = Reader::new();
    let results = reader.run(&steps);
    let mut faults = Vec::new();
    for (n, step) in steps.iter().enumerate() {
        let place = format!("{}:{}", page.path, step.line);
        let Some((real, status)) = results.get(n) else {
            faults.push(format!("{place}: the page did not come this far"));
            break;
        };
        let fault = match status {
            0 => differs(&step.output, real),
            status => Some(format!("status {status}")),
        };
        faults.extend(fault.map(|fault| format!("{place}: {fault}\n{}{real}", step.command)));
    }
    faults
}

#[test]
fn every_command_of_the_documents_works_and_prints_what_they_show() {
    // Two at a time: each has a database of its own.
    let pages = std::sync::Mutex::new(pages());
    let faults = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let page = pages.lock().expect("no page panics holding it").pop();
                    let Some(page) = page else { break };
                    let found = try_page(&page);
                    faults
                        .lock()
                        .expect("no page panics holding it")
                        .extend(found);
                }
            });
        }
    });
    let faults = faults.into_inner().expect("no page panics holding it");
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}
