//! Callers that a database knows: people, who sign in and get a cookie, and tokens that an admin creates.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use http::{HeaderMap, HeaderValue, header};

use super::{Caller, unauthenticated};
use crate::Result;

/// The name of the cookie of a person who is signed in. Browsers send a cookie with this prefix only over TLS and
/// only to the host that set it.
pub const COOKIE: &str = "__Host-metasync";

/// Finds the callers of tokens and cookies. A function registers it with [`crate::Resources::accept_accounts`].
#[async_trait]
pub trait Accounts: Send + Sync {
    /// Whether this is the form of a token of these accounts. Only then is [`Accounts::by_token`] called, so this must
    /// not query.
    fn is_token(&self, bearer: &str) -> bool;

    /// The caller with this token. None if it is unknown, has expired, or is revoked.
    async fn by_token(&self, bearer: &str) -> Result<Option<Caller>>;

    /// The person with this cookie. None if it is unknown, has expired, or the person has signed out.
    async fn by_cookie(&self, value: &str) -> Result<Option<SignedIn>>;

    /// The person of `AUTH_MODE=open`.
    async fn local(&self) -> Result<Caller>;
}

/// A person who is signed in.
#[derive(Clone, Debug)]
pub struct SignedIn {
    pub caller: Caller,
    /// A `Set-Cookie` for the response, if the cookie is renewed.
    pub renewed: Option<HeaderValue>,
}

impl From<Caller> for SignedIn {
    fn from(caller: Caller) -> Self {
        Self {
            caller,
            renewed: None,
        }
    }
}

/// The accounts of a process, once a function has registered them.
pub(crate) type Registered = Arc<OnceLock<Arc<dyn Accounts>>>;

/// The value of the cookie, if the request has one.
///
/// # Errors
/// `Unauthenticated` if there are two: a proxy might check one of them, and this process the other.
pub(super) fn cookie(headers: &HeaderMap) -> Result<Option<&str>> {
    let lists = headers.get_all(header::COOKIE).iter();
    let cookies = lists.flat_map(|list| list.as_bytes().split(|byte| *byte == b';'));
    let mut values = cookies.filter_map(value_of);
    let first = values.next();
    if values.next().is_some() {
        return Err(unauthenticated(&format!("send one cookie `{COOKIE}`")));
    }
    let text = first.map(std::str::from_utf8).transpose();
    text.map_err(|_| unauthenticated("the cookie is not valid: sign in again"))
}

/// The value of a cookie of this name.
fn value_of(cookie: &[u8]) -> Option<&[u8]> {
    cookie
        .trim_ascii()
        .strip_prefix(COOKIE.as_bytes())?
        .strip_prefix(b"=")
}
