//! The route of the context.

use axum::Extension;
use platform::{Error, Json};
use schema::document::Document;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Context, Format, Request};
use crate::Reading;

/// In characters.
pub const LONGEST_QUESTION: usize = 10_000;
/// In tokens.
pub const BUDGETS: std::ops::RangeInclusive<usize> = 100..=200_000;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ContextRequest {
    /// What is to be answered by SQL, in any language; at most 10,000 characters.
    #[schema(min_length = 1, max_length = 10_000)]
    question: String,
    /// At most this many tokens, 100 to 200,000; a token is four characters.
    #[serde(default = "default_budget")]
    #[schema(default = 4_000, minimum = 100, maximum = 200_000)]
    token_budget: usize,
    /// Only tables of these datasets, named in full: `project.dataset`, `database.schema`.
    datasets: Option<Vec<String>>,
    #[serde(default)]
    #[schema(inline)]
    format: Format,
}

fn default_budget() -> usize {
    4_000
}

/// The tables, columns and examples that a question needs, within a budget of tokens.
///
/// If all that the caller may see fits, all of it is sent. The same question and version give the
/// same bytes.
#[utoipa::path(
    post,
    path = "/v1/schema/context",
    tag = "schema",
    operation_id = "schema_context",
    request_body = ContextRequest,
    responses(
        (status = 200, description = "the context", body = Context),
        (status = 400, description = "the question, the budget or a dataset is wrong"),
    )
)]
pub async fn choose(
    Extension(reading): Extension<Reading>,
    Json(request): Json<ContextRequest>,
) -> platform::Result<Json<Context>> {
    check_question(&request.question)?;
    check_budget(request.token_budget)?;
    if let Some(datasets) = &request.datasets {
        check_datasets(datasets, &reading.view.document)?;
    }
    let index = reading.view.index().await?;
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

/// Whether there is something to look for.
pub fn check_question(question: &str) -> platform::Result<()> {
    if question.trim().is_empty() {
        return Err(Error::Invalid("question is empty: ask one".to_owned()));
    }
    let length = question.chars().count();
    if length > LONGEST_QUESTION {
        return Err(Error::Invalid(format!(
            "question has {length} characters: shorten it to {LONGEST_QUESTION}"
        )));
    }
    Ok(())
}

/// Whether there is room for something, and not for everything there could be.
pub fn check_budget(tokens: usize) -> platform::Result<()> {
    if BUDGETS.contains(&tokens) {
        return Ok(());
    }
    let (least, most) = (BUDGETS.start(), BUDGETS.end());
    Err(Error::Invalid(format!(
        "token_budget is {tokens}: give {least} to {most}"
    )))
}

/// A dataset that the caller may not see isn't in the document: it is unknown like any other.
fn check_datasets(datasets: &[String], document: &Document) -> platform::Result<()> {
    if datasets.is_empty() {
        let detail = "datasets is empty: name some, or leave it out for all";
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
            "no dataset {name:?}: `GET /v1/schema/tables` lists the tables there are"
        ))),
    }
}
