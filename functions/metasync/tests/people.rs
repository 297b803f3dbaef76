//! `metasync people` and `metasync token`: an admin without a console.

use std::process::{Command, Output};

use kit::TestApp;
use kit::postgres::{Database, database};
use serde_json::{Value, json};

fn metasync(database: &Database, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_metasync"));
    command.env_clear().args(arguments);
    command.env("DATABASE_URL", &database.url);
    command.output().expect("the binary starts")
}

/// Runs a command that succeeds, and returns what it prints.
fn run(database: &Database, arguments: &[&str]) -> String {
    let output = metasync(database, arguments);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).expect("text")
}

/// The same, with `--json`.
fn run_json(database: &Database, arguments: &[&str]) -> Value {
    let text = run(database, &[arguments, &["--json"]].concat());
    assert_eq!(text.lines().count(), 1, "{text}");
    serde_json::from_str(&text).expect("JSON")
}

/// Runs a command that fails, and returns its error.
fn refused(database: &Database, arguments: &[&str]) -> String {
    let output = metasync(database, arguments);
    assert!(!output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stderr).expect("text")
}

#[tokio::test]
async fn people_are_invited_listed_set_deactivated_and_erased_from_the_command_line() {
    let database = &database().await;
    let everything = r#"{"*": ["*"]}"#;
    let invited = run_json(
        database,
        &[
            "people",
            "invite",
            "kim@example.com",
            "--role",
            "admin",
            "--scope",
            everything,
        ],
    );
    assert_eq!(invited["role"], "admin");
    assert_eq!(invited["scope"], json!({"*": ["*"]}));
    assert_eq!(run_json(database, &["people", "list"]), json!([invited]));
    let listed = run(database, &["people", "list"]);
    assert!(
        listed.contains("kim@example.com  admin  {\"*\":[\"*\"]}  invited"),
        "{listed}"
    );

    let id = invited["id"].as_str().unwrap();
    let sales = r#"{"robeings": ["sales"]}"#;
    let set = [
        "people",
        "set",
        "KIM@example.com",
        "--role",
        "writer",
        "--scope",
        sales,
    ];
    let changed = run_json(database, &set);
    assert_eq!(changed["id"], id);
    assert_eq!(
        (&changed["role"], &changed["scope"]),
        (&json!("writer"), &json!({"robeings": ["sales"]}))
    );
    let off = run(database, &["people", "deactivate", id]);
    assert!(off.contains("deactivated"), "{off}");
    let on = run_json(database, &["people", "set", id, "--activate"]);
    assert_eq!(on["is_active"], true);
    assert_eq!(
        run_json(database, &["people", "erase", id]),
        json!({"erased": id})
    );
    assert_eq!(run_json(database, &["people", "list"]), json!([]));

    for (arguments, reason) in [
        (&["people", "invite", "kim"][..], "not an e-mail address"),
        (
            &["people", "invite", "kim@example.com", "--role", "owner"],
            "use reader, writer or admin",
        ),
        (
            &["people", "invite", "kim@example.com", "--scope", "sales"],
            "write an object such as",
        ),
        (
            &["people", "set", "nobody@example.com", "--role", "admin"],
            "metasync people list",
        ),
        (
            &["people", "set", "kim@example.com"],
            "--role, --scope or --activate",
        ),
        (&["people", "erase", id], "no such person"),
    ] {
        let error = refused(database, arguments);
        assert!(error.contains(reason), "{arguments:?}: {error}");
    }
    let client = database.client().await;
    let rows = client
        .query_typed("select distinct actor_kind from people.audit", &[])
        .await
        .unwrap();
    let kinds: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(kinds, ["command"]);
}

#[tokio::test]
async fn a_token_of_the_command_line_works_until_it_is_revoked() {
    let database = &database().await;
    let app = TestApp::with_env(database.env())
        .set(
            "AUTH_TOKENS",
            json!([{"name": "x", "role": "reader", "sha256": "07".repeat(32)}]).to_string(),
        )
        .start(settings::app)
        .await;
    let create = [
        "token",
        "create",
        "bot",
        "--role",
        "writer",
        "--scope",
        r#"{"robeings": ["r1"]}"#,
    ];
    let created = run_json(database, &create);
    let secret = created["secret"].as_str().unwrap();
    let path = "/v1/robeings/r1/settings/user/language";
    assert_eq!(app.put(path, "en").bearer(secret).await.status, 200);
    let other = "/v1/robeings/r2/settings/user/language";
    assert_eq!(app.put(other, "en").bearer(secret).await.status, 403);
    let listed = run(database, &["token", "list"]);
    assert!(
        listed.contains("bot  writer  {\"robeings\":[\"r1\"]}  valid"),
        "{listed}"
    );
    assert!(!listed.contains("mst_"), "{listed}");
    let error = refused(database, &create);
    assert!(error.contains("revoke it first"), "{error}");

    let id = &created["id"];
    assert_eq!(
        run_json(database, &["token", "revoke", "bot"]),
        json!({"revoked": id})
    );
    tokio::time::sleep(std::time::Duration::from_millis(1_010)).await;
    assert_eq!(app.get(path).bearer(secret).await.status, 401);
    let listed = run_json(database, &["token", "list"]);
    assert!(listed[0]["revoked_at"].is_string(), "{listed}");
    let error = refused(database, &["token", "revoke", "bot"]);
    assert!(error.contains("metasync token list"), "{error}");

    let until = [
        "token",
        "create",
        "bot",
        "--role",
        "reader",
        "--expires-at",
        "2100-01-01T00:00:00Z",
    ];
    let text = run(database, &until);
    assert!(text.contains("until 2100-01-01T00:00:00Z\nmst_"), "{text}");
    let past = [
        "token",
        "create",
        "b",
        "--role",
        "reader",
        "--expires-at",
        "2020-01-01T00:00:00Z",
    ];
    let error = refused(database, &past);
    assert!(error.contains("in the past"), "{error}");
}
