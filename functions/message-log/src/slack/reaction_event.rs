//! Reads Slack's events about reactions: an emoji that somebody added to a message, or removed from it.

use platform::Result;
use serde_json::Value;

use super::message_event::{Envelope, is_id, text};
use super::robeings_with_replays_of;
use crate::feedback::{Expected, Reaction, Reactions};
use crate::ids::{Key, slack_time};
use crate::log::Log;
use crate::personal::PersonId;

/// Stores a reaction with a score, or removes it: in the robeing of the app, and in those in which a replay stored the
/// message.
pub(super) async fn store(
    log: &Log,
    envelope: &Envelope,
    robeing: Option<&String>,
    reactions: &Reactions,
) -> Result<()> {
    let Some(reaction) = read(envelope) else {
        return Ok(());
    };
    let score = reactions.score(&reaction.emoji);
    let Ok(key) = Key::of_slack(&reaction.channel, &reaction.ts) else {
        return Ok(());
    };
    if score.is_none() && !reaction.is_removed {
        return Ok(());
    }
    for replayed in robeings_with_replays_of(log, envelope, robeing, &key).await? {
        if Some(&replayed) != robeing {
            log.react(&replayed, &reaction, score, Expected::IsStored)
                .await?;
        }
    }
    if let Some(robeing) = robeing {
        log.react(robeing, &reaction, score, Expected::MayArrive)
            .await?;
    }
    Ok(())
}

/// The reaction of an event; none if the event is another one, is not about a message, or if the app's own bot reacted.
fn read(envelope: &Envelope) -> Option<Reaction> {
    let event = &envelope.event;
    let is_removed = match text(event, "type")? {
        "reaction_added" => false,
        "reaction_removed" => true,
        _ => return None,
    };
    let item = event.get("item")?;
    let named = |object: &Value, name: &str| {
        let id = text(object, name).filter(|id| is_id(id));
        id.map(str::to_owned)
    };
    let user = named(event, "user").filter(|id| PersonId::is_slack_user(id))?;
    let is_message = envelope.kind == "event_callback" && text(item, "type") == Some("message");
    if !is_message || is_own_bot(envelope, &user) {
        return None;
    }
    let teams = teams(envelope)?;
    let names = teams.iter().map(|team| format!("{team}:{user}"));
    let slack_names = names
        .filter(|name| name.parse::<PersonId>().is_ok())
        .collect();
    Some(Reaction {
        emoji: named(event, "reaction")?,
        channel: named(item, "channel")?,
        ts: named(item, "ts")?,
        user,
        teams,
        slack_names,
        is_removed,
        at: text(event, "event_ts").and_then(slack_time)?,
    })
}

/// The enterprise and the team of who reacted. The event names neither, so they are known only in a channel that no other
/// organization shares.
fn teams(envelope: &Envelope) -> Option<Vec<String>> {
    let own = envelope.author().ok()?.own;
    let is_internal = envelope.context.get("is_ext_shared_channel") == Some(&Value::Bool(false));
    let known = own.into_iter().filter(|_| is_internal);
    Some(known.map(str::to_owned).collect())
}

/// Agents react to show that they are at work. That is no judgement of the message.
fn is_own_bot(envelope: &Envelope, user: &str) -> bool {
    let installed = envelope
        .context
        .get("authorizations")
        .and_then(Value::as_array);
    installed
        .into_iter()
        .flatten()
        .any(|it| it.get("is_bot") == Some(&Value::Bool(true)) && text(it, "user_id") == Some(user))
}
