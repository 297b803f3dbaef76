//! What went wrong with a call: whether it may be tried again, and what a person should do.

mod remedy;
#[cfg(test)]
mod tests;

use anyhow::anyhow;
use platform::excerpt::excerpt;
use reqwest::StatusCode;
use serde::Deserialize;

use super::settings::Dataset;
use super::subject::Subject;
use crate::error::{Refusal, Remedy, SourceError};

#[derive(Debug)]
pub(super) enum Failure {
    /// BigQuery's own words.
    Refused {
        status: StatusCode,
        reason: String,
        message: String,
    },
    /// No answer, or half of one.
    Broken(anyhow::Error),
    /// No token.
    Login(anyhow::Error),
    /// An answer that we don't understand.
    Unreadable(anyhow::Error),
}

#[derive(Deserialize)]
struct Body {
    error: Told,
}

#[derive(Deserialize)]
struct Told {
    #[serde(default)]
    message: String,
    #[serde(default)]
    errors: Vec<Item>,
    #[serde(default)]
    status: String,
}

#[derive(Deserialize)]
struct Item {
    #[serde(default)]
    reason: String,
}

impl Failure {
    pub(super) fn answer(status: StatusCode, body: &[u8]) -> Self {
        let told = serde_json::from_slice::<Body>(body).ok();
        let (reason, message) = match told {
            Some(Body { error }) => {
                let reason = error
                    .errors
                    .into_iter()
                    .map(|item| item.reason)
                    .find(|reason| !reason.is_empty());
                let reason = reason.unwrap_or_else(|| by_status(status, &error.status).to_owned());
                (reason, error.message)
            }
            None => (by_status(status, "").to_owned(), format!("HTTP {status}")),
        };
        Self::Refused {
            status,
            reason,
            message,
        }
    }

    pub(super) fn reason(&self) -> &str {
        match self {
            Self::Refused { reason, .. } => reason,
            Self::Broken(_) | Self::Login(_) | Self::Unreadable(_) => "",
        }
    }

    /// The same request may succeed in some seconds.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::Broken(_) => true,
            Self::Login(_) | Self::Unreadable(_) => false,
            Self::Refused { status, reason, .. } => match reason.as_str() {
                "rateLimitExceeded" | "backendError" | "internalError" | "badGateway" => true,
                "quotaExceeded" => false,
                // A failed job stays failed, whatever its status: ask for a new one.
                _ if self.needs_new_job() => false,
                _ => matches!(status.as_u16(), 429 | 500 | 502 | 503 | 504),
            },
        }
    }

    pub(super) fn needs_new_job(&self) -> bool {
        matches!(
            self.reason(),
            "jobBackendError" | "jobInternalError" | "jobRateLimitExceeded"
        )
    }

    /// Who runs the sync may run no queries at all.
    pub(super) fn is_about_jobs(&self) -> bool {
        matches!(self, Self::Refused { reason, message, .. }
            if reason == "accessDenied" && message.contains("bigquery.jobs.create"))
    }

    pub(super) fn is_not_found(&self) -> bool {
        self.reason() == "notFound"
    }

    /// The request is refused, and the reason speaks of this word.
    pub(super) fn names(&self, word: &str) -> bool {
        matches!(self, Self::Refused { message, .. } if message.contains(word))
    }

    /// The dataset that lies in another place than the one where the job was to run.
    pub(super) fn dataset_elsewhere(&self) -> Option<Dataset> {
        let Self::Refused {
            reason, message, ..
        } = self
        else {
            return None;
        };
        let (named, _) = message
            .strip_prefix("Not found: Dataset ")
            .or_else(|| message.strip_prefix("Not found: Table "))?
            .split_once(" was not found in location ")?;
        let (project, name) = named.rsplit_once(':')?;
        let name = name.split('.').next()?;
        (reason == "notFound").then(|| Dataset {
            project: project.to_owned(),
            name: name.to_owned(),
        })
    }

    /// The query's text is at fault. Of `invalid` that holds only where the message speaks of the
    /// query: a request of ours can be invalid as well, and no query is to blame for that.
    pub(super) fn is_about_the_query(reason: &str, message: &str) -> bool {
        match reason {
            "invalidQuery" => true,
            // A table that is not there is the query's fault; a project that is not there is ours.
            "notFound" => !message.starts_with("Not found: Project"),
            "invalid" => [
                "Table ",
                "Invalid table name",
                "Query ",
                "Syntax error",
                " at [",
            ]
            .iter()
            .any(|words| message.contains(words)),
            _ => false,
        }
    }

    /// Pages that lead back to one that was read: what is left out can't be told.
    pub(super) fn page_named_twice() -> Self {
        Self::Unreadable(anyhow!("a page names one as the next that was read before"))
    }

    /// In words for whoever runs the sync: BigQuery's own, and what helps.
    pub(super) fn about(self, subject: Subject<'_>) -> SourceError {
        let unavailable = self.is_transient() || self.needs_new_job();
        let (status, reason, message) = match self {
            Self::Refused {
                status,
                reason,
                message,
            } => (status, reason, excerpt(&message)),
            Self::Broken(source) => {
                let cause = excerpt(&format!("{source:#}"));
                return SourceError::Unavailable {
                    detail: format!(
                        "BigQuery did not answer for {subject} ({cause}): try again later"
                    ),
                    source,
                };
            }
            Self::Login(error) => return login(error),
            Self::Unreadable(error) => {
                let cause = excerpt(&format!("{error:#}"));
                let detail = format!("BigQuery's answer for {subject} can't be read ({cause})");
                return SourceError::Refused(detail.into());
            }
        };
        let source = anyhow!("{status}, {reason}: {message}");
        let told = |detail: String, remedy: Option<Remedy>| Refusal { detail, remedy };
        if unavailable {
            return SourceError::Unavailable {
                detail: format!(
                    "BigQuery gave up on {subject} ({reason}: {message}): try again later"
                ),
                source,
            };
        }
        if status == StatusCode::UNAUTHORIZED {
            let command = "gcloud auth application-default login";
            return SourceError::Denied(told(
                format!(
                    "BigQuery refused the login ({message}): check \
                     GOOGLE_APPLICATION_CREDENTIALS, or run `{command}`"
                ),
                Some(Remedy::Run(command.to_owned())),
            ));
        }
        match reason.as_str() {
            "quotaExceeded" => SourceError::Unavailable {
                detail: format!(
                    "a quota is used up for {subject} ({message}): wait ten minutes or more, or \
                     raise the quota in the Google Cloud console"
                ),
                source,
            },
            "accessNotConfigured" => SourceError::Denied(api_is_off(&message)),
            _ if message.contains("has not been used in project") => {
                SourceError::Denied(api_is_off(&message))
            }
            "billingNotEnabled" => SourceError::Denied(told(
                format!(
                    "BigQuery wants billing for {subject} ({message}): link a billing account to \
                     the project"
                ),
                Some(Remedy::Run(
                    "gcloud billing projects link PROJECT".to_owned(),
                )),
            )),
            "accessDenied" | "forbidden" => {
                let (help, remedy) = remedy::of_denial(&message, subject);
                let denied = match subject {
                    Subject::Jobs(project) => {
                        format!("BigQuery denies a query in project {project}")
                    }
                    _ => format!("{subject} may not be read"),
                };
                SourceError::Denied(told(format!("{denied} ({message}): {help}"), remedy))
            }
            "bytesBilledLimitExceeded" => SourceError::Denied(told(
                format!(
                    "{subject}: more bytes than allowed ({message}): raise \
                     BIGQUERY_MAX_BYTES_BILLED"
                ),
                Some(Remedy::Set("BIGQUERY_MAX_BYTES_BILLED=1073741824")),
            )),
            "notFound" => SourceError::NotFound(format!(
                "there is no {subject} ({message}): check WAREHOUSE_URL"
            )),
            _ => SourceError::Refused(told(
                format!("BigQuery refused {subject} ({status}, {reason}: {message})"),
                None,
            )),
        }
    }
}

fn api_is_off(message: &str) -> Refusal {
    let command = "gcloud services enable bigquery.googleapis.com";
    Refusal {
        detail: format!("the BigQuery API is off ({message}): enable it with `{command}`"),
        remedy: Some(Remedy::Run(command.to_owned())),
    }
}

fn login(error: anyhow::Error) -> SourceError {
    use gcp_auth::Error::{Io, Json, NoAuthMethod};
    match error.downcast_ref() {
        Some(NoAuthMethod(..) | Io(..) | Json(..)) => {
            let command = "gcloud auth application-default login".to_owned();
            SourceError::Denied(Refusal {
                detail: format!("BigQuery needs a login: {}", excerpt(&format!("{error:#}"))),
                remedy: Some(Remedy::Run(command)),
            })
        }
        _ => SourceError::Unavailable {
            detail: format!(
                "Google gave no token for BigQuery ({}): try again later",
                excerpt(&format!("{error:#}"))
            ),
            source: error,
        },
    }
}

/// The reason where the answer names none: `errors` may be absent, and a proxy sends no body.
fn by_status(status: StatusCode, word: &str) -> &'static str {
    match (status.as_u16(), word) {
        (_, "RESOURCE_EXHAUSTED") | (429, _) => "rateLimitExceeded",
        (400, _) => "invalid",
        (403, _) => "accessDenied",
        (404, _) => "notFound",
        (502, _) => "badGateway",
        (500.., _) => "backendError",
        _ => "unknown",
    }
}
