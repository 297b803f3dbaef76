//! The limits of a run, and the problems of calls that exceeded them or failed.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

use platform::excerpt::excerpt;
use platform::llm::{Llm, LlmError, Prompt, Reply};
use schema::document::Problem;
use tokio::time::Instant;

use super::prompt;
use super::settings::Settings;

/// The result of a call.
pub enum CallResult {
    Answered(Reply),
    Failed(LlmError),
    /// It exceeded a limit, before or after it was sent.
    Skipped {
        reason: &'static str,
        sent: bool,
    },
}

impl CallResult {
    pub fn was_sent(&self) -> bool {
        match self {
            Self::Answered(_) | Self::Failed(_) => true,
            Self::Skipped { sent, .. } => *sent,
        }
    }
}

/// The limits that the calls of a run share.
pub struct Limits {
    max_tokens: u64,
    deadline: Instant,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Tokens spent, or expected to be spent by calls in progress.
    tokens: u64,
    unavailable: u32,
    is_denied: bool,
}

/// After this many failures the provider counts as down.
const MAX_UNAVAILABLE: u32 = 3;

impl Limits {
    pub fn new(settings: &Settings) -> Self {
        Self {
            max_tokens: settings.max_tokens,
            deadline: Instant::now() + settings.max_time,
            state: Mutex::default(),
        }
    }

    /// Asks if time and tokens remain.
    pub async fn ask(
        &self,
        llm: &Llm,
        question: impl Fn() -> Prompt,
        expected_output: u64,
    ) -> CallResult {
        let skipped = |reason| CallResult::Skipped {
            reason,
            sent: false,
        };
        if Instant::now() >= self.deadline {
            return skipped("ENRICH_MAX_SECONDS is reached");
        }
        let ask = question();
        let input = prompt::tokens(&ask.system) + prompt::tokens(&ask.user);
        let expected = input + expected_output;
        {
            let mut state = self.state();
            if state.is_denied {
                return skipped("the LLM denies access");
            }
            if state.unavailable >= MAX_UNAVAILABLE {
                return skipped("the LLM is unavailable");
            }
            if state.tokens + expected > self.max_tokens {
                return skipped("ENRICH_MAX_TOKENS is reached");
            }
            state.tokens += expected;
        }
        let Ok(result) = tokio::time::timeout_at(self.deadline, llm.ask(&ask)).await else {
            return CallResult::Skipped {
                reason: "ENRICH_MAX_SECONDS is reached",
                sent: true,
            };
        };
        let mut state = self.state();
        let usage = match &result {
            Ok(reply) => reply.usage,
            Err(error) => error.usage(),
        };
        let spent = usage.input_tokens + usage.output_tokens;
        // Not every server reports its tokens.
        if spent > 0 || result.is_err() {
            state.tokens = state.tokens - expected + spent;
        }
        match result {
            Ok(reply) => CallResult::Answered(reply),
            Err(error) => {
                match error {
                    LlmError::Denied(_) => state.is_denied = true,
                    LlmError::Unavailable { .. } => state.unavailable += 1,
                    LlmError::Refused(_)
                    | LlmError::Declined { .. }
                    | LlmError::Exhausted { .. }
                    | LlmError::InvalidAnswer { .. } => {}
                }
                CallResult::Failed(error)
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One problem per cause, however many calls it affects.
#[derive(Default)]
pub struct Problems {
    failed: BTreeMap<String, u64>,
    /// How many columns were not asked about, by reason.
    skipped: BTreeMap<&'static str, usize>,
}

impl Problems {
    pub fn failed(&mut self, error: &LlmError) {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            message = format!("{message}: {error}");
            cause = error.source();
        }
        let message = excerpt(&message);
        self.add(match error {
            LlmError::Unavailable { .. } => format!("{message}; the next sync asks again"),
            LlmError::Denied(_)
            | LlmError::Refused(_)
            | LlmError::Declined { .. }
            | LlmError::Exhausted { .. }
            | LlmError::InvalidAnswer { .. } => message,
        });
    }

    /// Adds a problem of one call.
    pub fn add(&mut self, detail: String) {
        *self.failed.entry(detail).or_default() += 1;
    }

    pub fn skipped(&mut self, columns: usize, reason: &'static str) {
        *self.skipped.entry(reason).or_default() += columns;
    }

    pub fn into_list(self) -> Vec<Problem> {
        let failed = self.failed.into_iter().map(|(detail, calls)| match calls {
            1 => detail,
            _ => format!("{detail} ({calls} calls)"),
        });
        let skipped = self
            .skipped
            .into_iter()
            .map(|(reason, columns)| match columns {
                0 => format!("{reason}: the next sync asks for the rest"),
                1 => format!("{reason}: 1 column is left for the next sync"),
                _ => format!("{reason}: {columns} columns are left for the next sync"),
            });
        failed
            .chain(skipped)
            .map(|detail| Problem::general("llm", detail))
            .collect()
    }
}
