//! JSON bodies: bounded, and refused with a reason that says where they are wrong.

use std::sync::LazyLock;

use axum::body::Body;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Error;
use crate::work::Workers;

/// Below this a body takes less than a millisecond to parse, in bytes.
const SHORT: usize = 64 * 1024;

/// What parses larger ones, for all routes.
static PARSERS: LazyLock<Workers> = LazyLock::new(Workers::default);

const NUL: &str = "the body holds a NUL character, `\\u0000`, which can't be stored";

/// Longer than this, in characters, a place or a reason repeats the caller's own text.
const LONGEST: usize = 200;

/// A JSON body in, or out.
///
/// In: 415 where `content-type` isn't JSON (so that no web page can send one to a laptop's open
/// port unasked), 413 where it is larger than the route takes, 400 that tells path, line and column
/// where it doesn't parse or doesn't fit `T`, nests deeper than 128, or holds a NUL character,
/// which Postgres stores in no text. A key that stands twice is refused where `T` is a struct; in
/// free-form JSON the last one counts.
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send + 'static> FromRequest<S> for Json<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        read(request, state, |body| {
            let value = parse(body)?;
            if holds_nul(body) {
                return Err(NUL.to_owned());
            }
            Ok(value)
        })
        .await
        .map(Self)
    }
}

/// A JSON body in, as [`Json`], that holds several items which are checked one by one: a NUL
/// character in one of them refuses nothing else. Whoever takes it looks for NUL characters.
#[derive(Clone, Copy, Debug)]
pub struct JsonItems<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send + 'static> FromRequest<S> for JsonItems<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        read(request, state, parse).await.map(Self)
    }
}

async fn read<S: Send + Sync, T: Send + 'static>(
    request: Request,
    state: &S,
    parse: impl FnOnce(&[u8]) -> Result<T, String> + Send + 'static,
) -> Result<T, Error> {
    if !is_json(request.headers()) {
        let detail = "send the body as `content-type: application/json`";
        return Err(Error::UnsupportedMediaType(detail.to_owned()));
    }
    let body = Bytes::from_request(request, state)
        .await
        .map_err(|error| unread(&error))?;
    let parsed = if body.len() <= SHORT {
        parse(&body)
    } else {
        PARSERS.run(body.len(), move |_| parse(&body)).await
    };
    parsed.map_err(Error::Invalid)
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

/// The request with its whole body, as large as the route takes at most.
pub(crate) async fn whole(request: Request) -> Result<Request, Error> {
    let (parts, body) = request.into_parts();
    let body = Bytes::from_request(Request::from_parts(parts.clone(), body), &())
        .await
        .map_err(|error| unread(&error))?;
    Ok(Request::from_parts(parts, Body::from(body)))
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let kind = kind.to_ascii_lowercase();
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

fn unread(rejection: &BytesRejection) -> Error {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        Error::TooLarge("the body is larger than this route takes".to_owned())
    } else {
        Error::Invalid("the body broke off".to_owned())
    }
}

/// What `body` says, or why it says nothing that fits.
fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err("the body is empty: send JSON, at least `{}`".to_owned());
    }
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let place = match error.path().to_string() {
            path if path == "." || path == "?" => "the body".to_owned(),
            path => shorten(path),
        };
        // Line and column stand at the end of the text, which a long value must not hide.
        let (line, column) = (error.inner().line(), error.inner().column());
        let reason = error.into_inner().to_string();
        let end = format!(" at line {line} column {column}");
        let reason = reason.strip_suffix(&end).unwrap_or(&reason).to_owned();
        format!("{place}: {}{end}", shorten(reason))
    })?;
    deserializer
        .end()
        .map_err(|error| format!("after the body: {error}"))?;
    Ok(value)
}

/// Whether valid JSON has a string with the escape of NUL, which it can't hold otherwise.
fn holds_nul(json: &[u8]) -> bool {
    let mut rest = json;
    while let Some(at) = rest.iter().position(|&byte| byte == b'\\') {
        let escape = &rest[at + 1..];
        if escape.starts_with(b"u0000") {
            return true;
        }
        // The escaped character may be a backslash itself.
        rest = escape.get(1..).unwrap_or_default();
    }
    false
}

fn shorten(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(LONGEST) {
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::Value;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Order {
        #[expect(dead_code, reason = "parsed for its errors")]
        items: Vec<Item>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Item {
        #[expect(dead_code, reason = "parsed for its errors")]
        count: u32,
    }

    fn reason(body: &str) -> String {
        parse::<Order>(body.as_bytes()).expect_err("the body is wrong")
    }

    #[test]
    fn an_error_says_where_it_is() {
        assert_eq!(
            reason(r#"{"items": [{"count": 1}, {"count": "two"}]}"#),
            r#"items[1].count: invalid type: string "two", expected u32 at line 1 column 40"#
        );
        assert_eq!(
            reason("{\n  \"item\": []}"),
            "item: unknown field `item`, expected `items` at line 2 column 8"
        );
        assert_eq!(
            reason("{"),
            "the body: EOF while parsing an object at line 1 column 1"
        );
        assert_eq!(
            reason(r#"{"items": []} {}"#),
            "after the body: trailing characters at line 1 column 15"
        );
        assert!(reason(" \n").starts_with("the body is empty"));
    }

    #[test]
    fn a_key_that_stands_twice_is_refused() {
        assert!(reason(r#"{"items": [], "items": []}"#).contains("duplicate field `items`"));
    }

    #[test]
    fn a_body_that_nests_too_deep_is_refused_and_not_a_stack_overflow() {
        let deep = "[".repeat(100_000);
        let reason = parse::<Value>(deep.as_bytes()).expect_err("too deep");
        assert!(reason.contains("recursion limit exceeded"), "{reason}");
    }

    #[test]
    fn a_nul_is_refused_and_an_escaped_backslash_before_u0000_is_not() {
        assert!(holds_nul(br#"{"a\u0000": 1}"#));
        assert!(holds_nul(br#"["\\\u0000"]"#));
        assert!(!holds_nul(br#"["\\u0000"]"#));
    }

    #[test]
    fn a_reason_does_not_repeat_a_long_text() {
        let body = format!(r#"{{"items": "{}"}}"#, "ü".repeat(100_000));
        let reason = reason(&body);
        assert!(reason.ends_with("ü… at line 1 column 200012"), "{reason}");
        assert!(reason.chars().count() < 2 * LONGEST);
    }
}
