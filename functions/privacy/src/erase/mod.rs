//! A person asks to be forgotten: rows are emptied, keys destroyed, and a receipt says so once a scan
//! has found nothing left.
//!
//! One step is one transaction that also writes down what it did. So an erasure that is killed goes
//! on where it was, and two at once take turns.

mod steps;

use std::time::{Duration, Instant};

use axum::extract::{Path, State};
use http::{HeaderName, HeaderValue, StatusCode, header};
use jiff::Timestamp;
use personal::Counts;
use platform::auth::Names;
use platform::postgres::scoped::{self as db, Scope};
use platform::postgres::types::{Json as Jsonb, Type};
use platform::{Admin, Error, Json, Result};
use robeing::ROBEINGS;
use serde::Serialize;
use tokio_postgres::Row;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::drive::drive;
use crate::receipt::{self, Receipt};
use crate::subject::{Digest, Resolved, SubjectId, scope_of, unknown};
use crate::{Privacy, owners};

pub use steps::Erasing;

/// A request works at it for so long; then the next trigger goes on.
const WITHIN_A_REQUEST: Duration = Duration::from_secs(40);
/// Of these, how long one step may use a connection.
const LONGEST_STEP: Duration = Duration::from_secs(20);
#[derive(Debug, Serialize, ToSchema)]
pub struct Erasure {
    pub id: Uuid,
    pub status: Status,
    pub subject: Digest,
    /// The robeings it is for; null for all.
    pub robeings: Option<Vec<String>>,
    /// How many rows of which table were emptied, deleted or made unreadable so far.
    #[schema(value_type = BTreeMap<String, u64>)]
    pub erased: Counts,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub finished_at: Option<Timestamp>,
    /// Once it is done.
    pub receipt: Option<Receipt>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Running,
    Done,
}

/// Forget a person, or a robeing.
///
/// All they said, and what answered it, in the log and in the archive, and what was made of it. In the
/// robeings of the caller's scope: with any other scope than `*`, what lies elsewhere stays. Asked again
/// it is the same erasure; asked again after it is done, a new one if something came in since.
#[utoipa::path(
    post,
    path = "/v1/erasures",
    tag = "privacy",
    operation_id = "erase",
    request_body = SubjectId,
    responses(
        (status = 200, description = "done; the receipt says what was erased", body = Erasure),
        (status = 202, description = "it takes longer; `location` says where to look", body = Erasure),
        (status = 400, description = "the body does not name one of the three"),
        (status = 403, description = "the caller is no admin, or not of that robeing"),
        (status = 404, description = "nothing is held of them"),
        (status = 415, description = "the body is not JSON"),
        (status = 503, description = "the database or the store is not available: ask again"),
    )
)]
pub async fn ask(
    State(privacy): State<Privacy>,
    Admin(caller): Admin,
    Json(id): Json<SubjectId>,
) -> Result<(StatusCode, [(HeaderName, HeaderValue); 1], Json<Erasure>)> {
    let resolved = id.resolve(&privacy, &caller).await?;
    let scope = scope_of(caller.scope.of(ROBEINGS));
    let id = begin(&privacy, &resolved, scope.as_deref()).await?;
    let until = Instant::now() + WITHIN_A_REQUEST;
    drive::<Erasing>(&privacy.unhurried(LONGEST_STEP), id, until).await?;
    let erasure = find(&privacy, id, caller.scope.of(ROBEINGS)).await?;
    let status = match erasure.status {
        Status::Done => StatusCode::OK,
        Status::Running => StatusCode::ACCEPTED,
    };
    let location = HeaderValue::from_str(&format!("/v1/erasures/{id}"));
    let location = location.map_err(anyhow::Error::from)?;
    Ok((status, [(header::LOCATION, location)], Json(erasure)))
}

/// How far an erasure is, and its receipt.
#[utoipa::path(
    get,
    path = "/v1/erasures/{id}",
    tag = "privacy",
    operation_id = "read_erasure",
    params(("id" = Uuid, Path)),
    responses(
        (status = 200, description = "the erasure", body = Erasure),
        (status = 403, description = "the caller is no admin"),
        (status = 404, description = "there is none, or it reaches beyond the caller's scope"),
        (status = 503, description = "the database is not available"),
    )
)]
pub async fn read(
    State(privacy): State<Privacy>,
    Admin(caller): Admin,
    Path(id): Path<Uuid>,
) -> Result<Json<Erasure>> {
    find(&privacy, id, caller.scope.of(ROBEINGS))
        .await
        .map(Json)
}

async fn find(privacy: &Privacy, id: Uuid, robeings: &Names) -> Result<Erasure> {
    let client = privacy.pool.get().await?;
    let rows = db::query(
        &client,
        &Scope::of(ROBEINGS, robeings),
        "select id, subject_kind, subject_digest, scope, erased, created_at, finished_at
         from privacy.erasure
         where id = $1 and ($2::text[] is null or scope <@ $2)",
        &[(&id, Type::UUID), (&scope_of(robeings), Type::TEXT_ARRAY)],
    )
    .await?;
    let row = rows.first();
    let row = row.ok_or_else(|| Error::NotFound(format!("there is no erasure {id}")))?;
    let receipt = receipt::of(&client, &privacy.master, id).await?;
    Erasure::of(row, receipt)
}

impl Erasure {
    fn of(row: &Row, receipt: Option<Receipt>) -> Result<Self> {
        let Jsonb(erased) = row.try_get::<_, Jsonb<Counts>>("erased")?;
        let finished_at: Option<Timestamp> = row.try_get("finished_at")?;
        let digest: Vec<u8> = row.try_get("subject_digest")?;
        Ok(Self {
            id: row.try_get("id")?,
            status: match finished_at {
                Some(_) => Status::Done,
                None => Status::Running,
            },
            subject: Digest {
                kind: row.try_get("subject_kind")?,
                digest: hex::encode(digest),
            },
            robeings: row.try_get("scope")?,
            erased,
            created_at: row.try_get("created_at")?,
            finished_at,
            receipt,
        })
    }
}

/// The erasure that runs already, or a new one, or where nothing is held the last one that is done.
async fn begin(privacy: &Privacy, resolved: &Resolved, scope: Option<&[String]>) -> Result<Uuid> {
    let mut client = privacy.pool.get().await?;
    let held = owners::held(&mut client, &resolved.subject).await?;
    let last = db::query(
        &client,
        &resolved.subject.scope(),
        "select id, finished_at is null as is_running
         from privacy.erasure
         where subject_digest = any ($1) and scope is not distinct from $2
         order by finished_at is null desc, created_at desc
         limit 1",
        &[
            (&resolved.digests, Type::BYTEA_ARRAY),
            (&scope, Type::TEXT_ARRAY),
        ],
    )
    .await?;
    if let Some(row) = last.first() {
        let is_running: bool = row.try_get("is_running")?;
        if is_running || held.is_empty() {
            return Ok(row.try_get("id")?);
        }
    }
    if held.is_empty() {
        return Err(unknown());
    }
    let id = Uuid::now_v7();
    let digest = resolved.digests.first();
    let subject = Jsonb(&resolved.subject);
    db::query(
        &client,
        &resolved.subject.scope(),
        "insert into privacy.erasure (id, subject_kind, subject_digest, scope, subject)
         values ($1, $2, $3, $4, $5)
         on conflict (subject_digest, scope) where finished_at is null do nothing",
        &[
            (&id, Type::UUID),
            (&resolved.kind, Type::TEXT),
            (&digest, Type::BYTEA),
            (&scope, Type::TEXT_ARRAY),
            (&subject, Type::JSONB),
        ],
    )
    .await?;
    let running = db::query(
        &client,
        &resolved.subject.scope(),
        "select id from privacy.erasure
         where subject_digest = any ($1) and scope is not distinct from $2
         order by created_at desc
         limit 1",
        &[
            (&resolved.digests, Type::BYTEA_ARRAY),
            (&scope, Type::TEXT_ARRAY),
        ],
    )
    .await?;
    let running = running.first().ok_or_else(unknown)?;
    Ok(running.try_get("id")?)
}
