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

/// The value of the request's cookie with this name, if it has one.
///
/// # Errors
/// `Unauthenticated` if there are two: a proxy might check one of them, and this process the other.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>> {
    let lists = headers.get_all(header::COOKIE).iter();
    // Other cookies of the host may have bytes that are not ASCII.
    let cookies = lists.flat_map(|list| list.as_bytes().split(|byte| *byte == b';'));
    let mut values = cookies.filter_map(|cookie| {
        let value = cookie.trim_ascii().strip_prefix(name.as_bytes())?;
        value.strip_prefix(b"=")
    });
    let first = values.next();
    if values.next().is_some() {
        return Err(unauthenticated(&format!("send one cookie `{name}`")));
    }
    let text = first.map(std::str::from_utf8).transpose();
    text.map_err(|_| unauthenticated(&format!("the cookie `{name}` is not valid: sign in again")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_cookie_of_a_name_is_found_beside_others_of_any_bytes_and_two_are_refused() {
        let utf8 = "city=Zürich; name=2; x=\u{80}";
        for (lists, expected) in [
            (&["a=1; name=2; b=3"][..], Some("2")),
            (&["a=1", "name=2"], Some("2")),
            (&["name=a=b"], Some("a=b")),
            (&[utf8], Some("2")),
            (&["other-name=1; name2=1; Name=1; name"], None),
            (&[], None),
        ] {
            assert_eq!(cookie(&sent(lists), "name").unwrap(), expected, "{lists:?}");
        }
        for refused in [
            &["name=1; name=2"][..],
            &["name=1", "name=1"],
            &["name=1", utf8],
        ] {
            assert!(cookie(&sent(refused), "name").is_err(), "{refused:?}");
        }
        let mut headers = HeaderMap::new();
        let latin1 = HeaderValue::from_bytes(b"city=Z\xfcrich; name=2; bad=\xfc").unwrap();
        headers.append(header::COOKIE, latin1);
        assert_eq!(cookie(&headers, "name").unwrap(), Some("2"));
        assert!(cookie(&headers, "bad").is_err());
    }

    fn sent(lists: &[&str]) -> HeaderMap {
        let values = lists.iter().map(|list| {
            let value = HeaderValue::from_bytes(list.as_bytes());
            (header::COOKIE, value.expect("no control characters"))
        });
        values.collect()
    }
}
