//! `/v1/audit`: who did what to what, and whether the log is as it was recorded.

use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use futures::TryStreamExt as _;
use http::{HeaderValue, header};
use jiff::Timestamp;
use people::People;
use people::audit::{AuditChain, AuditEntry, Filter, Verification};
use platform::auth::{Admin, Scope};
use platform::{Caller, Cursor, Error, Json, Query, Result};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::administration::{limit, page};

/// How long one request verifies. After that, the response has a `next`.
const VERIFY_FOR: Duration = Duration::from_secs(20);

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
    /// The `next` of the previous verification, to continue it.
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
    let limit = limit(params.limit)?;
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
/// Each line is an entry as in the list. On AWS Lambda a response has at most 6 MB: limit the time, or use `metasync
/// audit export`.
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
        (status = 503, description = "the database is not available"),
    )
)]
pub async fn export(
    State(people): State<People>,
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
    let mut lines = Box::pin(people.audit_export(filter));
    // An error of the first page has a status; a later one ends the response before its end.
    let first = lines.try_next().await?.unwrap_or_default();
    let first = futures::stream::iter([Ok(first)]);
    let body = Body::from_stream(futures::StreamExt::chain(first, lines));
    let kind = HeaderValue::from_static("application/x-ndjson");
    let store = HeaderValue::from_static("no-store");
    let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, store)];
    Ok((headers, body).into_response())
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
        (status = 400, description = "`after` is not the `next` of an earlier verification"),
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
