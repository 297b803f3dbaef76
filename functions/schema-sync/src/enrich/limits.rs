//! The bounds of a run, and what is told of what did not fit or failed.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

use platform::excerpt::excerpt;
use platform::llm::{Ask, Llm, LlmError, Reply};
use schema::document::Problem;
use tokio::time::Instant;

use super::prompt;
use super::settings::Settings;

/// What a call came to.
pub enum CallResult {
    Answered(Reply),
    Failed(LlmError),
    /// It did not fit the bounds, or was cut off by them.
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

/// Shared by the calls of a run.
pub struct Limits {
    max_tokens: u64,
    deadline: Instant,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Spent, or expected to be by the calls under way.
    tokens: u64,
    unavailable: u32,
    is_denied: bool,
}

/// After so many failures the provider is taken to be down.
const MAX_UNAVAILABLE: u32 = 3;

impl Limits {
    pub fn new(settings: &Settings) -> Self {
        Self {
            max_tokens: settings.max_tokens,
            deadline: Instant::now() + settings.max_time,
            state: Mutex::default(),
        }
    }

    /// Asks, if there is time and there are tokens for it.
    pub async fn ask(
        &self,
        llm: &Llm,
        question: impl Fn() -> Ask,
        expected_output: u64,
    ) -> CallResult {
        let left = |reason| CallResult::Skipped {
            reason,
            sent: false,
        };
        if Instant::now() >= self.deadline {
            return left("ENRICH_MAX_SECONDS are over");
        }
        let ask = question();
        let input = prompt::tokens(&ask.system) + prompt::tokens(&ask.user);
        let expected = input + expected_output;
        {
            let mut state = self.state();
            if state.is_denied {
                return left("the LLM can't be asked");
            }
            if state.unavailable >= MAX_UNAVAILABLE {
                return left("the LLM is not available");
            }
            if state.tokens + expected > self.max_tokens {
                return left("ENRICH_MAX_TOKENS are spent");
            }
            state.tokens += expected;
        }
        let Ok(result) = tokio::time::timeout_at(self.deadline, llm.ask(&ask)).await else {
            return CallResult::Skipped {
                reason: "ENRICH_MAX_SECONDS are over",
                sent: true,
            };
        };
        let mut state = self.state();
        let usage = match &result {
            Ok(reply) => reply.usage,
            Err(error) => error.usage(),
        };
        let spent = usage.input_tokens + usage.output_tokens;
        // Not every server counts its tokens.
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
                    | LlmError::Nonsense { .. } => {}
                }
                CallResult::Failed(error)
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One line a cause, however many calls it befell.
#[derive(Default)]
pub struct Problems {
    failed: BTreeMap<String, u64>,
    /// Columns, by why they were not asked about.
    left: BTreeMap<&'static str, usize>,
}

impl Problems {
    pub fn failed(&mut self, error: &LlmError) {
        let mut said = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            said = format!("{said}: {error}");
            cause = error.source();
        }
        let said = excerpt(&said);
        self.told(match error {
            LlmError::Unavailable { .. } => format!("{said}; the next sync asks again"),
            LlmError::Denied(_)
            | LlmError::Refused(_)
            | LlmError::Declined { .. }
            | LlmError::Nonsense { .. } => said,
        });
    }

    /// What was wrong with one call.
    pub fn told(&mut self, detail: String) {
        *self.failed.entry(detail).or_default() += 1;
    }

    pub fn left(&mut self, columns: usize, reason: &'static str) {
        *self.left.entry(reason).or_default() += columns;
    }

    pub fn into_list(self) -> Vec<Problem> {
        let failed = self.failed.into_iter().map(|(detail, calls)| match calls {
            1 => detail,
            _ => format!("{detail} ({calls} calls)"),
        });
        let left = self
            .left
            .into_iter()
            .map(|(reason, columns)| match columns {
                0 => format!("{reason}: what was not asked for waits for the next sync"),
                _ => format!("{reason}: {columns} columns wait for the next sync"),
            });
        failed
            .chain(left)
            .map(|detail| Problem::general("llm", detail))
            .collect()
    }
}
