//! Errors of providers. Their messages may quote prompts and answers, so only codes and the names of
//! parameters are kept.

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde_json::Value;

use super::model::{Api, Model, Provider};
use super::request::{Refused, Request};
use super::{LlmError, Usage, retry};

/// Why an attempt returned no answer.
pub enum Failure {
    Final(LlmError),
    /// Another attempt may succeed, after the pause that the provider asks for.
    Later(LlmError, Option<Duration>),
    /// Another attempt without this parameter may succeed.
    Without(Refused),
}

/// The names of the parameters that a request may have, as messages write them, most specific first.
const PARAMETERS: &[&str] = &[
    "thinking.budget_tokens",
    "thinking.type",
    "thinking.adaptive",
    "budget_tokens",
    "thinkingBudget",
    "thinking_budget",
    "thinkingLevel",
    "thinking_level",
    "thinkingConfig",
    "thinking_config",
    "output_config.effort",
    "output_config.format",
    "output_config",
    "output_format",
    "reasoning_effort",
    "reasoning.effort",
    "responseJsonSchema",
    "response_json_schema",
    "responseMimeType",
    "response_mime_type",
    "response_format",
    "text.format",
    "json_schema",
    "json_object",
    "json_mode",
    "prompt_cache_options",
    "prompt_cache",
    "max_completion_tokens",
    "max_output_tokens",
    "maxOutputTokens",
    "max_tokens",
    "temperature",
    "effort",
    "thinking",
    "reasoning",
];

/// The parts of a request that are no parameters: they are the prompt.
const PROMPT: &[&str] = &[
    "messages",
    "input",
    "contents",
    "instructions",
    "system",
    "prompt",
];

/// Messages that a model doesn't take a parameter, and not that its value is wrong.
const UNKNOWN: &[&str] = &[
    "unsupported",
    "unrecognized",
    "unknown",
    "not supported",
    "not permitted",
    "deprecated",
    "unexpected",
    "extra inputs",
];

/// Messages that a prompt is too long for its model. They may name the limit of output tokens.
const TOO_LONG: &[&str] = &[
    "context length",
    "context limit",
    "context window",
    "context_length",
    "prompt is too long",
    "input token count",
];

/// Translates an error response.
pub fn from_status(
    model: &Model,
    request: &Request,
    status: StatusCode,
    body: &str,
    headers: &HeaderMap,
) -> Failure {
    let error = ErrorBody::read(body, headers);
    let provider = model.provider;
    let number = status.as_u16();
    let code = error.describe(number);
    let denied = |text: String| Failure::Final(LlmError::Denied(text));
    let refused_key = || {
        denied(format!(
            "{provider} refused the key ({code}): set {} to a valid key",
            provider.key_names()
        ))
    };
    let no_model = || {
        let address = provider.address();
        denied(format!(
            "{provider} has no model {:?} ({code}): set LLM_MODEL to another one, or check {address}",
            model.id
        ))
    };
    let spent = || {
        Failure::Final(LlmError::unavailable(format!(
            "{provider} is over its spending limit ({number})"
        )))
    };
    match number {
        400..=499
            if error.says_responses_only()
                && request.api == Api::Chat
                && provider == Provider::Openai =>
        {
            Failure::Without(Refused::Chat)
        }
        403 | 404 if error.is("model_not_found") => no_model(),
        401 | 403 => refused_key(),
        // Gemini's response to an invalid key.
        400 if body.contains("API_KEY_INVALID") => refused_key(),
        404 => no_model(),
        402 => spent(),
        400 | 429 if error.is_about_money() => spent(),
        429 => Failure::Later(
            LlmError::unavailable(format!("{provider} is over its rate limit ({number})")),
            error.pause,
        ),
        408 | 500..=599 => Failure::Later(
            LlmError::unavailable(format!("{provider} is down or overloaded ({number})")),
            error.pause,
        ),
        _ if error.is_filter() => Failure::Final(LlmError::Declined {
            detail: format!("{provider} declined to answer ({code})"),
            reason: error.code.clone(),
            usage: Usage::default(),
        }),
        _ => from_parameter(model, request, &error, &code),
    }
}

/// Translates a refusal of the request itself.
fn from_parameter(model: &Model, request: &Request, error: &ErrorBody, code: &str) -> Failure {
    let provider = model.provider;
    let Some(parameter) = error.parameter() else {
        return Failure::Final(LlmError::Refused(format!(
            "{provider} refused the request ({code})"
        )));
    };
    if parameter == "model" {
        return Failure::Final(LlmError::Denied(format!(
            "{provider} refused the model {:?} ({code}): set LLM_MODEL to another one",
            model.id
        )));
    }
    let has = |part: &str| parameter.to_lowercase().contains(part);
    let is_format = ["format", "json", "schema", "mime"]
        .iter()
        .any(|part| has(part));
    let is_effort = ["effort", "thinking", "reasoning", "budget"]
        .iter()
        .any(|part| has(part));
    // A message may quote a question with the name of a parameter, and what is learned lasts.
    let is_certain = error.parameter.is_some() || error.says_unknown();
    let refused = if !is_certain {
        None
    } else if has("temperature") && request.has_temperature {
        Some(Refused::Temperature)
    } else if is_format && request.has_format {
        Some(Refused::Format)
    } else if has("prompt_cache") {
        Some(Refused::Cache)
    } else if (has("max_tokens") || has("max_completion_tokens"))
        && request.api == Api::Chat
        && error.says_unknown()
    {
        Some(Refused::Limit)
    } else {
        None
    };
    if let Some(refused) = refused {
        return Failure::Without(refused);
    }
    let remedy = match model.effort {
        Some(_) if is_effort => {
            format!(
                "set LLM_MODEL to {}, or to a model that accepts it",
                model.id
            )
        }
        _ if has("max") && has("tokens") => {
            let limit = request.max_output;
            format!("set LLM_MODEL to a model that can return {limit} tokens")
        }
        _ => "set LLM_MODEL to a model that accepts it".to_owned(),
    };
    Failure::Final(LlmError::Denied(format!(
        "{provider} refused the parameter {parameter} for {} ({code}): {remedy}",
        model.id
    )))
}

/// The error of a response with status 200, such as that of a gateway or of the Responses API.
pub fn from_error(model: &Model, request: &Request, error: &Value) -> Failure {
    let code = match &error["code"] {
        Value::String(code) => code.clone(),
        code => code.to_string(),
    };
    let status = match code.as_str() {
        "server_error" | "overloaded_error" | "api_error" => StatusCode::INTERNAL_SERVER_ERROR,
        "rate_limit_exceeded" | "rate_limit_error" => StatusCode::TOO_MANY_REQUESTS,
        // A gateway repeats the status of its provider.
        code => code.parse().unwrap_or(StatusCode::BAD_REQUEST),
    };
    let body = serde_json::json!({ "error": error }).to_string();
    from_status(model, request, status, &body, &HeaderMap::new())
}

/// The parts of an error response.
struct ErrorBody {
    /// The provider's code or type.
    code: Option<String>,
    inner_code: Option<String>,
    parameter: Option<String>,
    /// May quote the prompt.
    message: String,
    /// The pause that the provider asks for.
    pause: Option<Duration>,
}

impl ErrorBody {
    fn read(text: &str, headers: &HeaderMap) -> Self {
        let body: Value = serde_json::from_str(text).unwrap_or_default();
        // Gemini returns an array in some cases.
        let body = match body {
            Value::Array(mut items) if !items.is_empty() => items.swap_remove(0),
            body => body,
        };
        let find = |pointers: &[&str]| {
            let mut texts = pointers.iter().filter_map(|p| body.pointer(p)?.as_str());
            texts.find_map(identifier)
        };
        let message = [
            "/error/message",
            "/message",
            "/error",
            "/detail/0/msg",
            "/detail",
        ]
        .iter()
        .find_map(|pointer| body.pointer(pointer)?.as_str());
        let location = body.pointer("/detail/0/loc").and_then(Value::as_array);
        Self {
            code: find(&[
                "/error/code",
                "/error/type",
                "/error/status",
                "/code",
                "/type",
            ]),
            inner_code: find(&["/error/innererror/code", "/error/inner_error/code"]),
            parameter: find(&[
                "/error/param",
                "/param",
                "/error/details/0/fieldViolations/0/field",
            ])
            .or_else(|| location?.last()?.as_str().and_then(identifier)),
            message: message.unwrap_or(text).to_lowercase(),
            pause: retry::requested(headers, &body, Timestamp::now()),
        }
    }

    fn describe(&self, status: u16) -> String {
        match &self.code {
            Some(code) => format!("{status} {code}"),
            None => status.to_string(),
        }
    }

    fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }

    fn is_about_money(&self) -> bool {
        let code = self.code.as_deref().unwrap_or_default();
        code == "insufficient_quota"
            || code.contains("billing")
            || self.message.contains("credit balance")
    }

    /// Whether a filter of the provider, or its policy, refused the prompt or the answer.
    fn is_filter(&self) -> bool {
        let codes = self.code.iter().chain(&self.inner_code);
        codes.into_iter().any(|code| {
            [
                "content_filter",
                "content_policy",
                "ResponsibleAIPolicyViolation",
                "invalid_prompt",
            ]
            .iter()
            .any(|filter| code.contains(filter))
        }) || self.message.contains("content filtering policy")
    }

    fn says_unknown(&self) -> bool {
        let code = self.code.as_deref().unwrap_or_default();
        UNKNOWN
            .iter()
            .any(|word| self.message.contains(word) || code.contains(word))
    }

    fn says_responses_only(&self) -> bool {
        self.is("unsupported_api_for_model")
            || self.message.contains("v1/responses")
            || self.message.contains("not a chat model")
    }

    /// The parameter that the error is about, if it is not the prompt.
    fn parameter(&self) -> Option<&str> {
        let is_too_long = TOO_LONG.iter().any(|words| {
            self.message.contains(words) || self.code.as_deref().is_some_and(|c| c.contains(words))
        });
        if is_too_long {
            return None;
        }
        if let Some(parameter) = &self.parameter {
            let root = parameter.split(['.', '[']).next().unwrap_or_default();
            return (!PROMPT.contains(&root)).then_some(parameter.as_str());
        }
        let spaced = |name: &str| name.replace(['_', '.'], " ");
        PARAMETERS.iter().copied().find(|name| {
            let name = name.to_lowercase();
            contains_word(&self.message, &name) || contains_word(&self.message, &spaced(&name))
        })
    }
}

/// A text that can't be a part of a prompt, because it has no spaces.
pub fn identifier(text: &str) -> Option<String> {
    let is_identifier = (1..=64).contains(&text.len())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_.[]-".contains(c));
    is_identifier.then(|| text.to_owned())
}

fn contains_word(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric();
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}
