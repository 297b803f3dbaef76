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

mod accepts;
pub mod answer;
mod effort;
mod failure;
pub mod model;
mod outcome;
mod request;
pub mod retry;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use genai::webc;
use jiff::Timestamp;
use serde_json::Value;
use tracing::instrument::WithSubscriber as _;
use tracing::subscriber::NoSubscriber;

use crate::secrets::Rotating;
use crate::{All as _, Env, Resources, Secret};
use failure::Failure;
use model::Model;
pub use model::VARIABLES;
use request::{Refusals, Request};

/// A language model. Clones share connections and what is known about the model.
#[derive(Clone)]
pub struct Llm(Arc<Inner>);

struct Inner {
    client: genai::Client,
    model: Model,
    key: Rotating<Option<Secret>>,
    timeout: Duration,
    attempts: u32,
    /// The parameters that the model has refused. Lists of what models accept get outdated, so a refused
    /// parameter is left out for the life of the process.
    refusals: AtomicU8,
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
    /// The limit of tokens of the answer. What the model thinks before it is added.
    pub max_output_tokens: u32,
}

/// An answer that matches the schema of its prompt.
pub struct Reply {
    pub json: Value,
    /// Whether the answer is truncated. `json` then has its complete part, and may lack required fields.
    pub cut: bool,
    pub usage: Usage,
}

/// The tokens that the provider counted, or zero if it doesn't report them. Cached tokens are a part of the
/// input, and thinking is a part of the output.
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
    Declined {
        detail: String,
        /// The provider's word for it, such as `SAFETY`.
        reason: Option<String>,
        usage: Usage,
    },
    /// The model reached the limit of output tokens while it was thinking. The same prompt would likely end
    /// the same way.
    #[error("{detail}")]
    Exhausted { detail: String, usage: Usage },
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
            Self::Declined { usage, .. }
            | Self::Exhausted { usage, .. }
            | Self::InvalidAnswer { usage, .. } => *usage,
        }
    }
}

/// Opens the model that `LLM_MODEL` names, or returns none if that is unset.
///
/// # Errors
/// If a key is missing or a value is not valid; the error names the variable.
pub fn open(resources: &Resources) -> anyhow::Result<Option<Llm>> {
    let env = resources.env();
    let model = match Model::read(env) {
        Ok(None) => return Ok(None),
        Ok(Some(model)) => {
            let provider = model.provider;
            let key = resources.rotating(move |env| provider.key(env));
            key.map(|key| (model, key))
        }
        Err(error) => Err(error),
    };
    let ((model, key), timeout, attempts) = (model, timeout(env), attempts(env)).all()?;
    let client = genai::Client::builder()
        .with_reqwest(resources.http()?)
        .build()
        .context("can't create the client of the language model")?;
    Ok(Some(Llm(Arc::new(Inner {
        client,
        timeout,
        attempts,
        refusals: AtomicU8::new(0),
        model,
        key,
    }))))
}

fn timeout(env: &Env) -> anyhow::Result<Duration> {
    let duration = |seconds: &f64| Duration::try_from_secs_f64(*seconds).ok();
    let is_valid = |seconds: &f64| duration(seconds).is_some_and(|it| !it.is_zero());
    let form = "a number of seconds above 0";
    let seconds = env.parse_as("LLM_TIMEOUT_SECONDS", 30.0, form, is_valid)?;
    Ok(Duration::from_secs_f64(seconds))
}

fn attempts(env: &Env) -> anyhow::Result<u32> {
    const DEFAULT: NonZeroU32 = NonZeroU32::new(3).expect("3 is not zero");
    env.parse("LLM_ATTEMPTS", DEFAULT).map(NonZeroU32::get)
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
            let refusals = Refusals(self.0.refusals.load(Ordering::Relaxed));
            let (error, requested) = match self.attempt(prompt, refusals).await {
                Ok(reply) => return Ok(reply),
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Without(refused)) if !refusals.contain(refused) => {
                    self.0.refusals.fetch_or(refused as u8, Ordering::Relaxed);
                    continue;
                }
                // The provider refuses the request without the parameter, too.
                Err(Failure::Without(refused)) => {
                    let Model { provider, id, .. } = &self.0.model;
                    return Err(LlmError::Denied(format!(
                        "{provider} refused {} for {id}, with and without it: set LLM_MODEL to \
                         another model",
                        refused.name()
                    )));
                }
                Err(Failure::Later(error, requested)) => (error, requested),
            };
            attempts += 1;
            match retry::pause(attempts, requested, Timestamp::now()) {
                Some(pause) if attempts < self.0.attempts => tokio::time::sleep(pause).await,
                _ => return Err(error),
            }
        }
    }

    async fn attempt(&self, prompt: &Prompt, refusals: Refusals) -> Result<Reply, Failure> {
        let inner = &self.0;
        let model = &inner.model;
        let request = request::request(model, prompt, refusals);
        let key = inner.key.current();
        let target = model
            .target(request.api, key.as_ref().as_ref())
            .map_err(|_| {
                let address = model.provider.address();
                Failure::Final(LlmError::Denied(format!("{address} is not a base URL")))
            })?;

        // The client would log whole answers.
        let chat = inner
            .client
            .exec_chat(target, request.chat.clone(), Some(&request.options))
            .with_subscriber(NoSubscriber::default());
        match tokio::time::timeout(inner.timeout, chat).await {
            Ok(Ok(response)) => {
                let body = response.captured_raw_body.as_ref().unwrap_or(&Value::Null);
                outcome::read(model, &request, &prompt.schema, body, Some(&response))
            }
            Ok(Err(error)) => self.failed(error, &request, prompt),
            Err(_) => Err(Failure::Final(LlmError::unavailable(format!(
                "{} did not answer within {} s: set LLM_TIMEOUT_SECONDS to a longer time, or \
                 LLM_MODEL to a faster model",
                model.provider,
                inner.timeout.as_secs_f64()
            )))),
        }
    }

    /// Translates an error of the client, which may quote prompts and answers, to a text that doesn't.
    fn failed(
        &self,
        error: genai::Error,
        request: &Request,
        prompt: &Prompt,
    ) -> Result<Reply, Failure> {
        let model = &self.0.model;
        let provider = model.provider;
        let error = match error {
            genai::Error::WebModelCall { webc_error, .. } => webc_error,
            // The body lacks fields that an answer has.
            genai::Error::ChatResponseGeneration { response_body, .. } => {
                return outcome::read(model, request, &prompt.schema, &response_body, None);
            }
            _ => {
                return Err(Failure::Final(LlmError::unavailable(format!(
                    "the request to {provider} can't be sent"
                ))));
            }
        };
        Err(match error {
            webc::Error::ResponseFailedStatus {
                status,
                body,
                headers,
            } => failure::from_status(model, request, status, &body, &headers),
            webc::Error::Reqwest(source) => {
                let error = LlmError::Unavailable {
                    detail: format!(
                        "{provider} at {} can't be reached, or closed the connection",
                        model.place()
                    ),
                    // A URL may contain a password.
                    source: Some(source.without_url()),
                };
                Failure::Later(error, None)
            }
            _ => Failure::Final(LlmError::unavailable(format!(
                "{provider} returned a response that is not JSON: check {}",
                provider.address()
            ))),
        })
    }
}
