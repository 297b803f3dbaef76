//! Context for the next answer: the last turns of a thread, and older messages that matter for what
//! was said last, within a budget of tokens.
//!
//! The same log gives the same bytes: nothing in it depends on when it is asked for.

use std::collections::BTreeMap;

use axum::extract::{Path, Query, State};
use jiff::Timestamp;
use platform::postgres::scoped::{self, Scope};
use platform::{Caller, Error, Json, Result};
use robeing::ROBEINGS;
use serde::{Deserialize, Serialize};
use tokio::try_join;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::log::{Log, tokens};
use crate::page;
use crate::search::{Hit, Hits, Question, Segments, Words, newest_of};

const BUDGETS: std::ops::RangeInclusive<i32> = 100..=200_000;
/// A point of `memory_stat`, in tokens, where no budget is asked for, and in messages.
const TOKENS_A_POINT: i64 = 400;
const MESSAGES_A_POINT: i64 = 20;
/// No context is made of more, whatever a robeing has learned.
const MOST_ROWS: i64 = 2_000;
/// Memories take at most this part of the budget.
const MEMORY_PART: i32 = 4;
/// So many words of what was said last are looked for, the longest.
const WORDS: usize = 4;
/// So many messages a word are weighed.
const MENTIONS: usize = 8;
/// So many messages that may hold a word are read for them.
const PATIENCE: usize = 32;
/// How many messages memory reaches back, at least, where there are so many.
const REACH: i64 = 250_000;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    /// At most so many tokens, of four characters each; default: 400 for each point of the robeing's
    /// `memory_stat`, which is 10 at first.
    #[param(minimum = 100, maximum = 200_000)]
    token_budget: Option<i32>,
    /// The thread that goes on; without one, the channel, or else all that the robeing said last.
    thread: Option<String>,
    channel: Option<String>,
    /// What older messages should be about; default: what a person said last.
    q: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ConversationContext)]
pub struct Context {
    /// To be put before a model: memories first, then the last turns, oldest first.
    context: String,
    /// What it is made of, in that order.
    turns: Vec<Turn>,
    /// Of `context`: a quarter of its characters, rounded up.
    tokens: i32,
}

#[derive(Serialize, ToSchema)]
pub struct Turn {
    /// Of the row, which may be two turns.
    id: Uuid,
    #[schema(inline)]
    kind: Kind,
    #[schema(inline)]
    role: Role,
    text: String,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Kind {
    /// An older message that has to do with what was said last.
    Memory,
    /// One of the last.
    Recent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Role {
    User,
    Assistant,
}

/// What a robeing should know before it answers.
#[utoipa::path(
    get,
    path = "/v1/robeings/{id}/context",
    tag = "memory",
    operation_id = "conversation_context",
    params(("id" = String, Path, description = "the robeing"), Asked),
    responses(
        (status = 200, description = "never over the budget, nor over 4 MB of JSON; the same bytes until something new is stored", body = Context),
        (status = 400, description = "a parameter is wrong"),
        (status = 403, description = "the robeing is not in the caller's scope"),
        (status = 503, description = "the database is not available"),
    )
)]
pub async fn context(
    State(log): State<Log>,
    caller: Caller,
    Path(robeing_id): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Json<Context>> {
    robeing::may_see(&caller, &robeing_id)?;
    if let Some(budget) = asked.token_budget
        && !BUDGETS.contains(&budget)
    {
        let (least, most) = (BUDGETS.start(), BUDGETS.end());
        return Err(Error::Invalid(format!(
            "token_budget is {budget}: give {least} to {most}"
        )));
    }
    let settings = log.settings.of(&robeing_id).await?;
    let mut client = log.pool.get().await?;
    let db = scoped::read(&mut client, &Scope::only(ROBEINGS, [robeing_id.as_str()])).await?;
    let (memory, segments) = try_join!(
        stats_batch::stats::memory_stat(&db, &robeing_id),
        Segments::open(&db, &robeing_id)
    )?;
    let most = Most::of(memory, settings.system.max_memory_size);
    let budget = asked.token_budget.unwrap_or(most.tokens);
    let of = (asked.thread.as_deref(), asked.channel.as_deref());
    // A character has up to four bytes, and a token four characters.
    let bytes = i64::from(budget) * 16;
    let recent = newest_of(&db, &robeing_id, of, Uuid::max(), most.messages, bytes).await?;
    let said = recent.iter().find_map(|row| row.message.clone());
    let about = Words::of(&asked.q.or(said).unwrap_or_default());
    let question = Question {
        robeing_id: &robeing_id,
        words: &telling(&about),
        // What is older than what was read of the thread; without any, everything.
        past: recent.last().map_or(Uuid::max(), |oldest| oldest.id),
        wanted: MENTIONS,
        reach: REACH,
        patience: PATIENCE,
        workers: &log.workers,
    };
    let mentions = segments.find(&db, &question).await?;
    drop(db);
    let memories = weighed(mentions);
    Ok(Json(fit(&memories, &recent, budget, most.messages)))
}

/// How much a robeing has at hand: more with what it learns, and never more than it is set to.
struct Most {
    /// Where nobody asks for another budget.
    tokens: i32,
    messages: i64,
}

impl Most {
    fn of(memory_stat: i64, max_memory_size: u32) -> Self {
        let tokens = memory_stat.saturating_mul(TOKENS_A_POINT);
        let tokens = i32::try_from(tokens).unwrap_or(i32::MAX);
        let messages = memory_stat.saturating_mul(MESSAGES_A_POINT);
        Self {
            tokens: tokens.clamp(*BUDGETS.start(), *BUDGETS.end()),
            messages: messages.min(max_memory_size.into()).clamp(1, MOST_ROWS),
        }
    }
}

/// The longest words, which say most about what a text is about.
fn telling(about: &Words) -> Vec<Words> {
    let is_long = |word: &&String| word.chars().nth(1).is_some();
    let mut words: Vec<&String> = about.0.iter().filter(is_long).collect();
    words.sort_by_key(|word| (std::cmp::Reverse(word.chars().count()), *word));
    words.dedup();
    words.truncate(WORDS);
    let stem = |word: &String| Words(vec![stem(word)]);
    words.into_iter().map(stem).collect()
}

/// Of the messages that hold some of the words, those with the most and rarest first.
fn weighed(mentions: Vec<Hits>) -> Vec<Hit> {
    let mut found: BTreeMap<Uuid, (f64, Hit)> = BTreeMap::new();
    for Hits { hits, .. } in mentions {
        // A word that few messages hold says more about those that do.
        let weight = 1.0 / (1.0 + hits.len() as f64);
        for hit in hits {
            found.entry(hit.id).or_insert((0.0, hit)).0 += weight;
        }
    }
    let mut found: Vec<(f64, Hit)> = found.into_values().collect();
    found.sort_by(|(one, first), (other, second)| {
        other.total_cmp(one).then_with(|| second.id.cmp(&first.id))
    });
    found.into_iter().map(|(_, hit)| hit).collect()
}

/// A Korean word without its last syllable, which is a particle more often than not; words of two
/// syllables as they are.
fn stem(word: &str) -> String {
    let is_hangul = |letter: char| ('가'..='힣').contains(&letter);
    let letters: Vec<char> = word.chars().collect();
    if letters.len() > 2 && letters.iter().copied().all(is_hangul) {
        return letters[..letters.len() - 1].iter().collect();
    }
    word.to_owned()
}

/// The best memories for at most a quarter of the budget and of the messages, and as many of the last turns as the rest
/// has room for.
fn fit(memories: &[Hit], recent: &[Hit], budget: i32, most: i64) -> Context {
    let budget = usize::try_from(budget).unwrap_or_default() * 4;
    let most = usize::try_from(most).unwrap_or_default();
    let mut kept: Vec<&Hit> = Vec::new();
    let (mut taken, mut bytes) = (0, 0);
    for memory in memories {
        let length = length(memory);
        let has_room = kept.len() < most / MEMORY_PART as usize;
        let size = size(memory);
        if has_room
            && taken + length <= budget / MEMORY_PART as usize
            && bytes + size <= page::BYTES / MEMORY_PART as usize
        {
            taken += length;
            bytes += size;
            kept.push(memory);
        }
    }
    kept.sort_by_key(|hit| hit.id);
    let mut last: Vec<&Hit> = Vec::new();
    for turn in recent {
        let length = length(turn);
        let size = size(turn);
        if taken + length > budget || bytes + size > page::BYTES || kept.len() + last.len() == most
        {
            break;
        }
        taken += length;
        bytes += size;
        last.push(turn);
    }
    last.reverse();
    let turns: Vec<Turn> = kept
        .iter()
        .map(|hit| (Kind::Memory, *hit))
        .chain(last.iter().map(|hit| (Kind::Recent, *hit)))
        .flat_map(|(kind, hit)| turns(kind, hit))
        .collect();
    let context: String = turns.iter().map(Turn::line).collect();
    Context {
        tokens: tokens(&context),
        context,
        turns,
    }
}

fn turns(kind: Kind, hit: &Hit) -> impl Iterator<Item = Turn> {
    let said = [(Role::User, &hit.message), (Role::Assistant, &hit.response)];
    said.into_iter().filter_map(move |(role, text)| {
        Some(Turn {
            id: hit.id,
            kind,
            role,
            text: text.clone()?,
            created_at: hit.created_at,
        })
    })
}

/// In characters, as it is written out.
fn length(hit: &Hit) -> usize {
    turns(Kind::Recent, hit)
        .map(|turn| turn.line().chars().count())
        .sum()
}

/// In bytes at most, as JSON: in `context`, and as a turn of its own.
fn size(hit: &Hit) -> usize {
    /// The rest of a turn.
    const FRAME: usize = 256;
    let json = |turn: Turn| serde_json::to_string(&turn.text).map_or(usize::MAX / 4, |it| it.len());
    turns(Kind::Recent, hit)
        .map(|turn| 2 * json(turn) + FRAME)
        .sum()
}

impl Turn {
    fn line(&self) -> String {
        let role = match self.role {
            Role::User => "user",
            Role::Assistant => "assistant",
        };
        format!("{role}: {}\n", self.text)
    }
}
