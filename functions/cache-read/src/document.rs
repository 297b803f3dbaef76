//! `GET /v1/schema`: the whole document.

use axum::Extension;
use axum::response::Response;
use http::HeaderMap;
use platform::Query;
use schema::document::Document;
use serde::Deserialize;

use crate::app::Snapshot;
use crate::response;

/// The route has no parameters. Any parameter is an error: a caller that names a dataset would otherwise
/// get all of them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {}

/// Read the schema document.
///
/// The document of the last sync, restricted to the datasets that the caller may see. `version` and `ETag`
/// change only if what the caller sees changes. Send `If-None-Match` with the `ETag` to save the body, and
/// `Cache-Control: no-cache` to check the store first. `Accept-Encoding` supports `zstd` and `gzip`.
#[utoipa::path(
    get,
    path = "/v1/schema",
    tag = "schema",
    operation_id = "read_schema",
    responses(
        (status = 200, description = "the document", body = Document),
        (status = 304, description = "the caller's copy is current"),
        (status = 400, description = "a parameter is unknown"),
    )
)]
pub async fn read(
    Extension(snapshot): Extension<Snapshot>,
    Query(Parameters {}): Query<Parameters>,
    request: HeaderMap,
) -> platform::Result<Response> {
    response::whole(&request, &snapshot.view).await
}
