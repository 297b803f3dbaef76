//! The language model of any provider: one prompt in, one JSON answer out.
//!
//! `LLM_MODEL` names the model. Without it, functions work by rules alone. [`model`] describes how a name
//! determines the provider, the endpoint and the key. Prompts and answers are never logged, and no error
//! contains a part of them.
//!
//! | variable | meaning |
//! | --- | --- |
//! | `LLM_MODEL` | `claude-...`, `gpt-...`, `gemini-...`, `ollama/<model>`; empty: no model |
//! | `LLM_BASE_URL`, `LLM_API_KEY` | an OpenAI-compatible server, to which `LLM_MODEL` is sent unchanged |
//! | `LLM_TIMEOUT_SECONDS` | the time-out of an answer, in seconds; default 30 |
//! | `LLM_ATTEMPTS` | the limit of attempts if the provider is down or over its limit; default 3 |

pub mod answer;
pub mod model;
pub mod retry;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use genai::chat::{
    ChatMessage, ChatOptions, ChatRequest, ChatResponse, JsonSpec, ReasoningEffort, StopReason,
};
use genai::webc;
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde_json::Value;
use tracing::instrument::WithSubscriber as _;
use tracing::subscriber::NoSubscriber;

use crate::{Env, Resources};
pub use model::VARIABLES;
use model::{Model, Provider};

/// A language model. Clones share connections and what is known about the model.
#[derive(Clone)]
pub struct Llm(Arc<Inner>);

struct Inner {
    client: genai::Client,
    model: Model,
    timeout: Duration,
    attempts: u32,
    /// Whether the model has refused a temperature, and a schema. Models differ, and lists of their features
    /// get outdated, so a refused option is left out for the life of the process.
    refuses_temperature: AtomicBool,
    refuses_schema: AtomicBool,
}

/// A prompt. It must not be logged, so it has no `Debug`.
pub struct Prompt {
    /// The instructions. The same bytes for the same task, so that the provider can cache them.
    pub system: String,
    pub user: String,
    /// The name of the schema, in `a-z` and `_`.
    pub name: &'static str,
    /// The JSON schema of the answer, which is an object. Supported are `type`, `properties`, `required`,
    /// `items` and `enum`.
    pub schema: Value,
    pub max_output_tokens: u32,
}

/// An answer that matches the schema of its prompt.
pub struct Reply {
    pub json: Value,
    /// Whether the answer is truncated. `json` then has its complete part, and may lack required fields.
    pub cut: bool,
    pub usage: Usage,
}

/// The tokens that the provider counted, or zero if it doesn't report them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub input_tokens: u64,
    pub output_tokens: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum LlmError {
    /// The provider is down, slow or over its limit. The same prompt may succeed later.
    #[error("{detail}")]
    Unavailable {
        detail: String,
        #[source]
        source: Option<reqwest::Error>,
    },
    /// No prompt can succeed until the configuration is changed; the text says how.
    #[error("{0}")]
    Denied(String),
    /// The provider refuses the request, for example because it is too long for the model. The same request
    /// would be refused again.
    #[error("{0}")]
    Refused(String),
    /// The model, or the provider's filter, declined to answer.
    #[error("{detail}")]
    Declined { detail: String, usage: Usage },
    /// The answer is not JSON, or doesn't match the schema.
    #[error("{detail}")]
    InvalidAnswer { detail: String, usage: Usage },
}

impl LlmError {
    fn unavailable(detail: String) -> Self {
        Self::Unavailable {
            detail,
            source: None,
        }
    }

    /// The tokens that the failed prompt used.
    pub fn usage(&self) -> Usage {
        match self {
            Self::Unavailable { .. } | Self::Denied(_) | Self::Refused(_) => Usage::default(),
            Self::Declined { usage, .. } | Self::InvalidAnswer { usage, .. } => *usage,
        }
    }
}

/// Opens the model that `LLM_MODEL` names, or returns none if that is unset.
///
/// # Errors
/// If a key is missing or a value is not valid; the error names the variable.
pub fn open(resources: &Resources) -> anyhow::Result<Option<Llm>> {
    let env = resources.env();
    let Some(model) = Model::read(env)? else {
        return Ok(None);
    };
    let client = genai::Client::builder()
        .with_reqwest(resources.http()?)
        .build()
        .context("can't create the client of the language model")?;
    Ok(Some(Llm(Arc::new(Inner {
        client,
        timeout: timeout(env)?,
        attempts: env.parse("LLM_ATTEMPTS", 3)?,
        refuses_temperature: AtomicBool::new(!model.takes_temperature()),
        refuses_schema: AtomicBool::new(false),
        model,
    }))))
}

fn timeout(env: &Env) -> anyhow::Result<Duration> {
    let seconds: f64 = env.parse("LLM_TIMEOUT_SECONDS", 30.0)?;
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|timeout| !timeout.is_zero())
        .with_context(|| {
            format!("LLM_TIMEOUT_SECONDS is {seconds}: set it to a number of seconds above 0")
        })
}

/// Why an attempt returned no answer.
enum Failure {
    Final(LlmError),
    /// Another attempt may succeed, after the pause in these headers.
    Later(LlmError, HeaderMap),
    RefusesTemperature,
    RefusesSchema,
}

impl Llm {
    /// The name of the model, from `LLM_MODEL`.
    pub fn model(&self) -> &str {
        &self.0.model.name
    }

    /// Sends a prompt and returns the answer. While the provider is down or over its limit, makes up to
    /// `LLM_ATTEMPTS` attempts. An attempt that takes longer than `LLM_TIMEOUT_SECONDS` is not repeated.
    pub async fn ask(&self, prompt: &Prompt) -> Result<Reply, LlmError> {
        let mut attempts: u32 = 0;
        loop {
            let (error, headers) = match self.attempt(prompt).await {
                Ok(response) => return self.read(&response, &prompt.schema),
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::RefusesTemperature) => {
                    self.0.refuses_temperature.store(true, Ordering::Relaxed);
                    continue;
                }
                Err(Failure::RefusesSchema) => {
                    self.0.refuses_schema.store(true, Ordering::Relaxed);
                    continue;
                }
                Err(Failure::Later(error, headers)) => (error, headers),
            };
            attempts += 1;
            match retry::pause(attempts, &headers, Timestamp::now()) {
                Some(pause) if attempts < self.0.attempts => tokio::time::sleep(pause).await,
                _ => return Err(error),
            }
        }
    }

    async fn attempt(&self, prompt: &Prompt) -> Result<ChatResponse, Failure> {
        let inner = &self.0;
        let with_temperature = !inner.refuses_temperature.load(Ordering::Relaxed);
        let with_schema = !inner.refuses_schema.load(Ordering::Relaxed);

        let mut options = ChatOptions::default().with_max_tokens(prompt.max_output_tokens);
        if with_temperature {
            options = options.with_temperature(0.0);
        }
        let mut system = prompt.system.clone();
        if with_schema {
            options =
                options.with_response_format(JsonSpec::new(prompt.name, prompt.schema.clone()));
        } else {
            system.push_str("\n\nAnswer with one JSON object and nothing else. Its JSON schema:\n");
            system.push_str(&prompt.schema.to_string());
        }
        if matches!(
            inner.model.provider,
            Provider::Compatible | Provider::Ollama
        ) {
            // This protocol has no budget, so none is sent. Without this option, the client would read the
            // end of names like `qwen-max` as an effort and remove it.
            options = options.with_reasoning_effort(ReasoningEffort::Budget(0));
        }
        let request =
            ChatRequest::new(vec![ChatMessage::user(prompt.user.clone())]).with_system(system);

        // The client would log whole answers.
        let chat = inner
            .client
            .exec_chat(inner.model.target.clone(), request, Some(&options))
            .with_subscriber(NoSubscriber::default());
        match tokio::time::timeout(inner.timeout, chat).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(self.failure(error, with_temperature, with_schema)),
            Err(_) => Err(Failure::Final(LlmError::unavailable(format!(
                "{} did not answer within {} s (LLM_TIMEOUT_SECONDS)",
                inner.model.provider,
                inner.timeout.as_secs_f64()
            )))),
        }
    }

    /// Translates an error of the client, which may quote prompts and answers, to a text that doesn't.
    fn failure(&self, error: genai::Error, with_temperature: bool, with_schema: bool) -> Failure {
        let provider = &self.0.model.provider;
        let genai::Error::WebModelCall {
            webc_error: error, ..
        } = error
        else {
            // The response lacks fields of the protocol: the prompt was blocked, or the server is of another
            // kind.
            return Failure::Final(LlmError::InvalidAnswer {
                detail: format!("{provider} returned a response that doesn't match its protocol"),
                usage: Usage::default(),
            });
        };
        match error {
            webc::Error::ResponseFailedStatus {
                status,
                body,
                headers,
            } => {
                let refused =
                    status == StatusCode::BAD_REQUEST || status == StatusCode::UNPROCESSABLE_ENTITY;
                if refused && with_temperature && body.contains("temperature") {
                    Failure::RefusesTemperature
                } else if refused && with_schema && is_about_schemas(&body) {
                    Failure::RefusesSchema
                } else {
                    self.status(status, &body, *headers)
                }
            }
            webc::Error::Reqwest(source) => {
                let error = LlmError::Unavailable {
                    detail: format!("{provider} can't be reached, or closed the connection"),
                    // A URL may contain a password.
                    source: Some(source.without_url()),
                };
                Failure::Later(error, HeaderMap::new())
            }
            _ => Failure::Final(LlmError::unavailable(format!(
                "{provider} returned a response that is not JSON: check its address"
            ))),
        }
    }

    fn status(&self, status: StatusCode, body: &str, headers: HeaderMap) -> Failure {
        let Model { provider, name, .. } = &self.0.model;
        let code = status.as_u16();
        match code {
            401 | 403 => Failure::Final(LlmError::Denied(format!(
                "{provider} refused the key ({code}): check {}",
                provider.key_names()
            ))),
            // Gemini's response to an invalid key.
            400 if body.contains("API_KEY_INVALID") => Failure::Final(LlmError::Denied(format!(
                "{provider} refused the key ({code}): check {}",
                provider.key_names()
            ))),
            404 => Failure::Final(LlmError::Denied(format!(
                "{provider} has no model {name:?}: check LLM_MODEL"
            ))),
            402 => Failure::Final(LlmError::unavailable(format!(
                "{provider} is over its spending limit ({code})"
            ))),
            429 if body.contains("insufficient_quota") => Failure::Final(LlmError::unavailable(
                format!("{provider} is over its spending limit ({code})"),
            )),
            429 => Failure::Later(
                LlmError::unavailable(format!("{provider} is over its rate limit ({code})")),
                headers,
            ),
            408 | 500..=599 => Failure::Later(
                LlmError::unavailable(format!("{provider} is down or overloaded ({code})")),
                headers,
            ),
            // A filter of the provider.
            _ if body.contains("content_filter") || body.contains("content_policy") => {
                Failure::Final(LlmError::Declined {
                    detail: format!("{provider} declined to answer ({})", kind(code, body)),
                    usage: Usage::default(),
                })
            }
            _ => Failure::Final(LlmError::Refused(format!(
                "{provider} refused the request ({})",
                kind(code, body)
            ))),
        }
    }

    fn read(&self, response: &ChatResponse, schema: &Value) -> Result<Reply, LlmError> {
        let model = &self.0.model.name;
        let count = |tokens: Option<i32>| tokens.and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
        let usage = Usage {
            input_tokens: count(response.usage.prompt_tokens),
            output_tokens: count(response.usage.completion_tokens),
        };
        let invalid = |detail: String| LlmError::InvalidAnswer { detail, usage };

        let text = response.texts().concat();
        let cut_by_limit = matches!(response.stop_reason, Some(StopReason::MaxTokens(_)));
        let filtered = matches!(response.stop_reason, Some(StopReason::ContentFilter(_)));
        if filtered || (text.trim().is_empty() && !cut_by_limit) {
            return Err(LlmError::Declined {
                detail: format!("{model} declined to answer"),
                usage,
            });
        }
        let (json, cut) = answer::parse(&text).ok_or_else(|| {
            invalid(if cut_by_limit {
                format!("{model} reached its limit of output tokens before its answer")
            } else {
                format!("the answer of {model} is not JSON")
            })
        })?;
        answer::matches(schema, &json, cut).map_err(|mismatch| {
            invalid(format!(
                "the answer of {model} doesn't match the schema: {mismatch}"
            ))
        })?;
        Ok(Reply { json, cut, usage })
    }
}

fn is_about_schemas(body: &str) -> bool {
    [
        "response_format",
        "output_config",
        "output_format",
        "json_schema",
        "responseJsonSchema",
    ]
    .iter()
    .any(|word| body.contains(word))
}

/// The status and the provider's code for the error, without its message, which may quote the prompt.
fn kind(code: u16, body: &str) -> String {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    let kind = ["/error/code", "/error/type", "/error/status"]
        .iter()
        .filter_map(|pointer| body.pointer(pointer)?.as_str())
        .find(|kind| {
            kind.len() <= 64 && kind.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        });
    match kind {
        Some(kind) => format!("{code} {kind}"),
        None => code.to_string(),
    }
}
