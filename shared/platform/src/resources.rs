//! What a function works with, opened once and on demand, and shared by all who ask for it.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::auth::Auth;
use crate::llm::Llm;
use crate::serve::Front;
use crate::store::Store;
use crate::{Clock, Env, http_client, llm, postgres, store};

/// Cheap to clone: every clone shares what was opened.
#[derive(Clone)]
pub struct Resources(Arc<Inner>);

struct Inner {
    env: Env,
    clock: Clock,
    http: OnceLock<reqwest::Client>,
    store: OnceLock<Arc<dyn Store>>,
    postgres: OnceLock<postgres::Pool>,
    llm: OnceLock<Option<Llm>>,
    auth: OnceLock<Auth>,
    front: Front,
    opened: Mutex<HashMap<TypeId, Box<dyn Any + Send>>>,
}

impl Resources {
    pub fn new(env: Env) -> Self {
        Self::with_clock(env, Clock::default())
    }

    /// For a test that freezes a process, or sets its clock.
    pub fn with_clock(env: Env, clock: Clock) -> Self {
        Self(Arc::new(Inner {
            env,
            clock,
            http: OnceLock::new(),
            store: OnceLock::new(),
            postgres: OnceLock::new(),
            llm: OnceLock::new(),
            auth: OnceLock::new(),
            front: Front::default(),
            opened: Mutex::default(),
        }))
    }

    pub fn env(&self) -> &Env {
        &self.0.env
    }

    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Where an app declares what stands before it has to do otherwise than for most.
    pub fn front(&self) -> &Front {
        &self.0.front
    }

    /// What a function opens for itself and for others: one of each type, which all share who ask.
    /// `open` must not ask for another in turn.
    pub fn one<T: Clone + Send + 'static>(
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
        once(&self.0.postgres, || postgres::open(self.env()))
    }

    /// The model named by `LLM_MODEL`, or none where it is not set.
    pub fn llm(&self) -> anyhow::Result<Option<Llm>> {
        once(&self.0.llm, || llm::open(self))
    }

    /// Who may call, from the `AUTH_*` variables; an error where there are none.
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
