//! A prompt as a request to a model, with the parameters that the model accepts.

use genai::chat::{
    ChatMessage, ChatOptions, ChatRequest, JsonSchemaDialect, JsonSpec, ReasoningEffort,
    sanitize_json_schema,
};
use serde_json::{Map, Value, json};

use super::Prompt;
use super::accepts::{Format, Thinking};
use super::effort::{Effort, accepted};
use super::model::{Api, Model};

/// The least that Anthropic accepts as a budget of thinking tokens.
const LEAST_BUDGET: u32 = 1_024;
/// The least that Gemini's Pro models accept; the others accept none.
const LEAST_PRO_BUDGET: u32 = 128;

/// A parameter that a model refused although the table allows it. It is changed or left out for the life
/// of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    Temperature = 1,
    Format = 2,
    /// The name of the limit of output tokens.
    Limit = 4,
    /// The options of the prompt cache.
    Cache = 8,
    /// Chat Completions as a whole.
    Chat = 16,
}

impl Refused {
    pub fn name(self) -> &'static str {
        match self {
            Self::Temperature => "the temperature",
            Self::Format => "the output format",
            Self::Limit => "the limit of output tokens",
            Self::Cache => "the options of the prompt cache",
            Self::Chat => "Chat Completions",
        }
    }
}

/// A set of refused parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refusals(pub u8);

impl Refusals {
    pub fn contain(self, refused: Refused) -> bool {
        self.0 & refused as u8 != 0
    }
}

/// What to send, except for the address and the key.
pub struct Request {
    pub api: Api,
    pub chat: ChatRequest,
    pub options: ChatOptions,
    /// The limit of output tokens, including thinking.
    pub max_output: u32,
    pub has_temperature: bool,
    pub has_format: bool,
}

/// The tokens of one answer.
struct Tokens {
    /// The limit of all output tokens.
    total: u32,
    /// The part that thinking may use. It leaves enough for the answer.
    thinking: u32,
}

pub fn request(model: &Model, prompt: &Prompt, refusals: Refusals) -> Request {
    let accepts = &model.accepts;
    let api = model.api(refusals.contain(Refused::Chat));
    let tokens = tokens(model, prompt.max_output_tokens);
    // Anthropic refuses a temperature of 0 with thinking, and reasoning models refuse it in general.
    let has_temperature = accepts.temperature
        && !refusals.contain(Refused::Temperature)
        && api != Api::Responses
        && (model.effort.is_none_or(|effort| effort == Effort::None)
            || api == Api::GenerateContent);
    let format = match accepts.format {
        _ if refusals.contain(Refused::Format) => Format::Prompt,
        format => format,
    };

    let mut options = ChatOptions::default().with_capture_raw_body(true);
    let mut body = match api {
        Api::Messages => {
            options = options.with_max_tokens(tokens.total);
            messages(model, prompt, &tokens, format)
        }
        Api::Chat => {
            // Without an effort, the client reads one from the end of names like `qwen-max`. This protocol
            // has no budget, so none is sent.
            options = options.with_reasoning_effort(ReasoningEffort::Budget(0));
            chat(model, &tokens, refusals)
        }
        Api::Responses => {
            options = options
                .with_max_tokens(tokens.total)
                .with_reasoning_effort(ReasoningEffort::Budget(0));
            responses(model)
        }
        Api::GenerateContent => generate_content(model, prompt, &tokens, format, has_temperature),
    };
    if matches!(api, Api::Chat | Api::Responses) {
        // Unchanged, whatever the client reads from its parts.
        body.insert("model".to_owned(), json!(model.id));
        if accepts.paid_cache && model.is_at_openai() && !refusals.contain(Refused::Cache) {
            // A prompt is rarely sent twice, so writing it to the cache costs more than it saves.
            body.insert(
                "prompt_cache_options".to_owned(),
                json!({"mode": "explicit"}),
            );
        }
        options = match format {
            Format::Schema => {
                options.with_response_format(JsonSpec::new(prompt.name, prompt.schema.clone()))
            }
            Format::Json => options.with_response_format(genai::chat::ChatResponseFormat::JsonMode),
            Format::Prompt => options,
        };
    }
    if has_temperature && api != Api::GenerateContent {
        options = options.with_temperature(0.0);
    }
    let mut system = prompt.system.clone();
    if format != Format::Schema {
        system.push_str("\n\nAnswer with one JSON object and nothing else. Its JSON schema:\n");
        system.push_str(&prompt.schema.to_string());
    }
    Request {
        api,
        chat: ChatRequest::new(vec![ChatMessage::user(prompt.user.clone())]).with_system(system),
        options: options.with_extra_body(Value::Object(body)),
        max_output: tokens.total,
        has_temperature,
        has_format: format != Format::Prompt,
    }
}

/// Thinking counts towards the limit of output tokens, so the limit is that of the answer and of thinking
/// together, as far as the model allows.
fn tokens(model: &Model, answer: u32) -> Tokens {
    let accepts = &model.accepts;
    let wanted = match (accepts.thinking, model.effort) {
        (Thinking::Never | Thinking::Budget | Thinking::Effort | Thinking::Unknown, None) => 0,
        (Thinking::Budget | Thinking::DefaultBudget, Some(effort)) => effort.tokens(),
        (_, Some(effort)) => accepted(&model.id, effort).tokens(),
        (Thinking::DefaultBudget | Thinking::DefaultEffort, None) => Effort::High.tokens(),
    };
    let total = answer.saturating_add(wanted).min(accepts.max_output);
    Tokens {
        total,
        thinking: wanted.min(total.saturating_sub(answer)),
    }
}

fn messages(model: &Model, prompt: &Prompt, tokens: &Tokens, format: Format) -> Map<String, Value> {
    let mut body = Map::new();
    let mut output = Map::new();
    if let Some(effort) = model.effort {
        match (model.accepts.thinking, accepted(&model.id, effort)) {
            (Thinking::Budget, _) if effort == Effort::None => {}
            (Thinking::Budget, _) => {
                let budget = tokens.thinking.max(LEAST_BUDGET);
                body.insert(
                    "thinking".to_owned(),
                    json!({"type": "enabled", "budget_tokens": budget}),
                );
            }
            // Without a word about it, these models don't think.
            (Thinking::Effort, Effort::None) => {}
            (_, Effort::None) => {
                body.insert("thinking".to_owned(), json!({"type": "disabled"}));
            }
            (_, effort) => {
                body.insert("thinking".to_owned(), json!({"type": "adaptive"}));
                output.insert("effort".to_owned(), json!(effort));
            }
        }
    }
    if format == Format::Schema {
        let schema = sanitize_json_schema(&prompt.schema, JsonSchemaDialect::AnthropicStructured);
        output.insert(
            "format".to_owned(),
            json!({"type": "json_schema", "schema": schema}),
        );
    }
    if !output.is_empty() {
        body.insert("output_config".to_owned(), Value::Object(output));
    }
    body
}

fn chat(model: &Model, tokens: &Tokens, refusals: Refusals) -> Map<String, Value> {
    let limit = match model.accepts.limit {
        limit if refusals.contain(Refused::Limit) => limit.other(),
        limit => limit,
    };
    let mut body = Map::new();
    body.insert(limit.parameter().to_owned(), json!(tokens.total));
    if let Some(effort) = model.effort {
        let effort = accepted(&model.id, effort);
        body.insert("reasoning_effort".to_owned(), json!(effort));
    }
    body
}

fn responses(model: &Model) -> Map<String, Value> {
    let mut body = Map::new();
    if let Some(effort) = model.effort {
        let effort = accepted(&model.id, effort);
        body.insert("reasoning".to_owned(), json!({"effort": effort}));
    }
    body
}

fn generate_content(
    model: &Model,
    prompt: &Prompt,
    tokens: &Tokens,
    format: Format,
    has_temperature: bool,
) -> Map<String, Value> {
    let mut config = Map::new();
    config.insert("maxOutputTokens".to_owned(), json!(tokens.total));
    if has_temperature {
        config.insert("temperature".to_owned(), json!(0.0));
    }
    if format == Format::Schema {
        config.insert("responseMimeType".to_owned(), json!("application/json"));
        config.insert("responseJsonSchema".to_owned(), prompt.schema.clone());
    }
    if let Some(effort) = model.effort {
        let thinking = match model.accepts.thinking {
            Thinking::DefaultBudget if model.id.contains("pro") => {
                json!({"thinkingBudget": tokens.thinking.max(LEAST_PRO_BUDGET)})
            }
            Thinking::DefaultBudget => json!({"thinkingBudget": tokens.thinking}),
            _ => {
                let level = format!("{:?}", accepted(&model.id, effort)).to_uppercase();
                json!({"thinkingLevel": level})
            }
        };
        config.insert("thinkingConfig".to_owned(), thinking);
    }
    let mut body = Map::new();
    body.insert("generationConfig".to_owned(), Value::Object(config));
    body
}
