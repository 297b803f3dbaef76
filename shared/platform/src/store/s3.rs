//! Amazon S3 and compatible servers, with Amazon's SDK on the HTTP client of this crate.

mod http;

use std::fmt::Debug;
use std::ops::Range;
use std::sync::LazyLock;

use async_trait::async_trait;
use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, SharedCredentialsProvider, future};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, Config, Credentials, Region, RequestChecksumCalculation,
    ResponseChecksumValidation, StalledStreamProtectionConfig,
};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use tokio::sync::OnceCell;

use super::{ETag, Object, Put, Result, Store, StoreError, by_status, content_type};
use crate::{Env, Resources};

pub(super) struct S3 {
    /// Created at the first call. It parses Amazon's partitions and compiles their patterns, which would take
    /// a good part of startup.
    client: LazyLock<Client, Box<dyn FnOnce() -> Client + Send>>,
    bucket: String,
}

impl S3 {
    /// Reads `AWS_REGION` (or `AWS_DEFAULT_REGION`), `AWS_ENDPOINT_URL_S3` (or `AWS_ENDPOINT_URL`), and the
    /// access key in the environment. Without a key, the SDK looks for one at the first call.
    pub(super) fn open(resources: &Resources, bucket: &str) -> anyhow::Result<Self> {
        let env = resources.env();
        let either = |one, other| env.get(one).or_else(|| env.get(other));
        let endpoint = either("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL");
        let region = match (either("AWS_REGION", "AWS_DEFAULT_REGION"), endpoint) {
            (Some(region), _) => region,
            // The signature needs a region; compatible servers accept any.
            (None, Some(_)) => "us-east-1",
            (None, None) => env.required("AWS_REGION", "the region of the bucket in BUCKET_URL")?,
        };
        let region = Region::new(region.to_owned());
        let http = http::Client(resources.http()?);

        let mut config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(region.clone())
            .credentials_provider(credentials(env, region, http.clone()))
            .http_client(http)
            .retry_config(RetryConfig::standard())
            // Some compatible servers fail on trailing checksums, and TLS protects the transfer.
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            // Every call has a time-out, and the protection cancels transfers over slow links.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        if let Some(endpoint) = endpoint {
            // `bucket.127.0.0.1` is not a valid host.
            config = config.endpoint_url(endpoint).force_path_style(true);
        }
        Ok(Self {
            client: LazyLock::new(Box::new(|| Client::from_conf(config.build()))),
            bucket: bucket.to_owned(),
        })
    }
}

/// The access key in the environment, where Lambda puts it, or the SDK's credential chain.
fn credentials(env: &Env, region: Region, http: http::Client) -> SharedCredentialsProvider {
    match (
        env.get("AWS_ACCESS_KEY_ID"),
        env.secret("AWS_SECRET_ACCESS_KEY"),
    ) {
        (Some(id), Some(secret)) => {
            let session = env
                .secret("AWS_SESSION_TOKEN")
                .map(|token| token.expose().to_owned());
            let key = Credentials::new(id, secret.expose(), session, None, "environment");
            SharedCredentialsProvider::new(key)
        }
        _ => SharedCredentialsProvider::new(Chain {
            region,
            http,
            chain: OnceCell::new(),
        }),
    }
}

/// The SDK's credential chain (profile, container, instance, ...), which is created at the first call: it
/// reads files and calls servers.
#[derive(Debug)]
struct Chain {
    region: Region,
    http: http::Client,
    chain: OnceCell<DefaultCredentialsChain>,
}

impl Chain {
    async fn credentials(&self) -> provider::Result {
        let build = || {
            let config = ProviderConfig::without_region()
                .with_region(Some(self.region.clone()))
                .with_http_client(self.http.clone());
            DefaultCredentialsChain::builder().configure(config).build()
        };
        let chain = self.chain.get_or_init(build).await;
        chain.provide_credentials().await
    }
}

impl ProvideCredentials for Chain {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.credentials())
    }
}

#[async_trait]
impl Store for S3 {
    async fn get_if_changed(
        &self,
        key: &str,
        if_none_match: Option<&ETag>,
    ) -> Result<Option<Object>> {
        let response = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(key)
            .set_if_none_match(if_none_match.map(|tag| tag.0.clone()))
            .send()
            .await;
        let output = match response {
            Ok(output) => output,
            Err(error) if status(&error) == Some(304) => return Ok(None),
            Err(error) => return Err(translate(key, error)),
        };
        let etag = tag(key, output.e_tag)?;
        let body = read(key, output.body).await?;
        Ok(Some(Object { body, etag }))
    }

    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes> {
        let response = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(key)
            .range(format!("bytes={}-{}", range.start, range.end - 1))
            .send()
            .await;
        match response {
            Ok(output) => read(key, output.body).await,
            // The object ends before the range begins.
            Err(error) if status(&error) == Some(416) => Ok(Bytes::new()),
            Err(error) => Err(translate(key, error)),
        }
    }

    async fn put(&self, key: &str, body: Bytes, condition: Put) -> Result<ETag> {
        let (if_none_match, if_match) = match condition {
            Put::Always => (None, None),
            Put::IfAbsent => (Some("*".to_owned()), None),
            Put::IfMatch(tag) => (None, Some(tag.0)),
        };
        let matching = if_match.is_some();
        let response = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .set_if_none_match(if_none_match)
            .set_if_match(if_match)
            .content_type(content_type(key))
            .body(ByteStream::from(body))
            .send()
            .await;
        match response {
            Ok(output) => tag(key, output.e_tag),
            Err(error) => Err(match (translate(key, error), matching) {
                (StoreError::NotFound(key), true) => StoreError::Precondition(key),
                (error, _) => error,
            }),
        }
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>> {
        let mut pages = self
            .client
            .list_objects_v2()
            .bucket(&self.bucket)
            .prefix(prefix)
            .into_paginator()
            .send();
        let mut keys = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| translate(prefix, error))?;
            let objects = page.contents.unwrap_or_default();
            // The SDK accepts an incomplete or invalid page as one with fewer keys.
            let count = page.key_count.map_or(objects.len(), |count| count as usize);
            if page.is_truncated.is_none() || count != objects.len() {
                let reason = anyhow::anyhow!("the list ends early, after {} keys", objects.len());
                return Err(StoreError::unavailable(prefix, reason));
            }
            keys.extend(objects.into_iter().filter_map(|object| object.key));
        }
        Ok(keys)
    }

    async fn delete(&self, key: &str) -> Result<()> {
        let response = self
            .client
            .delete_object()
            .bucket(&self.bucket)
            .key(key)
            .send()
            .await;
        response.map(drop).map_err(|error| translate(key, error))
    }
}

fn tag(key: &str, tag: Option<String>) -> Result<ETag> {
    tag.map(ETag)
        .ok_or_else(|| StoreError::other(key, anyhow::anyhow!("the response has no ETag")))
}

async fn read(key: &str, body: ByteStream) -> Result<Bytes> {
    let body = body.collect().await;
    Ok(body
        .map_err(|error| StoreError::unavailable(key, error))?
        .into_bytes())
}

fn status<E>(error: &SdkError<E>) -> Option<u16> {
    error
        .raw_response()
        .map(|response| response.status().as_u16())
}

fn translate<E>(key: &str, error: SdkError<E>) -> StoreError
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    let (status, code) = (status(&error), error.code().map(str::to_owned));
    let retryable = matches!(error, SdkError::TimeoutError(_))
        || matches!(&error, SdkError::DispatchFailure(failure)
            if failure.is_io() || failure.is_timeout());
    let source = anyhow::Error::new(error);
    let unauthenticated = source
        .chain()
        .any(<dyn std::error::Error>::is::<CredentialsError>);
    if unauthenticated {
        let hint = "no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or \
                    AWS_PROFILE";
        return StoreError::denied(key, source.context(hint));
    }
    match (status, code.as_deref()) {
        (_, Some("NoSuchBucket")) => {
            StoreError::other(key, source.context("the bucket doesn't exist"))
        }
        (Some(409), Some("ConditionalRequestConflict")) => StoreError::Precondition(key.to_owned()),
        // A truncated response with status 200; a retry may succeed.
        (Some(200..300 | 409), _) | (_, Some("RequestTimeout" | "SlowDown")) => {
            StoreError::unavailable(key, source)
        }
        (Some(status), _) => by_status(status, key, source),
        (None, _) if retryable => StoreError::unavailable(key, source),
        (None, _) => StoreError::other(key, source),
    }
}
