//! The names that events of a robeing may not join with others, as this process found them.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use uuid::Uuid;

/// The most refusals that are remembered, at about 200 bytes each.
const MAX_REFUSED: usize = 20_000;

/// Names that events of a robeing may not join with others. What shows it is older than the event, so it stays true, and
/// looking it up again for each message of the person would take as long as they have messages.
#[derive(Clone, Default)]
pub(crate) struct RefusedJoins(Arc<Mutex<HashSet<Refused>>>);

#[derive(PartialEq, Eq, Hash)]
pub(crate) struct Refused {
    pub robeing_id: String,
    pub slack_user: String,
    pub team: String,
    pub user_id: Uuid,
}

impl RefusedJoins {
    pub fn contains(&self, refused: &Refused) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.contains(refused)
    }

    pub fn extend(&self, refused: impl Iterator<Item = Refused>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_REFUSED {
            known.clear();
        }
        known.extend(refused);
    }
}
