//! The one way into the log: check, mask, insert, commit, and only then answer.
//!
//! Text is masked before anything is sent to the database, and where masking fails nothing is. A
//! row is inserted once: its id, or the key it claims in the ledger, is unique across all months.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use anyhow::Context as _;
use jiff::civil::Date;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use shared::postgres::types::{Json, Type};
use shared::postgres::{Client, Pool};
use shared::telemetry::{Unit, figure};
use shared::{Error, Resources, Result};
use tokio_postgres::{GenericClient, Transaction};
use uuid::Uuid;

use crate::db::{self, Scope};
use crate::identity::{self, Identity, Key, Window, digest, identify};
use crate::mask::{Known, Masker, Placeholders};
use crate::message::{NewMessage, text_of};

/// More rows a statement bring nothing, and hold locks for longer.
const ROWS: usize = 500;
/// How far back the message is looked for that a response answers.
const ANSWERED_WITHIN: SignedDuration = SignedDuration::from_hours(31 * 24);
/// A statement that finds no month, or loses a race, is tried again so often.
const ATTEMPTS: usize = 4;

/// What comes in by any of the ways.
#[derive(Clone, Debug)]
pub struct Event {
    /// `http`, `slack`, `sqs`, `pubsub`, `cloudevents` or `eventbridge`.
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
    pub masker: Arc<Masker>,
    masking_key: Arc<[u8; 32]>,
    max_age: SignedDuration,
}

/// What one row says, before and after masking.
#[derive(Clone, Debug)]
struct Content {
    message: Option<Value>,
    response: Option<Value>,
    intent: Option<String>,
    metadata: Value,
}

/// A row ready to be inserted.
struct Draft {
    source: &'static str,
    source_event_id: String,
    identity: Identity,
    robeing_id: String,
    channel_id: Option<String>,
    channel_type: Option<String>,
    thread_ts: Option<String>,
    user_id: Option<Uuid>,
    slack_user_id: Option<String>,
    confidence: Option<f64>,
    reply_to: Option<Uuid>,
    masked: Content,
    content: Uuid,
    /// What it says unmasked, where its placeholders have to be numbered with those of its conversation.
    to_number: Option<(Uuid, Content)>,
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
            masker: Arc::new(Masker::default()),
            masking_key: Arc::new(key),
            max_age: SignedDuration::from_hours(i64::from(days) * 24),
        })
    }

    /// Stores one event; returns once it is committed.
    pub async fn store_one(&self, event: Event) -> Result<Stored> {
        let mut stored = self.store(vec![event]).await;
        stored.pop().expect("one event has one outcome")
    }

    /// Stores what can be stored: one outcome an event, in their order. Whoever calls has checked
    /// that each of the robeings is the caller's.
    pub async fn store(&self, events: Vec<Event>) -> Vec<Result<Stored>> {
        let window = Window::new(Timestamp::now(), self.max_age);
        let mut outcomes: Vec<Option<Result<Stored>>> = Vec::with_capacity(events.len());
        let mut drafts = Vec::with_capacity(events.len());
        for (position, event) in events.into_iter().enumerate() {
            match self.draft(event, position, &window) {
                Ok(draft) => {
                    drafts.push((position, draft));
                    outcomes.push(None);
                }
                Err(error) => outcomes.push(Some(Err(error))),
            }
        }
        while !drafts.is_empty() {
            let rest = drafts.split_off(drafts.len().min(ROWS));
            let (positions, mut chunk): (Vec<usize>, Vec<Draft>) = drafts.into_iter().unzip();
            for (position, outcome) in positions.into_iter().zip(self.insert(&mut chunk).await) {
                outcomes[position] = Some(outcome);
            }
            drafts = rest;
        }
        let outcomes = outcomes
            .into_iter()
            .map(|outcome| outcome.expect("each was tried"));
        let outcomes: Vec<_> = outcomes.collect();
        tell(&outcomes);
        outcomes
    }

    /// Checks and masks; nothing of it is anywhere but in memory.
    fn draft(&self, event: Event, position: usize, window: &Window) -> Result<Draft> {
        let Event {
            source,
            event_id,
            key,
            sent_at,
            message,
        } = event;
        message.check()?;
        let identity = identify(
            &message.robeing_id,
            source,
            key.as_ref(),
            message.created_at,
            sent_at,
            position,
            window,
        )
        .map_err(|_| {
            Error::Invalid(
                "the message is more than a day ahead of time: check the sender's clock".to_owned(),
            )
        })?;
        let raw = Content {
            message: message.message.filter(|it| !it.is_null()),
            response: message.response.filter(|it| !it.is_null()),
            intent: message.intent,
            metadata: message
                .metadata
                .filter(|it| !it.is_null())
                .unwrap_or_else(|| json!({})),
        };
        let conversation = Uuid::from_bytes(digest(&[
            &message.robeing_id,
            message.channel_id.as_deref().unwrap_or_default(),
            message.thread_ts.as_deref().unwrap_or_default(),
        ]));
        let mut seen = self.placeholders(conversation, Known::default());
        let masked = raw.masked(&self.masker, &mut seen)?;
        let source_event_id = self.masked_text(&event_id)?;
        let content = json!([
            message.channel_id,
            message.thread_ts,
            message.user_id,
            message.slack_user_id,
            message.reply_to,
            message.confidence,
            message.created_at,
            masked.message,
            masked.response,
            masked.intent,
            masked.metadata,
        ]);
        let is_numbered = seen.into_known() != Known::default();
        let to_number = is_numbered.then_some((conversation, raw));
        Ok(Draft {
            source,
            source_event_id,
            identity,
            robeing_id: message.robeing_id,
            channel_id: message.channel_id,
            channel_type: message.channel_type,
            thread_ts: message.thread_ts,
            user_id: message.user_id,
            slack_user_id: message.slack_user_id,
            confidence: message.confidence,
            reply_to: message.reply_to,
            masked,
            content: Uuid::from_bytes(digest(&[&content.to_string()])),
            to_number,
        })
    }

    /// Text that belongs to no conversation, masked.
    pub fn masked_text(&self, text: &str) -> Result<String> {
        let mut seen = self.placeholders(Uuid::nil(), Known::default());
        let masked = self
            .masker
            .text(text, &mut seen)
            .map_err(|_| unmaskable())?;
        Ok(masked.text)
    }

    /// JSON that belongs to no conversation, masked in place.
    pub fn mask_json(&self, value: &mut Value) -> Result<()> {
        let mut seen = self.placeholders(Uuid::nil(), Known::default());
        self.masker
            .json(value, &mut seen)
            .map_err(|_| unmaskable())?;
        Ok(())
    }

    fn placeholders(&self, conversation: Uuid, known: Known) -> Placeholders {
        Placeholders::new(&self.masking_key, &conversation.to_string(), known)
    }

    /// One transaction for all of them; where a value of one does not fit, one for each.
    async fn insert(&self, drafts: &mut [Draft]) -> Vec<Result<Stored>> {
        match self.try_insert(drafts).await {
            Ok(stored) => stored,
            Err(error) if drafts.len() > 1 && db::is_about_a_value(&error) => {
                let mut outcomes = Vec::with_capacity(drafts.len());
                for draft in drafts.chunks_mut(1) {
                    let outcome = self.try_insert(draft).await;
                    let outcome = outcome.map_err(Error::from);
                    outcomes.push(outcome.and_then(|mut one| one.pop().expect("one outcome")));
                }
                outcomes
            }
            Err(error) => for_each(drafts.len(), error.into()),
        }
    }

    async fn try_insert(
        &self,
        drafts: &mut [Draft],
    ) -> Result<Vec<Result<Stored>>, tokio_postgres::Error> {
        let mut client = match self.pool.get().await {
            Ok(client) => client,
            Err(shared::postgres::PoolError::Backend(error)) => return Err(error),
            Err(error) => return Ok(for_each(drafts.len(), error.into())),
        };
        let scope = Scope::only(drafts.iter().map(|draft| draft.robeing_id.as_str()));
        self.find_answered(&client, &scope, drafts).await?;
        let mut attempt = 0;
        let inserted = loop {
            attempt += 1;
            let done = if drafts.iter().any(|draft| draft.to_number.is_some()) {
                self.number_and_insert(&mut client, &scope, drafts).await
            } else {
                let columns = Columns::of(drafts);
                db::once(&client, &scope, columns.insert(&**client)).await
            };
            match done {
                Ok(inserted) => break inserted,
                Err(error) if attempt < ATTEMPTS && db::lacks_month(&error) => {
                    add_months(&client, drafts).await?;
                }
                Err(error) if attempt < ATTEMPTS && db::lost_a_race(&error) => {}
                Err(error) => return Err(error),
            }
        };
        known(&client, &scope, drafts, inserted).await
    }

    /// A response without a message answers the last message of its thread.
    async fn find_answered(
        &self,
        client: &Client,
        scope: &Scope,
        drafts: &mut [Draft],
    ) -> Result<(), tokio_postgres::Error> {
        let mut last: HashMap<Thread, Uuid> = HashMap::new();
        let mut open = Vec::new();
        for (at, draft) in drafts.iter_mut().enumerate() {
            let Some(thread) = draft.thread() else {
                continue;
            };
            if draft.masked.message.is_some() {
                last.insert(thread, draft.identity.id);
            } else if draft.reply_to.is_none() {
                match last.get(&thread) {
                    Some(message) => draft.reply_to = Some(*message),
                    None => open.push(at),
                }
            }
        }
        if open.is_empty() {
            return Ok(());
        }
        let column = |of: fn(&Draft) -> Option<&str>| -> Vec<Option<&str>> {
            open.iter().map(|at| of(&drafts[*at])).collect()
        };
        let robeings = column(|draft| Some(&draft.robeing_id));
        let channels = column(|draft| draft.channel_id.as_deref());
        let threads = column(|draft| draft.thread_ts.as_deref());
        let before: Vec<Uuid> = open.iter().map(|at| drafts[*at].identity.id).collect();
        let since: Vec<Uuid> = open
            .iter()
            .map(|at| {
                drafts[*at]
                    .identity
                    .created_at
                    .saturating_sub(ANSWERED_WITHIN)
            })
            .map(|time| identity::first_id_at(time.unwrap_or(Timestamp::UNIX_EPOCH)))
            .collect();
        let found = db::query(
            client,
            scope,
            "select case
                 when answer.thread_ts is not null then (
                     select log.id
                     from conversation.log
                     where log.robeing_id = answer.robeing_id
                       and log.thread_ts = answer.thread_ts
                       and log.channel_id is not distinct from answer.channel_id
                       and log.message is not null
                       and log.id < answer.before
                       and log.id >= answer.since
                     order by log.id desc
                     limit 1)
                 else (
                     select log.id
                     from conversation.log
                     where log.robeing_id = answer.robeing_id
                       and log.channel_id = answer.channel_id
                       and log.thread_ts is null
                       and log.message is not null
                       and log.id < answer.before
                       and log.id >= answer.since
                     order by log.id desc
                     limit 1)
             end
             from unnest($1::text[], $2::text[], $3::text[], $4::uuid[], $5::uuid[])
                 with ordinality as answer (robeing_id, channel_id, thread_ts, before, since, position)
             order by position",
            &[
                (&robeings, Type::TEXT_ARRAY),
                (&channels, Type::TEXT_ARRAY),
                (&threads, Type::TEXT_ARRAY),
                (&before, Type::UUID_ARRAY),
                (&since, Type::UUID_ARRAY),
            ],
        )
        .await?;
        let found: Vec<Option<Uuid>> = found
            .iter()
            .map(|row| row.try_get(0))
            .collect::<Result<_, _>>()?;
        for (at, message) in open.into_iter().zip(found) {
            drafts[at].reply_to = message;
        }
        Ok(())
    }

    async fn number_and_insert(
        &self,
        client: &mut Client,
        scope: &Scope,
        drafts: &mut [Draft],
    ) -> Result<HashSet<Uuid>, tokio_postgres::Error> {
        let transaction = db::begin(client, scope).await?;
        self.number(&transaction, drafts).await?;
        let columns = Columns::of(drafts);
        let inserted = columns.insert(&transaction).await?;
        transaction.commit().await?;
        Ok(inserted)
    }

    /// Masks once more, now with the numbers that the conversation has given out, which nobody else
    /// changes until the commit.
    async fn number(
        &self,
        transaction: &Transaction<'_>,
        drafts: &mut [Draft],
    ) -> Result<(), tokio_postgres::Error> {
        let mut owners: BTreeMap<Uuid, String> = BTreeMap::new();
        for draft in &*drafts {
            if let Some((conversation, _)) = &draft.to_number {
                owners.insert(*conversation, draft.robeing_id.clone());
            }
        }
        let (conversations, robeings): (Vec<Uuid>, Vec<String>) = owners.into_iter().unzip();
        let rows = transaction
            .query_typed(
                "insert into conversation.placeholder as known (conversation, robeing_id, state)
                 select conversation, robeing_id, '{}'
                 from unnest($1::uuid[], $2::text[]) as new (conversation, robeing_id)
                 order by conversation
                 on conflict (conversation) do update
                 set robeing_id = known.robeing_id
                 returning conversation, state",
                &[
                    (&conversations, Type::UUID_ARRAY),
                    (&robeings, Type::TEXT_ARRAY),
                ],
            )
            .await?;
        let mut states: BTreeMap<Uuid, Placeholders> = BTreeMap::new();
        for row in rows {
            let Json(state) = row.try_get::<_, Json<Value>>("state")?;
            // What can't be read any more begins anew: the numbers are for reading, the masking is not.
            let conversation = row.try_get("conversation")?;
            let known = serde_json::from_value(state).unwrap_or_default();
            states.insert(conversation, self.placeholders(conversation, known));
        }
        for draft in drafts.iter_mut() {
            if let Some((conversation, raw)) = &draft.to_number
                && let Some(seen) = states.get_mut(conversation)
                && let Ok(masked) = raw.masked(&self.masker, seen)
            {
                // Where it fails this time, the masks of the first time stand.
                draft.masked = masked;
            }
        }
        let states = states
            .into_iter()
            .map(|(conversation, seen)| (conversation, Json(seen.into_known())));
        let (conversations, states): (Vec<Uuid>, Vec<Json<Known>>) = states.unzip();
        transaction
            .execute_typed(
                "update conversation.placeholder as known
                 set state = new.state
                 from unnest($1::uuid[], $2::jsonb[]) as new (conversation, state)
                 where known.conversation = new.conversation",
                &[
                    (&conversations, Type::UUID_ARRAY),
                    (&states, Type::JSONB_ARRAY),
                ],
            )
            .await?;
        Ok(())
    }

    /// A message that says something else now: stored if it never came, changed if it did. Edits
    /// that come out of order leave the newest, and what was deleted stays so.
    pub async fn edit(&self, event: Event, at: Timestamp) -> Result<()> {
        let stored = self.store_one(event.clone()).await?;
        if !stored.replayed {
            return Ok(());
        }
        let window = Window::new(Timestamp::now(), self.max_age);
        let mut drafts = [self.draft(event, 0, &window)?];
        let mut client = self.pool.get().await?;
        let scope = Scope::only([drafts[0].robeing_id.as_str()]);
        let transaction = db::begin(&mut client, &scope).await?;
        if drafts[0].to_number.is_some() {
            self.number(&transaction, &mut drafts).await?;
        }
        let said = Said::of(&drafts[0].masked);
        transaction
            .execute_typed(
                "update conversation.log
                 set message = $3, response = $4, parts = $5, token_count = $6, edited_at = $7
                 where id = $1
                   and robeing_id = $2
                   and deleted_at is null
                   and (edited_at is null or edited_at < $7)",
                &[
                    (&stored.id, Type::UUID),
                    (&drafts[0].robeing_id, Type::TEXT),
                    (&said.message, Type::TEXT),
                    (&said.response, Type::TEXT),
                    (&said.parts, Type::JSONB),
                    (&said.token_count, Type::INT4),
                    (&at, Type::TIMESTAMPTZ),
                ],
            )
            .await?;
        Ok(transaction.commit().await?)
    }

    /// Takes the text out of a row, which stays to be counted. Where the message has not come yet,
    /// the row is there before it, and it stays without.
    pub async fn delete(
        &self,
        robeing_id: &str,
        event_id: &str,
        key: &Key,
        at: Timestamp,
    ) -> Result<()> {
        let window = Window::new(Timestamp::now(), self.max_age);
        let Ok(Identity {
            id,
            created_at,
            ledger_key: None,
        }) = identify(robeing_id, "slack", Some(key), None, None, 0, &window)
        else {
            // Older than anything that is kept under its own time.
            return Ok(());
        };
        let client = self.pool.get().await?;
        for attempt in 1.. {
            let deleted = db::query(
                &client,
                &Scope::only([robeing_id]),
                "insert into conversation.log
                     (id, robeing_id, metadata, token_count, source, source_event_id, content, created_at, deleted_at)
                 values ($1, $2, '{}', 0, 'slack', $3, $1, $4, $5)
                 on conflict (id) do update
                 set message = null, response = null, parts = null, metadata = '{}', token_count = 0,
                     deleted_at = excluded.deleted_at",
                &[
                    (&id, Type::UUID),
                    (&robeing_id, Type::TEXT),
                    (&event_id, Type::TEXT),
                    (&created_at, Type::TIMESTAMPTZ),
                    (&at, Type::TIMESTAMPTZ),
                ],
            )
            .await;
            match deleted {
                Err(error) if attempt < ATTEMPTS && db::lacks_month(&error) => {
                    add_month(&client, day_of(created_at)).await?;
                }
                done => return Ok(done.map(drop)?),
            }
        }
        Ok(())
    }

    /// Whoever Slack calls so: the same person from the first time on.
    pub async fn slack_user(&self, team: &str, slack_user: Option<&str>) -> Result<Option<Uuid>> {
        let Some(slack_user) = slack_user else {
            return Ok(None);
        };
        let made = Uuid::now_v7();
        let client = self.pool.get().await?;
        // An update that changes nothing returns the row that is there, whoever made it.
        let found = client
            .query_typed(
                "with known as (
                     select user_id
                     from conversation.slack_user
                     where team_id = $1 and slack_user_id = $2
                 ),
                 added as (
                     insert into conversation.slack_user as mapping (team_id, slack_user_id, user_id)
                     select $1, $2, $3
                     where not exists (select from known)
                     on conflict (team_id, slack_user_id) do update
                     set user_id = mapping.user_id
                     returning user_id
                 )
                 select user_id from known
                 union all
                 select user_id from added",
                &[(&team, Type::TEXT), (&slack_user, Type::TEXT), (&made, Type::UUID)],
            )
            .await?;
        Ok(Some(found.first().map_or(made, |row| row.get("user_id"))))
    }
}

impl Content {
    fn masked(&self, masker: &Masker, seen: &mut Placeholders) -> Result<Self> {
        let mut masked = self.clone();
        for value in [&mut masked.message, &mut masked.response]
            .into_iter()
            .flatten()
        {
            masker.json(value, seen).map_err(|_| unmaskable())?;
        }
        masker
            .json(&mut masked.metadata, seen)
            .map_err(|_| unmaskable())?;
        if let Some(intent) = &mut masked.intent {
            *intent = masker.text(intent, seen).map_err(|_| unmaskable())?.text;
        }
        Ok(masked)
    }
}

/// The message and response as text, and as they came where that was in parts.
struct Said {
    message: Option<String>,
    response: Option<String>,
    parts: Option<Json<Value>>,
    token_count: i32,
}

impl Said {
    fn of(content: &Content) -> Self {
        let mut parts = Map::new();
        for (name, value) in [
            ("message", &content.message),
            ("response", &content.response),
        ] {
            if let Some(value) = value.as_ref().filter(|value| !value.is_string()) {
                parts.insert(name.to_owned(), value.clone());
            }
        }
        let message = content.message.as_ref().map(text_of);
        let response = content.response.as_ref().map(text_of);
        let texts = [&message, &response].into_iter().flatten();
        Self {
            token_count: texts.map(|text| tokens(text)).sum(),
            message,
            response,
            parts: (!parts.is_empty()).then(|| Json(Value::Object(parts))),
        }
    }
}

/// A quarter of its characters, rounded up.
pub fn tokens(text: &str) -> i32 {
    i32::try_from(text.chars().count().div_ceil(4)).unwrap_or(i32::MAX)
}

type Thread = (String, Option<String>, Option<String>);

impl Draft {
    /// The thread, or, where two talk without threads, their channel.
    fn thread(&self) -> Option<Thread> {
        let is_im = self.channel_type.as_deref() == Some("im") && self.channel_id.is_some();
        (self.thread_ts.is_some() || is_im).then(|| {
            (
                self.robeing_id.clone(),
                self.channel_id.clone(),
                self.thread_ts.clone(),
            )
        })
    }

    fn day(&self) -> Date {
        day_of(self.identity.created_at)
    }
}

/// The rows of one statement, a list a column.
struct Columns<'a> {
    drafts: &'a [Draft],
    said: Vec<Said>,
}

impl<'a> Columns<'a> {
    fn of(drafts: &'a [Draft]) -> Self {
        let said = drafts.iter().map(|draft| Said::of(&draft.masked)).collect();
        Self { drafts, said }
    }

    async fn insert(
        &self,
        client: &(impl GenericClient + Sync),
    ) -> Result<HashSet<Uuid>, tokio_postgres::Error> {
        fn list<'a, S, T>(rows: &'a [S], of: impl Fn(&'a S) -> T) -> Vec<T> {
            rows.iter().map(of).collect()
        }
        let (drafts, said) = (self.drafts, &self.said);
        let metadata = list(drafts, |it| Json(&it.masked.metadata));
        let rows = client
            .query_typed(
                include_str!("insert.sql"),
                &[
                    (&list(drafts, |it| it.identity.id), Type::UUID_ARRAY),
                    (&list(drafts, |it| it.identity.ledger_key), Type::UUID_ARRAY),
                    (&list(drafts, |it| &it.robeing_id), Type::TEXT_ARRAY),
                    (&list(drafts, |it| &it.channel_id), Type::TEXT_ARRAY),
                    (&list(drafts, |it| &it.channel_type), Type::TEXT_ARRAY),
                    (&list(drafts, |it| &it.thread_ts), Type::TEXT_ARRAY),
                    (&list(drafts, |it| it.user_id), Type::UUID_ARRAY),
                    (&list(drafts, |it| &it.slack_user_id), Type::TEXT_ARRAY),
                    (&list(said, |it| &it.message), Type::TEXT_ARRAY),
                    (&list(said, |it| &it.response), Type::TEXT_ARRAY),
                    (&list(said, |it| &it.parts), Type::JSONB_ARRAY),
                    (&list(drafts, |it| &it.masked.intent), Type::TEXT_ARRAY),
                    (&list(drafts, |it| it.confidence), Type::FLOAT8_ARRAY),
                    (&metadata, Type::JSONB_ARRAY),
                    (&list(said, |it| it.token_count), Type::INT4_ARRAY),
                    (&list(drafts, |it| it.reply_to), Type::UUID_ARRAY),
                    (&list(drafts, |it| it.source), Type::TEXT_ARRAY),
                    (&list(drafts, |it| &it.source_event_id), Type::TEXT_ARRAY),
                    (&list(drafts, |it| it.content), Type::UUID_ARRAY),
                    (
                        &list(drafts, |it| it.identity.created_at),
                        Type::TIMESTAMPTZ_ARRAY,
                    ),
                ],
            )
            .await?;
        rows.iter().map(|row| row.try_get("id")).collect()
    }
}

/// What became of each draft. Those that were not inserted are there already: as they are now, or
/// with another content under the same key.
async fn known(
    client: &Client,
    scope: &Scope,
    drafts: &[Draft],
    mut inserted: HashSet<Uuid>,
) -> Result<Vec<Result<Stored>>, tokio_postgres::Error> {
    let mut outcomes: Vec<Option<Result<Stored>>> = drafts
        .iter()
        .map(|draft| {
            let Identity { id, created_at, .. } = draft.identity;
            inserted.remove(&id).then_some(Ok(Stored {
                id,
                created_at,
                replayed: false,
            }))
        })
        .collect();
    let rest: Vec<usize> = (0..drafts.len())
        .filter(|at| outcomes[*at].is_none())
        .collect();
    if !rest.is_empty() {
        let ids: Vec<Uuid> = rest.iter().map(|at| drafts[*at].identity.id).collect();
        let keys: Vec<_> = rest
            .iter()
            .map(|at| drafts[*at].identity.ledger_key)
            .collect();
        let found = db::query(
            client,
            scope,
            "select position, log.id, log.content, log.created_at
             from unnest($1::uuid[], $2::uuid[]) with ordinality as new (id, key, position)
             left join conversation.ingest_key as claimed on claimed.key = new.key
             join conversation.log on log.id = coalesce(claimed.message_id, new.id)",
            &[(&ids, Type::UUID_ARRAY), (&keys, Type::UUID_ARRAY)],
        )
        .await?;
        for row in found {
            let position: i64 = row.try_get("position")?;
            let at = rest[usize::try_from(position - 1).unwrap_or_default()];
            let content: Uuid = row.try_get("content")?;
            outcomes[at] = Some(
                if content == drafts[at].content || drafts[at].source == "slack" {
                    // Slack's events of one message differ in what they tell of it.
                    Ok(Stored {
                        id: row.try_get("id")?,
                        created_at: row.try_get("created_at")?,
                        replayed: true,
                    })
                } else {
                    Err(other_content())
                },
            );
        }
    }
    // What is not to be found is another robeing's.
    let outcomes = outcomes
        .into_iter()
        .map(|outcome| outcome.unwrap_or_else(|| Err(other_content())));
    Ok(outcomes.collect())
}

async fn add_months(client: &Client, drafts: &[Draft]) -> Result<(), tokio_postgres::Error> {
    let months: BTreeSet<Date> = drafts
        .iter()
        .map(|draft| draft.day().first_of_month())
        .collect();
    for month in months {
        add_month(client, month).await?;
    }
    Ok(())
}

async fn add_month(client: &Client, day: Date) -> Result<(), tokio_postgres::Error> {
    client
        .query_typed("select conversation.add_month($1)", &[(&day, Type::DATE)])
        .await?;
    tracing::info!(%day, "made room for a month of messages");
    Ok(())
}

pub fn day_of(time: Timestamp) -> Date {
    Offset::UTC.to_datetime(time).date()
}

fn other_content() -> Error {
    Error::Unprocessable(
        "another message came under this id before: send a new one under a new id".to_owned(),
    )
}

fn unmaskable() -> Error {
    Error::Unprocessable("the text could not be masked, so nothing of it was stored".to_owned())
}

/// The same error for each; its cause is told once.
fn for_each(count: usize, error: Error) -> Vec<Result<Stored>> {
    let mut rest: Vec<Result<Stored>> = Vec::with_capacity(count);
    for _ in 1..count {
        rest.push(Err(match &error {
            Error::Unavailable { detail, .. } => Error::Unavailable {
                detail: detail.clone(),
                cause: None,
            },
            _ => Error::Internal(anyhow::anyhow!("a row of the same statement failed")),
        }));
    }
    if count > 0 {
        rest.insert(0, Err(error));
    }
    rest
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
