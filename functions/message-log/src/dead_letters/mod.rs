//! Dead letters: events that can't be stored, kept masked and with the reason until they are replayed or dismissed.
//!
//! The delivery fails nevertheless, so that the dead letter queue of a queue has the original event.

pub mod dismiss;
pub mod replay;
mod store;

use axum::extract::State;
use jiff::Timestamp;
use platform::auth::Names;
use platform::extract::page_limit;
use platform::postgres::scoped::{self as db, Scope};
use platform::postgres::types::Type;
use platform::{Admin, Cursor, Json, Query, Result};
use robeing::ROBEINGS;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::log::Log;
use crate::page::{self, Include, Listed, STORED_BYTES};

pub use store::{Attribution, discard, letter_key, mark_stored, replayed_in, store};

/// Erases a dead letter. Its key stays, so that the same event is not stored again.
pub(crate) const EMPTY_LETTER: &str = "body = null, reason = 'erased', source_event_id = '', edit = null, message_id = null, dismissed_by = null, erased_at = now()";

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// An admin decided that it will not be stored.
    Dismissed,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListParams {
    /// Include dead letters that were replayed.
    #[param(default = false)]
    replayed: Option<bool>,
    /// `erased` includes dead letters that were emptied: erased, or edited or deleted by their sender in Slack.
    #[param(inline)]
    include: Option<Include>,
    /// `dismissed` lists only dead letters that were dismissed, which are listed nowhere else.
    #[param(inline)]
    status: Option<Status>,
    /// The most items per page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<i64>,
    /// The `next` of the previous page.
    #[param(value_type = Option<Uuid>)]
    after: Option<Cursor<Uuid>>,
}

/// A page of at most 4 MB. With large bodies it has fewer items than `limit`, and a `next`.
#[derive(Serialize, ToSchema)]
pub struct DeadLetters {
    #[schema(value_type = Vec<DeadLetter>)]
    items: Vec<Box<RawValue>>,
    /// The cursor of the next page, to be sent as `after`; null on the last page.
    next: Option<Uuid>,
}

#[derive(Serialize, ToSchema)]
pub struct DeadLetter {
    id: Uuid,
    source: String,
    source_event_id: String,
    robeing_id: Option<String>,
    /// Why it could not be stored. Once it is dismissed, the reason that the admin gave.
    reason: String,
    /// The masked body; null if masking failed, the body is too large, or the dead letter was emptied.
    #[schema(value_type = Option<Object>)]
    body: Option<Value>,
    /// The number of deliveries.
    attempts: i32,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    last_attempt_at: Timestamp,
    /// The time at which it was replayed or delivered again; null if a newer edit in Slack could not be stored.
    #[schema(value_type = Option<String>, format = DateTime)]
    replayed_at: Option<Timestamp>,
    /// The id of the message that it became.
    message_id: Option<Uuid>,
    /// The time at which it was emptied: erased, dismissed, or edited or deleted by its sender in Slack.
    #[schema(value_type = Option<String>, format = DateTime)]
    erased_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    dismissed_at: Option<Timestamp>,
    /// The name of the caller who dismissed it; null after an erasure.
    dismissed_by: Option<String>,
}

/// List events that could not be stored, newest first.
#[utoipa::path(
    get,
    path = "/v1/dead-letters",
    tag = "dead letters",
    operation_id = "list_dead_letters",
    params(ListParams),
    responses(
        (status = 200, description = "one page", body = DeadLetters),
        (status = 400, description = "a parameter is invalid"),
        (status = 403, description = "the caller is not an admin"),
        (status = 503, description = "the database is not available"),
    )
)]
pub async fn list(
    State(log): State<Log>,
    Admin(caller): Admin,
    Query(params): Query<ListParams>,
) -> Result<Json<DeadLetters>> {
    let limit = page_limit(params.limit, 50)?;
    let past = params.after.map_or(Uuid::max(), |Cursor(id)| id);
    let one_more = limit + 1;
    let client = log.pool.get().await?;
    let rows = db::query(
        &client,
        &Scope::of(ROBEINGS, caller.scope.of(ROBEINGS)),
        "select *
         from (
             select *,
                    count(*) over () as found,
                    sum(coalesce(octet_length(body::text), 0))
                        over (order by id desc rows between unbounded preceding and 1 preceding) as before
             from (
                 select id, source, source_event_id, robeing_id, reason, body, attempts, created_at,
                        last_attempt_at, message_id, erased_at, dismissed_at, dismissed_by,
                        case when message_id is not null or erased_at is not null then replayed_at end as replayed_at
                 from conversation.dead_letter
                 where id < $1
                   and ($2::text[] is null or robeing_id = any ($2))
                   -- A replay that did not come to its end, or a newer edit since, has to be replayed.
                   and case
                       when $7 then dismissed_at is not null
                       else dismissed_at is null
                           and ($3 or replayed_at is null or message_id is null and erased_at is null)
                           and ($6 or erased_at is null)
                   end
                 order by id desc
                 limit $4
             ) as wanted
         ) as measured
         where coalesce(before, 0) < $5
         order by id desc",
        &[
            (&past, Type::UUID),
            (&robeings(caller.scope.of(ROBEINGS)), Type::TEXT_ARRAY),
            (&params.replayed.unwrap_or(false), Type::BOOL),
            (&one_more, Type::INT8),
            (&STORED_BYTES, Type::INT8),
            (&(params.include == Some(Include::Erased)), Type::BOOL),
            (&(params.status == Some(Status::Dismissed)), Type::BOOL),
        ],
    )
    .await?;
    let found: i64 = rows.first().map_or(Ok(0), |row| row.try_get("found"))?;
    let mut items = rows
        .iter()
        .map(|row| {
            Ok(DeadLetter {
                id: row.try_get("id")?,
                source: row.try_get("source")?,
                source_event_id: row.try_get("source_event_id")?,
                robeing_id: row.try_get("robeing_id")?,
                reason: row.try_get("reason")?,
                body: row.try_get("body")?,
                attempts: row.try_get("attempts")?,
                created_at: row.try_get("created_at")?,
                last_attempt_at: row.try_get("last_attempt_at")?,
                replayed_at: row.try_get("replayed_at")?,
                message_id: row.try_get("message_id")?,
                erased_at: row.try_get("erased_at")?,
                dismissed_at: row.try_get("dismissed_at")?,
                dismissed_by: row.try_get("dismissed_by")?,
            })
        })
        .collect::<Result<Vec<_>, tokio_postgres::Error>>()?;
    items.truncate(usize::try_from(limit).unwrap_or_default());
    let has_more = (items.len() as i64) < found;
    let (items, next) = page::of(items, has_more)?;
    Ok(Json(DeadLetters { items, next }))
}

impl Listed for DeadLetter {
    fn id(&self) -> Uuid {
        self.id
    }

    /// A body has at most an eighth of a page.
    fn cut(&mut self) {}
}

fn robeings(scope: &Names) -> Option<&[String]> {
    match scope {
        Names::All => None,
        Names::Only(names) => Some(names),
    }
}
