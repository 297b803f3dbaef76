//! The ETag of an entry, and the conditions under which it may be changed.

use http::{HeaderMap, header};
use platform::extract::Tags;
use platform::{Error, Result};
use sha2::{Digest as _, Sha256};

use super::entry::Entry;

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

    /// Checks the conditions against the entry that is there.
    ///
    /// # Errors
    /// `PreconditionFailed` if one of them is not met.
    pub fn check(&self, known: Option<&Entry>) -> Result<()> {
        let known = known.map(tag);
        let is_one_of = |tags: &Tags, weakly: bool| match (tags, &known) {
            (_, None) => false,
            (Tags::Any, Some(_)) => true,
            (Tags::List(tags), Some(known)) => tags
                .iter()
                .any(|tag| tag.text == *known && (weakly || !tag.is_weak)),
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

/// The ETag of an entry, without quotes.
pub fn tag(entry: &Entry) -> String {
    let mut entry = entry.clone();
    if let Entry::Description(it) = &mut entry {
        it.replaces = None;
    }
    let json = serde_json::to_vec(&entry).expect("an entry serializes to JSON");
    hex::encode(&Sha256::digest(json)[..16])
}
