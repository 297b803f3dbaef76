//! Requests to the issuer, which may be slow, or send anything.

use std::pin::Pin;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use oauth2::{AsyncHttpClient, HttpRequest, HttpResponse};

/// The longest time for a request and its whole response.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The size limit of a response, in bytes.
const LARGEST: usize = 256 * 1024;

/// The HTTP client of the process, with limits. It follows no redirects, so that a secret goes where it was sent.
#[derive(Clone, Debug)]
pub struct Bounded(pub reqwest::Client);

impl Bounded {
    pub async fn send(&self, mut request: reqwest::Request) -> anyhow::Result<HttpResponse> {
        *request.timeout_mut() = Some(TIMEOUT);
        let place = platform::http_client::place(request.url());
        // The error of the client would have the URL.
        let response = self.0.execute(request).await;
        let mut response = response.map_err(reqwest::Error::without_url)?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            body.extend_from_slice(&chunk);
            ensure!(
                body.len() <= LARGEST,
                "{place} sent more than {LARGEST} bytes"
            );
        }
        let mut bounded = HttpResponse::new(body);
        *bounded.status_mut() = response.status();
        *bounded.headers_mut() = response.headers().clone();
        Ok(bounded)
    }
}

/// A request to the issuer failed.
#[derive(Debug, thiserror::Error)]
#[error("{0:#}")]
pub struct Failed(anyhow::Error);

impl<'c> AsyncHttpClient<'c> for Bounded {
    type Error = Failed;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Failed>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let request = reqwest::Request::try_from(request).context("the request is not valid");
            self.send(request.map_err(Failed)?).await.map_err(Failed)
        })
    }
}
