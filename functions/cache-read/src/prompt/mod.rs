//! `POST /v1/schema/prompt`: a template filled in with the part of the schema and the examples that a
//! question needs. With the built-in template the model classifies the request and writes the SQL in one
//! answer.

pub mod tags;
mod template;
pub mod templates;

use axum::Extension;
use axum::extract::State;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use platform::{Error, Json};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::{App, Snapshot};
use crate::context::{self, Format, check_budget, check_question};
use template::{Template, Values, Variable};
use templates::{DEFAULT, TemplateSource};

pub use template::FilledTemplate;

pub const DEFAULT_BUDGET: usize = 8_000;
/// The smallest useful budget for the schema, in tokens.
const LEAST_CONTEXT: usize = 100;
/// The text of an empty part, so that a model does not mistake it for an error.
const NONE: &str = "(none)";

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PromptRequest {
    /// The question, in any language; at most 10,000 characters.
    #[schema(min_length = 1, max_length = 10_000)]
    question: String,
    /// The maximum number of tokens of the whole prompt, 100 to 200,000; a token is four characters.
    #[serde(default = "default_budget")]
    #[schema(default = 8_000, minimum = 100, maximum = 200_000)]
    token_budget: usize,
    /// The name of a template, stored as `prompts/<name>.json`: a-z, 0-9, `_` and `-`.
    #[serde(default = "default_template")]
    #[schema(default = "sql_generation", pattern = "^[a-z0-9_-]{1,64}$")]
    template: String,
}

pub fn default_budget() -> usize {
    DEFAULT_BUDGET
}

pub fn default_template() -> String {
    DEFAULT.to_owned()
}

#[derive(Serialize, ToSchema)]
pub struct PromptAnswer {
    /// The system message and the user message.
    messages: [PromptMessage; 2],
    /// The version of the schema.
    version: String,
    /// The tokens of all messages: a quarter of their characters, rounded up.
    tokens: usize,
    template: String,
    #[schema(inline)]
    template_source: TemplateSource,
}

#[derive(Serialize, ToSchema)]
struct PromptMessage {
    /// `system` or `user`.
    role: &'static str,
    content: String,
}

/// Build the prompt for a question.
///
/// The prompt works with any model. The same question, template, version and day give the same bytes.
#[utoipa::path(
    post,
    path = "/v1/schema/prompt",
    tag = "schema",
    operation_id = "schema_prompt",
    request_body = PromptRequest,
    responses(
        (status = 200, description = "the prompt", body = PromptAnswer),
        (status = 400, description = "the question, the budget or the name of the template is invalid"),
        (status = 404, description = "the template does not exist"),
        (status = 422, description = "the template is invalid; the detail explains where"),
    )
)]
pub async fn write(
    State(app): State<App>,
    Extension(snapshot): Extension<Snapshot>,
    Json(request): Json<PromptRequest>,
) -> platform::Result<Json<PromptAnswer>> {
    check(&request.question, request.token_budget)?;
    let today = today((app.sql.now)());
    let (template, template_source) = app.templates.get(&request.template).await?;
    let prompt = fit(
        &snapshot,
        &template,
        &request.question,
        request.token_budget,
        today,
    )
    .await?;
    let message = |role, content| PromptMessage { role, content };
    Ok(Json(PromptAnswer {
        tokens: prompt.characters().div_ceil(4),
        messages: [
            message("system", prompt.system),
            message("user", prompt.user),
        ],
        version: snapshot.view.document.version.clone(),
        template: request.template,
        template_source,
    }))
}

pub fn check(question: &str, token_budget: usize) -> platform::Result<()> {
    check_question(question)?;
    check_budget(token_budget)
}

/// The date in UTC.
pub fn today(now: Timestamp) -> Date {
    Offset::UTC.to_datetime(now).date()
}

/// Fills in the template with as much of the schema as fits the budget.
pub async fn fit(
    snapshot: &Snapshot,
    template: &Template,
    question: &str,
    token_budget: usize,
    today: Date,
) -> platform::Result<FilledTemplate> {
    let mut values = Values {
        schema: "",
        examples: "",
        question,
        dialect: snapshot.view.document.source.dialect,
        today,
    };
    let taken = template.fill(&values).characters();
    let times = template
        .uses(Variable::Schema)
        .max(template.uses(Variable::Examples));
    let room = (token_budget * 4).saturating_sub(taken) / 4 / times;
    if room < LEAST_CONTEXT {
        let least = taken.div_ceil(4) + LEAST_CONTEXT * times;
        return Err(Error::Invalid(format!(
            "token_budget is {token_budget}: the template and the question leave too little for the \
             schema, set it to {least} or more"
        )));
    }
    let index = snapshot.view.index().await?;
    let token_budget = room - NONE.len().div_ceil(2);
    let owned = question.to_owned();
    let with_examples = template.uses(Variable::Examples) > 0;
    let choose = move || {
        let choose = |token_budget| {
            index.context(&context::Request {
                question: &owned,
                token_budget,
                datasets: None,
                format: Format::Text,
            })
        };
        let context = choose(token_budget);
        if with_examples {
            return context;
        }
        // The template shows no examples, so their tokens are available for tables.
        let wider = choose(token_budget + context::tokens(context.examples()));
        if context::tokens(wider.schema()) <= token_budget {
            wider
        } else {
            context
        }
    };
    let context = tokio::task::spawn_blocking(choose).await;
    let context = context.map_err(anyhow::Error::from)?;
    let [schema, examples] = [context.schema(), context.examples()]
        .map(str::trim)
        .map(|text| if text.is_empty() { NONE } else { text });
    values.schema = schema;
    values.examples = examples;
    Ok(template.fill(&values))
}
