//! Reads secrets again while the process runs.
//!
//! There is no timer, because a function is frozen between requests: who uses a secret finds that it is old,
//! and starts to read it again. The old value is used meanwhile, unless the process was idle for so long that
//! it may be revoked. If a secret can't be read, the old value stays in use. Each secret has its own age, so
//! one that can't be read doesn't affect the others.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use anyhow::anyhow;
use futures::future::join_all;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::age::{Age, FILE_AGE, manager_age};
use super::{Content, Failure, Managers, RESPONSE_TIMEOUT, Reference, Rotating, Source};
use super::{file, references};
use crate::Env;
use crate::clock::Clock;

/// How long a request waits for secrets. Slack expects a response within 3 s.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Reads the secrets of a process again when they are old. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Refresh(Option<Arc<Inner>>);

struct Inner {
    clock: Clock,
    secrets: Vec<Arc<Stored>>,
    /// Whether the process is frozen between requests. Then, reading doesn't continue after the response.
    is_frozen: bool,
    /// Tells that an attempt has ended.
    ended: Notify,
    state: Mutex<State>,
}

/// A secret, with the variables that refer to it.
struct Stored {
    source: Source,
    text: String,
    variables: Vec<String>,
    age: Mutex<Age>,
}

/// An attempt to read a secret. It ends when it is dropped, also by a panic.
struct Attempt {
    inner: Arc<Inner>,
    secret: Arc<Stored>,
    has_succeeded: bool,
}

struct State {
    /// With the secrets that were read last.
    env: Env,
    /// What makes each rotating value again.
    makers: Vec<Maker>,
}

/// Makes a value, and returns how to put it in place of the previous one.
type Maker = Box<dyn Fn(&Env) -> anyhow::Result<Replace> + Send + Sync>;
type Replace = Box<dyn FnOnce()>;

impl Refresh {
    /// For an environment whose references were resolved.
    pub(crate) fn new(env: &Env, clock: Clock) -> Self {
        // The references were valid when they were resolved.
        let given = env.given().and_then(|given| references(given).ok());
        let Some(references) = given else {
            return Self::default();
        };
        let (now, manager_age) = (clock.now(), manager_age());
        let mut secrets: Vec<Stored> = Vec::new();
        for Reference {
            variable,
            text,
            source,
        } in references
        {
            if let Some(same) = secrets.iter_mut().find(|it| it.text == text) {
                same.variables.push(variable);
                continue;
            }
            let limit = match &source {
                Source::File(_) => FILE_AGE,
                Source::Amazon(_) | Source::Google(_) => manager_age,
            };
            secrets.push(Stored {
                source,
                text,
                variables: vec![variable],
                age: Mutex::new(Age::new(limit, now)),
            });
        }
        Self(Some(Arc::new(Inner {
            clock,
            secrets: secrets.into_iter().map(Arc::new).collect(),
            is_frozen: env.get("AWS_LAMBDA_RUNTIME_API").is_some(),
            ended: Notify::new(),
            state: Mutex::new(State {
                env: env.clone(),
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
        let mut state = locked(&inner.state);
        let rotating = Rotating::new(make(&state.env)?, self.clone());
        let cell: Arc<RwLock<Arc<T>>> = rotating.cell();
        state.makers.push(Box::new(move |env| {
            let (value, cell) = (Arc::new(make(env)?), Arc::clone(&cell));
            Ok(Box::new(move || {
                *cell.write().unwrap_or_else(PoisonError::into_inner) = value;
            }))
        }));
        Ok(rotating)
    }

    /// Begins to read each secret that is due, in a task of its own, so that it ends even if the request is
    /// cancelled.
    pub(super) fn begin_if_due(&self) -> Option<JoinHandle<()>> {
        let inner = self.0.as_ref()?;
        let runtime = Handle::try_current().ok()?;
        let due = inner.due();
        (!due.is_empty()).then(|| runtime.spawn(read_again(Arc::clone(inner), due)))
    }

    /// Before a request is authenticated: reads old secrets again. Waits for the first attempt after a long
    /// idle time, because the secrets may have been revoked long ago, and for attempts that would not go on
    /// after the response.
    pub(crate) async fn before_request(&self) {
        let begun = self.begin_if_due();
        let Some(inner) = &self.0 else {
            return;
        };
        let wait = async {
            match begun {
                Some(begun) if inner.is_frozen => drop(begun.await),
                _ => inner.while_awaited().await,
            }
        };
        let _ = timeout(LONGEST_WAIT, wait).await;
    }
}

impl Inner {
    /// Begins an attempt for each secret that is due.
    fn due(self: &Arc<Self>) -> Vec<Attempt> {
        let now = self.clock.now();
        let is_due = |secret: &&Arc<Stored>| locked(&secret.age).begin_if_due(now);
        let due = self.secrets.iter().filter(is_due);
        due.map(|secret| Attempt {
            inner: Arc::clone(self),
            secret: Arc::clone(secret),
            has_succeeded: false,
        })
        .collect()
    }

    async fn while_awaited(&self) {
        loop {
            let ended = self.ended.notified();
            let mut secrets = self.secrets.iter();
            if !secrets.any(|secret| locked(&secret.age).is_awaited()) {
                return;
            }
            ended.await;
        }
    }

    /// Uses what was read. Returns whether the secret in use is the stored one.
    fn take(&self, secret: &Stored, read: super::Read) -> bool {
        let names = secret.variables.join(" and ");
        let content = match read {
            Ok(content) => content,
            Err(failure) => {
                let error = failure
                    .reason
                    .context(format!("can't read the secret of {names}"));
                warn(&error);
                return false;
            }
        };
        let is_changed = secret.is_changed(&locked(&self.state).env, &content);
        match content {
            _ if !is_changed => {}
            Content::NoValue { remedy } => warn(&anyhow!(
                "{names} refers to a secret without a value: {remedy}"
            )),
            Content::Text(value) => {
                if let Err(error) = self.replace(&secret.variables, &value) {
                    tracing::warn!(
                        error = format!("{error:#}"),
                        "the changed secret of {names} is not valid, so the previous value stays in use: \
                         correct the secret"
                    );
                    return false;
                }
                tracing::info!("read the changed secret of {names}");
            }
        }
        true
    }

    /// Makes every rotating value again: all of them change, or none.
    fn replace(&self, variables: &[String], value: &str) -> anyhow::Result<()> {
        let mut state = locked(&self.state);
        let mut env = state.env.clone();
        for variable in variables {
            env = env.with(variable, value);
        }
        let made = state.makers.iter().map(|make| make(&env));
        let made: Vec<Replace> = made.collect::<anyhow::Result<_>>()?;
        made.into_iter().for_each(|replace| replace());
        state.env = env;
        Ok(())
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        locked(&self.secret.age).end(self.has_succeeded);
        self.inner.ended.notify_waiters();
    }
}

/// Reads secrets, all at once.
async fn read_again(inner: Arc<Inner>, due: Vec<Attempt>) {
    let env = locked(&inner.state).env.clone();
    let (env, managers) = (&env, &Managers::new(&env));
    let attempts = due.into_iter().map(async |mut attempt| {
        let read = attempt.secret.read(managers, env).await;
        attempt.has_succeeded = inner.take(&attempt.secret, read);
    });
    join_all(attempts).await;
}

impl Stored {
    /// Whether the content differs from the values in use.
    fn is_changed(&self, env: &Env, content: &Content) -> bool {
        let stored = match content {
            Content::Text(text) => Some(text.as_str()),
            Content::NoValue { .. } => None,
        };
        self.variables.iter().any(|it| env.get(it) != stored)
    }

    async fn read(&self, managers: &Managers<'_>, env: &Env) -> super::Read {
        let found = managers.read(&self.source).await?;
        let Source::File(path) = &self.source else {
            return Ok(found);
        };
        if !self.is_changed(env, &found) {
            return Ok(found);
        }
        let settled = timeout(RESPONSE_TIMEOUT, file::settled(path, found)).await;
        settled.unwrap_or_else(|_| {
            Err(Failure::temporary(anyhow!(
                "{} changes all the time: write another file, and rename it to this name",
                path.display()
            )))
        })
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn warn(error: &anyhow::Error) {
    let error = format!("{error:#}");
    tracing::warn!(
        error,
        "can't read a secret again, so its previous value stays in use"
    );
}
