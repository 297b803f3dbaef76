//! The pause before another attempt.

use std::time::Duration;

use http::{HeaderMap, header};
use jiff::Timestamp;

/// The longest pause. If the provider asks for a longer one, there is no other attempt, because a caller
/// waits.
const LONGEST: Duration = Duration::from_secs(20);

/// The pause after this many failed attempts: the one that the provider asks for, or half a second, doubled
/// each time, with jitter. `None` if it would be too long.
pub fn pause(attempts: u32, headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let pause = requested(headers, now).unwrap_or_else(|| {
        let jitter = now.subsec_nanosecond().unsigned_abs() % 250;
        let doubled = 500 << attempts.saturating_sub(1).min(10);
        Duration::from_millis(doubled + u64::from(jitter))
    });
    (pause <= LONGEST).then_some(pause)
}

/// The value of `Retry-After`, in seconds or as a date, or of `retry-after-ms`, which some providers send.
fn requested(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
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

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn after(name: &'static str, value: &str) -> Option<Duration> {
        let headers = HeaderMap::from_iter([(
            header::HeaderName::from_static(name),
            value.parse().expect("a header"),
        )]);
        pause(1, &headers, NOW)
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
    fn a_request_for_too_long_a_pause_ends_the_attempts() {
        assert_eq!(after("retry-after", "3600"), None);
        assert_eq!(after("retry-after", "Thu, 01 Jan 1970 01:00:00 GMT"), None);
    }

    #[test]
    fn without_a_request_the_pause_doubles_until_it_is_too_long() {
        let none = HeaderMap::new();
        assert_eq!(pause(1, &none, NOW), Some(Duration::from_millis(500)));
        assert_eq!(pause(2, &none, NOW), Some(Duration::from_millis(1000)));
        assert_eq!(pause(6, &none, NOW), Some(Duration::from_secs(16)));
        assert_eq!(pause(7, &none, NOW), None);
        assert_eq!(pause(u32::MAX, &none, NOW), None);
        assert_eq!(
            after("retry-after", "soon"),
            Some(Duration::from_millis(500))
        );
    }
}
