//! How a caller names a person: by their `user_id`, or by their id in Slack.

use std::fmt;
use std::str::FromStr;

use personal::Person;
use platform::postgres::types::Type;
use platform::{Error, Result};
use serde::de::{self, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};
use tokio_postgres::Transaction;
use uuid::Uuid;

use super::people;

/// In characters. Slack's ids have 9 to 11.
const MAX_SLACK_ID: usize = 32;

/// A `user_id`, such as `0190b2a0-0000-7000-8000-000000000001`, or the id of a person in Slack, such as `U0123ABCD`.
/// People of two teams may have the same id in Slack; `T0123ABCD:U0123ABCD` is the one of a team, or of an enterprise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PersonId {
    User(Uuid),
    Slack { team: Option<String>, user: String },
}

impl PersonId {
    /// The ids by which the person's messages are found; none for an unknown person.
    ///
    /// # Errors
    /// `Unprocessable` if several people have the id in Slack.
    pub async fn person(&self, db: &Transaction<'_>) -> Result<Person> {
        let (team, user) = match self {
            Self::User(user_id) => return people::of_user(db, *user_id).await,
            Self::Slack { team, user } => (team, user),
        };
        let known = user_ids(db, team.as_deref(), user).await?;
        match (known.as_slice(), team) {
            ([], Some(_)) => Ok(Person::default()),
            ([user_id], Some(_)) => people::of_user(db, *user_id).await,
            ([] | [_], None) => people::of_slack_user(db, user.clone()).await,
            _ => Err(Error::Unprocessable(SEVERAL.to_owned())),
        }
    }
}

/// The `user_id` of each person whom Slack calls so, in the team if one is given.
async fn user_ids(db: &Transaction<'_>, team: Option<&str>, user: &str) -> Result<Vec<Uuid>> {
    let rows = db
        .query_typed(
            "select distinct user_id
             from conversation.slack_user
             where slack_user_id = $1 and ($2::text is null or team_id = $2)",
            &[(&user, Type::TEXT), (&team, Type::TEXT)],
        )
        .await?;
    let ids = rows.iter().map(|row| row.try_get("user_id"));
    Ok(ids.collect::<Result<_, _>>()?)
}

/// What a caller can do if an id in Slack is that of several people.
const SEVERAL: &str = "several people have this Slack id, in different teams: put the team in front of it, such as \
                           `T0123ABCD:U0123ABCD`, or send the `user_id` of one of them";

impl FromStr for PersonId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if let Ok(user_id) = Uuid::try_parse(text) {
            return Ok(Self::User(user_id));
        }
        let (team, user) = match text.split_once(':') {
            Some((team, user)) => (Some(team), user),
            None => (None, text),
        };
        let is_team = team.is_none_or(|team| is_slack_id(team, ['E', 'T']));
        if !is_team || !is_slack_id(user, ['U', 'W']) {
            return Err(());
        }
        Ok(Self::Slack {
            team: team.map(str::to_owned),
            user: user.to_owned(),
        })
    }
}

fn is_slack_id(text: &str, kinds: [char; 2]) -> bool {
    let is_of_id = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    text.starts_with(kinds)
        && (2..=MAX_SLACK_ID).contains(&text.len())
        && text.bytes().all(is_of_id)
}

impl<'de> Deserialize<'de> for PersonId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfText;

        impl Visitor<'_> for OfText {
            type Value = PersonId;

            fn expecting(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
                text.write_str(
                    "a UUID, a Slack id such as `U0123ABCD`, or a Slack id with its team such as \
                     `T0123ABCD:U0123ABCD`",
                )
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<PersonId, E> {
                let invalid = |()| E::invalid_value(Unexpected::Str(text), &self);
                text.parse().map_err(invalid)
            }
        }

        deserializer.deserialize_str(OfText)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_named_by_a_uuid_or_by_slacks_id_with_or_without_the_team() {
        let slack = |team: Option<&str>, user: &str| PersonId::Slack {
            team: team.map(str::to_owned),
            user: user.to_owned(),
        };
        for (text, id) in [
            (
                "0190b2a0-0000-7000-8000-000000000001",
                PersonId::User(Uuid::from_u128(0x0190_b2a0_0000_7000_8000_0000_0000_0001)),
            ),
            ("U0123ABCD", slack(None, "U0123ABCD")),
            ("W7", slack(None, "W7")),
            ("T1:U0123ABCD", slack(Some("T1"), "U0123ABCD")),
            ("E1:W7", slack(Some("E1"), "W7")),
        ] {
            assert_eq!(text.parse(), Ok(id), "{text}");
        }
        for text in [
            "", "U", "u0123", "U01 23", "B0123", "C0123", "kim", "0190b2a0", "T1", "T1:", ":U1",
            "U1:T1", "T1:T1", "T1:U1:U2", "*", "U1\n", "Ué",
        ] {
            assert_eq!(text.parse::<PersonId>(), Err(()), "{text}");
        }
        assert_eq!(format!("U{}", "1".repeat(32)).parse::<PersonId>(), Err(()));
    }
}
