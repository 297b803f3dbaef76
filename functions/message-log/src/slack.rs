//! Slack's Events API: what people and bots say, edit and delete.
//!
//! A message is told by channel and `ts`, not by the event about it: Slack sends two events for one
//! message to an app that listens to mentions too, and an agent that posts its answer may log it by
//! itself. Slack signs what it sends, and that alone lets it in; its retries are repeats like any other.

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

use crate::dead_letters;
use crate::events::Delivery;
use crate::identity::Key;
use crate::log::Log;
use crate::message::NewMessage;

pub const ROUTE: &str = "/v1/slack/events";
/// Slack waits for three seconds.
pub const ANSWER_WITHIN: Duration = Duration::from_millis(2_500);
/// What was signed longer ago may be somebody's recording.
const WINDOW: SignedDuration = SignedDuration::from_mins(5);
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

    fn prove_at(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<Caller> {
        let refused = |reason: &str| Error::Unauthenticated(reason.to_owned());
        if self.keys.is_empty() {
            return Err(refused(
                "SLACK_SIGNING_SECRET is not set, so nobody can be let in",
            ));
        }
        let header = |name| -> Option<&str> {
            let mut values = headers.get_all(name).iter();
            let (value, None) = (values.next()?, values.next()) else {
                return None;
            };
            value.to_str().ok()
        };
        let told = header("x-slack-request-timestamp")
            .filter(|it| it.bytes().all(|it| it.is_ascii_digit()));
        let signature = header("x-slack-signature").and_then(|it| it.strip_prefix("v0="));
        let signature = signature.and_then(|it| hex::decode(it).ok());
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

#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "type")]
    kind: String,
    challenge: Option<String>,
    #[serde(default)]
    team_id: String,
    #[serde(default)]
    api_app_id: String,
    #[serde(default)]
    event_id: String,
    #[serde(default)]
    event: SlackEvent,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct SlackEvent {
    #[serde(rename = "type")]
    kind: String,
    subtype: Option<String>,
    channel: String,
    channel_type: Option<String>,
    /// Of the event itself; of an edit or a deletion, not that of the message.
    ts: String,
    deleted_ts: Option<String>,
    message: Option<Box<SlackMessage>>,
    previous_message: Option<Box<SlackMessage>>,
    #[serde(flatten)]
    said: SlackMessage,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct SlackMessage {
    #[serde(rename = "ts")]
    own_ts: Option<String>,
    thread_ts: Option<String>,
    user: Option<String>,
    bot_id: Option<String>,
    app_id: Option<String>,
    bot_profile: Option<BotProfile>,
    text: Option<String>,
    blocks: Option<Value>,
    files: Option<Vec<File>>,
    edited: Option<Edited>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct BotProfile {
    app_id: Option<String>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct File {
    id: Option<String>,
    name: Option<String>,
    mimetype: Option<String>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct Edited {
    ts: String,
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
        Ok(happened) => match store(&log, &envelope, &robeing_id, happened).await {
            Ok(()) => Ok(taken()),
            Err(error @ (Error::Unavailable { .. } | Error::Internal(_))) => Err(error),
            Err(error) => refuse(&log, &envelope, &error).await,
        },
        Err(error) => refuse(&log, &envelope, &error).await,
    }
}

fn taken() -> Response {
    Json(json!({})).into_response()
}

/// Kept as a dead letter, and not worth another try of Slack's.
async fn refuse(log: &Log, envelope: &Envelope, error: &Error) -> Result<Response> {
    let key = key(&envelope.event.channel, &envelope.event.ts)?;
    dead_letters::keep(log, &Delivery::again("slack", key.text.clone(), key), error).await?;
    let status = StatusCode::from_u16(error.status().as_u16()).unwrap_or(StatusCode::BAD_REQUEST);
    let mut answer = shared::error::problem(status, &error.to_string());
    answer
        .headers_mut()
        .insert(NO_RETRY, HeaderValue::from_static("1"));
    Ok(answer)
}

enum Happened {
    Said(Box<NewMessage>, Key),
    Edited(Box<NewMessage>, Key, Timestamp),
    Deleted(Key, Timestamp),
    Nothing,
}

fn happened(envelope: &Envelope, robeing_id: &str) -> Result<Happened> {
    let event = &envelope.event;
    let subtype = event.subtype.as_deref();
    match (event.kind.as_str(), subtype) {
        ("message", Some("message_changed")) => {
            let Some(said) = &event.message else {
                return Ok(Happened::Nothing);
            };
            let before = event
                .previous_message
                .as_ref()
                .and_then(|it| it.text.as_deref());
            let edited = said.edited.as_ref().and_then(|edited| time(&edited.ts));
            // Slack calls it a change, too, when it unfolds a link.
            let (Some(at), false) = (edited, before.is_some() && before == said.text.as_deref())
            else {
                return Ok(Happened::Nothing);
            };
            let ts = said.own_ts.clone().unwrap_or_default();
            let message = new_message(envelope, said, &ts, robeing_id);
            Ok(Happened::Edited(
                Box::new(message),
                key(&event.channel, &ts)?,
                at,
            ))
        }
        ("message", Some("message_deleted")) => {
            let Some(ts) = &event.deleted_ts else {
                return Ok(Happened::Nothing);
            };
            let at = time(&event.ts).unwrap_or_else(Timestamp::now);
            Ok(Happened::Deleted(key(&event.channel, ts)?, at))
        }
        (
            "message" | "app_mention",
            None | Some("bot_message" | "file_share" | "me_message" | "thread_broadcast"),
        ) => {
            let message = new_message(envelope, &event.said, &event.ts, robeing_id);
            if message.message.is_none() && message.response.is_none() {
                return Ok(Happened::Nothing);
            }
            Ok(Happened::Said(
                Box::new(message),
                key(&event.channel, &event.ts)?,
            ))
        }
        // Who joined, what a channel is called now, and what else Slack says by itself.
        _ => Ok(Happened::Nothing),
    }
}

fn new_message(envelope: &Envelope, said: &SlackMessage, ts: &str, robeing_id: &str) -> NewMessage {
    let event = &envelope.event;
    let app = said
        .app_id
        .as_ref()
        .or(said.bot_profile.as_ref().and_then(|it| it.app_id.as_ref()));
    let is_own = said.bot_id.is_some() && app == Some(&envelope.api_app_id);
    let text = text_of(said);
    let text = (!text.trim().is_empty()).then_some(Value::String(text));
    let (message, response) = if is_own { (None, text) } else { (text, None) };
    let is_im = event.channel_type.as_deref() == Some("im");
    // A thread is named by the message that began it. Two people talk in one thread.
    let thread_ts = said
        .thread_ts
        .clone()
        .or_else(|| (!is_im).then(|| ts.to_owned()));
    let mut metadata = json!({
        "channel": event.channel,
        "team": envelope.team_id,
        "ts": ts,
    });
    if let Some(thread_ts) = &said.thread_ts {
        metadata["thread_ts"] = json!(thread_ts);
    }
    if let Some(bot_id) = &said.bot_id {
        metadata["bot_id"] = json!(bot_id);
    }
    if let Some(files) = &said.files {
        let files = files
            .iter()
            .map(|file| json!({"id": file.id, "name": file.name, "mimetype": file.mimetype}));
        metadata["files"] = files.collect();
    }
    NewMessage {
        robeing_id: robeing_id.to_owned(),
        message,
        response,
        channel_id: Some(event.channel.clone()),
        channel_type: event.channel_type.clone(),
        thread_ts,
        slack_user_id: said.user.clone().filter(|_| said.bot_id.is_none()),
        metadata: Some(metadata),
        ..NewMessage::default()
    }
}

/// The text; of a message that is blocks alone, the text of those.
fn text_of(said: &SlackMessage) -> String {
    fn collect(value: &Value, texts: &mut Vec<String>) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| collect(item, texts)),
            Value::Object(object) => {
                if let Some(Value::String(text)) = object.get("text") {
                    texts.push(text.clone());
                }
                for (name, value) in object {
                    if name != "text" || !value.is_string() {
                        collect(value, texts);
                    }
                }
            }
            _ => {}
        }
    }
    let text = match &said.text {
        Some(text) if !text.trim().is_empty() => text.clone(),
        _ => {
            let mut texts = Vec::new();
            said.blocks
                .iter()
                .for_each(|blocks| collect(blocks, &mut texts));
            texts.join("\n")
        }
    };
    // Slack escapes these three, and no others.
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
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
        }
        Happened::Nothing => {}
    }
    Ok(())
}
