//! `GET /v1/robeings/{id}/settings[/{category}[/{key}]]`: the effective settings.
//!
//! Each read over HTTP is confirmed by the database, so that clients read their own changes from any process. The
//! database doesn't send categories again that are cached.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use platform::extract::Tags;
use platform::{Caller, Error, Json, Path, Result};
use serde::Serialize;
use utoipa::ToSchema;

use crate::category::Category;
use crate::known::{Skill, System, User};
use crate::settings::Settings;
use crate::snapshot::Snapshot;

/// The effective settings: the values that were set, and the defaults.
#[derive(Serialize, ToSchema)]
pub struct AllSettings {
    user: User,
    system: System,
    skill: Skill,
}

/// Show all settings of a robeing.
#[utoipa::path(
    get,
    path = "/v1/robeings/{id}/settings",
    tag = "settings",
    operation_id = "read_settings",
    params(
        ("id" = String, Path, description = "the robeing"),
        ("If-None-Match" = Option<String>, Header, description = "the `ETag` of a cached response"),
    ),
    responses(
        (status = 200, description = "the effective settings; the `ETag` has the revision of each category", body = AllSettings),
        (status = 400, description = "the id is not valid for a robeing, the key is not possible, or `If-None-Match` is malformed"),
        (status = 304, description = "nothing has changed"),
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
    let found = snapshot(&settings, &caller, &robeing_id).await?;
    let at = found.revisions;
    let tag = format!("{}.{}.{}", at.user, at.system, at.skill);
    unless_cached(&headers, &tag, || AllSettings {
        user: found.user.clone(),
        system: found.system.clone(),
        skill: found.skill.clone(),
    })
}

/// Show the settings of a category.
#[utoipa::path(
    get,
    path = "/v1/robeings/{id}/settings/{category}",
    tag = "settings",
    operation_id = "read_category",
    params(
        ("id" = String, Path, description = "the robeing"),
        ("category" = inline(Category), Path),
        ("If-None-Match" = Option<String>, Header, description = "the `ETag` of a cached response"),
    ),
    responses(
        (status = 200, description = "the effective settings; the `ETag` is the revision of the category", body = Object),
        (status = 400, description = "the id is not valid for a robeing, the key is not possible, or `If-None-Match` is malformed"),
        (status = 304, description = "nothing has changed"),
        (status = 403, description = "the robeing is not in the caller's scope"),
        (status = 404, description = "the category doesn't exist"),
        (status = 503, description = "the database is not available"),
    )
)]
pub async fn category(
    State(settings): State<Settings>,
    caller: Caller,
    Path((robeing_id, category)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response> {
    let category = category_named(&category)?;
    let found = snapshot(&settings, &caller, &robeing_id).await?;
    let tag = found.revisions.of(category).to_string();
    unless_cached(&headers, &tag, || found.effective(category))
}

/// Show one setting.
#[utoipa::path(
    get,
    path = "/v1/robeings/{id}/settings/{category}/{key}",
    tag = "settings",
    operation_id = "read_setting",
    params(
        ("id" = String, Path, description = "the robeing"),
        ("category" = inline(Category), Path),
        ("key" = String, Path),
        ("If-None-Match" = Option<String>, Header, description = "the `ETag` of a cached response"),
    ),
    responses(
        (status = 200, description = "the JSON value that was set, or the default; the `ETag` is the revision of the category", body = Value),
        (status = 400, description = "the id is not valid for a robeing, the key is not possible, or `If-None-Match` is malformed"),
        (status = 304, description = "nothing in the category has changed"),
        (status = 403, description = "the robeing is not in the caller's scope"),
        (status = 404, description = "the key has no value and no default"),
        (status = 503, description = "the database is not available"),
    )
)]
pub async fn key(
    State(settings): State<Settings>,
    caller: Caller,
    Path((robeing_id, category, key)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Result<Response> {
    let category = category_named(&category)?;
    let found = snapshot(&settings, &caller, &robeing_id).await?;
    let value = found
        .effective(category)
        .remove(&key)
        .ok_or_else(|| Error::NotFound(format!("{category} has no such key")))?;
    let tag = found.revisions.of(category).to_string();
    unless_cached(&headers, &tag, || value)
}

async fn snapshot(settings: &Settings, caller: &Caller, robeing_id: &str) -> Result<Arc<Snapshot>> {
    robeing::may_see(caller, robeing_id)?;
    let mut found = settings.refresh(&[robeing_id]).await?;
    Ok(found.remove(robeing_id).unwrap_or_default())
}

pub fn category_named(category: &str) -> Result<Category> {
    let known = Category::ALL.into_iter();
    let mut known = known.filter(|it| it.to_string() == category);
    known
        .next()
        .ok_or_else(|| Error::NotFound("unknown category: use user, system or skill".to_owned()))
}

/// The value with its tag, or 304 if the client has it.
fn unless_cached<T: Serialize>(
    headers: &HeaderMap,
    tag: &str,
    value: impl FnOnce() -> T,
) -> Result<Response> {
    let cached = Tags::of(headers, &header::IF_NONE_MATCH)?;
    let is_cached = cached.is_some_and(|cached| cached.match_weakly(tag));
    let mut response = if is_cached {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Json(value()).into_response()
    };
    set_tag(&mut response, tag);
    Ok(response)
}

/// `tag` is the text without quotes.
pub fn set_tag(response: &mut Response, tag: &str) {
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{tag}\"")) {
        headers.insert(header::ETAG, tag);
    }
    let confirm = HeaderValue::from_static("private, no-cache");
    headers.insert(header::CACHE_CONTROL, confirm);
}
