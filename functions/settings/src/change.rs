//! Changes: one statement each, and checked before.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use platform::{Caller, Error, Json, Result, Writer};
use serde_json::{Map, Value};

use crate::category::Category;
use crate::read::{named, tag, tagged};
use crate::settings::{Change, Changed, Settings};

/// Set a key.
///
/// The body is the bare JSON value. Other keys stay as they are, whoever changes them meanwhile.
#[utoipa::path(
    put,
    path = "/v1/robeings/{id}/settings/{category}/{key}",
    tag = "settings",
    operation_id = "set_setting",
    params(
        ("id" = String, Path, description = "the robeing"),
        ("category" = inline(Category), Path),
        ("key" = String, Path, description = "a known one, or under `skill` any of 1 to 100 characters"),
        ("If-Match" = Option<String>, Header, description = "revisions of the category: it is set only at one of them"),
    ),
    request_body(content = Value, description = "the value"),
    responses(
        (status = 200, description = "what is in force now; the `ETag` is the category's new revision", body = Value),
        (status = 400, description = "the key is unknown, or can't have this value; the detail says what it can have"),
        (status = 403, description = "the robeing is not in the caller's scope, or the key is an admin's"),
        (status = 404, description = "there is no such category"),
        (status = 412, description = "the category was changed since"),
        (status = 413, description = "the value is larger than 64 KiB, or the category than 256 KiB"),
        (status = 415, description = "the body is not JSON"),
        (status = 503, description = "the database is not available"),
    )
)]
pub async fn put(
    State(settings): State<Settings>,
    Writer(caller): Writer,
    Path((robeing_id, category, key)): Path<(String, String, String)>,
    headers: HeaderMap,
    Json(value): Json<Value>,
) -> Result<Response> {
    let category = may_change(&caller, &robeing_id, &category, [key.as_str()])?;
    category.check(&key, &value)?;
    let change = Change::Put(&key, &value);
    let mut changed = changed(&settings, &robeing_id, category, &change, &headers).await?;
    let value = changed.in_force.remove(&key).unwrap_or_default();
    let mut answer = Json(value).into_response();
    tagged(&mut answer, &tag(changed.revision));
    Ok(answer)
}

/// Take a key out: its default, if it has one, is in force again.
#[utoipa::path(
    delete,
    path = "/v1/robeings/{id}/settings/{category}/{key}",
    tag = "settings",
    operation_id = "remove_setting",
    params(
        ("id" = String, Path, description = "the robeing"),
        ("category" = inline(Category), Path),
        ("key" = String, Path),
        ("If-Match" = Option<String>, Header, description = "revisions of the category: it is taken out only at one of them"),
    ),
    responses(
        (status = 204, description = "it is not set, whether it was before or not"),
        (status = 400, description = "there can be no such key"),
        (status = 403, description = "the robeing is not in the caller's scope, or the key is an admin's"),
        (status = 404, description = "there is no such category"),
        (status = 412, description = "the category was changed since"),
        (status = 503, description = "the database is not available"),
    )
)]
pub async fn remove(
    State(settings): State<Settings>,
    Writer(caller): Writer,
    Path((robeing_id, category, key)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Result<Response> {
    let category = may_change(&caller, &robeing_id, &category, [key.as_str()])?;
    category.check_key(&key)?;
    let change = Change::Remove(&key);
    let changed = changed(&settings, &robeing_id, category, &change, &headers).await?;
    let mut answer = StatusCode::NO_CONTENT.into_response();
    tagged(&mut answer, &tag(changed.revision));
    Ok(answer)
}

/// Change several keys of a category at once (RFC 7396).
///
/// `null` takes a member out, an object goes into the object that is there, all else replaces.
#[utoipa::path(
    patch,
    path = "/v1/robeings/{id}/settings/{category}",
    tag = "settings",
    operation_id = "patch_category",
    params(
        ("id" = String, Path, description = "the robeing"),
        ("category" = inline(Category), Path),
        ("If-Match" = Option<String>, Header, description = "revisions of the category: it is changed only at one of them"),
    ),
    request_body(content = Object, description = "a merge patch", content_type = "application/merge-patch+json"),
    responses(
        (status = 200, description = "what is in force now; the `ETag` is the category's new revision", body = Object),
        (status = 400, description = "a key is unknown, or can't have this value: nothing was changed"),
        (status = 403, description = "the robeing is not in the caller's scope, or a key is an admin's"),
        (status = 404, description = "there is no such category"),
        (status = 412, description = "the category was changed since"),
        (status = 413, description = "the patch is larger than 64 KiB, or the category than 256 KiB"),
        (status = 415, description = "the body is not JSON"),
        (status = 503, description = "the database is not available"),
    )
)]
pub async fn patch(
    State(settings): State<Settings>,
    Writer(caller): Writer,
    Path((robeing_id, category)): Path<(String, String)>,
    headers: HeaderMap,
    Json(patch): Json<Map<String, Value>>,
) -> Result<Response> {
    let keys = patch.keys().map(String::as_str);
    let category = may_change(&caller, &robeing_id, &category, keys)?;
    category.check_patch(&patch)?;
    let change = Change::Patch(&patch);
    let changed = changed(&settings, &robeing_id, category, &change, &headers).await?;
    let mut answer = Json(changed.in_force).into_response();
    tagged(&mut answer, &tag(changed.revision));
    Ok(answer)
}

fn may_change<'a>(
    caller: &Caller,
    robeing_id: &str,
    category: &str,
    keys: impl IntoIterator<Item = &'a str>,
) -> Result<Category> {
    robeing::may_see(caller, robeing_id)?;
    let category = named(category)?;
    for key in keys {
        let needed = category.role(key);
        if caller.role < needed {
            return Err(Error::Forbidden(format!(
                "{category}.{key} is changed by the role `{needed}` alone"
            )));
        }
    }
    Ok(category)
}

async fn changed(
    settings: &Settings,
    robeing_id: &str,
    category: Category,
    change: &Change<'_>,
    headers: &HeaderMap,
) -> Result<Changed> {
    let revisions = revisions(headers);
    let changed = settings
        .change(robeing_id, category, change, revisions.as_deref())
        .await?;
    changed.ok_or_else(|| {
        Error::PreconditionFailed(format!(
            "{category} was changed since: read it again, and send the change with its new ETag"
        ))
    })
}

/// The revisions of `If-Match`, where there is one. A tag that is none is no revision's, and a weak
/// one matches nothing. There is always something that is in force, so `*` matches all.
fn revisions(headers: &HeaderMap) -> Option<Vec<i64>> {
    let mut asked = headers.get_all(header::IF_MATCH).iter().peekable();
    asked.peek()?;
    let tags: Vec<&str> = asked
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect();
    if tags.contains(&"*") {
        return None;
    }
    let revision = |tag: &&str| tag.strip_prefix('"')?.strip_suffix('"')?.parse().ok();
    Some(tags.iter().filter_map(revision).collect())
}
