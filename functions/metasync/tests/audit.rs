//! `metasync audit`: the audit log without a console.

use std::process::{Command, Output};

use kit::postgres::{Database, database};
use people::audit::AuditChain;
use platform::Resources;
use serde_json::{Value, json};
use tempfile::TempDir;

const KEYS: &str = "0707070707070707070707070707070707070707070707070707070707070707";

struct Log {
    database: Database,
    bucket: TempDir,
}

impl Log {
    fn url(&self) -> String {
        format!("file://{}", self.bucket.path().display())
    }

    fn metasync(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_metasync"));
        command.env_clear().args(arguments);
        command.env("DATABASE_URL", &self.database.url);
        command
            .env("BUCKET_URL", self.url())
            .env("METASYNC_KEYS", KEYS);
        command.output().expect("the binary starts")
    }

    /// The output of a command that succeeds.
    fn run(&self, arguments: &[&str]) -> String {
        let output = self.metasync(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).expect("text")
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.run(arguments)).expect("JSON")
    }
}

#[tokio::test]
async fn the_audit_log_is_listed_exported_and_verified_on_the_command_line() {
    let log = Log {
        database: database().await,
        bucket: tempfile::tempdir().expect("a folder"),
    };
    for (name, role) in [("one", "reader"), ("two", "writer")] {
        log.run(&["token", "create", name, "--role", role, "--scope", "{}"]);
    }
    log.run(&["token", "revoke", "one"]);
    let env = log.database.env().with("BUCKET_URL", log.url());
    let resources = Resources::new(env.with("METASYNC_KEYS", KEYS));
    let swept = AuditChain::open(&resources).unwrap().sweep().await.unwrap();
    assert_eq!(swept.seq, 3);

    let listed = log.json(&["audit", "list", "--limit", "1", "--json"]);
    assert_eq!(listed.as_array().map(Vec::len), Some(1));
    assert_eq!(listed[0]["action"], "token.revoke");
    assert_eq!(listed[0]["actor_kind"], "command");
    let subject = listed[0]["subject"].as_str().unwrap();
    let text = log.run(&["audit", "list", "--subject", subject]);
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(
        text.contains("token.revoke  token ") && text.contains("by metasync"),
        "{text}"
    );
    let exported = log.run(&["audit", "export", "--action", "token.create"]);
    let roles: Vec<Value> = exported
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["detail"]["role"].clone())
        .collect();
    assert_eq!(roles, ["writer", "reader"]);

    assert_eq!(
        log.run(&["audit", "verify"]),
        "verified 3 entries and 1 anchor\n"
    );
    let verified = log.json(&["audit", "verify", "--json"]);
    assert_eq!(
        verified,
        json!({"entries": 3, "anchors": 1, "seq": 3, "erased": 0, "fault": null, "next": null})
    );
    log.database
        .run("update people.audit set subject = 'x' where action = 'token.revoke'")
        .await;
    let failed = log.metasync(&["audit", "verify", "--json"]);
    assert!(!failed.status.success());
    let found: Value = serde_json::from_slice(&failed.stdout).unwrap();
    assert_eq!(
        (&found["fault"]["kind"], &found["fault"]["seq"]),
        (&json!("changed"), &json!(3))
    );
    let error = String::from_utf8(failed.stderr).unwrap();
    assert!(error.contains("changed at 3, entry "), "{error}");
}
