//! `POST /v1/schema/context`.

use axum::Extension;
use platform::{Error, Json};
use schema::document::Document;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Context, Format, Request, check_budget, check_question};
use crate::app::Snapshot;

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
        (status = 400, description = "the question, the budget or a dataset is invalid"),
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
        check_datasets(datasets, &snapshot.view.document)?;
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

/// Checks that the datasets exist. A dataset that the caller may not see is not in the document, and so
/// unknown.
fn check_datasets(datasets: &[String], document: &Document) -> platform::Result<()> {
    if datasets.is_empty() {
        let detail = "datasets is empty: name datasets, or omit it for all";
        return Err(Error::Invalid(detail.to_owned()));
    }
    let known = |name: &String| {
        document.source.datasets.contains(name)
            || document
                .tables
                .iter()
                .any(|table| table.dataset() == name && !table.parts.is_unknown())
    };
    match datasets.iter().find(|name| !known(name)) {
        None => Ok(()),
        Some(name) => Err(Error::Invalid(format!(
            "no dataset {name:?}: `GET /v1/schema/tables` lists the tables"
        ))),
    }
}
