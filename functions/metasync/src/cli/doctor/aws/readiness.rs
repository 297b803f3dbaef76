//! Invokes each function with the event of a gateway for `GET /readyz`, which no gateway routes.

use axum::http::Method;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use platform::aws::Call;
use serde_json::{Value, json};

use super::{APPLY, Account, EDIT};
use crate::cli::doctor::readiness::{Remedies, outcome};
use crate::cli::doctor::report::Outcome;

impl Account<'_> {
    /// Whether a function can do its work.
    pub(super) async fn readiness(&self, function: &str) -> Outcome {
        let (name, region) = (self.name, self.region);
        let payload = match function {
            "metasync" => r#"{"function": "schema-sync"}"#,
            _ => "{}",
        };
        let syncs = match function {
            "metasync" => "metasync",
            _ => "schema-sync",
        };
        let remedies = Remedies {
            log: format!(
                "aws logs tail /aws/lambda/{name}-{function} --region {region} --since 15m"
            ),
            sync: format!(
                "printf '{payload}' | aws lambda invoke --region {region} --function-name {name}-{syncs} \
                 --cli-read-timeout 900 --payload fileb:///dev/stdin /dev/stdout"
            ),
            apply: APPLY,
            edit: EDIT,
        };
        outcome(self.ready(function), &remedies).await
    }

    /// The status and the body of `GET /readyz`.
    async fn ready(&self, function: &str) -> Result<(u16, String), String> {
        let path = format!("/2015-03-31/functions/{}-{function}/invocations", self.name);
        let event = json!({
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": "/readyz",
            "rawQueryString": "",
            "headers": {"accept": "application/json"},
            "requestContext": {
                "stage": "$default",
                "http": {"method": "GET", "path": "/readyz", "protocol": "HTTP/1.1"},
            },
            "isBase64Encoded": false,
        });
        let sent = self.amazon.send(Call {
            body: event.to_string().into_bytes(),
            headers: &[("x-amz-log-type", "Tail")],
            ..self.request("lambda", Method::POST, &path)
        });
        let sent = sent.await.map_err(|error| format!("{error:#}"))?;
        let answer = sent.map_err(|error| format!("AWS can't be reached: {error}"))?;
        let status = answer.status().as_u16();
        let header = |name: &str| {
            let value = answer.headers().get(name)?.to_str().ok()?;
            Some(value.to_owned())
        };
        let (error, log) = (header("x-amz-function-error"), header("x-amz-log-result"));
        let text = answer.text().await.unwrap_or_default();
        let value: Value = serde_json::from_str(&text).unwrap_or_default();
        if status == 429 {
            return Err(
                "AWS throttles it: its concurrency is used up, or reserved as 0".to_owned(),
            );
        }
        if status != 200 {
            let excerpt: String = text.chars().take(300).collect();
            return Err(format!("AWS returns {status}: {excerpt}"));
        }
        if error.is_some() {
            let reason = log.and_then(|log| why(&log));
            let message = value["errorMessage"].as_str().unwrap_or_default();
            return Err(reason.unwrap_or_else(|| format!("it fails: {message}")));
        }
        let body = value["body"].as_str().unwrap_or_default();
        let status = value["statusCode"].as_u64();
        let status = status.and_then(|it| u16::try_from(it).ok()).unwrap_or(502);
        Ok((status, body.to_owned()))
    }
}

/// Why a function didn't start, from the end of its log.
fn why(log: &str) -> Option<String> {
    let bytes = BASE64.decode(log).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let mut lines = text.lines().filter_map(|line| {
        let line: Value = serde_json::from_str(line).ok()?;
        let message = line["message"].as_str()?;
        message.contains(" stops: ").then(|| message.to_owned())
    });
    lines.next_back()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_of_a_failed_start_is_the_line_that_says_so() {
        let log = "INIT_START Runtime Version: provided:al2023\n\
                   {\"level\":\"ERROR\",\"message\":\"settings stops: DATABASE_URL is not set\"}\n\
                   END RequestId: 1\n";
        assert_eq!(
            why(&BASE64.encode(log)).as_deref(),
            Some("settings stops: DATABASE_URL is not set")
        );
        assert_eq!(why(&BASE64.encode("END")), None);
        assert_eq!(why("%"), None);
    }
}
