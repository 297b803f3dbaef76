//! Google Cloud Storage, with its JSON API. The ETag of an object is its generation.

use std::ops::Range;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::RequestBuilder;
use serde::Deserialize;
use uuid::Uuid;

use super::{
    ETag, Object, Put, Result, Store, StoreError, by_status, content_type, part, response_timeout,
};
use crate::google::{Google, QUOTA_PROJECT};
use crate::{Resources, http_client};

const SCOPE: &[&str] = &["https://www.googleapis.com/auth/devstorage.read_write"];

/// A key is one segment of the path, so its `/` is encoded too.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// The pauses before the second and later attempts.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(100),
    Duration::from_millis(400),
    Duration::from_millis(1_600),
];

pub(super) struct Gcs {
    http: reqwest::Client,
    base: String,
    bucket: String,
    /// None for an emulator.
    login: Option<Google>,
}

struct Received {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

#[derive(Deserialize)]
struct Written {
    generation: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    #[serde(default)]
    items: Vec<Item>,
    next_page_token: Option<String>,
}

#[derive(Deserialize)]
struct Item {
    name: String,
}

impl Gcs {
    /// With `STORAGE_EMULATOR_HOST` (`host:port` or a URL), uses that server instead, without a login.
    pub(super) fn open(resources: &Resources, bucket: &str) -> anyhow::Result<Self> {
        let env = resources.env();
        let emulator = env.get("STORAGE_EMULATOR_HOST");
        let base = match emulator {
            None => "https://storage.googleapis.com".to_owned(),
            Some(url) if url.contains("://") => url.trim_end_matches('/').to_owned(),
            Some(host) => format!("http://{host}"),
        };
        url::Url::parse(&base).with_context(|| {
            format!("STORAGE_EMULATOR_HOST is {base:?}: set it to `host:port` or a URL")
        })?;
        Ok(Self {
            http: resources.http()?,
            base,
            bucket: bucket.to_owned(),
            login: emulator.is_none().then(|| Google::new(env)),
        })
    }

    /// Names the server in an error.
    fn place(&self) -> String {
        let place = url::Url::parse(&self.base).map(|url| http_client::place(&url));
        format!("{} did not respond", place.unwrap_or_default())
    }

    fn objects(&self) -> String {
        format!("{}/storage/v1/b/{}/o", self.base, self.bucket)
    }

    fn object(&self, key: &str) -> String {
        format!("{}/{}", self.objects(), utf8_percent_encode(key, SEGMENT))
    }

    /// Sends a request of `sent` bytes, with retries while the store is unavailable.
    async fn send(
        &self,
        key: &str,
        sent: usize,
        request: impl Fn() -> RequestBuilder + Send + Sync,
    ) -> Result<Received> {
        let mut pauses = PAUSES.iter();
        loop {
            let result = self.send_once(key, sent, request()).await;
            match (result, pauses.next()) {
                (Err(StoreError::Unavailable { .. }), Some(pause)) => {
                    // Jitter, from the random low bits of a UUID.
                    let jitter = Uuid::now_v7().as_u128() % pause.as_millis();
                    tokio::time::sleep(*pause + Duration::from_millis(jitter as u64)).await;
                }
                (result, _) => return result,
            }
        }
    }

    /// For a server that doesn't return the generation with the content: reads it from the metadata, then
    /// the content of that generation.
    async fn get_by_metadata(
        &self,
        key: &str,
        if_none_match: Option<&ETag>,
    ) -> Result<Option<Object>> {
        let url = self.object(key);
        loop {
            let request = || self.http.get(&url).query(&[("fields", "generation")]);
            let metadata = self.send(key, 0, request).await?;
            let Written { generation } = parse(key, &metadata.body)?;
            let etag = ETag(generation);
            if if_none_match == Some(&etag) {
                return Ok(None);
            }
            let this = [("alt", "media"), ("generation", &etag.0)];
            let request = || self.http.get(&url).query(&this);
            match self.send(key, 0, request).await {
                Ok(Received { body, .. }) => return Ok(Some(Object { body, etag })),
                // Replaced or deleted meanwhile, which the metadata shows. The time limit ends the loop.
                Err(StoreError::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
    }

    async fn send_once(&self, key: &str, sent: usize, request: RequestBuilder) -> Result<Received> {
        let request = match &self.login {
            None => request,
            Some(login) => {
                let token = login
                    .token(SCOPE)
                    .await
                    .map_err(|error| login_failed(key, error))?;
                let request = request.bearer_auth(token.expose());
                match login.quota_project() {
                    Some(project) => request.header(QUOTA_PROJECT, project),
                    None => request,
                }
            }
        };
        let broken =
            |error: anyhow::Error| StoreError::unavailable(key, error.context(self.place()));
        let response = tokio::time::timeout(response_timeout(sent as u64), request.send())
            .await
            .map_err(|elapsed| broken(elapsed.into()))?
            .map_err(|error| broken(error.without_url().into()))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await;
        let body = body.map_err(|error| broken(error.without_url().into()))?;
        match status {
            status if status.is_success() => {}
            StatusCode::NOT_MODIFIED | StatusCode::RANGE_NOT_SATISFIABLE => {}
            status => return Err(refused(key, status, &body)),
        }
        Ok(Received {
            status,
            headers,
            body,
        })
    }
}

#[async_trait]
impl Store for Gcs {
    async fn get_if_changed(
        &self,
        key: &str,
        if_none_match: Option<&ETag>,
    ) -> Result<Option<Object>> {
        let url = self.object(key);
        let known = if_none_match.map(|tag| ("ifGenerationNotMatch", &tag.0));
        let request = || {
            self.http
                .get(&url)
                .query(&[("alt", "media")])
                .query(&known.as_slice())
        };
        let received = self.send(key, 0, request).await?;
        if received.status == StatusCode::NOT_MODIFIED {
            return Ok(None);
        }
        let generation = received.headers.get("x-goog-generation");
        let Some(generation) = generation.and_then(|value| value.to_str().ok()) else {
            return self.get_by_metadata(key, if_none_match).await;
        };
        let etag = ETag(generation.to_owned());
        // Some emulators ignore the condition.
        let body = received.body;
        Ok((if_none_match != Some(&etag)).then_some(Object { body, etag }))
    }

    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes> {
        let url = self.object(key);
        let bytes = format!("bytes={}-{}", range.start, range.end - 1);
        let request = || {
            let request = self.http.get(&url).query(&[("alt", "media")]);
            request.header(header::RANGE, &bytes)
        };
        let received = self.send(key, 0, request).await?;
        match received.status {
            StatusCode::PARTIAL_CONTENT => Ok(received.body),
            // The object ends before the range begins.
            StatusCode::RANGE_NOT_SATISFIABLE => Ok(Bytes::new()),
            // A server may return the whole object.
            _ => Ok(part(&received.body, range)),
        }
    }

    async fn put(&self, key: &str, body: Bytes, condition: Put) -> Result<ETag> {
        let url = format!("{}/upload/storage/v1/b/{}/o", self.base, self.bucket);
        let generation = match &condition {
            Put::Always => None,
            Put::IfAbsent => Some("0"),
            Put::IfMatch(tag) => Some(tag.0.as_str()),
        };
        let condition = generation.map(|generation| ("ifGenerationMatch", generation));
        let (boundary, multipart) = multipart(key, &body);
        let request = || {
            self.http
                .post(&url)
                .query(&[("uploadType", "multipart"), ("fields", "generation")])
                .query(&condition.as_slice())
                .header(
                    header::CONTENT_TYPE,
                    format!("multipart/related; boundary={boundary}"),
                )
                .body(multipart.clone())
        };
        let received = match self.send(key, body.len(), request).await {
            Err(StoreError::NotFound(key)) if matches!(generation, Some(tag) if tag != "0") => {
                return Err(StoreError::Precondition(key));
            }
            result => result?,
        };
        let written: Written = parse(key, &received.body)?;
        Ok(ETag(written.generation))
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>> {
        let url = self.objects();
        let mut keys = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let page = after.as_ref().map(|token| ("pageToken", token));
            let request = || {
                self.http
                    .get(&url)
                    .query(&[("prefix", prefix), ("fields", "items(name),nextPageToken")])
                    .query(&page.as_slice())
            };
            let received = self.send(prefix, 0, request).await?;
            let page: Page = parse(prefix, &received.body)?;
            keys.extend(page.items.into_iter().map(|item| item.name));
            after = page.next_page_token.filter(|token| !token.is_empty());
            if after.is_none() {
                return Ok(keys);
            }
        }
    }

    async fn delete(&self, key: &str) -> Result<()> {
        let url = self.object(key);
        match self.send(key, 0, || self.http.delete(&url)).await {
            Ok(_) | Err(StoreError::NotFound(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// The name and the body in one request, as `multipart/related`: the only kind of upload that writes at once
/// and honors a precondition on every server.
fn multipart(key: &str, body: &Bytes) -> (String, Bytes) {
    let boundary = Uuid::now_v7().simple().to_string();
    let kind = content_type(key);
    let about = serde_json::json!({ "name": key, "contentType": kind });
    let mut parts = Vec::with_capacity(body.len() + 512);
    parts.extend_from_slice(
        format!(
            "--{boundary}\r\ncontent-type: application/json; charset=utf-8\r\n\r\n{about}\r\n\
             --{boundary}\r\ncontent-type: {kind}\r\n\r\n"
        )
        .as_bytes(),
    );
    parts.extend_from_slice(body);
    parts.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    (boundary, parts.into())
}

fn parse<'a, T: Deserialize<'a>>(key: &str, body: &'a [u8]) -> Result<T> {
    // A truncated response with status 200; a retry may succeed.
    serde_json::from_slice(body).map_err(|error| StoreError::unavailable(key, error))
}

fn refused(key: &str, status: StatusCode, body: &[u8]) -> StoreError {
    let message: String = String::from_utf8_lossy(body).chars().take(300).collect();
    let source = anyhow!("{status}: {message}");
    if status == StatusCode::NOT_FOUND && message.contains("bucket does not exist") {
        return StoreError::other(key, source);
    }
    by_status(status.as_u16(), key, source)
}

fn login_failed(key: &str, error: anyhow::Error) -> StoreError {
    use gcp_auth::Error::{Io, Json, NoAuthMethod};
    match error.downcast_ref() {
        Some(NoAuthMethod(..) | Io(..) | Json(..)) => StoreError::denied(key, error),
        _ => StoreError::unavailable(key, error),
    }
}
