//! `POST /v1/dead-letters/{id}/replay`: stores a dead letter as a message.

use axum::extract::State;
use jiff::Timestamp;
use platform::auth::Names;
use platform::postgres::Client;
use platform::postgres::scoped::{self as db, Scope};
use platform::postgres::types::{Json as Jsonb, Type};
use platform::{Admin, Caller, Error, Json, Path, Result};
use robeing::ROBEINGS;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::robeings;
use super::store::erase_letters_of_erased;
use crate::authors;
use crate::ids::Key;
use crate::log::{Edit, Log, OTHER_MESSAGE, RawEvent, Sought, Stored, source_named};
use crate::message::NewMessage;

/// How often a dead letter is read again that changes before it is claimed.
const MAX_CLAIMS: usize = 5;

#[derive(Clone, Default, Deserialize, ToSchema)]
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
        (status = 409, description = "the dead letter can't be replayed: its body was not kept (send `message`), another robeing has its message, its id was not kept (deliver the event again), it was erased or dismissed, it is an edit of a message that has a newer edit or is deleted, or it is being replayed or delivered (send the request again)"),
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
    let (letter, message) = claim(&log, &caller, id, &request).await?;
    let stored = match letter.store(&log, message).await {
        Ok(stored) => stored,
        Err(error) => {
            if letter.is_claim_first && stored_nothing(&error) {
                letter.release(&log, &caller).await?;
            }
            return Err(error);
        }
    };
    letter.settle(&log, &caller, stored.id).await?;
    Ok(Json(stored))
}

/// Claims the dead letter for the robeing of the message, so that no other replay stores it in another robeing.
async fn claim(
    log: &Log,
    caller: &Caller,
    id: Uuid,
    request: &ReplayRequest,
) -> Result<(Letter, NewMessage)> {
    let scope = caller.scope.of(ROBEINGS);
    let client = log.pool.get().await?;
    for _ in 0..MAX_CLAIMS {
        let Some(mut letter) = Letter::read(&client, scope, id).await? else {
            return Err(Error::NotFound(format!("there is no dead letter {id}")));
        };
        let message = letter.message(request.clone(), caller)?;
        if letter.claim(&client, scope, &message.robeing_id).await? {
            return Ok((letter, message));
        }
    }
    let detail = "the dead letter is being replayed or delivered: send the request again";
    Err(Error::Conflict(detail.to_owned()))
}

/// Records the message of a replay that stored it and could not record it.
pub(super) async fn settle_earlier(log: &Log, caller: &Caller, id: Uuid) -> Result<()> {
    let client = log.pool.get().await?;
    let letter = Letter::read(&client, caller.scope.of(ROBEINGS), id).await?;
    // What follows needs a connection of its own.
    drop(client);
    let Some(letter) = letter else {
        return Ok(());
    };
    match letter.stored_earlier(log).await? {
        Some(message_id) => letter.settle(log, caller, message_id).await,
        None => Ok(()),
    }
}

/// Whether a replay that failed has certainly stored nothing in its robeing.
fn stored_nothing(error: &Error) -> bool {
    // A conflict is with the row of the message in this robeing.
    !matches!(
        error,
        Error::Conflict(_) | Error::Unavailable { .. } | Error::Internal(_)
    )
}

/// A dead letter, as a replay read it.
struct Letter {
    id: Uuid,
    source: String,
    key: Key,
    is_exact: bool,
    sent_at: Option<Timestamp>,
    body: Option<Value>,
    edit: Option<Jsonb<Value>>,
    robeing_id: Option<String>,
    /// When a replay claimed it for its robeing.
    claimed_at: Option<Timestamp>,
    /// Whether no other replay has claimed it before.
    is_claim_first: bool,
    is_erased: bool,
    is_dismissed: bool,
    is_settled: bool,
    reason: String,
    attempts: i32,
}

impl Letter {
    async fn read(client: &Client, scope: &Names, id: Uuid) -> Result<Option<Self>> {
        let rows = db::query(
            client,
            &Scope::of(ROBEINGS, scope),
            "select source, source_event_id, is_exact, event_time, event_order, sent_at, body, edit, robeing_id,
                    replayed_at, erased_at is not null as is_erased, dismissed_at is not null as is_dismissed,
                    message_id is not null as is_settled, reason, attempts
             from conversation.dead_letter
             where id = $1 and ($2::text[] is null or robeing_id = any ($2))",
            &[(&id, Type::UUID), (&robeings(scope), Type::TEXT_ARRAY)],
        )
        .await?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        let order: Option<i64> = row.try_get("event_order")?;
        Ok(Some(Self {
            id,
            source: row.try_get("source")?,
            key: Key {
                text: row.try_get("source_event_id")?,
                time: row.try_get("event_time")?,
                order: order.map(i64::cast_unsigned),
            },
            is_exact: row.try_get("is_exact")?,
            sent_at: row.try_get("sent_at")?,
            body: row.try_get("body")?,
            edit: row.try_get("edit")?,
            robeing_id: row.try_get("robeing_id")?,
            claimed_at: row.try_get("replayed_at")?,
            is_claim_first: false,
            is_erased: row.try_get("is_erased")?,
            is_dismissed: row.try_get("is_dismissed")?,
            is_settled: row.try_get("is_settled")?,
            reason: row.try_get("reason")?,
            attempts: row.try_get("attempts")?,
        }))
    }

    /// The message to store.
    ///
    /// # Errors
    /// If the dead letter can't be replayed, or not in the robeing of the message.
    fn message(&self, request: ReplayRequest, caller: &Caller) -> Result<NewMessage> {
        if self.is_dismissed {
            let detail = "the dead letter was dismissed, which emptied it: to store the event after all, deliver the original again";
            return Err(Error::Conflict(detail.to_owned()));
        }
        if self.is_erased {
            let detail = "the dead letter was erased and can't be replayed";
            return Err(Error::Conflict(detail.to_owned()));
        }
        let message = request.message(self.body.as_ref())?;
        robeing::may_see(caller, &message.robeing_id)?;
        let stored_in = self.claimed_at.and(self.robeing_id.as_ref());
        if let Some(stored_in) = stored_in.filter(|it| **it != message.robeing_id) {
            return Err(Error::Conflict(format!(
                "the dead letter was stored in the robeing `{stored_in}`: to store a copy in another one, send it to \
                 `/v1/messages`"
            )));
        }
        if !self.is_exact {
            // Under a shortened or masked id the message could be stored twice.
            let detail = "the event id was masked or cut and doesn't identify the event: deliver the event again";
            return Err(Error::Conflict(detail.to_owned()));
        }
        Ok(message)
    }

    /// Returns false if the dead letter has changed since it was read. A claim for the same robeing is renewed, so that
    /// the replay that made it doesn't release it.
    async fn claim(&mut self, client: &Client, scope: &Names, robeing_id: &str) -> Result<bool> {
        let rows = db::query(
            client,
            &Scope::of(ROBEINGS, scope),
            "update conversation.dead_letter
             set robeing_id = $2,
                 replayed_at = case
                     when replayed_at is null or message_id is null then clock_timestamp()
                     else replayed_at
                 end
             where id = $1
               and attempts = $3
               and erased_at is null
               and replayed_at is not distinct from $4
               and robeing_id is not distinct from $5
             returning replayed_at",
            &[
                (&self.id, Type::UUID),
                (&robeing_id, Type::TEXT),
                (&self.attempts, Type::INT4),
                (&self.claimed_at, Type::TIMESTAMPTZ),
                (&self.robeing_id, Type::TEXT),
            ],
        )
        .await?;
        let Some(row) = rows.first() else {
            return Ok(false);
        };
        self.is_claim_first = self.claimed_at.is_none();
        self.claimed_at = row.try_get("replayed_at")?;
        Ok(true)
    }

    /// Gives up a claim that no other replay has renewed.
    async fn release(&self, log: &Log, caller: &Caller) -> Result<()> {
        let client = log.pool.get().await?;
        db::query(
            &client,
            &Scope::of(ROBEINGS, caller.scope.of(ROBEINGS)),
            "update conversation.dead_letter
             set replayed_at = null, robeing_id = $3
             where id = $1 and replayed_at = $2 and message_id is null",
            &[
                (&self.id, Type::UUID),
                (&self.claimed_at, Type::TIMESTAMPTZ),
                (&self.robeing_id, Type::TEXT),
            ],
        )
        .await?;
        Ok(())
    }

    async fn store(&self, log: &Log, mut message: NewMessage) -> Result<Stored> {
        if self.source == "slack" {
            authors::add_user_id(log, &mut message, self.body.as_ref(), &self.key).await?;
        }
        let event = RawEvent {
            sent_at: self.sent_at,
            ..RawEvent::with_key(source_named(&self.source), self.key.clone())
        };
        let event = event.with_message(message);
        let Some(edit) = self.edit()? else {
            return log.store_one(event).await;
        };
        log.edit(event, &edit).await?.ok_or_else(|| {
            let detail = "the message has a newer edit or is deleted, so this edit changes nothing";
            Error::Conflict(detail.to_owned())
        })
    }

    fn edit(&self) -> Result<Option<Edit>> {
        let edit = self.edit.as_ref().map(|Jsonb(it)| Edit::deserialize(it));
        Ok(edit.transpose().map_err(anyhow::Error::from)?)
    }

    /// The message that a replay stored without recording it.
    async fn stored_earlier(&self, log: &Log) -> Result<Option<Uuid>> {
        let robeing_id = self.claimed_at.and(self.robeing_id.as_deref());
        let Some(robeing_id) = robeing_id else {
            return Ok(None);
        };
        // A replay can't store an event whose key has another message.
        if self.is_settled || self.is_erased || self.is_dismissed || self.reason == OTHER_MESSAGE {
            return Ok(None);
        }
        let edit = self.edit()?;
        let sought = Sought {
            robeing_id,
            source: source_named(&self.source),
            key: &self.key,
            body: self.body.as_ref(),
            edit: edit.as_ref(),
        };
        log.find(&sought).await
    }

    /// Records the message that the dead letter became, unless it has a newer edit by now.
    async fn settle(&self, log: &Log, caller: &Caller, message_id: Uuid) -> Result<()> {
        let client = log.pool.get().await?;
        db::query(
            &client,
            &Scope::of(ROBEINGS, caller.scope.of(ROBEINGS)),
            "update conversation.dead_letter
             set message_id = $2
             where id = $1 and edit is not distinct from $3",
            &[
                (&self.id, Type::UUID),
                (&message_id, Type::UUID),
                (&self.edit, Type::JSONB),
            ],
        )
        .await?;
        erase_letters_of_erased(&client, &[message_id]).await
    }
}
