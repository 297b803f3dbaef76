//! Whether the value of a secret has the form that functions need, by the code that reads it when they start.

use message_log::Log;
use message_log::slack::Slack;
use people::keyring::Keyring;
use platform::{Env, Resources, postgres};
use privacy::Privacy;

/// Variables whose readers accept surrounding white space.
const TRIMMED: [&str; 5] = [
    "AUTH_TOKENS",
    "METASYNC_KEYS",
    "PRIVACY_KEY",
    "SLACK_ROBEINGS",
    "SLACK_SIGNING_SECRET",
];

/// What is wrong with a value, without the value.
pub fn fault(variable: &str, value: &str) -> Option<String> {
    if value.trim().is_empty() {
        return Some("it is empty".to_owned());
    }
    if value.trim() != value && !TRIMMED.contains(&variable) {
        let detail = if value.ends_with(['\n', '\r']) {
            "it ends with a line break: store it without"
        } else {
            "it begins or ends with a space: store it without"
        };
        return Some(detail.to_owned());
    }
    // What the readers require besides. Nothing connects.
    let env = Env::default()
        .with("BUCKET_URL", "memory:///")
        .with("DATABASE_URL", "postgres://nobody@localhost/nothing")
        .with(variable, value);
    let resources = Resources::new(env);
    let env = resources.env();
    let read = match variable {
        "AUTH_TOKENS" => resources.auth().map(drop),
        "DATABASE_URL" => postgres::open(env).map(drop),
        "MASKING_KEY" => Log::open(&resources).map(drop),
        "METASYNC_KEYS" => Keyring::of(env).map(drop),
        "PRIVACY_KEY" => Privacy::open(&resources).map(drop),
        "SLACK_ROBEINGS" | "SLACK_SIGNING_SECRET" => Slack::open(env).map(drop),
        "WAREHOUSE_URL" => warehouse::open(&resources).map(drop),
        _ => Ok(()),
    };
    let fault = format!("{:#}", read.err()?);
    // The function has the bundle, and says itself whether it can use it.
    (!fault.contains("DATABASE_CA") && !fault.contains("CA bundle")).then_some(fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKENS: &str = r#"[{"name": "me", "role": "admin",
        "sha256": "0000000000000000000000000000000000000000000000000000000000000000"}]"#;

    #[tokio::test]
    async fn a_value_of_the_right_form_has_no_fault() {
        let key = "07".repeat(32);
        for (variable, value) in [
            ("AUTH_TOKENS", TOKENS.to_owned()),
            ("AUTH_TOKENS", format!("{TOKENS}\n")),
            ("DATABASE_URL", "postgres://user:word@db/shop".to_owned()),
            ("MASKING_KEY", key.clone()),
            ("PRIVACY_KEY", format!("{key},{}", "08".repeat(32))),
            (
                "SLACK_SIGNING_SECRET",
                "8f742231b10e8888abcd99yyyzzz85a5".to_owned(),
            ),
            ("WAREHOUSE_URL", "bigquery://shop/sales".to_owned()),
            ("ANTHROPIC_API_KEY", "sk-ant-1".to_owned()),
        ] {
            assert_eq!(fault(variable, &value), None, "{variable}");
        }
    }

    #[tokio::test]
    async fn a_value_of_another_form_is_a_fault_that_does_not_quote_it() {
        let key = "07".repeat(32);
        for (variable, value, expected) in [
            (
                "AUTH_TOKENS",
                "[{\"name\": \"hunter2\"}]".to_owned(),
                "AUTH_TOKENS is not valid",
            ),
            ("AUTH_TOKENS", "hunter2".to_owned(), "line 1, column 1"),
            (
                "DATABASE_URL",
                "mysql://hunter2@db/shop".to_owned(),
                "DATABASE_URL",
            ),
            (
                "DATABASE_URL",
                "postgres://hunter2@db/shop\n".to_owned(),
                "line break",
            ),
            ("MASKING_KEY", "hunter2".to_owned(), "64 hex digits"),
            ("MASKING_KEY", format!("{key}\n"), "line break"),
            ("MASKING_KEY", key[2..].to_owned(), "64 hex digits"),
            ("PRIVACY_KEY", format!("{key},hunter2"), "64 hex digits"),
            ("PRIVACY_KEY", format!("{key},{key}"), "same key twice"),
            ("SLACK_SIGNING_SECRET", "{\"hunter2".to_owned(), "not a map"),
            (
                "WAREHOUSE_URL",
                "mysql://hunter2@db/shop".to_owned(),
                "WAREHOUSE_URL",
            ),
            ("ANTHROPIC_API_KEY", "hunter2\n".to_owned(), "line break"),
            ("OPENAI_API_KEY", " hunter2".to_owned(), "a space"),
            ("OPENAI_API_KEY", "\n".to_owned(), "empty"),
        ] {
            let found = fault(variable, &value).unwrap_or_default();
            assert!(found.contains(expected), "{variable}: {found}");
            assert!(
                !found.contains("hunter2") && !found.contains(&key[2..]),
                "{found}"
            );
        }
    }
}
