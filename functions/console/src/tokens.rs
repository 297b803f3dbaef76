//! `/v1/tokens`: the tokens of services.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use jiff::Timestamp;
use people::People;
use people::token::{Created, NewToken, Token};
use platform::auth::{Admin, Auth, Role, Scope};
use platform::extract::page_limit;
use platform::serve::ClientAddress;
use platform::{Cursor, Json, Path, Query, Result};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::administration::{Administrator, location, page};

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TokenParams {
    /// The most items per page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<i64>,
    /// The `next` of the previous page.
    #[param(value_type = Option<Uuid>)]
    after: Option<Cursor<Uuid>>,
}

#[derive(Serialize, ToSchema)]
pub struct TokenPage {
    items: Vec<Token>,
    /// The cursor of the next page, to be sent as `after`; null on the last page.
    next: Option<Uuid>,
}

/// A token to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    /// The name of the service, which its requests have in logs. One token at a time has a name, unless it is revoked,
    /// and none has a name in `AUTH_TOKENS`.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    role: Role,
    /// The names per kind: `{"robeings": ["sales"], "datasets": ["*"]}`. `{"*": ["*"]}` is everything. Default: nothing.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    scope: Scope,
    /// Default: the token is valid until it is revoked.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

/// A new token.
#[derive(Serialize, ToSchema)]
pub struct CreatedToken {
    #[serde(flatten)]
    token: Token,
    /// To be sent as `Authorization: Bearer`. It is not stored, and not shown again.
    secret: String,
}

/// List tokens, newest first, with those that have expired or are revoked.
///
/// The list has the tokens whose scope is within the caller's.
#[utoipa::path(
    get,
    path = "/v1/tokens",
    tag = "tokens",
    operation_id = "list_tokens",
    params(TokenParams),
    responses(
        (status = 200, description = "one page", body = TokenPage),
        (status = 400, description = "a parameter is invalid"),
        (status = 403, description = "the caller is not an admin"),
        (status = 503, description = "the database is not available"),
    )
)]
pub async fn list(
    State(people): State<People>,
    Admin(caller): Admin,
    Query(params): Query<TokenParams>,
) -> Result<Json<TokenPage>> {
    let limit = page_limit(params.limit, 50)?;
    let after = params.after.map(|Cursor(id)| id);
    let found = people.tokens(&caller.scope, after, limit + 1).await?;
    let (items, next) = page(found, limit, |token| token.id);
    Ok(Json(TokenPage { items, next }))
}

/// Create a token.
///
/// The response has its secret, which is not stored. A retry with the same `Idempotency-Key` therefore returns 409 with
/// the id of the token: revoke that token, and create another one.
#[utoipa::path(
    post,
    path = "/v1/tokens",
    tag = "tokens",
    operation_id = "create_token",
    params(("Idempotency-Key" = Option<String>, Header, description = "requests with the same key create one token; at most 512 characters")),
    request_body = TokenRequest,
    responses(
        (status = 201, description = "created; the `Location` header has the URL of the token", body = CreatedToken),
        (status = 400, description = "the name, the scope or the expiry is invalid"),
        (status = 403, description = "the caller is not an admin, or the scope exceeds the caller's"),
        (status = 409, description = "a token of this name is not revoked, or is in `AUTH_TOKENS`; or an earlier request with this key created the token"),
        (status = 415, description = "the body is not JSON"),
        (status = 422, description = "the key was used for another token"),
        (status = 503, description = "the database is not available"),
    )
)]
pub async fn create(
    State(people): State<People>,
    State(auth): State<Option<Auth>>,
    admin: Admin,
    address: ClientAddress,
    headers: HeaderMap,
    Json(new): Json<TokenRequest>,
) -> Result<Response> {
    let admin = Administrator::new(admin, address);
    let key = admin.key(&headers)?;
    let new = NewToken {
        name: new.name,
        role: new.role,
        scope: new.scope,
        expires_at: new.expires_at,
    };
    if let Some(auth) = &auth {
        new.check_name_is_free(auth)?;
    }
    let by = admin.grantor();
    let Created { token, secret } = people.create_token(&new, key.as_ref(), &by).await?;
    let not_kept = (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let headers = [location("/v1/tokens", token.id), not_kept];
    let body = Json(CreatedToken { token, secret });
    Ok((StatusCode::CREATED, headers, body).into_response())
}

/// Show a token, without its secret.
#[utoipa::path(
    get,
    path = "/v1/tokens/{id}",
    tag = "tokens",
    operation_id = "read_token",
    params(("id" = Uuid, Path)),
    responses(
        (status = 200, description = "the token", body = Token),
        (status = 400, description = "the id is not a UUID"),
        (status = 403, description = "the caller is not an admin"),
        (status = 404, description = "there is no such token, or its scope exceeds the caller's"),
        (status = 503, description = "the database is not available"),
    )
)]
pub async fn read(
    State(people): State<People>,
    Admin(caller): Admin,
    Path(id): Path<Uuid>,
) -> Result<Json<Token>> {
    people.token(&caller.scope, id).await.map(Json)
}

/// Revoke a token.
///
/// Every function refuses it within a second, for ever. Revoking it again changes nothing.
#[utoipa::path(
    delete,
    path = "/v1/tokens/{id}",
    tag = "tokens",
    operation_id = "revoke_token",
    params(("id" = Uuid, Path)),
    responses(
        (status = 204, description = "the token is revoked"),
        (status = 400, description = "the id is not a UUID"),
        (status = 403, description = "the caller is not an admin"),
        (status = 404, description = "there is no such token, or its scope exceeds the caller's"),
        (status = 503, description = "the database is not available"),
    )
)]
pub async fn revoke(
    State(people): State<People>,
    admin: Admin,
    address: ClientAddress,
    Path(id): Path<Uuid>,
) -> Result<StatusCode> {
    let admin = Administrator::new(admin, address);
    people.revoke_token(id, &admin.grantor()).await?;
    Ok(StatusCode::NO_CONTENT)
}
