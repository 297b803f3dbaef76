//! The language model: one question in, one JSON answer out, from whichever provider.
//!
//! `LLM_MODEL` names the model; without it there is none, and a function goes on by rules alone.
//! [`model`] says how a name becomes a provider, an endpoint and a key. Neither prompts nor answers
//! are logged, and no error carries a part of them.
//!
//! | variable | meaning |
//! | --- | --- |
//! | `LLM_MODEL` | `claude-...`, `gpt-...`, `gemini-...`, `ollama/<model>`; empty: no model |
//! | `LLM_BASE_URL`, `LLM_API_KEY` | any OpenAI-compatible server; `LLM_MODEL` is sent to it as it is |
//! | `LLM_TIMEOUT_SECONDS` | how long one answer may take, in seconds; 30 |
//! | `LLM_ATTEMPTS` | how often a question is sent at most, where the provider is down or over its limit; 3 |

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

/// Cheap to clone: every clone shares connections and what was learned about the model.
#[derive(Clone)]
pub struct Llm(Arc<Inner>);

struct Inner {
    client: genai::Client,
    model: Model,
    timeout: Duration,
    attempts: u32,
    /// Models differ in what they take, and no list of them stays true: what one refuses is left
    /// out for as long as the process lives.
    refuses_temperature: AtomicBool,
    refuses_schema: AtomicBool,
}

/// A question. It holds what must not be logged, so it can't be printed.
pub struct Ask {
    /// What the model is told to do: the same bytes for the same task, so that it can be cached.
    pub system: String,
    pub user: String,
    /// What the answer is called, in `a-z` and `_`.
    pub name: &'static str,
    /// A JSON schema of the answer, an object: `type`, `properties`, `required`, `items`, `enum`.
    pub schema: Value,
    pub max_output_tokens: u32,
}

/// An answer that fits the schema of its question.
pub struct Reply {
    pub json: Value,
    /// The answer ended before its end; `json` is the part of it that is whole, and may lack
    /// fields that the schema requires.
    pub cut: bool,
    pub usage: Usage,
}

/// Tokens, as the provider counted them; zero where it does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub input_tokens: u64,
    pub output_tokens: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum LlmError {
    /// Down, slow or over its limit; the same question may be answered later.
    #[error("{detail}")]
    Unavailable {
        detail: String,
        #[source]
        source: Option<reqwest::Error>,
    },
    /// No question will be answered until the configuration changes; the text says what.
    #[error("{0}")]
    Denied(String),
    /// The provider takes no such request: it is too long for the model, for one. The same one is
    /// refused again.
    #[error("{0}")]
    Refused(String),
    /// The model, or the provider's filter, declined to answer.
    #[error("{detail}")]
    Declined { detail: String, usage: Usage },
    /// The answer is no JSON, or does not fit the schema.
    #[error("{detail}")]
    Nonsense { detail: String, usage: Usage },
}

impl LlmError {
    fn unavailable(detail: String) -> Self {
        Self::Unavailable {
            detail,
            source: None,
        }
    }

    /// What the failed question cost.
    pub fn usage(&self) -> Usage {
        match self {
            Self::Unavailable { .. } | Self::Denied(_) | Self::Refused(_) => Usage::default(),
            Self::Declined { usage, .. } | Self::Nonsense { usage, .. } => *usage,
        }
    }
}

/// The model that the environment names. A missing key or a bad value is an error that names it.
pub fn open(resources: &Resources) -> anyhow::Result<Option<Llm>> {
    let env = resources.env();
    let Some(model) = Model::read(env)? else {
        return Ok(None);
    };
    let client = genai::Client::builder()
        .with_reqwest(resources.http()?)
        .build()
        .context("the client of the language model can't be built")?;
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

/// What one attempt came to, where it came to no answer.
enum Failure {
    Final(LlmError),
    /// The same attempt may succeed after the pause that these headers ask for.
    Later(LlmError, HeaderMap),
    RefusesTemperature,
    RefusesSchema,
}

impl Llm {
    /// As `LLM_MODEL` names it.
    pub fn model(&self) -> &str {
        &self.0.model.name
    }

    /// Asks until there is an answer, at most `LLM_ATTEMPTS` times where the provider is down or
    /// over its limit. Each attempt may take `LLM_TIMEOUT_SECONDS`; one that takes longer is not
    /// repeated.
    pub async fn ask(&self, ask: &Ask) -> Result<Reply, LlmError> {
        let mut attempts: u32 = 0;
        loop {
            let (error, headers) = match self.attempt(ask).await {
                Ok(response) => return self.read(&response, &ask.schema),
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

    async fn attempt(&self, ask: &Ask) -> Result<ChatResponse, Failure> {
        let inner = &self.0;
        let with_temperature = !inner.refuses_temperature.load(Ordering::Relaxed);
        let with_schema = !inner.refuses_schema.load(Ordering::Relaxed);

        let mut options = ChatOptions::default().with_max_tokens(ask.max_output_tokens);
        if with_temperature {
            options = options.with_temperature(0.0);
        }
        let mut system = ask.system.clone();
        if with_schema {
            options = options.with_response_format(JsonSpec::new(ask.name, ask.schema.clone()));
        } else {
            system.push_str("\n\nAnswer with one JSON object and nothing else. Its JSON schema:\n");
            system.push_str(&ask.schema.to_string());
        }
        if matches!(
            inner.model.provider,
            Provider::Compatible | Provider::Ollama
        ) {
            // A budget is nothing this protocol can say, so nothing is sent. But without it the
            // client takes the end of names like `qwen-max` for an effort, and cuts it off.
            options = options.with_reasoning_effort(ReasoningEffort::Budget(0));
        }
        let request =
            ChatRequest::new(vec![ChatMessage::user(ask.user.clone())]).with_system(system);

        // The client traces answers in full.
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

    /// An error of the client quotes prompts and answers: what goes on from here is our own words.
    fn failure(&self, error: genai::Error, with_temperature: bool, with_schema: bool) -> Failure {
        let provider = &self.0.model.provider;
        let genai::Error::WebModelCall {
            webc_error: error, ..
        } = error
        else {
            // What is left is an answer without the fields of its protocol: a blocked prompt, or
            // another kind of server.
            return Failure::Final(LlmError::Nonsense {
                detail: format!("{provider} answered in a form that is not its own"),
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
                    detail: format!("{provider} can't be reached, or broke off"),
                    // An address may hold a password.
                    source: Some(source.without_url()),
                };
                Failure::Later(error, HeaderMap::new())
            }
            _ => Failure::Final(LlmError::unavailable(format!(
                "{provider} answered with something that is no JSON: is its address right?"
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
            // What Gemini says of a bad key.
            400 if body.contains("API_KEY_INVALID") => Failure::Final(LlmError::Denied(format!(
                "{provider} refused the key ({code}): check {}",
                provider.key_names()
            ))),
            404 => Failure::Final(LlmError::Denied(format!(
                "{provider} knows no model {name:?}: check LLM_MODEL"
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
            // A filter of the provider, before or after the model.
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
        let nonsense = |detail: String| LlmError::Nonsense { detail, usage };

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
            nonsense(if cut_by_limit {
                format!("{model} reached its limit of output tokens before its answer")
            } else {
                format!("{model} answered with something that is no JSON")
            })
        })?;
        answer::fits(schema, &json, cut).map_err(|misfit| {
            nonsense(format!(
                "{model} answered with JSON of another form: {misfit}"
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

/// The status and the provider's own word for the error, never its message: that may quote us.
fn kind(code: u16, body: &str) -> String {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    let word = ["/error/code", "/error/type", "/error/status"]
        .iter()
        .filter_map(|pointer| body.pointer(pointer)?.as_str())
        .find(|word| {
            word.len() <= 64 && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        });
    match word {
        Some(word) => format!("{code} {word}"),
        None => code.to_string(),
    }
}
