//! `GET /v1/robeings/{id}/search`: the messages that contain all terms of a query, newest first.
//!
//! A search first reads the newest messages of the robeing, which mostly have enough hits for common terms. It finds
//! older messages by an index of the n-grams of their texts, in the newest segments first, until there are enough
//! hits. Messages that were stored since the last roll-up are not in the index and are read as well.

mod english;
pub(crate) mod folding;
mod hits;
pub(crate) mod ngrams;
mod packing;
mod postings;
mod recent;
pub(crate) mod roll_up;
mod segments;
mod terms;
mod time_key;

use std::mem;
use std::pin::pin;
use std::slice;

use axum::extract::State;
use futures::TryStreamExt as _;
use jiff::Timestamp;
use platform::extract::page_limit;
use platform::postgres::scoped::{self, Scope};
use platform::work::{Waiting, Workers};
use platform::{Caller, Cursor, Error, Json, Path, Query, Result};
use robeing::ROBEINGS;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::try_join;
use tokio_postgres::{Row, RowStream, Transaction};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::log::Log;
use crate::page::{self, Listed};
use folding::fold;
use ngrams::start;

pub use hits::Hits;
pub use recent::newest_of;
pub use segments::{Lookup, Segments};
pub use terms::Terms;

/// In characters.
const MAX_QUERY: usize = 200;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SearchParams {
    /// Words that must all be in the message or its response, in any order; 2 to 200 characters. Case, accents, vowel
    /// marks and the forms of English words don't matter.
    #[param(required, min_length = 2, max_length = 200)]
    q: Option<String>,
    /// The most items per page.
    #[param(minimum = 1, maximum = 200, default = 20)]
    limit: Option<i64>,
    /// The `next` of the previous page.
    #[param(value_type = Option<Uuid>)]
    after: Option<Cursor<Uuid>>,
}

/// A page of at most 4 MB. With large messages it has fewer items than `limit`, and a `next`.
#[derive(Serialize, ToSchema)]
pub struct SearchPage {
    #[schema(value_type = Vec<Hit>)]
    items: Vec<Box<RawValue>>,
    /// The cursor of the next page, to be sent as `after`; null on the last page.
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

/// Search the messages of a robeing, newest first.
#[utoipa::path(
    get,
    path = "/v1/robeings/{id}/search",
    tag = "memory",
    operation_id = "search_messages",
    params(("id" = String, Path, description = "the robeing"), SearchParams),
    responses(
        (status = 200, description = "one page", body = SearchPage),
        (status = 400, description = "`q` has no word of two letters, or a parameter is invalid"),
        (status = 403, description = "the robeing is not in the caller's scope"),
        (status = 503, description = "the database is not available"),
    )
)]
pub async fn search(
    State(log): State<Log>,
    caller: Caller,
    Path(robeing_id): Path<String>,
    Query(params): Query<SearchParams>,
) -> Result<Json<SearchPage>> {
    robeing::may_see(&caller, &robeing_id)?;
    let limit = page_limit(params.limit, 20)?;
    let q = params
        .q
        .ok_or_else(|| Error::Invalid("q is missing: send the words to search for".to_owned()))?;
    if q.chars().count() > MAX_QUERY {
        return Err(Error::Invalid(format!(
            "q is longer than {MAX_QUERY} characters"
        )));
    }
    let terms = Terms::of(&q);
    if terms.words().all(|word| word.chars().count() < 2) {
        return Err(Error::Invalid(
            "q needs a word of two letters or more".to_owned(),
        ));
    }
    let mut client = log.pool.get().await?;
    let db = scoped::read(&mut client, &Scope::only(ROBEINGS, [robeing_id.as_str()])).await?;
    let past = params.after.map_or(Uuid::max(), |Cursor(id)| id);
    let wanted = usize::try_from(limit).unwrap_or_default();
    let found = find(&db, &log.workers, &robeing_id, &terms, past, wanted + 1).await?;
    drop(db);
    let mut hits = found.hits;
    let has_more = hits.len() > wanted || found.is_cut;
    hits.truncate(wanted);
    let (items, next) = page::of(hits, has_more)?;
    Ok(Json(SearchPage { items, next }))
}

impl Listed for Hit {
    fn id(&self) -> Uuid {
        self.id
    }

    /// Two texts of 256 KiB always fit, even if all of their characters are escaped.
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

    /// The bytes of its texts, as they are stored.
    fn bytes(&self) -> usize {
        let texts = [&self.message, &self.response].into_iter().flatten();
        texts.map(String::len).sum()
    }

    /// Both texts as they are searched.
    pub fn folded(&self) -> String {
        let texts = [&self.message, &self.response].into_iter().flatten();
        let folded: Vec<String> = texts.map(|text| fold(start(text))).collect();
        folded.join(" ")
    }

    /// The bytes that [`folded`](Self::folded) reads.
    pub fn work(&self) -> usize {
        let texts = [&self.message, &self.response].into_iter().flatten();
        texts.map(|text| start(text).len()).sum()
    }
}

/// The newest messages before `past` that contain all terms.
async fn find(
    db: &Transaction<'_>,
    workers: &Workers,
    robeing_id: &str,
    terms: &Terms,
    past: Uuid,
    wanted: usize,
) -> Result<Hits> {
    let newest = recent::newest(db, robeing_id, past).await?;
    let mut hits = Hits::new(wanted);
    hits.extend(terms.filter(newest.hits, workers).await);
    let Some(past) = newest.past.filter(|_| hits.missing() > 0) else {
        return Ok(hits);
    };
    let (unindexed, segments) = try_join!(
        recent::unindexed(db, workers, robeing_id, past, terms, hits.missing()),
        Segments::open(db, robeing_id)
    )?;
    let lookup = Lookup {
        robeing_id,
        queries: slice::from_ref(terms),
        past,
        wanted: hits.missing(),
        max_messages: i64::MAX,
        max_candidates: usize::MAX,
        workers,
    };
    let found = segments.find(db, &lookup).await?;
    for older in found.into_iter().chain([unindexed]) {
        hits.add(older);
    }
    Ok(hits)
}

/// Passes the rows of a stream on in parts that fit into memory, each row with its folded text.
async fn read_in_parts(
    rows: RowStream,
    workers: &Workers,
    mut on_part: impl FnMut(Vec<(String, Hit)>),
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
            on_part(workers.run(work, fold).await);
        }
        if is_last {
            return Ok(());
        }
    }
}
