//! The resources of a function, which are opened once, on demand, and shared.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::auth::{Accounts, Auth, Registered};
use crate::llm::Llm;
use crate::readiness::Readiness;
use crate::secrets::{Refresh, Rotating};
use crate::serve::Ingress;
use crate::store::Store;
use crate::{Clock, Env, http_client, llm, postgres, store};

/// The resources of a function. Clones share them.
#[derive(Clone)]
pub struct Resources(Arc<Inner>);

struct Inner {
    env: Env,
    clock: Clock,
    refresh: Refresh,
    http: OnceLock<reqwest::Client>,
    store: OnceLock<Arc<dyn Store>>,
    postgres: OnceLock<postgres::Pool>,
    llm: OnceLock<Option<Llm>>,
    auth: OnceLock<Auth>,
    accounts: Registered,
    ingress: Ingress,
    readiness: Readiness,
    opened: Mutex<HashMap<TypeId, Box<dyn Any + Send>>>,
}

impl Resources {
    pub fn new(env: Env) -> Self {
        Self::with_clock(env, Clock::default())
    }

    /// With another clock, for tests.
    pub fn with_clock(env: Env, clock: Clock) -> Self {
        Self(Arc::new(Inner {
            refresh: Refresh::new(&env, clock.clone()),
            env,
            clock,
            http: OnceLock::new(),
            store: OnceLock::new(),
            postgres: OnceLock::new(),
            llm: OnceLock::new(),
            auth: OnceLock::new(),
            accounts: Registered::default(),
            ingress: Ingress::default(),
            readiness: Readiness::default(),
            opened: Mutex::default(),
        }))
    }

    /// The configuration at startup. For secrets that may change, use [`Resources::rotating`].
    pub fn env(&self) -> &Env {
        &self.0.env
    }

    /// A value that `make` returns for the configuration, and again whenever a secret in it changes. `make`
    /// must not open resources.
    pub fn rotating<T: Send + Sync + 'static>(
        &self,
        make: impl Fn(&Env) -> anyhow::Result<T> + Send + Sync + 'static,
    ) -> anyhow::Result<Rotating<T>> {
        self.0.refresh.rotating(self.env(), make)
    }

    pub(crate) fn refresh(&self) -> &Refresh {
        &self.0.refresh
    }

    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Where an app declares how the service in front of it handles special requests.
    pub fn ingress(&self) -> &Ingress {
        &self.0.ingress
    }

    /// Accepts the people and tokens of a database as callers. The first registration stays, because several apps of
    /// one process register the same.
    pub fn accept_accounts(&self, accounts: Arc<dyn Accounts>) {
        let _ = self.0.accounts.set(accounts);
    }

    pub(crate) fn accounts(&self) -> &Registered {
        &self.0.accounts
    }

    /// Where an app registers what it needs, for `GET /readyz`.
    pub fn readiness(&self) -> &Readiness {
        &self.0.readiness
    }

    /// The shared value of type `T`. The first call opens it; `open` must not call this method.
    pub fn get_or_open<T: Clone + Send + 'static>(
        &self,
        open: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let mut opened = self.0.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = opened
            .get(&TypeId::of::<T>())
            .and_then(|it| it.downcast_ref::<T>())
        {
            return Ok(known.clone());
        }
        let new = open()?;
        opened.insert(TypeId::of::<T>(), Box::new(new.clone()));
        Ok(new)
    }

    pub fn http(&self) -> anyhow::Result<reqwest::Client> {
        once(&self.0.http, || http_client::build(self.env()))
    }

    /// The object store named by `BUCKET_URL`.
    pub fn store(&self) -> anyhow::Result<Arc<dyn Store>> {
        once(&self.0.store, || store::open(self))
    }

    /// The database named by `DATABASE_URL`. Connects at the first query.
    pub fn postgres(&self) -> anyhow::Result<postgres::Pool> {
        once(&self.0.postgres, || {
            let target = self.rotating(|env| {
                postgres::target("DATABASE_URL", postgres::database_url(env)?, env)
            });
            postgres::open_result(target, self.env())
        })
    }

    /// The model named by `LLM_MODEL`, or none if it is unset.
    pub fn llm(&self) -> anyhow::Result<Option<Llm>> {
        once(&self.0.llm, || llm::open(self))
    }

    /// Authentication by the `AUTH_*` variables. An error if none is set.
    pub fn auth(&self) -> anyhow::Result<Auth> {
        once(&self.0.auth, || Auth::open(self))
    }
}

fn once<T: Clone>(
    cell: &OnceLock<T>,
    open: impl FnOnce() -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    if let Some(opened) = cell.get() {
        return Ok(opened.clone());
    }
    let opened = open()?;
    Ok(cell.get_or_init(|| opened).clone())
}
