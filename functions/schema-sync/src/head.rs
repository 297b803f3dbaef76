//! The head of the cache, as something that a sync and people change.

use platform::store::{Put, Store, StoreError};
use platform::{Error, Result};
use schema::document::Document;
use schema::versions::{self, Damaged, Head};

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

/// Publishes a document; false if another writer came first.
pub async fn publish(store: &dyn Store, document: &Document, replace: Put) -> Result<bool> {
    match versions::publish(store, document, replace).await {
        Ok(()) => Ok(true),
        // The other writer is this one if the answer to a put was lost and the put retried.
        Err(StoreError::Precondition(_)) => is_head(store, document).await,
        Err(error) => Err(error.into()),
    }
}

async fn is_head(store: &dyn Store, document: &Document) -> Result<bool> {
    let head = versions::load_head(store).await?;
    Ok(matches!(head, Head::Whole { document: head, .. } if *head == *document))
}
