//! Callers, functions and secrets.

use super::{TOKENS, assert_fails, doctor};
use crate::run;

#[test]
fn missing_callers_are_a_failure_and_other_missing_variables_skip_their_check() {
    let (is_well, checks) = doctor(&[], &[]);
    assert!(!is_well);
    assert_fails(&checks, &[("callers", "export AUTH_TOKENS=")]);
    let skipped = checks.iter().filter(|(_, status, _)| status == "skipped");
    assert_eq!(skipped.count(), 7, "{checks:?}");

    let shown = run(&["doctor"], &[]);
    let text = String::from_utf8(shown.stdout).unwrap();
    assert!(
        text.contains("FAIL  callers: ")
            && text.contains("\n          TOKEN=$(openssl rand -hex 32) && export AUTH_TOKENS="),
        "{text}"
    );
}

#[test]
fn functions_are_incomplete_served_or_left_out_as_serve_does_it() {
    let see = |env: &[(&str, &str)]| {
        let (_, checks) = doctor(&[], &[&[("AUTH_MODE", "open")], env].concat());
        let of_functions = checks.into_iter().find(|(name, ..)| name == "functions");
        let (_, status, text) = of_functions.expect("the check");
        (status, text)
    };
    let (status, text) = see(&[("WAREHOUSE_URL", "file:///nothing"), ("MASKING_KEY", "x")]);
    assert_eq!(status, "failed");
    for part in [
        "BUCKET_URL is not set",
        "export BUCKET_URL=\"${NEW_BUCKET_URL:?set it to the new value}\" DATABASE_URL=\"${NEW_DATABASE_URL:?",
    ] {
        assert!(text.contains(part), "{text}");
    }
    let (status, text) = see(&[("BUCKET_URL", "memory:///")]);
    assert_eq!(status, "fine");
    for part in [
        "serves cache-read;",
        "schema-sync is not served, because WAREHOUSE_URL is not set",
    ] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn functions_that_may_not_be_wanted_here_are_a_hint_and_no_failure() {
    let see = |env: &[(&str, &str)]| {
        let (_, checks) = doctor(&[], &[&[("AUTH_MODE", "open")], env].concat());
        let of_functions = checks.into_iter().find(|(name, ..)| name == "functions");
        let (_, status, text) = of_functions.expect("the check");
        (status, text)
    };
    // A job that only recounts the statistics needs no more.
    let database = ("DATABASE_URL", "postgres://nobody@127.0.0.1:1/nothing");
    let (status, text) = see(&[database]);
    assert_eq!(status, "hint", "{text}");
    assert!(
        text.contains("| export MASKING_KEY=\"${NEW_MASKING_KEY:?"),
        "{text}"
    );
    let (status, text) = see(&[database, ("SLACK_SIGNING_SECRET", "x")]);
    assert_eq!(status, "failed", "{text}");

    let key = "07".repeat(32);
    let (status, text) = see(&[database, ("MASKING_KEY", &key)]);
    assert_eq!(status, "hint", "{text}");
    for part in [
        "retention, archiving, erasure and export of conversations do not run",
        "| export BUCKET_URL=\"${NEW_BUCKET_URL:?",
        " PRIVACY_KEY=\"${NEW_PRIVACY_KEY:?",
    ] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn a_hint_is_shown_with_its_command() {
    let env = [
        ("AUTH_MODE", "open"),
        ("DATABASE_URL", "postgres://nobody@127.0.0.1:1/nothing"),
    ];
    let shown = run(&["doctor"], &env);
    let text = String::from_utf8(shown.stdout).unwrap();
    assert!(
        text.contains("hint  functions: ") && text.contains("\n          export MASKING_KEY=\"${"),
        "{text}"
    );
}

#[test]
fn a_secret_that_cannot_be_read_is_one_failure_and_the_other_checks_run() {
    let arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:metasync/DATABASE_URL-abc";
    let (_, checks) = doctor(&[], &[("AUTH_TOKENS", TOKENS), ("DATABASE_URL", arn)]);
    assert_fails(&checks, &[("secrets", "aws configure export-credentials")]);
    let callers = checks.iter().find(|(name, ..)| name == "callers").unwrap();
    assert_eq!(callers.1, "fine");
}
