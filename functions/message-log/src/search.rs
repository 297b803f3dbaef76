//! Search: the messages that hold all words of a question, newest first.
//!
//! The messages of a robeing and month are in blocks of bounded size, and each block is searched by
//! itself, the newest first, until there is enough: a common word is found in the first block, and a
//! rare one by a short look into each. What was stored since the last roll-up is read as it is.

use axum::extract::{Path, Query, State};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use serde::{Deserialize, Serialize};
use shared::postgres::Client;
use shared::postgres::types::Type;
use shared::{Caller, Error, Json, Result};
use tokio_postgres::Row;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::grams::{BLOCK, Grams, fold, pieces};
use crate::history::limit;
use crate::identity::first_id_at;
use crate::log::Log;
use shared::postgres::scoped::{self as db, Scope};

/// Of what is not rolled up yet, so many of the newest are read.
const TAIL: i64 = 2_000;
/// In letters.
const LONGEST_QUESTION: usize = 200;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    /// Words that must all be in the message or its response, in any order; 2 to 200 characters.
    #[param(required, min_length = 2, max_length = 200)]
    q: Option<String>,
    /// At most so many items.
    #[param(minimum = 1, maximum = 200, default = 20)]
    limit: Option<i64>,
    /// The `next` of the page before.
    after: Option<Uuid>,
}

#[derive(Serialize, ToSchema)]
pub struct Found {
    items: Vec<Hit>,
    /// What to ask for the next page with; null where this is the last one.
    next: Option<Uuid>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Hit {
    pub id: Uuid,
    pub channel_id: Option<String>,
    pub thread_ts: Option<String>,
    pub user_id: Option<Uuid>,
    pub message: Option<String>,
    pub response: Option<String>,
    pub intent: Option<String>,
    #[serde(skip)]
    pub tokens: i32,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// What a robeing was asked and said that holds these words, newest first.
#[utoipa::path(
    get,
    path = "/v1/robeings/{id}/search",
    tag = "memory",
    operation_id = "search_messages",
    params(("id" = String, Path, description = "the robeing"), Asked),
    responses(
        (status = 200, description = "one page", body = Found),
        (status = 400, description = "`q` has no word of two letters, or a parameter is wrong"),
        (status = 403, description = "the robeing is not in the caller's scope"),
        (status = 503, description = "the database is not available"),
    )
)]
pub async fn search(
    State(log): State<Log>,
    caller: Caller,
    Path(robeing_id): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Json<Found>> {
    caller.may_see_robeing(&robeing_id)?;
    let limit = limit(asked.limit, 20)?;
    let q = asked.q.unwrap_or_default();
    if q.chars().count() > LONGEST_QUESTION {
        return Err(Error::Invalid(format!(
            "q is longer than {LONGEST_QUESTION} characters"
        )));
    }
    let words = Words::of(&q);
    if words.0.iter().all(|word| word.chars().count() < 2) {
        return Err(Error::Invalid(
            "q needs a word of two letters or more".to_owned(),
        ));
    }
    let client = log.pool.get().await?;
    let past = asked.after.unwrap_or(Uuid::max());
    let wanted = usize::try_from(limit).unwrap_or_default();
    let mut hits = find(&client, &robeing_id, &words, past, wanted + 1).await?;
    let more = hits.len() > wanted;
    hits.truncate(wanted);
    let next = hits.last().filter(|_| more).map(|hit| hit.id);
    Ok(Json(Found { items: hits, next }))
}

/// Folded words.
#[derive(Clone, Debug)]
pub struct Words(pub Vec<String>);

impl Words {
    pub fn of(text: &str) -> Self {
        let folded = fold(text);
        let words = folded.split(|letter: char| !letter.is_alphanumeric());
        Self(
            words
                .filter(|word| !word.is_empty())
                .map(str::to_owned)
                .collect(),
        )
    }

    fn are_in(&self, hit: &Hit) -> bool {
        let text = hit.folded();
        self.0.iter().all(|word| text.contains(word.as_str()))
    }
}

impl Hit {
    pub fn of(row: &Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            channel_id: row.try_get("channel_id")?,
            thread_ts: row.try_get("thread_ts")?,
            user_id: row.try_get("user_id")?,
            message: row.try_get("message")?,
            response: row.try_get("response")?,
            intent: row.try_get("intent")?,
            tokens: row.try_get("token_count")?,
            created_at: row.try_get("created_at")?,
        })
    }

    pub fn folded(&self) -> String {
        let texts = [&self.message, &self.response].into_iter().flatten();
        texts.map(|text| fold(text)).collect::<Vec<_>>().join(" ")
    }
}

/// The newest before `past` that hold all words.
pub async fn find(
    client: &Client,
    robeing_id: &str,
    words: &Words,
    past: Uuid,
    wanted: usize,
) -> Result<Vec<Hit>> {
    let scope = Scope::only([robeing_id]);
    let mut hits = tail(client, &scope, robeing_id, past).await?;
    hits.retain(|hit| words.are_in(hit));
    let months = months(client, &scope, robeing_id).await?;
    for (month, messages) in months {
        // What is in an older month than the oldest of enough hits is not wanted.
        hits.sort_by_key(|hit| std::cmp::Reverse(hit.id));
        hits.dedup_by_key(|hit| hit.id);
        let first = first_id_at(start_of(month));
        if hits.len() >= wanted && hits[wanted - 1].id >= first {
            break;
        }
        let in_month = InMonth {
            month,
            messages,
            past,
            wanted,
            depth: i64::MAX,
        };
        hits.extend(in_month.find(client, &scope, robeing_id, words).await?);
    }
    hits.sort_by_key(|hit| std::cmp::Reverse(hit.id));
    hits.dedup_by_key(|hit| hit.id);
    hits.truncate(wanted);
    Ok(hits)
}

/// Months of a robeing with what there is to search, newest first.
pub async fn months(
    client: &Client,
    scope: &Scope,
    robeing_id: &str,
) -> Result<Vec<(Date, i64)>, tokio_postgres::Error> {
    let rows = db::query(
        client,
        scope,
        "select month, messages
         from conversation.search_size
         where robeing_id = $1
         order by month desc",
        &[(&robeing_id, Type::TEXT)],
    )
    .await?;
    rows.iter()
        .map(|row| Ok((row.try_get("month")?, row.try_get("messages")?)))
        .collect()
}

/// What was committed since the last roll-up.
async fn tail(
    client: &Client,
    scope: &Scope,
    robeing_id: &str,
    past: Uuid,
) -> Result<Vec<Hit>, tokio_postgres::Error> {
    // As a constant, so that the planner sees how few there are.
    let mark = db::query(
        client,
        scope,
        "select xid::text from conversation.watermark where name = 'message-log'",
        &[],
    )
    .await?;
    let mark: String = match mark.first() {
        Some(row) => row.try_get(0)?,
        None => return Ok(Vec::new()),
    };
    let rows = db::query(
        client,
        scope,
        "with late as materialized (
             select id, robeing_id, channel_id, thread_ts, user_id, message, response, intent,
                    token_count, created_at
             from conversation.log
             where xid >= $1::text::xid8
         )
         select *
         from late
         where robeing_id = $2 and id < $3
         order by id desc
         limit $4",
        &[
            (&mark, Type::TEXT),
            (&robeing_id, Type::TEXT),
            (&past, Type::UUID),
            (&TAIL, Type::INT8),
        ],
    )
    .await?;
    rows.iter().map(Hit::of).collect()
}

/// What is searched of one month.
pub struct InMonth {
    pub month: Date,
    /// Of the robeing, in the search.
    pub messages: i64,
    pub past: Uuid,
    pub wanted: usize,
    /// How many blocks are looked into, the newest.
    pub depth: i64,
}

impl InMonth {
    /// At least those that are wanted, if there are so many.
    pub async fn find(
        &self,
        client: &Client,
        scope: &Scope,
        robeing_id: &str,
        words: &Words,
    ) -> Result<Vec<Hit>, tokio_postgres::Error> {
        let pieces = pieces(&words.0.join(" "));
        let first = first_id_at(start_of(self.month));
        let past = self.past.min(first_id_at(start_of(next(self.month))));
        if pieces.is_empty() || past <= first || self.messages == 0 {
            return Ok(Vec::new());
        }
        let newest = (self.messages - 1) / BLOCK;
        let oldest = newest.saturating_sub(self.depth - 1).max(0);
        let grams = Grams::of(robeing_id);
        let keys: Vec<i32> = (oldest..=newest)
            .flat_map(|block| grams.in_block(block, &pieces))
            .collect();
        let width = i32::try_from(pieces.len()).unwrap_or(i32::MAX);
        let last = i32::try_from(newest - oldest).unwrap_or(i32::MAX);
        // A gram says only where to look, so that some of what it gives falls away.
        let wanted = i64::try_from(self.wanted).unwrap_or(i64::MAX / 4);
        let page = wanted + wanted / 4 + 5;
        let mut hits = Vec::new();
        let mut seen = 0_i64;
        loop {
            let rows = db::query(
                client,
                scope,
                include_str!("search.sql"),
                &[
                    (&robeing_id, Type::TEXT),
                    (&keys, Type::INT4_ARRAY),
                    (&width, Type::INT4),
                    (&last, Type::INT4),
                    (&first, Type::UUID),
                    (&past, Type::UUID),
                    (&page, Type::INT8),
                    (&seen, Type::INT8),
                ],
            )
            .await?;
            let count = rows.len() as i64;
            for row in &rows {
                let hit = Hit::of(row)?;
                if words.are_in(&hit) {
                    hits.push(hit);
                }
            }
            seen += count;
            if count < page || hits.len() >= self.wanted {
                return Ok(hits);
            }
        }
    }
}

fn start_of(month: Date) -> Timestamp {
    let start = month.at(0, 0, 0, 0);
    Offset::UTC
        .to_timestamp(start)
        .unwrap_or(Timestamp::UNIX_EPOCH)
}

fn next(month: Date) -> Date {
    month.last_of_month().tomorrow().unwrap_or(month)
}
