//! Names in the configuration that match nothing, and keys that nothing needs.

use std::process::Command;

use serde_json::json;

use super::doctor;
use crate::run;

/// The status, and the detail and remedy, of a check.
fn see(check: &str, env: &[(&str, &str)]) -> (String, String) {
    let (_, checks) = doctor(&[], env);
    let found = checks.into_iter().find(|(name, ..)| name == check);
    let (_, status, text) = found.expect("the check");
    (status, text)
}

fn tokens(kind: &str, name: &str) -> String {
    let scope = json!({kind: [name]});
    json!([{"name": "bot", "role": "reader", "scope": scope, "sha256": "00".repeat(32)}])
        .to_string()
}

#[test]
fn a_scope_that_matches_no_dataset_is_a_failure_that_names_what_may_be_meant() {
    let (warehouse, bucket) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::write(
        warehouse.path().join("shop.sales.orders.json"),
        r#"[{"name": "order_id", "type": "INTEGER"}]"#,
    )
    .unwrap();
    let warehouse = format!("file://{}", warehouse.path().display());
    let bucket = format!("file://{}", bucket.path().display());
    let bucket = ("BUCKET_URL", bucket.as_str());
    let (wrong, right) = (
        tokens("datasets", "sales"),
        tokens("datasets", "shop.sales"),
    );
    let wrong = [bucket, ("AUTH_TOKENS", &wrong)];
    // Without a schema, every name may be right.
    assert_eq!(see("scopes", &wrong).0, "skipped");
    let synced = run(&["sync"], &[bucket, ("WAREHOUSE_URL", &warehouse)]);
    assert!(synced.status.success());
    let (status, text) = see("scopes", &wrong);
    assert_eq!(status, "failed");
    let part = r#"the scope of "bot" in AUTH_TOKENS: "sales" matches no dataset; did you mean "shop.sales"?"#;
    assert!(text.contains(part), "{text}");
    assert_eq!(see("scopes", &[bucket, ("AUTH_TOKENS", &right)]).0, "fine");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_robeing_that_has_no_messages_is_a_hint_wherever_it_is_named() {
    let database = kit::postgres::database().await;
    let tokens = tokens("robeings", "suport");
    let env = [
        ("AUTH_TOKENS", tokens.as_str()),
        ("DATABASE_URL", &database.url),
        ("SLACK_ROBEINGS", r#"{"A1": "support"}"#),
        ("SLACK_DEFAULT_ROBEING", "other"),
    ];
    assert_eq!(see("scopes", &env).0, "skipped", "no robeing is known yet");
    database
        .run("insert into robeing.stats (robeing_id) values ('support')")
        .await;
    let (status, text) = see("scopes", &env);
    assert_eq!(status, "hint", "{text}");
    for part in [
        r#"the scope of "bot" in AUTH_TOKENS: "suport" matches no robeing that has messages; did you mean support?"#,
        r#"SLACK_DEFAULT_ROBEING: "other" matches no robeing that has messages"#,
    ] {
        assert!(text.contains(part), "{text}");
    }
    assert!(!text.contains("SLACK_ROBEINGS of"), "{text}");
    let command = "curl -sS -H \"authorization: Bearer $TOKEN\" http://localhost:8080/v1/robeings ";
    assert!(text.contains(command), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_privacy_key_that_nothing_needs_is_a_hint_whose_command_removes_it() {
    let database = kit::postgres::database().await;
    let bucket = tempfile::tempdir().unwrap();
    let bucket = format!("file://{}", bucket.path().display());
    let (new, old) = ("09".repeat(32), "08".repeat(32));
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    let check = |key: (&str, &str)| {
        let env = [
            ("AUTH_MODE", "open"),
            ("BUCKET_URL", &bucket),
            ("DATABASE_URL", &database.url),
            key,
        ];
        see("privacy keys", &env)
    };
    let both = format!("{new},{old}");
    let in_file = format!("{both}\n");
    for (given, print) in [
        (("PRIVACY_KEY", both.as_str()), "printf %s \"$PRIVACY_KEY\""),
        (("PRIVACY_KEY_FILE", path), "cat \"$PRIVACY_KEY_FILE\""),
    ] {
        std::fs::write(path, &in_file).unwrap();
        let (status, text) = check(given);
        assert_eq!(status, "hint", "{text}");
        let (detail, remedy) = text.split_once(" | ").unwrap();
        assert!(
            detail.contains("no receipt needs key 2 of PRIVACY_KEY"),
            "{detail}"
        );
        let script = format!("{remedy}; {print}");
        let mut shell = Command::new("sh");
        let ran = shell
            .args(["-c", &script])
            .envs([given, ("OLD_FOR_A_DAY", "yes")]);
        let left = String::from_utf8(ran.output().unwrap().stdout).unwrap();
        assert_eq!(left, new);
        assert_eq!(check(("PRIVACY_KEY", &left)).0, "fine");
    }
}
