//! Asking the store for the head.

use std::sync::Arc;

use platform::store::{ETag, Store, StoreError};
use schema::versions::HEAD;

use crate::view::View;

/// The head that was read before.
pub enum Known {
    Nothing,
    Good(ETag),
    Refused(ETag),
}

/// What the store returned.
pub enum Fetched {
    /// The copy in memory is current.
    Unchanged,
    New(Arc<View>, ETag),
}

/// Why the copy could not be confirmed.
pub struct Failure {
    /// The same word as long as the same problem lasts, so that it is logged once.
    pub kind: &'static str,
    pub cause: Option<anyhow::Error>,
    /// The head that must not be used.
    pub refused: Option<ETag>,
}

const ABSENT: &str = "absent";
const DAMAGED: &str = "damaged";
const UNAVAILABLE: &str = "unavailable";

impl Failure {
    fn new(kind: &'static str, cause: impl Into<anyhow::Error>) -> Self {
        Self {
            kind,
            cause: Some(cause.into()),
            refused: None,
        }
    }

    fn damaged(head: ETag, cause: Option<anyhow::Error>) -> Self {
        Self {
            kind: DAMAGED,
            cause,
            refused: Some(head),
        }
    }

    pub fn cut_off() -> Self {
        Self {
            kind: "cut_off",
            cause: None,
            refused: None,
        }
    }

    /// The store has no head: nothing was synced yet.
    pub fn is_absence(&self) -> bool {
        self.kind == ABSENT
    }

    /// The store itself could not be reached.
    pub fn is_unavailable(&self) -> bool {
        self.kind == UNAVAILABLE
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let kind = match &error {
            StoreError::NotFound(_) => ABSENT,
            StoreError::Unavailable { .. } => UNAVAILABLE,
            StoreError::Denied { .. } => "denied",
            StoreError::Precondition(_) | StoreError::Deviates(_) | StoreError::Other { .. } => {
                "failed"
            }
        };
        Self::new(kind, error)
    }
}

/// Fetches and parses the head, unless it is still the one that is known.
pub async fn fetch_head(store: &dyn Store, known: Known) -> Result<Fetched, Failure> {
    let tag = match &known {
        Known::Nothing => None,
        Known::Good(tag) | Known::Refused(tag) => Some(tag),
    };
    let object = match (store.get_if_changed(HEAD, tag).await?, known) {
        (Some(object), _) => object,
        (None, Known::Good(_)) => return Ok(Fetched::Unchanged),
        (None, Known::Refused(tag)) => return Err(Failure::damaged(tag, None)),
        (None, Known::Nothing) => {
            let cause = anyhow::anyhow!("the store gave no head and no reason");
            return Err(Failure::new("failed", cause));
        }
    };
    let etag = object.etag;
    let parsed = tokio::task::spawn_blocking(|| View::parse(object.body)).await;
    match parsed {
        Ok(Ok(view)) => Ok(Fetched::New(Arc::new(view), etag)),
        Ok(Err(damaged)) => Err(Failure::damaged(etag, Some(damaged.into()))),
        Err(panic) => Err(Failure::new("failed", panic)),
    }
}
