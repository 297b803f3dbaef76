//! The whole document.

use axum::Extension;
use axum::response::Response;
use http::HeaderMap;
use schema_sync::document::Document;

use crate::{Reading, answer};

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
    )
)]
pub async fn read(
    Extension(reading): Extension<Reading>,
    request: HeaderMap,
) -> shared::Result<Response> {
    answer::whole(&request, &reading.view).await
}
