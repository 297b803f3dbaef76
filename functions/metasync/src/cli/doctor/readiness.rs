//! What a deployed function reports about itself, at `GET /readyz`.

use std::time::Duration;

use serde::Deserialize;
use serde::de::IgnoredAny;
use tokio::time::timeout;

use super::report::{Outcome, failed, fine, skipped};
use crate::functions::FUNCTIONS;

/// The time limit of the call: a start with secrets to read, and the checks of the function.
pub const LIMIT: Duration = Duration::from_secs(30);

/// The commands that repair what a function of this deployment lacks.
pub struct Remedies {
    /// Shows the function's log, for what no command can repair.
    pub log: String,
    /// Starts a sync.
    pub sync: String,
    pub apply: &'static str,
    /// Sets what is missing, and applies.
    pub edit: &'static str,
}

#[derive(Deserialize)]
struct Ready {
    checks: Vec<Check>,
}

#[derive(Deserialize)]
struct Check {
    name: String,
    status: String,
    detail: Option<String>,
}

/// The outcome of a call of `GET /readyz` that returns the status and the body, or the error.
pub async fn outcome(
    call: impl Future<Output = Result<(u16, String), String>>,
    remedies: &Remedies,
) -> Outcome {
    match timeout(LIMIT, call).await {
        Err(_) => {
            let seconds = LIMIT.as_secs();
            failed(format!("no response within {seconds} s"), &remedies.log)
        }
        Ok(Err(detail)) => failed(detail, &remedies.log),
        Ok(Ok((status, body))) => of_response(status, &body, remedies),
    }
}

fn of_response(status: u16, body: &str, remedies: &Remedies) -> Outcome {
    // An error of ours is JSON.
    if status == 404 && serde_json::from_str::<IgnoredAny>(body).is_err() {
        return skipped(
            "something in front of the service answers GET /readyz with 404, as Google may do for \
             paths that end in z",
        );
    }
    if status == 404 {
        let detail = "it runs a release without GET /readyz, so it can't be checked";
        return failed(detail, remedies.apply);
    }
    let Ok(ready) = serde_json::from_str::<Ready>(body) else {
        return failed(format!("GET /readyz returns {status}"), &remedies.log);
    };
    let (lacking, others): (Vec<&Check>, Vec<&Check>) =
        ready.checks.iter().partition(|it| it.is_lacking());
    if let Some(first) = lacking.first() {
        let listed: Vec<String> = lacking.iter().map(|it| it.told("not available")).collect();
        return failed(listed.join("; "), remedies.of(first));
    }
    let (off, checked): (Vec<&Check>, Vec<&Check>) = others.iter().partition(|it| it.is_off());
    let mut told = "it answers".to_owned();
    if !checked.is_empty() {
        let names: Vec<&str> = checked.iter().map(|it| it.name.as_str()).collect();
        told = format!("{told}, and checked {}", names.join(", "));
    }
    for check in off {
        told = format!("{told}; off: {}", check.told("not configured"));
    }
    fine(told)
}

impl Check {
    fn is_off(&self) -> bool {
        self.status == "off"
    }

    /// A function of `metasync` that is off is wanted, and lacks a variable.
    fn is_function(&self) -> bool {
        FUNCTIONS.iter().any(|it| it.name == self.name)
    }

    fn is_lacking(&self) -> bool {
        self.status == "unavailable" || self.is_off() && self.is_function()
    }

    fn told(&self, otherwise: &str) -> String {
        format!(
            "{}: {}",
            self.name,
            self.detail.as_deref().unwrap_or(otherwise)
        )
    }
}

impl Remedies {
    fn of(&self, check: &Check) -> String {
        let detail = check.detail.as_deref().unwrap_or_default();
        match check.name.as_str() {
            "database" if detail.contains("metasync migrate") => "metasync migrate".to_owned(),
            "bucket" if detail.contains("denies") => self.apply.to_owned(),
            "schema" => self.sync.clone(),
            _ if check.is_function() => self.edit.to_owned(),
            _ => self.log.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    fn remedies() -> Remedies {
        Remedies {
            log: "show the log".to_owned(),
            sync: "sync".to_owned(),
            apply: "apply",
            edit: "edit",
        }
    }

    /// The status, the detail and the remedy.
    fn parts(outcome: Outcome) -> (bool, String, String) {
        match outcome {
            Outcome::Fine { detail } => (true, detail, String::new()),
            Outcome::Failed { detail, remedy } => (false, detail, remedy),
            Outcome::Hint { .. } | Outcome::Skipped { .. } => panic!("neither fine nor failed"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_function_that_does_not_respond_in_time_fails() {
        let (is_fine, detail, remedy) = parts(outcome(pending(), &remedies()).await);
        assert!(!is_fine);
        assert_eq!(detail, "no response within 30 s");
        assert_eq!(remedy, "show the log");
    }

    #[tokio::test]
    async fn what_a_function_lacks_is_named_with_the_command_that_repairs_it() {
        let see = async |status: u16, body: &str| {
            let body = body.to_owned();
            parts(outcome(async { Ok((status, body)) }, &remedies()).await)
        };
        let one = |name: &str, status: &str, detail: &str| {
            let check = serde_json::json!({"name": name, "status": status, "detail": detail});
            serde_json::json!({"status": status, "checks": [check]}).to_string()
        };
        for (name, detail, remedy) in [
            (
                "database",
                "migrations are missing: run `metasync migrate`",
                "metasync migrate",
            ),
            ("database", "the database can't be used", "show the log"),
            ("bucket", "the bucket denies access", "apply"),
            ("bucket", "the bucket can't be read", "show the log"),
            ("schema", "no sync has run", "sync"),
            ("warehouse", "the warehouse denies access", "show the log"),
        ] {
            let found = see(503, &one(name, "unavailable", detail)).await;
            assert_eq!(
                found,
                (false, format!("{name}: {detail}"), remedy.to_owned())
            );
        }
        let off = see(200, &one("model", "off", "no model")).await;
        assert_eq!(off.1, "it answers; off: model: no model");
        let reason = "message-log is not served, because MASKING_KEY is not set";
        let (is_fine, detail, remedy) = see(200, &one("message-log", "off", reason)).await;
        assert!(
            !is_fine,
            "metasync serves a part of its functions: {detail}"
        );
        assert_eq!(detail, format!("message-log: {reason}"));
        assert_eq!(remedy, "edit");
        let (is_fine, detail, _) = see(404, r#"{"title": "not found"}"#).await;
        assert!(
            !is_fine && detail.contains("without GET /readyz"),
            "{detail}"
        );
        let of_google = async { Ok((404, "<html>404. That's an error.</html>".to_owned())) };
        let of_google = outcome(of_google, &remedies()).await;
        assert!(matches!(of_google, Outcome::Skipped { .. }));
        let (is_fine, detail, _) = see(502, "Bad gateway").await;
        assert!(!is_fine);
        assert_eq!(detail, "GET /readyz returns 502");
    }
}
