//! The only write path of the log: check, mask, insert, commit, and only then respond.
//!
//! Texts are masked before anything is sent to the database. If masking fails, nothing is stored. A row is inserted
//! once: its id, or its key in the ledger, is unique across all months.

mod batching;
mod delete;
mod draft;
mod edit;
mod event;
mod find;
mod insert;
mod merge;
mod partitions;
mod placeholders;
mod reply_to;

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::slice;
use std::sync::Arc;

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};
use masking::{Known, Masker, Placeholders, Policy};
use platform::auth::is_name;
use platform::postgres::Pool;
use platform::secrets::Rotating;
use platform::telemetry::{Metrics, Unit};
use platform::work::{Waiting, Workers};
use platform::{All as _, Env, Resources, Result, readiness};
use serde_json::Value;
use settings::Settings;
use uuid::Uuid;

use crate::ids::TimeWindow;
use crate::message::masking_bytes;
use crate::refused_joins::RefusedJoins;
use batching::Batcher;
use draft::{Draft, unmaskable};
use insert::repeat_error;

pub use draft::tokens;
pub use edit::Edit;
pub use event::{Event, RawEvent, Stored, source_named};
pub use find::Sought;
pub use insert::OTHER_MESSAGE;
pub use partitions::CLOSED;

/// More rows per statement don't make inserts faster, and hold locks for longer.
const MAX_ROWS: usize = 1_000;

#[derive(Clone)]
pub struct Log {
    pub pool: Pool,
    pub settings: Settings,
    masker: Masker,
    masking_key: Rotating<[u8; 32]>,
    max_age: SignedDuration,
    batcher: Arc<Batcher>,
    /// For work on long texts.
    pub workers: Workers,
    /// For work on long texts while a transaction is open, so that its locks don't wait for other work.
    transaction_workers: Workers,
    pub(crate) refused_joins: RefusedJoins,
}

impl Log {
    /// The log, if `DATABASE_URL` and `MASKING_KEY` are set. For a function that can do without it.
    pub fn open_if_configured(resources: &Resources) -> anyhow::Result<Option<Self>> {
        let is_set = |name| resources.env().get(name).is_some();
        if is_set("DATABASE_URL") && is_set("MASKING_KEY") {
            return Self::open(resources).map(Some);
        }
        Ok(None)
    }

    pub fn open(resources: &Resources) -> anyhow::Result<Self> {
        let form = "a whole number of days from 31 to 36500";
        let days = resources
            .env()
            .parse_as("MESSAGE_MAX_AGE_DAYS", 1_100_u32, form, |days| {
                (31..=36_500).contains(days)
            });
        let (days, pool, settings, masking_key) = (
            days,
            resources.postgres(),
            Settings::open(resources),
            resources.rotating(masking_key),
        )
            .all()?;
        let database = readiness::database(pool.clone(), migrations::FILES);
        resources.readiness().check("database", database);
        Ok(Self {
            pool,
            settings,
            masker: Masker::default(),
            masking_key,
            max_age: SignedDuration::from_hours(i64::from(days) * 24),
            batcher: Arc::default(),
            workers: Workers::default(),
            transaction_workers: Workers::default(),
            refused_joins: RefusedJoins::default(),
        })
    }

    /// Stores one event and returns once it is committed. Events that arrive at the same time share a transaction.
    /// The caller checks the scope of the request.
    pub async fn store_one(&self, event: Event) -> Result<Stored> {
        let outcome = self.insert_one(event).await;
        record_metrics(slice::from_ref(&outcome));
        outcome
    }

    async fn insert_one(&self, event: Event) -> Result<Stored> {
        let draft = self.draft_one(event).await?;
        let (inserted, draft) = self.insert_batched(draft).await?;
        self.merge(inserted, draft).await
    }

    /// Stores several events and returns one outcome per event, in the same order. The caller checks the scope of
    /// the request.
    pub async fn store(&self, events: Vec<Event>) -> Vec<Result<Stored>> {
        let robeings = events.iter().map(|event| event.message.robeing_id.as_str());
        let policies = match self.policies(robeings).await {
            Ok(policies) => policies,
            Err(error) => return repeat_error(events.len(), error),
        };
        let log = self.clone();
        let bytes = events
            .iter()
            .map(|event| event.message.masking_bytes())
            .sum();
        let work = move |waiting: &Waiting| log.drafts(events, &policies, waiting);
        let mut outcomes = Vec::new();
        let mut drafts = Vec::new();
        for drafted in self.workers.run(bytes, work).await {
            match drafted {
                Ok(draft) => {
                    drafts.push(draft);
                    outcomes.push(None);
                }
                Err(error) => outcomes.push(Some(Err(error))),
            }
        }
        let mut inserted = Vec::with_capacity(drafts.len());
        for chunk in drafts.chunks_mut(MAX_ROWS) {
            inserted.extend(self.insert(chunk).await);
        }
        let mut stored = self.merge_all(inserted, drafts).await.into_iter();
        let outcomes = outcomes.into_iter().map(|rejected| {
            rejected.unwrap_or_else(|| stored.next().expect("one outcome per draft"))
        });
        let outcomes: Vec<_> = outcomes.collect();
        record_metrics(&outcomes);
        outcomes
    }

    fn drafts(
        &self,
        events: Vec<Event>,
        policies: &HashMap<String, Policy>,
        waiting: &Waiting,
    ) -> Vec<Result<Draft>> {
        let window = self.window();
        waiting.each(events.into_iter().enumerate(), |(position, event)| {
            let policy = policies.get(&event.message.robeing_id);
            let policy = policy.copied().unwrap_or_default();
            // If masking a message panics, only this message is rejected.
            let draft = AssertUnwindSafe(|| self.draft(event, position, &window, policy));
            catch_unwind(draft)
                .unwrap_or_else(|_| Err(anyhow::anyhow!("masking a message panicked").into()))
        })
    }

    async fn draft_one(&self, event: Event) -> Result<Draft> {
        let policy = self.policy(&event.message.robeing_id).await?;
        let log = self.clone();
        let bytes = event.message.masking_bytes();
        let draft = move |_: &Waiting| log.draft(event, 0, &log.window(), policy);
        self.workers.run(bytes, draft).await
    }

    /// The masking policy of each robeing. If its settings can't be read, nothing is stored.
    async fn policies<'a>(
        &self,
        robeings: impl Iterator<Item = &'a str>,
    ) -> Result<HashMap<String, Policy>> {
        // A message with an invalid robeing is rejected later.
        let mut robeings: Vec<&str> = robeings.filter(|name| is_name(name)).collect();
        robeings.sort_unstable();
        robeings.dedup();
        let policies = self.settings.of_all(&robeings).await?.into_iter();
        let policies =
            policies.map(|(robeing, it)| (robeing, it.system.unmasked.as_slice().into()));
        Ok(policies.collect())
    }

    async fn policy(&self, robeing_id: &str) -> Result<Policy> {
        let policies = self.policies(std::iter::once(robeing_id)).await?;
        Ok(policies.into_values().next().unwrap_or_default())
    }

    fn window(&self) -> TimeWindow {
        TimeWindow::new(Timestamp::now(), self.max_age)
    }

    /// Masks text that belongs to no conversation.
    pub async fn masked_text(&self, text: String) -> Result<String> {
        let log = self.clone();
        let bytes = text.len();
        let mask = move |_: &Waiting| log.mask_text(&text);
        self.workers.run(bytes, mask).await
    }

    /// Masks JSON that belongs to no conversation, as the robeing's settings say; without a robeing, every kind.
    pub async fn masked_json(&self, mut value: Value, robeing_id: Option<&str>) -> Result<Value> {
        let policy = match robeing_id {
            Some(robeing_id) => self.policy(robeing_id).await?,
            None => Policy::default(),
        };
        let log = self.clone();
        let bytes = masking_bytes(&value);
        let mask = move |_: &Waiting| {
            let mut placeholders = log.placeholders(Uuid::nil(), Known::default());
            let masker = log.masker.with_policy(policy);
            let masked = masker.json(&mut value, &mut placeholders);
            masked.map(|_| value).map_err(|_| unmaskable())
        };
        self.workers.run(bytes, mask).await
    }

    fn mask_text(&self, text: &str) -> Result<String> {
        let mut placeholders = self.placeholders(Uuid::nil(), Known::default());
        let masked = self
            .masker
            .text(text, &mut placeholders)
            .map_err(|_| unmaskable())?;
        Ok(masked.text)
    }

    fn placeholders(&self, conversation: Uuid, known: Known) -> Placeholders {
        Placeholders::new(
            &self.masking_key.current(),
            &conversation.to_string(),
            known,
        )
    }
}

fn masking_key(env: &Env) -> anyhow::Result<[u8; 32]> {
    const FORM: &str = "64 hex digits, such as the output of `openssl rand -hex 32`";
    let key = env.required_secret("MASKING_KEY", FORM)?;
    let key = hex::decode(key.expose()).ok();
    key.and_then(|key| key.try_into().ok())
        .with_context(|| format!("MASKING_KEY is not a key: set it to {FORM}"))
}

fn record_metrics(outcomes: &[Result<Stored>]) {
    let metrics = Metrics::default();
    let count = |name, count: usize| metrics.add(name, Unit::Count, count as f64);
    let now = Timestamp::now();
    let stored = || outcomes.iter().flatten();
    let new = stored().filter(|it| !it.replayed);
    if let Some(oldest) = new.clone().map(|it| it.created_at).min() {
        count("messages_stored", new.count());
        let delay = now.duration_since(oldest).as_secs_f64().max(0.0);
        metrics.add("message_delay", Unit::Seconds, delay);
    }
    let replayed = stored().filter(|it| it.replayed).count();
    if replayed > 0 {
        count("messages_replayed", replayed);
    }
    let rejected = outcomes.len() - stored().count();
    if rejected > 0 {
        count("messages_refused", rejected);
    }
}
