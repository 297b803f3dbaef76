//! Requests of people who are signed in with a cookie: the way to sign-in, and the renewal of the cookie.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::auth::COOKIE;

const SIGN_IN: &str = "/auth/sign-in";
/// Everything except the unreserved characters of RFC 3986.
const COMPONENT: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Whether a browser asks for a page, which redirects to sign-in if there is no caller.
pub(super) fn wants_page(method: &Method, headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter();
    let mut types = accepted
        .filter_map(|accepted| accepted.to_str().ok())
        .flat_map(|accepted| accepted.split(','))
        .map(|accepted| accepted.split(';').next().unwrap_or_default().trim());
    [Method::GET, Method::HEAD].contains(method)
        && types.any(|it| it.eq_ignore_ascii_case("text/html"))
}

/// Redirects to sign-in, and from there back to the page.
pub(super) fn to_sign_in(page: &Uri) -> Response {
    let page = page.path_and_query().map_or("/", |page| page.as_str());
    let page = utf8_percent_encode(page, &COMPONENT);
    let location = format!("{SIGN_IN}?return_to={page}");
    let headers = [
        (header::LOCATION, location.as_str()),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (StatusCode::SEE_OTHER, headers).into_response()
}

/// Adds the renewed cookie, unless the response sets or removes the cookie itself, as sign-out does.
pub(super) fn renew(response: &mut Response, renewed: HeaderValue) {
    let headers = response.headers_mut();
    let sets = |cookie: &HeaderValue| {
        let rest = cookie.as_bytes().strip_prefix(COOKIE.as_bytes());
        rest.is_some_and(|rest| rest.starts_with(b"="))
    };
    if headers.get_all(header::SET_COOKIE).iter().any(sets) {
        return;
    }
    headers.append(header::SET_COOKIE, renewed);
    // A shared cache must not hand the cookie to others.
    let no_store = HeaderValue::from_static("no-store");
    headers.insert(header::CACHE_CONTROL, no_store);
}
