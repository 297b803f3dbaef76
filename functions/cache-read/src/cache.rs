//! The copy in memory, and its revalidation against the store.
//!
//! The same scheme serves a server, which may work between requests, and a function that is frozen
//! between them. A revalidation is a task of its own, at most one at a time, which no reader owns. Each
//! reader waits for it depending on the age of the copy:
//!
//! | age of the copy | a reader |
//! | --- | --- |
//! | up to `fresh_for` | does not contact the store |
//! | up to twice that | starts the revalidation and is answered immediately |
//! | more | waits for it, 300 ms at most, or 2 s if the copy is older than an hour |
//! | no copy | the same, then takes the copy in the temporary folder, then waits 3 s at most |
//!
//! After a write of the head by this process, such as a sync or an example, the copy is outdated: it is not fresh, and
//! a reader waits for the store, 2 s at most. A read compares two counters in memory for that.
//!
//! A copy that the store has not confirmed to this process (from the temporary folder or the history) is
//! never fresh, and counts as older than twice `fresh_for`.
//!
//! On a busy server nobody waits. A frozen function gets its copy within the request, even if no task
//! completes between two requests; the next reader discards a task that a freeze cut off, because its
//! connection is dead. A failing store is asked after 1, 2, 4 .. seconds, at most `fresh_for` apart, or
//! 4 s apart without a copy, and never delays a reader longer than above. A reader that wants the newest
//! version contacts the store immediately.

mod copy;
mod fetch;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use platform::Resources;
use platform::clock::{Clock, Moment};
use platform::store::{ETag, Store, StoreError};
use platform::telemetry::{self, Unit};
use schema::document::{Document, SourceKind};
use schema::versions::{self, HEAD, History};
use tokio::sync::{OnceCell, watch};
use tokio::task::AbortHandle;
use tokio::time::timeout_at;

use self::copy::{LastGood, MAX_WAIT};
use self::fetch::{Failure, Fetched, Known, fetch_head};
use crate::builtin;
use crate::temporary::TemporaryCopy;
use crate::view::View;

/// How long a reader waits if there is no copy.
const MAX_WAIT_WITHOUT_COPY: Duration = Duration::from_secs(3);
/// After this a revalidation was cut off: a store call ends within 10 s.
const CUT_OFF: Duration = Duration::from_secs(12);
/// The same for a revalidation that also reads the history and a version.
const CUT_OFF_FALLING_BACK: Duration = Duration::from_secs(36);
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// The longest pause between attempts without a copy, so that a recovery shows soon.
const LONGEST_REST_WITHOUT_COPY: Duration = Duration::from_secs(4);

/// The settings of the cache.
#[derive(Debug)]
pub struct Settings {
    /// `CACHE_FRESH_SECONDS`: how long a copy is served without contacting the store. Default: 60.
    pub fresh_for: Duration,
    /// Where the last good copy outlives the process; none for a store in memory.
    pub temporary: Option<TemporaryCopy>,
    /// The kind of the warehouse of `WAREHOUSE_URL`, for the built-in document.
    pub warehouse: Option<SourceKind>,
    pub clock: Clock,
}

impl Settings {
    pub fn new(resources: &Resources) -> anyhow::Result<Self> {
        let env = resources.env();
        let seconds: u32 = env.parse("CACHE_FRESH_SECONDS", 60)?;
        Ok(Self {
            fresh_for: Duration::from_secs(seconds.into()),
            temporary: TemporaryCopy::new(env),
            warehouse: warehouse::kind(env),
            clock: resources.clock().clone(),
        })
    }
}

/// How current an answer is: the value of `MetaSync-Cache`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Fresh,
    Stale,
    Builtin,
}

impl Level {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Stale => "stale",
            Self::Builtin => "builtin",
        }
    }
}

/// What is served to a reader.
#[derive(Clone)]
pub struct Served {
    pub view: Arc<View>,
    pub level: Level,
    /// The time since the store last confirmed that this version is current.
    pub age: Duration,
}

/// The last good copy, kept current.
#[derive(Clone)]
pub struct Cache(Arc<Inner>);

struct Inner {
    store: Arc<dyn Store>,
    temporary: Option<TemporaryCopy>,
    fresh_for: Duration,
    clock: Clock,
    builtin: Arc<View>,
    /// How often this process has written the head.
    writes: Arc<AtomicU64>,
    state: Mutex<State>,
    temporary_was_read: OnceCell<()>,
}

#[derive(Default)]
struct State {
    last_good: Option<LastGood>,
    running: Option<Revalidation>,
    /// The number of revalidations so far, which identifies the running one.
    started: u64,
    failures: u32,
    /// Since when, and for how long, the store is not contacted.
    resting: Option<(Moment, Duration)>,
    /// A damaged head, which is not read again as long as it is the same.
    refused: Option<ETag>,
    /// The problem that has been logged and still lasts.
    trouble: Option<&'static str>,
}

#[derive(Clone)]
struct Revalidation {
    name: u64,
    started: Moment,
    /// How often this process had written the head then.
    writes: u64,
    /// After this time it was cut off.
    may_take: Duration,
    abort: AbortHandle,
    /// Closed when it ends.
    done: watch::Receiver<()>,
}

impl Revalidation {
    async fn done_within(&self, max_wait: Duration) {
        let mut done = self.done.clone();
        // An error means that the sender is dropped: the revalidation has ended.
        let _ = timeout_at(self.started.instant() + max_wait, done.changed()).await;
    }
}

impl Cache {
    pub fn new(store: Arc<dyn Store>, settings: Settings) -> Self {
        Self(Arc::new(Inner {
            writes: store.writes(HEAD),
            store,
            temporary: settings.temporary,
            fresh_for: settings.fresh_for,
            clock: settings.clock,
            builtin: Arc::new(View::new(builtin::document(settings.warehouse))),
            state: Mutex::default(),
            temporary_was_read: OnceCell::new(),
        }))
    }

    /// The best available copy. Never fails; the module documentation tells how long it may take.
    /// `newest` contacts the store even if the copy is fresh.
    pub async fn current(&self, newest: bool) -> Served {
        let inner = &self.0;
        let arrived = inner.clock.now();
        if !newest && let Some(served) = inner.fresh(arrived) {
            return served;
        }
        let (copy, running) = inner.look(newest, arrived);
        let Some(running) = running else {
            if copy.is_none() {
                inner.read_temporary().await;
            }
            return inner.served(arrived);
        };
        let max_wait = match copy {
            Some(copy) if !newest => copy.max_wait(arrived, inner.fresh_for, inner.writes()),
            Some(_) | None => MAX_WAIT,
        };
        if !max_wait.is_zero() {
            running.done_within(max_wait).await;
        }
        // It may have read the head just before a write of this process.
        if running.writes != inner.writes()
            && let (_, Some(next)) = inner.look(newest, arrived)
        {
            next.done_within(max_wait).await;
        }
        if inner.state().last_good.is_none() {
            inner.read_temporary().await;
        }
        if inner.state().last_good.is_none() {
            running.done_within(MAX_WAIT_WITHOUT_COPY).await;
        }
        inner.served(arrived)
    }

    /// A stored version; `None` if there is no such version.
    pub async fn version(&self, version: &str) -> anyhow::Result<Option<Document>> {
        let Some(packed) = versions::load_packed(&*self.0.store, version).await? else {
            return Ok(None);
        };
        tokio::task::spawn_blocking(|| packed.unpack().map(Some)).await?
    }

    /// The list of stored versions, newest last.
    pub async fn history(&self) -> anyhow::Result<History> {
        let (history, _) = versions::load_history(&*self.0.store).await?;
        Ok(history)
    }
}

/// Whether a retry can't read a version either: a version is immutable, so a damaged one stays damaged.
pub fn is_lasting(cause: &anyhow::Error) -> bool {
    let transient = |cause: &StoreError| {
        matches!(
            cause,
            StoreError::Unavailable { .. } | StoreError::Other { .. }
        )
    };
    !cause.downcast_ref().is_some_and(transient)
}

impl Inner {
    /// Nothing panics between two states while it holds the lock, so a poisoned state is consistent.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn writes(&self) -> u64 {
        self.writes.load(Ordering::Acquire)
    }

    fn is_fresh(&self, copy: &LastGood, now: Moment) -> bool {
        copy.is_fresh(now, self.fresh_for) && copy.writes == self.writes()
    }

    /// The fresh copy, which nearly every reader gets.
    fn fresh(&self, now: Moment) -> Option<Served> {
        let state = self.state();
        let copy = state.last_good.as_ref()?;
        self.is_fresh(copy, now).then(|| Served {
            view: Arc::clone(&copy.view),
            level: Level::Fresh,
            age: copy.age(now),
        })
    }

    /// The copy in memory, and the running revalidation. Starts one if it is due.
    fn look(
        self: &Arc<Self>,
        newest: bool,
        now: Moment,
    ) -> (Option<LastGood>, Option<Revalidation>) {
        let mut state = self.state();
        let copy = state.last_good.clone();
        let fresh = copy.as_ref().is_some_and(|copy| self.is_fresh(copy, now));
        if fresh && !newest {
            return (copy, None);
        }
        if let Some(running) = &state.running {
            if now.since(running.started) < running.may_take {
                let running = running.clone();
                return (copy, Some(running));
            }
            running.abort.abort();
            state.running = None;
            self.failed(&mut state, &Failure::cut_off());
            state.resting = None;
        }
        let rests = |(since, rest): (Moment, Duration)| now.since(since) < rest;
        if !newest && state.resting.is_some_and(rests) {
            return (copy, None);
        }
        let running = self.start(&mut state);
        (copy, Some(running))
    }

    fn start(self: &Arc<Self>, state: &mut State) -> Revalidation {
        state.started += 1;
        let name = state.started;
        let known = match (&state.refused, &state.last_good) {
            (Some(refused), _) => Known::Refused(refused.clone()),
            (
                None,
                Some(LastGood {
                    etag: Some(etag), ..
                }),
            ) => Known::Good(etag.clone()),
            (None, _) => Known::Nothing,
        };
        let writes = self.writes();
        let (ended, done) = watch::channel(());
        let inner = Arc::clone(self);
        let task = tokio::spawn(async move {
            let found = inner.revalidate(name, known).await;
            let news = inner.settle(name, found, writes);
            drop(ended);
            if let (Some(temporary), Some(view)) = (&inner.temporary, news) {
                temporary.save(view).await;
            }
        });
        let running = Revalidation {
            name,
            started: self.clock.now(),
            writes,
            may_take: CUT_OFF,
            abort: task.abort_handle(),
            done,
        };
        state.running = Some(running.clone());
        running
    }

    /// Applies the result of a revalidation. Returns a copy that is new from the store.
    fn settle(&self, name: u64, found: Result<Fetched, Failure>, writes: u64) -> Option<Arc<View>> {
        let mut state = self.state();
        if state
            .running
            .as_ref()
            .is_some_and(|running| running.name == name)
        {
            state.running = None;
        }
        let now = self.clock.now();
        match found {
            Ok(Fetched::Unchanged) => {
                if let Some(copy) = &mut state.last_good {
                    copy.since = now;
                    copy.writes = writes;
                    copy.age_then = Duration::ZERO;
                }
                self.succeeded(&mut state);
                None
            }
            Ok(Fetched::New(view, etag)) => {
                state.last_good = Some(LastGood {
                    view: Arc::clone(&view),
                    etag: Some(etag),
                    writes,
                    since: now,
                    age_then: Duration::ZERO,
                });
                self.succeeded(&mut state);
                Some(view)
            }
            Err(failure) => {
                if let Some(refused) = &failure.refused {
                    state.refused = Some(refused.clone());
                }
                self.failed(&mut state, &failure);
                None
            }
        }
    }

    async fn revalidate(&self, name: u64, known: Known) -> Result<Fetched, Failure> {
        let fetched = fetch_head(&*self.store, known).await;
        if let Err(failure) = &fetched
            && !failure.is_unavailable()
        {
            self.fall_back(name).await;
        }
        fetched
    }

    /// If the store responds, its head is unusable and there is no copy here, the newest whole
    /// version is the last good one. It is looked up each time: what keeps it from being read may
    /// pass, while the head stays as it is.
    async fn fall_back(&self, name: u64) {
        if self.state().last_good.is_none() {
            self.read_temporary().await;
        }
        {
            let mut state = self.state();
            if state.last_good.is_some() {
                return;
            }
            if let Some(running) = state.running.as_mut().filter(|it| it.name == name) {
                running.may_take = CUT_OFF_FALLING_BACK;
            }
        }
        // Its failure adds nothing to the log, which names that of the head.
        if let Ok(Some(document)) = versions::newest_whole_version(&*self.store).await {
            let age = Timestamp::now().duration_since(document.generated_at);
            let age = Duration::try_from(age).unwrap_or_default();
            self.hold_unconfirmed(Arc::new(View::new(document)), age);
        }
    }

    fn succeeded(&self, state: &mut State) {
        state.failures = 0;
        state.resting = None;
        state.refused = None;
        if let Some(trouble) = state.trouble.take() {
            tracing::info!(trouble, "the schema cache is current again");
        }
    }

    fn failed(&self, state: &mut State, failure: &Failure) {
        state.failures = state.failures.saturating_add(1);
        let wait = FIRST_RETRY * 2_u32.pow((state.failures - 1).min(10));
        // If nothing was synced yet, the first sync should show soon.
        let nothing_yet = failure.is_absence() && state.last_good.is_none();
        let mut longest = self.fresh_for.max(FIRST_RETRY);
        if state.last_good.is_none() {
            longest = longest.min(LONGEST_REST_WITHOUT_COPY);
        }
        if nothing_yet {
            longest = FIRST_RETRY;
        }
        let now = self.clock.now();
        state.resting = Some((now, wait.min(longest)));
        if !nothing_yet {
            telemetry::metric("schema_cache_revalidation_failures", Unit::Count, 1.0);
        }
        if state.trouble == Some(failure.kind) {
            return;
        }
        state.trouble = Some(failure.kind);
        let kind = failure.kind;
        let serving = self.level(state.last_good.as_ref(), now, now).as_str();
        if nothing_yet {
            tracing::info!(serving, "no schema was synced yet: run a sync");
        } else {
            let cause = failure.cause.as_ref().map(|cause| format!("{cause:#}"));
            tracing::warn!(
                trouble = kind,
                cause,
                serving,
                "the schema cache can't be revalidated"
            );
        }
    }

    /// Loads the copy in the temporary folder, once, if there is none in memory.
    async fn read_temporary(&self) {
        let read = async || {
            let Some(temporary) = &self.temporary else {
                return;
            };
            if let Some((view, age)) = temporary.load().await {
                self.hold_unconfirmed(view, age);
            }
        };
        self.temporary_was_read.get_or_init(read).await;
    }

    /// Keeps a copy that the store has not confirmed as current.
    fn hold_unconfirmed(&self, view: Arc<View>, age: Duration) {
        self.state().last_good.get_or_insert_with(|| LastGood {
            view,
            etag: None,
            writes: self.writes(),
            since: self.clock.now(),
            age_then: age,
        });
    }

    fn level(&self, copy: Option<&LastGood>, arrived: Moment, now: Moment) -> Level {
        match copy {
            None => Level::Builtin,
            Some(copy) if self.is_fresh(copy, now) => Level::Fresh,
            // Confirmed while the reader waited, even if `fresh_for` is very short.
            Some(copy) if copy.etag.is_some() && arrived.since(copy.since).is_zero() => {
                Level::Fresh
            }
            Some(_) => Level::Stale,
        }
    }

    fn served(&self, arrived: Moment) -> Served {
        let now = self.clock.now();
        let state = self.state();
        let copy = state.last_good.as_ref();
        Served {
            level: self.level(copy, arrived, now),
            age: copy.map_or(Duration::ZERO, |copy| copy.age(now)),
            view: Arc::clone(copy.map_or(&self.builtin, |copy| &copy.view)),
        }
    }
}
