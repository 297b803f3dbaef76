//! A function as a process of its own, over HTTP.

use std::io::{BufRead as _, BufReader, Lines};
use std::process::{ChildStdout, Command, Stdio};

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
