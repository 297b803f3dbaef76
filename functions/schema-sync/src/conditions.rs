//! The conditions of a request that changes something: `If-Match` and `If-None-Match`.

use http::{HeaderMap, header};
use platform::extract::Tags;
use platform::{Error, Result};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// The conditions of a request. Without any, a change is made whatever is there.
#[derive(Debug, Default)]
pub struct Conditions {
    if_match: Option<Tags>,
    if_none_match: Option<Tags>,
}

impl Conditions {
    pub fn of(headers: &HeaderMap) -> Result<Self> {
        Ok(Self {
            if_match: Tags::of(headers, &header::IF_MATCH)?,
            if_none_match: Tags::of(headers, &header::IF_NONE_MATCH)?,
        })
    }

    /// Checks the conditions against the ETag of what is there, without quotes.
    ///
    /// # Errors
    /// `PreconditionFailed` if one of them is not met.
    pub fn check(&self, known: Option<&str>) -> Result<()> {
        let is_one_of = |tags: &Tags, weakly: bool| match (tags, known) {
            (_, None) => false,
            (Tags::Any, Some(_)) => true,
            (Tags::List(tags), Some(known)) => tags
                .iter()
                .any(|tag| tag.text == known && (weakly || !tag.is_weak)),
        };
        let matches = self.if_match.as_ref().is_none_or(|it| is_one_of(it, false));
        let differs = self
            .if_none_match
            .as_ref()
            .is_none_or(|it| !is_one_of(it, true));
        match (matches && differs, known) {
            (true, _) => Ok(()),
            (false, Some(_)) => Err(Error::PreconditionFailed(
                "there is another version already: read it, and send the change with its ETag in \
                 `If-Match`"
                    .to_owned(),
            )),
            (false, None) => Err(Error::PreconditionFailed(
                "there is nothing to change: send it without `If-Match`".to_owned(),
            )),
        }
    }
}

/// The ETag of a value, without quotes.
pub fn tag_of(value: &impl Serialize) -> String {
    let json = serde_json::to_vec(value).expect("the value serializes to JSON");
    hex::encode(&Sha256::digest(json)[..16])
}
