//! What a response with status 200 means: an answer, the start of one, a refusal, or an error.

use genai::chat::{ChatResponse, StopReason};
use serde_json::Value;

use super::accepts::Thinking;
use super::effort::Effort;
use super::failure::{self, Failure, identifier};
use super::model::{Model, Provider};
use super::request::Request;
use super::{LlmError, Reply, Usage, answer};

/// Reads the answer. `response` is missing if the client can't read the body, which it can't if the provider
/// blocked the prompt.
pub fn read(
    model: &Model,
    request: &Request,
    schema: &Value,
    body: &Value,
    response: Option<&ChatResponse>,
) -> Result<Reply, Failure> {
    if let Some(error) = error(body) {
        return Err(failure::from_error(model, request, error));
    }
    let name = &model.name;
    let usage = usage(body, response);
    let ending = Ending::read(body);
    if ending.is_refusal {
        let reason = ending.reason;
        let because = reason.as_ref().map(|reason| format!(" ({reason})"));
        return Err(Failure::Final(LlmError::Declined {
            detail: format!("{name} declined to answer{}", because.unwrap_or_default()),
            reason,
            usage,
        }));
    }
    let invalid = |detail: String| Failure::Final(LlmError::InvalidAnswer { detail, usage });
    let text = response.map(|response| response.texts().concat());
    let text = text.as_deref().unwrap_or_default();
    if text.trim().is_empty() {
        let provider = model.provider;
        return Err(match (ending.reason, ending.is_cut) {
            (_, true) => Failure::Final(LlmError::Exhausted {
                detail: format!(
                    "{name} used all {} output tokens before its answer: {}",
                    request.max_output,
                    remedy(model)
                ),
                usage,
            }),
            (Some(reason), false) => invalid(format!("{name} returned no answer ({reason})")),
            (None, false) => invalid(format!(
                "{provider} returned a response that doesn't match its protocol"
            )),
        });
    }
    let (json, cut) = answer::parse(text).ok_or_else(|| {
        invalid(if ending.is_cut {
            format!("{name} reached its limit of output tokens before its answer")
        } else {
            format!("the answer of {name} is not JSON")
        })
    })?;
    answer::matches(schema, &json, cut).map_err(|mismatch| {
        invalid(format!(
            "the answer of {name} doesn't match the schema: {mismatch}"
        ))
    })?;
    Ok(Reply { json, cut, usage })
}

/// How to leave more tokens for the answer.
fn remedy(model: &Model) -> String {
    let takes_effort = matches!(
        model.provider,
        Provider::Anthropic | Provider::Openai | Provider::Gemini
    ) && !matches!(model.accepts.thinking, Thinking::Never | Thinking::Unknown);
    match model.effort {
        Some(effort) if effort <= Effort::Low => "set LLM_MODEL to another model".to_owned(),
        _ if takes_effort => format!("set LLM_MODEL to {}-low, or to another model", model.id),
        _ => "set LLM_MODEL to a model that thinks less".to_owned(),
    }
}

/// How an answer ended.
struct Ending {
    /// The provider's word for it.
    reason: Option<String>,
    is_refusal: bool,
    /// Whether it ended at the limit of output tokens.
    is_cut: bool,
}

impl Ending {
    fn read(body: &Value) -> Self {
        let text = |pointer: &str| {
            let text = body.pointer(pointer).and_then(Value::as_str);
            text.filter(|text| !text.is_empty())
        };
        // Gemini blocked the prompt, and there is no answer.
        let block = text("/promptFeedback/blockReason");
        let reason = block
            .or_else(|| text("/incomplete_details/reason"))
            .or_else(|| text("/candidates/0/finishReason"))
            .or_else(|| text("/choices/0/finish_reason"))
            .or_else(|| text("/stop_reason"))
            .or_else(|| text("/status"));
        let stop = reason.map(|reason| StopReason::from(reason.to_owned()));
        let refuses = text("/choices/0/message/refusal").is_some() || has_refusal(&body["output"]);
        Self {
            is_refusal: block.is_some()
                || refuses
                || matches!(stop, Some(StopReason::ContentFilter(_))),
            is_cut: matches!(stop, Some(StopReason::MaxTokens(_)))
                || reason == Some("max_output_tokens"),
            // A refusal in words has the ending of an answer.
            reason: reason
                .filter(|_| !refuses || matches!(stop, Some(StopReason::ContentFilter(_))))
                .and_then(identifier),
        }
    }
}

/// Whether the output of OpenAI's Responses API has a refusal.
fn has_refusal(output: &Value) -> bool {
    let items = output.as_array().into_iter().flatten();
    items
        .filter_map(|item| item.get("content")?.as_array())
        .flatten()
        .any(|part| part["type"] == "refusal")
}

/// The error that a gateway, or the Responses API, returns in the body.
fn error(body: &Value) -> Option<&Value> {
    ["/error", "/choices/0/error"]
        .iter()
        .filter_map(|pointer| body.pointer(pointer))
        .find(|error| error.is_object())
}

/// The tokens of the request. Thinking counts as output, and cached tokens count as input.
fn usage(body: &Value, response: Option<&ChatResponse>) -> Usage {
    let count = |tokens: Option<i32>| tokens.and_then(|n| u64::try_from(n).ok());
    let Some(usage) = response.map(|response| &response.usage) else {
        let of = |pointers: &[&str]| pointers.iter().find_map(|at| body.pointer(at)?.as_u64());
        let input = &[
            "/usageMetadata/promptTokenCount",
            "/usage/input_tokens",
            "/usage/prompt_tokens",
        ];
        let output = &[
            "/usageMetadata/candidatesTokenCount",
            "/usage/output_tokens",
            "/usage/completion_tokens",
        ];
        return Usage {
            input_tokens: of(input).unwrap_or(0),
            output_tokens: of(output).unwrap_or(0),
        };
    };
    let details = usage.completion_tokens_details.as_ref();
    // The client has no sum if Gemini only thought.
    let thoughts = details.and_then(|details| details.reasoning_tokens);
    Usage {
        input_tokens: count(usage.prompt_tokens).unwrap_or(0),
        output_tokens: count(usage.completion_tokens.or(thoughts)).unwrap_or(0),
    }
}
