//! BigQuery's REST API: paced below its quota, tried again where that helps, every attempt counted.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use platform::google::Google;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Method, Request};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use url::Url;
use uuid::Uuid;

use super::failure::Failure;
use super::location::Locations;
use super::settings::{Patience, Settings};
use crate::observer::Observer;

/// The methods we call; each has a quota of its own.
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

/// Reading needs less, but a dry run is a job, and no read-only scope allows one.
const SCOPE: &str = "https://www.googleapis.com/auth/bigquery";

const LONGEST_WAIT: Duration = Duration::from_secs(32);

pub(super) struct Client {
    http: reqwest::Client,
    endpoint: Url,
    login: Option<Google>,
    pace: [DefaultDirectRateLimiter; APIS],
    in_flight: Semaphore,
    pub(super) patience: Patience,
    pub(super) locations: Locations,
    /// The catalog query was refused for a column that an emulator lacks.
    without_policy_tags: AtomicBool,
}

impl Client {
    pub(super) fn new(settings: &Settings, http: reqwest::Client) -> Self {
        Self {
            http,
            endpoint: settings.endpoint.clone(),
            login: settings.login.clone(),
            pace: std::array::from_fn(|_| RateLimiter::direct(pace(settings.requests_per_second))),
            in_flight: Semaphore::new(settings.parallelism),
            patience: settings.patience,
            locations: Locations::default(),
            without_policy_tags: AtomicBool::new(false),
        }
    }

    pub(super) fn is_without_policy_tags(&self) -> bool {
        self.without_policy_tags.load(Ordering::Relaxed)
    }

    pub(super) fn set_without_policy_tags(&self) {
        self.without_policy_tags.store(true, Ordering::Relaxed);
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
        let deadline = Instant::now() + self.patience.deadline;
        let mut attempt = 1;
        loop {
            let failure = match self.attempt(api, request, observer).await {
                Ok(body) => match serde_json::from_slice(&body) {
                    Ok(answer) => return Ok(answer),
                    Err(error) if error.is_eof() => Failure::Broken(error.into()),
                    Err(error) => Failure::Unreadable(error.into()),
                },
                Err(failure) => failure,
            };
            let wait = self.wait(attempt);
            if !failure.is_transient()
                || attempt >= self.patience.attempts
                || Instant::now() + wait > deadline
            {
                return Err(failure);
            }
            tracing::debug!(?api, attempt, reason = failure.reason(), "trying again");
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
        let broken = |error: reqwest::Error| Failure::Broken(error.without_url().into());
        let _permit = self
            .in_flight
            .acquire()
            .await
            .expect("the semaphore is never closed");
        let authorization = self.authorization().await.map_err(Failure::Login)?;
        self.pace[api as usize].until_ready().await;
        let mut request = request.try_clone().expect("a body in memory can be cloned");
        *request.timeout_mut() = Some(self.patience.timeout);
        if let Some(authorization) = authorization {
            request.headers_mut().insert(AUTHORIZATION, authorization);
        }
        observer.request();
        let response = self.http.execute(request).await.map_err(broken)?;
        let status = response.status();
        let body = response.bytes().await.map_err(broken)?;
        if status.is_success() {
            Ok(body.into())
        } else {
            Err(Failure::answer(status, &body))
        }
    }

    async fn authorization(&self) -> anyhow::Result<Option<HeaderValue>> {
        let Some(login) = &self.login else {
            return Ok(None);
        };
        let token = login.token(&[SCOPE]).await?;
        let mut header = HeaderValue::try_from(format!("Bearer {}", token.expose()))
            .context("the token is no header value")?;
        header.set_sensitive(true);
        Ok(Some(header))
    }

    /// Before the attempt after this one: twice as long each time, of which a half is chance, so
    /// that fifty refused requests don't come back as one.
    pub(super) fn wait(&self, attempt: u32) -> Duration {
        let longest = self
            .patience
            .first_wait
            .saturating_mul(1 << (attempt - 1).min(16))
            .min(LONGEST_WAIT);
        let chance = f64::from(Uuid::now_v7().as_u128() as u16) / f64::from(u16::MAX);
        longest.mul_f64(0.5 + chance / 2.0)
    }
}

/// At most so many requests in any second: what a burst lets through is taken off the pace, and a
/// few are left for requests that reach Google closer together than they were sent.
fn pace(requests_per_second: u32) -> Quota {
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
    fn no_second_sees_more_than_the_quota() {
        for requests_per_second in [2, 3, 5, 10, 19, 20, 50, 100, 1_000] {
            let quota = pace(requests_per_second);
            let in_a_second = 1.0 / quota.replenish_interval().as_secs_f64();
            let most = f64::from(quota.burst_size().get()) + in_a_second;
            // The interval is a whole number of nanoseconds.
            assert!(most <= f64::from(requests_per_second) + 1e-3, "{most}");
            assert!(most >= f64::from(requests_per_second) * 0.95, "{most}");
        }
        assert!(pace(1).replenish_interval() > Duration::from_secs(1));
    }
}
