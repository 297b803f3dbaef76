//! The ETag of an entry.

use super::entry::Entry;
use crate::etag::tag_of;

/// The ETag of an entry, without quotes.
pub fn tag(entry: &Entry) -> String {
    tag_of(&entry.clone().alone())
}
