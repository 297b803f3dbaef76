//! Who wrote a Slack message: their id, and the team or the enterprise in which it is theirs.
//!
//! An envelope names the workspace that an event happened in. In a channel that organizations share (Slack Connect),
//! the author may belong to another one, which the message names. In an Enterprise Grid, a person has the same id in
//! each workspace, so it is theirs in the enterprise.

use platform::{Error, Result};
use serde_json::Value;

use super::message_event::{Envelope, text};
use crate::authors::{Author, is_team};

impl Envelope {
    /// The author of the message of an event.
    pub(super) fn author(&self) -> Result<Author<'_>> {
        if !self.team.is_empty() && !is_team(&self.team) {
            return Err(Error::Invalid("`team_id` is invalid".to_owned()));
        }
        let stated = stated_team(self, message(&self.event));
        let team = stated.unwrap_or(&self.team);
        let enterprise = self.enterprise_of(team);
        let mut own: Vec<&str> = enterprise.into_iter().collect();
        if !own.contains(&team) && (own.is_empty() || !team.is_empty()) {
            own.push(team);
        }
        Ok(Author {
            own,
            is_stated: stated.is_some() || enterprise.is_some(),
            seen_in: &self.team,
        })
    }

    /// The enterprise that a team belongs to, as far as the envelope shows it.
    fn enterprise_of<'a>(&'a self, team: &'a str) -> Option<&'a str> {
        let context = &self.context;
        let named = |object: &'a Value, name: &str| text(object, name).filter(|id| is_team(id));
        if team.starts_with('E') {
            return Some(team);
        }
        let of_event = named(context, "enterprise_id");
        let is_internal = context.get("is_ext_shared_channel") == Some(&Value::Bool(false));
        if (team == self.team || is_internal) && of_event.is_some() {
            return of_event;
        }
        if text(context, "context_team_id") == Some(team)
            && let Some(enterprise) = named(context, "context_enterprise_id")
        {
            return Some(enterprise);
        }
        let installed = context.get("authorizations").and_then(Value::as_array);
        let mut installed = installed.into_iter().flatten();
        let installed = installed.find(|it| text(it, "team_id") == Some(team))?;
        named(installed, "enterprise_id")
    }
}

/// The message of an event: that of an edit, or the event itself.
pub(super) fn message(event: &Value) -> &Value {
    let message = event.get("message").filter(|it| it.is_object());
    message.unwrap_or(event)
}

/// The team of a message's author, as the message or the version before its edit says.
pub(super) fn stated_team<'a>(envelope: &'a Envelope, message: &'a Value) -> Option<&'a str> {
    let before = envelope.event.get("previous_message");
    let messages = [Some(message), before].into_iter().flatten();
    let mut teams = messages.flat_map(|message| {
        let of_message = ["user_team", "source_team"].map(|name| text(message, name));
        let profile = message.get("user_profile");
        let of_profile = profile.and_then(|profile| text(profile, "team"));
        let last = [of_profile, text(message, "team")];
        of_message.into_iter().chain(last).flatten()
    });
    teams.find(|team| is_team(team))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn own(envelope: Value) -> (Vec<String>, bool) {
        let envelope = Envelope::from(envelope);
        let author = envelope.author().unwrap();
        let own = author.own.iter().map(|id| (*id).to_owned());
        (own.collect(), author.is_stated)
    }

    #[test]
    fn the_team_is_that_of_the_author_and_not_that_of_the_envelope() {
        for (envelope, team) in [
            (
                json!({"team_id": "T1", "event": {"user_team": "T2", "source_team": "T1", "team": "T1"}}),
                "T2",
            ),
            (
                json!({"team_id": "T1", "event": {"source_team": "T2", "team": "T1"}}),
                "T2",
            ),
            (
                json!({"team_id": "T1", "event": {"team": "T1", "user_profile": {"team": "T2"}}}),
                "T2",
            ),
            (json!({"team_id": "T1", "event": {"team": "T2"}}), "T2"),
            (
                json!({"team_id": "T1", "event": {"team": "T1", "message": {"user_team": "T2"}}}),
                "T2",
            ),
            (
                json!({"team_id": "T1", "event": {"message": {}, "previous_message": {"user_team": "T2"}}}),
                "T2",
            ),
            (json!({"team_id": "T2", "event": {"team": "T2"}}), "T2"),
            (
                json!({"team_id": "T1", "enterprise_id": "E1", "is_ext_shared_channel": true, "event": {"user_team": "T2"}}),
                "T2",
            ),
            (
                json!({"team_id": "T1", "context_team_id": "T3", "context_enterprise_id": "E3", "event": {"user_team": "T2"}}),
                "T2",
            ),
        ] {
            assert_eq!(
                own(envelope.clone()),
                (vec![team.to_owned()], true),
                "{envelope}"
            );
        }
        let unstated = json!({"team_id": "T1", "event": {"user": "U1"}});
        assert_eq!(own(unstated), (vec!["T1".to_owned()], false));
    }

    #[test]
    fn in_a_grid_the_enterprise_comes_before_the_team() {
        for (envelope, ids) in [
            (
                json!({"team_id": "T1", "enterprise_id": "E1", "event": {"user": "W1"}}),
                vec!["E1", "T1"],
            ),
            (
                json!({"team_id": "T1", "enterprise_id": "E1", "event": {"team": "T1"}}),
                vec!["E1", "T1"],
            ),
            (
                json!({"team_id": "T1", "enterprise_id": "E1", "is_ext_shared_channel": false, "event": {"team": "T2"}}),
                vec!["E1", "T2"],
            ),
            (
                json!({"team_id": "T1", "event": {"user_team": "E1"}}),
                vec!["E1"],
            ),
            (
                json!({"enterprise_id": "E1", "event": {"user": "W1"}}),
                vec!["E1"],
            ),
            (
                json!({"team_id": "T9", "context_team_id": "T1", "context_enterprise_id": "E1", "event": {"user_team": "T1"}}),
                vec!["E1", "T1"],
            ),
            (
                json!({"team_id": "T9", "event": {"user_team": "T1"},
                       "authorizations": [{"team_id": "T9"}, {"team_id": "T1", "enterprise_id": "E1", "is_enterprise_install": true}]}),
                vec!["E1", "T1"],
            ),
        ] {
            let (own, is_stated) = own(envelope.clone());
            assert_eq!(
                (own, is_stated),
                (ids.into_iter().map(str::to_owned).collect(), true),
                "{envelope}"
            );
        }
    }
}
