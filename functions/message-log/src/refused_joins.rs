//! The names that events of a robeing may not join with others, as this process found them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use uuid::Uuid;

/// The most refusals that are remembered, at about 200 bytes each.
const MAX_REFUSED: usize = 20_000;
/// An erasure, or a roll-up after a restore, may make a join possible.
const MAX_AGE: Duration = Duration::from_secs(10 * 60);

/// Names that events of a robeing may not join with others. Looking it up again for each message of the person would
/// take as long as they have messages.
#[derive(Clone, Default)]
pub(crate) struct RefusedJoins(Arc<Mutex<HashMap<Refused, Instant>>>);

#[derive(PartialEq, Eq, Hash)]
pub(crate) struct Refused {
    pub robeing_id: String,
    pub slack_user: String,
    pub team: String,
    pub user_id: Uuid,
}

impl RefusedJoins {
    pub fn contains(&self, refused: &Refused, now: Instant) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found_at = known.get(refused);
        found_at.is_some_and(|at| now.saturating_duration_since(*at) < MAX_AGE)
    }

    pub fn extend(&self, refused: impl Iterator<Item = Refused>, now: Instant) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_REFUSED {
            known.clear();
        }
        known.extend(refused.map(|it| (it, now)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_looked_up_again_after_its_age() {
        let refused = || Refused {
            robeing_id: "sales".to_owned(),
            slack_user: "U7".to_owned(),
            team: "T1".to_owned(),
            user_id: Uuid::nil(),
        };
        let joins = RefusedJoins::default();
        let now = Instant::now();
        assert!(!joins.contains(&refused(), now));
        joins.extend([refused()].into_iter(), now);
        assert!(joins.contains(&refused(), now + MAX_AGE - Duration::from_secs(1)));
        assert!(!joins.contains(&refused(), now + MAX_AGE));
        joins.extend([refused()].into_iter(), now + MAX_AGE);
        assert!(joins.contains(&refused(), now + MAX_AGE));
    }
}
