//! `/v1/people`: who may sign in, with which rights.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use people::People;
use people::invitation::{Invitation, Invited};
use people::person::{Change, Person};
use platform::auth::{Admin, Role, Scope};
use platform::extract::{Conditions, page_limit};
use platform::serve::ClientAddress;
use platform::{Cursor, Error, Json, Path, Query, Result, idempotency};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::administration::{Administrator, etag, location, page};

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PeopleParams {
    /// Only people with this address, in upper or lower case.
    email: Option<String>,
    /// The most items per page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<i64>,
    /// The `next` of the previous page.
    #[param(value_type = Option<Uuid>)]
    after: Option<Cursor<Uuid>>,
}

#[derive(Serialize, ToSchema)]
pub struct PersonPage {
    items: Vec<Person>,
    /// The cursor of the next page, to be sent as `after`; null on the last page.
    next: Option<Uuid>,
}

/// A person to invite.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPerson {
    /// The address that the issuer must have verified at the first sign-in.
    #[schema(max_length = 254)]
    email: String,
    #[schema(default = "reader")]
    role: Option<Role>,
    /// The names per kind: `{"robeings": ["sales"], "datasets": ["*"]}`. `{"*": ["*"]}` is everything. Default: nothing.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    scope: Scope,
}

/// What to change. What is missing or null stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonChange {
    role: Option<Role>,
    /// The new names per kind, which replace all the old ones.
    #[schema(value_type = Option<Object>)]
    scope: Option<Scope>,
    /// False ends all sign-ins of the person, and refuses new ones.
    is_active: Option<bool>,
}

/// List people, newest first.
///
/// The list has the people whose scope is within the caller's.
#[utoipa::path(
    get,
    path = "/v1/people",
    tag = "people",
    operation_id = "list_people",
    params(PeopleParams),
    responses(
        (status = 200, description = "one page", body = PersonPage),
        (status = 400, description = "a parameter is invalid"),
        (status = 403, description = "the caller is not an admin"),
        (status = 503, description = "the database is not available"),
    )
)]
pub async fn list(
    State(people): State<People>,
    Admin(caller): Admin,
    Query(params): Query<PeopleParams>,
) -> Result<Json<PersonPage>> {
    let limit = page_limit(params.limit, 50)?;
    let after = params.after.map(|Cursor(id)| id);
    let email = params.email.as_deref();
    let found = people
        .people(&caller.scope, email, after, limit + 1)
        .await?;
    let (items, next) = page(found, limit, |person| person.id);
    Ok(Json(PersonPage { items, next }))
}

/// Invite a person.
///
/// The person takes the invitation at the first sign-in with this address. MetaSync sends no mail.
#[utoipa::path(
    post,
    path = "/v1/people",
    tag = "people",
    operation_id = "invite_person",
    params(("Idempotency-Key" = Option<String>, Header, description = "requests with the same key invite once; at most 512 characters")),
    request_body = NewPerson,
    responses(
        (status = 201, description = "invited; the `Location` header has the URL of the person", body = Person),
        (status = 200, description = "invited by an earlier request with this key: the person as they are now, with `Idempotency-Replayed: true`", body = Person),
        (status = 400, description = "the address or the scope is invalid"),
        (status = 403, description = "the caller is not an admin, or the scope exceeds the caller's"),
        (status = 409, description = "somebody with this address was invited or has signed in"),
        (status = 415, description = "the body is not JSON"),
        (status = 422, description = "the key was used for another invitation"),
        (status = 503, description = "the database is not available"),
    )
)]
pub async fn invite(
    State(people): State<People>,
    admin: Admin,
    address: ClientAddress,
    headers: HeaderMap,
    Json(new): Json<NewPerson>,
) -> Result<Response> {
    let admin = Administrator::new(admin, address);
    let key = admin.key(&headers)?;
    let invitation = Invitation {
        email: new.email,
        role: new.role.unwrap_or(Role::Reader),
        scope: new.scope,
    };
    let by = admin.grantor();
    let Invited { person, is_new } = people.invite(&invitation, key.as_ref(), &by).await?;
    let headers = [etag(person.revision), location("/v1/people", person.id)];
    if is_new {
        return Ok((StatusCode::CREATED, headers, Json(person)).into_response());
    }
    let replayed = [(idempotency::REPLAYED, HeaderValue::from_static("true"))];
    Ok((headers, replayed, Json(person)).into_response())
}

/// Show a person.
#[utoipa::path(
    get,
    path = "/v1/people/{id}",
    tag = "people",
    operation_id = "read_person",
    params(("id" = Uuid, Path)),
    responses(
        (status = 200, description = "the person; the `ETag` is the revision", body = Person),
        (status = 400, description = "the id is not a UUID"),
        (status = 403, description = "the caller is not an admin"),
        (status = 404, description = "there is no such person, or their scope exceeds the caller's"),
        (status = 503, description = "the database is not available"),
    )
)]
pub async fn read(
    State(people): State<People>,
    Admin(caller): Admin,
    Path(id): Path<Uuid>,
) -> Result<Response> {
    let person = people.person(&caller.scope, id).await?;
    Ok(([etag(person.revision)], Json(person)).into_response())
}

/// Change the rights of a person, or deactivate them.
///
/// Every function acts on the change within a second.
#[utoipa::path(
    patch,
    path = "/v1/people/{id}",
    tag = "people",
    operation_id = "change_person",
    params(
        ("id" = Uuid, Path),
        ("If-Match" = Option<String>, Header, description = "revisions in quotes; the person is changed only if they are at one of them"),
        ("If-None-Match" = Option<String>, Header, description = "revisions in quotes; the person is changed only if they are at none of them"),
    ),
    request_body = PersonChange,
    responses(
        (status = 200, description = "the person; the `ETag` is the new revision", body = Person),
        (status = 400, description = "the body has nothing to change, or a value is invalid"),
        (status = 403, description = "the caller is not an admin, is this person, or would grant more than their own scope"),
        (status = 404, description = "there is no such person, or their scope exceeds the caller's"),
        (status = 409, description = "the person is the last admin of everything"),
        (status = 412, description = "a condition of `If-Match` or `If-None-Match` is not met"),
        (status = 415, description = "the body is not JSON"),
        (status = 503, description = "the database is not available"),
    )
)]
pub async fn change(
    State(people): State<People>,
    admin: Admin,
    address: ClientAddress,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
    Json(change): Json<PersonChange>,
) -> Result<Response> {
    let admin = Administrator::new(admin, address);
    let change = Change {
        role: change.role,
        scope: change.scope,
        is_active: change.is_active,
    };
    if change.is_empty() {
        return Err(Error::Invalid(
            "there is nothing to change: send `role`, `scope` or `is_active`".to_owned(),
        ));
    }
    let revision = revision(&people, &admin, id, &headers).await?;
    let by = admin.grantor();
    let person = people.change(id, &change, revision, &by).await?;
    Ok(([etag(person.revision)], Json(person)).into_response())
}

/// The revision that meets the conditions of a request, which must be the current one at the change as well; none
/// without conditions.
async fn revision(
    people: &People,
    admin: &Administrator,
    id: Uuid,
    headers: &HeaderMap,
) -> Result<Option<i64>> {
    let conditions = Conditions::of(headers)?;
    let names = [header::IF_MATCH, header::IF_NONE_MATCH];
    if !names.iter().any(|name| headers.contains_key(name)) {
        return Ok(None);
    }
    let revision = people.person(admin.reach(), id).await?.revision;
    conditions.check(Some(&revision.to_string()))?;
    Ok(Some(revision))
}

/// Erase a person.
///
/// Removes the account, its sign-ins and its tokens, and who the person is from the audit log, which keeps what was
/// done. What the person wrote elsewhere stays: `POST /v1/erasures` erases that as well.
#[utoipa::path(
    delete,
    path = "/v1/people/{id}",
    tag = "people",
    operation_id = "erase_person",
    params(("id" = Uuid, Path)),
    responses(
        (status = 204, description = "the person is erased"),
        (status = 400, description = "the id is not a UUID"),
        (status = 403, description = "the caller is not an admin, or is this person"),
        (status = 404, description = "there is no such person, or their scope exceeds the caller's"),
        (status = 409, description = "the person is the last admin of everything"),
        (status = 503, description = "the database is not available"),
    )
)]
pub async fn erase(
    State(people): State<People>,
    admin: Admin,
    address: ClientAddress,
    Path(id): Path<Uuid>,
) -> Result<StatusCode> {
    let admin = Administrator::new(admin, address);
    people.erase(id, &admin.grantor()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// End all sign-ins of a person.
///
/// Their cookies and the tokens that came from these are refused within a second. The person may sign in again.
#[utoipa::path(
    delete,
    path = "/v1/people/{id}/sign-ins",
    tag = "people",
    operation_id = "end_sign_ins",
    params(("id" = Uuid, Path)),
    responses(
        (status = 204, description = "the person is signed out everywhere"),
        (status = 400, description = "the id is not a UUID"),
        (status = 403, description = "the caller is not an admin"),
        (status = 404, description = "there is no such person, or their scope exceeds the caller's"),
        (status = 503, description = "the database is not available"),
    )
)]
pub async fn end_sign_ins(
    State(people): State<People>,
    admin: Admin,
    address: ClientAddress,
    Path(id): Path<Uuid>,
) -> Result<StatusCode> {
    let admin = Administrator::new(admin, address);
    people.end_sign_ins(id, &admin.grantor()).await?;
    Ok(StatusCode::NO_CONTENT)
}
