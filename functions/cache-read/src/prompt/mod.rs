//! `POST /v1/schema/prompt`: a template filled in with the part of the schema and the examples that a
//! question needs. With the built-in template the model classifies the request and writes the SQL in one
//! answer.

mod conversation;
mod history;
pub mod manage;
pub mod tags;
mod template;
mod template_file;
pub mod templates;
mod variable;

use std::collections::BTreeMap;

use axum::Extension;
use axum::extract::State;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use platform::{Caller, Error, Json};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::{App, Snapshot};
use crate::context::{self, Format, check_budget, check_question};
use template::{Template, Values};
use templates::{DEFAULT, TemplateSource};
use variable::Builtin;

pub use conversation::Conversation;
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
    /// The name of a template: a-z, 0-9, `_` and `-`. `GET /v1/schema/templates` lists them.
    #[serde(default = "default_template")]
    #[schema(default = "sql_generation", pattern = "^[a-z0-9_-]{1,64}$")]
    template: String,
    /// Values of the variables that the template declares, by name; at most 10,000 characters each.
    #[serde(default)]
    variables: BTreeMap<String, String>,
    /// The conversation for `{{conversation}}`.
    conversation: Option<Conversation>,
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
    /// The version of the template.
    template_version: String,
}

#[derive(Serialize, ToSchema)]
struct PromptMessage {
    /// `system` or `user`.
    role: &'static str,
    content: String,
}

/// Build the prompt for a question.
///
/// The prompt works with any model. The same request, template, version and day give the same bytes, as long
/// as the conversation that it names has no new message.
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
        (status = 403, description = "the robeing of the conversation is not in the caller's scope"),
        (status = 422, description = "the template is invalid, or does not have a variable of the request or the request one of the template; the detail names it"),
        (status = 503, description = "nothing was synced yet, or the store or the database is unavailable"),
    )
)]
pub async fn write(
    State(app): State<App>,
    caller: Caller,
    Extension(snapshot): Extension<Snapshot>,
    Json(request): Json<PromptRequest>,
) -> platform::Result<Json<PromptAnswer>> {
    check(&request.question, request.token_budget)?;
    snapshot.require_synced()?;
    let used = app.templates.get(&request.template).await?;
    let ask = Ask {
        question: &request.question,
        token_budget: request.token_budget,
        variables: &request.variables,
        conversation: request.conversation.as_ref(),
        caller: &caller,
    };
    let prompt = fit(&app, &snapshot, &used.template, &ask).await?;
    let message = |role, content| PromptMessage { role, content };
    Ok(Json(PromptAnswer {
        tokens: prompt.characters().div_ceil(4),
        messages: [
            message("system", prompt.system),
            message("user", prompt.user),
        ],
        version: snapshot.view.document.version.clone(),
        template: request.template,
        template_source: used.source,
        template_version: used.version.to_string(),
    }))
}

/// What fills in a template.
pub struct Ask<'a> {
    pub question: &'a str,
    pub token_budget: usize,
    /// The values of the variables that the template declares.
    pub variables: &'a BTreeMap<String, String>,
    pub conversation: Option<&'a Conversation>,
    pub caller: &'a Caller,
}

pub fn check(question: &str, token_budget: usize) -> platform::Result<()> {
    check_question(question)?;
    check_budget(token_budget)
}

/// The date in UTC.
fn today(now: Timestamp) -> Date {
    Offset::UTC.to_datetime(now).date()
}

/// Fills in the template: with the conversation, up to a part of the budget, and with as much of the schema
/// as fits the rest.
pub async fn fit(
    app: &App,
    snapshot: &Snapshot,
    template: &Template,
    ask: &Ask<'_>,
) -> platform::Result<FilledTemplate> {
    let (question, token_budget) = (ask.question, ask.token_budget);
    let own = variable::resolve(template.declared(), ask.variables)?;
    let mut values = Values {
        schema: "",
        examples: "",
        question,
        conversation: NONE,
        dialect: snapshot.view.document.source.dialect,
        today: today((app.sql.now)()),
        own: &own,
    };
    let taken = template.fill(&values).characters();
    let free = (token_budget * 4).saturating_sub(taken) / 4;
    let conversation = conversation::read(app, template, ask, free).await?;
    values.conversation = conversation.as_deref().unwrap_or(NONE);
    let taken = template.fill(&values).characters();
    let times = template
        .uses(Builtin::Schema)
        .max(template.uses(Builtin::Examples));
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
    let with_examples = template.uses(Builtin::Examples) > 0;
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
