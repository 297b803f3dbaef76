//! The copy in memory, and when it is compared with the store.
//!
//! One scheme serves a server, which may work between requests, and a function that is frozen
//! between them. A revalidation is a task of its own, at most one at a time, that no reader owns;
//! each reader decides how long it waits for it by how old the copy is:
//!
//! | age of the copy | a reader |
//! | --- | --- |
//! | up to `fresh_for` | asks nobody |
//! | up to twice that | starts the revalidation, and is answered at once |
//! | more | waits for it, 300 ms at most; 2 s from an hour on |
//! | no copy at all | the same, then takes the one in the temporary folder, then waits 3 s at most |
//!
//! A copy that the store has not confirmed to this process (from the temporary folder, from the
//! history) is never fresh, and counts as older than twice `fresh_for`.
//!
//! So on a server in use nobody waits. A frozen function gets its copy within the request even if
//! no task ever runs to its end between two of them; what a freeze cut off is given up by the next
//! reader, for its connection is dead. While the store fails it is asked after 1, 2, 4 .. seconds,
//! at most `fresh_for` apart, or 4 s where there is no copy, and never keeps a reader longer than
//! above. A reader who wants the newest has it asked at once.

mod copy;
mod fetch;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use platform::Resources;
use platform::clock::{Clock, Moment};
use platform::store::{ETag, Store};
use platform::telemetry::{self, Unit};
use schema::document::Document;
use schema::versions;
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
/// A store call ends within 10 s; what is older was cut off.
const CUT_OFF: Duration = Duration::from_secs(12);
/// The same, where history and version are read as well.
const CUT_OFF_FALLING_BACK: Duration = Duration::from_secs(36);
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// How long the store is left alone at most while there is no copy: its recovery must show soon.
const LONGEST_REST_WITHOUT_COPY: Duration = Duration::from_secs(4);

#[derive(Debug)]
pub struct Settings {
    /// `CACHE_FRESH_SECONDS` (60): how long a copy is served without asking the store again.
    pub fresh_for: Duration,
    /// Where the last good copy outlives the process; none for a store that does not either.
    pub temporary: Option<TemporaryCopy>,
    pub clock: Clock,
}

impl Settings {
    pub fn new(resources: &Resources) -> anyhow::Result<Self> {
        let env = resources.env();
        let seconds: u32 = env.parse("CACHE_FRESH_SECONDS", 60)?;
        Ok(Self {
            fresh_for: Duration::from_secs(seconds.into()),
            temporary: TemporaryCopy::new(env),
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

/// What a reader gets.
#[derive(Clone)]
pub struct Served {
    pub view: Arc<View>,
    pub level: Level,
    /// Since the store last confirmed that this is the current version.
    pub age: Duration,
}

#[derive(Clone)]
pub struct Cache(Arc<Inner>);

struct Inner {
    store: Arc<dyn Store>,
    temporary: Option<TemporaryCopy>,
    fresh_for: Duration,
    clock: Clock,
    builtin: Arc<View>,
    state: Mutex<State>,
    temporary_was_read: OnceCell<()>,
}

#[derive(Default)]
struct State {
    last_good: Option<LastGood>,
    running: Option<Revalidation>,
    /// How many were started: the name of the running one.
    started: u64,
    failures: u32,
    /// Since when, and for how long, the store is left alone.
    resting: Option<(Moment, Duration)>,
    /// A head that turned out damaged: while it is still that one, it is not read again.
    refused: Option<ETag>,
    /// What the log has been told of and is not over.
    trouble: Option<&'static str>,
}

#[derive(Clone)]
struct Revalidation {
    name: u64,
    started: Moment,
    /// After this it was cut off.
    may_take: Duration,
    abort: AbortHandle,
    /// Closed once it has ended.
    done: watch::Receiver<()>,
}

impl Revalidation {
    async fn done_within(&self, max_wait: Duration) {
        let mut done = self.done.clone();
        // An error is the end that is waited for.
        let _ = timeout_at(self.started.instant() + max_wait, done.changed()).await;
    }
}

impl Cache {
    pub fn new(store: Arc<dyn Store>, settings: Settings) -> Self {
        Self(Arc::new(Inner {
            store,
            temporary: settings.temporary,
            fresh_for: settings.fresh_for,
            clock: settings.clock,
            builtin: Arc::new(View::new(builtin::document())),
            state: Mutex::default(),
            temporary_was_read: OnceCell::new(),
        }))
    }

    /// The best copy there is. Never fails; the module says how long it may take. With `newest`
    /// the store is asked even if the copy is fresh.
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
            Some(copy) if !newest => copy.max_wait(arrived, inner.fresh_for),
            Some(_) | None => MAX_WAIT,
        };
        if !max_wait.is_zero() {
            running.done_within(max_wait).await;
        }
        if inner.state().last_good.is_none() {
            inner.read_temporary().await;
        }
        if inner.state().last_good.is_none() {
            running.done_within(MAX_WAIT_WITHOUT_COPY).await;
        }
        inner.served(arrived)
    }

    /// A version that was; `None` where there is no such version.
    pub async fn version(&self, version: &str) -> anyhow::Result<Option<Document>> {
        versions::load_version(&*self.0.store, version).await
    }
}

impl Inner {
    /// Nothing panics while it holds the lock between two states, so a poisoned one is whole.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What nearly every reader gets.
    fn fresh(&self, now: Moment) -> Option<Served> {
        let state = self.state();
        let copy = state.last_good.as_ref()?;
        copy.is_fresh(now, self.fresh_for).then(|| Served {
            view: Arc::clone(&copy.view),
            level: Level::Fresh,
            age: copy.age(now),
        })
    }

    /// The copy in memory, and the revalidation that is running if one is due.
    fn look(
        self: &Arc<Self>,
        newest: bool,
        now: Moment,
    ) -> (Option<LastGood>, Option<Revalidation>) {
        let mut state = self.state();
        let copy = state.last_good.clone();
        let fresh = copy
            .as_ref()
            .is_some_and(|copy| copy.is_fresh(now, self.fresh_for));
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
        let (ended, done) = watch::channel(());
        let inner = Arc::clone(self);
        let task = tokio::spawn(async move {
            let found = inner.revalidate(name, known).await;
            let news = inner.settle(name, found);
            drop(ended);
            if let (Some(temporary), Some(view)) = (&inner.temporary, news) {
                temporary.save(view).await;
            }
        });
        let running = Revalidation {
            name,
            started: self.clock.now(),
            may_take: CUT_OFF,
            abort: task.abort_handle(),
            done,
        };
        state.running = Some(running.clone());
        running
    }

    /// Takes in what a revalidation found, and gives back a copy that is new from the store.
    fn settle(&self, name: u64, found: Result<Fetched, Failure>) -> Option<Arc<View>> {
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
                    copy.age_then = Duration::ZERO;
                }
                self.succeeded(&mut state);
                None
            }
            Ok(Fetched::New(view, etag)) => {
                state.last_good = Some(LastGood {
                    view: Arc::clone(&view),
                    etag: Some(etag),
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
        // Where nothing was synced yet, the first sync should show soon.
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
            telemetry::figure("schema_cache_revalidation_failures", Unit::Count, 1.0);
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

    /// Takes the copy in the temporary folder, once, where there is none in memory.
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

    /// Holds a whole copy of which the store has not said that it is current.
    fn hold_unconfirmed(&self, view: Arc<View>, age: Duration) {
        self.state().last_good.get_or_insert_with(|| LastGood {
            view,
            etag: None,
            since: self.clock.now(),
            age_then: age,
        });
    }

    fn level(&self, copy: Option<&LastGood>, arrived: Moment, now: Moment) -> Level {
        match copy {
            None => Level::Builtin,
            Some(copy) if copy.is_fresh(now, self.fresh_for) => Level::Fresh,
            // Confirmed while the reader waited, however short a copy is fresh.
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
