//! The ETag of an entry.

use super::entry::Entry;
use crate::conditions::tag_of;

/// The ETag of an entry, without quotes.
pub fn tag(entry: &Entry) -> String {
    let mut entry = entry.clone();
    if let Entry::Description(it) = &mut entry {
        it.replaces = None;
    }
    tag_of(&entry)
}
