//! Single messages that come at the same time share a transaction: a commit takes as long for a
//! hundred rows as for one. Nobody waits for company: while some are being inserted, others gather. Nor
//! does anybody wait for long behind others: there are further lanes where one is slow.

use std::mem;
use std::panic::AssertUnwindSafe;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use platform::postgres::patience;
use platform::{Error, Result};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::draft::Draft;
use super::{Log, ROWS, Stored};

/// So many transactions at once. Where the first is quick, more rows in it bring more than another.
const LANES: usize = 4;
/// Who waits longer opens another lane.
const SLOW: Duration = Duration::from_millis(25);
/// What waits for a database that is slow or gone, in bytes, before senders are turned away.
const MOST_WAITING: usize = 16 << 20;
/// Longer than any statement may take: it is the connection that hangs.
const LONGEST_INSERT: Duration = Duration::from_secs(20);

#[derive(Default)]
pub(super) struct Together(Mutex<Gathered>);

#[derive(Default)]
struct Gathered {
    waiting: Vec<Waiting>,
    bytes: usize,
    lanes: usize,
}

struct Waiting {
    draft: Draft,
    outcome: oneshot::Sender<Result<Stored>>,
}

impl Log {
    pub(super) async fn insert_with_others(&self, draft: Draft) -> Result<Stored> {
        let (outcome, mut stored) = oneshot::channel();
        self.together.add(Waiting { draft, outcome })?;
        self.open_lane(1);
        // Whoever's time is over is asked to try again; what may still be stored is a repeat then.
        let answer = patience::wait(async {
            match timeout(SLOW, &mut stored).await {
                Ok(soon) => soon,
                Err(_) => {
                    self.open_lane(LANES);
                    stored.await
                }
            }
        });
        match answer.await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(Error::Internal(anyhow::anyhow!("the insert panicked"))),
            Err(_) => Err(busy()),
        }
    }

    fn open_lane(&self, most: usize) {
        if self.together.opens(most) {
            tokio::spawn(self.clone().insert_what_gathers());
        }
    }

    /// A lane: until nobody is waiting. It is no part of a request, since whoever gives theirs up
    /// must not end the others'.
    async fn insert_what_gathers(self) {
        while let Some(gathered) = self.together.next() {
            let (mut drafts, outcomes): (Vec<_>, Vec<_>) = gathered
                .into_iter()
                // Those who gave up are not answered any more; they were told to try again.
                .filter(|waiting| !waiting.outcome.is_closed())
                .map(|waiting| (waiting.draft, waiting.outcome))
                .unzip();
            let insert = timeout(LONGEST_INSERT, self.insert(&mut drafts));
            // One that panics, or never ends, is its own senders' alone.
            if let Ok(Ok(stored)) = AssertUnwindSafe(insert).catch_unwind().await {
                for (outcome, stored) in outcomes.into_iter().zip(stored) {
                    let _ = outcome.send(stored);
                }
            }
        }
    }
}

impl Together {
    fn add(&self, waiting: Waiting) -> Result<()> {
        let mut gathered = self.lock();
        if gathered.bytes + waiting.draft.size > MOST_WAITING {
            return Err(busy());
        }
        gathered.bytes += waiting.draft.size;
        gathered.waiting.push(waiting);
        Ok(())
    }

    /// Whether somebody waits for a lane that may be opened.
    fn opens(&self, most: usize) -> bool {
        let mut gathered = self.lock();
        let opens = gathered.lanes < most && !gathered.waiting.is_empty();
        gathered.lanes += usize::from(opens);
        opens
    }

    /// None closes the lane.
    fn next(&self) -> Option<Vec<Waiting>> {
        let mut gathered = self.lock();
        if gathered.waiting.is_empty() {
            gathered.lanes -= 1;
            return None;
        }
        let rest = gathered.waiting.len().min(ROWS);
        let rest = gathered.waiting.split_off(rest);
        let next = mem::replace(&mut gathered.waiting, rest);
        gathered.bytes -= next.iter().map(|it| it.draft.size).sum::<usize>();
        Some(next)
    }

    fn lock(&self) -> MutexGuard<'_, Gathered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn busy() -> Error {
    Error::Unavailable {
        detail: "the database does not keep up: send it again in a while".to_owned(),
        cause: None,
    }
}
