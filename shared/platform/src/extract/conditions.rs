//! The conditions of a request that changes something.

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, header};

use super::Tags;
use crate::Error;

/// `If-Match` and `If-None-Match` of a change. Without any, the change is made whatever is there.
#[derive(Debug, Default)]
pub struct Conditions {
    if_match: Option<Tags>,
    if_none_match: Option<Tags>,
}

impl Conditions {
    /// # Errors
    /// `Invalid` if a header is malformed.
    pub fn of(headers: &HeaderMap) -> Result<Self, Error> {
        Ok(Self {
            if_match: Tags::of(headers, &header::IF_MATCH)?,
            if_none_match: Tags::of(headers, &header::IF_NONE_MATCH)?,
        })
    }

    /// Checks the conditions against the ETag of what is there, without quotes; none if there is nothing.
    ///
    /// # Errors
    /// `PreconditionFailed` if one of them is not met.
    pub fn check(&self, tag: Option<&str>) -> Result<(), Error> {
        let matches = self.if_match.as_ref();
        let matches = matches.is_none_or(|tags| tag.is_some_and(|tag| tags.match_strongly(tag)));
        let excludes = self.if_none_match.as_ref().zip(tag);
        let excludes = excludes.is_some_and(|(tags, tag)| tags.match_weakly(tag));
        match tag {
            _ if matches && !excludes => Ok(()),
            Some(tag) => Err(Error::PreconditionFailed(format!(
                "there is another version already, with the ETag \"{tag}\": read it, and send the change with that \
                 ETag in `If-Match`"
            ))),
            None => Err(Error::PreconditionFailed(
                "there is nothing to change: send it without `If-Match`".to_owned(),
            )),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Conditions {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        Self::of(&parts.headers)
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn of(lines: &[(HeaderName, &'static str)]) -> Conditions {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name, HeaderValue::from_static(value));
        }
        Conditions::of(&headers).unwrap()
    }

    #[test]
    fn a_change_is_made_if_if_match_lists_the_tag_strongly_and_if_none_match_does_not_at_all() {
        let (only, except) = (header::IF_MATCH, header::IF_NONE_MATCH);
        for (lines, of_a, of_nothing) in [
            (vec![], true, true),
            (vec![(&only, "\"a\"")], true, false),
            (vec![(&only, "\"b\", \"a\"")], true, false),
            (vec![(&only, "\"b\"")], false, false),
            (vec![(&only, "W/\"a\"")], false, false),
            (vec![(&only, "*")], true, false),
            (vec![(&except, "*")], false, true),
            (vec![(&except, "W/\"a\"")], false, true),
            (vec![(&except, "\"b\"")], true, true),
            (vec![(&only, "*"), (&except, "\"a\"")], false, false),
            (vec![(&only, "*"), (&except, "*")], false, false),
        ] {
            let lines = lines.into_iter().map(|(name, value)| (name.clone(), value));
            let lines: Vec<_> = lines.collect();
            let conditions = of(&lines);
            assert_eq!(conditions.check(Some("a")).is_ok(), of_a, "{lines:?}");
            assert_eq!(conditions.check(None).is_ok(), of_nothing, "{lines:?}");
        }
    }

    #[test]
    fn an_unmet_condition_is_a_412_with_the_current_tag_and_what_to_send() {
        let error = of(&[(header::IF_MATCH, "\"b\"")])
            .check(Some("a"))
            .unwrap_err();
        assert_eq!(error.status(), 412);
        assert!(error.to_string().contains("ETag \"a\""), "{error}");
        let error = of(&[(header::IF_MATCH, "\"b\"")]).check(None).unwrap_err();
        assert!(error.to_string().contains("without `If-Match`"), "{error}");
    }
}
