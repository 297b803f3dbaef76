//! One comparison with the store.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use platform::store::{ETag, StoreError};
use schema::versions::{self, HEAD};

use super::{CUT_OFF_FALLING_BACK, Inner};
use crate::view::View;

/// Which head has been read before.
pub enum Known {
    Nothing,
    Good(ETag),
    Refused(ETag),
}

/// What the store said.
pub enum Found {
    /// The copy in memory is current.
    Unchanged,
    New(Arc<View>, ETag),
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
const UNAVAILABLE: &str = "unavailable";

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
            StoreError::Unavailable { .. } => UNAVAILABLE,
            StoreError::Denied { .. } => "denied",
            StoreError::Precondition(_) | StoreError::Deviates(_) | StoreError::Other { .. } => {
                "failed"
            }
        };
        Self::new(kind, error)
    }
}

impl Inner {
    pub(super) async fn revalidate(&self, name: u64, known: Known) -> Result<Found, Trouble> {
        let found = self.ask(known).await;
        if let Err(trouble) = &found
            && trouble.kind != UNAVAILABLE
        {
            self.fall_back(name).await;
        }
        found
    }

    async fn ask(&self, known: Known) -> Result<Found, Trouble> {
        let tag = match &known {
            Known::Nothing => None,
            Known::Good(tag) | Known::Refused(tag) => Some(tag),
        };
        let object = match (self.store.get_if_changed(HEAD, tag).await?, known) {
            (Some(object), _) => object,
            (None, Known::Good(_)) => return Ok(Found::Unchanged),
            (None, Known::Refused(tag)) => return Err(Trouble::damaged(tag, None)),
            (None, Known::Nothing) => {
                let cause = anyhow::anyhow!("the store gave no head and no reason");
                return Err(Trouble::new("failed", cause));
            }
        };
        let etag = object.etag;
        let parsed = tokio::task::spawn_blocking(|| View::parse(object.body)).await;
        match parsed {
            Ok(Ok(view)) => Ok(Found::New(Arc::new(view), etag)),
            Ok(Err(damaged)) => Err(Trouble::damaged(etag, Some(damaged.into()))),
            Err(panic) => Err(Trouble::new("failed", panic)),
        }
    }

    /// Where the store answers and its head is of no use, and there is no copy here, the newest
    /// version that is whole is the last good one. It is looked for each time: what keeps it from
    /// being read may pass, while the head stays as it is.
    async fn fall_back(&self, name: u64) {
        if self.state().held.is_none() {
            self.read_temporary().await;
        }
        {
            let mut state = self.state();
            if state.held.is_some() {
                return;
            }
            if let Some(running) = state.running.as_mut().filter(|it| it.name == name) {
                running.may_take = CUT_OFF_FALLING_BACK;
            }
        }
        // Its failure adds nothing to the log: the head's is told.
        if let Ok(Some(document)) = versions::newest_whole_version(&*self.store).await {
            let age = Timestamp::now().duration_since(document.generated_at);
            let age = Duration::try_from(age).unwrap_or_default();
            self.hold_unconfirmed(Arc::new(View::new(document)), age);
        }
    }
}
