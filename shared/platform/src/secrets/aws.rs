//! AWS Secrets Manager.

use anyhow::{Context as _, anyhow, ensure};
use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Content, Failure, Read, received};
use crate::aws::{Amazon, Call};

/// A reference to a secret, or to a version or a field of it.
pub(super) struct Arn {
    id: String,
    region: String,
    json_key: Option<String>,
    stage: Option<String>,
    version: Option<String>,
}

impl Arn {
    /// Parses a reference. Returns None if the value is not an ARN of Secrets Manager.
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
            "{value:?} is not the ARN of a secret: write \
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

    /// Whether it refers to the current value, and not to another stage or version.
    fn is_current(&self) -> bool {
        let current = |stage: &String| stage == "AWSCURRENT";
        self.version.is_none() && self.stage.as_ref().is_none_or(current)
    }

    fn domain(&self) -> &str {
        if self.id.starts_with("arn:aws-cn:") {
            "amazonaws.com.cn"
        } else {
            "amazonaws.com"
        }
    }
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

pub(super) async fn read(amazon: &Amazon, arn: &Arn) -> Read {
    let mut body = json!({ "SecretId": arn.id });
    for (name, value) in [("VersionStage", &arn.stage), ("VersionId", &arn.version)] {
        if let Some(value) = value {
            body[name] = json!(value);
        }
    }
    let call = Call {
        service: "secretsmanager",
        region: &arn.region,
        domain: arn.domain(),
        method: Method::POST,
        path: "/",
        headers: &[
            ("content-type", "application/x-amz-json-1.1"),
            ("x-amz-target", "secretsmanager.GetSecretValue"),
        ],
        body: body.to_string().into_bytes(),
    };
    let sent = amazon.send(call).await.map_err(Failure::permanent)?;
    let (status, body) = received(sent).await?;
    if status != 200 {
        return refused(arn, status, &body);
    }
    let secret: Secret = serde_json::from_slice(&body)
        .map_err(|_| Failure::temporary(anyhow!("can't read the response of Secrets Manager")))?;
    let text = secret.secret_string.with_context(|| {
        format!(
            "the secret {} is binary: store it as text (--secret-string)",
            arn.id
        )
    });
    let text = text.map_err(Failure::permanent)?;
    let text = field(arn, text).map_err(Failure::permanent)?;
    Ok(Content::Text(text))
}

/// A field of a JSON secret, or the whole secret.
fn field(arn: &Arn, text: String) -> anyhow::Result<String> {
    let Some(key) = &arn.json_key else {
        return Ok(text);
    };
    let object: Value = serde_json::from_str(&text).map_err(|_| {
        anyhow!(
            "the secret {} is not JSON, so it has no field {key:?}",
            arn.id
        )
    })?;
    match &object[key] {
        Value::String(text) => Ok(text.clone()),
        Value::Null => Err(anyhow!("the secret {} has no field {key:?}", arn.id)),
        other => Ok(other.to_string()),
    }
}

fn refused(arn: &Arn, status: u16, body: &[u8]) -> Read {
    let Refusal { kind, message } = serde_json::from_slice(body).unwrap_or_default();
    let (id, region) = (&arn.id, &arn.region);
    let kind = kind.rsplit('#').next().unwrap_or_default();
    let hint = match kind {
        // Only for a secret that exists does the message name what it looked for. Without a stage or a version
        // in the reference, that is the current value, so none was ever set.
        "ResourceNotFoundException" if message.contains("secret value") && arn.is_current() => {
            let remedy = format!("set it with {}", put_value(arn));
            return Ok(Content::NoValue { remedy });
        }
        "ResourceNotFoundException" if message.contains("secret value") => format!(
            "the secret {id} has no value of this stage or version: list them with `aws secretsmanager \
             list-secret-version-ids --region {region} --secret-id {id}`"
        ),
        "ResourceNotFoundException" => format!(
            "the secret doesn't exist: create it with `terraform apply`, or with `aws secretsmanager \
             create-secret --region {region} --name ...`, and set it with {}",
            put_value(arn)
        ),
        "InvalidRequestException" if message.contains("deletion") => format!(
            "the secret is scheduled for deletion: restore it with `aws secretsmanager restore-secret \
             --region {region} --secret-id {id}`"
        ),
        "AccessDeniedException" => {
            format!(
                "access denied: allow the role of this function secretsmanager:GetSecretValue on {id}"
            )
        }
        "UnrecognizedClientException" | "ExpiredTokenException" | "InvalidSignatureException" => {
            "the AWS credentials are not valid or have expired, or the clock is wrong: log in again"
                .to_owned()
        }
        _ => format!("Secrets Manager returns {status} {kind}: {message}"),
    };
    Err(Failure::permanent(anyhow!(hint)))
}

fn put_value(arn: &Arn) -> String {
    let (id, region) = (&arn.id, &arn.region);
    format!(
        "`aws secretsmanager put-secret-value --region {region} --secret-id {id} --secret-string \
         \"${{NEW_VALUE:?set it to the value}}\"`"
    )
}
