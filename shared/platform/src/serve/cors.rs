//! Cross-origin requests by web pages. They are refused by browsers unless `CORS_ORIGINS` lists the page's origin.

use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, header};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::Env;
use crate::auth::cors_origins;

/// The time for which a browser remembers what it may send.
const MAX_AGE: Duration = Duration::from_secs(10 * 60);
const METHODS: [Method; 6] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
];
const SENT: [HeaderName; 5] = [
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    HeaderName::from_static("idempotency-key"),
];
const READ: [HeaderName; 7] = [
    header::ETAG,
    header::LOCATION,
    header::RETRY_AFTER,
    HeaderName::from_static("idempotency-replayed"),
    HeaderName::from_static("ratelimit"),
    HeaderName::from_static("ratelimit-policy"),
    HeaderName::from_static("x-request-id"),
];

/// The layer that answers preflight requests, which have no caller. Pages of the listed origins may send a token, and
/// never a cookie. None if no origin is listed.
pub(super) fn layer(env: &Env) -> anyhow::Result<Option<CorsLayer>> {
    let origins = cors_origins(env)?;
    if origins.is_empty() {
        return Ok(None);
    }
    let origins: Result<Vec<HeaderValue>, _> = origins.iter().map(HeaderValue::try_from).collect();
    let layer = CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins?))
        .allow_methods(METHODS)
        .allow_headers(SENT)
        .expose_headers(READ)
        .max_age(MAX_AGE);
    Ok(Some(layer))
}
