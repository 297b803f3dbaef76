//! The head of the cache, as something that people change.

use platform::{Error, Result};
use schema::document::Document;
use schema::versions::{Damaged, Head};

/// The document of a head.
///
/// # Errors
/// `Conflict` if there is none, if it is damaged, or if a newer version of the program wrote it.
pub fn whole(head: &Head) -> Result<&Document> {
    match head {
        Head::Whole { document, .. } => Ok(&**document),
        Head::Absent => {
            let detail = "nothing was synced yet; run a sync first";
            Err(Error::Conflict(detail.to_owned()))
        }
        Head::Damaged { error, .. } => Err(Error::Conflict(match error {
            Damaged::Format(_) => error.to_string(),
            Damaged::Unreadable(_) | Damaged::Content { .. } => {
                "the schema cache is damaged; run a sync, which repairs it".to_owned()
            }
        })),
    }
}
