//! Search: the messages that hold all words of a question, newest first.
//!
//! The newest messages are read as they are, which is where the most common words are found. What is
//! older is looked for by the pieces of its text, in the newest segments first, until there is enough.
//! What was stored since the last roll-up, and is not among the newest, is read as it is too.

mod as_it_is;
mod hits;
pub(crate) mod moments;
mod postings;
mod segments;
mod words;

use std::mem;
use std::pin::pin;
use std::slice;

use axum::extract::{Path, Query, State};
use futures::TryStreamExt as _;
use jiff::Timestamp;
use platform::postgres::scoped::{self, Scope};
use platform::work::{Waiting, Workers};
use platform::{Caller, Error, Json, Result};
use robeing::ROBEINGS;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::try_join;
use tokio_postgres::{Row, RowStream, Transaction};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::history::limit;
use crate::log::Log;
use crate::page::{self, Listed};
use crate::pieces::{fold, start};

pub use as_it_is::newest_of;
pub use hits::Hits;
pub use segments::{Question, Segments};
pub use words::Words;

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

/// At most 4 MB: a page of large messages has fewer items than were asked for, and a `next`.
#[derive(Serialize, ToSchema)]
pub struct Found {
    #[schema(value_type = Vec<Hit>)]
    items: Vec<Box<RawValue>>,
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
    robeing::may_see(&caller, &robeing_id)?;
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
    let mut client = log.pool.get().await?;
    let db = scoped::read(&mut client, &Scope::only(ROBEINGS, [robeing_id.as_str()])).await?;
    let past = asked.after.unwrap_or(Uuid::max());
    let wanted = usize::try_from(limit).unwrap_or_default();
    let found = find(&db, &log.workers, &robeing_id, &words, past, wanted + 1).await?;
    drop(db);
    let mut hits = found.hits;
    let more = hits.len() > wanted || found.is_cut;
    hits.truncate(wanted);
    let (items, next) = page::of(hits, more)?;
    Ok(Json(Found { items, next }))
}

impl Listed for Hit {
    fn id(&self) -> Uuid {
        self.id
    }

    /// Two texts of 256 KiB fit, however they are escaped.
    fn cut(&mut self) {}
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

    /// Of its texts, as they are stored.
    fn bytes(&self) -> usize {
        let texts = [&self.message, &self.response].into_iter().flatten();
        texts.map(String::len).sum()
    }

    pub fn folded(&self) -> String {
        let texts = [&self.message, &self.response].into_iter().flatten();
        let folded: Vec<String> = texts.map(|text| fold(start(text))).collect();
        folded.join(" ")
    }

    /// As much of it as is folded, in bytes.
    pub fn work(&self) -> usize {
        let texts = [&self.message, &self.response].into_iter().flatten();
        texts.map(|text| start(text).len()).sum()
    }
}

/// The newest before `past` that hold all words.
async fn find(
    db: &Transaction<'_>,
    workers: &Workers,
    robeing_id: &str,
    words: &Words,
    past: Uuid,
    wanted: usize,
) -> Result<Hits> {
    let newest = as_it_is::newest(db, robeing_id, past).await?;
    let mut hits = Hits::new(wanted);
    hits.extend(words.among(newest.hits, workers).await);
    let Some(past) = newest.past.filter(|_| hits.missing() > 0) else {
        return Ok(hits);
    };
    let (late, segments) = try_join!(
        as_it_is::late(db, workers, robeing_id, past, words, hits.missing()),
        Segments::open(db, robeing_id)
    )?;
    let question = Question {
        robeing_id,
        words: slice::from_ref(words),
        past,
        wanted: hits.missing(),
        reach: i64::MAX,
        patience: usize::MAX,
        workers,
    };
    let found = segments.find(db, &question).await?;
    for older in found.into_iter().chain([late]) {
        hits.add(older);
    }
    Ok(hits)
}

/// Hits as they are read, in parts that fit into memory, each with its text as it is searched.
async fn in_parts(
    rows: RowStream,
    workers: &Workers,
    mut each: impl FnMut(Vec<(String, Hit)>),
) -> Result<(), tokio_postgres::Error> {
    const BYTES: usize = page::BYTES / 4;
    let mut rows = pin!(rows);
    let (mut part, mut bytes) = (Vec::new(), 0);
    loop {
        let next = rows.try_next().await?;
        let is_last = next.is_none();
        if let Some(row) = next {
            let hit = Hit::of(&row)?;
            bytes += hit.bytes();
            part.push(hit);
        }
        if is_last || bytes > BYTES {
            bytes = 0;
            let whole = mem::take(&mut part);
            let work = whole.iter().map(Hit::work).sum();
            let fold = move |waiting: &Waiting| waiting.each(whole, |hit: Hit| (hit.folded(), hit));
            each(workers.run(work, fold).await);
        }
        if is_last {
            return Ok(());
        }
    }
}
