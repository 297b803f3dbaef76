//! HTTP events of API Gateway (HTTP and REST APIs), function URLs and load balancers, and the results that
//! these accept.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use http_body_util::BodyExt as _;
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Failure, bad_event, call};
use crate::Error;
use crate::error::{problem, problem_body};
use crate::serve::address::{ClientAddress, forwarded};
use crate::serve::service::{Invocation, REQUEST_ID};
use crate::telemetry::{self, RequestContext};

/// Lambda's size limit of a result, in bytes of JSON.
const LARGEST_RESULT: usize = 6 * 1024 * 1024;
/// The limit of a load balancer.
const LARGEST_FOR_LOAD_BALANCER: usize = 1024 * 1024;

/// Characters that must be escaped in a path. HTTP APIs send decoded paths.
const PATH: AsciiSet = CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'`')
    .add(b'{')
    .add(b'}')
    .add(b'\\')
    .add(b'^')
    .add(b'|');
const QUERY: AsciiSet = PATH
    .remove(b'?')
    .remove(b'`')
    .remove(b'{')
    .remove(b'}')
    .remove(b'^');
/// Everything except the unreserved characters of RFC 3986.
const COMPONENT: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The fields of all four kinds of events.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HttpEvent {
    #[serde(default)]
    request_context: Context,
    http_method: Option<String>,
    path: Option<String>,
    raw_path: Option<String>,
    raw_query_string: Option<String>,
    query_string_parameters: Option<BTreeMap<String, Option<String>>>,
    multi_value_query_string_parameters: Option<BTreeMap<String, Vec<String>>>,
    headers: Option<BTreeMap<String, String>>,
    multi_value_headers: Option<BTreeMap<String, Vec<String>>>,
    cookies: Option<Vec<String>>,
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Context {
    http: Option<ContextHttp>,
    elb: Option<IgnoredAny>,
    stage: Option<String>,
    domain_name: Option<String>,
    identity: Option<Identity>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ContextHttp {
    method: String,
    source_ip: Option<String>,
}

/// The client of a REST API.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identity {
    source_ip: Option<String>,
}

/// The sender of an event, which determines the format of the result.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gateway {
    /// HTTP API with payload 2.0, or function URL.
    Http,
    Rest,
    LoadBalancer {
        multi_value: bool,
    },
}

/// Serves the request that `event` describes. Errors of the request are responses as well.
pub(super) async fn respond(
    event: &str,
    service: &axum::Router,
    invocation: Invocation,
) -> Result<Box<RawValue>, Failure> {
    let event: HttpEvent = serde_json::from_str(event).map_err(|error| bad_event(&error))?;
    let gateway = event.gateway().ok_or_else(|| Failure {
        error_type: "bad request".to_owned(),
        error_message:
            "the event comes from no supported gateway: HTTP API, REST API, function URL \
                        or load balancer"
                .to_owned(),
    })?;
    let mut id = invocation.request_id.clone();
    let named = event.source_ip();
    let response = match event.into_request(gateway) {
        Ok(mut request) => {
            // A load balancer adds its client to the header instead.
            let client = named.or_else(|| match gateway {
                Gateway::LoadBalancer { .. } => forwarded(request.headers(), 1),
                Gateway::Http | Gateway::Rest => None,
            });
            let invocation = Invocation {
                client: ClientAddress(client),
                ..invocation
            };
            request.extensions_mut().insert(invocation);
            let response = call(service, request).await;
            let given = response.headers().get(REQUEST_ID);
            if let Some(given) = given.and_then(|id| id.to_str().ok()) {
                given.clone_into(&mut id);
            }
            Ok(response)
        }
        Err(error) => Err(error),
    };
    let context = RequestContext {
        id,
        ..RequestContext::default()
    };
    telemetry::within(Arc::new(context), async {
        let response = response.unwrap_or_else(IntoResponse::into_response);
        result(response, gateway).await
    })
    .await
}

/// The result of the invocation: the response, or a problem if it is too large for the gateway.
async fn result(response: Response, gateway: Gateway) -> Result<Box<RawValue>, Failure> {
    let write = |result: &GatewayResponse| {
        serde_json::value::to_raw_value(result).map_err(|error| bad_event(&error))
    };
    let written = write(&GatewayResponse::new(response, gateway).await)?;
    // The limit applies to the JSON, which escaping makes up to a fifth longer.
    let bytes = written.get().len();
    if bytes <= gateway.largest_result() {
        return Ok(written);
    }
    tracing::error!(bytes, "the response is larger than the gateway accepts");
    let detail = "the response is larger than the gateway accepts: request less, or with \
                  `accept-encoding: zstd`";
    write(&GatewayResponse::failed(detail, gateway))
}

impl Gateway {
    fn largest_result(self) -> usize {
        match self {
            Self::LoadBalancer { .. } => LARGEST_FOR_LOAD_BALANCER,
            Self::Http | Self::Rest => LARGEST_RESULT,
        }
    }
}

impl HttpEvent {
    fn gateway(&self) -> Option<Gateway> {
        if self.request_context.elb.is_some() {
            let multi_value = self.multi_value_headers.is_some();
            Some(Gateway::LoadBalancer { multi_value })
        } else if self.request_context.http.is_some() {
            Some(Gateway::Http)
        } else if self.http_method.is_some() {
            Some(Gateway::Rest)
        } else {
            None
        }
    }

    /// The client's address that the gateway names.
    fn source_ip(&self) -> Option<IpAddr> {
        let context = &self.request_context;
        let http = context.http.as_ref().and_then(|it| it.source_ip.as_ref());
        let identity = context.identity.as_ref();
        let rest = identity.and_then(|identity| identity.source_ip.as_ref());
        http.or(rest)?.parse().ok()
    }

    fn into_request(self, gateway: Gateway) -> Result<Request, Error> {
        let invalid = |part: &str| Error::Invalid(format!("can't read the {part} of the request"));
        let uri = self.uri(gateway);
        let context_method = self.request_context.http.map(|http| http.method);
        let method = self.http_method.or(context_method).unwrap_or_default();
        let body = self.body.unwrap_or_default();
        let body = if self.is_base64_encoded {
            Body::from(BASE64.decode(body).map_err(|_| invalid("body"))?)
        } else {
            Body::from(body)
        };
        let mut request = Request::new(body);
        *request.method_mut() =
            Method::from_bytes(method.as_bytes()).map_err(|_| invalid("method"))?;
        *request.uri_mut() = uri.parse().map_err(|_| invalid("path"))?;
        let single = self.headers.filter(|_| self.multi_value_headers.is_none());
        let single = single.into_iter().flatten();
        let multiple = self.multi_value_headers.into_iter().flatten();
        let multiple = multiple
            .flat_map(|(name, values)| values.into_iter().map(move |value| (name.clone(), value)));
        for (name, value) in single.chain(multiple) {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid("headers"))?;
            let value = HeaderValue::from_str(&value).map_err(|_| invalid("headers"))?;
            request.headers_mut().append(name, value);
        }
        if let Some(cookies) = self.cookies.filter(|cookies| !cookies.is_empty()) {
            let cookies = HeaderValue::from_str(&cookies.join("; "));
            let cookies = cookies.map_err(|_| invalid("cookies"))?;
            request.headers_mut().insert(header::COOKIE, cookies);
        }
        Ok(request)
    }

    /// The path, without the stage of the API, and the query.
    fn uri(&self, gateway: Gateway) -> String {
        let path = self.raw_path.as_deref().or(self.path.as_deref());
        let mut path = path.unwrap_or("/");
        if gateway == Gateway::Http {
            // An HTTP API puts its stage before the path, except for the default stage and for custom
            // domains.
            let context = &self.request_context;
            let is_custom = |domain: &str| !domain.ends_with(".amazonaws.com");
            let stage = context.stage.as_deref();
            let stage = stage.filter(|_| !context.domain_name.as_deref().is_some_and(is_custom));
            let inner = stage.and_then(|stage| path.strip_prefix('/')?.strip_prefix(stage));
            path = inner
                .filter(|inner| inner.is_empty() || inner.starts_with('/'))
                .unwrap_or(path);
        }
        let slash = if path.starts_with('/') { "" } else { "/" };
        let mut uri = format!("{slash}{}", utf8_percent_encode(path, &PATH));
        let query = match gateway {
            Gateway::Http => self.raw_query_string.clone().unwrap_or_default(),
            // A REST API decodes the query, a load balancer doesn't.
            Gateway::Rest => self.query(|text| utf8_percent_encode(text, &COMPONENT).to_string()),
            Gateway::LoadBalancer { .. } => self.query(str::to_owned),
        };
        if !query.is_empty() {
            let _ = write!(uri, "?{}", utf8_percent_encode(&query, &QUERY));
        }
        uri
    }

    fn query(&self, encode: impl Fn(&str) -> String) -> String {
        let mut pairs = Vec::new();
        if let Some(multiple) = &self.multi_value_query_string_parameters {
            for (name, values) in multiple {
                pairs.extend(values.iter().map(|value| (name, value.as_str())));
            }
        } else if let Some(single) = &self.query_string_parameters {
            pairs.extend(
                single
                    .iter()
                    .map(|(name, value)| (name, value.as_deref().unwrap_or(""))),
            );
        }
        let pairs = pairs
            .into_iter()
            .map(|(name, value)| format!("{}={}", encode(name), encode(value)));
        pairs.collect::<Vec<_>>().join("&")
    }
}

/// A response in the format of the gateways.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GatewayResponse {
    status_code: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    multi_value_headers: Option<BTreeMap<String, Vec<String>>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cookies: Vec<String>,
    body: String,
    is_base64_encoded: bool,
}

impl GatewayResponse {
    async fn new(response: Response, gateway: Gateway) -> Self {
        let (parts, body) = response.into_parts();
        let body = match body.collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) => {
                tracing::error!(cause = %error, "the response is incomplete");
                return Self::failed("the response is incomplete", gateway);
            }
        };
        let is_text = is_text(&parts.headers);
        let text = is_text.then(|| std::str::from_utf8(&body).ok()).flatten();
        let (body, is_base64_encoded) = match text {
            Some(text) => (text.to_owned(), false),
            None => (BASE64.encode(&body), true),
        };
        Self::of_parts(
            parts.status,
            &parts.headers,
            body,
            is_base64_encoded,
            gateway,
        )
    }

    fn failed(detail: &str, gateway: Gateway) -> Self {
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        let headers = problem(status, detail).into_parts().0.headers;
        let body = problem_body(status, detail);
        Self::of_parts(status, &headers, body, false, gateway)
    }

    fn of_parts(
        status: StatusCode,
        headers: &HeaderMap,
        body: String,
        is_base64_encoded: bool,
        gateway: Gateway,
    ) -> Self {
        let mut multiple: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in headers {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            multiple.entry(name.to_string()).or_default().push(value);
        }
        // Responses that the service didn't create have no id yet.
        let id = multiple.entry(REQUEST_ID.to_string()).or_default();
        if id.is_empty() {
            id.extend(telemetry::request_id());
        }
        let mut cookies = Vec::new();
        if gateway == Gateway::Http {
            cookies = multiple.remove("set-cookie").unwrap_or_default();
        }
        let takes_multiple = matches!(
            gateway,
            Gateway::Rest | Gateway::LoadBalancer { multi_value: true }
        );
        let (headers, multi_value_headers) = if takes_multiple {
            (None, Some(multiple))
        } else {
            // A browser can't split cookies that are joined. A load balancer sends a header once for each case of its
            // name.
            let cookies = multiple.remove("set-cookie").unwrap_or_default();
            let cookies = cookies.into_iter().enumerate();
            let cookies = cookies.map(|(number, cookie)| (in_case("set-cookie", number), cookie));
            let joined = multiple
                .into_iter()
                .map(|(name, values)| (name, values.join(", ")));
            (Some(joined.chain(cookies).collect()), None)
        };
        let described = matches!(gateway, Gateway::LoadBalancer { .. });
        Self {
            status_code: status.as_u16(),
            status_description: described.then(|| status.to_string()),
            headers,
            multi_value_headers,
            cookies,
            body,
            is_base64_encoded,
        }
    }
}

/// The name in another case for each number: the bits of the number are the letters in upper case.
fn in_case(name: &str, mut number: usize) -> String {
    let letters = name.chars().map(|letter| {
        if !letter.is_ascii_alphabetic() {
            return letter;
        }
        let is_upper = number & 1 == 1;
        number >>= 1;
        if is_upper {
            letter.to_ascii_uppercase()
        } else {
            letter
        }
    });
    letters.collect()
}

/// Whether the body can be sent as text. Compressed bodies can't.
fn is_text(headers: &HeaderMap) -> bool {
    if headers.contains_key(header::CONTENT_ENCODING) {
        return false;
    }
    let Some(kind) = headers.get(header::CONTENT_TYPE) else {
        return true;
    };
    let kind = kind.to_str().unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let kind = kind.to_ascii_lowercase();
    kind.starts_with("text/")
        || kind.ends_with("+json")
        || kind.ends_with("+xml")
        || kind.ends_with("+yaml")
        || [
            "application/json",
            "application/xml",
            "application/yaml",
            "application/javascript",
        ]
        .contains(&kind.as_str())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_number_gives_the_name_in_another_case() {
        let names: BTreeSet<String> = (0..512).map(|it| in_case("set-cookie", it)).collect();
        assert_eq!(names.len(), 512);
        assert!(names.iter().all(|it| it.eq_ignore_ascii_case("set-cookie")));
        assert_eq!(in_case("set-cookie", 0), "set-cookie");
    }
    #[test]
    fn a_load_balancer_gets_each_cookie_in_a_header_of_its_own() {
        let cookies = ["a=1", "b=2", "c=3"];
        let headers = cookies.map(|cookie| (header::SET_COOKIE, HeaderValue::from_static(cookie)));
        let headers = headers.into_iter().collect();
        let response = |multi_value| {
            let gateway = Gateway::LoadBalancer { multi_value };
            GatewayResponse::of_parts(StatusCode::OK, &headers, String::new(), false, gateway)
        };
        let mut single = response(false).headers.unwrap();
        single.retain(|name, _| name.eq_ignore_ascii_case("set-cookie"));
        let mut sent: Vec<String> = single.into_values().collect();
        sent.sort_unstable();
        assert_eq!(sent, cookies);
        let multiple = response(true).multi_value_headers.unwrap();
        assert_eq!(multiple["set-cookie"], cookies);
    }
}
