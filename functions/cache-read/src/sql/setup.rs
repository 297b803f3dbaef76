//! The dependencies and settings of prompts and SQL.

use anyhow::Context as _;
use jiff::Timestamp;
use message_log::Log;
use platform::llm::Llm;
use platform::{All as _, Resources};

use super::planner::Planner;

/// What prompts and SQL need in addition to the cache.
#[derive(Clone)]
pub struct Setup {
    pub llm: Option<Llm>,
    pub planner: Planner,
    /// `SQL_MAX_BYTES`: refuses queries that would read more bytes. Default: no limit.
    pub max_bytes: Option<u64>,
    /// The log with conversations for prompts, where its database is configured.
    pub conversations: Option<Log>,
    pub now: fn() -> Timestamp,
}

impl Default for Setup {
    /// No model, no warehouse, no limit.
    fn default() -> Self {
        Self {
            llm: None,
            planner: Planner::default(),
            max_bytes: None,
            conversations: None,
            now: Timestamp::now,
        }
    }
}

impl Setup {
    pub fn new(resources: &Resources) -> anyhow::Result<Self> {
        let max_bytes = resources.env().get("SQL_MAX_BYTES");
        let max_bytes = max_bytes.map(|text| {
            text.parse()
                .ok()
                .with_context(|| format!("SQL_MAX_BYTES is {text:?}: set it to a number of bytes"))
        });
        let (max_bytes, llm, conversations) = (
            max_bytes.transpose(),
            resources.llm(),
            Log::open_if_configured(resources),
        )
            .all()?;
        Ok(Self {
            llm,
            planner: Planner::new(resources),
            max_bytes,
            conversations,
            ..Self::default()
        })
    }
}
