//! The key by which a repeat of a request is told, as its sender made it.

use http::{HeaderMap, HeaderName};

use crate::{Error, Result};

/// `true` on the answer to a repeat.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// In characters.
const LONGEST: usize = 512;

/// The value of `Idempotency-Key`, if there is one; RFC 8941 writes it in quotes. `Invalid` where it
/// stands twice, is empty, or is no printable ASCII.
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
    fn a_key_is_read_with_quotes_and_without_and_nothing_else_is_one() {
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
