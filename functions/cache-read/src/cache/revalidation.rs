//! One comparison with the store.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use schema_sync::publish::{self, HEAD};
use shared::store::{ETag, StoreError};

use super::Inner;
use crate::view::View;

/// Which head has been read before.
pub enum Known {
    Nothing,
    Good(ETag),
    Refused(ETag),
}

pub enum Outcome {
    /// The copy in memory is current.
    Unchanged,
    Replaced(Arc<View>, ETag),
    Failed(Trouble),
}

/// Why the copy could not be confirmed.
pub struct Trouble {
    /// The same word while it is the same trouble: an episode is logged once.
    pub kind: &'static str,
    pub cause: Option<anyhow::Error>,
    /// The head that must not be used.
    pub refused: Option<ETag>,
}

const ABSENT: &str = "absent";
const DAMAGED: &str = "damaged";

impl Trouble {
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

    pub fn is_absence(&self) -> bool {
        self.kind == ABSENT
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        let kind = match &error {
            StoreError::NotFound(_) => ABSENT,
            StoreError::Unavailable { .. } => "unavailable",
            StoreError::Denied { .. } => "denied",
            StoreError::Precondition(_) | StoreError::Other { .. } => "failed",
        };
        Self::new(kind, error)
    }
}

impl Inner {
    pub(super) async fn revalidate(&self, known: Known) -> Outcome {
        let tag = match &known {
            Known::Nothing => None,
            Known::Good(tag) | Known::Refused(tag) => Some(tag),
        };
        let object = match (self.store.get_if_changed(HEAD, tag).await, known) {
            (Ok(Some(object)), _) => object,
            (Ok(None), Known::Good(_)) => return Outcome::Unchanged,
            (Ok(None), Known::Refused(tag)) => return Outcome::Failed(Trouble::damaged(tag, None)),
            (Ok(None), Known::Nothing) => {
                let cause = anyhow::anyhow!("the store gave no head and no reason");
                return Outcome::Failed(Trouble::new("failed", cause));
            }
            (Err(error), _) => return Outcome::Failed(error.into()),
        };
        let etag = object.etag;
        let parsed = tokio::task::spawn_blocking(|| View::parse(object.body)).await;
        match parsed {
            Ok(Ok(view)) => Outcome::Replaced(Arc::new(view), etag),
            Ok(Err(damaged)) => {
                self.fall_back().await;
                Outcome::Failed(Trouble::damaged(etag, Some(damaged.into())))
            }
            Err(panic) => Outcome::Failed(Trouble::new("failed", panic)),
        }
    }

    /// With a damaged head and no copy here, the newest version that is whole is the last good one.
    async fn fall_back(&self) {
        if self.state().held.is_none() {
            self.read_temporary().await;
        }
        if self.state().held.is_some() {
            return;
        }
        // Its failure adds nothing to the log: the head's is told.
        if let Ok(Some(document)) = publish::newest_whole_version(&*self.store).await {
            let age = Timestamp::now().duration_since(document.generated_at);
            let age = Duration::try_from(age).unwrap_or_default();
            self.hold_unconfirmed(Arc::new(View::new(document)), age);
        }
    }
}
