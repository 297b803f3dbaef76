//! `PUT`, `DELETE` and `PATCH` of settings: each is checked, and then made in one transaction with its entry in the audit log.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use people::Actor;
use platform::serve::ClientAddress;
use platform::{Caller, Error, Json, Path, Result, Writer};
use serde_json::{Map, Value};

use crate::category::Category;
use crate::precondition::Precondition;
use crate::read::{category_named, set_tag};
use crate::settings::{Change, Changed, Settings};

/// Set a key.
///
/// The body is the JSON value itself. Concurrent changes of other keys are not overwritten.
#[utoipa::path(
    put,
    path = "/v1/robeings/{id}/settings/{category}/{key}",
    tag = "settings",
    operation_id = "set_setting",
    params(
        ("id" = String, Path, description = "the robeing"),
        ("category" = inline(Category), Path),
        ("key" = String, Path, description = "a known key; under `skill`, any key of 1 to 100 characters"),
        ("If-Match" = Option<String>, Header, description = "revisions of the category in quotes; the key is set only if the category is at one of them. `*`: only if the key is set"),
        ("If-None-Match" = Option<String>, Header, description = "revisions of the category in quotes; the key is set only if the category is at none of them. `*`: only if the key is not set"),
    ),
    request_body(content = Value, description = "the value"),
    responses(
        (status = 200, description = "the effective value; the `ETag` is the new revision of the category", body = Value),
        (status = 400, description = "the key is unknown or doesn't accept this value, or a condition is malformed; `detail` says what is accepted"),
        (status = 403, description = "the robeing is not in the caller's scope, or only admins may change the key"),
        (status = 404, description = "the category doesn't exist"),
        (status = 412, description = "a condition of `If-Match` or `If-None-Match` is not met: for example, the category has changed since"),
        (status = 413, description = "the value is larger than 64 KiB, or the category would be larger than 256 KiB"),
        (status = 415, description = "the body is not JSON"),
        (status = 503, description = "the database is not available"),
    )
)]
pub async fn put(
    State(settings): State<Settings>,
    Writer(caller): Writer,
    ClientAddress(address): ClientAddress,
    Path((robeing_id, category, key)): Path<(String, String, String)>,
    headers: HeaderMap,
    Json(value): Json<Value>,
) -> Result<Response> {
    let category = may_change(&caller, &robeing_id, &category, [key.as_str()])?;
    category.check(&key, &value)?;
    let change = Change::Put(&key, &value);
    let actor = Actor::of(&caller, address);
    let mut changed = changed(&settings, &robeing_id, category, &change, &headers, &actor).await?;
    let value = changed.effective.remove(&key).unwrap_or_default();
    let mut response = Json(value).into_response();
    set_tag(&mut response, &changed.revision.to_string());
    Ok(response)
}

/// Remove a key, which restores its default.
#[utoipa::path(
    delete,
    path = "/v1/robeings/{id}/settings/{category}/{key}",
    tag = "settings",
    operation_id = "remove_setting",
    params(
        ("id" = String, Path, description = "the robeing"),
        ("category" = inline(Category), Path),
        ("key" = String, Path),
        ("If-Match" = Option<String>, Header, description = "revisions of the category in quotes; the key is removed only if the category is at one of them. `*`: only if the key is set"),
        ("If-None-Match" = Option<String>, Header, description = "revisions of the category in quotes; the key is removed only if the category is at none of them. `*`: only if the key is not set"),
    ),
    responses(
        (status = 204, description = "the key is not set, whether or not it was set before"),
        (status = 400, description = "the key is not possible, or a condition is malformed"),
        (status = 403, description = "the robeing is not in the caller's scope, or only admins may change the key"),
        (status = 404, description = "the category doesn't exist"),
        (status = 412, description = "a condition of `If-Match` or `If-None-Match` is not met: for example, the category has changed since"),
        (status = 503, description = "the database is not available"),
    )
)]
pub async fn remove(
    State(settings): State<Settings>,
    Writer(caller): Writer,
    ClientAddress(address): ClientAddress,
    Path((robeing_id, category, key)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Result<Response> {
    let category = may_change(&caller, &robeing_id, &category, [key.as_str()])?;
    category.check_key(&key)?;
    let change = Change::Remove(&key);
    let actor = Actor::of(&caller, address);
    let changed = changed(&settings, &robeing_id, category, &change, &headers, &actor).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    set_tag(&mut response, &changed.revision.to_string());
    Ok(response)
}

/// Change several keys of a category with a JSON Merge Patch (RFC 7396).
///
/// `null` removes a member, an object is merged into the existing one, and any other value replaces the old one.
#[utoipa::path(
    patch,
    path = "/v1/robeings/{id}/settings/{category}",
    tag = "settings",
    operation_id = "patch_category",
    params(
        ("id" = String, Path, description = "the robeing"),
        ("category" = inline(Category), Path),
        ("If-Match" = Option<String>, Header, description = "revisions of the category in quotes; it is changed only if it is at one of them. `*`: only if one of its keys is set"),
        ("If-None-Match" = Option<String>, Header, description = "revisions of the category in quotes; it is changed only if it is at none of them. `*`: only if none of its keys is set"),
    ),
    request_body(content = Object, description = "a merge patch", content_type = "application/merge-patch+json"),
    responses(
        (status = 200, description = "the effective value; the `ETag` is the new revision of the category", body = Object),
        (status = 400, description = "a key is unknown or doesn't accept its value, or a condition is malformed; nothing was changed"),
        (status = 403, description = "the robeing is not in the caller's scope, or only admins may change one of the keys"),
        (status = 404, description = "the category doesn't exist"),
        (status = 412, description = "a condition of `If-Match` or `If-None-Match` is not met: for example, the category has changed since"),
        (status = 413, description = "the patch is larger than 64 KiB, or the category would be larger than 256 KiB"),
        (status = 415, description = "the body is not JSON"),
        (status = 503, description = "the database is not available"),
    )
)]
pub async fn patch(
    State(settings): State<Settings>,
    Writer(caller): Writer,
    ClientAddress(address): ClientAddress,
    Path((robeing_id, category)): Path<(String, String)>,
    headers: HeaderMap,
    Json(patch): Json<Map<String, Value>>,
) -> Result<Response> {
    let keys = patch.keys().map(String::as_str);
    let category = may_change(&caller, &robeing_id, &category, keys)?;
    category.check_patch(&patch)?;
    let change = Change::Patch(&patch);
    let actor = Actor::of(&caller, address);
    let changed = changed(&settings, &robeing_id, category, &change, &headers, &actor).await?;
    let mut response = Json(changed.effective).into_response();
    set_tag(&mut response, &changed.revision.to_string());
    Ok(response)
}

fn may_change<'a>(
    caller: &Caller,
    robeing_id: &str,
    category: &str,
    keys: impl IntoIterator<Item = &'a str>,
) -> Result<Category> {
    robeing::may_see(caller, robeing_id)?;
    let category = category_named(category)?;
    for key in keys {
        let needed = category.role(key);
        if caller.role < needed {
            return Err(Error::Forbidden(format!(
                "only the role `{needed}` may change {category}.{key}"
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
    actor: &Actor,
) -> Result<Changed> {
    let condition = Precondition::of(headers)?;
    let changed = settings
        .change(robeing_id, category, change, &condition, actor)
        .await?;
    if let Some(changed) = changed {
        return Ok(changed);
    }
    let key = change.key();
    let state = settings.state(robeing_id, category, key).await?;
    Err(Error::PreconditionFailed(
        condition.unmet(category, key, &state),
    ))
}
