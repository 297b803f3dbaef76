//! `GET /auth/callback`: the issuer sends a person back.

use axum::extract::State;
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use http::{HeaderMap, Uri, header};
use platform::serve::ClientAddress;
use platform::{Error, Query, Result};
use serde::Deserialize;

use super::attempts::{self, Step};
use super::login::Login;
use super::page::Failure;
use super::{SignIn, count_failure};

/// The longest code, in characters. OAuth 2.0 sets no limit.
const LONGEST_CODE: usize = 4_096;

/// Issuers add parameters of their own.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// What the login began with.
    state: Option<String>,
    code: Option<String>,
    /// Why there is no code.
    error: Option<String>,
    /// The issuer (RFC 9207).
    iss: Option<String>,
}

/// Complete a sign-in
///
/// The issuer redirects here. A login can be completed once, and only in the browser in which it began.
#[utoipa::path(
    get,
    path = "/auth/callback",
    tag = "sign-in",
    operation_id = "complete_sign_in",
    params(Parameters),
    security(()),
    responses(
        (status = 303, description = "the person is signed in: the cookie `__Host-metasync` is set"),
        (status = 400, description = "no login began in this browser with this `state`, it was completed before, or it took more than 10 minutes", body = String, content_type = "text/html"),
        (status = 401, description = "the issuer did not identify the person", body = String, content_type = "text/html"),
        (status = 403, description = "the person may not sign in", body = String, content_type = "text/html"),
        (status = 429, description = "more than 30 attempts per minute from this network", body = String, content_type = "text/html"),
        (status = 503, description = "sign-in is not configured, or the issuer can't be reached", body = String, content_type = "text/html"),
    )
)]
pub async fn callback(
    State(sign_in): State<SignIn>,
    address: ClientAddress,
    headers: HeaderMap,
    target: Uri,
) -> Response {
    let mut return_to = "/".to_owned();
    // The cookie of a login that is over, whatever came of it. Those of other tabs go on.
    let mut ended = None;
    let completed = async {
        let issuer = sign_in.issuer()?;
        let keyring = sign_in.keyring.current();
        attempts::count(&sign_in.people, &keyring, Step::Callback, address).await?;
        let Query(parameters) = Query::<Parameters>::try_from_uri(&target)?;
        let state = parameters.state.as_deref().unwrap_or_default();
        let login = Login::open(&keyring, &headers, state, sign_in.now());
        let login = login.ok_or_else(|| {
            Error::Invalid(
                "this login did not begin in this browser, or it took more than 10 minutes: sign in again"
                    .to_owned(),
            )
        })?;
        return_to.clone_from(&login.return_to);
        // A login that can't be completed now can be once the issuer is there again.
        let endpoints = issuer.endpoints().await?;
        let is_first = sign_in.people.use_state(&login.state).await?;
        ended = Some(login.removed());
        if !is_first {
            return Err(Error::Invalid(
                "this login was completed before: sign in again".to_owned(),
            ));
        }
        issuer.check(&endpoints, &login, parameters.iss.as_deref())?;
        let code = code(&parameters)?;
        let identified = issuer.redeem(&endpoints, code, &login).await?;
        sign_in.complete(&identified, address, &headers).await
    };
    let completed = completed.await;
    let response = match completed {
        Ok(completed) => {
            let cookie = [(header::SET_COOKIE, completed.cookie)];
            (cookie, Redirect::to(&return_to)).into_response()
        }
        Err(error) => {
            count_failure(&error);
            Failure { error, return_to }.into_response()
        }
    };
    let ended = ended.map(|cookie| (header::SET_COOKIE, cookie));
    (AppendHeaders(ended), response).into_response()
}

/// The code, or why there is none. The issuer's own text is not repeated.
fn code(parameters: &Parameters) -> Result<&str> {
    match parameters.error.as_deref() {
        None => {}
        Some("access_denied") => {
            return Err(Error::Forbidden(
                "the issuer says that sign-in was cancelled".to_owned(),
            ));
        }
        Some("server_error" | "temporarily_unavailable") => {
            return Err(Error::Unavailable {
                detail: "the issuer is not available: try again later".to_owned(),
                cause: None,
            });
        }
        Some(_) => {
            return Err(Error::Unauthenticated(
                "the issuer did not sign you in".to_owned(),
            ));
        }
    }
    let code = parameters.code.as_deref().unwrap_or_default();
    if code.is_empty() || code.len() > LONGEST_CODE {
        return Err(Error::Invalid("the issuer sent no valid code".to_owned()));
    }
    Ok(code)
}
