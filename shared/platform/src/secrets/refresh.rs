//! Reads secrets again while the process runs.
//!
//! There is no timer, because a function is frozen between requests: who uses a secret finds that it is old,
//! and starts to read it again. The old value is used meanwhile, unless the process was idle for so long that
//! it may be revoked. If a secret can't be read, the old value stays in use.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use anyhow::anyhow;
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::{Content, Managers, RESPONSE_TIMEOUT, Reference, Rotating, WITHIN, references};
use crate::Env;
use crate::clock::{Clock, Moment};

/// The age at which secret managers are asked again, give or take [`JITTER`].
const MANAGER_AGE: Duration = Duration::from_secs(300);
/// Processes that started together ask at different times.
const JITTER: Duration = Duration::from_secs(30);
/// The age at which files are read again. They cost nothing.
const FILE_AGE: Duration = Duration::from_secs(10);
/// The shortest time between two attempts.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// Reads the secrets of a process again when they are old. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Refresh(Option<Arc<Inner>>);

struct Inner {
    clock: Clock,
    references: Vec<Reference>,
    /// Whether the process is frozen between requests. Then, reading doesn't continue after the response.
    is_frozen: bool,
    /// Held while secrets are read, so that this happens once at a time.
    reading: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

struct State {
    /// With the secrets that were read last.
    env: Env,
    managers: Age,
    files: Age,
    /// What makes each rotating value again.
    makers: Vec<Maker>,
}

type Maker = Arc<dyn Fn(&Env) + Send + Sync>;

struct Age {
    limit: Duration,
    read: Moment,
    tried: Moment,
}

impl Age {
    fn is_due(&self, now: Moment) -> bool {
        now.since(self.read) >= self.limit && now.since(self.tried) >= RETRY_AFTER
    }

    /// Whether it is so old that a request waits for new secrets.
    fn is_stale(&self, now: Moment) -> bool {
        self.is_due(now) && now.since(self.read) >= self.limit * 2
    }
}

impl Refresh {
    /// For an environment whose references were resolved.
    pub(crate) fn new(env: &Env, clock: Clock) -> Self {
        // The references were valid when they were resolved.
        let given = env.given().and_then(|given| references(given).ok());
        let Some(references) = given else {
            return Self::default();
        };
        let now = clock.now();
        let jitter = u64::from(uuid::Uuid::new_v4().as_bytes()[0]);
        let jitter = 2 * JITTER * u32::try_from(jitter).unwrap_or_default() / 255;
        let age = |limit| Age {
            limit,
            read: now,
            tried: now,
        };
        Self(Some(Arc::new(Inner {
            clock,
            references,
            is_frozen: env.get("AWS_LAMBDA_RUNTIME_API").is_some(),
            reading: tokio::sync::Mutex::default(),
            state: Mutex::new(State {
                env: env.clone(),
                managers: age(MANAGER_AGE - JITTER + jitter),
                files: age(FILE_AGE),
                makers: Vec::new(),
            }),
        })))
    }

    /// A value that `make` returns for the variables, now and whenever a secret changes.
    pub(crate) fn rotating<T: Send + Sync + 'static>(
        &self,
        env: &Env,
        make: impl Fn(&Env) -> anyhow::Result<T> + Send + Sync + 'static,
    ) -> anyhow::Result<Rotating<T>> {
        let Some(inner) = &self.0 else {
            return Ok(Rotating::fixed(make(env)?));
        };
        let mut state = inner.state();
        let rotating = Rotating::new(make(&state.env)?, self.clone());
        let cell: Arc<RwLock<Arc<T>>> = rotating.cell();
        state.makers.push(Arc::new(move |env| match make(env) {
            Ok(value) => {
                *cell.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(value);
            }
            Err(error) => tracing::warn!(
                error = format!("{error:#}"),
                "a changed secret is not valid, so the previous value stays in use: correct the secret"
            ),
        }));
        Ok(rotating)
    }

    /// Reads old secrets again, in the background.
    pub(super) fn begin_if_due(&self) {
        if let Some(inner) = &self.0
            && inner.is_due()
            && inner.reading.try_lock().is_ok()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(inner.clone().read_again());
        }
    }

    /// Before a request is authenticated: reads old secrets again. Waits for them if they may have been
    /// revoked long ago, or if they would not be read after the response.
    pub(crate) async fn before_request(&self) {
        let Some(inner) = &self.0 else {
            return;
        };
        if inner.is_stale() || (inner.is_frozen && inner.is_due()) {
            // In a task of its own, so that it ends even if the request is cancelled.
            let reading = tokio::spawn(inner.clone().read_again());
            let _ = timeout(RESPONSE_TIMEOUT, reading).await;
        } else {
            self.begin_if_due();
        }
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_due(&self) -> bool {
        let (state, now) = (self.state(), self.clock.now());
        (self.has(Reference::is_file) && state.files.is_due(now))
            || (self.has(|it| !it.is_file()) && state.managers.is_due(now))
    }

    fn is_stale(&self) -> bool {
        let (state, now) = (self.state(), self.clock.now());
        (self.has(Reference::is_file) && state.files.is_stale(now))
            || (self.has(|it| !it.is_file()) && state.managers.is_stale(now))
    }

    fn has(&self, is_wanted: impl Fn(&Reference) -> bool) -> bool {
        self.references.iter().any(is_wanted)
    }

    async fn read_again(self: Arc<Self>) {
        let _one = self.reading.lock().await;
        let now = self.clock.now();
        let (env, files, managers) = {
            let state = self.state();
            (
                state.env.clone(),
                state.files.is_due(now),
                state.managers.is_due(now),
            )
        };
        for (is_file, is_due) in [(true, files), (false, managers)] {
            if !is_due || !self.has(|it| it.is_file() == is_file) {
                continue;
            }
            let (changed, is_complete) = self.changed(&env, is_file).await;
            self.apply(&changed);
            let now = self.clock.now();
            let mut state = self.state();
            let age = if is_file {
                &mut state.files
            } else {
                &mut state.managers
            };
            age.tried = now;
            if is_complete {
                age.read = now;
            }
        }
    }

    /// The variables whose secrets have changed, with their values, and whether every secret was read.
    async fn changed(&self, env: &Env, files: bool) -> (Vec<(&str, String)>, bool) {
        let mut managers = Managers::new(env);
        let mut changed = Vec::new();
        let mut is_complete = true;
        for reference in self.references.iter().filter(|it| it.is_file() == files) {
            let variable = reference.variable.as_str();
            let read = timeout(WITHIN, managers.read(reference)).await;
            let read = read.unwrap_or_else(|_| {
                Err(anyhow!("the secret manager didn't respond for {variable}"))
            });
            match read {
                Ok(Content::Text(secret)) if env.get(variable) != Some(&secret) => {
                    changed.push((variable, secret));
                }
                Ok(Content::NoValue { remedy }) if env.get(variable).is_some() => {
                    warn(&anyhow!(
                        "{variable} refers to a secret without a value: {remedy}"
                    ));
                }
                Ok(_) => {}
                Err(error) => {
                    warn(&error);
                    is_complete = false;
                }
            }
        }
        (changed, is_complete)
    }

    fn apply(&self, changed: &[(&str, String)]) {
        if changed.is_empty() {
            return;
        }
        let names: Vec<&str> = changed.iter().map(|(variable, _)| *variable).collect();
        let (env, makers) = {
            let mut state = self.state();
            for (variable, secret) in changed {
                state.env = std::mem::take(&mut state.env).with(variable, secret);
            }
            (state.env.clone(), state.makers.clone())
        };
        for make in makers {
            make(&env);
        }
        tracing::info!("read the changed secret of {}", names.join(" and "));
    }
}

fn warn(error: &anyhow::Error) {
    let error = format!("{error:#}");
    tracing::warn!(
        error,
        "can't read a secret again, so its previous value stays in use"
    );
}
