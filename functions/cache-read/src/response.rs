//! What every answer has in common: variants, tags, and how fresh it is.

use std::time::Duration;

use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;

use crate::cache::{Level, Served};
use crate::view::{Encoding, View, digest};

pub const JSON: &str = "application/json";
pub const TEXT: &str = "text/plain; charset=utf-8";

const CACHE: HeaderName = HeaderName::from_static("metasync-cache");
const VERSION: HeaderName = HeaderName::from_static("metasync-version");

/// Below this, in bytes, compressing saves no packet.
const WORTH_COMPRESSING: usize = 1_024;

/// The whole document, in the encoding the caller likes best.
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

/// An answer made for this request. Its tag is that of its bytes, so that a version which leaves
/// them alone leaves the caller's copy alone.
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

/// A strong tag: other bytes, another tag.
fn tag(of: &str, encoding: Encoding) -> String {
    match encoding {
        Encoding::Identity => format!("\"{of}\""),
        encoded => format!("\"{of}-{}\"", encoded.name()),
    }
}

/// Tells how fresh an answer is, and who may keep it how long.
pub struct Freshness {
    keep: HeaderValue,
}

impl Freshness {
    /// As we do ourselves: fresh so long, and stale as long again while it is revalidated.
    pub fn new(fresh_for: Duration) -> Self {
        let seconds = fresh_for.as_secs();
        let keep = format!(
            "private, max-age={seconds}, stale-while-revalidate={seconds}, stale-if-error=86400"
        );
        Self {
            keep: HeaderValue::try_from(keep).expect("words and numbers"),
        }
    }

    pub fn add_headers(&self, response: &mut Response, served: &Served) {
        let status = response.status();
        let headers = response.headers_mut();
        let version = HeaderValue::from_str(&served.view.document.version);
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

/// The caller wants to hear from the store itself: `Cache-Control: no-cache` or `max-age=0`.
pub fn wants_newest(request: &HeaderMap) -> bool {
    members(request, &header::CACHE_CONTROL).any(|directive| {
        directive.eq_ignore_ascii_case("no-cache") || directive.eq_ignore_ascii_case("max-age=0")
    })
}

/// The members of a header that is a list, over all of its lines.
fn members<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(name).into_iter();
    lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(str::trim)
}

struct Accepted {
    /// The encoding with the highest `q`; at the same `q`, the smaller body. One that is not named
    /// is as good as `*`, and the plain body is always there, if nothing else will do.
    best: Encoding,
    /// Whether the plain body is not refused.
    plain: bool,
}

fn accepted(request: &HeaderMap) -> Accepted {
    let mut named = [None; 3];
    let mut any = None;
    for member in members(request, &header::ACCEPT_ENCODING) {
        let mut parts = member.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let weight = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
        // A weight that can't be read is a wish all the same.
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

/// Whether `If-None-Match` names the tag: weakly compared, as RFC 9110 wants it.
fn has(request: &HeaderMap, tag: &str) -> bool {
    let lines = request.get_all(header::IF_NONE_MATCH).into_iter();
    lines
        .filter_map(|line| line.to_str().ok())
        .any(|line| line.trim() == "*" || tags(line).any(|known| known == tag))
}

/// The tags of a list, with their quotes and without `W/`. A tag may have a comma in it.
fn tags(mut rest: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        let start = rest.find('"')?;
        let length = rest[start + 1..].find('"')?;
        let tag = &rest[start..start + length + 2];
        rest = &rest[start + length + 2..];
        Some(tag)
    })
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
    fn the_best_liked_encoding_is_chosen_and_the_smaller_body_among_equals() {
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
    fn a_tag_is_found_in_a_list_weakly_and_as_a_star() {
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
    fn a_caller_may_ask_for_the_newest() {
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
