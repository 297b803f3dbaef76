//! Cache read: serves the schema document over HTTP, whole, by table, or as changes; and for a
//! question the part of it that a model needs, a prompt, or verified SQL.
//!
//! Requests are answered from memory. `MetaSync-Cache` tells how current the copy is: `fresh`
//! (confirmed within `CACHE_FRESH_SECONDS`), `stale` (the last good copy, from memory, the temporary
//! folder or the store's history) or `builtin` (an empty document: nothing was ever synced, or
//! nothing can be reached). A slow, unavailable or damaged store shows in that header alone.
//!
//! Each answer is cut from the document restricted to the datasets of the caller's scope
//! ([`within`], also for callers of [`context`] as a library), so anything else does not exist for
//! that caller.

mod app;
mod builtin;
mod cache;
mod changes;
mod comparisons;
pub mod context;
mod datasets;
mod document;
mod hidden;
mod prompt;
mod ready;
mod response;
mod sql;
mod tables;
mod temporary;
mod token_scopes;
mod versions;
mod view;
mod view_versions;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use people::People;
use platform::auth::Auth;
use platform::serve::{Class, rate_class};
use platform::store::Store;
use platform::{All as _, Caller, Resources, Router, routes};

use crate::app::{App, AppState, Snapshot};
use crate::cache::Cache;
use crate::comparisons::Comparisons;
use crate::prompt::templates::Templates;
use crate::response::Freshness;
use crate::token_scopes::TokenScopes;
use crate::view::Views;
use crate::view_versions::ViewVersions;

pub use crate::cache::Settings;
pub use crate::datasets::unmatched;
pub use crate::sql::planner::Planner;
pub use crate::sql::setup::Setup as SqlSetup;
pub use crate::temporary::TemporaryCopy;
pub use schema::within;

pub fn app(resources: &Resources) -> anyhow::Result<Router> {
    let (store, settings, sql) = (
        resources.store(),
        Settings::new(resources),
        SqlSetup::new(resources),
    )
        .all()?;
    // The schema needs no database. Where there is one, people and their tokens are callers here as well.
    if resources.env().get("DATABASE_URL").is_some() {
        People::open(resources)?;
    }
    let app = open(store, settings, sql, resources.auth().ok());
    ready::register(resources, &app)?;
    Ok(routes(app))
}

/// The routes on the given store.
pub fn router(store: Arc<dyn Store>, settings: Settings, sql: SqlSetup) -> Router {
    routes(open(store, settings, sql, None))
}

fn open(store: Arc<dyn Store>, settings: Settings, sql: SqlSetup, auth: Option<Auth>) -> App {
    App::new(AppState {
        freshness: Freshness::new(settings.fresh_for),
        templates: Templates::new(Arc::clone(&store)),
        sql,
        cache: Cache::new(store, settings),
        views: Views::new(auth.clone()),
        view_versions: ViewVersions::default(),
        comparisons: Comparisons::default(),
        token_scopes: TokenScopes::new(auth),
    })
}

fn routes(app: App) -> Router {
    let sql = Router::new()
        .routes(routes!(sql::write))
        .route_layer(from_fn_with_state(app.clone(), read))
        .route_layer(rate_class(Class::Model));
    Router::new()
        .routes(routes!(document::read))
        .routes(routes!(tables::list))
        .routes(routes!(tables::read))
        .routes(routes!(changes::list))
        .routes(routes!(versions::list))
        .routes(routes!(context::route::choose))
        .routes(routes!(prompt::write))
        .route_layer(from_fn_with_state(app.clone(), read))
        .merge(sql)
        // Templates are not a part of the document.
        .routes(routes!(prompt::manage::list))
        .routes(routes!(
            prompt::manage::read,
            prompt::manage::put,
            prompt::manage::remove
        ))
        .with_state(app)
}

/// Takes the snapshot that the handler reads, and adds the freshness headers to any response.
async fn read(
    State(app): State<App>,
    caller: Caller,
    mut request: Request,
    next: Next,
) -> platform::Result<Response> {
    let newest = response::wants_newest(request.headers());
    let snapshot = app.snapshot(&caller, newest).await?;
    request.extensions_mut().insert(snapshot.clone());
    let mut response = next.run(request).await;
    // A handler that took a newer snapshot says so.
    let Snapshot { served, view } = response.extensions_mut().remove().unwrap_or(snapshot);
    app.freshness.add_headers(&mut response, &served, &view);
    Ok(response)
}
