//! Slack's Events API: what people and bots say, edit and delete.
//!
//! A message is told by channel and `ts`, not by the event about it: Slack sends two events for one
//! message to an app that listens to mentions too, and an agent that posts its answer may log it by
//! itself. Slack signs what it sends, and that alone lets it in; its retries are repeats like any other.

mod event;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use aws_lc_rs::hmac;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};
use shared::auth::{Names, Scope};
use shared::{Caller, Env, Error, Json, Result, Role, Secret};

use crate::dead_letters::{self, Owner};
use crate::events::Delivery;
use crate::identity::Key;
use crate::log::Log;
use event::{Envelope, Happened, happened};

pub const ROUTE: &str = "/v1/slack/events";
/// Slack waits for three seconds.
pub const ANSWER_WITHIN: Duration = Duration::from_millis(2_500);
/// What was signed longer ago may be somebody's recording.
const WINDOW: SignedDuration = SignedDuration::from_mins(5);
/// Bytes of a signature.
const SIGNATURE: usize = 32;
/// On a refusal that will be the same next time.
const NO_RETRY: HeaderName = HeaderName::from_static("x-slack-no-retry");

/// `SLACK_SIGNING_SECRET` (several with commas between: of several apps, or while one changes), and
/// `SLACK_ROBEINGS`: `{"<app id>": "<robeing id>"}`; an app that is not in it is the robeing of its id.
#[derive(Clone)]
pub struct Slack {
    keys: Arc<[hmac::Key]>,
    robeings: Arc<BTreeMap<String, String>>,
}

impl Slack {
    /// None where no secret is set: then nobody gets in.
    pub fn open(env: &Env) -> anyhow::Result<Self> {
        let secrets = env.secret("SLACK_SIGNING_SECRET");
        let secrets = secrets.as_ref().map(Secret::expose).unwrap_or_default();
        let keys: Vec<_> = secrets
            .split(',')
            .map(str::trim)
            .filter(|secret| !secret.is_empty())
            .map(|secret| hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()))
            .collect();
        let robeings: BTreeMap<String, String> = match env.get("SLACK_ROBEINGS") {
            None => BTreeMap::new(),
            Some(json) => serde_json::from_str(json)
                .context("SLACK_ROBEINGS is no map: write {\"<app id>\": \"<robeing id>\"}")?,
        };
        for (app, robeing) in &robeings {
            ensure!(
                (1..=100).contains(&robeing.chars().count()),
                "SLACK_ROBEINGS: the robeing of {app:?} must have 1 to 100 characters"
            );
        }
        Ok(Self {
            keys: keys.into(),
            robeings: Arc::new(robeings),
        })
    }

    /// Slack as a caller, if it signed these very bytes within the last five minutes.
    pub fn prove(&self, headers: &HeaderMap, body: &[u8]) -> Result<Caller> {
        self.prove_at(headers, body, Timestamp::now())
    }

    /// Whether the headers are those of something that was signed within the last five minutes, by
    /// whomever: all that can be told before the body is read.
    pub fn may_be_signed(&self, headers: &HeaderMap) -> Result<()> {
        self.signature(headers, Timestamp::now()).map(drop)
    }

    /// When it was signed, as Slack says it, and the signature.
    fn signature<'a>(&self, headers: &'a HeaderMap, now: Timestamp) -> Result<(&'a str, Vec<u8>)> {
        let refused = |reason: &str| Error::Unauthenticated(reason.to_owned());
        if self.keys.is_empty() {
            return Err(refused(
                "SLACK_SIGNING_SECRET is not set, so nobody can be let in",
            ));
        }
        let header = |name| -> Option<&'a str> {
            let mut values = headers.get_all(name).iter();
            let (value, None) = (values.next()?, values.next()) else {
                return None;
            };
            value.to_str().ok()
        };
        let told = header("x-slack-request-timestamp")
            .filter(|it| it.bytes().all(|it| it.is_ascii_digit()));
        let signature = header("x-slack-signature").and_then(|it| it.strip_prefix("v0="));
        let signature = signature
            .and_then(|it| hex::decode(it).ok())
            .filter(|it| it.len() == SIGNATURE);
        let (Some(told), Some(signature)) = (told, signature) else {
            return Err(refused(
                "send `x-slack-request-timestamp` and `x-slack-signature: v0=<hex>`",
            ));
        };
        let at = told
            .parse()
            .ok()
            .and_then(|seconds| Timestamp::from_second(seconds).ok());
        if at.is_none_or(|at| now.duration_since(at).abs() > WINDOW) {
            return Err(refused("the request was signed more than five minutes ago"));
        }
        Ok((told, signature))
    }

    fn prove_at(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<Caller> {
        let refused = |reason: &str| Error::Unauthenticated(reason.to_owned());
        let (told, signature) = self.signature(headers, now)?;
        let signed = [b"v0:", told.as_bytes(), b":", body].concat();
        let mut is_ours = false;
        for key in &*self.keys {
            // In constant time, and all of them.
            is_ours |= hmac::verify(key, &signed, &signature).is_ok();
        }
        if !is_ours {
            return Err(refused("the signature is not of this body and secret"));
        }
        let app: App = serde_json::from_slice(body).unwrap_or_default();
        let robeing = self.robeing(&app.api_app_id);
        Ok(Caller {
            name: "slack".into(),
            role: Role::Writer,
            scope: Arc::new(Scope {
                robeings: Names::Only(vec![robeing]),
                ..Scope::default()
            }),
        })
    }

    fn robeing(&self, app: &str) -> String {
        self.robeings
            .get(app)
            .cloned()
            .unwrap_or_else(|| app.to_owned())
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct App {
    api_app_id: String,
}

/// The key of what Slack calls a message, `ts` in a channel: the same for each event about it.
pub fn key(channel: &str, ts: &str) -> Result<Key> {
    let time = time(ts).ok_or_else(|| {
        Error::Invalid("ts is no time of Slack, as in 1355517523.000005".to_owned())
    })?;
    Ok(Key {
        text: format!("{channel} {ts}"),
        time: Some(time),
        order: None,
    })
}

/// `1355517523.000005`: seconds, and microseconds.
fn time(ts: &str) -> Option<Timestamp> {
    let (seconds, micros) = ts.split_once('.')?;
    if micros.len() != 6 {
        return None;
    }
    let seconds: i64 = seconds.parse().ok()?;
    let micros: u32 = micros.parse().ok()?;
    let micros = seconds.checked_mul(1_000_000)?.checked_add(micros.into())?;
    Timestamp::from_microsecond(micros).ok()
}

/// What Slack says happened.
///
/// Slack signs the body (`X-Slack-Signature`, version `v0`) and the time; nothing else is asked of
/// it. 200 means committed; a repeat changes nothing. Events that are no messages are taken and left.
#[utoipa::path(
    post,
    path = "/v1/slack/events",
    tag = "slack",
    operation_id = "slack_event",
    security(("signature" = [])),
    request_body(content = Object, description = "an envelope of Slack's Events API"),
    responses(
        (status = 200, description = "committed, or nothing to store; the `challenge` where there is one", body = Object),
        (status = 400, description = "the envelope can't be read, or the message can't be stored"),
        (status = 401, description = "the signature is missing, wrong, or older than five minutes"),
        (status = 413, description = "the body is too large"),
        (status = 415, description = "the body is not JSON"),
        (status = 422, description = "the message can't be stored"),
        (status = 503, description = "the database is not available: Slack tries again"),
    )
)]
pub async fn receive(
    State((log, slack)): State<(Log, Slack)>,
    caller: Caller,
    Json(envelope): Json<Value>,
) -> Result<Response> {
    let envelope: Envelope = serde_json::from_value(envelope)
        .map_err(|_| Error::Invalid("the body is no envelope of Slack's Events API".to_owned()))?;
    match envelope.kind.as_str() {
        "url_verification" => {
            let challenge = envelope.challenge.unwrap_or_default();
            return Ok(Json(json!({ "challenge": challenge })).into_response());
        }
        "event_callback" => {}
        "app_rate_limited" => {
            tracing::error!(
                app = envelope.api_app_id,
                "Slack holds events back: there are too many"
            );
            return Ok(taken());
        }
        _ => return Ok(taken()),
    }
    let robeing_id = slack.robeing(&envelope.api_app_id);
    caller.may_see_robeing(&robeing_id)?;
    match happened(&envelope, &robeing_id) {
        Ok(Happened::Nothing) => Ok(taken()),
        Ok(happened) => {
            let message = happened
                .message()
                .and_then(|it| serde_json::to_value(it).ok());
            match store(&log, &envelope, &robeing_id, happened).await {
                Ok(()) => Ok(taken()),
                Err(error @ (Error::Unavailable { .. } | Error::Internal(_))) => Err(error),
                Err(error) => refuse(&log, &robeing_id, &envelope, message, &error).await,
            }
        }
        Err(error) => refuse(&log, &robeing_id, &envelope, None, &error).await,
    }
}

fn taken() -> Response {
    Json(json!({})).into_response()
}

/// Kept as a dead letter, and not worth another try of Slack's.
async fn refuse(
    log: &Log,
    robeing_id: &str,
    envelope: &Envelope,
    message: Option<Value>,
    error: &Error,
) -> Result<Response> {
    let key = key(&envelope.event.channel, &envelope.event.ts)?;
    let mut delivery = Delivery::again("slack", key.text.clone(), key);
    if let Some(message) = message {
        delivery.body = Ok(message);
    }
    dead_letters::keep(log, Owner::Robeing(robeing_id), &delivery, error).await?;
    let status = StatusCode::from_u16(error.status().as_u16()).unwrap_or(StatusCode::BAD_REQUEST);
    let mut answer = shared::error::problem(status, &error.to_string());
    answer
        .headers_mut()
        .insert(NO_RETRY, HeaderValue::from_static("1"));
    Ok(answer)
}

async fn store(log: &Log, envelope: &Envelope, robeing_id: &str, happened: Happened) -> Result<()> {
    let delivery = |key: Key| {
        let mut delivery = Delivery::again("slack", key.text.clone(), key);
        envelope.event_id.clone_into(&mut delivery.event_id);
        delivery
    };
    match happened {
        Happened::Said(mut message, key) => {
            message.user_id = log
                .slack_user(&envelope.team_id, message.slack_user_id.as_deref())
                .await?;
            log.store_one(delivery(key).event(*message)).await?;
        }
        Happened::Edited(mut message, key, at) => {
            message.user_id = log
                .slack_user(&envelope.team_id, message.slack_user_id.as_deref())
                .await?;
            log.edit(delivery(key).event(*message), at).await?;
        }
        Happened::Deleted(key, at) => {
            log.delete(robeing_id, &envelope.event_id, &key, at).await?;
            let refused = Delivery::again("slack", key.text.clone(), key);
            dead_letters::forget(log, Owner::Robeing(robeing_id), &refused).await?;
        }
        Happened::Nothing => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    /// As Slack's documentation on verifying requests has it.
    #[test]
    fn slacks_own_example_gets_in_for_five_minutes_and_as_it_is() {
        const SIGNED_AT: i64 = 1_531_420_618;
        let env = Env::default().with("SLACK_SIGNING_SECRET", "8f742231b10e8888abcd99yyyzzz85a5");
        let slack = Slack::open(&env).unwrap();
        let body = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
        let mut headers = HeaderMap::new();
        let mut say = |name: &'static str, value: &'static str| {
            headers.insert(name, HeaderValue::from_static(value));
        };
        say("x-slack-request-timestamp", "1531420618");
        say(
            "x-slack-signature",
            "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
        );
        let prove = |seconds: i64, body: &str| {
            let now = Timestamp::from_second(SIGNED_AT + seconds).unwrap();
            slack.prove_at(&headers, body.as_bytes(), now)
        };
        for seconds in [-300, 0, 300] {
            assert!(prove(seconds, body).is_ok(), "{seconds}");
        }
        for seconds in [-301, 301] {
            let refused = prove(seconds, body).unwrap_err().to_string();
            assert!(refused.contains("five minutes"), "{refused}");
        }
        let refused = prove(0, &format!("{body}&")).unwrap_err().to_string();
        assert!(refused.contains("of this body"), "{refused}");
    }
}
