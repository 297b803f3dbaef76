//! The id and the trace of a request, for its log lines.

use std::sync::Arc;

use http::HeaderMap;

tokio::task_local! {
    static REQUEST: Arc<RequestContext>;
}

/// The fields that every log line of a request has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestContext {
    pub id: String,
    /// The trace id: 32 hex digits, or AWS X-Ray's `1-...`.
    pub trace: Option<String>,
    /// 16 hex digits.
    pub span: Option<String>,
}

impl RequestContext {
    /// Reads the headers of a request. The id is the caller's `x-request-id` if that is plain, otherwise the
    /// id of Lambda's invocation, otherwise that of the trace, otherwise a new one.
    pub fn new(headers: &HeaderMap, invocation: Option<&str>) -> Self {
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let (trace, span) = header("traceparent")
            .and_then(w3c)
            .or_else(|| header("x-cloud-trace-context").and_then(google))
            .or_else(|| header("x-amzn-trace-id").and_then(xray))
            .map_or((None, None), |(trace, span)| (Some(trace), span));
        let id = header("x-request-id")
            .filter(|id| is_plain(id))
            .or(invocation)
            .or(trace.as_deref())
            .map_or_else(|| uuid::Uuid::now_v7().to_string(), str::to_owned);
        Self { id, trace, span }
    }
}

/// Whether an id is safe in a header, a log line and an address.
fn is_plain(id: &str) -> bool {
    (1..=128).contains(&id.len())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.:=+/@".contains(&byte))
}

/// `00-<trace>-<span>-01`
fn w3c(value: &str) -> Option<(String, Option<String>)> {
    let mut parts = value.split('-').skip(1);
    let (trace, span) = (parts.next()?, parts.next()?);
    (is_hex(trace, 32) && is_hex(span, 16)).then(|| (trace.to_owned(), Some(span.to_owned())))
}

/// `<trace>/<span in decimal>;o=1`
fn google(value: &str) -> Option<(String, Option<String>)> {
    let value = value.split(';').next()?;
    let (trace, span) = value.split_once('/').unwrap_or((value, ""));
    let span = span.parse::<u64>().ok().map(|span| format!("{span:016x}"));
    is_hex(trace, 32).then(|| (trace.to_owned(), span))
}

/// `Root=1-<8 hex>-<24 hex>;Parent=<span>;Sampled=1`
fn xray(value: &str) -> Option<(String, Option<String>)> {
    let part = |name: &str| value.split(';').find_map(|part| part.strip_prefix(name));
    let trace = part("Root=").filter(|root| is_plain(root))?;
    let span = part("Parent=").filter(|span| is_hex(span, 16));
    Some((trace.to_owned(), span.map(str::to_owned)))
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Runs `work` as part of a request, whose id its log lines get.
pub(crate) async fn within<F: Future>(request: Arc<RequestContext>, work: F) -> F::Output {
    REQUEST.scope(request, work).await
}

/// Reads the current request, if there is one.
pub(super) fn current<T>(read: impl FnOnce(&RequestContext) -> T) -> Option<T> {
    REQUEST.try_with(|request| read(request)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    fn context(headers: &[(&'static str, &str)], invocation: Option<&str>) -> RequestContext {
        let headers = headers
            .iter()
            .map(|(name, value)| {
                let value = value.parse().expect("a header value");
                (http::HeaderName::from_static(name), value)
            })
            .collect();
        RequestContext::new(&headers, invocation)
    }

    #[test]
    fn a_plain_request_id_of_the_caller_is_kept() {
        let request = context(&[("x-request-id", "req-1")], Some("lambda-1"));
        assert_eq!(request.id, "req-1");
    }

    #[test]
    fn an_unsafe_request_id_is_replaced() {
        for id in ["", "a b", "<script>", "\"", &"x".repeat(129)] {
            let request = context(&[("x-request-id", id)], None);
            assert!(uuid::Uuid::try_parse(&request.id).is_ok(), "{id:?}");
        }
    }

    #[test]
    fn without_a_request_id_the_id_is_that_of_lambda_or_of_the_trace() {
        let traceparent = format!("00-{TRACE}-00f067aa0ba902b7-01");
        let headers = [("traceparent", traceparent.as_str())];
        assert_eq!(context(&headers, Some("lambda-1")).id, "lambda-1");

        let request = context(&headers, None);
        assert_eq!(request.id, TRACE);
        assert_eq!(request.trace.as_deref(), Some(TRACE));
        assert_eq!(request.span.as_deref(), Some("00f067aa0ba902b7"));
    }

    #[test]
    fn googles_span_becomes_hex_and_xrays_root_is_the_trace() {
        let google = format!("{TRACE}/255;o=1");
        let request = context(&[("x-cloud-trace-context", &google)], None);
        assert_eq!(request.trace.as_deref(), Some(TRACE));
        assert_eq!(request.span.as_deref(), Some("00000000000000ff"));

        let xray = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
        let request = context(&[("x-amzn-trace-id", xray)], None);
        assert_eq!(request.id, "1-5759e988-bd862e3fe1be46a994272793");
        assert_eq!(request.span.as_deref(), Some("53995c3f42cd8ad8"));
    }

    #[test]
    fn an_invalid_trace_header_is_ignored() {
        for header in ["traceparent", "x-cloud-trace-context", "x-amzn-trace-id"] {
            let request = context(&[(header, "00-nonsense;Self=1")], None);
            assert_eq!(request.trace, None, "{header}");
        }
    }
}
