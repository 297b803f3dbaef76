//! How much a run may ask of the LLM.

use std::num::NonZeroUsize;
use std::time::Duration;

use platform::env::Number as _;
use platform::{All as _, Env};

/// How much a run may ask. The next run asks for the rest.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `ENRICH_MAX_CALLS`: calls per run. Default: 50.
    pub max_calls: usize,
    /// `ENRICH_MAX_TOKENS`: input and output tokens per run. No call is made that is expected to exceed
    /// it. Default: 500000.
    pub max_tokens: u64,
    /// `ENRICH_MAX_SECONDS`: time per run. Default: 120.
    pub max_time: Duration,
    /// `EXAMPLES_COUNT`: how many examples a schema has, whoever wrote them. Default: 5.
    pub examples: usize,
    /// `ENRICH_CONCURRENCY`: concurrent calls. Default: 4.
    pub concurrency: usize,
    /// `ENRICH_BATCH_COLUMNS`: columns per call. Answers for more columns take longer than
    /// `LLM_TIMEOUT_SECONDS`. Default: 50.
    pub batch_columns: usize,
}

impl Settings {
    pub fn read(env: &Env) -> anyhow::Result<Self> {
        let one_or_more = |name, default| {
            env.parse_as(name, default, NonZeroUsize::FORM, |count: &usize| {
                *count > 0
            })
        };
        let (max_calls, max_tokens, seconds, examples, concurrency, batch_columns) = (
            env.parse("ENRICH_MAX_CALLS", 50),
            env.parse("ENRICH_MAX_TOKENS", 500_000),
            env.parse("ENRICH_MAX_SECONDS", 120),
            env.parse("EXAMPLES_COUNT", 5),
            one_or_more("ENRICH_CONCURRENCY", 4),
            one_or_more("ENRICH_BATCH_COLUMNS", 50),
        )
            .all()?;
        Ok(Self {
            max_calls,
            max_tokens,
            max_time: Duration::from_secs(seconds),
            examples,
            concurrency,
            batch_columns,
        })
    }
}
