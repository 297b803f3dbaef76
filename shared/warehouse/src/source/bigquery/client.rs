//! The client of BigQuery's REST API: limits the request rate to the quota, retries transient failures,
//! and counts every attempt.

use std::num::NonZeroU32;
use std::time::Duration;

use anyhow::Context as _;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use platform::google::{Google, QUOTA_PROJECT};
use platform::http_client;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Method, Request};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use url::Url;
use uuid::Uuid;

use super::failure::Failure;
use super::lacking::Lacking;
use super::location::Locations;
use super::settings::{RetryPolicy, Settings};
use crate::observer::Observer;

/// The methods in use. Each has its own quota.
#[derive(Clone, Copy, Debug)]
pub(super) enum Api {
    ListTables,
    GetTable,
    GetDataset,
    Query,
    QueryResults,
    InsertJob,
}

const APIS: usize = 6;

/// The OAuth scope. A dry run is a job, which no read-only scope allows.
const SCOPE: &str = "https://www.googleapis.com/auth/bigquery";

const MAX_BACKOFF: Duration = Duration::from_secs(32);

pub(super) struct Client {
    http: reqwest::Client,
    endpoint: Url,
    login: Option<Google>,
    rates: [DefaultDirectRateLimiter; APIS],
    in_flight: Semaphore,
    pub(super) retries: RetryPolicy,
    pub(super) locations: Locations,
    /// The columns of `INFORMATION_SCHEMA` that an emulator lacks.
    pub(super) lacking: Lacking,
}

impl Client {
    pub(super) fn new(settings: &Settings, http: reqwest::Client) -> Self {
        Self {
            http,
            endpoint: settings.endpoint.clone(),
            login: settings.login.clone(),
            rates: std::array::from_fn(|_| RateLimiter::direct(rate(settings.requests_per_second))),
            in_flight: Semaphore::new(settings.parallelism),
            retries: settings.retries,
            locations: Locations::default(),
            lacking: Lacking::default(),
        }
    }

    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        api: Api,
        path: &[&str],
        query: &[(&str, &str)],
        observer: &dyn Observer,
    ) -> Result<T, Failure> {
        let request = Request::new(Method::GET, self.url(path, query));
        self.send(api, &request, observer).await
    }

    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        api: Api,
        path: &[&str],
        body: &impl Serialize,
        observer: &dyn Observer,
    ) -> Result<T, Failure> {
        let request = self
            .http
            .post(self.url(path, &[]))
            .json(body)
            .build()
            .context("request")
            .map_err(Failure::Unreadable)?;
        self.send(api, &request, observer).await
    }

    fn url(&self, path: &[&str], query: &[(&str, &str)]) -> Url {
        let mut url = self.endpoint.clone();
        url.path_segments_mut()
            .expect("an http URL has a path")
            .pop_if_empty()
            .extend(path);
        url.query_pairs_mut()
            .append_pair("prettyPrint", "false")
            .extend_pairs(query);
        url
    }

    async fn send<T: DeserializeOwned>(
        &self,
        api: Api,
        request: &Request,
        observer: &dyn Observer,
    ) -> Result<T, Failure> {
        let deadline = Instant::now() + self.retries.deadline;
        let mut attempt = 1;
        loop {
            let failure = match self.attempt(api, request, observer).await {
                Ok(body) => match serde_json::from_slice(&body) {
                    Ok(answer) => return Ok(answer),
                    Err(error) if error.is_eof() => Failure::NoResponse(error.into()),
                    Err(error) => Failure::Unreadable(error.into()),
                },
                Err(failure) => failure,
            };
            let wait = self.backoff(attempt);
            if !failure.is_transient()
                || attempt >= self.retries.attempts
                || Instant::now() + wait > deadline
            {
                return Err(failure);
            }
            tracing::debug!(?api, attempt, reason = failure.reason(), "retrying");
            tokio::time::sleep(wait).await;
            attempt += 1;
        }
    }

    async fn attempt(
        &self,
        api: Api,
        request: &Request,
        observer: &dyn Observer,
    ) -> Result<Vec<u8>, Failure> {
        let place = http_client::place(request.url());
        let broken = |error: reqwest::Error| {
            let error = anyhow::Error::new(error.without_url());
            Failure::NoResponse(error.context(place.clone()))
        };
        let _permit = self
            .in_flight
            .acquire()
            .await
            .expect("the semaphore is never closed");
        let authorization = self.authorization().await.map_err(Failure::Login)?;
        self.rates[api as usize].until_ready().await;
        let mut request = request.try_clone().expect("a body in memory can be cloned");
        *request.timeout_mut() = Some(self.retries.timeout);
        if let Some(authorization) = authorization {
            request.headers_mut().insert(AUTHORIZATION, authorization);
        }
        if let Some(project) = self.login.as_ref().and_then(Google::quota_project) {
            let project = HeaderValue::try_from(project)
                .context("the quota project is not a valid header value")
                .map_err(Failure::Login)?;
            request.headers_mut().insert(QUOTA_PROJECT, project);
        }
        observer.request();
        let response = self.http.execute(request).await.map_err(broken)?;
        let status = response.status();
        let body = response.bytes().await.map_err(broken)?;
        if status.is_success() {
            Ok(body.into())
        } else {
            Err(Failure::of_response(status, &body))
        }
    }

    async fn authorization(&self) -> anyhow::Result<Option<HeaderValue>> {
        let Some(login) = &self.login else {
            return Ok(None);
        };
        let token = login.token(&[SCOPE]).await?;
        let mut header = HeaderValue::try_from(format!("Bearer {}", token.expose()))
            .context("the token is not a valid header value")?;
        header.set_sensitive(true);
        Ok(Some(header))
    }

    /// The wait before the next attempt: exponential backoff with jitter, so that concurrent requests
    /// don't retry at the same time.
    pub(super) fn backoff(&self, attempt: u32) -> Duration {
        let longest = self
            .retries
            .first_backoff
            .saturating_mul(1 << (attempt - 1).min(16))
            .min(MAX_BACKOFF);
        let chance = f64::from(Uuid::now_v7().as_u128() as u16) / f64::from(u16::MAX);
        longest.mul_f64(0.5 + chance / 2.0)
    }
}

/// A rate of at most `requests_per_second` in any second, bursts included. A small reserve is for
/// requests that arrive closer together than they were sent.
fn rate(requests_per_second: u32) -> Quota {
    let burst = (requests_per_second / 50).max(1);
    let steady = (f64::from(requests_per_second) * 0.95)
        .min(f64::from(requests_per_second - burst))
        .max(0.5);
    Quota::with_period(Duration::from_secs_f64(1.0 / steady))
        .expect("a period above zero")
        .allow_burst(NonZeroU32::new(burst).expect("at least 1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_second_has_more_requests_than_the_quota() {
        for requests_per_second in [2, 3, 5, 10, 19, 20, 50, 100, 1_000] {
            let quota = rate(requests_per_second);
            let in_a_second = 1.0 / quota.replenish_interval().as_secs_f64();
            let most = f64::from(quota.burst_size().get()) + in_a_second;
            // The interval is a whole number of nanoseconds.
            assert!(most <= f64::from(requests_per_second) + 1e-3, "{most}");
            assert!(most >= f64::from(requests_per_second) * 0.95, "{most}");
        }
        assert!(rate(1).replenish_interval() > Duration::from_secs(1));
    }
}
