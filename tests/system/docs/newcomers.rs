//! The README's newcomers, from its first command to what they came for. The operator's path needs an emulated cloud,
//! and is in tests/peers/aws/newcomer.rs.

use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use kit::lambda::Process;
use kit::postgres::empty_database;
use kit::slack::signature;
use platform::Env;
use platform::postgres::open;
use serde_json::{Value, json};
use tempfile::TempDir;
use throwaway_postgres::Server;

use super::commands::{Reader, free_port, is_healthy, steps_of};
use super::{Block, Page, root};

/// The only block of a page that has this text.
fn block(page: &str, text: &str) -> Block {
    let blocks = Page::read(page).blocks();
    let mut found = blocks.into_iter().filter(|it| it.text.contains(text));
    let (Some(block), None) = (found.next(), found.next()) else {
        panic!("{page} has not one block with {text:?}");
    };
    block
}

/// A person at a shell with an empty environment.
struct Newcomer {
    home: TempDir,
    port: u16,
    /// The lines that set variables.
    exports: String,
    server: Option<Process>,
}

impl Newcomer {
    fn new() -> Self {
        let home = tempfile::tempdir().expect("a temporary folder");
        let program = env!("CARGO_BIN_EXE_metasync-cli");
        std::fs::create_dir(home.path().join("bin")).expect("a folder");
        symlink(program, home.path().join("bin/metasync")).expect("a link");
        Self {
            home,
            port: free_port(),
            exports: String::new(),
            server: None,
        }
    }

    /// Follows lines of a page: keeps the variables, starts what serves, and runs the rest. Returns what it printed.
    fn follow(&mut self, lines: &str) -> String {
        let mut printed = String::new();
        // The binary is built already.
        for line in lines.replace("cargo run --", "metasync").lines() {
            if line.starts_with("export ") {
                self.exports += line;
                self.exports.push('\n');
            } else if line.contains("metasync serve") {
                self.serve(&line.replace("metasync serve", "exec metasync serve"));
            } else {
                printed += &self.run(line);
            }
        }
        printed
    }

    fn shell(&self, line: &str) -> Command {
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{path}", self.home.path().join("bin").display());
        let mut shell = Command::new("bash");
        shell.args(["-ec", &format!("{}{line}", self.exports)]);
        shell.env_clear().env("PATH", path);
        shell
            .env("HOME", self.home.path())
            .env("TMPDIR", self.home.path());
        shell
            .env("PORT", self.port.to_string())
            .env("RUST_LOG", "error");
        shell.current_dir(self.home.path());
        shell
    }

    fn run(&self, line: &str) -> String {
        let line = line.replace("8080", &self.port.to_string());
        let output = self.shell(&line).output().expect("bash runs");
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}\n{printed}\n{errors}");
        printed
    }

    fn serve(&mut self, line: &str) {
        let server = self.shell(line).stdout(Stdio::null()).spawn();
        let mut server = Process(server.expect("bash starts"));
        let patience = Instant::now() + Duration::from_secs(60);
        while !is_healthy(self.port) {
            let ended = server.0.try_wait().expect("a process of ours");
            assert!(ended.is_none(), "{line} ended with {ended:?}");
            assert!(Instant::now() < patience, "{line} does not start");
            std::thread::sleep(Duration::from_millis(50));
        }
        self.server = Some(server);
    }

    fn get(&self, path: &str) -> Value {
        let url = format!("http://localhost:8080{path}");
        json_of(&self.run(&format!("curl -sS '{url}'")))
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        let file = self.home.path().join("body.json");
        std::fs::write(file, body.to_string()).expect("a file");
        let curl = "curl -sS -H 'content-type: application/json' -d @body.json";
        json_of(&self.run(&format!("{curl} 'http://localhost:8080{path}'")))
    }

    /// Sends an event as Slack does, and returns the status with the body.
    fn slack(&self, envelope: &Value) -> String {
        let body = envelope.to_string();
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.expect("the clock is past 1970").as_secs();
        let app = envelope["api_app_id"].as_str().unwrap_or("A1");
        let signature = signature(&format!("secret of {app}"), now.cast_signed(), &body);
        std::fs::write(self.home.path().join("event.json"), body).expect("a file");
        self.run(&format!(
            "curl -sS -w ' %{{http_code}}' -H 'content-type: application/json' -H 'x-slack-request-timestamp: {now}' \
             -H 'x-slack-signature: {signature}' --data-binary @event.json http://localhost:8080/v1/slack/events"
        ))
    }
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| panic!("not JSON: {text}"))
}

/// A server of the company, with a database `shop` that the analyst may read as the page on Postgres says.
async fn company() -> Server {
    let server = tokio::task::spawn_blocking(|| Server::start(&Env::from_process()));
    let server = server.await.expect("no panic").expect("a server");
    run(&server, "postgres", "create database shop").await;
    let tables = "
        create schema sales;
        create type sales.status as enum ('open', 'paid');
        create table sales.orders (
            id bigint primary key, country text, status sales.status not null default 'open', total numeric);
        create view sales.paid_orders as select id, country, total from sales.orders where status = 'paid'";
    run(&server, "shop", tables).await;
    let grants = block("docs/jobs/schema-sync.md", "create role metasync_reader");
    run(&server, "shop", &grants.text).await;
    server
}

async fn run(server: &Server, database: &str, sql: &str) {
    let env = Env::default().with("DATABASE_URL", server.admin_url(database));
    let pool = open(&env).expect("a pool");
    let client = pool.get().await.expect("a connection");
    client.batch_execute(sql).await.expect("the SQL");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_analyst_syncs_a_postgres_warehouse_adds_what_people_know_and_follows_its_changes() {
    let company = company().await;
    let mut analyst = Newcomer::new();
    let start = block("README.md", "export WAREHOUSE_URL");
    let url = format!(
        "postgres:///shop?host={}&user=metasync_reader",
        company.folder().display()
    );
    let start = start
        .text
        .replace("postgres://reader:secret@db.example.com/shop", &url);
    assert!(start.contains(&url), "{start}");
    let synced = analyst.follow(&start);
    assert!(synced.contains("tables: 2"), "{synced}");

    // What people know, and how they count.
    let describe = block("docs/jobs/metasync.md", "$ metasync describe table orders");
    for step in steps_of(&describe) {
        analyst.run(&step.command);
    }
    let example = json!({"question": "How much did we sell per country?",
        "sql": "select country, sum(total) from sales.orders where status = 'paid' group by country"});
    let added = analyst.post("/v1/schema/examples", &example);
    assert_eq!(added["origin"], "person", "{added}");

    let ask = block("README.md", "How many purchases were there per day?");
    let ask = &steps_of(&ask)[0].command;
    let question = "How much did we sell per country, and what is the order_count of paid orders?";
    let ask = ask.replace("How many purchases were there per day?", question);
    let context = json_of(&analyst.run(&ask.replace("500", "2000")));
    let context = context["context"].as_str().expect("a text");
    for known in [
        "One row per order.",
        "Where the order is shipped to.",
        "order_count",
        "How much did we sell per country?",
        "'paid'",
        "paid_orders",
    ] {
        assert!(context.contains(known), "{known:?} is not in:\n{context}");
    }

    // A dataset with another name, and a new label.
    let typo = json!({"question": question, "datasets": ["sales"]});
    let refused = analyst.post("/v1/schema/context", &typo);
    assert_eq!(refused["status"], 422, "{refused}");
    let detail = refused["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("did you mean \"shop.sales\""), "{detail}");
    run(
        &company,
        "shop",
        "alter type sales.status add value 'returned'",
    )
    .await;
    let synced = analyst.post("/v1/schema/sync", &json!({}));
    assert_eq!(synced["status"], "success", "{synced}");
    let changes = analyst.get("/v1/schema/changes");
    let change = &changes["changes"][0];
    assert_eq!(
        (&change["kind"], &change["path"], &change["breaking"]),
        (&json!("enum_labels"), &json!("status"), &json!(false)),
        "{changes}"
    );
    let after = json_of(&analyst.run(&ask));
    assert!(
        after["context"]
            .as_str()
            .is_some_and(|it| it.contains("'returned'")),
        "{after}"
    );
    let versions = analyst.get("/v1/schema/versions");
    assert!(
        versions["items"].as_array().is_some_and(|it| it.len() >= 3),
        "{versions}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_developer_connects_slack_and_finds_each_message_once_and_masked() {
    let database = empty_database().await;
    let mut developer = Newcomer::new();
    developer.exports = format!(
        "export DATABASE_URL='{}' MASKING_KEY={} AUTH_MODE=open\n",
        database.url,
        "07".repeat(32)
    );
    let setup = block(
        "docs/jobs/message-log.md",
        "export SLACK_SIGNING_SECRET='<signing secret>'",
    );
    let setup = setup
        .text
        .replace(
            "<signing secret>",
            r#"{"A1": "secret of A1", "A2": "secret of A2"}"#,
        )
        .replace("<app id>", "A1");
    developer.follow(&format!("{setup}\nmetasync migrate\nmetasync serve"));

    let challenge = json!({"type": "url_verification", "challenge": "c-1"});
    let answered = developer.slack(&challenge);
    assert!(
        answered.contains("c-1") && answered.ends_with("200"),
        "{answered}"
    );
    let asked = event(
        "A1",
        "Ev1",
        &json!({"type": "message", "channel": "C1", "channel_type": "channel", "user": "U1",
        "ts": "1764000000.000100", "text": "Two refunds, please. passwort hunter2"}),
    );
    // Slack sends again what it has no answer for.
    for _ in 0..2 {
        let stored = developer.slack(&asked);
        assert!(stored.ends_with("200"), "{stored}");
    }
    // The bot logs its answer with what only it knows, and Slack reports the same answer.
    let answer = json!({"robeing_id": "helpdesk", "channel_id": "C1", "thread_ts": "1764000000.000100",
        "slack_ts": "1764000005.000200", "response": "Both are on their way.", "intent": "refund"});
    let logged = developer.post("/v1/messages", &answer);
    assert!(logged["id"].is_string(), "{logged}");
    let reported = event(
        "A1",
        "Ev2",
        &json!({"type": "message", "channel": "C1", "channel_type": "channel",
        "app_id": "A1", "bot_id": "B1", "ts": "1764000005.000200", "thread_ts": "1764000000.000100",
        "text": "Both are on their way."}),
    );
    assert!(developer.slack(&reported).ends_with("200"));

    let history = developer.get("/v1/robeings/helpdesk/messages");
    let items = history["items"].as_array().expect("a list");
    let texts: Vec<_> = items
        .iter()
        .flat_map(|item| [item["message"].as_str(), item["response"].as_str()])
        .flatten()
        .collect();
    assert_eq!(texts.len(), 2, "{history}");
    assert!(
        texts.contains(&"Two refunds, please. passwort [SECRET]"),
        "{history}"
    );
    assert!(
        history.to_string().contains("\"intent\":\"refund\""),
        "{history}"
    );
    assert!(!database.dump().await.contains("hunter2"));
    let context = developer
        .get("/v1/robeings/helpdesk/context?thread_ts=1764000000.000100&token_budget=2000");
    assert_eq!(
        context["turns"].as_array().map(Vec::len),
        Some(2),
        "{context}"
    );
    let threads = developer.get("/v1/robeings/helpdesk/threads");
    assert_eq!(
        threads["items"][0]["thread_ts"], "1764000000.000100",
        "{threads}"
    );
    developer.post("/events/message-log", &json!({}));
    let found = developer.get("/v1/robeings/helpdesk/search?q=refund");
    assert_eq!(found["items"].as_array().map(Vec::len), Some(1), "{found}");
    let of_person = developer.get("/v1/users/U1/messages");
    assert_eq!(
        of_person["items"].as_array().map(Vec::len),
        Some(1),
        "{of_person}"
    );

    // The person likes the answer.
    let liked = event(
        "A1",
        "Ev4",
        &json!({"type": "reaction_added", "user": "U1", "reaction": "+1::skin-tone-2", "event_ts": "1764000020.000100",
            "item": {"type": "message", "channel": "C1", "ts": "1764000005.000200"}, "item_user": "U2"}),
    );
    assert!(developer.slack(&liked).ends_with("200"));
    let feedback = developer.get("/v1/robeings/helpdesk/feedback");
    assert_eq!(
        feedback["items"].as_array().map(Vec::len),
        Some(1),
        "{feedback}"
    );
    assert_eq!(feedback["items"][0]["value"], 1, "{feedback}");

    // An app that nobody mapped: nothing is lost, and nothing is guessed.
    let other = event(
        "A2",
        "Ev3",
        &json!({"type": "message", "channel": "C2", "channel_type": "channel", "user": "U1",
        "ts": "1764000010.000100", "text": "Where is my order?"}),
    );
    assert!(developer.slack(&other).ends_with("200"));
    let letters = developer.get("/v1/dead-letters");
    let id = letters["items"][0]["id"].as_str().expect("a dead letter");
    let replayed = developer.post(
        &format!("/v1/dead-letters/{id}/replay"),
        &json!({"robeing_id": "sales"}),
    );
    assert!(replayed["id"].is_string(), "{replayed}");
    let sales = developer.get("/v1/robeings/sales/messages");
    assert_eq!(
        sales["items"][0]["message"], "Where is my order?",
        "{sales}"
    );
}

fn event(app: &str, id: &str, event: &Value) -> Value {
    json!({"type": "event_callback", "api_app_id": app, "team_id": "T1", "event_id": id, "event_time": 1_764_000_000,
        "event": event})
}

#[test]
fn a_backend_developer_copies_the_client_and_the_code_of_the_readme_runs() {
    let demo = Reader::new();
    let code = block("README.md", "from metasync import MetaSync").text;
    let code = code.replace("8080", &demo.port().to_string());
    let folder = tempfile::tempdir().expect("a temporary folder");
    let client = root().join("docs/clients/metasync.py");
    std::fs::copy(client, folder.path().join("metasync.py")).expect("a copy");
    let after = "import json\nprint(json.dumps([len(tables), context['context'], metasync.schema().source]))\n";
    std::fs::write(folder.path().join("backend.py"), format!("{code}{after}")).expect("a file");
    let python = || {
        let mut python = Command::new("python3");
        python.arg("backend.py").current_dir(folder.path());
        let output = python.output().expect("python3 runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        json_of(&String::from_utf8_lossy(&output.stdout))
    };
    let result = python();
    assert!(result[0].as_u64() > Some(0), "{result}");
    assert!(
        result[1].as_str().is_some_and(|it| it.contains("events_")),
        "{result}"
    );
    assert_eq!(result[2], "fresh");
}
