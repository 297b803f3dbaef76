//! Slack's Events API: what people and bots say, edit and delete.
//!
//! A message is told by channel and `ts`, not by the event about it: Slack sends two events for one
//! message to an app that listens to mentions too, and an agent that posts its answer may log it by
//! itself. Slack signs what it sends, and that alone lets it in; its retries are repeats like any other.

mod content;
mod event;
mod signing;
mod text;

use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode};
use jiff::Timestamp;
use platform::auth::Names;
use platform::work::Waiting;
use platform::{Caller, Error, Json, JsonItems, Result};
use robeing::ROBEINGS;
use serde_json::{Value, json};

use crate::dead_letters::{self, Owner};
use crate::events::Delivery;
use crate::identity::Key;
use crate::log::Log;
use crate::message::{NewMessage, work};
use event::{Envelope, Happened, happened, is_id};

pub use signing::Slack;

pub const ROUTE: &str = "/v1/slack/events";
/// Slack waits for three seconds.
pub const ANSWER_WITHIN: Duration = Duration::from_millis(2_500);
/// On a refusal that will be the same next time.
const NO_RETRY: HeaderName = HeaderName::from_static("x-slack-no-retry");
/// In characters.
const LONGEST_TEAM: usize = 32;

/// The key of what Slack calls a message, `ts` in a channel: the same for each event about it.
///
/// The key has no workspace. Workspaces that share a channel use the same channel id, and events of one
/// message may name either workspace; an agent that logs its answer by `slack_ts` knows only the channel.
/// Channel ids are random: two workspaces of one robeing would need the same id and two messages of the
/// same microsecond.
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
    let is_number = |text: &str| text.bytes().all(|it| it.is_ascii_digit());
    if micros.len() != 6 || !is_number(micros) || !is_number(seconds) {
        return None;
    }
    let seconds: i64 = seconds.parse().ok()?;
    let micros: u32 = micros.parse().ok()?;
    let micros = seconds.checked_mul(1_000_000)?.checked_add(micros.into())?;
    Timestamp::from_microsecond(micros).ok()
}

/// What Slack says happened.
///
/// Slack signs the body (`X-Slack-Signature`, version `v0`) and the time; nothing else is asked of it.
/// 200 means committed; a repeat changes nothing. Any JSON that is no event about a message is
/// acknowledged and left. A message that can't be stored is a dead letter, and refused without a retry.
#[utoipa::path(
    post,
    path = "/v1/slack/events",
    tag = "slack",
    operation_id = "slack_event",
    security(("signature" = [])),
    request_body(content = Object, description = "an envelope of Slack's Events API"),
    responses(
        (status = 200, description = "committed, or nothing to store; the `challenge` where there is one", body = Object),
        (status = 400, description = "the message can't be read or stored: it is a dead letter now"),
        (status = 401, description = "the signature is missing, wrong, older than five minutes, or of another app"),
        (status = 413, description = "the message is too large and a dead letter now, or the body is"),
        (status = 415, description = "the body is not JSON"),
        (status = 422, description = "the message can't be stored: it is a dead letter now"),
        (status = 503, description = "the database is not available: Slack tries again"),
    )
)]
pub async fn receive(
    State(log): State<Log>,
    caller: Caller,
    // A message that holds a NUL character becomes a dead letter.
    JsonItems(body): JsonItems<Value>,
) -> Result<Response> {
    let envelope = Envelope::from(body);
    if envelope.kind == "url_verification" {
        return Ok(Json(json!({ "challenge": envelope.challenge })).into_response());
    }
    if envelope.kind == "app_rate_limited" {
        tracing::error!(
            app = envelope.app,
            "Slack holds events back: there are too many"
        );
    }
    if !envelope.is_of_message() {
        return Ok(taken());
    }
    let robeing_id = match caller.scope.of(ROBEINGS) {
        Names::Only(robeings) => robeings.first(),
        Names::All => None,
    };
    let Some(robeing) = robeing_id else {
        let error = Error::Invalid(
            "the event has no valid `api_app_id`, so it belongs to no robeing".to_owned(),
        );
        let owner = Owner::Sender(&caller.name);
        return refuse(&log, owner, &envelope, envelope.unread(None), &error).await;
    };
    let bytes = work(&envelope.event);
    let of_robeing = robeing.clone();
    let read = move |_: &Waiting| {
        let happened = happened(&envelope, &of_robeing);
        (envelope, happened)
    };
    let (envelope, happened) = log.workers.run(bytes, read).await;
    let (kept, outcome) = match happened {
        Ok(Happened::Nothing) => return Ok(taken()),
        Ok(happened) => {
            let message = happened.message();
            let message = message.and_then(|it| serde_json::to_value(it).ok());
            (message, store(&log, &envelope, robeing, happened).await)
        }
        Err(error) => (None, Err(error)),
    };
    match outcome {
        Ok(()) => Ok(taken()),
        Err(error @ (Error::Unavailable { .. } | Error::Internal(_))) => Err(error),
        Err(error) => {
            let kept = kept.unwrap_or_else(|| envelope.unread(Some(robeing)));
            refuse(&log, Owner::Robeing(robeing), &envelope, kept, &error).await
        }
    }
}

fn taken() -> Response {
    Json(json!({})).into_response()
}

/// Kept as a dead letter, and not worth another try of Slack's.
async fn refuse(
    log: &Log,
    owner: Owner<'_>,
    envelope: &Envelope,
    kept: Value,
    error: &Error,
) -> Result<Response> {
    let key = letter_key(envelope);
    if let Owner::Robeing(robeing) = owner
        && log.is_deleted(robeing, &key).await?
    {
        // Its sender took it back before it arrived: nothing of it is kept.
        return Ok(taken());
    }
    let mut delivery = Delivery::again("slack", key.text.clone(), key);
    delivery.body = Ok(kept);
    dead_letters::keep(log, owner, &delivery, error).await?;
    let status = StatusCode::from_u16(error.status().as_u16()).unwrap_or(StatusCode::BAD_REQUEST);
    let mut answer = platform::error::problem(status, &error.to_string());
    answer
        .headers_mut()
        .insert(NO_RETRY, HeaderValue::from_static("1"));
    Ok(answer)
}

/// The message's own key, under which a replay stores it; without one, the event's id or its digest.
fn letter_key(envelope: &Envelope) -> Key {
    let event = &envelope.event;
    let text = |path| event.pointer(path).and_then(Value::as_str);
    // An edit has the message in it, with its own `ts`.
    let ts = text("/message/ts").or_else(|| text("/ts"));
    let known = match (text("/channel").filter(|it| is_id(it)), ts) {
        (Some(channel), Some(ts)) => key(channel, ts).ok(),
        _ => None,
    };
    known.unwrap_or_else(|| match envelope.event_id.as_str() {
        "" => Key::of_content(event),
        id => Key::of_publisher(id),
    })
}

async fn store(log: &Log, envelope: &Envelope, robeing_id: &str, happened: Happened) -> Result<()> {
    let delivery = |key: Key| {
        let mut delivery = Delivery::again("slack", key.text.clone(), key);
        if !envelope.event_id.is_empty() {
            envelope.event_id.clone_into(&mut delivery.event_id);
        }
        delivery
    };
    match happened {
        Happened::Said(mut message, key) => {
            name_person(log, envelope, &mut message).await?;
            let event = delivery(key).event(*message);
            let stored = log.store_one(event.clone()).await?;
            if stored.replayed {
                log.complete(&stored, event).await?;
            }
        }
        Happened::Edited(mut message, key, edit) => {
            name_person(log, envelope, &mut message).await?;
            log.edit(delivery(key.clone()).event(*message), &edit)
                .await?;
            forget_refused(log, robeing_id, key).await?;
        }
        Happened::Deleted(key, at) => {
            log.delete(robeing_id, &envelope.event_id, &key, at).await?;
            forget_refused(log, robeing_id, key).await?;
        }
        Happened::Nothing => {}
    }
    Ok(())
}

/// What was refused before says what its sender has changed or deleted since.
async fn forget_refused(log: &Log, robeing_id: &str, key: Key) -> Result<()> {
    let refused = Delivery::again("slack", key.text.clone(), key);
    dead_letters::forget(log, Owner::Robeing(robeing_id), &refused).await
}

/// Checks the message, and only then stores the person's Slack id.
async fn name_person(log: &Log, envelope: &Envelope, message: &mut NewMessage) -> Result<()> {
    message.check()?;
    let team = &envelope.team;
    if team.chars().count() > LONGEST_TEAM || team.contains(char::is_control) {
        return Err(Error::Invalid("`team_id` is not a team id".to_owned()));
    }
    let slack_user = message.slack_user_id.as_deref();
    message.user_id = log.slack_user(team, slack_user).await?;
    Ok(())
}
