//! `POST /v1/schema/sql`: SQL for a question, by prompt, model, grounding, dry run and, if a query fails,
//! one repair.
//!
//! A returned query resolves against the schema restricted to the caller's scope, and the warehouse has
//! planned it. No query is ever run. The warehouse never receives anything but a single statement that
//! only reads, within the caller's datasets.
//!
//! | variable | meaning |
//! | --- | --- |
//! | `LLM_*` | the model, see `platform::llm`; without a model the route returns 501 |
//! | `WAREHOUSE_URL` | the warehouse that plans queries; without it they are only checked against the schema |
//! | `SQL_MAX_BYTES` | refuses queries that would read more bytes; no limit by default |

mod answer;
mod check;
mod model_answer;
pub mod planner;
pub mod setup;
mod write;

use std::collections::BTreeMap;

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use platform::error::problem;
use platform::{Caller, Json};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::app::{App, Snapshot};
use crate::prompt::{self, Ask, Conversation};
use answer::SqlAnswer;
use model_answer::RequestKind;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SqlRequest {
    /// The question, in any language; at most 10,000 characters.
    #[schema(min_length = 1, max_length = 10_000)]
    question: String,
    /// Refuse queries that would read more bytes. `SQL_MAX_BYTES` applies if it is less. Without an
    /// estimate of the warehouse there is no limit, and `bytes_processed` is null.
    #[schema(format = "uint64")]
    max_bytes: Option<u64>,
    /// The maximum number of tokens of the prompt, 100 to 200,000; a token is four characters. A repair
    /// adds the query and its error.
    #[serde(default = "prompt::default_budget")]
    #[schema(default = 8_000, minimum = 100, maximum = 200_000)]
    token_budget: usize,
    /// The name of a template: a-z, 0-9, `_` and `-`. `GET /v1/schema/templates` lists them.
    #[serde(default = "prompt::default_template")]
    #[schema(default = "sql_generation")]
    template: String,
    /// Values of the variables that the template declares, by name; at most 10,000 characters each.
    #[serde(default)]
    variables: BTreeMap<String, String>,
    /// The conversation for `{{conversation}}`.
    conversation: Option<Conversation>,
}

/// Write a verified query for a question.
///
/// Returns the query, or why there is none. The query reads only datasets of the caller's scope and is
/// not run. The request takes at most 30 seconds.
#[utoipa::path(
    post,
    path = "/v1/schema/sql",
    tag = "schema",
    operation_id = "schema_sql",
    request_body = SqlRequest,
    responses(
        (status = 200, description = "the query, or why there is none", body = SqlAnswer),
        (status = 400, description = "the question, the budget or the name of the template is invalid"),
        (status = 404, description = "the template does not exist"),
        (status = 403, description = "the robeing of the conversation is not in the caller's scope"),
        (status = 422, description = "the query would read more than max_bytes, or the template is invalid or does not fit the request"),
        (status = 501, description = "no language model is configured"),
        (status = 503, description = "the model or the warehouse is down, slow or over its limit, or nothing was synced yet"),
    )
)]
pub async fn write(
    State(app): State<App>,
    caller: Caller,
    Extension(snapshot): Extension<Snapshot>,
    Json(request): Json<SqlRequest>,
) -> platform::Result<Response> {
    prompt::check(&request.question, request.token_budget)?;
    let Some(llm) = &app.sql.llm else {
        let detail = "no language model is configured: set LLM_MODEL, or ask a model of your own \
                      with the prompt of `POST /v1/schema/prompt`";
        return Ok(problem(StatusCode::NOT_IMPLEMENTED, detail));
    };
    snapshot.require_synced()?;
    let writer = write::Writer::new(llm, &app.sql, &snapshot, request.max_bytes);
    if snapshot.view.document.tables.is_empty() {
        let reason = "the caller may not see any table";
        let answer = writer.refused(RequestKind::CannotAnswer, None, Some(reason.to_owned()));
        return Ok(Json(answer).into_response());
    }
    let used = app.templates.get(&request.template).await?;
    let ask = Ask {
        question: &request.question,
        token_budget: request.token_budget,
        variables: &request.variables,
        conversation: request.conversation.as_ref(),
        caller: &caller,
    };
    let prompt = prompt::fit(&app, &snapshot, &used.template, &ask).await?;
    let answer = writer.write(prompt, used.template.tags()).await?;
    Ok(Json(answer).into_response())
}
