//! How much a run may ask of the LLM.

use std::time::Duration;

use anyhow::ensure;
use platform::Env;

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
        let settings = Self {
            max_calls: env.parse("ENRICH_MAX_CALLS", 50)?,
            max_tokens: env.parse("ENRICH_MAX_TOKENS", 500_000)?,
            max_time: Duration::from_secs(env.parse("ENRICH_MAX_SECONDS", 120)?),
            examples: env.parse("EXAMPLES_COUNT", 5)?,
            concurrency: env.parse("ENRICH_CONCURRENCY", 4)?,
            batch_columns: env.parse("ENRICH_BATCH_COLUMNS", 50)?,
        };
        ensure!(
            settings.concurrency > 0,
            "ENRICH_CONCURRENCY is 0: set it to 1 or more"
        );
        ensure!(
            settings.batch_columns > 0,
            "ENRICH_BATCH_COLUMNS is 0: set it to 1 or more"
        );
        Ok(settings)
    }
}
