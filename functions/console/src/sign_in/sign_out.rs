//! `POST /auth/sign-out`, and `GET /auth/signed-out`, where it leads.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderMap, header};
use people::Actor;
use platform::serve::ClientAddress;
use platform::{Caller, Result};

use super::page::page;
use super::{SignIn, cookie_of};

/// Sign out
///
/// Ends the sign-in of this browser, and the tokens that came from it. The session at the issuer stays.
#[utoipa::path(
    post,
    path = "/auth/sign-out",
    tag = "sign-in",
    operation_id = "sign_out",
    responses(
        (status = 303, description = "to `/auth/signed-out`; the cookie is removed"),
        (status = 403, description = "the request may come from a page of another origin"),
        (status = 503, description = "the database is not available"),
    )
)]
pub async fn sign_out(
    State(sign_in): State<SignIn>,
    caller: Caller,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
) -> Result<Response> {
    if let Some(cookie) = cookie_of(&headers)? {
        let actor = Actor::of(&caller, address);
        sign_in.people.sign_out(cookie, &actor).await?;
    }
    let removed = [(header::SET_COOKIE, people::cookie::removed())];
    // A page that needs a sign-in would lead to the issuer, whose own session signs the person in again.
    Ok((removed, Redirect::to("/auth/signed-out")).into_response())
}

/// See that the sign-in has ended
///
/// The page has a link to sign in again, for which the issuer asks which account to use.
#[utoipa::path(
    get,
    path = "/auth/signed-out",
    tag = "sign-in",
    operation_id = "signed_out",
    security(()),
    responses((status = 200, description = "a page", body = String, content_type = "text/html"))
)]
pub async fn signed_out() -> Response {
    page(
        "You are signed out",
        "<p><a href=\"/auth/sign-in?account=other\">Sign in again</a></p>\n",
    )
}
