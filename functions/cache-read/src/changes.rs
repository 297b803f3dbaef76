//! `GET /v1/schema/changes`: the changes since a version that the caller knows, or since the previous one.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use platform::auth::Names;
use platform::{Caller, Error, Query};
use schema::diff::{self, Change};
use schema::document::Document;
use schema::name::DATASETS;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;
use utoipa::{IntoParams, ToSchema};

use crate::app::{App, Snapshot};
use crate::cache::is_lasting;
use crate::comparisons::Comparison;
use crate::response;
use crate::view_versions::restricted;

/// How long a reader waits for a version. A comparison that takes longer is ready for the next reader.
const MAX_WAIT: Duration = Duration::from_secs(3);

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ChangesQuery {
    /// A version of the document: its `version`, or the header `MetaSync-Version` of any response. Without it,
    /// the version before the current one.
    #[param(pattern = "^[0-9a-f]{64}$")]
    since: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct Changes<'a> {
    since: &'a str,
    /// The current version, for the next request.
    version: &'a str,
    /// In the order of table names. Examples are not compared.
    changes: &'a [Change],
    /// How many more changes there are than a response holds: get the whole document.
    #[serde(skip_serializing_if = "diff::is_none")]
    changes_left_out: usize,
}

/// List the changes since a version.
///
/// The changes cover tables, nested paths, types, modes, descriptions and partitioning of the datasets
/// that the caller may see, each with whether it breaks queries.
#[utoipa::path(
    get,
    path = "/v1/schema/changes",
    tag = "schema",
    operation_id = "list_changes",
    params(ChangesQuery),
    responses(
        (status = 200, description = "the changes; none if `since` is the current version", body = Changes<'static>),
        (status = 304, description = "the caller's copy is current"),
        (status = 400, description = "`since` is not a version"),
        (status = 404, description = "the version is not stored any more: get the whole document; or `since` is omitted, and there is no version before the current one"),
        (status = 503, description = "the version can't be read now, or nothing was synced yet"),
    )
)]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Extension(snapshot): Extension<Snapshot>,
    Query(query): Query<ChangesQuery>,
    request: HeaderMap,
) -> platform::Result<Response> {
    if let Some(since) = &query.since {
        check_version(since)?;
    }
    // Compared with the built-in document, every table would seem to be removed.
    snapshot.require_synced()?;
    let since = match query.since {
        Some(since) => since,
        None => app.previous(&caller, &snapshot).await?,
    };
    let (snapshot, changes) = app.changes(caller, snapshot, &since).await?;
    let body = Changes {
        since: &since,
        version: &snapshot.view.document.version,
        changes: &changes.changes,
        changes_left_out: changes.left_out,
    };
    let mut response = response::json(&request, &body).await?;
    response.extensions_mut().insert(snapshot);
    Ok(response)
}

fn check_version(since: &str) -> platform::Result<()> {
    let is_digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if since.len() == 64 && since.bytes().all(is_digit) {
        return Ok(());
    }
    Err(Error::Invalid(format!(
        "since is {since:?}: a version has 64 hexadecimal digits in lower case; \
         `GET /v1/schema/versions` lists the versions"
    )))
}

impl App {
    /// The version before the one that the caller sees.
    async fn previous(&self, caller: &Caller, snapshot: &Snapshot) -> platform::Result<String> {
        let (app, caller, snapshot) = (self.clone(), caller.clone(), snapshot.clone());
        let work = async move {
            let scope = caller.scope.of(DATASETS);
            let _permit = app.comparisons.permit(scope).await?;
            let current = &snapshot.served.view.document.version;
            let view = &snapshot.view.document.version;
            app.view_versions
                .previous(&app.cache, scope, current, view)
                .await
        };
        let found = in_time("the versions", work).await?;
        found.ok_or_else(|| {
            Error::NotFound(
                "there is no version before the current one: `GET /v1/schema` has the whole document"
                    .to_owned(),
            )
        })
    }

    async fn changes(
        &self,
        caller: Caller,
        snapshot: Snapshot,
        since: &str,
    ) -> platform::Result<(Snapshot, Arc<Comparison>)> {
        let scope = caller.scope.of(DATASETS);
        if let Some(changes) = self.known_changes(&snapshot, since, scope) {
            return Ok((snapshot, changes));
        }
        let current = &snapshot.served.view.document.version;
        if self.comparisons.is_unknown(since, current, scope) {
            return Err(unknown(since));
        }
        let work = async {
            let permit = self.comparisons.permit(scope).await?;
            // A task of its own, which completes even if the reader leaves.
            let (app, caller, owned) = (self.clone(), caller.clone(), since.to_owned());
            let work = tokio::spawn(async move {
                let _permit = permit;
                app.compare(&caller, snapshot, &owned).await
            });
            work.await.map_err(anyhow::Error::from)
        };
        match timeout(MAX_WAIT, work).await {
            Ok(compared) => compared?,
            Err(late) => Err(unreadable(since, late.into())),
        }
    }

    /// Compares, after a new snapshot if the caller's version is newer than that of this process.
    async fn compare(
        &self,
        caller: &Caller,
        mut snapshot: Snapshot,
        since: &str,
    ) -> platform::Result<(Snapshot, Arc<Comparison>)> {
        let datasets = caller.scope.of(DATASETS);
        // Another task may have compared meanwhile.
        if let Some(changes) = self.known_changes(&snapshot, since, datasets) {
            return Ok((snapshot, changes));
        }
        let current = snapshot.served.view.document.version.clone();
        let mut found = self.version(since, datasets, &current).await?;
        let is_newer = |old: &Document, snapshot: &Snapshot| {
            old.generated_at > snapshot.served.view.document.generated_at
        };
        if found.as_ref().is_none_or(|old| is_newer(old, &snapshot)) {
            snapshot = self.snapshot(caller, true).await?;
            if let Some(changes) = self.known_changes(&snapshot, since, datasets) {
                return Ok((snapshot, changes));
            }
        }
        let newest = &snapshot.served.view.document.version;
        if found.is_none() && *newest != current {
            found = self.version(since, datasets, newest).await?;
        }
        let Some(old) = found else {
            self.comparisons.insert_unknown(since, newest, datasets);
            return Err(unknown(since));
        };
        let view = Arc::clone(&snapshot.view);
        let compare = move || {
            let mut changes = diff::diff(&old, &view.document);
            let kept = diff::kept(&changes);
            let left_out = changes.len() - kept;
            changes.truncate(kept);
            Comparison { changes, left_out }
        };
        let changes = tokio::task::spawn_blocking(compare).await;
        let changes = Arc::new(changes.map_err(anyhow::Error::from)?);
        self.comparisons
            .insert(since, snapshot.view.tag(), datasets, Arc::clone(&changes));
        Ok((snapshot, changes))
    }

    fn known_changes(
        &self,
        snapshot: &Snapshot,
        since: &str,
        scope: &Names,
    ) -> Option<Arc<Comparison>> {
        if snapshot.view.document.version == since {
            return Some(Arc::default());
        }
        self.comparisons.get(since, snapshot.view.tag(), scope)
    }

    /// The document of a stored version, or of a view's version for these datasets, restricted to them. Only
    /// transient failures are worth a retry. `current` is the current stored version.
    async fn version(
        &self,
        version: &str,
        datasets: &Names,
        current: &str,
    ) -> platform::Result<Option<Document>> {
        let cause = match (self.cache.version(version).await, datasets) {
            (Ok(Some(found)), Names::All) => return Ok(Some(found)),
            (Ok(Some(found)), Names::Only(only)) => {
                return Ok(Some(restricted(found, only).await?));
            }
            (Ok(None), _) => None,
            // S3 denies access to a missing object if listing is not allowed.
            (Err(cause), _) if is_lasting(&cause) => Some(cause),
            (Err(cause), _) => return Err(unreadable(version, cause)),
        };
        if let Names::Only(only) = datasets {
            let found = self.view_versions.find(&self.cache, only, current, version);
            match found.await {
                Ok(None) => {}
                Ok(found) => return Ok(found),
                Err(cause) => return Err(unreadable(version, cause)),
            }
        }
        if let Some(cause) = cause {
            let cause = format!("{cause:#}");
            tracing::warn!(version, cause, "a version exists but can't be used");
        }
        Ok(None)
    }
}

/// Waits for work on stored versions, which completes even if the reader leaves: the next one finds what it learned.
pub async fn in_time<T: Send + 'static>(
    what: &str,
    work: impl Future<Output = anyhow::Result<T>> + Send + 'static,
) -> platform::Result<T> {
    let unavailable = |cause: anyhow::Error| {
        let detail = format!("{what} can't be read now: retry, or get the whole document");
        Error::unavailable(detail, cause)
    };
    match timeout(MAX_WAIT, tokio::spawn(work)).await {
        Ok(done) => done.map_err(anyhow::Error::from)?.map_err(unavailable),
        Err(late) => Err(unavailable(late.into())),
    }
}

fn unreadable(version: &str, cause: anyhow::Error) -> Error {
    let detail = format!(
        "version {version} can't be read now: retry, or get the whole document at `GET /v1/schema`"
    );
    Error::unavailable(detail, cause)
}

fn unknown(version: &str) -> Error {
    Error::NotFound(format!(
        "version {version} is not stored: get the whole document at `GET /v1/schema`"
    ))
}
