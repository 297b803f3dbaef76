//! Exports: all data about a subject, live and archived, as JSON Lines files in the store, behind links that
//! expire.
//!
//! A step creates one file: it collects the rows, records the file, stores it, and then marks it as complete
//! together with the progress. An export that is killed therefore resumes after the last complete file.

mod collect;
mod remove;

use std::time::{Duration, Instant};

use axum::extract::State;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use people::{Actor, Entry, audit};
use personal::Purpose;
use platform::auth;
use platform::postgres::Client;
use platform::postgres::scoped::{self as db, Scope};
use platform::postgres::types::{Json as Jsonb, Type};
use platform::serve::ClientAddress;
use platform::{Admin, Error, Json, Path, Result, idempotency};
use robeing::ROBEINGS;
use serde::Serialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio_postgres::Row;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::job::Status;
use crate::subject::{ResolvedSubject, SubjectDigest, SubjectId, scope_of, unknown_subject};
use crate::{Privacy, download, job, owners};

pub use collect::ExportJob;
use remove::remove_expired_of;
pub use remove::{remove_expired, remove_overlapping};

/// How long a request works on the job. After that, the next trigger resumes it.
const REQUEST_TIME: Duration = Duration::from_secs(40);
/// How long one step within a request may use a connection.
const LONGEST_STEP: Duration = Duration::from_secs(20);
/// The time after which an export is removed.
const LIFETIME: SignedDuration = SignedDuration::from_hours(24);
/// The prefix of the objects of all exports.
const FOLDER: &str = "exports";

#[derive(Debug, Serialize, ToSchema)]
pub struct Export {
    pub id: Uuid,
    pub status: Status,
    pub subject: SubjectDigest,
    /// The robeings in scope; null for all.
    pub robeings: Option<Vec<String>>,
    /// The files, in order. Empty until the export is done.
    pub files: Vec<File>,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub finished_at: Option<Timestamp>,
    /// When the export is removed.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

/// A file in JSON Lines format, compressed with gzip. Each line names its table.
#[derive(Debug, Serialize, ToSchema)]
pub struct File {
    pub number: i32,
    pub rows: i64,
    pub bytes: i64,
    /// SHA-256 of the compressed file, in hexadecimal.
    pub sha256: String,
    /// The URL to download the file from, without a token. Relative to this server.
    pub url: String,
    /// When the link expires. Get the export again for a new link.
    #[schema(value_type = String, format = DateTime)]
    pub url_expires_at: Timestamp,
}

/// Export the data about a person or a robeing.
#[utoipa::path(
    post,
    path = "/v1/exports",
    tag = "privacy",
    operation_id = "export",
    params(("Idempotency-Key" = Option<String>, Header, description = "requests with the same key create one export")),
    request_body = SubjectId,
    responses(
        (status = 200, description = "done; `files` has the download links", body = Export),
        (status = 202, description = "in progress; the `Location` header has the URL to poll", body = Export),
        (status = 400, description = "the body does not have exactly one valid id"),
        (status = 403, description = "the caller is not an admin, or the robeing is not in scope"),
        (status = 404, description = "the robeings in scope hold nothing about the subject"),
        (status = 409, description = "the step took too long, and another run continues the export; get its status, or retry"),
        (status = 415, description = "the body is not JSON"),
        (status = 422, description = "the key was used for another subject, or several people have the `slack_user_id`"),
        (status = 503, description = "the database or the store is unavailable; retry"),
    )
)]
pub async fn create(
    State(privacy): State<Privacy>,
    Admin(caller): Admin,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    Json(id): Json<SubjectId>,
) -> Result<(StatusCode, [(HeaderName, HeaderValue); 1], Json<Export>)> {
    let key = idempotency::key(&headers)?;
    let request = key.map(|key| Sha256::digest(format!("{}\n{key}", caller.key())).to_vec());
    let resolved = id.resolve(&privacy, &caller, Purpose::Export).await?;
    let scope = scope_of(caller.scope.of(ROBEINGS));
    let request = request.as_deref();
    let actor = Actor::of(&caller, address);
    let id = find_or_start(&privacy, &resolved, scope.as_deref(), request, &actor).await?;
    let until = Instant::now() + REQUEST_TIME;
    job::run::<ExportJob>(&privacy.with_step_limit(LONGEST_STEP), id, until).await?;
    let export = find(&privacy, id, &caller.scope).await?;
    let status = match export.status {
        Status::Done => StatusCode::OK,
        Status::Running => StatusCode::ACCEPTED,
    };
    let location = HeaderValue::from_str(&format!("/v1/exports/{id}"));
    let location = location.map_err(anyhow::Error::from)?;
    Ok((status, [(header::LOCATION, location)], Json(export)))
}

/// Get the status of an export, and links to its files.
#[utoipa::path(
    get,
    path = "/v1/exports/{id}",
    tag = "privacy",
    operation_id = "read_export",
    params(("id" = Uuid, Path)),
    responses(
        (status = 200, description = "the export", body = Export),
        (status = 403, description = "the caller is not an admin"),
        (status = 404, description = "the export does not exist, was removed, or covers robeings outside the caller's scope"),
        (status = 503, description = "the database is unavailable"),
    )
)]
pub async fn read(
    State(privacy): State<Privacy>,
    Admin(caller): Admin,
    Path(id): Path<Uuid>,
) -> Result<Json<Export>> {
    find(&privacy, id, &caller.scope).await.map(Json)
}

/// An export with accounts is for those who may see accounts, which belong to no robeing.
async fn find(privacy: &Privacy, id: Uuid, scope: &auth::Scope) -> Result<Export> {
    let robeings = scope.of(ROBEINGS);
    let everything = auth::Scope::all().is_within(scope);
    let client = privacy.pool.get().await?;
    let rows = db::query(
        &client,
        &Scope::of(ROBEINGS, robeings),
        "select id, subject_kind, subject_digest, scope, created_at, finished_at, expires_at
         from privacy.export
         where id = $1 and expires_at > now() and ($2::text[] is null or scope <@ $2)
           and ($3 or not coalesce((subject ->> 'everything')::boolean, false))",
        &[
            (&id, Type::UUID),
            (&scope_of(robeings), Type::TEXT_ARRAY),
            (&everything, Type::BOOL),
        ],
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
            subject: SubjectDigest {
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

/// Returns the export under the same idempotency key, or starts one.
async fn find_or_start(
    privacy: &Privacy,
    resolved: &ResolvedSubject,
    scope: Option<&[String]>,
    request: Option<&[u8]>,
    actor: &Actor,
) -> Result<Uuid> {
    if let Some(request) = request {
        remove_expired_of(privacy, request).await?;
    }
    let mut client = privacy.pool.get().await?;
    let select = "select id, subject_digest from privacy.export
                 where request = $1 and expires_at > now() and scope is not distinct from $2";
    let values = [
        (&request as _, Type::BYTEA),
        (&scope as _, Type::TEXT_ARRAY),
    ];
    let earlier = db::query(&client, &resolved.subject.scope(), select, &values).await?;
    if let Some(row) = earlier.first() {
        return same_subject(resolved, row);
    }
    let held = owners::held(&mut client, &resolved.subject).await?;
    if held.is_empty() {
        return Err(unknown_subject());
    }
    if let Some(id) = start(&mut client, resolved, scope, request, actor).await? {
        return Ok(id);
    }
    // A concurrent request used the same key, or an earlier one used it with another scope.
    let earlier = db::query(&client, &resolved.subject.scope(), select, &values).await?;
    match earlier.first() {
        Some(row) => same_subject(resolved, row),
        None => Err(other_subject()),
    }
}

/// Starts an export. None if the key was used.
async fn start(
    client: &mut Client,
    resolved: &ResolvedSubject,
    scope: Option<&[String]>,
    request: Option<&[u8]>,
    actor: &Actor,
) -> Result<Option<Uuid>> {
    let id = Uuid::now_v7();
    let now = Timestamp::now();
    let expires_at = now.saturating_add(LIFETIME).unwrap_or(now);
    let transaction = db::begin(client, &resolved.subject.scope()).await?;
    let started = transaction
        .execute_typed(
            "insert into privacy.export (id, subject_kind, subject_digest, scope, request, subject, expires_at)
             values ($1, $2, $3, $4, $5, $6, $7)
             on conflict (request) do nothing",
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
    if started == 0 {
        return Ok(None);
    }
    let entry = Entry {
        action: "export.request",
        subject_kind: "export",
        subject: &id.to_string(),
        detail: json!({"kind": resolved.kind}),
    };
    audit::record(&transaction, actor, &entry).await?;
    transaction.commit().await?;
    Ok(Some(id))
}

/// The id of an earlier export under the same key.
///
/// # Errors
/// `Unprocessable` if that export is for another subject.
fn same_subject(resolved: &ResolvedSubject, row: &Row) -> Result<Uuid> {
    let digest: Vec<u8> = row.try_get("subject_digest")?;
    if resolved.digests.contains(&digest) {
        return Ok(row.try_get("id")?);
    }
    Err(other_subject())
}

fn other_subject() -> Error {
    let detail = "the Idempotency-Key was used for an export of another subject or other robeings: send a new key";
    Error::Unprocessable(detail.to_owned())
}
