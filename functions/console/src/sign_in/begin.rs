//! `GET /auth/sign-in`: sends a person to the issuer.

use axum::extract::State;
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use http::{HeaderMap, Uri, header};
use platform::serve::ClientAddress;
use platform::{Query, Result};
use serde::Deserialize;

use super::attempts::{self, Step};
use super::login;
use super::page::Failure;
use super::{SignIn, return_to};

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// The path of this service to go to afterwards, with its query; `/` if it is missing, longer than 2,000 characters
    /// or not such a path.
    return_to: Option<String>,
    /// `other`: the issuer asks which account to use, even if there is one that it would take.
    #[param(inline)]
    account: Option<Account>,
}

#[derive(Clone, Copy, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
enum Account {
    Other,
}

/// Sign in
///
/// Redirects to the issuer. With `AUTH_MODE=open`, everybody is the local person, so it redirects to `return_to`.
#[utoipa::path(
    get,
    path = "/auth/sign-in",
    tag = "sign-in",
    operation_id = "sign_in",
    params(Parameters),
    security(()),
    responses(
        (status = 303, description = "to the issuer; a cookie keeps what the login needs for 10 minutes"),
        (status = 400, description = "the query is not valid", body = String, content_type = "text/html"),
        (status = 429, description = "more than 30 attempts per minute from this network", body = String, content_type = "text/html"),
        (status = 503, description = "sign-in is not configured, or the issuer can't be reached", body = String, content_type = "text/html"),
    )
)]
pub async fn begin(
    State(sign_in): State<SignIn>,
    address: ClientAddress,
    headers: HeaderMap,
    target: Uri,
) -> Result<Response, Failure> {
    let Query(parameters) = Query::<Parameters>::try_from_uri(&target)?;
    let return_to = return_to::local(parameters.return_to.as_deref());
    if sign_in.is_open {
        return Ok(Redirect::to(return_to).into_response());
    }
    let began = redirect(&sign_in, address, &headers, return_to, parameters.account).await;
    began.map_err(|error| Failure {
        error,
        return_to: return_to.to_owned(),
    })
}

async fn redirect(
    sign_in: &SignIn,
    address: ClientAddress,
    headers: &HeaderMap,
    return_to: &str,
    account: Option<Account>,
) -> Result<Response> {
    let issuer = sign_in.issuer()?;
    let keyring = sign_in.keyring.current();
    attempts::count(&sign_in.people, &keyring, Step::Begin, address).await?;
    let now = sign_in.now();
    let (login, mut url) = issuer.begin(return_to, now).await?;
    if let Some(Account::Other) = account {
        url.query_pairs_mut()
            .append_pair("prompt", "select_account");
    }
    let added = login.header(&keyring)?;
    let mut cookies = login::dispensable(&keyring, headers, now, added.len());
    cookies.push(added);
    let cookies = cookies.into_iter().map(|it| (header::SET_COOKIE, it));
    let redirect = Redirect::to(url.as_str());
    Ok((AppendHeaders(cookies), redirect).into_response())
}
