//! Batches single messages that arrive at the same time into one transaction: a commit takes as long for a hundred
//! rows as for one.
//!
//! No message waits for others to arrive. While one batch is being inserted, the next one gathers. If an insert is
//! slow, up to [`MAX_INSERTERS`] run at once, so that no message waits long behind others.

use std::mem;
use std::panic::AssertUnwindSafe;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use platform::postgres::wait_limit;
use platform::{Error, Result};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::draft::Draft;
use super::insert::Inserted;
use super::{Log, MAX_ROWS};

/// The most transactions at once. While transactions are fast, more rows in one are better than a second one.
const MAX_INSERTERS: usize = 4;
/// A message that waits longer starts another inserter.
const SLOW: Duration = Duration::from_millis(25);
/// The most bytes of messages that wait for a slow or unavailable database before requests are rejected.
const MAX_QUEUED_BYTES: usize = 16 << 20;
/// Longer than the statement timeout: past it, the connection hangs.
const MAX_INSERT_TIME: Duration = Duration::from_secs(20);

#[derive(Default)]
pub(super) struct Batcher(Mutex<Queue>);

#[derive(Default)]
struct Queue {
    entries: Vec<Entry>,
    bytes: usize,
    inserters: usize,
}

struct Entry {
    draft: Draft,
    outcome: oneshot::Sender<Result<(Inserted, Draft)>>,
}

impl Log {
    /// Returns the draft as well, which may have more to say than its row.
    pub(super) async fn insert_batched(&self, draft: Draft) -> Result<(Inserted, Draft)> {
        let (outcome, mut stored) = oneshot::channel();
        self.batcher.add(Entry { draft, outcome })?;
        self.start_inserter(1);
        // After the deadline the sender is asked to try again. If the row is stored nevertheless, that is a repeat.
        let outcome = wait_limit::wait(async {
            match timeout(SLOW, &mut stored).await {
                Ok(outcome) => outcome,
                Err(_) => {
                    self.start_inserter(MAX_INSERTERS);
                    stored.await
                }
            }
        });
        match outcome.await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(Error::Internal(anyhow::anyhow!("the insert panicked"))),
            Err(_) => Err(overloaded()),
        }
    }

    fn start_inserter(&self, max: usize) {
        if self.batcher.may_start_inserter(max) {
            tokio::spawn(self.clone().insert_queued());
        }
    }

    /// Inserts batches until the queue is empty. It is not part of a request: a client that closes its connection
    /// must not stop the inserts of others.
    async fn insert_queued(self) {
        while let Some(batch) = self.batcher.next_batch() {
            let (mut drafts, outcomes): (Vec<_>, Vec<_>) = batch
                .into_iter()
                // Without the messages whose senders were already told to try again.
                .filter(|entry| !entry.outcome.is_closed())
                .map(|entry| (entry.draft, entry.outcome))
                .unzip();
            let insert = timeout(MAX_INSERT_TIME, self.insert(&mut drafts));
            // If an insert panics or never ends, only the requests of its batch fail.
            if let Ok(Ok(inserted)) = AssertUnwindSafe(insert).catch_unwind().await {
                for (outcome, inserted) in
                    outcomes.into_iter().zip(drafts.into_iter().zip(inserted))
                {
                    let (draft, inserted) = inserted;
                    let _ = outcome.send(inserted.map(|inserted| (inserted, draft)));
                }
            }
        }
    }
}

impl Batcher {
    fn add(&self, entry: Entry) -> Result<()> {
        let mut queue = self.lock();
        if queue.bytes + entry.draft.size > MAX_QUEUED_BYTES {
            return Err(overloaded());
        }
        queue.bytes += entry.draft.size;
        queue.entries.push(entry);
        Ok(())
    }

    /// Whether there is an entry and fewer than `max` inserters. If so, one more is counted.
    fn may_start_inserter(&self, max: usize) -> bool {
        let mut queue = self.lock();
        let may_start = queue.inserters < max && !queue.entries.is_empty();
        queue.inserters += usize::from(may_start);
        may_start
    }

    /// None ends the inserter.
    fn next_batch(&self) -> Option<Vec<Entry>> {
        let mut queue = self.lock();
        if queue.entries.is_empty() {
            queue.inserters -= 1;
            return None;
        }
        let end = queue.entries.len().min(MAX_ROWS);
        let rest = queue.entries.split_off(end);
        let batch = mem::replace(&mut queue.entries, rest);
        queue.bytes -= batch.iter().map(|it| it.draft.size).sum::<usize>();
        Some(batch)
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn overloaded() -> Error {
    Error::Unavailable {
        detail: "the database is too slow; try again later".to_owned(),
        cause: None,
    }
}
