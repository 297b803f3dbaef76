//! Erasures: rows are emptied or deleted, and archive keys are deleted. Once a scan finds nothing left, the
//! erasure gets a receipt.
//!
//! A step is one transaction, which also records its progress. An erasure that is killed therefore resumes
//! where it stopped, and concurrent runs of the same erasure take turns.

mod steps;

use std::time::{Duration, Instant};

use axum::extract::State;
use http::{HeaderName, HeaderValue, StatusCode, header};
use jiff::Timestamp;
use people::{Actor, Entry, audit};
use personal::{Counts, Purpose};
use platform::auth::Names;
use platform::postgres::Client;
use platform::postgres::scoped::{self as db, Scope};
use platform::postgres::types::{Json as Jsonb, Type};
use platform::serve::ClientAddress;
use platform::{Admin, Error, Json, Path, Result};
use robeing::ROBEINGS;
use serde::Serialize;
use serde_json::json;
use tokio_postgres::Row;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::job::Status;
use crate::receipt::{self, Receipt};
use crate::subject::{ResolvedSubject, SubjectDigest, SubjectId, scope_of, unknown_subject};
use crate::{Privacy, job, owners};

pub use steps::ErasureJob;

/// How long a request works on the job. After that, the next trigger resumes it.
const REQUEST_TIME: Duration = Duration::from_secs(40);
/// How long one step within a request may use a connection.
const LONGEST_STEP: Duration = Duration::from_secs(20);

#[derive(Debug, Serialize, ToSchema)]
pub struct Erasure {
    pub id: Uuid,
    pub status: Status,
    pub subject: SubjectDigest,
    /// The robeings in scope; null for all.
    pub robeings: Option<Vec<String>>,
    /// The number of rows per table that were emptied, deleted or made unreadable so far.
    #[schema(value_type = BTreeMap<String, u64>)]
    pub erased: Counts,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub finished_at: Option<Timestamp>,
    /// Present once the erasure is done.
    pub receipt: Option<Receipt>,
}

/// Erase a person or a robeing.
///
/// Erases the subject's messages and the responses to them, in the log and in the archive, and everything
/// derived from them. It covers the robeings in the caller's scope: unless that is `*`, data in other
/// robeings stays. Repeating the request returns the same erasure, or starts a new one if that is done and
/// new data has arrived.
#[utoipa::path(
    post,
    path = "/v1/erasures",
    tag = "privacy",
    operation_id = "erase",
    request_body = SubjectId,
    responses(
        (status = 200, description = "done; the receipt lists what was erased", body = Erasure),
        (status = 202, description = "in progress; the `Location` header has the URL to poll", body = Erasure),
        (status = 400, description = "the body does not have exactly one valid id"),
        (status = 403, description = "the caller is not an admin, or the robeing is not in scope, or it is the caller's own account"),
        (status = 404, description = "the robeings in scope hold nothing about the subject"),
        (status = 409, description = "the person is the last admin of everything; or the step took too long, and another run continues the erasure: get its status, or retry"),
        (status = 415, description = "the body is not JSON"),
        (status = 503, description = "the database or the store is unavailable; retry"),
    )
)]
pub async fn create(
    State(privacy): State<Privacy>,
    Admin(caller): Admin,
    ClientAddress(address): ClientAddress,
    Json(id): Json<SubjectId>,
) -> Result<(StatusCode, [(HeaderName, HeaderValue); 1], Json<Erasure>)> {
    let resolved = id.resolve(&privacy, &caller, Purpose::Erase).await?;
    let scope = scope_of(caller.scope.of(ROBEINGS));
    let actor = Actor::of(&caller, address);
    let id = find_or_start(&privacy, &resolved, scope.as_deref(), &actor).await?;
    let until = Instant::now() + REQUEST_TIME;
    job::run::<ErasureJob>(&privacy.with_step_limit(LONGEST_STEP), id, until).await?;
    let erasure = find(&privacy, id, caller.scope.of(ROBEINGS)).await?;
    let status = match erasure.status {
        Status::Done => StatusCode::OK,
        Status::Running => StatusCode::ACCEPTED,
    };
    let location = HeaderValue::from_str(&format!("/v1/erasures/{id}"));
    let location = location.map_err(anyhow::Error::from)?;
    Ok((status, [(header::LOCATION, location)], Json(erasure)))
}

/// Get the status of an erasure, and its receipt.
#[utoipa::path(
    get,
    path = "/v1/erasures/{id}",
    tag = "privacy",
    operation_id = "read_erasure",
    params(("id" = Uuid, Path)),
    responses(
        (status = 200, description = "the erasure", body = Erasure),
        (status = 403, description = "the caller is not an admin"),
        (status = 404, description = "the erasure does not exist, or covers robeings outside the caller's scope"),
        (status = 503, description = "the database is unavailable"),
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
    let receipt = receipt::read(&client, &privacy.master(), id).await?;
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
            subject: SubjectDigest {
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

/// Returns the running erasure of the subject, or starts one. If nothing is left to erase, returns the last
/// finished erasure.
async fn find_or_start(
    privacy: &Privacy,
    resolved: &ResolvedSubject,
    scope: Option<&[String]>,
    actor: &Actor,
) -> Result<Uuid> {
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
        return Err(unknown_subject());
    }
    start(&mut client, resolved, scope, actor).await?;
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
    let running = running.first().ok_or_else(unknown_subject)?;
    Ok(running.try_get("id")?)
}

/// Starts an erasure, unless one is running.
async fn start(
    client: &mut Client,
    resolved: &ResolvedSubject,
    scope: Option<&[String]>,
    actor: &Actor,
) -> Result<()> {
    let id = Uuid::now_v7();
    let transaction = db::begin(client, &resolved.subject.scope()).await?;
    let started = transaction
        .execute_typed(
            "insert into privacy.erasure (id, subject_kind, subject_digest, scope, subject)
             values ($1, $2, $3, $4, $5)
             on conflict (subject_digest, scope) where finished_at is null do nothing",
            &[
                (&id, Type::UUID),
                (&resolved.kind, Type::TEXT),
                (&resolved.digests.first(), Type::BYTEA),
                (&scope, Type::TEXT_ARRAY),
                (&Jsonb(&resolved.subject), Type::JSONB),
            ],
        )
        .await?;
    if started > 0 {
        people::personal::may_erase(&transaction, &resolved.subject, actor).await?;
        let entry = Entry {
            action: "erasure.request",
            subject_kind: "erasure",
            subject: &id.to_string(),
            detail: json!({"kind": resolved.kind}),
        };
        audit::record(&transaction, actor, &entry).await?;
    }
    transaction.commit().await?;
    Ok(())
}
