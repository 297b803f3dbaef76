//! `POST /v1/schema/context`.

use axum::Extension;
use platform::{Error, Json};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Context, Format, Request, check_budget, check_question};
use crate::app::Snapshot;
use crate::datasets;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ContextRequest {
    /// The question, in any language; at most 10,000 characters.
    #[schema(min_length = 1, max_length = 10_000)]
    question: String,
    /// The maximum number of tokens, 100 to 200,000; a token is four characters.
    #[serde(default = "default_budget")]
    #[schema(default = 4_000, minimum = 100, maximum = 200_000)]
    token_budget: usize,
    /// Only tables of these datasets: `project.dataset` or `database.schema`.
    datasets: Option<Vec<String>>,
    #[serde(default)]
    #[schema(inline)]
    format: Format,
}

fn default_budget() -> usize {
    4_000
}

/// Choose the context for a question.
///
/// Returns the tables, columns and examples that a question needs, within a token budget. If everything
/// that the caller may see fits, all of it is included. The same question and version give the same
/// bytes.
#[utoipa::path(
    post,
    path = "/v1/schema/context",
    tag = "schema",
    operation_id = "schema_context",
    request_body = ContextRequest,
    responses(
        (status = 200, description = "the context", body = Context),
        (status = 400, description = "the question or the budget is invalid, or datasets is empty"),
        (status = 422, description = "a dataset does not exist; the detail has the names that may be meant"),
        (status = 503, description = "nothing was synced yet, or the store is unavailable and there is no copy"),
    )
)]
pub async fn choose(
    Extension(snapshot): Extension<Snapshot>,
    Json(request): Json<ContextRequest>,
) -> platform::Result<Json<Context>> {
    check_question(&request.question)?;
    check_budget(request.token_budget)?;
    snapshot.require_synced()?;
    if let Some(datasets) = &request.datasets {
        if datasets.is_empty() {
            let detail = "datasets is empty: name datasets, or omit it for all";
            return Err(Error::Invalid(detail.to_owned()));
        }
        datasets::check(datasets, &snapshot.view.document)?;
    }
    let index = snapshot.view.index().await?;
    let chosen = tokio::task::spawn_blocking(move || {
        index.context(&Request {
            question: &request.question,
            token_budget: request.token_budget,
            datasets: request.datasets.as_deref(),
            format: request.format,
        })
    });
    Ok(Json(chosen.await.map_err(anyhow::Error::from)?))
}
