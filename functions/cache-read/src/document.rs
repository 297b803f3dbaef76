//! The whole document.

use axum::Extension;
use axum::extract::Query;
use axum::response::Response;
use http::HeaderMap;
use schema::document::Document;
use serde::Deserialize;

use crate::app::Snapshot;
use crate::response;

/// There are none, and one that is given is a mistake: a caller who names a dataset here would get
/// all of them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {}

/// The schema document as the last sync left it, cut to the datasets the caller may see. Its
/// `version` is that of the uncut document. `ETag` with `If-None-Match` saves the body;
/// `Accept-Encoding` takes `zstd` and `gzip`; `Cache-Control: no-cache` has the store asked first.
#[utoipa::path(
    get,
    path = "/v1/schema",
    tag = "schema",
    operation_id = "read_schema",
    responses(
        (status = 200, description = "the document", body = Document),
        (status = 304, description = "the caller has these very bytes"),
        (status = 400, description = "there is no such parameter"),
    )
)]
pub async fn read(
    Extension(snapshot): Extension<Snapshot>,
    Query(Parameters {}): Query<Parameters>,
    request: HeaderMap,
) -> platform::Result<Response> {
    response::whole(&request, &snapshot.view).await
}
