//! `/v1/audit`: who did what to what, and whether the log is as it was recorded.

use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use futures::stream::{self, Stream, StreamExt as _, TryStreamExt as _};
use http::{HeaderValue, header};
use jiff::Timestamp;
use people::People;
use people::audit::{AuditChain, AuditEntry, Filter, Verification};
use platform::auth::{Admin, Scope};
use platform::extract::page_limit;
use platform::{Caller, Cursor, Error, Json, Query, Resources, Result};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::administration::page;

/// How long one request verifies. After that, the response has a `next`.
const VERIFY_FOR: Duration = Duration::from_secs(20);
/// The most bytes of an export on Lambda, whose responses have at most 6 MB, in a JSON string.
const MOST_ON_LAMBDA: usize = 5_000_000;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditParams {
    /// Only actions that begin with this text: `token.` or `token.revoke`.
    action: Option<String>,
    /// Only entries about the subject with this id.
    subject: Option<String>,
    /// Only entries by the person with this id, or by the token of this name.
    actor: Option<String>,
    /// Only entries at or after this time.
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Only entries before this time.
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
    /// The most items per page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<i64>,
    /// The `next` of the previous page.
    #[param(value_type = Option<Uuid>)]
    after: Option<Cursor<Uuid>>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExportParams {
    /// Only actions that begin with this text: `token.` or `token.revoke`.
    action: Option<String>,
    /// Only entries about the subject with this id.
    subject: Option<String>,
    /// Only entries by the person with this id, or by the token of this name.
    actor: Option<String>,
    /// Only entries at or after this time.
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Only entries before this time.
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct VerificationParams {
    /// The `next` of the previous verification, to continue it; or the number of an entry, to begin after it.
    #[param(minimum = 0, default = 0)]
    #[serde(default)]
    after: i64,
}

#[derive(Serialize, ToSchema)]
pub struct AuditPage {
    items: Vec<AuditEntry>,
    /// The cursor of the next page, to be sent as `after`; null on the last page.
    next: Option<Uuid>,
}

/// What an export needs. Cheap to clone.
#[derive(Clone)]
pub struct Export {
    people: People,
    /// The most bytes of a response. None if it is sent while it is read.
    most: Option<usize>,
}

impl Export {
    pub fn open(resources: &Resources) -> anyhow::Result<Self> {
        let on_lambda = resources.env().get("AWS_LAMBDA_RUNTIME_API").is_some();
        Ok(Self {
            people: People::open(resources)?,
            most: on_lambda.then_some(MOST_ON_LAMBDA),
        })
    }
}

/// The audit log is about everything, so a limited scope shows none of it.
pub fn may_see(caller: &Caller) -> Result<()> {
    if Scope::all().is_within(&caller.scope) {
        return Ok(());
    }
    Err(Error::Forbidden(format!(
        "the audit log concerns everything, so the scope of {:?} must be `{{\"*\": [\"*\"]}}`",
        caller.name
    )))
}

/// List the entries of the audit log, newest first.
#[utoipa::path(
    get,
    path = "/v1/audit",
    tag = "audit",
    operation_id = "list_audit",
    params(AuditParams),
    responses(
        (status = 200, description = "one page", body = AuditPage),
        (status = 400, description = "a parameter is invalid"),
        (status = 403, description = "the caller is not an admin with the whole scope"),
        (status = 503, description = "the database is not available"),
    )
)]
pub async fn list(
    State(people): State<People>,
    Admin(caller): Admin,
    Query(params): Query<AuditParams>,
) -> Result<Json<AuditPage>> {
    may_see(&caller)?;
    let limit = page_limit(params.limit, 50)?;
    let filter = Filter {
        action: params.action,
        subject: params.subject,
        actor: params.actor,
        since: params.since,
        until: params.until,
    };
    let after = params.after.map(|Cursor(id)| id);
    let found = people.audit_entries(&filter, after, limit + 1).await?;
    let (items, next) = page(found, limit, |entry| entry.id);
    Ok(Json(AuditPage { items, next }))
}

/// Export the audit log as lines of JSON, newest first.
///
/// Each line is an entry as in the list. On AWS Lambda an export has at most 5 MB: limit the time, or use `metasync audit
/// export`.
#[utoipa::path(
    get,
    path = "/v1/audit/export",
    tag = "audit",
    operation_id = "export_audit",
    params(ExportParams),
    responses(
        (status = 200, description = "one entry per line", body = String, content_type = "application/x-ndjson"),
        (status = 400, description = "a parameter is invalid"),
        (status = 403, description = "the caller is not an admin with the whole scope"),
        (status = 413, description = "on AWS Lambda: the export has more than 5 MB"),
        (status = 503, description = "the database is not available"),
    )
)]
pub async fn export(
    State(export): State<Export>,
    Admin(caller): Admin,
    Query(params): Query<ExportParams>,
) -> Result<Response> {
    may_see(&caller)?;
    let filter = Filter {
        action: params.action,
        subject: params.subject,
        actor: params.actor,
        since: params.since,
        until: params.until,
    };
    let mut lines = Box::pin(export.people.audit_export(filter));
    let body = match export.most {
        Some(most) => collect(lines, most).await?.into(),
        None => {
            // An error of the first page has a status; a later one ends the response before its end.
            let first = lines.try_next().await?.unwrap_or_default();
            Body::from_stream(stream::iter([Ok(first)]).chain(lines))
        }
    };
    let kind = HeaderValue::from_static("application/x-ndjson");
    let store = HeaderValue::from_static("no-store");
    let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, store)];
    Ok((headers, body).into_response())
}

/// The whole export.
///
/// # Errors
/// `TooLarge` if it has more bytes than `most`.
async fn collect(lines: impl Stream<Item = Result<String>>, most: usize) -> Result<String> {
    let add = async |mut all: String, some: String| {
        if all.len() + some.len() > most {
            return Err(Error::TooLarge(
                "the export is too large for one response: limit the time with `since` and `until`"
                    .to_owned(),
            ));
        }
        all.push_str(&some);
        Ok(all)
    };
    lines.try_fold(String::new(), add).await
}

/// Verify that the audit log is as it was recorded.
///
/// Computes the chain of digests again, and compares it with the anchors in the bucket. A request verifies for at most
/// 20 s; `next` continues it.
#[utoipa::path(
    get,
    path = "/v1/audit/verification",
    tag = "audit",
    operation_id = "verify_audit",
    params(VerificationParams),
    responses(
        (status = 200, description = "verified; `fault` says what is wrong, and is null if nothing is", body = Verification),
        (status = 400, description = "the log has no entry with the number `after`"),
        (status = 403, description = "the caller is not an admin with the whole scope"),
        (status = 503, description = "the database or the bucket is not available"),
    )
)]
pub async fn verify(
    State(chain): State<AuditChain>,
    Admin(caller): Admin,
    Query(params): Query<VerificationParams>,
) -> Result<Json<Verification>> {
    may_see(&caller)?;
    let until = Instant::now() + VERIFY_FOR;
    chain.verify(params.after, until).await.map(Json)
}

#[cfg(test)]
mod tests {
    use super::*;
    use platform::auth::Role;
    use std::sync::Arc;

    #[tokio::test]
    async fn an_export_that_is_too_large_for_a_response_is_refused() {
        let lines = || stream::iter(["{}\n", "{}\n"]).map(|it| Ok(it.to_owned()));
        assert_eq!(collect(lines(), 6).await.unwrap(), "{}\n{}\n");
        let error = collect(lines(), 5).await.unwrap_err();
        assert_eq!(error.status(), 413);
    }

    #[test]
    fn only_the_whole_scope_shows_the_audit_log() {
        let caller = |scope: &str| {
            let scope = serde_json::from_str(scope).unwrap();
            Caller::service("ops".into(), Role::Admin, Arc::new(scope))
        };
        may_see(&caller(r#"{"*": ["*"]}"#)).unwrap();
        for scope in [
            "{}",
            r#"{"robeings": ["*"], "datasets": ["*"]}"#,
            r#"{"*": ["*"], "robeings": ["r1"]}"#,
        ] {
            assert!(may_see(&caller(scope)).is_err(), "{scope}");
        }
    }
}
