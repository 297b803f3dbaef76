//! Cache read: the schema document over HTTP, whole, by table, or as what changed; and for a
//! question the part of it that a model needs, the prompt, and the verified SQL.
//!
//! A reader is answered from memory. How near that is to the store is told by `MetaSync-Cache`:
//! `fresh` (confirmed within `CACHE_FRESH_SECONDS`), `stale` (the last good copy, from memory, the
//! temporary folder or the store's history) or `builtin` (an empty document: nothing was ever
//! synced, or nothing can be reached). The store being slow, down or damaged shows there alone.
//!
//! What a caller may not see isn't there: each answer is cut from the document as the datasets of
//! the caller's scope leave it ([`within`], which is also for those who call [`context`] as a
//! library).

mod answer;
mod builtin;
mod cache;
mod changes;
pub mod context;
mod document;
mod hidden;
mod prompt;
mod sql;
mod tables;
mod temporary;
mod view;

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use platform::store::Store;
use platform::{Caller, Clock, Resources, Router, routes};
use schema::name::DATASETS;

use crate::answer::Freshness;
use crate::cache::{Cache, Served};
use crate::changes::Memo;
use crate::prompt::Templates;
pub use crate::sql::{Planner, Setup as SqlSetup};
pub use crate::temporary::TemporaryCopy;
pub use crate::view::within;
use crate::view::{View, Views};

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

pub fn app(resources: &Resources) -> anyhow::Result<Router> {
    let settings = Settings::new(resources)?;
    let sql = SqlSetup::new(resources)?;
    Ok(router_with(resources.store()?, settings, sql))
}

/// The routes on a store of one's own, with no language model.
pub fn router(store: Arc<dyn Store>, settings: Settings) -> Router {
    router_with(store, settings, SqlSetup::default())
}

/// The routes on a store of one's own.
pub fn router_with(store: Arc<dyn Store>, settings: Settings, sql: SqlSetup) -> Router {
    let app = App(Arc::new(Parts {
        freshness: Freshness::new(settings.fresh_for),
        templates: Templates::new(Arc::clone(&store), settings.fresh_for),
        sql,
        cache: Cache::new(store, settings),
        views: Views::default(),
        memo: Memo::default(),
    }));
    Router::new()
        .routes(routes!(document::read))
        .routes(routes!(tables::list))
        .routes(routes!(tables::read))
        .routes(routes!(changes::list))
        .routes(routes!(context::route::choose))
        .routes(routes!(prompt::write))
        .routes(routes!(sql::write))
        .route_layer(from_fn_with_state(app.clone(), read))
        .with_state(app)
}

/// One pointer: a request clones it at each layer it passes.
#[derive(Clone)]
struct App(Arc<Parts>);

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

struct Parts {
    cache: Cache,
    views: Views,
    memo: Memo,
    freshness: Freshness,
    templates: Templates,
    sql: SqlSetup,
}

/// What one request reads: the same version from its first line to its last.
#[derive(Clone)]
struct Reading {
    served: Served,
    /// The document as the caller's scope leaves it.
    view: Arc<View>,
}

impl App {
    async fn reading(&self, caller: &Caller, newest: bool) -> platform::Result<Reading> {
        let served = self.cache.current(newest).await;
        let view = self
            .views
            .of(&served.view, caller.scope.of(DATASETS))
            .await?;
        Ok(Reading { served, view })
    }
}

/// Looks up what there is to read, and tells on the answer, whatever it is, how fresh that was.
async fn read(
    State(app): State<App>,
    caller: Caller,
    mut request: Request,
    next: Next,
) -> platform::Result<Response> {
    let newest = answer::wants_newest(request.headers());
    let reading = app.reading(&caller, newest).await?;
    let served = reading.served.clone();
    request.extensions_mut().insert(reading);
    let mut answer = next.run(request).await;
    // A handler that had to look again says what it read.
    let served = answer.extensions_mut().remove().unwrap_or(served);
    app.freshness.tell(&mut answer, &served);
    Ok(answer)
}
