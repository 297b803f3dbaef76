//! A person asks what is held of them: all of it, live and archived, as lines of JSON in the store,
//! behind links that soon end.
//!
//! One step is one file: gathered, written down, stored, and then counted together with how far it
//! went. So an export that is killed goes on after the last whole file.

mod gather;
mod remove;

use std::time::{Duration, Instant};

use axum::extract::{Path, State};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use platform::auth::Names;
use platform::postgres::scoped::{self as db, Scope};
use platform::postgres::types::{Json as Jsonb, Type};
use platform::{Admin, Error, Json, Result, idempotency};
use robeing::ROBEINGS;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use tokio_postgres::Row;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::drive::drive;
use crate::erase::Status;
use crate::subject::{Digest, Resolved, SubjectId, scope_of, unknown};
use crate::{Privacy, download, owners};

pub use gather::Exporting;
pub use remove::{expire, forget, may_overlap};

/// A request works at it for so long; then the next trigger goes on.
const WITHIN_A_REQUEST: Duration = Duration::from_secs(40);
/// Of these, how long one step may use a connection.
const LONGEST_STEP: Duration = Duration::from_secs(20);
/// After this it is removed.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(24);
const FOLDER: &str = "exports";

#[derive(Debug, Serialize, ToSchema)]
pub struct Export {
    pub id: Uuid,
    pub status: Status,
    pub subject: Digest,
    /// The robeings it is of; null for all.
    pub robeings: Option<Vec<String>>,
    /// Once it is done: all there is, in this order.
    pub files: Vec<File>,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub finished_at: Option<Timestamp>,
    /// When it is removed.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

/// Lines of JSON, compressed with gzip; each names the table it is of.
#[derive(Debug, Serialize, ToSchema)]
pub struct File {
    pub number: i32,
    pub rows: i64,
    pub bytes: i64,
    /// Of the file as it is sent, in hex.
    pub sha256: String,
    /// Where to fetch it with a GET and without a token, relative to this server.
    pub url: String,
    /// When the link ends; ask for the export again for a new one.
    #[schema(value_type = String, format = DateTime)]
    pub url_expires_at: Timestamp,
}

/// Give out what is held of a person, or of a robeing.
#[utoipa::path(
    post,
    path = "/v1/exports",
    tag = "privacy",
    operation_id = "export",
    params(("Idempotency-Key" = Option<String>, Header, description = "the same key makes one export")),
    request_body = SubjectId,
    responses(
        (status = 200, description = "done; its files are listed", body = Export),
        (status = 202, description = "it takes longer; `location` says where to look", body = Export),
        (status = 400, description = "the body does not name one of the three"),
        (status = 403, description = "the caller is no admin, or not of that robeing"),
        (status = 404, description = "nothing is held of them"),
        (status = 415, description = "the body is not JSON"),
        (status = 422, description = "the key was used for somebody else"),
        (status = 503, description = "the database or the store is not available: ask again"),
    )
)]
pub async fn ask(
    State(privacy): State<Privacy>,
    Admin(caller): Admin,
    headers: HeaderMap,
    Json(id): Json<SubjectId>,
) -> Result<(StatusCode, [(HeaderName, HeaderValue); 1], Json<Export>)> {
    let key = idempotency::key(&headers)?;
    let request = key.map(|key| Sha256::digest(format!("{}\n{key}", caller.name)).to_vec());
    let resolved = id.resolve(&privacy, &caller).await?;
    let scope = scope_of(caller.scope.of(ROBEINGS));
    let id = begin(&privacy, &resolved, scope.as_deref(), request.as_deref()).await?;
    let until = Instant::now() + WITHIN_A_REQUEST;
    drive::<Exporting>(&privacy.unhurried(LONGEST_STEP), id, until).await?;
    let export = find(&privacy, id, caller.scope.of(ROBEINGS)).await?;
    let status = match export.status {
        Status::Done => StatusCode::OK,
        Status::Running => StatusCode::ACCEPTED,
    };
    let location = HeaderValue::from_str(&format!("/v1/exports/{id}"));
    let location = location.map_err(anyhow::Error::from)?;
    Ok((status, [(header::LOCATION, location)], Json(export)))
}

/// How far an export is, and links to its files.
#[utoipa::path(
    get,
    path = "/v1/exports/{id}",
    tag = "privacy",
    operation_id = "read_export",
    params(("id" = Uuid, Path)),
    responses(
        (status = 200, description = "the export", body = Export),
        (status = 403, description = "the caller is no admin"),
        (status = 404, description = "there is none, it is removed, or it reaches beyond the caller's scope"),
        (status = 503, description = "the database is not available"),
    )
)]
pub async fn read(
    State(privacy): State<Privacy>,
    Admin(caller): Admin,
    Path(id): Path<Uuid>,
) -> Result<Json<Export>> {
    find(&privacy, id, caller.scope.of(ROBEINGS))
        .await
        .map(Json)
}

async fn find(privacy: &Privacy, id: Uuid, robeings: &Names) -> Result<Export> {
    let client = privacy.pool.get().await?;
    let rows = db::query(
        &client,
        &Scope::of(ROBEINGS, robeings),
        "select id, subject_kind, subject_digest, scope, created_at, finished_at, expires_at
         from privacy.export
         where id = $1 and expires_at > now() and ($2::text[] is null or scope <@ $2)",
        &[(&id, Type::UUID), (&scope_of(robeings), Type::TEXT_ARRAY)],
    )
    .await?;
    let row = rows.first();
    let row = row.ok_or_else(|| Error::NotFound(format!("there is no export {id}")))?;
    let mut export = Export::of(row)?;
    if export.status == Status::Done {
        let files = client
            .query_typed(
                "select number, rows, bytes, sha256 from privacy.export_file
                 where export_id = $1 and is_whole order by number",
                &[(&id, Type::UUID)],
            )
            .await?;
        for file in files {
            export.files.push(File::of(privacy, &export, &file)?);
        }
    }
    Ok(export)
}

impl Export {
    fn of(row: &Row) -> Result<Self> {
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
            files: Vec::new(),
            created_at: row.try_get("created_at")?,
            finished_at,
            expires_at: row.try_get("expires_at")?,
        })
    }
}

impl File {
    fn of(privacy: &Privacy, export: &Export, row: &Row) -> Result<Self> {
        let number = row.try_get("number")?;
        let sha256: Vec<u8> = row.try_get("sha256")?;
        let (url, url_expires_at) = download::link(privacy, export.id, number, export.expires_at);
        Ok(Self {
            number,
            rows: row.try_get("rows")?,
            bytes: row.try_get("bytes")?,
            sha256: hex::encode(sha256),
            url,
            url_expires_at,
        })
    }
}

async fn begin(
    privacy: &Privacy,
    resolved: &Resolved,
    scope: Option<&[String]>,
    request: Option<&[u8]>,
) -> Result<Uuid> {
    let mut client = privacy.pool.get().await?;
    let known = "select id, subject_digest from privacy.export
                 where request = $1 and expires_at > now() and scope is not distinct from $2";
    let values = [
        (&request as _, Type::BYTEA),
        (&scope as _, Type::TEXT_ARRAY),
    ];
    let earlier = db::query(&client, &resolved.subject.scope(), known, &values).await?;
    if let Some(row) = earlier.first() {
        return same(resolved, row);
    }
    let held = owners::held(&mut client, &resolved.subject).await?;
    if held.is_empty() {
        return Err(unknown());
    }
    let id = Uuid::now_v7();
    let now = Timestamp::now();
    let expires_at = now.saturating_add(KEPT_FOR).unwrap_or(now);
    let made = db::query(
        &client,
        &resolved.subject.scope(),
        "insert into privacy.export (id, subject_kind, subject_digest, scope, request, subject, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (request) do nothing
         returning id",
        &[
            (&id, Type::UUID),
            (&resolved.kind, Type::TEXT),
            (&resolved.digests.first(), Type::BYTEA),
            (&scope, Type::TEXT_ARRAY),
            (&request, Type::BYTEA),
            (&Jsonb(&resolved.subject), Type::JSONB),
            (&expires_at, Type::TIMESTAMPTZ),
        ],
    )
    .await?;
    if !made.is_empty() {
        return Ok(id);
    }
    // Somebody sent the same key at the same time, or for another scope.
    let earlier = db::query(&client, &resolved.subject.scope(), known, &values).await?;
    match earlier.first() {
        Some(row) => same(resolved, row),
        None => Err(other_subject()),
    }
}

fn same(resolved: &Resolved, row: &Row) -> Result<Uuid> {
    let digest: Vec<u8> = row.try_get("subject_digest")?;
    if resolved.digests.contains(&digest) {
        return Ok(row.try_get("id")?);
    }
    Err(other_subject())
}

fn other_subject() -> Error {
    let detail = "the Idempotency-Key was used for an export of somebody else: send a new one";
    Error::Unprocessable(detail.to_owned())
}
