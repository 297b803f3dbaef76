//! Responses: encodings, entity tags and freshness headers.

use std::time::Duration;

use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, StatusCode};
use platform::extract::Tags;
use serde::Serialize;

use crate::cache::{Level, Served};
use crate::view::{Encoding, View, digest};

pub const JSON: &str = "application/json";
pub const TEXT: &str = "text/plain; charset=utf-8";

const CACHE: HeaderName = HeaderName::from_static("metasync-cache");
const VERSION: HeaderName = HeaderName::from_static("metasync-version");

/// Smaller bodies, in bytes, are not compressed, because that saves no packet.
const WORTH_COMPRESSING: usize = 1_024;

/// The whole document, in the encoding that the caller prefers.
pub async fn whole(request: &HeaderMap, view: &View) -> platform::Result<Response> {
    let encoding = accepted(request).best;
    let tag = tag(&view.tag(), encoding);
    if has(request, &tag) {
        return Ok(not_modified(&tag));
    }
    Ok(variant(JSON, encoding, &tag, view.encoded(encoding).await?))
}

pub async fn json<T: Serialize>(request: &HeaderMap, value: &T) -> platform::Result<Response> {
    let body = serde_json::to_vec(value).map_err(anyhow::Error::from)?;
    part(request, JSON, body).await
}

/// A response that is built for this request. Its tag is the hash of its bytes, so that a new version that
/// does not affect them keeps the caller's copy valid.
pub async fn part(
    request: &HeaderMap,
    content_type: &'static str,
    body: Vec<u8>,
) -> platform::Result<Response> {
    let accepted = accepted(request);
    let encoding = if body.len() < WORTH_COMPRESSING && accepted.plain {
        Encoding::Identity
    } else {
        accepted.best
    };
    let tag = tag(&digest(&body), encoding);
    if has(request, &tag) {
        return Ok(not_modified(&tag));
    }
    let encode = move || encoding.encode(&body, 0);
    let encoded = if encoding == Encoding::Identity {
        encode()
    } else {
        tokio::task::spawn_blocking(encode)
            .await
            .map_err(anyhow::Error::from)?
    };
    let encoded = encoded.map_err(anyhow::Error::from)?;
    Ok(variant(content_type, encoding, &tag, Bytes::from(encoded)))
}

fn variant(content_type: &'static str, encoding: Encoding, tag: &str, body: Bytes) -> Response {
    let mut answer = (
        [(header::CONTENT_TYPE, content_type), (header::ETAG, tag)],
        body,
    )
        .into_response();
    if encoding != Encoding::Identity {
        let name = HeaderValue::from_static(encoding.name());
        answer.headers_mut().insert(header::CONTENT_ENCODING, name);
    }
    answer
}

fn not_modified(tag: &str) -> Response {
    (StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response()
}

/// A strong tag: it differs if the bytes differ.
fn tag(of: &str, encoding: Encoding) -> String {
    match encoding {
        Encoding::Identity => format!("\"{of}\""),
        encoded => format!("\"{of}-{}\"", encoded.name()),
    }
}

/// The headers that describe freshness and caching.
pub struct Freshness {
    keep: HeaderValue,
}

impl Freshness {
    /// Clients may cache as this process does: fresh for `fresh_for`, then stale for as long while they
    /// revalidate.
    pub fn new(fresh_for: Duration) -> Self {
        let seconds = fresh_for.as_secs();
        let keep = format!(
            "private, max-age={seconds}, stale-while-revalidate={seconds}, stale-if-error=86400"
        );
        Self {
            keep: HeaderValue::try_from(keep).expect("words and numbers"),
        }
    }

    /// `view` is what the caller sees of what is served.
    pub fn add_headers(&self, response: &mut Response, served: &Served, view: &View) {
        let status = response.status();
        let headers = response.headers_mut();
        let version = HeaderValue::from_str(&view.document.version);
        headers.insert(CACHE, HeaderValue::from_static(served.level.as_str()));
        if let Ok(version) = version {
            headers.insert(VERSION, version);
        }
        let vary = HeaderValue::from_static("authorization, accept-encoding");
        headers.insert(header::VARY, vary);
        let keep = if !status.is_success() && status != StatusCode::NOT_MODIFIED {
            HeaderValue::from_static("no-store")
        } else if served.level == Level::Builtin {
            HeaderValue::from_static("private, no-cache")
        } else {
            headers.insert(header::AGE, HeaderValue::from(served.age.as_secs()));
            self.keep.clone()
        };
        headers.insert(header::CACHE_CONTROL, keep);
    }
}

/// Whether the caller wants the newest version: `Cache-Control: no-cache` or `max-age=0`.
pub fn wants_newest(request: &HeaderMap) -> bool {
    members(request, &header::CACHE_CONTROL).any(|directive| {
        directive.eq_ignore_ascii_case("no-cache") || directive.eq_ignore_ascii_case("max-age=0")
    })
}

/// The members of a list header, over all of its lines.
fn members<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(name).into_iter();
    lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(str::trim)
}

struct Accepted {
    /// The encoding with the highest `q`, and the smaller body if several are equal. An encoding that is
    /// not listed counts as `*`. The plain body is always available as a last resort.
    best: Encoding,
    /// Whether the plain body is acceptable.
    plain: bool,
}

fn accepted(request: &HeaderMap) -> Accepted {
    let mut named = [None; 3];
    let mut any = None;
    for member in members(request, &header::ACCEPT_ENCODING) {
        let mut parts = member.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let weight = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
        // An invalid weight counts as 1.
        let weight = weight
            .and_then(|weight| weight.parse().ok())
            .unwrap_or(1.0_f32);
        if name == "*" {
            any = Some(weight);
        }
        let alike = |encoding: Encoding| {
            name.eq_ignore_ascii_case(encoding.name())
                || encoding == Encoding::Gzip && name.eq_ignore_ascii_case("x-gzip")
        };
        for (position, encoding) in ALL.into_iter().enumerate() {
            if alike(encoding) {
                named[position] = Some(weight);
            }
        }
    }
    let mut best = (Encoding::Identity, named[2].unwrap_or(f32::MIN_POSITIVE));
    for (position, encoding) in ALL.into_iter().enumerate().take(2).rev() {
        let weight = named[position].or(any).unwrap_or(0.0);
        if weight > 0.0 && weight >= best.1 {
            best = (encoding, weight);
        }
    }
    let plain = named[2].or(any).is_none_or(|weight| weight > 0.0);
    let best = best.0;
    Accepted { best, plain }
}

const ALL: [Encoding; 3] = [Encoding::Zstd, Encoding::Gzip, Encoding::Identity];

/// Whether the caller has what has this tag. A malformed `If-None-Match` costs only the body.
pub fn has(request: &HeaderMap, tag: &str) -> bool {
    let tags = Tags::of(request, &header::IF_NONE_MATCH);
    let tags = tags.ok().flatten();
    tags.is_some_and(|tags| tags.match_weakly(unquoted(tag)))
}

fn unquoted(tag: &str) -> &str {
    tag.trim_matches('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &HeaderName, lines: &[&str]) -> HeaderMap {
        let lines = lines
            .iter()
            .map(|line| (name.clone(), line.parse().unwrap()));
        lines.collect()
    }

    #[test]
    fn the_preferred_encoding_is_chosen_and_the_smaller_body_among_equals() {
        for (line, encoding) in [
            ("", Encoding::Identity),
            ("gzip", Encoding::Gzip),
            ("gzip, deflate, br, zstd", Encoding::Zstd),
            ("gzip;q=1, zstd;q=0.5", Encoding::Gzip),
            ("zstd;q=0, gzip;q=0.001", Encoding::Gzip),
            ("gzip; q=0.5, identity", Encoding::Identity),
            ("gzip;q=0.5, identity;q=0.5", Encoding::Gzip),
            ("br", Encoding::Identity),
            ("*", Encoding::Zstd),
            ("*, zstd;q=0", Encoding::Gzip),
            ("*;q=0", Encoding::Identity),
            ("identity;q=0", Encoding::Identity),
            ("X-GZIP", Encoding::Gzip),
            ("gzip;q=nonsense", Encoding::Gzip),
            ("identity;q=0, gzip;q=0.1", Encoding::Gzip),
            ("*;q=0, zstd", Encoding::Zstd),
        ] {
            let request = headers(&header::ACCEPT_ENCODING, &[line]);
            assert_eq!(accepted(&request).best, encoding, "{line}");
        }
        let two_lines = headers(&header::ACCEPT_ENCODING, &["gzip;q=0.1", "zstd;q=0.2"]);
        assert_eq!(accepted(&two_lines).best, Encoding::Zstd);
        assert_eq!(accepted(&HeaderMap::new()).best, Encoding::Identity);
    }

    #[test]
    fn a_tag_matches_weakly_in_a_list_and_a_star_matches_any() {
        for (line, found) in [
            ("\"a\"", true),
            ("W/\"a\"", true),
            ("\"b\", \"a\"", true),
            ("\"b,c\",W/\"a\"", true),
            ("*", true),
            ("\"*\"", false),
            ("\"b\"", false),
            ("\"b, a\"", false),
            ("a", false),
            ("\"a", false),
            ("\"aa\"", false),
            ("", false),
        ] {
            let request = headers(&header::IF_NONE_MATCH, &[line]);
            assert_eq!(has(&request, "\"a\""), found, "{line}");
        }
        assert!(has(
            &headers(&header::IF_NONE_MATCH, &["\"b\"", "\"a\""]),
            "\"a\""
        ));
    }

    #[test]
    fn no_cache_and_max_age_0_request_the_newest_version() {
        for (line, newest) in [
            ("no-cache", true),
            ("foo, Max-Age=0", true),
            ("max-age=60", false),
        ] {
            assert_eq!(
                wants_newest(&headers(&header::CACHE_CONTROL, &[line])),
                newest
            );
        }
    }
}
