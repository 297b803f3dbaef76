//! The HTTP client of this crate for the SDK, so that a process has one TLS stack and one connection pool.

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;

use crate::http_client;
use crate::store::response_timeout;

#[derive(Clone, Debug)]
pub(super) struct Client(pub(super) reqwest::Client);

impl HttpClient for Client {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Client {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.0.clone();
        HttpConnectorFuture::new(async move { send(&client, request).await })
    }
}

async fn send(
    client: &reqwest::Client,
    request: HttpRequest,
) -> Result<HttpResponse, ConnectorError> {
    let bytes = request.body().content_length().unwrap_or(0);
    let request = request
        .try_into_http1x()
        .map_err(|error| ConnectorError::user(error.into()))?;
    let request = reqwest::Request::try_from(request.map(reqwest::Body::wrap))
        .map_err(|error| ConnectorError::user(error.into()))?;

    let place = http_client::place(request.url());
    let response = tokio::time::timeout(response_timeout(bytes), client.execute(request))
        .await
        .map_err(|elapsed| ConnectorError::timeout(named(&place, elapsed.into()).into()))?
        .map_err(|error| failure(&place, error))?;
    let response = http::Response::from(response).map(SdkBody::from_body_1_x);
    HttpResponse::try_from(response).map_err(|error| ConnectorError::other(error.into(), None))
}

fn failure(place: &str, error: reqwest::Error) -> ConnectorError {
    let (is_builder, is_timeout) = (error.is_builder(), error.is_timeout());
    let error = named(place, error.without_url().into()).into();
    if is_builder {
        ConnectorError::user(error)
    } else if is_timeout {
        ConnectorError::timeout(error)
    } else {
        ConnectorError::io(error)
    }
}

/// The error, with the host and the port of the server.
fn named(place: &str, error: anyhow::Error) -> anyhow::Error {
    error.context(format!("{place} did not respond"))
}
