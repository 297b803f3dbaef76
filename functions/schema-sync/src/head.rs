//! The head of the cache, as something that a sync and people change.

use std::sync::Arc;

use platform::auth::Names;
use platform::store::{Put, Store, StoreError};
use platform::{Error, Result};
use schema::document::Document;
use schema::versions::{self, Damaged, HEAD, Head, Serialized};
use tokio::sync::{Mutex, MutexGuard};

/// How often people's change is attempted: another writer may come first between reading and writing.
pub const ATTEMPTS: usize = 10;

/// The writers of a head in this process. Each reads the head, checks its change and publishes it. At once, all but one
/// would have to start over, so they take turns. The compare-and-swap notices those in other processes.
#[derive(Clone, Debug, Default)]
pub struct Writers(Arc<Mutex<()>>);

impl Writers {
    /// Waits until it is this writer's turn, which ends when the guard is dropped.
    pub(crate) async fn turn(&self) -> MutexGuard<'_, ()> {
        self.0.lock().await
    }
}

/// Loads the head, which is parsed apart.
pub async fn load(store: &dyn Store) -> Result<Head> {
    match store.get(HEAD).await {
        Ok(object) => apart(move || Head::of(object)).await,
        Err(StoreError::NotFound(_)) => Ok(Head::Absent),
        Err(error) => Err(error.into()),
    }
}

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

/// The document of a head, to be shared with another thread.
///
/// # Errors
/// Those of [`whole`].
pub fn into_whole(head: Head) -> Result<Arc<Document>> {
    whole(&head)?;
    match head {
        Head::Whole { document, .. } => Ok(Arc::from(document)),
        Head::Absent | Head::Damaged { .. } => Err(anyhow::anyhow!("a head is not whole").into()),
    }
}

/// Does work on a large document without blocking the thread that serves requests.
pub async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    Ok(tokio::task::spawn_blocking(work)
        .await
        .map_err(anyhow::Error::from)?)
}

/// What a caller of this scope sees of a document, computed apart.
///
/// # Errors
/// `Internal` if the work panics.
pub async fn view(document: &Arc<Document>, scope: &Names) -> Result<Arc<Document>> {
    if *scope == Names::All {
        return Ok(Arc::clone(document));
    }
    let (document, scope) = (Arc::clone(document), scope.clone());
    let seen = apart(move || schema::within(&document, &scope)).await?;
    Ok(Arc::new(seen))
}

/// The content that people changed, as the version after `before`.
pub fn next(before: &Document, mut content: Document) -> Document {
    content.generated_at = jiff::Timestamp::now();
    versions::seal(&mut content);
    content.date_datasets(Some(before));
    content
}

/// Publishes and records the version after `before`; false if another writer came first.
pub async fn publish_next(
    store: &dyn Store,
    before: &Document,
    next: &Arc<Document>,
    replace: Put,
) -> Result<bool> {
    let is_published = publish(store, next, replace).await?;
    if is_published {
        versions::record(store, Some(before), next).await?;
    }
    Ok(is_published)
}

/// The error if other writers came first in every attempt.
pub fn contended() -> Error {
    Error::Unavailable {
        detail: "other writers keep changing the schema cache; send the request again".to_owned(),
        cause: None,
    }
}

/// Publishes a document, which is serialized apart; false if another writer came first.
pub async fn publish(store: &dyn Store, document: &Arc<Document>, replace: Put) -> Result<bool> {
    let whole = Arc::clone(document);
    let serialized = apart(move || Serialized::of(&whole)).await??;
    match versions::publish_serialized(store, serialized, replace).await {
        Ok(()) => Ok(true),
        // The other writer is this one if the answer to a put was lost and the put retried.
        Err(StoreError::Precondition(_)) => is_head(store, document).await,
        Err(error) => Err(error.into()),
    }
}

async fn is_head(store: &dyn Store, document: &Document) -> Result<bool> {
    let head = load(store).await?;
    Ok(matches!(head, Head::Whole { document: head, .. } if *head == *document))
}
