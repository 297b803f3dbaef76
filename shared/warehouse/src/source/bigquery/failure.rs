//! Failures of calls: whether to retry, and what an operator should do.

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
    /// BigQuery returned an error.
    Refused {
        status: StatusCode,
        reason: String,
        message: String,
    },
    /// No response, or an incomplete one.
    NoResponse(anyhow::Error),
    /// There is no token.
    Login(anyhow::Error),
    /// The response can't be parsed.
    Unreadable(anyhow::Error),
}

#[derive(Deserialize)]
struct Body {
    error: ErrorBody,
}

#[derive(Deserialize)]
struct ErrorBody {
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
    /// The failure of a response with an error status.
    pub(super) fn of_response(status: StatusCode, body: &[u8]) -> Self {
        let body = serde_json::from_slice::<Body>(body).ok();
        let (reason, message) = match body {
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
            Self::NoResponse(_) | Self::Login(_) | Self::Unreadable(_) => "",
        }
    }

    /// Whether the same request may succeed in some seconds.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::NoResponse(_) => true,
            Self::Login(_) | Self::Unreadable(_) => false,
            Self::Refused { status, reason, .. } => match reason.as_str() {
                "rateLimitExceeded" | "backendError" | "internalError" | "badGateway" => true,
                "quotaExceeded" => false,
                // A failed job stays failed, whatever the status: a new one is needed.
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

    /// Whether the account of the sync may run no queries at all.
    pub(super) fn is_about_jobs(&self) -> bool {
        matches!(self, Self::Refused { reason, message, .. }
            if reason == "accessDenied" && message.contains("bigquery.jobs.create"))
    }

    pub(super) fn is_not_found(&self) -> bool {
        self.reason() == "notFound"
    }

    /// Whether the request is refused with a message that contains this word.
    pub(super) fn names(&self, word: &str) -> bool {
        matches!(self, Self::Refused { message, .. } if message.contains(word))
    }

    /// The dataset that is in another location than the job.
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

    /// Whether the query is at fault. For `invalid` that depends on the message, because the request
    /// itself may be invalid.
    pub(super) fn is_about_the_query(reason: &str, message: &str) -> bool {
        match reason {
            "invalidQuery" => true,
            // A missing table is the query's fault; a missing project is a configuration error.
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

    /// A page repeats the token of an earlier page, so what is missing is unknown.
    pub(super) fn repeated_page() -> Self {
        Self::Unreadable(anyhow!("a page repeats the token of an earlier page"))
    }

    /// The error for whoever runs the sync: BigQuery's message, and what to do.
    pub(super) fn about(self, subject: Subject<'_>) -> SourceError {
        let is_unavailable = self.is_transient() || self.needs_new_job();
        match self {
            Self::Refused {
                status,
                reason,
                message,
            } => {
                let message = excerpt(&message);
                let source = anyhow!("{status}, {reason}: {message}");
                if is_unavailable {
                    return SourceError::Unavailable {
                        detail: format!(
                            "BigQuery failed for {subject} ({reason}: {message}): try again later"
                        ),
                        source,
                    };
                }
                if reason == "quotaExceeded" {
                    return SourceError::Unavailable {
                        detail: format!(
                            "a quota is exhausted for {subject} ({message}): wait ten minutes or \
                             more, or raise the quota in the Google Cloud console"
                        ),
                        source,
                    };
                }
                refused(status, &reason, &message, subject)
            }
            Self::NoResponse(source) => SourceError::Unavailable {
                detail: format!(
                    "BigQuery did not respond for {subject} ({}): try again later",
                    excerpt(&format!("{source:#}"))
                ),
                source,
            },
            Self::Login(error) => login(error),
            Self::Unreadable(error) => {
                let cause = excerpt(&format!("{error:#}"));
                let detail = format!(
                    "BigQuery's response for {subject} can't be parsed ({cause}): sync again, and \
                     report it if it remains"
                );
                SourceError::Refused(detail.into())
            }
        }
    }
}

/// The error of a request that would be refused again.
fn refused(status: StatusCode, reason: &str, message: &str, subject: Subject<'_>) -> SourceError {
    let denied =
        |detail: String, remedy: Option<Remedy>| SourceError::Denied(Refusal { detail, remedy });
    if status == StatusCode::UNAUTHORIZED {
        let command = "gcloud auth application-default login";
        let detail = format!(
            "BigQuery refused the login ({message}): check GOOGLE_APPLICATION_CREDENTIALS, or run \
             `{command}`"
        );
        return denied(detail, Some(Remedy::Run(command.to_owned())));
    }
    match reason {
        "accessNotConfigured" => SourceError::Denied(api_is_disabled(message)),
        _ if message.contains("has not been used in project") => {
            SourceError::Denied(api_is_disabled(message))
        }
        "billingNotEnabled" => denied(
            format!(
                "BigQuery requires billing for {subject} ({message}): link a billing account to \
                 the project"
            ),
            Some(Remedy::Run(
                "gcloud billing projects link PROJECT".to_owned(),
            )),
        ),
        "accessDenied" | "forbidden" => {
            let (help, remedy) = remedy::of_denial(message, subject);
            let what = match subject {
                Subject::Jobs(project) => format!("BigQuery denies a query in project {project}"),
                _ => format!("access to {subject} is denied"),
            };
            denied(format!("{what} ({message}): {help}"), remedy)
        }
        "bytesBilledLimitExceeded" => denied(
            format!(
                "{subject} would bill more bytes than allowed ({message}): raise \
                 BIGQUERY_MAX_BYTES_BILLED"
            ),
            Some(Remedy::Set("BIGQUERY_MAX_BYTES_BILLED=1073741824")),
        ),
        "notFound" => SourceError::NotFound(format!(
            "there is no {subject} ({message}): check WAREHOUSE_URL"
        )),
        _ => SourceError::Refused(
            format!("BigQuery refused {subject} ({status}, {reason}: {message})").into(),
        ),
    }
}

fn api_is_disabled(message: &str) -> Refusal {
    let command = "gcloud services enable bigquery.googleapis.com";
    Refusal {
        detail: format!("the BigQuery API is disabled ({message}): enable it with `{command}`"),
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
                "Google returned no token for BigQuery ({}): try again later",
                excerpt(&format!("{error:#}"))
            ),
            source: error,
        },
    }
}

/// The reason by status, if the response has none: `errors` may be missing, and proxies send no body.
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
