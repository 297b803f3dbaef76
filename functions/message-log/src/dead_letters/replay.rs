//! `POST /v1/dead-letters/{id}/replay`: stores a dead letter as a message.

use axum::extract::State;
use jiff::Timestamp;
use platform::postgres::scoped::{self as db, Scope};
use platform::postgres::types::{Json as Jsonb, Type};
use platform::{Admin, Error, Json, Path, Result};
use robeing::ROBEINGS;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::robeings;
use super::store::erase_letters_of_erased;
use crate::authors;
use crate::ids::Key;
use crate::log::{Edit, Log, RawEvent, Stored, source_named};
use crate::message::NewMessage;

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayRequest {
    /// The message to store; default: the body of the dead letter.
    message: Option<NewMessage>,
    /// The robeing of the message, if the body of the dead letter has none.
    #[schema(min_length = 1, max_length = 100)]
    robeing_id: Option<String>,
}

impl ReplayRequest {
    /// The message to store.
    fn message(self, body: Option<&Value>) -> Result<NewMessage> {
        let mut body = match (self.message, body) {
            (Some(message), _) if self.robeing_id.is_none() => return Ok(message),
            (Some(_), _) => {
                let detail =
                    "send either `message` or `robeing_id`: a message names its own robeing";
                return Err(Error::Invalid(detail.to_owned()));
            }
            (None, Some(body)) => body.clone(),
            (None, None) => {
                let detail = "the body was not kept: send it as `message`";
                return Err(Error::Conflict(detail.to_owned()));
            }
        };
        let has_robeing = body.get("robeing_id").is_some_and(|it| !it.is_null());
        match (self.robeing_id, body.as_object_mut()) {
            (Some(_), _) if has_robeing => {
                let detail =
                    "the dead letter has a robeing: send `message` to store it in another one";
                Err(Error::Invalid(detail.to_owned()))
            }
            (Some(robeing_id), Some(fields)) => {
                fields.insert("robeing_id".to_owned(), robeing_id.into());
                NewMessage::from_value(body)
            }
            (None, Some(_)) if !has_robeing => {
                let detail =
                    "the dead letter has no robeing: send the `robeing_id` that it belongs to";
                Err(Error::Invalid(detail.to_owned()))
            }
            _ => NewMessage::from_value(body),
        }
    }
}

/// Store a dead letter, corrected or as it is.
///
/// The message is stored under the key of the event. Replaying it twice, or delivering the event again, stores one
/// message. The dead letter of a Slack edit changes the message that was edited.
#[utoipa::path(
    post,
    path = "/v1/dead-letters/{id}/replay",
    tag = "dead letters",
    operation_id = "replay_dead_letter",
    params(("id" = Uuid, Path)),
    request_body = ReplayRequest,
    responses(
        (status = 200, description = "stored", body = Stored),
        (status = 400, description = "the message is still invalid, or the dead letter has no robeing and the request names none; `detail` says why"),
        (status = 403, description = "the caller is not an admin, or the robeing is not in the caller's scope"),
        (status = 404, description = "there is no such dead letter"),
        (status = 409, description = "the dead letter can't be replayed: its body was not kept (send `message`), another robeing has its message, its id was not kept (deliver the event again), it was erased, or it is an edit of a message that has a newer edit or is deleted"),
        (status = 413, description = "the message is too large"),
        (status = 415, description = "the body is not JSON"),
        (status = 422, description = "another message has its key"),
        (status = 503, description = "the database is not available"),
    )
)]
pub async fn replay(
    State(log): State<Log>,
    Admin(caller): Admin,
    Path(id): Path<Uuid>,
    Json(request): Json<ReplayRequest>,
) -> Result<Json<Stored>> {
    let scope = Scope::of(ROBEINGS, caller.scope.of(ROBEINGS));
    let client = log.pool.get().await?;
    let letter = db::query(
        &client,
        &scope,
        "select source, source_event_id, is_exact, event_time, event_order, sent_at, body, edit,
                case when replayed_at is not null then robeing_id end as stored_in,
                erased_at is not null as is_erased
         from conversation.dead_letter
         where id = $1 and ($2::text[] is null or robeing_id = any ($2))",
        &[
            (&id, Type::UUID),
            (&robeings(caller.scope.of(ROBEINGS)), Type::TEXT_ARRAY),
        ],
    )
    .await?;
    let letter = letter.first();
    let letter = letter.ok_or_else(|| Error::NotFound(format!("there is no dead letter {id}")))?;
    if letter.try_get("is_erased")? {
        let detail = "the dead letter was erased and can't be replayed";
        return Err(Error::Conflict(detail.to_owned()));
    }
    let body: Option<Value> = letter.try_get("body")?;
    let mut message = request.message(body.as_ref())?;
    robeing::may_see(&caller, &message.robeing_id)?;
    let stored_in: Option<String> = letter.try_get("stored_in")?;
    if let Some(stored_in) = stored_in.filter(|it| *it != message.robeing_id) {
        return Err(Error::Conflict(format!(
            "the dead letter was stored in the robeing `{stored_in}`: to store a copy in another one, send it to \
             `/v1/messages`"
        )));
    }
    let source: String = letter.try_get("source")?;
    let order: Option<i64> = letter.try_get("event_order")?;
    let key = Key {
        text: letter.try_get("source_event_id")?,
        time: letter.try_get("event_time")?,
        order: order.map(i64::cast_unsigned),
    };
    if !letter.try_get::<_, bool>("is_exact")? {
        // Under a shortened or masked id the message could be stored twice.
        let detail = "the event id was masked or cut and doesn't identify the event: deliver the event again";
        return Err(Error::Conflict(detail.to_owned()));
    }
    drop(client);
    let sent_at: Option<Timestamp> = letter.try_get("sent_at")?;
    let edit: Option<Jsonb<Edit>> = letter.try_get("edit")?;
    if source == "slack" {
        authors::add_user_id(&log, &mut message, body.as_ref(), &key).await?;
    }
    let event = RawEvent {
        sent_at,
        ..RawEvent::with_key(source_named(&source), key)
    };
    let robeing_id = message.robeing_id.clone();
    let event = event.with_message(message);
    let stored = match edit {
        None => log.store_one(event).await?,
        Some(Jsonb(edit)) => log.edit(event, &edit).await?.ok_or_else(|| {
            let detail = "the message has a newer edit or is deleted, so this edit changes nothing";
            Error::Conflict(detail.to_owned())
        })?,
    };
    let client = log.pool.get().await?;
    db::query(
        &client,
        &scope,
        "update conversation.dead_letter
         set replayed_at = coalesce(replayed_at, now()), message_id = $2,
             robeing_id = case when replayed_at is null then $3 else coalesce(robeing_id, $3) end
         where id = $1",
        &[
            (&id, Type::UUID),
            (&stored.id, Type::UUID),
            (&robeing_id, Type::TEXT),
        ],
    )
    .await?;
    erase_letters_of_erased(&client, &[stored.id]).await?;
    Ok(Json(stored))
}
