//! The state of the routes, and what one request reads.

use std::ops::Deref;
use std::sync::Arc;

use platform::{Caller, Error};
use schema::name::DATASETS;

use crate::cache::{Cache, Level, Served};
use crate::comparisons::Comparisons;
use crate::prompt::templates::Templates;
use crate::response::Freshness;
use crate::sql::setup::Setup;
use crate::token_scopes::TokenScopes;
use crate::view::{View, Views};
use crate::view_versions::ViewVersions;

/// Why there is no schema, and what to do.
pub const NOT_SYNCED: &str =
    "nothing is synced yet, or the store is unavailable: run a sync, or try again";

/// The state of the routes. It is one pointer, because axum clones it at each layer of a request.
#[derive(Clone)]
pub struct App(Arc<AppState>);

pub struct AppState {
    pub cache: Cache,
    pub views: Views,
    pub view_versions: ViewVersions,
    pub comparisons: Comparisons,
    pub freshness: Freshness,
    pub token_scopes: TokenScopes,
    pub templates: Templates,
    pub sql: Setup,
}

impl Deref for App {
    type Target = AppState;

    fn deref(&self) -> &AppState {
        &self.0
    }
}

/// What one request reads: the same version from beginning to end.
#[derive(Clone)]
pub struct Snapshot {
    pub served: Served,
    /// The document restricted to the caller's scope.
    pub view: Arc<View>,
}

impl Snapshot {
    /// Checks that the document was synced, before a handler draws conclusions from it.
    ///
    /// # Errors
    /// `Unavailable` for the built-in document.
    pub fn require_synced(&self) -> platform::Result<()> {
        if self.served.level != Level::Builtin {
            return Ok(());
        }
        Err(Error::Unavailable {
            detail: NOT_SYNCED.to_owned(),
            cause: None,
        })
    }
}

impl App {
    pub fn new(state: AppState) -> Self {
        Self(Arc::new(state))
    }

    /// The current document.
    pub async fn current(&self, newest: bool) -> Served {
        let served = self.cache.current(newest).await;
        if served.level != Level::Builtin {
            self.token_scopes.compare(&served.view);
        }
        served
    }

    /// The current document for a caller. `newest` asks the store even if the copy is fresh.
    pub async fn snapshot(&self, caller: &Caller, newest: bool) -> platform::Result<Snapshot> {
        let served = self.current(newest).await;
        let datasets = caller.scope.of(DATASETS);
        let view = self.views.of(&served.view, datasets).await?;
        let stored = &served.view.document.version;
        let seen = &view.document.version;
        self.view_versions.remember(stored, datasets, seen);
        Ok(Snapshot { served, view })
    }
}
