//! `POST /auth/sign-out`.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderMap, header};
use people::Actor;
use platform::serve::ClientAddress;
use platform::{Caller, Result};

use super::{SignIn, cookie_of};

/// Sign out
///
/// Ends the sign-in of this browser, and the tokens that came from it.
#[utoipa::path(
    post,
    path = "/auth/sign-out",
    tag = "sign-in",
    operation_id = "sign_out",
    responses(
        (status = 303, description = "to `/`; the cookie is removed"),
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
    Ok((removed, Redirect::to("/")).into_response())
}
