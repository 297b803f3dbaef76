//! The pages of `docs/alarms`: an operator runs their commands, copied from the page, against moto, the Pub/Sub emulator
//! and stand-ins for other APIs, from the alarm until it clears.

mod aws;
mod gcp;

use std::process::Command;

use axum::Router;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::conversation::Conversation;
use crate::terraform::infra;

const QUEUE: &str = "metasync-message-log";
const DEAD: &str = "metasync-message-log-dead-letters";

/// The blocks of commands of a page, in order, without their indentation.
fn blocks<const COUNT: usize>(page: &str) -> [String; COUNT] {
    let page = infra().join("../docs/alarms").join(page);
    let text = std::fs::read_to_string(page).expect("the page");
    let mut blocks = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for line in text.lines() {
        let indentation = line.len() - line.trim_start().len();
        open = match open.take() {
            None if line.trim_start().starts_with("```sh") => Some((indentation, String::new())),
            Some((_, block)) if line.trim() == "```" => {
                blocks.push(block);
                None
            }
            Some((indentation, mut block)) => {
                block.push_str(line.get(indentation..).unwrap_or_default());
                block.push('\n');
                Some((indentation, block))
            }
            None => None,
        };
    }
    blocks.try_into().expect("this many blocks")
}

/// The shell of an operator, with the variables that the pages name.
struct Operator {
    home: TempDir,
    env: Vec<(String, String)>,
}

impl Operator {
    fn new(env: &[(&str, &str)]) -> Self {
        let home = tempfile::tempdir().expect("a temporary folder");
        let path = home.path().display().to_string();
        let mut operator = Self {
            home,
            env: Vec::new(),
        };
        operator.set("HOME", &path);
        for (name, value) in env {
            operator.set(name, value);
        }
        operator
    }

    fn set(&mut self, name: &str, value: &str) {
        self.env.push((name.to_owned(), value.to_owned()));
    }

    /// Runs a block. Returns its output.
    async fn run(&self, block: &str) -> String {
        let mut shell = Command::new("sh");
        shell
            .args(["-ec", block])
            .current_dir(self.home.path())
            .envs(self.env.iter().map(|(name, value)| (name, value)));
        // The server that the commands call runs in this process.
        let output = tokio::task::spawn_blocking(move || shell.output().expect("a shell"));
        let output = output.await.expect("a result");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{block}\n{text}\n{errors}");
        text
    }

    /// Replays the dead letter of `bad-1` with a correction, and dismisses that of `bad-2`.
    async fn decide(&mut self, log: &Conversation, replay: &str, dismiss: &str) {
        let corrected = json!({"message": {"robeing_id": "sales", "message": "put right"}});
        let file = self.home.path().join("corrected.json");
        std::fs::write(file, corrected.to_string()).expect("a writable folder");
        let letters = log.dead_letters().await;
        assert_eq!(letters.len(), 2, "{letters:?}");
        for (event, block) in [("bad-1", replay), ("bad-2", dismiss)] {
            let letter = letters.iter().find(|it| it["source_event_id"] == event);
            let id = letter.expect("a dead letter")["id"].as_str();
            self.set("LETTER", id.expect("an id"));
            self.run(block).await;
        }
        assert_eq!(log.dead_letters().await, [json!(null); 0]);
        let dismissed = log.app.get("/v1/dead-letters?status=dismissed").await;
        let dismissed: Value = dismissed.json();
        assert_eq!(dismissed["items"][0]["reason"], "a test of the publisher");
    }
}

/// The texts of the stored messages, sorted.
async fn texts(log: &Conversation) -> Vec<String> {
    let client = log.database.client().await;
    let sql = "select message from conversation.log order by message collate \"C\"";
    let rows = client.query_typed(sql, &[]).await.expect("the messages");
    rows.iter().map(|row| row.get(0)).collect()
}

/// Serves a router on a free port. Returns its URL.
async fn serve(service: Router) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async { axum::serve(listener, service).await.expect("a server") });
    url
}
