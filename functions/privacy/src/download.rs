//! Downloads of export files by signed links.

use std::sync::Arc;

use axum::extract::State;
use http::{HeaderValue, Uri, header};
use jiff::{SignedDuration, Timestamp};
use platform::auth::Scope as CallerScope;
use platform::postgres::scoped::{self as db, Scope};
use platform::postgres::types::Type;
use platform::{Caller, Error, Query, Result, Role};
use robeing::ROBEINGS;
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use crate::Privacy;

pub const ROUTE: &str = "/v1/exports/download";
/// How long a link is valid.
const LINK_LIFETIME: SignedDuration = SignedDuration::from_mins(15);

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Link {
    /// The id of the export.
    export: Uuid,
    /// The number of the file.
    file: i32,
    /// When the link expires, in seconds since 1970.
    expires: i64,
    /// The signature of the other parameters, in hexadecimal.
    signature: String,
}

fn signed_text(export: Uuid, file: i32, expires: i64) -> Vec<u8> {
    format!("metasync link {export} {file} {expires}").into_bytes()
}

/// A link to a file, and when the link expires: no later than the export.
pub fn link(privacy: &Privacy, export: Uuid, file: i32, end: Timestamp) -> (String, Timestamp) {
    let soon = Timestamp::now()
        .saturating_add(LINK_LIFETIME)
        .unwrap_or(end);
    let expires = soon.min(end).as_second();
    let signature = hex::encode(privacy.master().sign(&signed_text(export, file, expires)));
    let url =
        format!("{ROUTE}?export={export}&file={file}&expires={expires}&signature={signature}");
    (url, Timestamp::from_second(expires).unwrap_or(end))
}

/// Accepts any caller with a valid link.
///
/// # Errors
/// `Unauthenticated` if the link is malformed, changed or expired.
pub fn authenticate(privacy: &Privacy, address: &Uri) -> Result<Caller> {
    let refused = |reason: &str| Error::Unauthenticated(reason.to_owned());
    let Query(link) = Query::<Link>::try_from_uri(address)
        .map_err(|_| refused("this is not a link to a file: get one from GET /v1/exports/{id}"))?;
    let signature = hex::decode(&link.signature).unwrap_or_default();
    let text = signed_text(link.export, link.file, link.expires);
    if !privacy.master().verify(&text, &signature) {
        return Err(refused(
            "the link was changed: get a new one from GET /v1/exports/{id}",
        ));
    }
    if Timestamp::now().as_second() >= link.expires {
        return Err(refused(
            "the link has expired: get a new one from GET /v1/exports/{id}",
        ));
    }
    let nothing = Arc::new(CallerScope::default());
    Ok(Caller::service("link".into(), Role::Reader, nothing))
}

/// Download a file of an export.
///
/// Use the link from `GET /v1/exports/{id}`. It is valid for 15 minutes and needs no token.
#[utoipa::path(
    get,
    path = "/v1/exports/download",
    tag = "privacy",
    operation_id = "download_export",
    params(Link),
    security(()),
    responses(
        (status = 200, description = "the file: JSON Lines, compressed with gzip", content_type = "application/gzip"),
        (status = 401, description = "the link was changed or has expired"),
        (status = 404, description = "the export was removed"),
        (status = 503, description = "the database or the store is unavailable"),
    )
)]
pub async fn download(
    State(privacy): State<Privacy>,
    Query(link): Query<Link>,
) -> Result<([(header::HeaderName, HeaderValue); 3], bytes::Bytes)> {
    let client = privacy.pool.get().await?;
    let rows = db::query(
        &client,
        &Scope::all(ROBEINGS),
        "select object
         from privacy.export_file
         join privacy.export on id = export_id
         where id = $1 and number = $2 and is_whole and expires_at > now()",
        &[(&link.export, Type::UUID), (&link.file, Type::INT4)],
    )
    .await?;
    drop(client);
    let row = rows.first();
    let row = row.ok_or_else(|| Error::NotFound("the export was removed".to_owned()))?;
    let body = privacy.store.get(row.try_get(0)?).await?.body;
    let name = format!(
        "attachment; filename=\"{}-{:04}.jsonl.gz\"",
        link.export, link.file
    );
    let name = HeaderValue::from_str(&name).map_err(anyhow::Error::from)?;
    Ok((
        [
            (
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/gzip"),
            ),
            (header::CONTENT_DISPOSITION, name),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        ],
        body,
    ))
}
