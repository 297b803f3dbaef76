//! Secrets in files, which a variable `<NAME>_FILE` names.

use std::fs;
use std::path::Path;

use platform::{Env, secrets};

fn named(file: &Path) -> String {
    file.to_str().expect("a path").to_owned()
}

#[tokio::test]
async fn a_variable_is_read_from_the_file_that_its_twin_names() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    fs::write(&file, "07 07\n").unwrap();

    let env = Env::default().with("MASKING_KEY_FILE", named(&file));
    let resolved = secrets::resolve(env).await.unwrap();

    assert_eq!(resolved.get("MASKING_KEY"), Some("07 07"));
}

#[tokio::test]
async fn a_file_that_is_missing_binary_too_large_or_ambiguous_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let file = folder.path().join(name);
        fs::write(&file, bytes).unwrap();
        named(&file)
    };
    for (path, reason) in [
        (named(&folder.path().join("none")), "No such file"),
        (file("binary", &[0xff, 0xfe]), "not UTF-8"),
        (file("large", &[b'x'; 65 * 1024]), "larger than 64 KiB"),
        (named(folder.path()), "not a regular file"),
        ("/dev/zero".to_owned(), "not a regular file"),
    ] {
        let env = Env::default().with("PRIVACY_KEY_FILE", &path);
        let error = secrets::resolve(env).await.expect_err(reason);
        let error = format!("{error:#}");
        assert!(
            error.starts_with("can't read the secret of PRIVACY_KEY") && error.contains(reason),
            "{error}"
        );
    }
    let both = Env::default().with("AUTH_TOKENS", "[]");
    let both = both.with("AUTH_TOKENS_FILE", file("tokens", b"[]"));
    let error = secrets::resolve(both).await.expect_err("both").to_string();
    assert!(
        error.contains("AUTH_TOKENS and AUTH_TOKENS_FILE are both set"),
        "{error}"
    );
}

#[tokio::test]
async fn an_empty_file_counts_as_unset_and_files_of_other_programs_are_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty");
    fs::write(&empty, "\n").unwrap();
    let env = Env::default()
        .with("SLACK_SIGNING_SECRET_FILE", named(&empty))
        .with("SSL_CERT_FILE", "/nowhere")
        .with("AWS_WEB_IDENTITY_TOKEN_FILE", "/nowhere")
        .with("TLS_KEY_FILE", "/nowhere")
        .with("CLIENT_SECRET_FILE", "/nowhere");

    let resolved = secrets::resolve(env).await.unwrap();

    assert_eq!(resolved.get("SLACK_SIGNING_SECRET"), None);
    assert_eq!(resolved.get("SSL_CERT"), None);
    let error = resolved.required("SLACK_SIGNING_SECRET", "").unwrap_err();
    assert!(error.to_string().contains(&named(&empty)), "{error}");
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_does_not_affect_the_others_of_a_report() {
    let folder = tempfile::tempdir().unwrap();
    let (key, none) = (folder.path().join("key"), folder.path().join("none"));
    fs::write(&key, "07\n").unwrap();
    let arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:tokens";
    let env = Env::default()
        .with("MASKING_KEY_FILE", named(&key))
        .with("DATABASE_URL_FILE", named(&none))
        .with("AUTH_TOKENS", arn)
        .with("PRIVACY_KEY", "08")
        .with("PRIVACY_KEY_FILE", named(&key))
        .with("WAREHOUSE_URL", arn)
        .with("WAREHOUSE_URL_FILE", named(&key))
        .with("BUCKET_URL", "memory:///");

    let resolved = secrets::resolve_each(env).await;

    assert_eq!(resolved.get("MASKING_KEY"), Some("07"));
    assert_eq!(resolved.get("BUCKET_URL"), Some("memory:///"));
    let unread: Vec<(&str, &str)> = resolved.unread().collect();
    for ((name, reason), (expected, part)) in unread.iter().zip([
        ("AUTH_TOKENS", "no AWS credentials"),
        ("DATABASE_URL", named(&none).as_str()),
        ("PRIVACY_KEY", "unset one of the two"),
        ("WAREHOUSE_URL", ""),
    ]) {
        assert_eq!(*name, expected);
        assert!(reason.contains(part), "{name}: {reason}");
        assert_eq!(resolved.get(name), None, "{name}");
    }
    assert_eq!(unread.len(), 4, "{unread:?}");
}
