//! `POST /v1/robeings/{id}/tasks`: stores the end of a task, which the next roll-up counts.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode};
use jiff::Timestamp;
use platform::postgres::scoped::{self, Scope};
use platform::postgres::types::Type;
use platform::{Error, Json, Path, Result, Writer, idempotency};
use robeing::ROBEINGS;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::Stats;
use crate::points::Stat;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndedTask {
    /// A type of your own: 1 to 64 of `a-z`, `0-9`, `_`, `-`. Types earn different amounts of experience.
    #[schema(pattern = "^[a-z0-9_-]{1,64}$")]
    task_type: String,
    #[schema(minimum = 1, maximum = 10)]
    difficulty: i16,
    #[schema(inline)]
    outcome: Outcome,
    /// Replaces the header `Idempotency-Key`, for clients that can't send headers.
    #[schema(max_length = 512)]
    idempotency_key: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    Success,
    Failure,
}

#[derive(Serialize, ToSchema)]
#[schema(as = TaskReceipt)]
pub struct Receipt {
    id: Uuid,
    /// The earned experience. The next roll-up adds it to the stats.
    experience: i64,
    #[schema(value_type = Stat, inline)]
    stat: String,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

/// Report the end of a task.
///
/// Requests with the same key count once, without a time limit, and get the same response.
#[utoipa::path(
    post,
    path = "/v1/robeings/{id}/tasks",
    tag = "stats",
    operation_id = "end_task",
    params(
        ("id" = String, Path, description = "the robeing"),
        ("Idempotency-Key" = Option<String>, Header, description = "requests with the same key count once; at most 512 characters"),
    ),
    request_body = EndedTask,
    responses(
        (status = 201, description = "stored", body = Receipt),
        (status = 200, description = "it was stored before: the same response, with `Idempotency-Replayed: true`", body = Receipt),
        (status = 400, description = "the task is invalid; `detail` says why"),
        (status = 403, description = "the robeing is not in the caller's scope"),
        (status = 415, description = "the body is not JSON"),
        (status = 422, description = "another task has the same key"),
        (status = 503, description = "the database is not available; try again"),
    )
)]
pub async fn end(
    State(stats): State<Stats>,
    Writer(caller): Writer,
    Path(robeing_id): Path<String>,
    headers: HeaderMap,
    Json(task): Json<EndedTask>,
) -> Result<Response> {
    robeing::may_see(&caller, &robeing_id)?;
    check(&task)?;
    let id = Uuid::now_v7();
    let key = match (idempotency::key(&headers)?, task.idempotency_key) {
        (Some(one), Some(other)) if one != other => {
            return Err(Error::Invalid(
                "Idempotency-Key and idempotency_key differ: send one of them".to_owned(),
            ));
        }
        (Some(key), _) | (None, Some(key)) => digest(&key),
        (None, None) => id,
    };
    let is_success = task.outcome == Outcome::Success;
    let outcome = if is_success { "success" } else { "failure" };
    let (stat, experience) =
        stats
            .task_values
            .of_task(&task.task_type, task.difficulty, is_success);
    let client = stats.pool.get().await?;
    // An update that changes nothing returns the existing row.
    let rows = scoped::query(
        &client,
        &Scope::only(ROBEINGS, [robeing_id.as_str()]),
        "with added as (
             insert into robeing.stats (robeing_id) values ($2)
             on conflict (robeing_id) do nothing
         )
         insert into robeing.task as known
             (id, robeing_id, key, task_type, difficulty, outcome, stat, experience)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict (robeing_id, key) do update
         set key = known.key
         returning id, experience, stat, created_at,
                   (task_type, difficulty, outcome) = ($4, $5, $6) as is_same",
        &[
            (&id, Type::UUID),
            (&robeing_id, Type::TEXT),
            (&key, Type::UUID),
            (&task.task_type, Type::TEXT),
            (&task.difficulty, Type::INT2),
            (&outcome, Type::TEXT),
            (&stat.name(), Type::TEXT),
            (&experience, Type::INT8),
        ],
    )
    .await?;
    let [row] = rows.as_slice() else {
        return Err(Error::Internal(anyhow::anyhow!(
            "inserting a task returned no row"
        )));
    };
    if !row.try_get::<_, bool>("is_same")? {
        return Err(Error::Unprocessable(
            "another task has this key: send a new task with a new key".to_owned(),
        ));
    }
    let receipt = Receipt {
        id: row.try_get("id")?,
        experience: row.try_get("experience")?,
        stat: row.try_get("stat")?,
        created_at: row.try_get("created_at")?,
    };
    if receipt.id == id {
        return Ok((StatusCode::CREATED, Json(receipt)).into_response());
    }
    let replayed = [(idempotency::REPLAYED, HeaderValue::from_static("true"))];
    Ok((replayed, Json(receipt)).into_response())
}

fn check(task: &EndedTask) -> Result<()> {
    let invalid = |detail: &str| Err(Error::Invalid(detail.to_owned()));
    let is_letter = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || b"_-".contains(&it);
    if !(1..=64).contains(&task.task_type.len()) || !task.task_type.bytes().all(is_letter) {
        return invalid("task_type must be 1 to 64 of a-z, 0-9, _ and -");
    }
    if !(1..=10).contains(&task.difficulty) {
        return invalid("difficulty must be 1 to 10");
    }
    if let Some(key) = &task.idempotency_key
        && !(1..=512).contains(&key.chars().count())
    {
        return invalid("idempotency_key must have 1 to 512 characters");
    }
    Ok(())
}

fn digest(key: &str) -> Uuid {
    let hash: [u8; 32] = Sha256::digest(key).into();
    Uuid::from_bytes(hash[..16].try_into().expect("16 of 32 bytes"))
}
