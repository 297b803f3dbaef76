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

mod revalidation;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use platform::clock::{Clock, Moment};
use platform::store::{ETag, Store};
use platform::telemetry::{self, Unit};
use schema::document::Document;
use schema::versions;
use tokio::sync::{OnceCell, watch};
use tokio::task::AbortHandle;
use tokio::time::timeout_at;

use self::revalidation::{Found, Known, Trouble};
use crate::temporary::TemporaryCopy;
use crate::view::View;
use crate::{Settings, builtin};

/// What a reader waits for a store that may be slow, where there is a copy.
const PATIENCE: Duration = Duration::from_millis(300);
/// The same, where the copy is so old that it is likely to be wrong.
const PATIENCE_WHEN_OLD: Duration = Duration::from_secs(2);
const OLD: Duration = Duration::from_secs(3_600);
/// The same, where there is none.
const PATIENCE_WITHOUT_COPY: Duration = Duration::from_secs(3);
/// A store call ends within 10 s; what is older was cut off.
const CUT_OFF: Duration = Duration::from_secs(12);
/// The same, where history and version are read as well.
const CUT_OFF_FALLING_BACK: Duration = Duration::from_secs(36);
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// How long the store is left alone at most while there is no copy: its recovery must show soon.
const LONGEST_REST_WITHOUT_COPY: Duration = Duration::from_secs(4);

/// How near to the store an answer is (M8).
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
    held: Option<Held>,
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

/// The last good copy.
#[derive(Clone)]
struct Held {
    view: Arc<View>,
    /// The store's tag of the head it was read from; none if it came another way.
    etag: Option<ETag>,
    since: Moment,
    /// How old it was then.
    age_then: Duration,
}

impl Held {
    fn age(&self, now: Moment) -> Duration {
        self.age_then + now.since(self.since)
    }

    fn is_fresh(&self, now: Moment, fresh_for: Duration) -> bool {
        self.etag.is_some() && self.age(now) <= fresh_for
    }

    fn patience(&self, now: Moment, fresh_for: Duration) -> Duration {
        let age = self.age(now);
        let confirmed = self.etag.is_some();
        if confirmed && age < fresh_for * 2 {
            Duration::ZERO
        } else if age < OLD {
            PATIENCE
        } else {
            PATIENCE_WHEN_OLD
        }
    }
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
    async fn done_within(&self, patience: Duration) {
        let mut done = self.done.clone();
        // An error is the end that is waited for.
        let _ = timeout_at(self.started.instant() + patience, done.changed()).await;
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
        let (held, running) = inner.look(newest, arrived);
        let Some(running) = running else {
            if held.is_none() {
                inner.read_temporary().await;
            }
            return inner.served(arrived);
        };
        let patience = match held {
            Some(held) if !newest => held.patience(arrived, inner.fresh_for),
            Some(_) | None => PATIENCE,
        };
        if !patience.is_zero() {
            running.done_within(patience).await;
        }
        if inner.state().held.is_none() {
            inner.read_temporary().await;
        }
        if inner.state().held.is_none() {
            running.done_within(PATIENCE_WITHOUT_COPY).await;
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
        let held = state.held.as_ref()?;
        held.is_fresh(now, self.fresh_for).then(|| Served {
            view: Arc::clone(&held.view),
            level: Level::Fresh,
            age: held.age(now),
        })
    }

    /// The copy in memory, and the revalidation that is running if one is due.
    fn look(self: &Arc<Self>, newest: bool, now: Moment) -> (Option<Held>, Option<Revalidation>) {
        let mut state = self.state();
        let held = state.held.clone();
        let fresh = held
            .as_ref()
            .is_some_and(|held| held.is_fresh(now, self.fresh_for));
        if fresh && !newest {
            return (held, None);
        }
        if let Some(running) = &state.running {
            if now.since(running.started) < running.may_take {
                let running = running.clone();
                return (held, Some(running));
            }
            running.abort.abort();
            state.running = None;
            self.failed(&mut state, &Trouble::cut_off());
            state.resting = None;
        }
        let rests = |(since, rest): (Moment, Duration)| now.since(since) < rest;
        if !newest && state.resting.is_some_and(rests) {
            return (held, None);
        }
        let running = self.start(&mut state);
        (held, Some(running))
    }

    fn start(self: &Arc<Self>, state: &mut State) -> Revalidation {
        state.started += 1;
        let name = state.started;
        let known = match (&state.refused, &state.held) {
            (Some(refused), _) => Known::Refused(refused.clone()),
            (
                None,
                Some(Held {
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
    fn settle(&self, name: u64, found: Result<Found, Trouble>) -> Option<Arc<View>> {
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
            Ok(Found::Unchanged) => {
                if let Some(held) = &mut state.held {
                    held.since = now;
                    held.age_then = Duration::ZERO;
                }
                self.succeeded(&mut state);
                None
            }
            Ok(Found::New(view, etag)) => {
                state.held = Some(Held {
                    view: Arc::clone(&view),
                    etag: Some(etag),
                    since: now,
                    age_then: Duration::ZERO,
                });
                self.succeeded(&mut state);
                Some(view)
            }
            Err(trouble) => {
                if let Some(refused) = &trouble.refused {
                    state.refused = Some(refused.clone());
                }
                self.failed(&mut state, &trouble);
                None
            }
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

    fn failed(&self, state: &mut State, trouble: &Trouble) {
        state.failures = state.failures.saturating_add(1);
        let wait = FIRST_RETRY * 2_u32.pow((state.failures - 1).min(10));
        // Where nothing was synced yet, the first sync should show soon.
        let nothing_yet = trouble.is_absence() && state.held.is_none();
        let mut longest = self.fresh_for.max(FIRST_RETRY);
        if state.held.is_none() {
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
        if state.trouble == Some(trouble.kind) {
            return;
        }
        state.trouble = Some(trouble.kind);
        let kind = trouble.kind;
        let serving = self.level(state.held.as_ref(), now, now).as_str();
        if nothing_yet {
            tracing::info!(serving, "no schema was synced yet: run a sync");
        } else {
            let cause = trouble.cause.as_ref().map(|cause| format!("{cause:#}"));
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
        self.state().held.get_or_insert_with(|| Held {
            view,
            etag: None,
            since: self.clock.now(),
            age_then: age,
        });
    }

    fn level(&self, held: Option<&Held>, arrived: Moment, now: Moment) -> Level {
        match held {
            None => Level::Builtin,
            Some(held) if held.is_fresh(now, self.fresh_for) => Level::Fresh,
            // Confirmed while the reader waited, however short a copy is fresh.
            Some(held) if held.etag.is_some() && arrived.since(held.since).is_zero() => {
                Level::Fresh
            }
            Some(_) => Level::Stale,
        }
    }

    fn served(&self, arrived: Moment) -> Served {
        let now = self.clock.now();
        let state = self.state();
        let held = state.held.as_ref();
        Served {
            level: self.level(held, arrived, now),
            age: held.map_or(Duration::ZERO, |held| held.age(now)),
            view: Arc::clone(held.map_or(&self.builtin, |held| &held.view)),
        }
    }
}
