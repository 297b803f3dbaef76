//! The pause before another attempt.

use std::time::Duration;

use http::{HeaderMap, header};
use jiff::Timestamp;
use serde_json::Value;

/// The longest pause. If the provider asks for a longer one, there is no other attempt, because a caller
/// waits.
const LONGEST: Duration = Duration::from_secs(20);

/// The pause after this many failed attempts: the one that the provider asks for, or half a second, doubled
/// each time, with jitter. `None` if it would be too long.
pub fn pause(attempts: u32, requested: Option<Duration>, now: Timestamp) -> Option<Duration> {
    let pause = requested.unwrap_or_else(|| {
        let jitter = now.subsec_nanosecond().unsigned_abs() % 250;
        let doubled = 500 << attempts.saturating_sub(1).min(10);
        Duration::from_millis(doubled + u64::from(jitter))
    });
    (pause <= LONGEST).then_some(pause)
}

/// The pause that an error response asks for, in its headers or in its body.
pub fn requested(headers: &HeaderMap, body: &Value, now: Timestamp) -> Option<Duration> {
    in_headers(headers, now).or_else(|| in_body(body))
}

/// The value of `Retry-After`, in seconds or as a date, or of `retry-after-ms`, which some providers send.
fn in_headers(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    if let Some(milliseconds) = text("retry-after-ms").and_then(|value| value.parse().ok()) {
        return Some(Duration::from_millis(milliseconds));
    }
    let value = text(header::RETRY_AFTER.as_str())?;
    if let Ok(seconds) = value.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let date = jiff::fmt::rfc2822::parse(value).ok()?.timestamp();
    Some(Duration::try_from(date.duration_since(now)).unwrap_or_default())
}

/// The longest `retryDelay` in the details of the error, which Google's services send instead of a header:
/// `{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "36.5s"}`.
fn in_body(body: &Value) -> Option<Duration> {
    let details = body.pointer("/error/details")?.as_array()?;
    let delays = details.iter().filter_map(|detail| {
        let kind = detail.get("@type")?.as_str()?;
        let delay = detail.get("retryDelay")?.as_str()?;
        let seconds = delay.trim().strip_suffix('s')?.parse().ok()?;
        let delay = Duration::try_from_secs_f64(seconds).ok()?;
        kind.ends_with("google.rpc.RetryInfo").then_some(delay)
    });
    delays.max()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn after(name: &'static str, value: &str) -> Option<Duration> {
        let headers = HeaderMap::from_iter([(
            header::HeaderName::from_static(name),
            value.parse().expect("a header"),
        )]);
        pause(1, requested(&headers, &Value::Null, NOW), NOW)
    }

    fn after_details(details: &Value) -> Option<Duration> {
        let body = json!({"error": {"code": 429, "details": details}});
        pause(1, requested(&HeaderMap::new(), &body, NOW), NOW)
    }

    #[test]
    fn the_pause_that_the_provider_asks_for_is_read_in_every_format() {
        let seconds = |n| Some(Duration::from_secs(n));
        assert_eq!(after("retry-after", "7"), seconds(7));
        assert_eq!(after("retry-after", "0"), seconds(0));
        assert_eq!(
            after("retry-after-ms", "1500"),
            Some(Duration::from_millis(1500))
        );
        assert_eq!(
            after("retry-after", "Thu, 01 Jan 1970 00:00:09 GMT"),
            seconds(9)
        );
        assert_eq!(
            after("retry-after", "Wed, 31 Dec 1969 23:00:00 GMT"),
            seconds(0)
        );
    }

    #[test]
    fn the_delay_in_the_details_of_a_google_error_is_read_unless_a_header_has_one() {
        let delay = |delay: &str| {
            let kind = "type.googleapis.com/google.rpc.RetryInfo";
            json!({"@type": kind, "retryDelay": delay})
        };
        let help = json!({"@type": "type.googleapis.com/google.rpc.Help", "links": []});
        assert_eq!(
            after_details(&json!([help, delay("7s")])),
            Some(Duration::from_secs(7))
        );
        assert_eq!(
            after_details(&json!([delay("1.250s"), delay("0s")])),
            Some(Duration::from_millis(1250))
        );
        // Longer than a caller waits.
        assert_eq!(after_details(&json!([delay("36.5s")])), None);
        let own = Some(Duration::from_millis(500));
        for malformed in [
            json!([delay("soon")]),
            json!([delay("-3s")]),
            json!([help]),
            json!({}),
        ] {
            assert_eq!(after_details(&malformed), own);
        }
        let headers = HeaderMap::from_iter([(header::RETRY_AFTER, "3".parse().expect("a header"))]);
        let body = json!({"error": {"details": [delay("9s")]}});
        assert_eq!(
            requested(&headers, &body, NOW),
            Some(Duration::from_secs(3))
        );
    }

    #[test]
    fn a_request_for_too_long_a_pause_ends_the_attempts() {
        assert_eq!(after("retry-after", "3600"), None);
        assert_eq!(after("retry-after", "Thu, 01 Jan 1970 01:00:00 GMT"), None);
    }

    #[test]
    fn without_a_request_the_pause_doubles_until_it_is_too_long() {
        assert_eq!(pause(1, None, NOW), Some(Duration::from_millis(500)));
        assert_eq!(pause(2, None, NOW), Some(Duration::from_millis(1000)));
        assert_eq!(pause(6, None, NOW), Some(Duration::from_secs(16)));
        assert_eq!(pause(7, None, NOW), None);
        assert_eq!(pause(u32::MAX, None, NOW), None);
        assert_eq!(
            after("retry-after", "soon"),
            Some(Duration::from_millis(500))
        );
    }
}
