//! Signed calls to AWS services without their SDKs: to Secrets Manager at startup, and to others from the
//! command line.
//!
//! Each SDK would add a megabyte to functions that use no other crate of AWS.

use std::time::SystemTime;

use anyhow::Context as _;
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use http::Method;

use crate::Env;

/// The AWS identity of this process: the access key in the environment, where Lambda puts it.
#[derive(Clone)]
pub struct Amazon {
    http: reqwest::Client,
    env: Env,
    key: Option<Credentials>,
}

/// A request before it is signed.
pub struct Call<'a> {
    /// The name in the service's host: `secretsmanager`.
    pub service: &'a str,
    pub region: &'a str,
    /// The domain of the partition: `amazonaws.com`, or another one in China.
    pub domain: &'a str,
    pub method: Method,
    pub path: &'a str,
    pub headers: &'a [(&'a str, &'a str)],
    pub body: Vec<u8>,
}

impl Amazon {
    pub fn new(env: &Env, http: reqwest::Client) -> Self {
        let key = env.get("AWS_ACCESS_KEY_ID").and_then(|id| {
            let secret = env.secret("AWS_SECRET_ACCESS_KEY")?;
            let session = env.get("AWS_SESSION_TOKEN").map(str::to_owned);
            let (secret, source) = (secret.expose(), "environment");
            Some(Credentials::new(id, secret, session, None, source))
        });
        Self {
            http,
            env: env.clone(),
            key,
        }
    }

    /// Sends a request and returns the response, whatever its status.
    ///
    /// # Errors
    /// If there are no credentials.
    pub async fn send(&self, call: Call<'_>) -> anyhow::Result<reqwest::Result<reqwest::Response>> {
        let request = self.signed(call)?;
        Ok(self.http.execute(request).await)
    }

    /// The URL of a service: `AWS_ENDPOINT_URL_<SERVICE>`, `AWS_ENDPOINT_URL`, or that of the region.
    pub fn address(&self, service: &str, region: &str, domain: &str) -> String {
        let own = match service {
            // It has one endpoint per partition.
            "iam" if domain != "amazonaws.com" => format!("https://iam.{region}.{domain}"),
            "iam" if region.starts_with("us-gov-") => format!("https://iam.us-gov.{domain}"),
            "iam" => format!("https://iam.{domain}"),
            _ => format!("https://{service}.{region}.{domain}"),
        };
        let variable = match service {
            "secretsmanager" => "AWS_ENDPOINT_URL_SECRETS_MANAGER".to_owned(),
            other => format!("AWS_ENDPOINT_URL_{}", other.to_uppercase()),
        };
        let given = self.env.get(&variable);
        let given = given.or_else(|| self.env.get("AWS_ENDPOINT_URL"));
        given.unwrap_or(&own).trim_end_matches('/').to_owned()
    }

    fn signed(&self, call: Call<'_>) -> anyhow::Result<reqwest::Request> {
        let key = self.key.clone().context(
            "no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, for example with \
             `eval \"$(aws configure export-credentials --format env)\"`",
        )?;
        let address = self.address(call.service, call.region, call.domain);
        let url = format!("{address}{}", call.path);
        let identity = key.into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(call.region)
            .name(call.service)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()?
            .into();
        let headers = call.headers.iter().copied();
        let body = SignableBody::Bytes(&call.body);
        let signable = SignableRequest::new(call.method.as_str(), &url, headers, body)?;
        let (signature, _) = sign(signable, &parameters)?.into_parts();
        let mut request = http::Request::builder().method(call.method).uri(&url);
        for (name, value) in call.headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(call.body)?;
        signature.apply_to_request_http1x(&mut request);
        Ok(reqwest::Request::try_from(request)?)
    }
}
