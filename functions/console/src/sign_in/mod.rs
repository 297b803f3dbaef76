//! Sign-in with OpenID Connect: authorization code, PKCE, `state` and `nonce`.
//!
//! A person opens a page without a cookie and is sent to `GET /auth/sign-in`, which sends them to the issuer and keeps
//! the secrets of the login in an encrypted cookie of its own ([`login`]). The issuer sends them back to `GET /auth/callback`. It
//! redeems the code for an ID token ([`issuer`]), finds or creates the person ([`people::sign_in`]), sets the cookie of
//! the sign-in and returns to the page. `POST /api/auth/google` does the same with an ID token that the page got from
//! Google's button.

mod attempts;
mod begin;
mod callback;
mod configuration;
mod credential;
mod discovery;
mod home;
mod http;
mod identity;
mod issuer;
mod login;
mod me;
mod page;
mod return_to;
mod sign_out;
mod user_info;

use std::sync::Arc;
use std::time::SystemTime;

use ::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::map_response;
use axum::response::Response;
use people::People;
use people::keyring::Keyring;
use platform::auth;
use platform::secrets::Rotating;
use platform::serve::{Class, ClientAddress, body_limit, rate_class};
use platform::telemetry::{Unit, metric};
use platform::{Clock, Error, Resources, Result, Router, routes};

use configuration::Configuration;
use issuer::{Identified, Issuer};

/// The largest body: an ID token and a few fields.
const MAX_BODY: usize = 32 * 1024;

/// How far the clock of the issuer may be ahead, in seconds.
const LARGEST_SKEW: u64 = 60;

/// What the handlers share.
#[derive(Clone)]
pub struct SignIn(Arc<Inner>);

pub struct Inner {
    people: People,
    keyring: Rotating<Keyring>,
    /// None if sign-in is not configured.
    issuer: Option<Issuer>,
    clock: Clock,
    /// Whether everybody is the local person.
    is_open: bool,
}

impl std::ops::Deref for SignIn {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// The routes of sign-in, of the person who is signed in, and the page that shows who that is.
pub fn routes(resources: &Resources) -> anyhow::Result<Router> {
    let ingress = resources.ingress();
    for route in ["/auth/sign-in", "/auth/callback", "/auth/signed-out"] {
        ingress.accept_anybody(Method::GET, route);
    }
    ingress.accept_anybody(Method::POST, "/api/auth/google");
    for route in ["/", "/auth/sign-out", "/api/me", "/api/me/token"] {
        ingress.accept_cookies(route);
    }
    let configuration = Configuration::of(resources.env())?;
    let issuer = configuration.map(|it| Issuer::open(resources, it));
    let state = Inner {
        people: People::open(resources)?,
        keyring: resources.rotating(Keyring::of)?,
        issuer: issuer.transpose()?,
        is_open: resources.auth().is_ok_and(|auth| auth.is_open()),
        clock: resources.clock().clone(),
    };
    let no_referrer: Header = (
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    // Without a referrer, a form has no origin either, which the check of a change needs.
    let same_origin: Header = (
        header::REFERRER_POLICY,
        HeaderValue::from_static("same-origin"),
    );
    let auth_routes = Router::new()
        .routes(routes!(begin::begin))
        .routes(routes!(callback::callback))
        .routes(routes!(sign_out::sign_out))
        .routes(routes!(sign_out::signed_out))
        .layer(map_response(move |it| {
            with_headers(it, no_referrer.clone())
        }));
    let other_routes = Router::new()
        .routes(routes!(home::home))
        .routes(routes!(credential::sign_in))
        .routes(routes!(me::read, me::change))
        .merge(
            Router::new()
                .routes(routes!(me::token))
                .layer(rate_class(Class::Administration)),
        )
        .layer(map_response(move |it| {
            with_headers(it, same_origin.clone())
        }));
    Ok(auth_routes
        .merge(other_routes)
        .layer(body_limit(MAX_BODY))
        .with_state(SignIn(Arc::new(state))))
}

type Header = (HeaderName, HeaderValue);

async fn with_headers(mut response: Response, referrer: Header) -> Response {
    response.headers_mut().extend(page::HEADERS);
    response.headers_mut().extend([referrer]);
    response
}

impl Inner {
    fn issuer(&self) -> Result<&Issuer> {
        self.issuer.as_ref().ok_or_else(|| Error::Unavailable {
            detail: "sign-in is not configured: set SIGN_IN_CLIENT_ID, and register the client at the issuer"
                .to_owned(),
            cause: None,
        })
    }

    /// The time in seconds since 1970.
    fn now(&self) -> u64 {
        let now = self.clock.now().wall();
        let now = now.duration_since(SystemTime::UNIX_EPOCH);
        now.unwrap_or_default().as_secs()
    }

    /// Signs a person in by an ID token, once. The sign-in that the browser had before ends, so that nobody has its
    /// cookie.
    async fn complete(
        &self,
        identified: &Identified,
        ClientAddress(address): ClientAddress,
        headers: &HeaderMap,
    ) -> Result<people::sign_in::SignIn> {
        // The age of such a token is not known, so it could be used again after the mark of its use is gone.
        let latest = self.now() + LARGEST_SKEW;
        if identified.issued_at.is_some_and(|at| at > latest) {
            return Err(Error::Unauthenticated(
                "the ID token was issued in the future: check the clocks of this service and of the issuer"
                    .to_owned(),
            ));
        }
        if !self.people.use_state(&identified.signed).await? {
            return Err(Error::Unauthenticated(
                "the ID token was used before: sign in again".to_owned(),
            ));
        }
        let identity = &identified.identity;
        let policy = &self.issuer()?.configuration().policy;
        let before = auth::cookie(headers, auth::COOKIE).ok().flatten();
        let people = &self.people;
        people.sign_in(identity, policy, address, before).await
    }
}

/// The cookie of the sign-in by which a request is authenticated. None if it has other credentials.
fn cookie_of(headers: &HeaderMap) -> Result<Option<&str>> {
    match headers.contains_key(header::AUTHORIZATION) {
        true => Ok(None),
        false => auth::cookie(headers, auth::COOKIE),
    }
}

/// Counts a refused attempt to sign in. That the issuer or the database is down is no attempt.
fn count_failure(error: &Error) {
    if error.status().is_client_error() {
        metric("failed_sign_ins", Unit::Count, 1.0);
    }
}
