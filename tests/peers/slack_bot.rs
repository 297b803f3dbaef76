//! `docs/clients/slack_bot.py` with Slack's framework for bots, between a stub of Slack and a server of MetaSync.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use kit::TestApp;
use kit::postgres::database;
use kit::slack::signature;
use kit::slack_api::SlackApi;
use platform::Env;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::process::{Child, Command};

use crate::server::{folder, is_skipped};

const PEER: &str = "slack-bolt";
const SECRET: &str = "the-signing-secret";
const TOKEN: &str = "the-token-of-the-bot";
const LONGEST: Duration = Duration::from_secs(30);

fn clients() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/clients")
}

/// The bot in its own process, which ends with the test.
struct Bot {
    _process: Child,
    url: String,
    http: reqwest::Client,
}

impl Bot {
    async fn start(metasync: &str, token: &str, slack: &SlackApi) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free loopback port");
        let port = listener.local_addr().expect("a bound socket").port();
        drop(listener);
        let process = Command::new(folder(PEER).join("bin/python"))
            .args(["-B", "slack_bot.py"])
            .current_dir(clients())
            .env("METASYNC_URL", metasync)
            .env("METASYNC_TOKEN", token)
            .env("ROBEING", "sales")
            .env("SLACK_API_URL", &slack.url)
            .env("SLACK_BOT_TOKEN", "xoxb-test")
            .env("SLACK_SIGNING_SECRET", SECRET)
            .env("PORT", port.to_string())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("the bot starts");
        let accepts = async || {
            tokio::net::TcpStream::connect(("127.0.0.1", port))
                .await
                .is_ok()
        };
        until("the bot accepts connections", accepts).await;
        Self {
            _process: process,
            url: format!("http://127.0.0.1:{port}/slack/events"),
            http: platform::http_client::build(&Env::default()).expect("a client"),
        }
    }

    async fn send(&self, event: Value) {
        let body =
            json!({"type": "event_callback", "team_id": "T1", "api_app_id": "A1", "event": event});
        let body = body.to_string();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = now.expect("the clock is past 1970").as_secs().cast_signed();
        let sent = self
            .http
            .post(&self.url)
            .header("content-type", "application/json")
            .header("x-slack-request-timestamp", now)
            .header("x-slack-signature", signature(SECRET, now, &body))
            .body(body)
            .send();
        assert_eq!(sent.await.expect("a response").status(), 200);
    }
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let in_time = tokio::time::timeout(LONGEST, waiting).await;
    in_time.unwrap_or_else(|_| panic!("not within 30 s: {what}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_slack_bot_answers_with_context_and_logs_both_sides() {
    if is_skipped(PEER) {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let warehouse = folder.path().join("warehouse");
    std::fs::create_dir(&warehouse).expect("a folder");
    metasync::sample::write(&warehouse).expect("a sample");
    let sha256: String = Sha256::digest(TOKEN)
        .iter()
        .map(|it| format!("{it:02x}"))
        .collect();
    let scope = json!({"datasets": ["*"], "robeings": ["*"]});
    let tokens = json!([{"name": "bot", "role": "admin", "scope": scope, "sha256": sha256}]);
    let database = database().await;
    let app = TestApp::with_env(database.env())
        .named("metasync")
        .set("MASKING_KEY", "07".repeat(32))
        .set("WAREHOUSE_URL", format!("file://{}", warehouse.display()))
        .set(
            "BUCKET_URL",
            format!("file://{}/bucket", folder.path().display()),
        )
        .set("AUTH_TOKENS", tokens.to_string())
        .start(metasync::app)
        .await;
    let synced = app.post("/v1/schema/sync", json!({})).bearer(TOKEN).await;
    assert_eq!(synced.status, 200, "{synced:?}");
    let server = app.serve().await;
    let slack = SlackApi::start().await;
    let bot = Bot::start(&server.url, TOKEN, &slack).await;

    let seconds = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .expect("past 1970")
        .as_secs();
    let ts = format!("{seconds}.000100");
    let question = json!({
        "type": "app_mention", "channel": "C1", "user": "U1", "ts": ts,
        "text": "<@UBOT> How many purchases per country?"
    });
    bot.send(question).await;
    bot.send(json!({
        "type": "message", "channel": "C1", "user": "UBOT", "bot_id": "BBOT", "ts": "1790000000.000900",
        "text": "the bot's own message"
    }))
    .await;

    until("the bot posts an answer", async || {
        !slack.posted().is_empty()
    })
    .await;
    let posted = slack.posted();
    assert_eq!(
        (&posted[0]["channel"][..], &posted[0]["thread_ts"]),
        ("C1", &ts)
    );
    assert!(posted[0]["text"].contains("events_*"), "{posted:?}");
    let history = async || -> Value {
        let path = "/v1/robeings/sales/messages?channel_id=C1";
        app.get(path).bearer(TOKEN).await.json()
    };
    until("both sides are logged", async || {
        !history().await["items"][0]["response"].is_null()
    })
    .await;
    let items = history().await["items"].clone();
    assert_eq!(items.as_array().expect("a list").len(), 1, "{items}");
    assert!(
        items[0]["message"]
            .as_str()
            .expect("a text")
            .ends_with("per country?"),
        "{items}"
    );
    assert!(
        items[0]["response"]
            .as_str()
            .expect("a text")
            .contains("events_*"),
        "{items}"
    );
    assert_eq!(
        (&items[0]["slack_user_id"], &items[0]["thread_ts"]),
        (&json!("U1"), &json!(ts))
    );
    assert_eq!(slack.posted().len(), 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_slack_bot_answers_in_the_thread_even_if_it_may_not_log() {
    if is_skipped(PEER) {
        return;
    }
    let tokens = json!([{"name": "other", "role": "reader", "sha256": "00".repeat(32)}]);
    let app = TestApp::with_env(Env::default())
        .set("BUCKET_URL", "memory:///")
        .set("AUTH_TOKENS", tokens.to_string())
        .start(cache_read::app)
        .await;
    let server = app.serve().await;
    let slack = SlackApi::start().await;
    let bot = Bot::start(&server.url, "an-unknown-token", &slack).await;

    bot.send(json!({
        "type": "app_mention", "channel": "C1", "user": "U1", "ts": "1790000000.000100", "text": "<@UBOT> Hello?"
    }))
    .await;

    until("the bot posts an apology", async || {
        !slack.posted().is_empty()
    })
    .await;
    let posted = slack.posted();
    assert_eq!(posted[0]["thread_ts"], "1790000000.000100");
    assert!(
        posted[0]["text"].contains("can't look that up"),
        "{posted:?}"
    );
    server.stop().await;
}

#[tokio::test]
async fn the_clients_have_complete_types() {
    if is_skipped(PEER) {
        return;
    }
    let cache = tempfile::tempdir().expect("a temporary folder");
    let output = Command::new(folder(PEER).join("bin/mypy"))
        .args([
            "--strict",
            "--python-version",
            "3.9",
            "metasync.py",
            "slack_bot.py",
        ])
        .arg("--cache-dir")
        .arg(cache.path())
        .current_dir(clients())
        .output()
        .await
        .expect("mypy runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}
