//! The one way into the log: check, mask, insert, commit, and only then answer.
//!
//! Text is masked before anything is sent to the database, and where masking fails nothing is. A
//! row is inserted once: its id, or the key it claims in the ledger, is unique across all months.

mod answered;
mod change;
mod draft;
mod insert;
mod months;
mod numbers;
mod people;
mod together;

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::slice;
use std::sync::Arc;

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};
use platform::auth::is_name;
use platform::postgres::Pool;
use platform::telemetry::{Unit, figure};
use platform::work::{Waiting, Workers};
use platform::{Resources, Result};
use serde_json::Value;
use settings::Settings;
use uuid::Uuid;

use crate::identity::{Key, Window};
use crate::message::{NewMessage, work};
use masking::{Known, Masker, Placeholders, Policy};

use draft::{Draft, unmaskable};
use insert::for_each;
use together::Together;

pub use change::Edit;
pub use draft::tokens;
pub use months::{CLOSED, day_of};

/// More rows a statement bring nothing, and hold locks for longer.
const ROWS: usize = 1_000;

/// What comes in by any of the ways.
#[derive(Clone, Debug)]
pub struct Event {
    /// `http`, `slack`, or what delivered it: see `events`.
    pub source: &'static str,
    /// What its source calls it.
    pub event_id: String,
    /// What keeps it from being stored twice; without one it is always new.
    pub key: Option<Key>,
    /// When it was handed over, for a message that does not say when it was said.
    pub sent_at: Option<Timestamp>,
    pub message: NewMessage,
}

/// A row that is there, committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    pub id: Uuid,
    pub created_at: Timestamp,
    /// Whether it was there before.
    pub replayed: bool,
}

#[derive(Clone)]
pub struct Log {
    pub pool: Pool,
    pub settings: Settings,
    masker: Masker,
    masking_key: Arc<[u8; 32]>,
    max_age: SignedDuration,
    together: Arc<Together>,
    /// What works on long texts.
    pub workers: Workers,
    /// What does so while a transaction is open: others must not hold up its locks.
    in_transactions: Workers,
}

impl Log {
    pub fn open(resources: &Resources) -> anyhow::Result<Self> {
        let days: u32 = resources.env().parse("MESSAGE_MAX_AGE_DAYS", 1_100)?;
        anyhow::ensure!(
            (31..=36_500).contains(&days),
            "MESSAGE_MAX_AGE_DAYS is {days}: set it to 31 to 36500"
        );
        let key = resources.env().secret("MASKING_KEY").context(
            "MASKING_KEY is not set: set it to 64 hex digits, as of `openssl rand -hex 32`",
        )?;
        let key: Option<[u8; 32]> = hex::decode(key.expose())
            .ok()
            .and_then(|key| key.try_into().ok());
        let key = key.context(
            "MASKING_KEY is no key: set it to 64 hex digits, as of `openssl rand -hex 32`",
        )?;
        Ok(Self {
            pool: resources.postgres()?,
            settings: Settings::open(resources)?,
            masker: Masker::default(),
            masking_key: Arc::new(key),
            max_age: SignedDuration::from_hours(i64::from(days) * 24),
            together: Arc::default(),
            workers: Workers::default(),
            in_transactions: Workers::default(),
        })
    }

    /// Stores one event; returns once it is committed. Those that come at the same time share a
    /// transaction. Whoever calls has checked that the robeing is the caller's.
    pub async fn store_one(&self, event: Event) -> Result<Stored> {
        let outcome = match self.draft_one(event).await {
            Ok(draft) => self.insert_with_others(draft).await,
            Err(error) => Err(error),
        };
        tell(slice::from_ref(&outcome));
        outcome
    }

    /// Stores what can be stored: one outcome an event, in their order. Whoever calls has checked
    /// that each of the robeings is the caller's.
    pub async fn store(&self, events: Vec<Event>) -> Vec<Result<Stored>> {
        let robeings = events.iter().map(|event| event.message.robeing_id.as_str());
        let policies = match self.policies(robeings).await {
            Ok(policies) => policies,
            Err(error) => return for_each(events.len(), error),
        };
        let log = self.clone();
        let bytes = events.iter().map(|event| event.message.work()).sum();
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
        for chunk in drafts.chunks_mut(ROWS) {
            inserted.extend(self.insert(chunk).await);
        }
        let mut inserted = inserted.into_iter();
        let outcomes = outcomes
            .into_iter()
            .map(|refused| refused.unwrap_or_else(|| inserted.next().expect("each was tried")));
        let outcomes: Vec<_> = outcomes.collect();
        tell(&outcomes);
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
            // One that panics is refused by itself.
            let draft = AssertUnwindSafe(|| self.draft(event, position, &window, policy));
            catch_unwind(draft)
                .unwrap_or_else(|_| Err(anyhow::anyhow!("masking a message panicked").into()))
        })
    }

    async fn draft_one(&self, event: Event) -> Result<Draft> {
        let policy = self.policy(&event.message.robeing_id).await?;
        let log = self.clone();
        let bytes = event.message.work();
        let draft = move |_: &Waiting| log.draft(event, 0, &log.window(), policy);
        self.workers.run(bytes, draft).await
    }

    /// What each robeing has masked. Without its settings nothing of it is stored.
    async fn policies<'a>(
        &self,
        robeings: impl Iterator<Item = &'a str>,
    ) -> Result<HashMap<String, Policy>> {
        // What is no name is refused with the rest of its message.
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

    fn window(&self) -> Window {
        Window::new(Timestamp::now(), self.max_age)
    }

    /// Text that belongs to no conversation, masked.
    pub async fn masked_text(&self, text: String) -> Result<String> {
        let log = self.clone();
        let bytes = text.len();
        let mask = move |_: &Waiting| log.mask_text(&text);
        self.workers.run(bytes, mask).await
    }

    /// JSON that belongs to no conversation, masked.
    pub async fn masked_json(&self, mut value: Value) -> Result<Value> {
        let log = self.clone();
        let bytes = work(&value);
        let mask = move |_: &Waiting| {
            let mut seen = log.placeholders(Uuid::nil(), Known::default());
            let masked = log.masker.json(&mut value, &mut seen);
            masked.map(|_| value).map_err(|_| unmaskable())
        };
        self.workers.run(bytes, mask).await
    }

    fn mask_text(&self, text: &str) -> Result<String> {
        let mut seen = self.placeholders(Uuid::nil(), Known::default());
        let masked = self
            .masker
            .text(text, &mut seen)
            .map_err(|_| unmaskable())?;
        Ok(masked.text)
    }

    fn placeholders(&self, conversation: Uuid, known: Known) -> Placeholders {
        Placeholders::new(&self.masking_key, &conversation.to_string(), known)
    }
}

fn tell(outcomes: &[Result<Stored>]) {
    let now = Timestamp::now();
    let stored = || outcomes.iter().flatten();
    let new = stored().filter(|it| !it.replayed);
    let count = |count: usize| count as f64;
    if let Some(oldest) = new.clone().map(|it| it.created_at).min() {
        figure("messages_stored", Unit::Count, count(new.count()));
        let delay = now.duration_since(oldest).as_secs_f64().max(0.0);
        figure("message_delay", Unit::Seconds, delay);
    }
    let replayed = stored().filter(|it| it.replayed).count();
    if replayed > 0 {
        figure("messages_replayed", Unit::Count, count(replayed));
    }
    let refused = outcomes.len() - stored().count();
    if refused > 0 {
        figure("messages_refused", Unit::Count, count(refused));
    }
}
