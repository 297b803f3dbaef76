//! A request in a test, and its reply.

use std::fmt;
use std::pin::Pin;

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use http_body_util::BodyExt as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::document_schema;
use crate::documented::Documented;

/// A request, which is sent when it is awaited.
#[must_use = "a request is sent when it is awaited"]
pub struct TestRequest {
    service: axum::Router,
    documented: Documented,
    request: http::Request<Body>,
}

impl TestRequest {
    pub(crate) fn new(
        service: axum::Router,
        documented: Documented,
        request: http::Request<Body>,
    ) -> Self {
        Self {
            service,
            documented,
            request,
        }
    }

    pub fn header(mut self, name: &str, value: impl fmt::Display) -> Self {
        let name: HeaderName = name.parse().expect("a header name");
        let value = HeaderValue::from_str(&value.to_string()).expect("a header value");
        self.request.headers_mut().insert(name, value);
        self
    }

    /// A value that need not be ASCII.
    pub fn header_bytes(mut self, name: &str, value: &[u8]) -> Self {
        let name: HeaderName = name.parse().expect("a header name");
        let value = HeaderValue::from_bytes(value).expect("a header value");
        self.request.headers_mut().insert(name, value);
        self
    }

    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    /// `tag` is a revision, or the value of a reply's `ETag`.
    pub fn if_match(self, tag: impl fmt::Display) -> Self {
        self.header("if-match", quoted(&tag.to_string()))
    }

    pub fn if_none_match(self, tag: impl fmt::Display) -> Self {
        self.header("if-none-match", quoted(&tag.to_string()))
    }

    pub fn json(self, body: &impl Serialize) -> Self {
        let body = serde_json::to_vec(body).expect("a body that is JSON");
        self.header("content-type", "application/json").body(body)
    }

    /// Sets the body without a content type.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        *self.request.body_mut() = Body::from(body.into());
        self
    }
}

fn quoted(tag: &str) -> String {
    let is_tag = tag == "*" || tag.starts_with('"') || tag.starts_with("W/");
    if is_tag {
        tag.to_owned()
    } else {
        format!("\"{tag}\"")
    }
}

impl IntoFuture for TestRequest {
    type Output = Reply;
    type IntoFuture = Pin<Box<dyn Future<Output = Reply> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let (method, path) = (self.request.method().clone(), self.request.uri().clone());
            let response = self.service.oneshot(self.request).await;
            let (parts, body) = response.expect("a router never fails").into_parts();
            self.documented.check(&method, path.path(), parts.status);
            let body = body.collect().await.expect("a complete body");
            let reply = Reply {
                status: parts.status,
                headers: parts.headers,
                body: body.to_bytes(),
            };
            let is_encoded = reply.headers.contains_key(header::CONTENT_ENCODING);
            if method == Method::GET
                && path.path() == "/v1/schema"
                && reply.status == 200
                && !is_encoded
            {
                document_schema::assert_valid(&reply.json());
            }
            reply
        })
    }
}

#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Reply {
    /// The body as JSON. A missing field reads as `null`.
    pub fn json(&self) -> Value {
        self.parse()
    }

    pub fn parse<T: DeserializeOwned>(&self) -> T {
        match serde_json::from_slice(&self.body) {
            Ok(value) => value,
            Err(error) => panic!("{error} in {self:?}"),
        }
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a text body")
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub fn etag(&self) -> Option<&str> {
        self.header(header::ETAG.as_str())
    }
}

/// The status, the headers and the body as text, for failed assertions.
impl fmt::Debug for Reply {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Reply")
            .field("status", &self.status)
            .field("headers", &self.headers)
            .field("body", &String::from_utf8_lossy(&self.body))
            .finish()
    }
}
