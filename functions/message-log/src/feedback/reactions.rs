//! Slack reactions as feedback: which emoji has which score, and the events that add and remove one.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use jiff::Timestamp;
use platform::postgres::scoped::{self as db, Scope};
use platform::postgres::types::{Json, Type};
use platform::{Env, Result};
use robeing::ROBEINGS;
use serde_json::Value;
use uuid::Uuid;

use super::{Giver, check_value};
use crate::ids::month_of;
use crate::log::Log;

/// The name of the feedback that reactions give.
const NAME: &str = "reaction";
const SKIN_TONE: &str = "::skin-tone-";
const POSITIVE: [&str; 8] = [
    "+1",
    "thumbsup",
    "heart",
    "tada",
    "clap",
    "raised_hands",
    "100",
    "white_check_mark",
];
const NEGATIVE: [&str; 5] = ["-1", "thumbsdown", "x", "confused", "disappointed"];

/// The scores of emoji in `SLACK_REACTIONS`, which extend and change the built-in ones.
#[derive(Clone, Debug)]
pub struct Reactions(Arc<BTreeMap<String, Value>>);

impl Reactions {
    pub fn open(env: &Env) -> anyhow::Result<Self> {
        const FORM: &str =
            r#"set it to {"<emoji>": <score>}, such as {"rocket": 1, "bug": "wrong", "x": null}"#;
        let positive = POSITIVE.map(|emoji| (emoji, Value::from(1)));
        let negative = NEGATIVE.map(|emoji| (emoji, Value::from(-1)));
        let built_in = positive.into_iter().chain(negative);
        let mut scores: BTreeMap<String, Value> = built_in
            .map(|(emoji, score)| (emoji.to_owned(), score))
            .collect();
        if let Some(text) = env.get("SLACK_REACTIONS") {
            let set: BTreeMap<String, Value> = serde_json::from_str(text)
                .ok()
                .with_context(|| format!("SLACK_REACTIONS is not a map of emoji: {FORM}"))?;
            for (emoji, score) in set {
                let name = emoji.trim_matches(':');
                ensure!(
                    !name.is_empty() && !name.contains("::"),
                    "SLACK_REACTIONS has an emoji without a name, or with a skin tone: {FORM}"
                );
                if score.is_null() {
                    scores.remove(name);
                } else if let Err(wrong) = check_value(&format!("SLACK_REACTIONS: {name}"), &score)
                {
                    anyhow::bail!("{wrong}");
                } else {
                    scores.insert(name.to_owned(), score);
                }
            }
        }
        Ok(Self(Arc::new(scores)))
    }

    /// The score of an emoji in any skin tone.
    pub(crate) fn score(&self, emoji: &str) -> Option<&Value> {
        let (name, tones) = emoji.split_once(SKIN_TONE).unwrap_or((emoji, "2"));
        // An emoji of two people has two.
        let mut tones = tones.split(SKIN_TONE).flat_map(|it| it.split('-'));
        let is_tone = |tone: &str| matches!(tone, "2" | "3" | "4" | "5" | "6");
        self.0.get(name).filter(|_| tones.all(is_tone))
    }
}

/// A reaction that somebody added to a Slack message, or removed from it.
#[derive(Debug, PartialEq)]
pub(crate) struct Reaction {
    pub(crate) emoji: String,
    pub(crate) channel: String,
    /// The `ts` of the message.
    pub(crate) ts: String,
    pub(crate) user: String,
    /// The enterprise and the team of the user, if they are known.
    pub(crate) teams: Vec<String>,
    /// The user with each team that is theirs, such as `T0123ABCD:U0123ABCD`.
    pub(crate) slack_names: Vec<String>,
    pub(crate) is_removed: bool,
    pub(crate) at: Timestamp,
}

/// Whether a message may arrive after the reactions to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Expected {
    MayArrive,
    /// It is stored, or the robeing doesn't have it.
    IsStored,
}

impl Log {
    /// Stores a reaction as feedback with this score, or removes it. The newest event wins in any order of arrival. If
    /// the message is not stored yet, the feedback is kept for a day, and is listed once the message arrives. An emoji
    /// without a score may have had one when it was added.
    pub(crate) async fn react(
        &self,
        robeing_id: &str,
        reaction: &Reaction,
        score: Option<&Value>,
        message: Expected,
    ) -> Result<()> {
        let Reaction { channel, ts, .. } = reaction;
        let Some(message_id) = self.root_of(robeing_id, channel, ts) else {
            return Ok(());
        };
        let giver = Giver {
            user_id: None,
            slack_user_id: Some(reaction.user.clone()),
            // Slack may send one reaction to each workspace that shares the channel.
            slack_name: None,
            agent: None,
        };
        let slack_names = Some(&reaction.slack_names).filter(|it| !it.is_empty());
        let key = giver.key(message_id, NAME, &reaction.emoji);
        let removed_at = reaction.is_removed.then_some(reaction.at);
        let value = score.filter(|_| !reaction.is_removed).map(Json);
        let is_known_only = score.is_none();
        let mut client = self.pool.get().await?;
        let transaction = db::begin(&mut client, &Scope::only(ROBEINGS, [robeing_id])).await?;
        // An erasure of the message waits for the lock, or this transaction sees it.
        let stored = transaction
            .query_typed_opt(
                "select deleted_at is not null as is_deleted
                 from conversation.log
                 where id = $1 and robeing_id = $2
                 for share",
                &[(&message_id, Type::UUID), (&robeing_id, Type::TEXT)],
            )
            .await?;
        let is_pending = stored.is_none();
        match (stored, message) {
            (Some(stored), _) if stored.try_get("is_deleted")? => return Ok(()),
            (None, Expected::IsStored) => return Ok(()),
            _ => {}
        }
        transaction
            .execute_typed(
                include_str!("react.sql"),
                &[
                    (&Uuid::now_v7(), Type::UUID),
                    (&key, Type::UUID),
                    (&message_id, Type::UUID),
                    (&robeing_id, Type::TEXT),
                    (&NAME, Type::TEXT),
                    (&value, Type::JSONB),
                    (&reaction.emoji, Type::TEXT),
                    (&reaction.user, Type::TEXT),
                    (&reaction.teams, Type::TEXT_ARRAY),
                    (&reaction.at, Type::TIMESTAMPTZ),
                    (&removed_at, Type::TIMESTAMPTZ),
                    (&is_pending, Type::BOOL),
                    (&month_of(message_id), Type::DATE),
                    (&is_known_only, Type::BOOL),
                    (&slack_names, Type::TEXT_ARRAY),
                ],
            )
            .await?;
        Ok(transaction.commit().await?)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn opened(text: &str) -> anyhow::Result<Reactions> {
        Reactions::open(&Env::default().with("SLACK_REACTIONS", text))
    }

    #[test]
    fn an_emoji_has_the_same_score_in_every_skin_tone() {
        let reactions = Reactions::open(&Env::default()).unwrap();
        for (emoji, score) in [
            ("+1", Some(json!(1))),
            ("+1::skin-tone-2", Some(json!(1))),
            ("thumbsdown::skin-tone-6", Some(json!(-1))),
            ("+1::skin-tone-2-6", Some(json!(1))),
            ("+1::skin-tone-2::skin-tone-6", Some(json!(1))),
            ("+1::skin-tone-kim@example.com", None),
            ("+1::skin-tone-", None),
            ("eyes", None),
            ("", None),
        ] {
            assert_eq!(reactions.score(emoji), score.as_ref(), "{emoji}");
        }
    }

    #[test]
    fn configured_scores_extend_change_and_remove_the_built_in_ones() {
        let reactions =
            opened(r#"{":rocket:": 2.5, "bug": "wrong", "ok": true, "x": null, "+1": 5}"#);
        let reactions = reactions.unwrap();
        for (emoji, score) in [
            ("rocket", Some(json!(2.5))),
            ("bug", Some(json!("wrong"))),
            ("ok", Some(json!(true))),
            ("x", None),
            ("+1", Some(json!(5))),
            ("-1", Some(json!(-1))),
        ] {
            assert_eq!(reactions.score(emoji), score.as_ref(), "{emoji}");
        }
    }

    #[test]
    fn an_invalid_score_is_an_error_that_names_the_variable_and_the_emoji() {
        for (text, named) in [
            ("[]", "not a map"),
            ("{", "not a map"),
            (r#"{"bug": []}"#, "bug"),
            (r#"{"bug": ""}"#, "bug"),
            (r#"{"bug": 1e99}"#, "bug"),
            (r#"{"": 1}"#, "without a name"),
            (r#"{"+1::skin-tone-2": 1}"#, "skin tone"),
        ] {
            let error = opened(text).unwrap_err().to_string();
            assert!(
                error.contains("SLACK_REACTIONS") && error.contains(named),
                "{error}"
            );
        }
    }
}
