//! What changed since a version the caller knows.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Query, State};
use axum::response::Response;
use http::HeaderMap;
use moka::sync::Cache;
use platform::store::StoreError;
use platform::{Caller, Error};
use schema::diff::{self, Change};
use schema::document::Document;
use schema::name::DATASETS;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;
use utoipa::{IntoParams, ToSchema};

use crate::cache::Level;
use crate::view::within;
use crate::{App, Reading, answer};

/// How many comparisons are kept; the one used least makes room.
const COMPARISONS: u64 = 64;
/// What a reader waits for a version; a comparison that comes later is there for the next.
const PATIENCE: Duration = Duration::from_secs(3);

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Since {
    /// A version of the document: `version` in it, `MetaSync-Version` on each answer.
    #[param(required, pattern = "^[0-9a-f]{64}$")]
    since: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct Changes<'a> {
    since: &'a str,
    /// The current version, to ask with the next time.
    version: &'a str,
    /// In the order of the tables' names. Examples are not compared.
    changes: &'a [Change],
    /// How many more there are than an answer holds: get the whole document.
    #[serde(skip_serializing_if = "diff::is_none")]
    changes_left_out: usize,
}

/// Comparisons made before: by the version they start from, and the tag of the view they end at.
#[derive(Clone)]
pub struct Memo(Cache<(String, String), Arc<Compared>>);

/// The changes that an answer holds, and how many there are beside.
#[derive(Default)]
struct Compared {
    changes: Vec<Change>,
    left_out: usize,
}

impl Default for Memo {
    fn default() -> Self {
        Self(Cache::new(COMPARISONS))
    }
}

/// What changed in the datasets the caller may see: tables, nested paths, types, modes,
/// descriptions, partitioning, each breaking or not.
#[utoipa::path(
    get,
    path = "/v1/schema/changes",
    tag = "schema",
    operation_id = "list_changes",
    params(Since),
    responses(
        (status = 200, description = "the changes; none where `since` is current", body = Changes<'static>),
        (status = 304, description = "the caller has these very bytes"),
        (status = 400, description = "`since` is missing or no version"),
        (status = 404, description = "that version is not kept: get the whole document"),
        (status = 503, description = "that version can't be read now"),
    )
)]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Extension(reading): Extension<Reading>,
    Query(query): Query<Since>,
    request: HeaderMap,
) -> platform::Result<Response> {
    let since = query.since.ok_or_else(|| {
        Error::Invalid("since is missing: give the `version` of the document you have".into())
    })?;
    if since.len() != 64
        || !since
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    {
        return Err(Error::Invalid(format!(
            "since is {since:?}: a version is 64 hexadecimal digits, in lower case"
        )));
    }
    let (reading, changes) = app.changes(caller, reading, &since).await?;
    let told = Changes {
        since: &since,
        version: &reading.view.document.version,
        changes: &changes.changes,
        changes_left_out: changes.left_out,
    };
    let mut answer = answer::json(&request, &told).await?;
    answer.extensions_mut().insert(reading.served);
    Ok(answer)
}

impl App {
    async fn changes(
        &self,
        caller: Caller,
        reading: Reading,
        since: &str,
    ) -> platform::Result<(Reading, Arc<Compared>)> {
        if let Some(changes) = self.known_changes(&reading, since) {
            return Ok((reading, changes));
        }
        // A task of its own, which no reader owns: a slow store gets to its end.
        let (app, owned) = (self.clone(), since.to_owned());
        let work = tokio::spawn(async move { app.compare(&caller, reading, &owned).await });
        match timeout(PATIENCE, work).await {
            Ok(compared) => compared.map_err(anyhow::Error::from)?,
            Err(late) => Err(unreadable(since, late.into())),
        }
    }

    /// Reads again where the caller knows a newer version than this process does.
    async fn compare(
        &self,
        caller: &Caller,
        mut reading: Reading,
        since: &str,
    ) -> platform::Result<(Reading, Arc<Compared>)> {
        let old = self.version(since).await?;
        if old.generated_at > reading.view.document.generated_at {
            reading = self.reading(caller, true).await?;
            if let Some(changes) = self.known_changes(&reading, since) {
                return Ok((reading, changes));
            }
        }
        // Against the built-in minimum all would seem to be gone.
        if reading.served.level == Level::Builtin {
            return Err(unknown(since));
        }
        let (view, scope) = (Arc::clone(&reading.view), Arc::clone(&caller.scope));
        let compare = move || {
            let mut changes = diff::diff(&within(&old, scope.of(DATASETS)), &view.document);
            let kept = diff::kept(&changes);
            let left_out = changes.len() - kept;
            changes.truncate(kept);
            Compared { changes, left_out }
        };
        let changes = tokio::task::spawn_blocking(compare).await;
        let changes = Arc::new(changes.map_err(anyhow::Error::from)?);
        let key = (since.to_owned(), reading.view.tag());
        self.memo.0.insert(key, Arc::clone(&changes));
        Ok((reading, changes))
    }

    fn known_changes(&self, reading: &Reading, since: &str) -> Option<Arc<Compared>> {
        if reading.view.document.version == since {
            return Some(Arc::default());
        }
        self.memo.0.get(&(since.to_owned(), reading.view.tag()))
    }

    /// Only what may pass is worth a retry. A version is immutable: one that is damaged stays so,
    /// and S3 denies what is not there to whoever may not list.
    async fn version(&self, version: &str) -> platform::Result<Document> {
        let cause = match self.cache.version(version).await {
            Ok(found) => return found.ok_or_else(|| unknown(version)),
            Err(cause) => cause,
        };
        match cause.downcast_ref() {
            Some(StoreError::Unavailable { .. } | StoreError::Other { .. }) => {
                Err(unreadable(version, cause))
            }
            _ => {
                let cause = format!("{cause:#}");
                tracing::warn!(version, cause, "a version is there and can't be used");
                Err(unknown(version))
            }
        }
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
        "version {version} is not kept: get the whole document at `GET /v1/schema`"
    ))
}
