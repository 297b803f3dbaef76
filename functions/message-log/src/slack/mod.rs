//! `POST /v1/slack/events`: messages from Slack's Events API, with their edits and deletions.
//!
//! A message is identified by its channel and `ts`, not by the id of the event: Slack sends two events about one
//! message to an app that also listens to mentions, and an agent may log the message that it posts. All of them are
//! one row, in any order of arrival. The signature of a request is its only authentication. Slack's retries are
//! repeats like any others.

mod author;
mod content;
mod message_event;
mod reaction_event;
mod signing;

use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode};
use platform::auth::Names;
use platform::telemetry::Metrics;
use platform::work::Waiting;
use platform::{Caller, Error, Json, JsonItems, Result};
use robeing::ROBEINGS;
use serde_json::{Value, json};

use crate::authors;
use crate::dead_letters::{self, Attribution};
use crate::feedback::Reactions;
use crate::ids::Key;
use crate::log::{Edit, Log, RawEvent};
use crate::message::{NewMessage, masking_bytes};
use message_event::{Envelope, MessageEvent, is_id};

pub use signing::Slack;

pub const ROUTE: &str = "/v1/slack/events";
/// The time limit of a request. Slack waits for three seconds.
pub const TIMEOUT: Duration = Duration::from_millis(2_500);
/// Tells Slack not to retry a request that would fail again.
const NO_RETRY: HeaderName = HeaderName::from_static("x-slack-no-retry");

/// Receive an event from Slack.
///
/// The request is authenticated by Slack's signature of the body and the time (`X-Slack-Signature`, version `v0`).
/// 200 means that the message is committed. A repeat of an event changes nothing; the event of an answer that the agent
/// has already logged adds what only Slack knows. A reaction with a score is stored as feedback on its message. Other
/// events that are not about messages are acknowledged and ignored. A message that can't be stored becomes a dead
/// letter, and the response tells Slack not to retry. A message of an app without a robeing becomes a dead letter as
/// well, and is acknowledged.
#[utoipa::path(
    post,
    path = "/v1/slack/events",
    tag = "slack",
    operation_id = "slack_event",
    security(("signature" = [])),
    request_body(content = Object, description = "an envelope of Slack's Events API"),
    responses(
        (status = 200, description = "the message is committed, or kept as a dead letter because its app has no robeing, or there is nothing to store; contains the `challenge` of a verification", body = Object),
        (status = 400, description = "the message can't be read or stored and is now a dead letter"),
        (status = 401, description = "the signature is missing, invalid, older than five minutes, or of another app"),
        (status = 413, description = "the body is too large, or the message is too large and is now a dead letter"),
        (status = 415, description = "the body is not JSON"),
        (status = 422, description = "the message can't be stored and is now a dead letter"),
        (status = 503, description = "the database is not available; Slack retries"),
    )
)]
pub async fn receive(
    State(log): State<Log>,
    caller: Caller,
    Extension(reactions): Extension<Reactions>,
    // Accepts NUL characters, so that a message with one becomes a dead letter.
    JsonItems(body): JsonItems<Value>,
) -> Result<Response> {
    let envelope = Envelope::from(body);
    if envelope.kind == "url_verification" {
        return Ok(Json(json!({ "challenge": envelope.challenge })).into_response());
    }
    if envelope.kind == "app_rate_limited" {
        tracing::error!(
            app = envelope.app,
            "Slack delivers no events: the app has reached its rate limit"
        );
    }
    let robeing = match caller.scope.of(ROBEINGS) {
        Names::Only(robeings) => robeings.first(),
        Names::All => None,
    };
    if !envelope.is_about_message() {
        reaction_event::store(&log, &envelope, robeing, &reactions).await?;
        return Ok(acknowledged());
    }
    let bytes = masking_bytes(&envelope.event);
    let robeing_id = robeing.cloned().unwrap_or_default();
    let read = move |_: &Waiting| {
        let event = message_event::read(&envelope, &robeing_id);
        (envelope, event)
    };
    let (envelope, event) = log.workers.run(bytes, read).await;
    let Some(robeing) = robeing else {
        return keep_without_robeing(&log, &envelope, event).await;
    };
    let (message, outcome) = match event {
        Ok(MessageEvent::Ignored) => return Ok(acknowledged()),
        Ok(event) => {
            let message = event.message();
            let message = message.and_then(|it| serde_json::to_value(it).ok());
            let mut robeings = robeings_of_replays(&log, &envelope, Some(robeing), &event).await?;
            if !robeings.contains(robeing) {
                robeings.push(robeing.clone());
            }
            (message, store(&log, &envelope, &robeings, &event).await)
        }
        Err(error) => (None, Err(error)),
    };
    match outcome {
        Ok(()) => Ok(acknowledged()),
        Err(error @ (Error::Unavailable { .. } | Error::Internal(_))) => Err(error),
        Err(error) => {
            let body = message.unwrap_or_else(|| envelope.letter_body(Some(robeing)));
            let robeing = Attribution::Robeing(robeing);
            reject(&log, robeing, &envelope, body, &error).await
        }
    }
}

fn acknowledged() -> Response {
    Json(json!({})).into_response()
}

/// Stores a dead letter and tells Slack not to retry.
async fn reject(
    log: &Log,
    attribution: Attribution<'_>,
    envelope: &Envelope,
    body: Value,
    error: &Error,
) -> Result<Response> {
    let key = letter_key(envelope);
    if let Attribution::Robeing(robeing) = attribution
        && log.is_deleted(robeing, &key).await?
    {
        // The message was deleted before this event arrived, so nothing of it is stored.
        return Ok(acknowledged());
    }
    store_letter(log, attribution, envelope, key, Some(body), error).await?;
    let status = StatusCode::from_u16(error.status().as_u16()).unwrap_or(StatusCode::BAD_REQUEST);
    let mut response = platform::error::problem(status, &error.to_string());
    response
        .headers_mut()
        .insert(NO_RETRY, HeaderValue::from_static("1"));
    Ok(response)
}

/// Keeps the message of an app without a robeing as a dead letter, which a replay stores in the robeing that it names.
/// An edit or a deletion after the replay applies to the message in that robeing. The event is acknowledged, since Slack
/// disables an app whose events fail.
async fn keep_without_robeing(
    log: &Log,
    envelope: &Envelope,
    event: Result<MessageEvent>,
) -> Result<Response> {
    let mut failure = None;
    if let Ok(event) = &event {
        let robeings = robeings_of_replays(log, envelope, None, event).await?;
        if !robeings.is_empty() {
            match store(log, envelope, &robeings, event).await {
                Ok(()) => return Ok(acknowledged()),
                Err(error @ (Error::Unavailable { .. } | Error::Internal(_))) => return Err(error),
                Err(error) => failure = Some(error),
            }
        }
    }
    let (key, body) = match event {
        Ok(MessageEvent::Ignored) => return Ok(acknowledged()),
        Ok(MessageEvent::Deleted(key, _)) => (key, None),
        Ok(MessageEvent::Posted(message, key) | MessageEvent::Edited(message, key, _)) => {
            let mut body = serde_json::to_value(message).map_err(anyhow::Error::from)?;
            body["robeing_id"] = Value::Null;
            (key, Some(body))
        }
        Err(_) => (letter_key(envelope), Some(envelope.letter_body(None))),
    };
    let app = match envelope.app.as_str() {
        app if is_id(app) => format!("the Slack app `{app}` has no robeing: add it to"),
        _ => "the event names no Slack app: name its app in".to_owned(),
    };
    let without_robeing = || {
        Error::Invalid(format!(
            "{app} SLACK_ROBEINGS, or set SLACK_DEFAULT_ROBEING; then replay this dead letter with the `robeing_id` \
             that it belongs to"
        ))
    };
    let reason = failure.unwrap_or_else(without_robeing);
    let sender = sender_of(envelope);
    let sender = Attribution::Sender(&sender);
    let is_deleted = body.is_none();
    store_letter(log, sender, envelope, key.clone(), body, &reason).await?;
    if is_deleted {
        // An event of the message that arrives later must not restore its text.
        dead_letters::discard(log, sender, &RawEvent::with_key("slack", key), None).await?;
    }
    Ok(acknowledged())
}

/// The sender of the events of an app without a robeing. Two apps in one channel receive the same messages, for
/// different robeings.
fn sender_of(envelope: &Envelope) -> String {
    format!("slack {}", envelope.app)
}

async fn store_letter(
    log: &Log,
    attribution: Attribution<'_>,
    envelope: &Envelope,
    key: Key,
    body: Option<Value>,
    reason: &Error,
) -> Result<()> {
    let event = RawEvent {
        body,
        edit: message_event::edit_of(envelope),
        ..RawEvent::with_key("slack", key)
    };
    dead_letters::store(log, attribution, &event, reason, &Metrics::default()).await
}

/// The key of the message, under which a replay stores it; without one, the id of the event or a digest of it.
fn letter_key(envelope: &Envelope) -> Key {
    let event = &envelope.event;
    let text = |path| event.pointer(path).and_then(Value::as_str);
    // The event of an edit contains the message, with its own `ts`.
    let ts = text("/message/ts").or_else(|| text("/ts"));
    let known = match (text("/channel").filter(|it| is_id(it)), ts) {
        (Some(channel), Some(ts)) => Key::of_slack(channel, ts).ok(),
        _ => None,
    };
    known.unwrap_or_else(|| match envelope.event_id.as_str() {
        "" => Key::of_content(event),
        id => Key::of_publisher(id),
    })
}

/// The robeings in which a replay stored the message that an event edits or deletes: as a dead letter of the robeing, or
/// of its app before it had a robeing.
async fn robeings_of_replays(
    log: &Log,
    envelope: &Envelope,
    robeing: Option<&String>,
    event: &MessageEvent,
) -> Result<Vec<String>> {
    match event.change() {
        Some((key, _)) => robeings_with_replays_of(log, envelope, robeing, key).await,
        None => Ok(Vec::new()),
    }
}

/// The robeings in which a replay stored the message with this key.
async fn robeings_with_replays_of(
    log: &Log,
    envelope: &Envelope,
    robeing: Option<&String>,
    key: &Key,
) -> Result<Vec<String>> {
    let sender = sender_of(envelope);
    let robeing = robeing.map(|it| Attribution::Robeing(it));
    let attributions = [Some(Attribution::Sender(&sender)), robeing];
    let attributions: Vec<_> = attributions.into_iter().flatten().collect();
    let event = RawEvent::with_key("slack", key.clone());
    dead_letters::replayed_in(log, &attributions, &event).await
}

/// Stores an event in each of these robeings. What one of them refuses doesn't keep it from the others.
async fn store(
    log: &Log,
    envelope: &Envelope,
    robeings: &[String],
    event: &MessageEvent,
) -> Result<()> {
    let mut outcome = Ok(());
    for robeing in robeings {
        let stored = store_in(log, envelope, robeing, event.clone()).await;
        outcome = outcome.and(stored);
    }
    outcome?;
    match event.change() {
        Some((key, edit)) => discard_letters(log, envelope, robeings, key, edit).await,
        None => Ok(()),
    }
}

async fn store_in(
    log: &Log,
    envelope: &Envelope,
    robeing_id: &str,
    event: MessageEvent,
) -> Result<()> {
    let raw = |key: Key| {
        let mut event = RawEvent::with_key("slack", key);
        if !envelope.event_id.is_empty() {
            envelope.event_id.clone_into(&mut event.event_id);
        }
        event
    };
    match event {
        MessageEvent::Posted(mut message, key) => {
            robeing_id.clone_into(&mut message.robeing_id);
            add_user_id(log, envelope, &mut message, &key).await?;
            log.store_one(raw(key).with_message(*message)).await?;
        }
        MessageEvent::Edited(mut message, key, edit) => {
            robeing_id.clone_into(&mut message.robeing_id);
            add_user_id(log, envelope, &mut message, &key).await?;
            log.edit(raw(key).with_message(*message), &edit).await?;
        }
        MessageEvent::Deleted(key, at) => {
            log.delete(robeing_id, &envelope.event_id, &key, at).await?;
        }
        MessageEvent::Ignored => {}
    }
    Ok(())
}

/// Discards the dead letters of earlier events, whose text is edited or deleted now: of these robeings, and of the app
/// before it had a robeing.
async fn discard_letters(
    log: &Log,
    envelope: &Envelope,
    robeings: &[String],
    key: &Key,
    edit: Option<&Edit>,
) -> Result<()> {
    let event = RawEvent::with_key("slack", key.clone());
    for robeing in robeings {
        dead_letters::discard(log, Attribution::Robeing(robeing), &event, edit).await?;
    }
    let sender = sender_of(envelope);
    dead_letters::discard(log, Attribution::Sender(&sender), &event, edit).await
}

/// Checks the message first, so that no Slack user is stored for an invalid one.
async fn add_user_id(
    log: &Log,
    envelope: &Envelope,
    message: &mut NewMessage,
    key: &Key,
) -> Result<()> {
    message.check()?;
    let author = envelope.author()?;
    if let Some(slack_user) = &message.slack_user_id {
        let robeing_id = &message.robeing_id;
        message.user_id = authors::user_id(log, &author, slack_user, robeing_id, key).await?;
    }
    Ok(())
}
