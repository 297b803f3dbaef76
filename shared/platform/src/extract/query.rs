//! The parameters of a query.

use std::borrow::Cow;

use axum::extract::FromRequestParts;
use http::Uri;
use http::request::Parts;
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use serde::de::value::MapAccessDeserializer;
use url::form_urlencoded;

use super::text::ByName;
use crate::Error;

/// The query of a request as a struct.
///
/// It is refused with 400 if a value doesn't match its type, if a parameter is there twice or, with
/// `deny_unknown_fields`, unknown, and if it isn't UTF-8.
#[derive(Clone, Copy, Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned> Query<T> {
    /// The query of an address.
    ///
    /// # Errors
    /// `Invalid`, as in a request.
    pub fn try_from_uri(address: &Uri) -> Result<Self, Error> {
        read(address.query().unwrap_or_default()).map(Self)
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        Self::try_from_uri(&parts.uri)
    }
}

fn read<T: DeserializeOwned>(query: &str) -> Result<T, Error> {
    if percent_decode_str(query).decode_utf8().is_err() {
        return Err(Error::Invalid("the query is not UTF-8".to_owned()));
    }
    let parameters: Vec<(Cow<'_, str>, Cow<'_, str>)> =
        form_urlencoded::parse(query.as_bytes()).collect();
    let parameters = MapAccessDeserializer::new(ByName::new(parameters));
    Ok(T::deserialize(parameters)?)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use jiff::civil::Date;
    use serde::Deserialize;
    use uuid::Uuid;

    use super::*;
    use crate::Cursor;

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Params {
        limit: Option<i64>,
        #[serde(default)]
        count: usize,
        small: Option<u8>,
        replayed: Option<bool>,
        after: Option<Cursor<Uuid>>,
        user: Option<Uuid>,
        from: Option<Timestamp>,
        day: Option<Date>,
        format: Option<Format>,
        q: Option<String>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "lowercase")]
    enum Format {
        Json,
        Text,
    }

    fn refusal(query: &str) -> String {
        read::<Params>(query).expect_err(query).to_string()
    }

    #[test]
    fn parameters_are_decoded_into_their_types() {
        let read = read::<Params>("limit=20&replayed=true&format=text&q=a+b%26%EA%B0%80").unwrap();
        assert_eq!(
            read,
            Params {
                limit: Some(20),
                replayed: Some(true),
                format: Some(Format::Text),
                q: Some("a b&가".to_owned()),
                ..Params::default()
            }
        );
        assert_eq!(super::read::<Params>("").unwrap(), Params::default());
    }

    #[test]
    fn a_refusal_names_the_parameter_what_it_must_be_and_what_it_is() {
        for (query, expected) in [
            ("limit=ten", "limit: must be a whole number, and is \"ten\""),
            (
                "count=-1",
                "count: must be a whole number, 0 or more, and is \"-1\"",
            ),
            ("limit=", "limit: must be a whole number, and is \"\""),
            (
                "small=300",
                "small: must be a whole number from 0 to 255, and is \"300\"",
            ),
            (
                "replayed=1",
                "replayed: must be `true` or `false`, and is \"1\"",
            ),
            (
                "after=7",
                "after: must be the `next` of the previous page, and is \"7\"",
            ),
            (
                "user=7",
                "user: must be a UUID, such as `0190b2a0-0000-7000-8000-000000000001`, and is \"7\"",
            ),
            (
                "from=2026-01-31",
                "from: must be a time with its offset, such as `2026-01-31T09:30:00Z`, and is \
                 \"2026-01-31\"",
            ),
            (
                "day=today",
                "day: must be a date, such as `2026-01-31`, and is \"today\"",
            ),
            (
                "format=xml",
                "format: must be `json` or `text`, and is `xml`",
            ),
            ("q=a&q=b", "duplicate parameter `q`: send it once"),
            ("q=%FF", "the query is not UTF-8"),
        ] {
            assert_eq!(refusal(query), expected);
        }
        let unknown = refusal("lim=1");
        let start = "unknown parameter `lim`: use `limit`, `count`, ";
        assert!(unknown.starts_with(start), "{unknown}");
    }
}
