//! SQL for a question: prompt, model, grounding, dry run, and where that fails one repair.
//!
//! A query that is answered resolves against the schema as the caller's scope leaves it, and the
//! warehouse has planned it; nothing is ever run. What is not one statement that only reads, or
//! reaches beyond the caller's datasets, never gets to the warehouse.
//!
//! | variable | meaning |
//! | --- | --- |
//! | `LLM_*` | the model, as `platform::llm` reads it; without one the route answers 501 |
//! | `WAREHOUSE_URL` | plans the queries; without it they are held to the schema alone |
//! | `SQL_MAX_BYTES` | a query that would read more bytes is refused; none by default |

mod answer;
mod model_answer;
pub mod planner;
pub mod setup;
mod write;

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use platform::error::problem;
use platform::{Error, Json};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::app::{App, Snapshot};
use crate::cache::Level;
use crate::prompt;
use answer::SqlAnswer;
use model_answer::RequestKind;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SqlRequest {
    /// What is to be answered, in any language; at most 10,000 characters.
    #[schema(min_length = 1, max_length = 10_000)]
    question: String,
    /// Refuse a query that would read more bytes; `SQL_MAX_BYTES` where that is less. Where the
    /// warehouse tells no estimate, there is nothing to compare, and `bytes_processed` is null.
    #[schema(format = "uint64")]
    max_bytes: Option<u64>,
    /// At most this many tokens for the prompt, 100 to 200,000; a token is four characters. A
    /// repair adds the query and its error.
    #[serde(default = "prompt::default_budget")]
    #[schema(default = 8_000, minimum = 100, maximum = 200_000)]
    token_budget: usize,
    /// The name of an object `prompts/<name>.json` in the store, in a-z, 0-9, `_` and `-`.
    #[serde(default = "prompt::default_template")]
    #[schema(default = "sql_generation")]
    template: String,
}

/// A verified query for a question, or why there is none.
///
/// A query reads only datasets of the caller's scope. It takes 30 s at most; nothing is run.
#[utoipa::path(
    post,
    path = "/v1/schema/sql",
    tag = "schema",
    operation_id = "schema_sql",
    request_body = SqlRequest,
    responses(
        (status = 200, description = "the query, or why there is none", body = SqlAnswer),
        (status = 400, description = "the question, the budget or the template's name is wrong"),
        (status = 404, description = "there is no such template"),
        (status = 422, description = "the query would read more than max_bytes, or the template is wrong"),
        (status = 501, description = "no language model is configured"),
        (status = 503, description = "the model or the warehouse is down, slow or over its limit, or nothing was synced yet"),
    )
)]
pub async fn write(
    State(app): State<App>,
    Extension(snapshot): Extension<Snapshot>,
    Json(request): Json<SqlRequest>,
) -> platform::Result<Response> {
    prompt::check(&request.question, request.token_budget)?;
    let Some(llm) = &app.sql.llm else {
        let detail = "no language model is configured: set LLM_MODEL, or ask a model of your own \
                      with the prompt of `POST /v1/schema/prompt`";
        return Ok(problem(StatusCode::NOT_IMPLEMENTED, detail));
    };
    if snapshot.served.level == Level::Builtin {
        return Err(Error::Unavailable {
            detail: "nothing is synced yet, or nothing can be reached: run a sync, or try again"
                .to_owned(),
            cause: None,
        });
    }
    let writer = write::Writer::new(llm, &app.sql, &snapshot, request.max_bytes);
    if snapshot.view.document.tables.is_empty() {
        let reason = "there is no table that this caller may see";
        let answer = writer.refused(RequestKind::CannotAnswer, None, Some(reason.to_owned()));
        return Ok(Json(answer).into_response());
    }
    let (template, _) = app.templates.get(&request.template).await?;
    let prompt = prompt::fit(
        &snapshot,
        &template,
        &request.question,
        request.token_budget,
        prompt::today((app.sql.now)()),
    )
    .await?;
    let answer = writer.write(prompt, template.tags()).await?;
    Ok(Json(answer).into_response())
}
