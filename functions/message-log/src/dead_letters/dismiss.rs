//! `POST /v1/dead-letters/{id}/dismiss`: empties a dead letter that nobody will replay, and keeps who decided it, when
//! and why.

use std::time::Duration;

use axum::extract::State;
use jiff::Timestamp;
use people::{Actor, Entry, audit};
use platform::postgres::Client;
use platform::postgres::scoped::{self as db, Scope};
use platform::postgres::types::Type;
use platform::serve::ClientAddress;
use platform::{Admin, Error, Json, Path, Result};
use robeing::ROBEINGS;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio_postgres::Row;
use utoipa::ToSchema;
use uuid::Uuid;

use super::replay::settle_earlier;
use super::robeings;
use crate::log::Log;

/// In characters.
const MAX_REASON: usize = 500;
/// A replay that claimed the dead letter longer ago has come to its end, or never will.
const LONGEST_REPLAY: Duration = Duration::from_secs(120);

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DismissRequest {
    /// Why the event will not be stored. It is masked.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

impl DismissRequest {
    fn reason(self) -> Result<String> {
        let reason = self.reason.trim();
        if reason.is_empty() {
            let detail = "reason is empty: say why the event will not be stored";
            return Err(Error::Invalid(detail.to_owned()));
        }
        let length = reason.chars().count();
        if length > MAX_REASON {
            return Err(Error::Invalid(format!(
                "reason has {length} characters: send at most {MAX_REASON}"
            )));
        }
        Ok(reason.to_owned())
    }
}

#[derive(Serialize, ToSchema)]
pub struct Dismissal {
    /// The id of the dead letter.
    id: Uuid,
    /// The masked reason.
    reason: String,
    /// The name of the caller who dismissed it; null after an erasure.
    dismissed_by: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    dismissed_at: Timestamp,
}

impl Dismissal {
    fn of(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            reason: row.try_get("reason")?,
            dismissed_by: row.try_get("dismissed_by")?,
            dismissed_at: row.try_get("dismissed_at")?,
        })
    }
}

/// Dismiss a dead letter that will not be stored.
///
/// Its body and event id are removed. Its id, the reason, and who dismissed it and when are kept, and are listed with
/// `?status=dismissed`. Dismissing it again changes nothing and returns the first dismissal. The original in the
/// dead-letter queue of the source stays there: delete it.
#[utoipa::path(
    post,
    path = "/v1/dead-letters/{id}/dismiss",
    tag = "dead letters",
    operation_id = "dismiss_dead_letter",
    params(("id" = Uuid, Path)),
    request_body = DismissRequest,
    responses(
        (status = 200, description = "dismissed, now or earlier", body = Dismissal),
        (status = 400, description = "the reason is missing, empty or too long"),
        (status = 403, description = "the caller is not an admin"),
        (status = 404, description = "there is no such dead letter in the caller's scope"),
        (status = 409, description = "the dead letter was replayed or emptied, so there is nothing to dismiss, or it was being replayed less than two minutes ago (send the request again later)"),
        (status = 413, description = "the body is too large"),
        (status = 415, description = "the body is not JSON"),
        (status = 503, description = "the database is not available"),
    )
)]
pub async fn dismiss(
    State(log): State<Log>,
    Admin(caller): Admin,
    ClientAddress(address): ClientAddress,
    Path(id): Path<Uuid>,
    Json(request): Json<DismissRequest>,
) -> Result<Json<Dismissal>> {
    let reason = log.masked_text(request.reason()?).await?;
    settle_earlier(&log, &caller, id).await?;
    let names = robeings(caller.scope.of(ROBEINGS));
    let scope = Scope::of(ROBEINGS, caller.scope.of(ROBEINGS));
    let mut client = log.pool.get().await?;
    let transaction = db::begin(&mut client, &scope).await?;
    // The failure's own reason may quote the event, and no erasure could find it without the body.
    let dismissed = transaction
        .query_typed_opt(
            "update conversation.dead_letter
             set body = null, source_event_id = '', reason = $3,
                 dismissed_by = $4, dismissed_at = now(), erased_at = now()
             where id = $1
               and ($2::text[] is null or robeing_id = any ($2))
               and message_id is null
               and erased_at is null
               and (replayed_at is null or replayed_at < clock_timestamp() - make_interval(secs => $5))
             returning id, reason, dismissed_by, dismissed_at",
            &[
                (&id, Type::UUID),
                (&names, Type::TEXT_ARRAY),
                (&reason, Type::TEXT),
                (&&*caller.name, Type::TEXT),
                (&LONGEST_REPLAY.as_secs_f64(), Type::FLOAT8),
            ],
        )
        .await?;
    let Some(row) = dismissed else {
        drop(transaction);
        return earlier(&client, &scope, id, names).await.map(Json);
    };
    let entry = Entry {
        action: "dead_letter.dismiss",
        subject_kind: "dead_letter",
        subject: &id.to_string(),
        detail: json!({}),
    };
    audit::record(&transaction, &Actor::of(&caller, address), &entry).await?;
    transaction.commit().await?;
    tracing::info!(dead_letter = %id, "a dead letter was dismissed");
    Ok(Json(Dismissal::of(&row)?))
}

/// The earlier dismissal of a dead letter, or why it can't be dismissed.
async fn earlier(
    client: &Client,
    scope: &Scope,
    id: Uuid,
    names: Option<&[String]>,
) -> Result<Dismissal> {
    let found = db::query(
        client,
        scope,
        "select id, reason, dismissed_by, dismissed_at,
                dismissed_at is not null as is_dismissed, message_id is not null as is_stored,
                erased_at is not null as is_emptied
         from conversation.dead_letter
         where id = $1 and ($2::text[] is null or robeing_id = any ($2))",
        &[(&id, Type::UUID), (&names, Type::TEXT_ARRAY)],
    )
    .await?;
    let Some(row) = found.first() else {
        return Err(Error::NotFound(format!("there is no dead letter {id}")));
    };
    if row.try_get("is_dismissed")? {
        return Dismissal::of(row);
    }
    let detail = match (row.try_get("is_stored")?, row.try_get("is_emptied")?) {
        (true, _) => {
            "the dead letter was replayed: its event is stored, so there is nothing to dismiss"
        }
        (false, true) => "the dead letter was emptied before, so there is nothing to dismiss",
        (false, false) => {
            "the dead letter is being replayed: send the request again in two minutes"
        }
    };
    Err(Error::Conflict(detail.to_owned()))
}
