//! Feedback: scores and comments on messages and responses, by people, by agents and by Slack reactions.
//!
//! A giver has one score per message and name: a second one replaces the first. Each Slack reaction is a score of its
//! own, since a person may remove one and keep another. Feedback lives as long as its message: see
//! `derived.rs`.

pub mod list;
mod reactions;

use axum::extract::State;
use http::StatusCode;
use jiff::Timestamp;
use platform::postgres::scoped::{self as db, Scope};
use platform::postgres::types::{Json as Jsonb, Type};
use platform::{Caller, Error, Json, Path, Result, Writer};
use robeing::ROBEINGS;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio_postgres::{Row, Transaction};
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaType, Type as JsonType};
use uuid::Uuid;

use crate::ids::digest;
use crate::log::Log;
use crate::personal::PersonId;
use crate::search::folding::is_invisible;

pub use reactions::Reactions;
pub(crate) use reactions::{Expected, Reaction};

/// In characters.
const MAX_NAME: usize = 64;
const MAX_LABEL: usize = 100;
const MAX_COMMENT: usize = 4_000;
/// Keeps sums of scores exact enough for an average.
const MAX_NUMBER: f64 = 1e9;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewFeedback {
    /// What is scored, such as `helpful`: a letter, followed by letters, digits, `_`, `-` and `.`.
    #[schema(min_length = 1, max_length = 64)]
    name: String,
    /// A number, `true` or `false`, or a label of at most 100 characters. A label is masked.
    #[schema(schema_with = value_schema)]
    value: Option<Value>,
    /// Masked like a message.
    #[schema(max_length = 4_000)]
    comment: Option<String>,
    /// The person who gave it: their `user_id`, or their Slack id such as `U0123ABCD` or `T0123ABCD:U0123ABCD`.
    /// Default: the caller itself.
    #[schema(value_type = Option<String>)]
    user_id: Option<PersonId>,
}

/// A score of a message or response by one giver.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Feedback {
    id: Uuid,
    message_id: Uuid,
    name: String,
    /// A number, `true` or `false`, or a masked label.
    #[schema(schema_with = value_schema)]
    value: Option<Value>,
    /// The masked comment.
    comment: Option<String>,
    /// The emoji, if it is a Slack reaction.
    reaction: Option<String>,
    /// `http` or `slack`.
    source: String,
    /// The person who gave it.
    user_id: Option<Uuid>,
    slack_user_id: Option<String>,
    /// The name of the caller who sent it, who also gave it if no person is named.
    agent: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    given_at: Timestamp,
}

impl Feedback {
    fn of(row: &Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            message_id: row.try_get("message_id")?,
            name: row.try_get("name")?,
            value: row.try_get("value")?,
            comment: row.try_get("comment")?,
            reaction: row.try_get("reaction")?,
            source: row.try_get("source")?,
            user_id: row.try_get("user_id")?,
            slack_user_id: row.try_get("slack_user_id")?,
            agent: row.try_get("agent")?,
            given_at: row.try_get("given_at")?,
        })
    }

    pub(crate) fn message_id(&self) -> Uuid {
        self.message_id
    }
}

impl NewFeedback {
    /// Checks the fields, and takes a blank comment for none.
    fn checked(mut self) -> Result<Self> {
        check_name(&self.name)?;
        if let Some(value) = &self.value {
            check_value("value", value).map_err(Error::Invalid)?;
        }
        self.comment = self.comment.filter(|it| !is_blank(it));
        if let Some(comment) = &self.comment {
            let length = comment.chars().count();
            if length > MAX_COMMENT {
                return Err(Error::Invalid(format!(
                    "comment has {length} characters: send at most {MAX_COMMENT}"
                )));
            }
            if comment.contains('\0') {
                let detail = "comment contains a NUL character, which can't be stored: remove it";
                return Err(Error::Invalid(detail.to_owned()));
            }
        }
        if self.value.is_none() && self.comment.is_none() {
            let detail = "value and comment are both empty: send at least one of them";
            return Err(Error::Invalid(detail.to_owned()));
        }
        Ok(self)
    }

    /// Masks what people wrote, as the robeing's settings say: a label as the value of its name. A name is the same for
    /// all messages, so one that would be masked is refused.
    async fn mask(&mut self, log: &Log, robeing_id: &str) -> Result<()> {
        let mut texts = Map::new();
        texts.insert("name".to_owned(), self.name.as_str().into());
        if let Some(label @ Value::String(_)) = self.value.take_if(|value| value.is_string()) {
            texts.insert("value".to_owned(), label);
        }
        if let Some(comment) = self.comment.take() {
            texts.insert("comment".to_owned(), comment.into());
        }
        let mut masked = log.masked_json(texts.into(), Some(robeing_id)).await?;
        if masked["name"] != self.name.as_str() {
            let detail =
                "name contains personal data or a secret: send what is scored, such as `helpful`";
            return Err(Error::Invalid(detail.to_owned()));
        }
        if let Some(label) = masked.get_mut("value").map(Value::take) {
            self.value = Some(label);
        }
        self.comment = masked["comment"].as_str().map(str::to_owned);
        Ok(())
    }

    /// Stores it, or replaces what the giver said before. Returns whether it is the first.
    async fn store(
        &self,
        db: &Transaction<'_>,
        message_id: Uuid,
        robeing_id: &str,
        agent: String,
    ) -> Result<(Feedback, bool)> {
        let mut giver = Giver {
            user_id: None,
            slack_user_id: None,
            slack_name: None,
            agent: Some(agent),
        };
        let mut has_earlier = false;
        if let Some(person) = &self.user_id {
            let (user_id, ids) = person.giver(db).await?;
            giver.user_id = user_id;
            if let PersonId::Slack { team, user } = person {
                giver.slack_user_id = Some(user.clone());
                giver.slack_name = team.as_ref().map(|_| person.to_string());
            }
            // Slack's events may have shown since then that two ids are one person's.
            let united = db
                .execute_typed(
                    include_str!("unite.sql"),
                    &[
                        (&giver.key(message_id, &self.name, ""), Type::UUID),
                        (&message_id, Type::UUID),
                        (&robeing_id, Type::TEXT),
                        (&self.name, Type::TEXT),
                        (&ids.user_ids, Type::UUID_ARRAY),
                        (&ids.slack_user_ids, Type::TEXT_ARRAY),
                        (&ids.slack_names, Type::TEXT_ARRAY),
                    ],
                )
                .await?;
            has_earlier = united > 0;
        }
        let row = db
            .query_typed_one(
                include_str!("give.sql"),
                &[
                    (&message_id, Type::UUID),
                    (&robeing_id, Type::TEXT),
                    (&Uuid::now_v7(), Type::UUID),
                    (&giver.key(message_id, &self.name, ""), Type::UUID),
                    (&self.name, Type::TEXT),
                    (&self.value.as_ref().map(Jsonb), Type::JSONB),
                    (&self.comment, Type::TEXT),
                    (&giver.user_id, Type::UUID),
                    (&giver.slack_user_id, Type::TEXT),
                    (&giver.agent, Type::TEXT),
                    (
                        &giver.slack_name.as_ref().map(|it| vec![it]),
                        Type::TEXT_ARRAY,
                    ),
                ],
            )
            .await?;
        let is_inserted: bool = row.try_get("is_new")?;
        Ok((Feedback::of(&row)?, is_inserted && !has_earlier))
    }
}

/// The types of a value in the OpenAPI document.
fn value_schema() -> Object {
    let types = [
        JsonType::Number,
        JsonType::Boolean,
        JsonType::String,
        JsonType::Null,
    ];
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter(types))
        .description(Some("a number, true or false, or a label, which is masked"))
        .build()
}

fn check_name(name: &str) -> Result<()> {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    let starts = name.starts_with(|first: char| first.is_ascii_alphabetic());
    if starts && name.len() <= MAX_NAME && name.bytes().all(is_part) {
        return Ok(());
    }
    Err(Error::Invalid(format!(
        "name is invalid: send a letter, followed by letters, digits, `_`, `-` and `.`, at most {MAX_NAME} characters"
    )))
}

/// Whether nothing of a text can be seen.
fn is_blank(text: &str) -> bool {
    let is_seen = |it: char| !it.is_whitespace() && !it.is_control() && !is_invisible(it);
    !text.contains(is_seen)
}

/// Whether a value is a number, a boolean or a label; otherwise what is wrong with it.
fn check_value(field: &str, value: &Value) -> Result<(), String> {
    match value {
        Value::Bool(_) => Ok(()),
        Value::Number(number) if number.as_f64().is_some_and(|it| it.abs() <= MAX_NUMBER) => Ok(()),
        Value::Number(_) => Err(format!(
            "{field} is out of range: send a number from -1000000000 to 1000000000"
        )),
        Value::String(label) if is_blank(label) || label.contains(char::is_control) => Err(
            format!("{field} is empty or contains a control character: send a label as text"),
        ),
        Value::String(label) if label.chars().count() <= MAX_LABEL => Ok(()),
        Value::String(_) => Err(format!(
            "{field} is longer than {MAX_LABEL} characters: send a shorter label, or a comment"
        )),
        _ => Err(format!(
            "{field} has the wrong type: send a number, true or false, or a label"
        )),
    }
}

/// Who gave feedback. The ids of a person are those by which an erasure finds it.
struct Giver {
    user_id: Option<Uuid>,
    slack_user_id: Option<String>,
    /// The Slack id with its team. The same id in another team is another giver.
    slack_name: Option<String>,
    agent: Option<String>,
}

impl Giver {
    /// The digest that makes the feedback of one giver unique.
    fn key(&self, message_id: Uuid, name: &str, reaction: &str) -> Uuid {
        let message = message_id.to_string();
        let user = self.user_id.map(|id| id.to_string());
        // The `user_id` behind a Slack id may become known between a reaction and its removal.
        let (kind, giver) = match (&user, &self.slack_user_id, &self.agent) {
            (Some(user), _, Some(_)) => ("user", user.as_str()),
            (_, Some(slack_user), _) => (
                "slack",
                self.slack_name.as_ref().unwrap_or(slack_user).as_str(),
            ),
            (_, None, agent) => ("agent", agent.as_deref().unwrap_or_default()),
        };
        Uuid::from_bytes(digest(&[&message, name, reaction, kind, giver]))
    }
}

/// Give feedback on a message or response.
///
/// A giver has one score per message and `name`: a second one replaces the first. The giver is the person in
/// `user_id`, or else the caller. Comments and labels are masked.
#[utoipa::path(
    post,
    path = "/v1/messages/{id}/feedback",
    tag = "feedback",
    operation_id = "give_feedback",
    params(("id" = Uuid, Path, description = "the message or response")),
    request_body = NewFeedback,
    responses(
        (status = 201, description = "stored", body = Feedback),
        (status = 200, description = "it replaced the giver's earlier feedback of this name", body = Feedback),
        (status = 400, description = "the feedback is invalid; `detail` says why"),
        (status = 403, description = "the caller may not write"),
        (status = 404, description = "there is no such message in the caller's scope, or it was deleted, erased or archived"),
        (status = 413, description = "the body is too large"),
        (status = 415, description = "the body is not JSON"),
        (status = 422, description = "several people have the Slack id, or masking failed; nothing was stored"),
        (status = 503, description = "the database is not available; try again"),
    )
)]
pub async fn give(
    State(log): State<Log>,
    Writer(caller): Writer,
    Path(message_id): Path<Uuid>,
    Json(new): Json<NewFeedback>,
) -> Result<(StatusCode, Json<Feedback>)> {
    let mut new = new.checked()?;
    let robeing_id = robeing_of(&log, &caller, message_id).await?;
    new.mask(&log, &robeing_id).await?;
    let mut client = log.pool.get().await?;
    let scope = Scope::only(ROBEINGS, [robeing_id.as_str()]);
    let db = db::begin(&mut client, &scope).await?;
    // An erasure of the message waits for the lock, or this transaction sees it.
    let message = db
        .query_typed_opt(
            "select from conversation.log
             where id = $1 and robeing_id = $2 and deleted_at is null
             for no key update",
            &[(&message_id, Type::UUID), (&robeing_id, Type::TEXT)],
        )
        .await?;
    if message.is_none() {
        return Err(no_message(message_id));
    }
    let (stored, is_new) = new
        .store(&db, message_id, &robeing_id, caller.name.to_string())
        .await?;
    db.commit().await?;
    let status = match is_new {
        true => StatusCode::CREATED,
        false => StatusCode::OK,
    };
    Ok((status, Json(stored)))
}

/// The robeing of a message that the caller may see.
async fn robeing_of(log: &Log, caller: &Caller, message_id: Uuid) -> Result<String> {
    let client = log.pool.get().await?;
    let found = db::query(
        &client,
        &Scope::of(ROBEINGS, caller.scope.of(ROBEINGS)),
        "select robeing_id from conversation.log where id = $1 and deleted_at is null",
        &[(&message_id, Type::UUID)],
    )
    .await?;
    let row = found.first().ok_or_else(|| no_message(message_id))?;
    Ok(row.try_get("robeing_id")?)
}

fn no_message(id: Uuid) -> Error {
    Error::NotFound(format!(
        "there is no message {id}: it is not stored, or it was deleted, erased or archived"
    ))
}

/// Delete feedback.
///
/// A Slack reaction stays on the message in Slack.
#[utoipa::path(
    delete,
    path = "/v1/feedback/{id}",
    tag = "feedback",
    operation_id = "delete_feedback",
    params(("id" = Uuid, Path, description = "the `id` of the feedback")),
    responses(
        (status = 204, description = "it is deleted"),
        (status = 403, description = "the caller may not write"),
        (status = 404, description = "there is no such feedback in the caller's scope"),
        (status = 503, description = "the database is not available; try again"),
    )
)]
pub async fn remove(
    State(log): State<Log>,
    Writer(caller): Writer,
    Path(id): Path<Uuid>,
) -> Result<StatusCode> {
    let client = log.pool.get().await?;
    let deleted = db::query(
        &client,
        &Scope::of(ROBEINGS, caller.scope.of(ROBEINGS)),
        // A reaction that Slack delivers again must not restore it.
        "with hidden as (
             update conversation.feedback
             set value = null, removed_at = now(), given_at = greatest(given_at, now())
             where id = $1 and source = 'slack' and removed_at is null
             returning id
         ),
         deleted as (
             delete from conversation.feedback where id = $1 and source <> 'slack' returning id
         )
         select id from hidden union all select id from deleted",
        &[(&id, Type::UUID)],
    )
    .await?;
    match deleted.is_empty() {
        true => Err(Error::NotFound(format!("there is no feedback {id}"))),
        false => Ok(StatusCode::NO_CONTENT),
    }
}
