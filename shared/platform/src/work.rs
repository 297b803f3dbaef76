//! CPU-bound work that would delay other requests. It runs on threads of its own, with a limit on how much
//! runs at once, and stops early once its request is gone. Short work doesn't wait for long work: work of
//! each size has threads of its own, and the operating system divides the processors between them.

use std::array;
use std::panic::resume_unwind;
use std::sync::{Arc, Weak};
use std::thread::available_parallelism;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// Work on up to this many bytes runs on the caller's thread. It mostly takes less than a millisecond, and
/// often less than a switch of threads.
pub const SHORT: usize = 2 * 1024;

/// The sizes of work that have threads of their own, each up to this many bytes: a text, a large text, and
/// a list of texts. In milliseconds of masking, these are about 1, 20, and 600.
const SIZES: [usize; 3] = [32 * 1024, 1024 * 1024, usize::MAX];

/// Threads for work, with a limit per size of work that clones share.
#[derive(Clone, Debug)]
pub struct Workers([Arc<Semaphore>; SIZES.len()]);

/// Tells the work whether its result is still awaited.
pub struct Waiting(Weak<()>);

impl Default for Workers {
    /// One per processor and size.
    fn default() -> Self {
        Self::new(available_parallelism().map_or(1, usize::from))
    }
}

impl Workers {
    /// Runs as much work of each size at once.
    pub fn new(at_once: usize) -> Self {
        Self(array::from_fn(|_| Arc::new(Semaphore::new(at_once))))
    }

    /// Runs work on this many bytes. If the future is dropped before the work begins, it never runs. If it
    /// is dropped later, the work ends when it checks [`Waiting`], and occupies its thread until then.
    pub async fn run<T: Send + 'static>(
        &self,
        bytes: usize,
        work: impl FnOnce(&Waiting) -> T + Send + 'static,
    ) -> T {
        let waits = Arc::new(());
        let waiting = Waiting(Arc::downgrade(&waits));
        if bytes <= SHORT {
            return work(&waiting);
        }
        let size = SIZES.iter().position(|most| bytes <= *most);
        let size = size.expect("the last size has no limit");
        let place = self.0[size].clone().acquire_owned().await;
        let place = place.expect("the semaphore is never closed");
        let work = spawn_blocking(move || {
            let done = work(&waiting);
            drop(place);
            done
        });
        let done = work.await;
        drop(waits);
        done.unwrap_or_else(|error| resume_unwind(error.into_panic()))
    }
}

impl Waiting {
    pub fn is_over(&self) -> bool {
        self.0.strong_count() == 0
    }

    /// Runs work for each item until the result is no longer awaited.
    pub fn each<I, T>(
        &self,
        items: impl IntoIterator<Item = I>,
        work: impl FnMut(I) -> T,
    ) -> Vec<T> {
        let items = items.into_iter().take_while(|_| !self.is_over());
        items.map(work).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::thread;

    use futures::{FutureExt as _, poll};

    use super::*;

    const LONG: usize = SHORT + 1;

    /// Work that waits until the sender sends.
    fn held() -> (Sender<()>, impl FnOnce()) {
        let (go_on, waits): (_, Receiver<()>) = channel();
        (go_on, move || {
            let _ = waits.recv();
        })
    }

    #[tokio::test]
    async fn short_work_runs_on_the_same_thread_and_long_work_on_another() {
        let workers = Workers::new(1);
        let here = thread::current().id();
        let thread = |_: &Waiting| thread::current().id();
        assert_eq!(workers.run(SHORT, thread).now_or_never(), Some(here));
        assert_ne!(workers.run(LONG, thread).await, here);
    }

    #[tokio::test]
    async fn long_work_does_not_block_other_requests() {
        let here = thread::current().id();
        let (go_on, hold) = held();
        let workers = Workers::new(1);
        let work = workers.run(LONG, move |_| {
            // On the same thread, it would wait forever.
            assert_ne!(thread::current().id(), here);
            hold();
        });
        let other = async move { go_on.send(()) };
        let ((), sent) = tokio::join!(work, other);
        assert!(sent.is_ok());
    }

    #[tokio::test]
    async fn work_runs_while_longer_work_occupies_its_threads_and_more_waits_for_them() {
        for (long, shorter) in [
            (SIZES[1], [SHORT, LONG, SIZES[0]]),
            (SIZES[2], [LONG, SIZES[0], SIZES[1]]),
        ] {
            let workers = Workers::new(2);
            let mut occupied = Vec::new();
            for _ in 0..4 {
                let (go_on, hold) = held();
                let mut work = Box::pin(workers.run(long, move |_| hold()));
                assert!(poll!(&mut work).is_pending());
                occupied.push((go_on, work));
            }
            for bytes in shorter {
                assert_eq!(workers.run(bytes, move |_| bytes).await, bytes);
            }
            for (go_on, work) in occupied {
                let _ = go_on.send(());
                work.await;
            }
        }
    }

    #[tokio::test]
    async fn work_over_the_limit_waits_and_never_runs_if_it_is_dropped_before() {
        let workers = Workers::new(1);
        let begun = Arc::new(AtomicUsize::new(0));
        let count = || {
            let begun = begun.clone();
            move |_: &Waiting| begun.fetch_add(1, Ordering::SeqCst)
        };
        let (go_on, hold) = held();
        let mut first = Box::pin(workers.run(LONG, move |_| hold()));
        assert!(poll!(&mut first).is_pending());
        let mut second = Box::pin(workers.run(LONG, count()));
        let mut third = Box::pin(workers.run(LONG, count()));
        assert!(poll!(&mut second).is_pending() && poll!(&mut third).is_pending());
        drop(second);
        assert_eq!(begun.load(Ordering::SeqCst), 0);
        go_on.send(()).expect("the first waits");
        first.await;
        assert_eq!(third.await, 0);
        assert_eq!(begun.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn work_that_is_no_longer_awaited_ends_after_its_current_item() {
        let workers = Workers::new(1);
        let (begun, mut begins) = tokio::sync::mpsc::unbounded_channel();
        let (go_on, hold) = held();
        let (finished, done) = channel();
        let mut hold = Some(hold);
        let work = workers.run(LONG, move |waiting| {
            let items = waiting.each(0..1_000, |item| {
                if let Some(hold) = hold.take() {
                    let _ = begun.send(());
                    hold();
                }
                item
            });
            let _ = finished.send(items);
        });
        let mut work = Box::pin(work);
        tokio::select! {
            () = &mut work => unreachable!("it is held"),
            _ = begins.recv() => {}
        }
        drop(work);
        go_on.send(()).expect("the work is held");
        // The thread is free only now.
        workers.run(LONG, |_| ()).await;
        assert_eq!(done.recv().expect("the work ends"), [0]);
    }

    #[tokio::test]
    async fn a_panic_reaches_the_caller_and_frees_the_thread() {
        let workers = Workers::new(1);
        let work = workers.run(LONG, |_| panic!("on purpose"));
        let panicked = std::panic::AssertUnwindSafe(work).catch_unwind().await;
        assert!(panicked.is_err());
        assert_eq!(workers.run(LONG, |_| 1).await, 1);
    }
}
