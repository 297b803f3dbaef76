//! A fixture: message-log, stats-batch and privacy on one database and one store, with helpers.

use std::path::{Path, PathBuf};

use kit::postgres::{Database, database};
use kit::{Reply, TestApp};
use platform::{Env, Resources};
use privacy::Privacy;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

pub const KIM: &str = "0190b2a0-0000-7000-8000-000000000001";
pub const LEE: &str = "0190b2a0-0000-7000-8000-000000000002";
/// A month that is due for the archive.
pub const OLD: &str = "2025-08";

pub struct Fixture {
    pub log: TestApp,
    pub stats: TestApp,
    pub app: TestApp,
    pub database: Database,
    pub bucket: TempDir,
    env: Env,
}

pub async fn start() -> Fixture {
    start_with(&[]).await
}

pub async fn start_with(settings: &[(&str, &str)]) -> Fixture {
    let database = database().await;
    let bucket = TempDir::new().expect("a temporary folder");
    let mut env = database
        .env()
        .with("BUCKET_URL", format!("file://{}", bucket.path().display()))
        .with("MASKING_KEY", "07".repeat(32))
        .with("PRIVACY_KEY", "08".repeat(32));
    for (name, value) in settings {
        env = env.with(name, *value);
    }
    Fixture {
        log: TestApp::with_env(env.clone())
            .named("message-log")
            .start(message_log::app)
            .await,
        // Open to all callers: the tests of stats-batch cover its access control.
        stats: TestApp::with_env(
            env.clone()
                .with("AUTH_TOKENS", "")
                .with("AUTH_MODE", "open"),
        )
        .named("stats-batch")
        .start(stats_batch::app)
        .await,
        app: TestApp::with_env(env.clone())
            .named("privacy")
            .start(privacy::app)
            .await,
        database,
        bucket,
        env,
    }
}

/// A value for `AUTH_TOKENS`: an admin of all robeings, an admin of `r1`, and a writer.
pub fn tokens() -> String {
    let token = |name: &str, role: &str, robeings: &[&str]| {
        let hash = Sha256::digest(name);
        let sha256: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        json!({"name": name, "role": role, "scope": {"robeings": robeings}, "sha256": sha256})
    };
    let mut everything = token("everything", "admin", &[]);
    everything["scope"] = json!({"*": ["*"]});
    json!([
        token("all", "admin", &["*"]),
        token("one", "admin", &["r1"]),
        token("writer", "writer", &["*"]),
        everything,
    ])
    .to_string()
}

/// A message from a person to a robeing. `day` is a date such as `2025-08-10`, or `now`.
pub fn said(robeing: &str, user: &str, text: &str, day: &str) -> Value {
    let mut message = json!({
        "robeing_id": robeing, "user_id": user, "message": text, "id": hex::encode(Sha256::digest(format!("{robeing} {user} {text}"))),
        "metadata": {"note": format!("note {text}")},
    });
    if day != "now" {
        message["created_at"] = format!("{day}T12:00:00Z").into();
    }
    message
}

impl Fixture {
    /// Privacy with its own connections, as in another process.
    pub fn privacy(&self) -> Privacy {
        self.privacy_with(&[])
    }

    /// Privacy in another process, with other settings.
    pub fn privacy_with(&self, settings: &[(&str, &str)]) -> Privacy {
        let mut env = self.env.clone();
        for (name, value) in settings {
            env = env.with(name, *value);
        }
        Privacy::open(&Resources::new(env)).expect("privacy opens")
    }

    pub async fn post(&self, message: Value) -> Reply {
        self.log.post("/v1/messages", message).await
    }

    pub async fn stored(&self, message: Value) -> String {
        let reply = self.post(message).await;
        assert!(reply.status.is_success(), "{reply:?}");
        reply.json()["id"].as_str().expect("an id").to_owned()
    }

    pub async fn roll_up(&self) {
        // Transactions in the databases of other tests hold back the horizon as well.
        let open = "select (select count(*) from conversation.log
                            where xid >= (select xid from conversation.watermark where name = 'message-log'))
                         + (select count(*) from conversation.edited)";
        for _ in 0..600 {
            let reply = self.log.post("/events/message-log", json!({})).await;
            assert_eq!(reply.status, 200, "{reply:?}");
            if self.count(open).await == 0 {
                return self.count_stats().await;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("the roll-up does not reach the stored messages");
    }

    /// Runs stats-batch until it has counted the whole log.
    pub async fn count_stats(&self) {
        let uncounted = "select count(*) from conversation.log
                         where xid >= (select xid from robeing.watermark where name = 'stats-batch')";
        while self.count(uncounted).await > 0 {
            let reply = self.stats.post("/events/stats-batch", json!({})).await;
            assert_eq!(reply.status, 200, "{reply:?}");
        }
    }

    pub async fn run(&self) -> Value {
        let reply = self.app.post("/events/privacy", json!({})).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json()
    }

    pub async fn erase(&self, subject: Value) -> Value {
        let reply = self.app.post("/v1/erasures", subject).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json()
    }

    /// The lines of a finished export, with each file checked against its digest.
    pub async fn export(&self, subject: Value) -> Vec<Value> {
        let reply = self.app.post("/v1/exports", subject).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        self.lines(&reply.json()).await
    }

    pub async fn lines(&self, export: &Value) -> Vec<Value> {
        let mut lines = Vec::new();
        for file in export["files"].as_array().expect("files") {
            let reply = self.app.get(file["url"].as_str().expect("a link")).await;
            assert_eq!(reply.status, 200, "{reply:?}");
            let sha256 = Sha256::digest(&reply.body);
            assert_eq!(file["sha256"], hex::encode(sha256));
            assert_eq!(file["bytes"], reply.body.len());
            let mut text = String::new();
            let mut gzip = flate2::read::GzDecoder::new(&*reply.body);
            std::io::Read::read_to_string(&mut gzip, &mut text).expect("gzip");
            let before = lines.len();
            lines.extend(
                text.lines()
                    .map(|line| -> Value { serde_json::from_str(line).expect("a line of JSON") }),
            );
            assert_eq!(file["rows"], lines.len() - before);
        }
        lines
    }

    pub async fn count(&self, sql: &str) -> i64 {
        let client = self.database.client().await;
        let row = client.query_typed_one(sql, &[]).await;
        row.unwrap_or_else(|error| panic!("{error:?} in {sql}"))
            .get(0)
    }

    /// Expires all leases: a killed process would hold them for two minutes.
    pub async fn expire_leases(&self) {
        self.database
            .run("update privacy.lease set held_until = now() - interval '1 second'")
            .await;
    }

    /// See [`Database::dump`].
    pub async fn dump(&self) -> String {
        self.database.dump().await
    }

    /// The keys and contents of the objects below a folder of the store.
    pub fn objects(&self, folder: &str) -> Vec<(String, Vec<u8>)> {
        let mut objects = Vec::new();
        collect(
            self.bucket.path(),
            &self.bucket.path().join(folder),
            &mut objects,
        );
        objects.sort();
        objects
    }

    /// Whether a text is in the database, or in an object that can be decrypted with a key in the database.
    pub async fn is_anywhere(&self, text: &str) -> bool {
        if self.dump().await.contains(text) {
            return true;
        }
        for (_, body) in self.objects("") {
            if holds(&body, text) || decompressed(&body).is_some_and(|body| holds(&body, text)) {
                return true;
            }
        }
        self.archived_texts().await.contains(text)
    }

    /// The rows of the archive that the master key and the database can decrypt.
    async fn archived_texts(&self) -> String {
        let privacy = self.privacy();
        let mut text = String::new();
        for (_, body) in self.objects("archive") {
            let ids = self.keys().await;
            let keys = privacy::archive::keys_by_id(&privacy, &ids)
                .await
                .expect("keys");
            privacy::archive::file::read(
                body.into(),
                |_| true,
                |mut row| {
                    if let Some(key) = row.key_id.and_then(|key| keys.get(&key)) {
                        row.open(key)?;
                        text += &row.json()?;
                    }
                    Ok(())
                },
            )
            .expect("an archive");
        }
        text
    }

    async fn keys(&self) -> Vec<i64> {
        let client = self.database.client().await;
        let rows = client
            .query_typed("select id from privacy.person_key", &[])
            .await
            .expect("keys");
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// The ids of the rows in verified files.
    pub async fn archived_ids(&self) -> Vec<uuid::Uuid> {
        let client = self.database.client().await;
        let rows = client
            .query_typed(
                "select object from privacy.part where verified_at is not null",
                &[],
            )
            .await
            .expect("parts");
        let mut ids = Vec::new();
        for row in rows {
            let object: String = row.get(0);
            let body = std::fs::read(self.bucket.path().join(object)).expect("a verified object");
            privacy::archive::file::read(
                body.into(),
                |_| true,
                |row| {
                    ids.push(row.id);
                    Ok(())
                },
            )
            .expect("an archive");
        }
        ids
    }

    pub async fn live_ids(&self) -> Vec<uuid::Uuid> {
        let client = self.database.client().await;
        let rows = client
            .query_typed("select id from conversation.log order by id", &[])
            .await
            .expect("rows");
        rows.iter().map(|row| row.get(0)).collect()
    }
}

fn collect(root: &Path, folder: &Path, objects: &mut Vec<(String, Vec<u8>)>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path: PathBuf = entry.expect("an entry").path();
        if path.is_dir() {
            if path.file_name().is_none_or(|name| name != ".metasync") {
                collect(root, &path, objects);
            }
        } else {
            let key = path.strip_prefix(root).expect("below it");
            let body = std::fs::read(&path).expect("a file");
            objects.push((key.display().to_string(), body));
        }
    }
}

fn holds(body: &[u8], text: &str) -> bool {
    body.windows(text.len()).any(|it| it == text.as_bytes())
}

fn decompressed(body: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(body), &mut plain).ok()?;
    Some(plain)
}

/// Polls the future until it has returned `Pending` more than `waits` times, and then drops it, as the end of
/// its process would. None if it was dropped.
pub async fn killed_after<T>(waits: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut future = Box::pin(future);
    let mut waited = 0;
    std::future::poll_fn(|context| match future.as_mut().poll(context) {
        std::task::Poll::Ready(done) => std::task::Poll::Ready(Some(done)),
        std::task::Poll::Pending => {
            waited += 1;
            if waited > waits {
                std::task::Poll::Ready(None)
            } else {
                std::task::Poll::Pending
            }
        }
    })
    .await
}
