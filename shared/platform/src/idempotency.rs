//! `Idempotency-Key`, by which a retry of a request is recognized.

use http::{HeaderMap, HeaderName};

use crate::{Error, Result};

/// A response header: `true` in the response to a retry.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The length limit, in characters.
const LONGEST: usize = 512;

/// The value of `Idempotency-Key`, if there is one. Accepts it in quotes, as RFC 8941 defines it, and
/// without.
///
/// # Errors
/// `Invalid` if there are two, or if the value is empty, too long or not printable ASCII.
pub fn key(headers: &HeaderMap) -> Result<Option<String>> {
    let mut values = headers.get_all("idempotency-key").iter();
    let (value, None) = (values.next(), values.next()) else {
        return Err(Error::Invalid("send one Idempotency-Key".to_owned()));
    };
    let Some(value) = value else {
        return Ok(None);
    };
    let key = value.to_str().unwrap_or_default().trim().trim_matches('"');
    if key.is_empty() || key.len() > LONGEST {
        return Err(Error::Invalid(format!(
            "Idempotency-Key must have 1 to {LONGEST} printable ASCII characters"
        )));
    }
    Ok(Some(key.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_may_be_in_quotes_and_must_be_one_printable_value() {
        let read = |values: &[&str]| {
            let name = HeaderName::from_static("idempotency-key");
            let pairs = values.iter().map(|it| (name.clone(), it.parse().unwrap()));
            key(&pairs.collect())
        };
        assert_eq!(read(&[]).unwrap(), None);
        for value in ["order-17", "\"order-17\"", " order-17 "] {
            assert_eq!(read(&[value]).unwrap().as_deref(), Some("order-17"));
        }
        for values in [&[""][..], &["\"\""], &["a", "b"], &[&"a".repeat(513)]] {
            assert!(read(values).is_err(), "{values:?}");
        }
    }
}
