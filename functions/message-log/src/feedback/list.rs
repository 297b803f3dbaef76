//! `GET /v1/robeings/{id}/feedback`: the feedback on the messages of a robeing, newest first.

use axum::extract::State;
use jiff::Timestamp;
use platform::extract::page_limit;
use platform::postgres::Client;
use platform::postgres::scoped::{self as db, Scope};
use platform::postgres::types::Type;
use platform::{Caller, Cursor, Json, Path, Query, Result};
use robeing::ROBEINGS;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::Feedback;
use crate::log::Log;
use crate::page::{self, Listed};
use crate::personal::PersonId;

/// The most scores per message in the history.
const MAX_PER_MESSAGE: i64 = 10;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FeedbackParams {
    /// Only feedback on this message or response.
    message_id: Option<Uuid>,
    /// Only feedback of this name.
    name: Option<String>,
    /// Only feedback that this person gave: their `user_id`, or their Slack id such as `U0123ABCD` or
    /// `T0123ABCD:U0123ABCD`.
    #[param(value_type = Option<String>)]
    user_id: Option<PersonId>,
    /// Only feedback given at or after this time.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Only feedback given before this time.
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
    /// The most items per page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<i64>,
    /// The `next` of the previous page.
    #[param(value_type = Option<Uuid>)]
    after: Option<Cursor<Uuid>>,
}

/// A page of at most 4 MB. With long comments it has fewer items than `limit`, and a `next`.
#[derive(Serialize, ToSchema)]
pub struct FeedbackPage {
    #[schema(value_type = Vec<Feedback>)]
    items: Vec<Box<RawValue>>,
    /// The cursor of the next page, to be sent as `after`; null on the last page.
    next: Option<Uuid>,
}

impl Listed for Feedback {
    fn id(&self) -> Uuid {
        self.id
    }

    /// A comment has at most 4,000 characters.
    fn cut(&mut self) {}
}

/// List the feedback on the messages of a robeing, newest first.
#[utoipa::path(
    get,
    path = "/v1/robeings/{id}/feedback",
    tag = "feedback",
    operation_id = "list_feedback",
    params(("id" = String, Path, description = "the robeing"), FeedbackParams),
    responses(
        (status = 200, description = "one page", body = FeedbackPage),
        (status = 400, description = "a parameter is invalid"),
        (status = 403, description = "the robeing is not in the caller's scope"),
        (status = 422, description = "several people have the Slack id of `user_id`"),
        (status = 503, description = "the database is not available"),
    )
)]
pub async fn list(
    State(log): State<Log>,
    caller: Caller,
    Path(robeing_id): Path<String>,
    Query(params): Query<FeedbackParams>,
) -> Result<Json<FeedbackPage>> {
    robeing::may_see(&caller, &robeing_id)?;
    let limit = page_limit(params.limit, 50)?;
    let past = params.after.map_or(Uuid::max(), |Cursor(id)| id);
    let one_more = limit + 1;
    let mut client = log.pool.get().await?;
    let person = match &params.user_id {
        Some(id) => {
            let scope = Scope::only(ROBEINGS, [robeing_id.as_str()]);
            let db = db::read(&mut client, &scope).await?;
            Some(id.ids(&db).await?)
        }
        None => None,
    };
    let person = person.as_ref();
    let rows = db::query(
        &client,
        &Scope::only(ROBEINGS, [robeing_id.as_str()]),
        // Feedback on a message that was deleted is removed by the next roll-up.
        "select id, message_id, name, value, comment, reaction, source, user_id, slack_user_id, agent, given_at
         from conversation.feedback
         where robeing_id = $1
           and id < $2
           and removed_at is null
           and ($3::uuid is null or message_id = $3)
           and ($4::text is null or name = $4)
           and ($5::uuid[] is null
                or user_id = any ($5)
                or user_id is null and slack_user_id = any ($6)
                    and conversation.is_in_team(slack_names, slack_user_id, $7)
                or user_id is null and slack_names && $7::text[])
           and ($8::timestamptz is null or given_at >= $8)
           and ($9::timestamptz is null or given_at < $9)
           and exists (
               select from conversation.log
               where log.id = feedback.message_id and log.robeing_id = $1 and log.deleted_at is null)
         order by id desc
         limit $10",
        &[
            (&robeing_id, Type::TEXT),
            (&past, Type::UUID),
            (&params.message_id, Type::UUID),
            (&params.name, Type::TEXT),
            (&person.map(|it| &it.user_ids), Type::UUID_ARRAY),
            (&person.map(|it| &it.slack_user_ids), Type::TEXT_ARRAY),
            (&person.map(|it| &it.slack_names), Type::TEXT_ARRAY),
            (&params.from, Type::TIMESTAMPTZ),
            (&params.to, Type::TIMESTAMPTZ),
            (&one_more, Type::INT8),
        ],
    )
    .await?;
    let mut items = rows
        .iter()
        .map(Feedback::of)
        .collect::<Result<Vec<_>, _>>()?;
    let has_more = items.len() as i64 > limit;
    items.truncate(usize::try_from(limit).unwrap_or_default());
    let (items, next) = page::of(items, has_more)?;
    Ok(Json(FeedbackPage { items, next }))
}

/// The newest feedback on each of these messages, oldest first.
pub(crate) async fn of_messages(
    client: &Client,
    scope: &Scope,
    messages: &[Uuid],
) -> Result<Vec<Feedback>> {
    let rows = db::query(
        client,
        scope,
        "select id, message_id, name, value, comment, reaction, source, user_id, slack_user_id, agent, given_at
         from (
             select feedback.*, row_number() over (partition by message_id order by id desc) as nth
             from conversation.feedback
             where message_id = any ($1) and removed_at is null
         ) as feedback
         where nth <= $2
         order by id",
        &[(&messages, Type::UUID_ARRAY), (&MAX_PER_MESSAGE, Type::INT8)],
    )
    .await?;
    Ok(rows.iter().map(Feedback::of).collect::<Result<_, _>>()?)
}
