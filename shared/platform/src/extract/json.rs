//! JSON bodies: of limited size, and refused with the position of the mistake.

use std::sync::LazyLock;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::limit::BodyLimit;
use super::strict::Strict;
use super::wording::plain;
use crate::Error;
use crate::excerpt::cut;
use crate::work::Workers;

/// Parsing a body of up to this many bytes takes less than a millisecond.
const SHORT: usize = 64 * 1024;

/// The threads that parse larger bodies, for all routes.
static PARSERS: LazyLock<Workers> = LazyLock::new(Workers::default);

const NUL: &str = "the body holds a NUL character, `\\u0000`, which can't be stored";

/// The length limit of a position, in characters: a longer one quotes the caller's own text.
const LONGEST: usize = 200;

/// The JSON body of a request or a response.
///
/// A request is refused with 415 if its `content-type` isn't JSON, so that web pages can't send one to an
/// open port of this machine without a preflight; with 413 if it is larger than the route accepts; and with
/// 400 and the path, line and column if it doesn't parse, doesn't match `T`, is nested deeper than 128
/// levels, or contains a NUL character, which Postgres can't store. A list is refused where a struct is
/// expected. A duplicate key is refused if `T` is a struct; in free-form JSON, the last one counts.
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

/// The whole body of a request, of limited size and any type.
#[derive(Clone, Debug)]
pub struct RawBody(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for RawBody {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        bytes(request, state).await.map(Self)
    }
}

/// The JSON body of a request, like [`Json`], with several items that the handler checks one by one. The
/// handler must also check for NUL characters, so that one in an item doesn't refuse the others.
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
    let body = bytes(request, state).await?;
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

/// Reads the whole body of a request, up to the limit of its route.
pub(crate) async fn whole(request: Request) -> Result<Request, Error> {
    let (parts, body) = request.into_parts();
    let body = bytes(Request::from_parts(parts.clone(), body), &()).await?;
    Ok(Request::from_parts(parts, Body::from(body)))
}

async fn bytes<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Error> {
    let limit = request.extensions().get::<BodyLimit>().copied();
    let read = Bytes::from_request(request, state).await;
    read.map_err(|rejection| match limit {
        Some(limit) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => limit.exceeded(),
        _ => Error::Invalid("the body is incomplete".to_owned()),
    })
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let kind = kind.to_ascii_lowercase();
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

/// Parses a body, or says where it is wrong.
fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err("the body is empty: send JSON, at least `{}`".to_owned());
    }
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(Strict(&mut deserializer)).map_err(|error| {
        let place = match error.path().to_string() {
            path if path == "." || path == "?" => "the body".to_owned(),
            path => cut(&path, LONGEST),
        };
        format!("{place}: {}", reason(error.inner()))
    })?;
    deserializer
        .end()
        .map_err(|error| format!("after the body: {}", reason(&error)))?;
    Ok(value)
}

/// What is wrong with JSON, and where.
pub fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    match text.strip_suffix(&place) {
        Some(text) => format!("{}{place}", plain(text, "field")),
        None => plain(&text, "field"),
    }
}

/// Whether a value has more than these levels of lists and objects. `serde_json` reads 128: what stores a value accepts
/// fewer, since the value is within further objects when it is read again.
pub fn is_deeper(value: &Value, levels: usize) -> bool {
    let is_deep = |inner| levels == 0 || is_deeper(inner, levels - 1);
    match value {
        Value::Array(values) => levels == 0 || values.iter().any(is_deep),
        Value::Object(object) => levels == 0 || object.values().any(is_deep),
        _ => false,
    }
}

/// Whether valid JSON contains a NUL character, which is always escaped there.
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

#[cfg(test)]
mod tests {
    use serde::Deserialize;

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
    fn an_error_has_the_path_line_and_column() {
        assert_eq!(
            reason(r#"{"items": [{"count": 1}, {"count": "two"}]}"#),
            r#"items[1].count: must be a whole number from 0 to 4294967295, and is "two" at line 1 column 40"#
        );
        assert_eq!(
            reason("{\n  \"item\": []}"),
            "item: unknown field `item`: use `items` at line 2 column 8"
        );
        assert_eq!(
            reason("{"),
            "the body: the JSON ends too early at line 1 column 1"
        );
        assert_eq!(
            reason(r#"{"items": []} {}"#),
            "after the body: there is text after the end of the JSON at line 1 column 15"
        );
        assert!(reason(" \n").starts_with("the body is empty"));
    }

    #[test]
    fn a_list_is_no_object_although_its_items_could_be_the_fields() {
        for (body, expected) in [
            (
                "[[]]",
                "the body: must be an object, and is a list at line 1 column 1",
            ),
            (
                r#"{"items": [[1]]}"#,
                "items[0]: must be an object, and is a list at line 1 column 12",
            ),
        ] {
            assert_eq!(reason(body), expected);
        }
    }

    #[test]
    fn a_duplicate_key_is_refused() {
        assert!(reason(r#"{"items": [], "items": []}"#).contains("duplicate field `items`"));
    }

    #[test]
    fn a_body_that_is_nested_too_deep_is_refused_without_a_stack_overflow() {
        let deep = "[".repeat(100_000);
        let reason = parse::<Value>(deep.as_bytes()).expect_err("too deep");
        assert!(reason.contains("nested deeper than 128 levels"), "{reason}");
    }

    #[test]
    fn an_escaped_nul_is_found_and_an_escaped_backslash_before_u0000_is_none() {
        assert!(holds_nul(br#"{"a\u0000": 1}"#));
        assert!(holds_nul(br#"["\\\u0000"]"#));
        assert!(!holds_nul(br#"["\\u0000"]"#));
    }

    #[test]
    fn a_reason_quotes_the_start_of_a_long_text_only() {
        let body = format!(r#"{{"items": "{}"}}"#, "ü".repeat(100_000));
        let reason = reason(&body);
        assert!(reason.ends_with("ü…\" at line 1 column 200012"), "{reason}");
        assert!(reason.chars().count() < 2 * LONGEST);
    }
}
