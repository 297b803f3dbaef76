//! `GET /v1/robeings/{id}/messages` and `GET /v1/users/{id}/messages`: the messages of a robeing, or of a person,
//! newest first.
//!
//! A message and its answers are one item, whether they were sent together or separately. An answer is an item of its own
//! if its message is not listed: if it is gone, or if the filter leaves it out.

use std::collections::HashMap;

use axum::extract::State;
use jiff::Timestamp;
use platform::auth::Names;
use platform::extract::page_limit;
use platform::postgres::Client;
use platform::postgres::scoped::{self as db, Scope};
use platform::postgres::types::Type;
use platform::{Caller, Cursor, Json, Path, Query, Result};
use robeing::ROBEINGS;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use tokio_postgres::Row;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::feedback::{Feedback, list::of_messages};
use crate::ids::first_id_at;
use crate::log::Log;
use crate::markup::is_repeated;
use crate::page::{self, Include, Listed, STORED_BYTES};
use crate::personal::PersonId;

/// The most answers per message.
const MAX_ANSWERS: i64 = 100;
/// The bytes of `message` and `response` that are left of an item which is too large for a page. In JSON, a byte may
/// take six.
const MAX_CUT_TEXT: usize = 256 * 1024;

#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RobeingParams {
    /// Only messages of this channel.
    #[serde(alias = "channel")]
    channel_id: Option<String>,
    /// Only messages of this thread, with the message that it belongs to.
    #[serde(alias = "thread")]
    thread_ts: Option<String>,
    /// Only messages of this person: their `user_id`, or their Slack id such as `U0123ABCD` or `T0123ABCD:U0123ABCD`.
    #[serde(alias = "user")]
    #[param(value_type = Option<String>)]
    user_id: Option<PersonId>,
    /// Only messages with this intent.
    intent: Option<String>,
    /// Only messages at or after this time.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Only messages before this time.
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
    /// The most items per page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<i64>,
    /// The `next` of the previous page.
    #[param(value_type = Option<Uuid>)]
    after: Option<Cursor<Uuid>>,
    /// `erased` includes rows that were erased.
    #[param(inline)]
    include: Option<Include>,
}

#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct UserParams {
    /// Only messages with this robeing.
    #[serde(alias = "robeing")]
    robeing_id: Option<String>,
    /// Only messages with this intent.
    intent: Option<String>,
    /// Only messages at or after this time.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Only messages before this time.
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
    /// The most items per page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<i64>,
    /// The `next` of the previous page.
    #[param(value_type = Option<Uuid>)]
    after: Option<Cursor<Uuid>>,
}

/// A page of at most 4 MB. With large messages it has fewer items than `limit`, and a `next`.
#[derive(Debug, Serialize, ToSchema)]
pub struct History {
    #[schema(value_type = Vec<Item>)]
    items: Vec<Box<RawValue>>,
    /// The cursor of the next page, to be sent as `after`; null on the last page.
    next: Option<Uuid>,
}

/// A message with its response, or either of them.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Item {
    pub id: Uuid,
    pub robeing_id: String,
    pub channel_id: Option<String>,
    pub channel_type: Option<String>,
    pub thread_ts: Option<String>,
    pub user_id: Option<Uuid>,
    pub slack_user_id: Option<String>,
    pub message: Option<String>,
    /// The response, followed by the answers that were sent separately and say something else.
    pub response: Option<String>,
    /// The message and the response as they were sent, if they were sent in parts.
    #[schema(value_type = Option<Object>)]
    pub parts: Option<Value>,
    /// The intent of the message, or else the first one of its answers.
    pub intent: Option<String>,
    pub confidence: Option<f64>,
    #[schema(value_type = Object)]
    pub metadata: Value,
    /// The ids of the answers that were sent separately.
    pub answered_by: Vec<Uuid>,
    /// The answers that were sent separately, oldest first, with the answers to them.
    pub answers: Vec<Answer>,
    /// The newest ten scores and comments on the message, oldest first.
    pub feedback: Vec<Feedback>,
    /// Whether the item is shortened because it is larger than a page. It then lacks `parts` and `answers`, the ends
    /// of `message` and `response`, or answers after the first 100 or 4 MB.
    pub is_cut: bool,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// The time of the last edit in Slack.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub edited_at: Option<Timestamp>,
    /// The time of the deletion in Slack, which removes the text.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub deleted_at: Option<Timestamp>,
    /// The time of the erasure. Only the id and the times of the row are left.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub erased_at: Option<Timestamp>,
}

/// An answer that was sent separately.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = SeparateAnswer)]
pub struct Answer {
    pub id: Uuid,
    pub response: Option<String>,
    /// The answer as it was sent, if it was sent in parts.
    #[schema(value_type = Option<Object>)]
    pub parts: Option<Value>,
    pub intent: Option<String>,
    pub confidence: Option<f64>,
    #[schema(value_type = Object)]
    pub metadata: Value,
    /// The newest ten scores and comments on the answer, oldest first.
    pub feedback: Vec<Feedback>,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// The time of the last edit in Slack.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub edited_at: Option<Timestamp>,
    /// The time of the deletion in Slack, which removes the text.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub deleted_at: Option<Timestamp>,
}

/// List the messages of a robeing, newest first.
///
/// All texts are masked. The unmasked texts are not stored.
#[utoipa::path(
    get,
    path = "/v1/robeings/{id}/messages",
    tag = "messages",
    operation_id = "list_robeing_messages",
    params(("id" = String, Path, description = "the robeing"), RobeingParams),
    responses(
        (status = 200, description = "one page", body = History),
        (status = 400, description = "a parameter is invalid"),
        (status = 403, description = "the robeing is not in the caller's scope"),
        (status = 422, description = "several people have the Slack id of `user_id`"),
        (status = 503, description = "the database is not available"),
    )
)]
pub async fn of_robeing(
    State(log): State<Log>,
    caller: Caller,
    Path(robeing_id): Path<String>,
    Query(query): Query<RobeingParams>,
) -> Result<Json<History>> {
    robeing::may_see(&caller, &robeing_id)?;
    let filter = Filter {
        robeings: Names::only([robeing_id]),
        channel: query.channel_id,
        thread: query.thread_ts,
        person: query.user_id,
        intent: query.intent,
        from: query.from,
        to: query.to,
        limit: page_limit(query.limit, 50)?,
        after: query.after.map(|Cursor(id)| id),
        with_erased: query.include == Some(Include::Erased),
    };
    page(&log, &filter).await.map(Json)
}

/// List the messages of a person with the robeings in the caller's scope, newest first.
#[utoipa::path(
    get,
    path = "/v1/users/{id}/messages",
    tag = "messages",
    operation_id = "list_user_messages",
    params(
        ("id" = String, Path, description = "the person: their `user_id`, or their Slack id such as `U0123ABCD` or `T0123ABCD:U0123ABCD`"),
        UserParams
    ),
    responses(
        (status = 200, description = "one page", body = History),
        (status = 400, description = "a parameter is invalid"),
        (status = 403, description = "the robeing is not in the caller's scope"),
        (status = 422, description = "several people have the Slack id"),
        (status = 503, description = "the database is not available"),
    )
)]
pub async fn of_user(
    State(log): State<Log>,
    caller: Caller,
    Path(person): Path<PersonId>,
    Query(query): Query<UserParams>,
) -> Result<Json<History>> {
    let robeings = match query.robeing_id {
        Some(robeing) => {
            robeing::may_see(&caller, &robeing)?;
            Names::only([robeing])
        }
        None => caller.scope.of(ROBEINGS).clone(),
    };
    let filter = Filter {
        robeings,
        channel: None,
        thread: None,
        person: Some(person),
        intent: query.intent,
        from: query.from,
        to: query.to,
        limit: page_limit(query.limit, 50)?,
        after: query.after.map(|Cursor(id)| id),
        with_erased: false,
    };
    page(&log, &filter).await.map(Json)
}

struct Filter {
    robeings: Names,
    channel: Option<String>,
    thread: Option<String>,
    person: Option<PersonId>,
    intent: Option<String>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    limit: i64,
    after: Option<Uuid>,
    with_erased: bool,
}

impl Listed for Item {
    fn id(&self) -> Uuid {
        self.id
    }

    fn cut(&mut self) {
        self.is_cut = true;
        self.parts = None;
        self.answers.clear();
        for text in [&mut self.message, &mut self.response]
            .into_iter()
            .flatten()
        {
            text.truncate(text.floor_char_boundary(MAX_CUT_TEXT));
        }
    }
}

async fn page(log: &Log, filter: &Filter) -> Result<History> {
    let scope = Scope::of(ROBEINGS, &filter.robeings);
    let (robeing, robeings) = match &filter.robeings {
        Names::Only(names) => match &**names {
            [one] => (Some(one), None),
            several => (None, Some(several)),
        },
        Names::All => (None, None),
    };
    let first = filter.from.map_or(Uuid::nil(), first_id_at);
    let to = filter.to.map_or(Uuid::max(), first_id_at);
    let past = filter.after.map_or(to, |after| after.min(to));
    let one_more = filter.limit + 1;
    let mut client = log.pool.get().await?;
    let person = match &filter.person {
        Some(id) => {
            let db = db::read(&mut client, &scope).await?;
            Some(id.ids(&db).await?)
        }
        None => None,
    };
    let ids = person.as_ref();
    let ids = ids.map(|it| (it.user_ids.as_slice(), it.slack_user_ids.as_slice()));
    let (user, users, slack_users) = match ids {
        Some(([one], [])) => (Some(one), None, None),
        Some((users, slack_users)) => (None, Some(users), Some(slack_users)),
        None => (None, None, None),
    };
    let root = match (robeing, &filter.thread, &filter.channel) {
        (Some(robeing), Some(thread), Some(channel)) => log.root_of(robeing, channel, thread),
        (Some(robeing), Some(thread), None) => {
            let channel = log.channel_of(&client, robeing, thread).await?;
            channel.and_then(|channel| log.root_of(robeing, &channel, thread))
        }
        _ => None,
    };
    let rows = db::query(
        &client,
        &scope,
        include_str!("page.sql"),
        &[
            (&first, Type::UUID),
            (&past, Type::UUID),
            (&robeing, Type::TEXT),
            (&robeings, Type::TEXT_ARRAY),
            (&filter.channel, Type::TEXT),
            (&filter.thread, Type::TEXT),
            (&user, Type::UUID),
            (&filter.intent, Type::TEXT),
            (&one_more, Type::INT8),
            (&STORED_BYTES, Type::INT8),
            (&users, Type::UUID_ARRAY),
            (&root, Type::UUID),
            (&slack_users, Type::TEXT_ARRAY),
            (&filter.with_erased, Type::BOOL),
        ],
    )
    .await?;
    let found: i64 = rows.first().map_or(Ok(0), |row| row.try_get("found"))?;
    let mut items = rows.iter().map(Item::of).collect::<Result<Vec<_>, _>>()?;
    items.truncate(usize::try_from(filter.limit).unwrap_or_default());
    let has_more = items.len() < usize::try_from(found).unwrap_or_default();
    add_answers(&client, &scope, &mut items).await?;
    add_feedback(&client, &scope, &mut items).await?;
    drop(client);
    let (items, next) = page::of(items, has_more)?;
    Ok(History { items, next })
}

/// Adds the answers that were sent separately.
async fn add_answers(client: &Client, scope: &Scope, items: &mut [Item]) -> Result<()> {
    let messages: Vec<Uuid> = items.iter().map(|it| it.id).collect();
    let robeings: Vec<&str> = items.iter().map(|it| it.robeing_id.as_str()).collect();
    if messages.is_empty() {
        return Ok(());
    }
    let answers = db::query(
        client,
        scope,
        include_str!("answers.sql"),
        &[
            (&messages, Type::UUID_ARRAY),
            (&robeings, Type::TEXT_ARRAY),
            (&MAX_ANSWERS, Type::INT8),
            (&STORED_BYTES, Type::INT8),
        ],
    )
    .await?;
    let places: HashMap<Uuid, usize> = items
        .iter()
        .enumerate()
        .map(|(place, item)| (item.id, place))
        .collect();
    for answer in answers {
        let message: Uuid = answer.try_get("message_id")?;
        let Some(item) = places.get(&message).map(|place| &mut items[*place]) else {
            continue;
        };
        if answer.try_get("is_left_out")? {
            item.is_cut = true;
        } else {
            item.answers.push(Answer::of(&answer)?);
        }
    }
    items.iter_mut().for_each(Item::join_answers);
    Ok(())
}

/// Adds the feedback on messages and answers that are not deleted.
async fn add_feedback(client: &Client, scope: &Scope, items: &mut [Item]) -> Result<()> {
    let mut places: HashMap<Uuid, &mut Vec<Feedback>> = HashMap::new();
    for item in items {
        for answer in item.answers.iter_mut().filter(|it| it.deleted_at.is_none()) {
            places.insert(answer.id, &mut answer.feedback);
        }
        if item.deleted_at.is_none() {
            places.insert(item.id, &mut item.feedback);
        }
    }
    let messages: Vec<Uuid> = places.keys().copied().collect();
    if messages.is_empty() {
        return Ok(());
    }
    for feedback in of_messages(client, scope, &messages).await? {
        if let Some(place) = places.get_mut(&feedback.message_id()) {
            place.push(feedback);
        }
    }
    Ok(())
}

impl Item {
    fn of(row: &Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            robeing_id: row.try_get("robeing_id")?,
            channel_id: row.try_get("channel_id")?,
            channel_type: row.try_get("channel_type")?,
            thread_ts: row.try_get("thread_ts")?,
            user_id: row.try_get("user_id")?,
            slack_user_id: row.try_get("slack_user_id")?,
            message: row.try_get("message")?,
            response: row.try_get("response")?,
            parts: row.try_get("parts")?,
            intent: row.try_get("intent")?,
            confidence: row.try_get("confidence")?,
            metadata: row.try_get("metadata")?,
            answered_by: Vec::new(),
            answers: Vec::new(),
            feedback: Vec::new(),
            is_cut: false,
            created_at: row.try_get("created_at")?,
            edited_at: row.try_get("edited_at")?,
            deleted_at: row.try_get("deleted_at")?,
            erased_at: row.try_get("erased_at")?,
        })
    }

    /// A robeing may answer with several messages, one of which has the intent.
    fn join_answers(&mut self) {
        let mut said: Vec<&str> = self.response.as_deref().into_iter().collect();
        for text in self.answers.iter().filter_map(|it| it.response.as_deref()) {
            // Its agent may log an answer with the message, and Slack as a message of its own.
            if !said.iter().any(|known| is_repeated(known, text)) {
                said.push(text);
            }
        }
        self.response = (!said.is_empty()).then(|| said.join("\n"));
        for answer in &self.answers {
            if self.intent.is_none() {
                self.intent.clone_from(&answer.intent);
            }
            self.confidence = self.confidence.or(answer.confidence);
            self.answered_by.push(answer.id);
        }
    }
}

impl Answer {
    fn of(row: &Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            response: row.try_get("response")?,
            parts: row.try_get("parts")?,
            intent: row.try_get("intent")?,
            confidence: row.try_get("confidence")?,
            metadata: row.try_get("metadata")?,
            feedback: Vec::new(),
            created_at: row.try_get("created_at")?,
            edited_at: row.try_get("edited_at")?,
            deleted_at: row.try_get("deleted_at")?,
        })
    }
}
