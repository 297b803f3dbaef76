//! The audit log.

mod emptied;
mod faults;
mod list;
mod sweeps;

use std::sync::Arc;
use std::time::{Duration, Instant};

use kit::postgres::{Database, database};
use people::audit::{self, AuditChain, Fault, Verification};
use people::{Actor, Entry, People};
use platform::auth::{Kind, Role};
use platform::postgres::scoped::{self, Scope};
use platform::store::Store;
use platform::{Caller, Resources};
use serde_json::json;

const KEY: &str = "0707070707070707070707070707070707070707070707070707070707070707";
const OTHER_KEY: &str = "0808080808080808080808080808080808080808080808080808080808080808";

/// An audit log on a database and a bucket of its own.
struct Log {
    database: Database,
    store: Arc<dyn Store>,
    people: People,
    chain: AuditChain,
    /// The bucket, which other processes open as well.
    folder: String,
    bucket: tempfile::TempDir,
}

async fn log() -> Log {
    let bucket = tempfile::tempdir().expect("a folder");
    let folder = format!("file://{}", bucket.path().display());
    let database = database().await;
    let resources = resources(&database, &folder, KEY);
    Log {
        store: resources.store().expect("a bucket"),
        people: People::open(&resources).expect("the accounts"),
        chain: AuditChain::open(&resources).expect("a chain"),
        database,
        folder,
        bucket,
    }
}

fn resources(database: &Database, folder: &str, keys: &str) -> Resources {
    let env = database.env().with("BUCKET_URL", folder);
    Resources::new(env.with("METASYNC_KEYS", keys))
}

/// A service whose name is an address, as some issuers make it.
fn bot() -> Actor {
    let scope = Arc::new(serde_json::from_str("{}").expect("a scope"));
    let caller = Caller::service("bot@example.com".into(), Role::Reader, scope);
    Actor::of(&caller, None)
}

impl Log {
    /// The chain as a process with other keys has it.
    fn with_keys(&self, keys: &str) -> AuditChain {
        AuditChain::open(&resources(&self.database, &self.folder, keys)).expect("a chain")
    }

    /// Records one entry about a subject.
    async fn record(&self, action: &str, subject: &str, actor: &Actor) {
        let mut client = self.database.unscoped_client().await;
        let scope = Scope::all(Kind::new("people"));
        let transaction = scoped::begin(&mut client, &scope)
            .await
            .expect("a transaction");
        let entry = Entry {
            action,
            subject_kind: "token",
            subject,
            detail: json!({"role": {"old": "reader", "new": "admin"}, "n": 1.50}),
        };
        audit::record(&transaction, actor, &entry)
            .await
            .expect("an entry");
        transaction.commit().await.expect("a commit");
    }

    async fn record_some(&self, count: usize) {
        for n in 0..count {
            self.record("token.revoke", &format!("t{n}"), &Actor::command())
                .await;
        }
    }

    async fn verified(&self) -> Verification {
        let until = Instant::now() + Duration::from_secs(60);
        self.chain.verify(0, until).await.expect("a verification")
    }

    async fn fault(&self) -> Option<Fault> {
        self.verified().await.fault
    }

    async fn count(&self, table: &str) -> i64 {
        let client = self.database.client().await;
        let sql = format!("select count(*) from {table}");
        let row = client.query_typed_one(&sql, &[]).await.expect("a count");
        row.get(0)
    }
}
