//! The outcomes of the checks, and how they are printed.

use std::io::Write as _;
use std::time::Duration;

use serde::Serialize;
use serde_json::json;
use tokio::time::timeout;

/// The longest time for one check. A large warehouse takes longer to read, but answers within it.
pub const LONGEST_CHECK: Duration = Duration::from_secs(60);

#[derive(Serialize)]
#[serde(tag = "status", rename_all = "lowercase")]
pub enum Outcome {
    Fine {
        detail: String,
    },
    Failed {
        detail: String,
        /// The command that fixes it.
        #[serde(rename = "mend")]
        remedy: String,
    },
    /// It is fine for some uses.
    Hint {
        detail: String,
        #[serde(rename = "mend")]
        remedy: String,
    },
    Skipped {
        detail: String,
    },
}

#[derive(Serialize)]
struct Check {
    check: String,
    #[serde(flatten)]
    outcome: Outcome,
}

pub fn fine(detail: impl Into<String>) -> Outcome {
    let detail = detail.into();
    Outcome::Fine { detail }
}

pub fn failed(detail: impl Into<String>, remedy: impl Into<String>) -> Outcome {
    let (detail, remedy) = (detail.into(), remedy.into());
    Outcome::Failed { detail, remedy }
}

pub fn hint(detail: impl Into<String>, remedy: impl Into<String>) -> Outcome {
    let (detail, remedy) = (detail.into(), remedy.into());
    Outcome::Hint { detail, remedy }
}

pub fn skipped(detail: impl Into<String>) -> Outcome {
    let detail = detail.into();
    Outcome::Skipped { detail }
}

#[derive(Default)]
pub struct Report(Vec<Check>);

impl Report {
    pub fn add(&mut self, check: impl Into<String>, outcome: Outcome) {
        let check = check.into();
        self.0.push(Check { check, outcome });
    }

    /// Runs a check within [`LONGEST_CHECK`] and adds its outcome.
    pub async fn check(&mut self, check: &str, outcome: impl Future<Output = Outcome>) {
        let outcome = timeout(LONGEST_CHECK, outcome).await;
        let seconds = LONGEST_CHECK.as_secs();
        self.add(
            check,
            outcome.unwrap_or_else(|_| {
                failed(
                    format!("no answer within {seconds} s"),
                    "metasync doctor  # try again, from a network that reaches it",
                )
            }),
        );
    }

    pub fn has(&self, check: &str) -> bool {
        self.0.iter().any(|known| known.check == check)
    }

    pub fn has_failed(&self) -> bool {
        let mut outcomes = self.0.iter().map(|check| &check.outcome);
        outcomes.any(|outcome| matches!(outcome, Outcome::Failed { .. }))
    }

    pub fn print(&self, as_json: bool) -> anyhow::Result<()> {
        if as_json {
            let report = json!({ "ok": !self.has_failed(), "checks": self.0 });
            return crate::cli::print_json(&report);
        }
        let mut out = std::io::stdout().lock();
        for Check { check, outcome } in &self.0 {
            match outcome {
                Outcome::Fine { detail } => writeln!(out, "  ok    {check}: {detail}")?,
                Outcome::Skipped { detail } => writeln!(out, "  -     {check}: {detail}")?,
                Outcome::Hint { detail, remedy } => {
                    writeln!(out, "  hint  {check}: {detail}\n          {remedy}")?;
                }
                Outcome::Failed { detail, remedy } => {
                    writeln!(out, "  FAIL  {check}: {detail}\n          {remedy}")?;
                }
            }
        }
        Ok(())
    }
}
