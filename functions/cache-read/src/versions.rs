//! `GET /v1/schema/versions`: the versions of what the caller sees.

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use platform::auth::Names;
use platform::{Caller, Error, Query};
use schema::name::DATASETS;
use schema::versions::Entry;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::{App, Snapshot};
use crate::changes::in_time;
use crate::response;

const MAX_LIMIT: usize = 100;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct VersionsQuery {
    /// The maximum number of versions, 1 to 100.
    #[serde(default = "default_limit")]
    #[param(default = 20, minimum = 1, maximum = 100)]
    limit: usize,
}

fn default_limit() -> usize {
    20
}

#[derive(Serialize, ToSchema)]
pub struct Versions {
    /// The newest first, each with how many paths and tables changed from the version before.
    items: Vec<Entry>,
    /// Whether there are older versions.
    more: bool,
}

/// List the versions.
///
/// The newest versions of the document, each with its time and a summary of its changes. A caller who may not see
/// every dataset gets the versions of their part of it.
#[utoipa::path(
    get,
    path = "/v1/schema/versions",
    tag = "schema",
    operation_id = "list_versions",
    params(VersionsQuery),
    responses(
        (status = 200, description = "the versions", body = Versions),
        (status = 304, description = "the caller's copy is current"),
        (status = 400, description = "a parameter is invalid"),
        (status = 503, description = "the versions can't be read now, or nothing was synced yet"),
    )
)]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Extension(snapshot): Extension<Snapshot>,
    Query(query): Query<VersionsQuery>,
    request: HeaderMap,
) -> platform::Result<Response> {
    let limit = query.limit;
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Error::Invalid(format!(
            "limit is {limit}: use 1 to {MAX_LIMIT}"
        )));
    }
    snapshot.require_synced()?;
    let work = async move {
        let scope = caller.scope.of(DATASETS);
        let _permit = app.comparisons.permit(scope).await?;
        let current = &snapshot.served.view.document.version;
        match scope {
            Names::All => {
                let history = app.view_versions.history(&app.cache, current).await?;
                let items = history.iter().take(limit).cloned().collect();
                let more = history.len() > limit;
                anyhow::Ok(Versions { items, more })
            }
            Names::Only(only) => {
                let views = &app.view_versions;
                let (items, more) = views.list(&app.cache, only, current, limit).await?;
                Ok(Versions { items, more })
            }
        }
    };
    let versions = in_time("the versions", work).await?;
    response::json(&request, &versions).await
}
