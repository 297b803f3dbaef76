//! `POST /api/auth/google`: signs a person in by an ID token that a page got from Google's button.

use axum::extract::{FromRequest, Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, header};
use people::person::Person;
use platform::auth::{self, Role};
use platform::serve::ClientAddress;
use platform::{Error, Json, RawBody, Result};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use url::form_urlencoded;
use uuid::Uuid;

use super::attempts::{self, Step};
use super::{SignIn, count_failure};

const FORM: &str = "application/x-www-form-urlencoded";
/// The cookie and the field with which Google's button protects its form.
const FORM_TOKEN: &str = "g_csrf_token";
/// The largest age of an ID token, in seconds. It can be used once, and the mark of its use stays for an hour, which is
/// longer than this.
const LARGEST_AGE: u64 = 10 * 60;

/// What Google's button passes to the page. Other fields are ignored.
#[derive(Deserialize, utoipa::ToSchema)]
pub struct Credential {
    /// The ID token.
    credential: String,
}

/// The form that Google's button sends.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "it describes the fields of the form")]
pub struct CredentialForm {
    /// The ID token.
    credential: String,
    /// The value of the cookie `g_csrf_token`.
    g_csrf_token: String,
}

impl<S: Send + Sync> FromRequest<S> for Credential {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self> {
        let headers = request.headers();
        let kind = headers.get(header::CONTENT_TYPE);
        let kind = kind.and_then(|it| it.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case(FORM) {
            let Json(credential) = Json::from_request(request, state).await?;
            return Ok(credential);
        }
        let expected = auth::cookie(headers, FORM_TOKEN)
            .ok()
            .flatten()
            .map(str::to_owned);
        let RawBody(body) = RawBody::from_request(request, state).await?;
        let fields = || form_urlencoded::parse(&body);
        let field = |name: &str| fields().find(|(its, _)| its == name).map(|(_, it)| it);
        let sent = field(FORM_TOKEN).unwrap_or_default();
        let expected = expected.unwrap_or_default();
        let is_same: bool = expected.as_bytes().ct_eq(sent.as_bytes()).into();
        if expected.is_empty() || !is_same {
            return Err(Error::Forbidden(
                "the field and the cookie `g_csrf_token` must be the same: use Google's button again"
                    .to_owned(),
            ));
        }
        let credential = field("credential");
        let credential =
            credential.ok_or_else(|| Error::Invalid("missing field `credential`".to_owned()))?;
        Ok(Self {
            credential: credential.into_owned(),
        })
    }
}

/// A person who has just signed in.
#[derive(Serialize, utoipa::ToSchema)]
pub struct SignedIn {
    user_id: Uuid,
    email: Option<String>,
    name: Option<String>,
    /// The URL of a picture.
    picture: Option<String>,
    role: Role,
}

impl From<Person> for SignedIn {
    fn from(person: Person) -> Self {
        Self {
            user_id: person.id,
            email: person.email,
            name: person.name,
            picture: person.picture,
            role: person.role,
        }
    }
}

/// Sign in with Google's button
///
/// The page passes on the ID token that the button gave it, as JSON or as the form of the button. The token must have
/// been created for `SIGN_IN_CLIENT_ID` in the last 10 minutes, and can be used once. The request must come from a page
/// of this service.
#[utoipa::path(
    post,
    path = "/api/auth/google",
    tag = "sign-in",
    operation_id = "sign_in_with_google",
    security(()),
    request_body(content((Credential = "application/json"), (CredentialForm = "application/x-www-form-urlencoded"))),
    responses(
        (status = 200, description = "the person is signed in: the cookie `__Host-metasync` is set", body = SignedIn),
        (status = 401, description = "the ID token is not valid, or was used before"),
        (status = 403, description = "the person may not sign in, or the request may come from a page of another origin"),
        (status = 415, description = "the body is neither JSON nor a form"),
        (status = 429, description = "more than 30 attempts per minute from this network"),
        (status = 503, description = "sign-in is not configured, or the issuer can't be reached"),
    )
)]
pub async fn sign_in(
    State(sign_in): State<SignIn>,
    address: ClientAddress,
    headers: HeaderMap,
    request: Request,
) -> Result<Response> {
    let attempted = attempt(&sign_in, address, &headers, request).await;
    let (cookie, person) = attempted.inspect_err(count_failure)?;
    let cookie = [(header::SET_COOKIE, cookie)];
    Ok((cookie, Json(SignedIn::from(person))).into_response())
}

async fn attempt(
    sign_in: &SignIn,
    address: ClientAddress,
    headers: &HeaderMap,
    request: Request,
) -> Result<(HeaderValue, Person)> {
    let issuer = sign_in.issuer()?;
    let keyring = sign_in.keyring.current();
    attempts::count(&sign_in.people, &keyring, Step::Credential, address).await?;
    let Credential { credential } = Credential::from_request(request, &()).await?;
    let identified = issuer.identify(&credential).await?;
    let issued_at = identified.issued_at;
    let is_recent = issued_at.is_some_and(|at| sign_in.now().saturating_sub(at) < LARGEST_AGE);
    if !is_recent {
        return Err(Error::Unauthenticated(
            "the ID token is older than 10 minutes: use the button again".to_owned(),
        ));
    }
    let signed_in = sign_in.complete(&identified, address, headers).await?;
    Ok((signed_in.cookie, signed_in.person))
}
