//! Commands that are run as they are printed, for variables that are given as values and in files.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use aws_lc_rs::digest::{SHA256, digest};

use super::{TOKENS, assert_fails, doctor};
use crate::run;

/// The status, the detail and the command of a check.
fn see(check: &str, env: &[(&str, &str)]) -> (String, String, String) {
    let (_, checks) = doctor(&[], env);
    let found = checks.iter().find(|(name, ..)| name == check);
    let (_, status, text) = found.unwrap_or_else(|| panic!("{check} in {checks:#?}"));
    let (detail, command) = text.split_once(" | ").expect("two parts");
    (status.clone(), detail.to_owned(), command.to_owned())
}

/// What a script prints.
fn shell(script: &str, input: &str, env: &[(&str, &str)]) -> String {
    let mut shell = Command::new("sh");
    let shell = shell.args(["-c", script]).envs(env.iter().copied());
    let shell = shell.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut started = shell.spawn().expect("sh");
    let mut stdin = started.stdin.take().expect("a pipe");
    stdin.write_all(input.as_bytes()).expect("input");
    drop(stdin);
    let ended = started.wait_with_output().expect("an end");
    assert!(ended.status.success(), "{script}");
    String::from_utf8(ended.stdout).expect("UTF-8")
}

fn written(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, text).expect("a file");
    path.to_str().expect("a path").to_owned()
}

#[test]
fn a_file_that_cannot_be_read_is_one_failure_whose_command_writes_it() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("it's a folder/url");
    let missing = missing.to_str().unwrap();
    let tokens = written(folder.path(), "tokens", TOKENS);
    let bucket = written(folder.path(), "bucket", "memory:///\n");
    let env = [
        ("DATABASE_URL_FILE", missing),
        ("AUTH_TOKENS_FILE", &tokens),
        ("BUCKET_URL_FILE", &bucket),
    ];
    let (status, detail, command) = see("secrets", &env);
    assert_eq!(status, "failed");
    assert!(
        detail.starts_with("can't read the secret of DATABASE_URL: ") && detail.contains(missing),
        "{detail}"
    );
    for check in ["callers", "bucket"] {
        assert_eq!(see(check, &env).0, "fine", "{check}");
    }
    let (status, detail, of_functions) = see("functions", &env);
    assert_eq!(status, "failed", "serve doesn't start: {detail}");
    assert_eq!(of_functions, command);

    shell(&command, "postgres://nobody@127.0.0.1:1/nothing\n", &[]);
    let (_, checks) = doctor(&[], &env);
    assert!(checks.iter().all(|(name, ..)| name != "secrets"));
    assert_fails(&checks, &[("database", "| psql \"$(cat '")]);
}

#[test]
fn two_forms_of_one_variable_are_a_failure_whose_command_unsets_one() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = written(folder.path(), "tokens", TOKENS);
    let env = [("AUTH_TOKENS", TOKENS), ("AUTH_TOKENS_FILE", &tokens)];
    let (status, _, command) = see("secrets", &env);
    assert_eq!(status, "failed");
    let left = shell(
        &format!("{command}\nprintf %s \"$AUTH_TOKENS_FILE\""),
        "",
        &env,
    );
    assert_eq!(left, "");
}

#[test]
fn the_command_for_callers_creates_the_token_that_it_accepts() {
    let folder = tempfile::tempdir().unwrap();
    let empty = written(folder.path(), "tokens", "");
    let in_file: &[(&str, &str)] = &[("AUTH_TOKENS_FILE", &empty)];
    for env in [&[][..], in_file] {
        let (status, _, command) = see("callers", env);
        assert_eq!(status, "failed");
        let script = format!("{command}\nprintf '%s\\n%s' \"$TOKEN\" \"$AUTH_TOKENS\"");
        let printed = shell(&script, "", &[]);
        let (token, tokens) = printed.split_once('\n').unwrap();
        assert!(token.len() == 64, "{printed}");
        let stored = fs::read_to_string(&empty).unwrap();
        let tokens = if env.is_empty() { tokens } else { &stored };
        let digest = digest(&SHA256, token.as_bytes());
        let digest: String = digest
            .as_ref()
            .iter()
            .map(|it| format!("{it:02x}"))
            .collect();
        assert!(tokens.contains(&digest), "{tokens}");
        // An admin of everything: only such a one administers people and reads the audit log.
        let parsed: serde_json::Value = serde_json::from_str(tokens).unwrap();
        assert_eq!(parsed[0]["scope"], serde_json::json!({"*": ["*"]}));
        assert_eq!(see("callers", &[("AUTH_TOKENS", tokens)]).0, "fine");
    }
}

#[test]
fn the_command_for_callers_names_the_variable_that_is_not_valid_and_keeps_the_other_callers() {
    let folder = tempfile::tempdir().unwrap();
    let damaged = written(folder.path(), "tokens", "[{]");
    let edit = format!("${{EDITOR:-vi}} '{damaged}'");
    for (env, command) in [
        (&[("AUTH_MODE", "closed")][..], "unset AUTH_MODE"),
        (
            &[("AUTH_MODE", "open"), ("AUTH_TOKENS", TOKENS)],
            "unset AUTH_MODE",
        ),
        (
            &[("AUTH_ISSUER", "https://example.com")],
            "export AUTH_AUDIENCE=\"${NEW_AUTH_AUDIENCE:?set it to the new value}\"",
        ),
        (
            &[("AUTH_TOKENS", "[{]")],
            "export AUTH_TOKENS=\"${NEW_AUTH_TOKENS:?set it to the new value}\"",
        ),
        (&[("AUTH_TOKENS_FILE", &damaged)], &edit),
    ] {
        let (status, detail, printed) = see("callers", env);
        // The detail may have a bar as well.
        let text = format!("{detail} | {printed}");
        assert_eq!(status, "failed", "{text}");
        assert!(text.ends_with(&format!(" | {command}")), "{text}");
    }
}

#[test]
fn the_command_for_a_fault_sets_the_variable_that_the_fault_is_in() {
    let key = "07".repeat(32);
    let database = "postgres://nobody@127.0.0.1:1/nothing";
    let of_privacy = [
        ("PRIVACY_KEY", key.as_str()),
        ("DATABASE_URL", database),
        ("BUCKET_URL", "memory:///"),
    ];
    for (check, others, faulty, value) in [
        ("privacy keys", &of_privacy[..], "RETENTION_DAYS", "soon"),
        ("privacy keys", &of_privacy, "ARCHIVE_AFTER_DAYS", "0"),
        ("privacy keys", &of_privacy, "DATABASE_POOL_SIZE", "0"),
        ("privacy keys", &of_privacy, "BUCKET_URL", "ftp://x"),
        ("privacy keys", &of_privacy, "PRIVACY_KEY", "x"),
        ("database", &of_privacy, "DATABASE_POOL_SIZE", "0"),
        ("bucket", &[], "BUCKET_URL", "ftp://x"),
        ("bucket", &[("BUCKET_URL", "s3://bucket")], "AWS_REGION", ""),
        (
            "bucket",
            &[("BUCKET_URL", "gs://bucket")],
            "STORE_CONDITIONAL_WRITES",
            "maybe",
        ),
        ("warehouse", &[], "WAREHOUSE_URL", "mysql://x"),
        (
            "warehouse",
            &[("WAREHOUSE_URL", "bigquery://shop/sales")],
            "BIGQUERY_CHANGES",
            "x",
        ),
        (
            "model",
            &[("LLM_MODEL", "gpt-5"), ("OPENAI_API_KEY", "x")],
            "LLM_TIMEOUT_SECONDS",
            "soon",
        ),
        ("model", &[("LLM_MODEL", "gpt-5")], "OPENAI_API_KEY", ""),
    ] {
        let others = others.iter().filter(|(name, _)| *name != faulty).copied();
        let env: Vec<(&str, &str)> = others.chain([(faulty, value)]).collect();
        let (status, detail, command) = see(check, &env);
        assert_eq!(status, "failed", "{faulty}: {detail}");
        let expected = format!("export {faulty}=\"${{NEW_{faulty}:?set it to the new value}}\"");
        assert_eq!(command, expected, "{detail}");
    }
    // The key is fine, and so are the migrations as far as anybody can tell.
    let (_, detail, command) = see("privacy keys", &of_privacy);
    let expected = "psql \"$DATABASE_URL\" -c 'select 1'";
    assert_eq!(command, expected, "{detail}");
}

#[test]
fn nothing_to_serve_is_a_failure_whose_command_lets_serve_start() {
    let open = [("AUTH_MODE", "open")];
    let (status, detail, command) = see("functions", &open);
    assert_eq!(status, "failed");
    let served = run(&["serve"], &open);
    let error = String::from_utf8_lossy(&served.stderr) + String::from_utf8_lossy(&served.stdout);
    for text in [detail.as_str(), &error] {
        assert!(text.contains("there is no function to serve"), "{text}");
    }
    let home = tempfile::tempdir().unwrap();
    let home = home.path().to_str().unwrap();
    let script = format!("{command}\nprintf %s \"$BUCKET_URL\"");
    let bucket = shell(&script, "", &[("HOME", home)]);
    let (is_well, checks) = doctor(&[], &[open[0], ("BUCKET_URL", &bucket)]);
    assert!(is_well, "{checks:#?}");
}

#[test]
fn functions_of_a_deployment_are_not_judged_by_the_variables_of_this_shell() {
    for (cloud, variable) in [("--aws", "AWS_REGION"), ("--gcp", "GOOGLE_CLOUD_PROJECT")] {
        let (_, checks) = doctor(&[cloud], &[("AUTH_MODE", "open"), (variable, "")]);
        let functions = checks.iter().find(|(name, ..)| name == "functions");
        let (_, status, text) = functions.expect("the check");
        assert_eq!(status, "skipped");
        assert!(text.contains("has its own variables"), "{text}");
    }
}
