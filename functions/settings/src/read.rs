//! What is in force. Over HTTP each read is confirmed by the database, so that whoever has just
//! changed something reads it wherever they ask; what memory has is not sent again.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use platform::{Caller, Error, Json, Result};
use serde::Serialize;
use utoipa::ToSchema;

use crate::category::Category;
use crate::known::{Skill, System, User};
use crate::settings::{Settings, Snapshot};

/// What is in force: what was set, and the default where nothing was.
#[derive(Serialize, ToSchema)]
pub struct All {
    user: User,
    system: System,
    skill: Skill,
}

/// All settings of a robeing.
#[utoipa::path(
    get,
    path = "/v1/robeings/{id}/settings",
    tag = "settings",
    operation_id = "read_settings",
    params(
        ("id" = String, Path, description = "the robeing"),
        ("If-None-Match" = Option<String>, Header, description = "an `ETag` that you have"),
    ),
    responses(
        (status = 200, description = "what is in force; the `ETag` names the revision of each category", body = All),
        (status = 400, description = "a robeing can't have this id, or there can be no such category or key"),
        (status = 304, description = "nothing was changed"),
        (status = 403, description = "the robeing is not in the caller's scope"),
        (status = 503, description = "the database is not available"),
    )
)]
pub async fn all(
    State(settings): State<Settings>,
    caller: Caller,
    Path(robeing_id): Path<String>,
    headers: HeaderMap,
) -> Result<Response> {
    let found = confirmed(&settings, &caller, &robeing_id).await?;
    let at = found.revisions;
    let tag = format!("\"{}.{}.{}\"", at.user, at.system, at.skill);
    Ok(unless_known(&headers, &tag, || All {
        user: found.user.clone(),
        system: found.system.clone(),
        skill: found.skill.clone(),
    }))
}

/// The settings of a category.
#[utoipa::path(
    get,
    path = "/v1/robeings/{id}/settings/{category}",
    tag = "settings",
    operation_id = "read_category",
    params(
        ("id" = String, Path, description = "the robeing"),
        ("category" = inline(Category), Path),
        ("If-None-Match" = Option<String>, Header, description = "an `ETag` that you have"),
    ),
    responses(
        (status = 200, description = "what is in force; the `ETag` is the category's revision", body = Object),
        (status = 400, description = "a robeing can't have this id, or there can be no such category or key"),
        (status = 304, description = "nothing was changed"),
        (status = 403, description = "the robeing is not in the caller's scope"),
        (status = 404, description = "there is no such category"),
        (status = 503, description = "the database is not available"),
    )
)]
pub async fn category(
    State(settings): State<Settings>,
    caller: Caller,
    Path((robeing_id, category)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response> {
    let category = named(&category)?;
    let found = confirmed(&settings, &caller, &robeing_id).await?;
    let tag = tag(found.revisions.of(category));
    Ok(unless_known(&headers, &tag, || found.in_force(category)))
}

/// One setting.
#[utoipa::path(
    get,
    path = "/v1/robeings/{id}/settings/{category}/{key}",
    tag = "settings",
    operation_id = "read_setting",
    params(
        ("id" = String, Path, description = "the robeing"),
        ("category" = inline(Category), Path),
        ("key" = String, Path),
        ("If-None-Match" = Option<String>, Header, description = "an `ETag` that you have"),
    ),
    responses(
        (status = 200, description = "the bare JSON value that was set, or the default; the `ETag` is the category's revision", body = Value),
        (status = 400, description = "a robeing can't have this id, or there can be no such category or key"),
        (status = 304, description = "nothing of the category was changed"),
        (status = 403, description = "the robeing is not in the caller's scope"),
        (status = 404, description = "there is no such key, and no default for it"),
        (status = 503, description = "the database is not available"),
    )
)]
pub async fn key(
    State(settings): State<Settings>,
    caller: Caller,
    Path((robeing_id, category, key)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Result<Response> {
    let category = named(&category)?;
    let found = confirmed(&settings, &caller, &robeing_id).await?;
    let value = found.in_force(category).remove(&key).ok_or_else(|| {
        Error::NotFound(format!("{category} has no such key, and no default for it"))
    })?;
    let tag = tag(found.revisions.of(category));
    Ok(unless_known(&headers, &tag, || value))
}

async fn confirmed(
    settings: &Settings,
    caller: &Caller,
    robeing_id: &str,
) -> Result<Arc<Snapshot>> {
    robeing::may_see(caller, robeing_id)?;
    let mut found = settings.confirm(&[robeing_id]).await?;
    Ok(found.remove(robeing_id).unwrap_or_default())
}

pub fn named(category: &str) -> Result<Category> {
    let known = Category::ALL.into_iter();
    let mut known = known.filter(|it| it.to_string() == category);
    known.next().ok_or_else(|| {
        Error::NotFound("there is no such category: it is user, system or skill".to_owned())
    })
}

pub fn tag(revision: i64) -> String {
    format!("\"{revision}\"")
}

/// The value under its tag, or 304 where the caller has it.
fn unless_known<T: Serialize>(
    headers: &HeaderMap,
    tag: &str,
    value: impl FnOnce() -> T,
) -> Response {
    let known = headers.get_all(header::IF_NONE_MATCH).iter();
    let known = known
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|known| known.trim().trim_start_matches("W/"))
        .any(|known| known == tag || known == "*");
    let mut answer = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Json(value()).into_response()
    };
    tagged(&mut answer, tag);
    answer
}

pub fn tagged(answer: &mut Response, tag: &str) {
    let headers = answer.headers_mut();
    if let Ok(tag) = HeaderValue::from_str(tag) {
        headers.insert(header::ETAG, tag);
    }
    let confirm = HeaderValue::from_static("private, no-cache");
    headers.insert(header::CACHE_CONTROL, confirm);
}
