//! AWS Secrets Manager: one call, signed as AWS wants it.
//!
//! Its SDK would add a megabyte to functions that have none of Amazon's crates otherwise.

use std::time::SystemTime;

use anyhow::{Context as _, anyhow, ensure};
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Failure, Read, answer};
use crate::Env;

/// Which secret, which of its versions, and what of it.
pub(super) struct Arn {
    id: String,
    region: String,
    json_key: Option<String>,
    stage: Option<String>,
    version: Option<String>,
}

impl Arn {
    /// None for a value that is no secret's name at all.
    pub(super) fn parse(value: &str) -> anyhow::Result<Option<Self>> {
        let parts: Vec<&str> = value.split(':').collect();
        let [
            "arn",
            partition,
            "secretsmanager",
            region,
            account,
            "secret",
            name,
            rest @ ..,
        ] = &parts[..]
        else {
            return Ok(None);
        };
        ensure!(
            partition.starts_with("aws")
                && ![region, account, name].iter().any(|part| part.is_empty())
                && rest.len() <= 3,
            "{value:?} is no secret's name: write \
             arn:aws:secretsmanager:<region>:<account>:secret:<name>[:<JSON key>:<stage>:<version id>]"
        );
        let part = |at: usize| rest.get(at).filter(|part| !part.is_empty());
        Ok(Some(Self {
            id: parts[..7].join(":"),
            region: (*region).to_owned(),
            json_key: part(0).map(|it| (*it).to_owned()),
            stage: part(1).map(|it| (*it).to_owned()),
            version: part(2).map(|it| (*it).to_owned()),
        }))
    }

    fn domain(&self) -> &str {
        if self.id.starts_with("arn:aws-cn:") {
            "amazonaws.com.cn"
        } else {
            "amazonaws.com"
        }
    }
}

pub(super) struct Amazon {
    http: reqwest::Client,
    endpoint: Option<String>,
    key: Option<Credentials>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Secret {
    secret_string: Option<String>,
}

#[derive(Default, Deserialize)]
struct Refusal {
    #[serde(default, rename = "__type")]
    kind: String,
    #[serde(default, alias = "Message")]
    message: String,
}

impl Amazon {
    /// With the access key in the environment, where Lambda puts it; at
    /// `AWS_ENDPOINT_URL_SECRETS_MANAGER`, `AWS_ENDPOINT_URL`, or the region's own address.
    pub(super) fn new(env: &Env, http: reqwest::Client) -> Self {
        let endpoint = env.get("AWS_ENDPOINT_URL_SECRETS_MANAGER");
        let endpoint = endpoint.or_else(|| env.get("AWS_ENDPOINT_URL"));
        let key = env.get("AWS_ACCESS_KEY_ID").and_then(|id| {
            let secret = env.secret("AWS_SECRET_ACCESS_KEY")?;
            let session = env.get("AWS_SESSION_TOKEN").map(str::to_owned);
            let (secret, source) = (secret.expose(), "environment");
            Some(Credentials::new(id, secret, session, None, source))
        });
        Self {
            http,
            endpoint: endpoint.map(str::to_owned),
            key,
        }
    }

    pub(super) async fn read(&self, arn: &Arn) -> Read {
        let request = self.request(arn).map_err(Failure::lasting)?;
        let (status, body) = answer(self.http.execute(request).await).await?;
        if status != 200 {
            return Err(refused(arn, status, &body));
        }
        let secret: Secret = serde_json::from_slice(&body)
            .map_err(|_| Failure::passing(anyhow!("Secrets Manager's answer can't be read")))?;
        let text = secret.secret_string.with_context(|| {
            format!(
                "the secret {} is bytes: store it as text (--secret-string)",
                arn.id
            )
        });
        let text = text.map_err(Failure::lasting)?;
        field(arn, text).map_err(Failure::lasting)
    }

    fn request(&self, arn: &Arn) -> anyhow::Result<reqwest::Request> {
        let key = self.key.clone().context(
            "there are no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, as \
             `eval \"$(aws configure export-credentials --format env)\"` does",
        )?;
        let Arn { id, region, .. } = arn;
        let own = || format!("https://secretsmanager.{region}.{}", arn.domain());
        let url = self.endpoint.clone().unwrap_or_else(own);
        let url = format!("{}/", url.trim_end_matches('/'));
        let mut body = json!({ "SecretId": id });
        for (name, value) in [("VersionStage", &arn.stage), ("VersionId", &arn.version)] {
            if let Some(value) = value {
                body[name] = json!(value);
            }
        }
        let body = body.to_string().into_bytes();
        let headers = [
            ("content-type", "application/x-amz-json-1.1"),
            ("x-amz-target", "secretsmanager.GetSecretValue"),
        ];

        let identity = key.into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(region)
            .name("secretsmanager")
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()?
            .into();
        let signed = SignableRequest::new(
            "POST",
            &url,
            headers.into_iter(),
            SignableBody::Bytes(&body),
        )?;
        let (signature, _) = sign(signed, &parameters)?.into_parts();
        let mut request = http::Request::post(&url);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let mut request = request.body(body)?;
        signature.apply_to_request_http1x(&mut request);
        Ok(reqwest::Request::try_from(request)?)
    }
}

/// A JSON secret's field, or the whole.
fn field(arn: &Arn, text: String) -> anyhow::Result<String> {
    let Some(key) = &arn.json_key else {
        return Ok(text);
    };
    let object: Value = serde_json::from_str(&text)
        .map_err(|_| anyhow!("the secret {} is no JSON, so it has no {key:?}", arn.id))?;
    match &object[key] {
        Value::String(text) => Ok(text.clone()),
        Value::Null => Err(anyhow!("the secret {} has no field {key:?}", arn.id)),
        other => Ok(other.to_string()),
    }
}

fn refused(arn: &Arn, status: u16, body: &[u8]) -> Failure {
    let Refusal { kind, message } = serde_json::from_slice(body).unwrap_or_default();
    let (id, region) = (&arn.id, &arn.region);
    let kind = kind.rsplit('#').next().unwrap_or_default();
    let hint = match kind {
        "ResourceNotFoundException" => format!(
            "there is no such secret, or no value in it: put one there with `aws secretsmanager \
             put-secret-value --region {region} --secret-id {id} --secret-string ...`"
        ),
        "AccessDeniedException" => {
            format!("this function's role may not: allow it secretsmanager:GetSecretValue on {id}")
        }
        "UnrecognizedClientException" | "ExpiredTokenException" | "InvalidSignatureException" => {
            "the AWS credentials are wrong or have expired, or the clock is wrong: log in again"
                .to_owned()
        }
        _ => format!("Secrets Manager answers {status} {kind}: {message}"),
    };
    Failure::lasting(anyhow!(hint))
}
