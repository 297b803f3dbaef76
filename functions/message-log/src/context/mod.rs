//! `GET /v1/robeings/{id}/context`: what a model should read before it responds: the last turns of a thread, and
//! older messages about the same topic, within a token budget.
//!
//! The same log gives the same bytes: nothing depends on the time of the request.

mod budget;
mod memories;

use axum::extract::State;
use jiff::Timestamp;
use platform::postgres::scoped::{self, Scope};
use platform::postgres::types::Type;
use platform::{Caller, Error, Json, Path, Query, Result};
use robeing::ROBEINGS;
use serde::{Deserialize, Serialize};
use tokio::try_join;
use tokio_postgres::Transaction;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::log::Log;
use crate::search::{Hit, Lookup, Segments, Terms, newest_of};

const TOKEN_BUDGETS: std::ops::RangeInclusive<i32> = 100..=200_000;
/// The token budget and the number of messages per point of `memory_stat`.
const TOKENS_PER_POINT: i64 = 400;
const MESSAGES_PER_POINT: i64 = 20;
/// The most messages of a context, whatever the `memory_stat`.
const MAX_MESSAGES: i64 = 2_000;
/// The hits per term that are ranked.
const HITS_PER_TERM: usize = 8;
/// The candidates per term that are read to find those hits.
const CANDIDATES_PER_TERM: usize = 32;
/// Memories are found among at least this many messages before the last turns.
const SEARCHED_MESSAGES: i64 = 250_000;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ContextParams {
    /// The most tokens, of four characters each; default: 400 per point of the robeing's `memory_stat`, which starts
    /// at 10.
    #[param(minimum = 100, maximum = 200_000)]
    token_budget: Option<i32>,
    /// The thread to continue; default: the channel, or else all messages of the robeing.
    #[serde(alias = "thread")]
    thread_ts: Option<String>,
    #[serde(alias = "channel")]
    channel_id: Option<String>,
    /// The topic of older messages; default: the last message of a person.
    q: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ConversationContext)]
pub struct Context {
    /// The text for the model: memories first, then the last turns, oldest first.
    context: String,
    /// The turns of `context`, in the same order.
    turns: Vec<Turn>,
    /// The tokens of `context`: a quarter of its characters, rounded up.
    tokens: i32,
}

impl Context {
    /// The text for the model.
    pub fn text(&self) -> &str {
        &self.context
    }
}

#[derive(Serialize, ToSchema)]
pub struct Turn {
    /// The id of the message. A message and its response are two turns.
    id: Uuid,
    #[schema(inline)]
    kind: TurnKind,
    #[schema(inline)]
    role: Role,
    text: String,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum TurnKind {
    /// An older message about the same topic.
    Memory,
    /// One of the last turns.
    Recent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Role {
    User,
    Assistant,
}

/// Assemble the context for a robeing's next response.
#[utoipa::path(
    get,
    path = "/v1/robeings/{id}/context",
    tag = "memory",
    operation_id = "conversation_context",
    params(("id" = String, Path, description = "the robeing"), ContextParams),
    responses(
        (status = 200, description = "the context, within the budget and 4 MB of JSON; the bytes stay the same until another message is stored", body = Context),
        (status = 400, description = "a parameter is invalid"),
        (status = 403, description = "the robeing is not in the caller's scope"),
        (status = 503, description = "the database is not available"),
    )
)]
pub async fn context(
    State(log): State<Log>,
    caller: Caller,
    Path(robeing_id): Path<String>,
    Query(params): Query<ContextParams>,
) -> Result<Json<Context>> {
    let wanted = Wanted {
        robeing_id: &robeing_id,
        thread_ts: params.thread_ts.as_deref(),
        channel_id: params.channel_id.as_deref(),
        topic: params.q.as_deref(),
        token_budget: params.token_budget,
    };
    Ok(Json(of(&log, &caller, &wanted).await?))
}

/// What a context is about. The fields are those of [`ContextParams`].
pub struct Wanted<'a> {
    pub robeing_id: &'a str,
    pub thread_ts: Option<&'a str>,
    pub channel_id: Option<&'a str>,
    pub topic: Option<&'a str>,
    pub token_budget: Option<i32>,
}

/// The context for a robeing's next response.
///
/// # Errors
/// `Forbidden` if the robeing is not in the caller's scope. `Invalid` if a field is not valid.
pub async fn of(log: &Log, caller: &Caller, wanted: &Wanted<'_>) -> Result<Context> {
    let robeing_id = wanted.robeing_id;
    robeing::may_see(caller, robeing_id)?;
    if let Some(budget) = wanted.token_budget
        && !TOKEN_BUDGETS.contains(&budget)
    {
        let (least, most) = (TOKEN_BUDGETS.start(), TOKEN_BUDGETS.end());
        return Err(Error::Invalid(format!(
            "token_budget is {budget}: use {least} to {most}"
        )));
    }
    let settings = log.settings.of(robeing_id).await?;
    let mut client = log.pool.get().await?;
    let db = scoped::read(&mut client, &Scope::only(ROBEINGS, [robeing_id])).await?;
    let (memory_stat, segments) = try_join!(
        stats_batch::stats::memory_stat(&db, robeing_id),
        Segments::open(&db, robeing_id)
    )?;
    let limits = Limits::of(memory_stat, settings.system.max_memory_size);
    let tokens = wanted.token_budget.unwrap_or(limits.tokens);
    let place = (wanted.thread_ts, wanted.channel_id);
    // A token has four characters, and a character at most four bytes.
    let bytes = i64::from(tokens) * 16;
    let mut recent = newest_of(&db, robeing_id, place, Uuid::max(), limits.messages, bytes).await?;
    if let Some(thread) = place.0
        && (recent.len() as i64) < limits.messages
    {
        let channel = place
            .1
            .or(recent.first().and_then(|it| it.channel_id.as_deref()));
        let root = channel.and_then(|channel| log.root_of(robeing_id, channel, thread));
        recent.extend(root_without_thread(&db, robeing_id, root).await?);
    }
    let last_message = recent.iter().find_map(|hit| hit.message.clone());
    let topic = Terms::of(wanted.topic.or(last_message.as_deref()).unwrap_or_default());
    let lookup = Lookup {
        robeing_id,
        queries: &memories::queries(&topic),
        past: recent.last().map_or(Uuid::max(), |oldest| oldest.id),
        wanted: HITS_PER_TERM,
        max_messages: SEARCHED_MESSAGES,
        max_candidates: CANDIDATES_PER_TERM,
        workers: &log.workers,
    };
    let hits = segments.find(&db, &lookup).await?;
    drop(db);
    let memories = memories::ranked(hits);
    Ok(budget::fill(&memories, recent, tokens, limits.messages))
}

/// The message that a thread belongs to, if it has no thread of its own, as in a direct channel.
async fn root_without_thread(
    db: &Transaction<'_>,
    robeing_id: &str,
    root: Option<Uuid>,
) -> Result<Option<Hit>, tokio_postgres::Error> {
    let row = db
        .query_typed_opt(
            "select id, channel_id, thread_ts, user_id, message, response, intent, token_count, created_at
             from conversation.log
             where id = $1 and robeing_id = $2 and thread_ts is null and deleted_at is null",
            &[(&root, Type::UUID), (&robeing_id, Type::TEXT)],
        )
        .await?;
    row.as_ref().map(Hit::of).transpose()
}

/// The default size of a context. It grows with the robeing's `memory_stat`, up to its settings.
struct Limits {
    tokens: i32,
    messages: i64,
}

impl Limits {
    fn of(memory_stat: i64, max_memory_size: u32) -> Self {
        let tokens = memory_stat.saturating_mul(TOKENS_PER_POINT);
        let tokens = i32::try_from(tokens).unwrap_or(i32::MAX);
        let messages = memory_stat.saturating_mul(MESSAGES_PER_POINT);
        Self {
            tokens: tokens.clamp(*TOKEN_BUDGETS.start(), *TOKEN_BUDGETS.end()),
            messages: messages.min(max_memory_size.into()).clamp(1, MAX_MESSAGES),
        }
    }
}
