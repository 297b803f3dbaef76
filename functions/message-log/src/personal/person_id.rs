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

/// The ids that the messages of a person have. A message with a `user_id` is that person's, whatever its Slack id.
#[derive(Debug, Default)]
pub struct PersonIds {
    pub user_ids: Vec<Uuid>,
    /// Without those that other people have as well, who have messages in the scope.
    pub slack_user_ids: Vec<String>,
    /// As [`Person::slack_names`].
    pub slack_names: Vec<String>,
}

impl PersonId {
    /// Whether a text has the form of a Slack id without a team.
    pub(crate) fn is_slack_user(text: &str) -> bool {
        is_slack_id(text, ['U', 'W'])
    }

    /// The people whom Slack's events have shown with this id, or the one with the user id.
    ///
    /// # Errors
    /// `Unavailable` if the database is not.
    pub async fn people(&self, db: &Transaction<'_>) -> Result<Vec<Uuid>> {
        match self {
            Self::User(user_id) => Ok(vec![*user_id]),
            Self::Slack { team, user } => of_slack(db, team.as_deref(), user).await,
        }
    }

    /// All ids of the person among these people, for an erasure or an export; none for an unknown person.
    ///
    /// # Errors
    /// `Unprocessable` if they are several people.
    pub async fn person_of(&self, db: &Transaction<'_>, people: &[Uuid]) -> Result<Person> {
        match (people, self) {
            ([user_id], _) => people::of_user(db, *user_id).await,
            ([], Self::Slack { team: None, user }) => people::of_agents(db, user.clone()).await,
            ([], Self::Slack { team: Some(_), .. }) => Ok(Person {
                slack_names: vec![self.to_string()],
                ..Person::default()
            }),
            ([], Self::User(_)) => Ok(Person::default()),
            _ => Err(Error::Unprocessable(SEVERAL.to_owned())),
        }
    }

    /// The ids by which the person's messages are listed; none for an unknown person. Of the people with the id in Slack,
    /// only those count who have messages in the scope of the transaction: a caller learns nothing of the others.
    ///
    /// # Errors
    /// `Unprocessable` if several people in the scope have the id in Slack.
    pub async fn ids(&self, db: &Transaction<'_>) -> Result<PersonIds> {
        match (self.user_id(db).await?, self) {
            (Some(user_id), _) => of_user(db, user_id).await,
            (None, Self::Slack { team: None, user }) => of_agents(db, user).await,
            (None, _) => Ok(self.unknown()),
        }
    }

    /// The ids by which the earlier feedback of the giver is found, and their `user_id`, if they have one.
    ///
    /// # Errors
    /// `Unprocessable` if several people in the scope have the id in Slack.
    pub(crate) async fn giver(&self, db: &Transaction<'_>) -> Result<(Option<Uuid>, PersonIds)> {
        let user_id = self.user_id(db).await?;
        let ids = match user_id {
            Some(user_id) => of_user(db, user_id).await?,
            None => self.unknown(),
        };
        Ok((user_id, ids))
    }

    /// The ids of a person whom no event of Slack has shown.
    fn unknown(&self) -> PersonIds {
        let slack_names = match self {
            Self::Slack { team: Some(_), .. } => vec![self.to_string()],
            _ => Vec::new(),
        };
        PersonIds {
            slack_names,
            ..PersonIds::default()
        }
    }

    /// The person in the scope of the transaction, as far as Slack's events have shown them. One without messages in the
    /// scope is as unknown as one whom nobody knows.
    async fn user_id(&self, db: &Transaction<'_>) -> Result<Option<Uuid>> {
        let (team, user) = match self {
            Self::User(user_id) => return Ok(Some(*user_id)),
            Self::Slack { team, user } => (team.as_deref(), user),
        };
        let known = of_slack(db, team, user).await?;
        match with_messages(db, &known).await?.as_slice() {
            [] => Ok(None),
            [user_id] => Ok(Some(*user_id)),
            _ => Err(Error::Unprocessable(SEVERAL.to_owned())),
        }
    }
}

/// The people whom Slack's events have shown with this id.
async fn of_slack(db: &Transaction<'_>, team: Option<&str>, user: &str) -> Result<Vec<Uuid>> {
    let rows = db
        .query_typed(
            "select distinct user_id
             from conversation.slack_user
             where slack_user_id = $1 and ($2::text is null or team_id = $2)
             order by 1",
            &[(&user, Type::TEXT), (&team, Type::TEXT)],
        )
        .await?;
    let ids = rows.iter().map(|row| row.try_get("user_id"));
    Ok(ids.collect::<Result<_, _>>()?)
}

/// Those of these people who have messages in the scope of the transaction.
async fn with_messages(db: &Transaction<'_>, user_ids: &[Uuid]) -> Result<Vec<Uuid>> {
    let mut found = Vec::new();
    for user_id in user_ids {
        if people::have_messages(db, &people::user_ids(db, *user_id).await?).await? {
            found.push(*user_id);
        }
    }
    Ok(found)
}

async fn of_user(db: &Transaction<'_>, user_id: Uuid) -> Result<PersonIds> {
    let user_ids = people::user_ids(db, user_id).await?;
    let rows = db
        .query_typed(
            "select distinct slack_user_id
             from conversation.slack_user as own
             where user_id = any ($1)
               and not exists (
                   select
                   from conversation.slack_user as other
                   where other.slack_user_id = own.slack_user_id
                     and other.user_id <> all ($1)
                     and (exists (
                              select from conversation.log
                              where log.user_id = any (other.earlier_user_ids || other.user_id))
                          or exists (
                              select from conversation.feedback
                              where feedback.user_id = any (other.earlier_user_ids || other.user_id))))",
            &[(&user_ids, Type::UUID_ARRAY)],
        )
        .await?;
    let slack_user_ids = rows.iter().map(|row| row.try_get("slack_user_id"));
    Ok(PersonIds {
        slack_user_ids: slack_user_ids.collect::<Result<_, _>>()?,
        slack_names: people::slack_names(db, &user_ids).await?,
        user_ids,
    })
}

/// The ids of a Slack user whom only agents have named, some of them together with a `user_id`.
async fn of_agents(db: &Transaction<'_>, user: &str) -> Result<PersonIds> {
    // Two lookups, since `distinct` would read all messages of the person first.
    let other_than = async |known: Option<Uuid>| {
        let row = db
            .query_typed_opt(
                "select user_id
                 from conversation.log
                 where slack_user_id = $1 and user_id is not null and ($2::uuid is null or user_id <> $2)
                 order by id desc
                 limit 1",
                &[(&user, Type::TEXT), (&known, Type::UUID)],
            )
            .await?;
        row.map(|row| row.try_get::<_, Uuid>("user_id")).transpose()
    };
    let user_ids = match other_than(None).await? {
        Some(user_id) => {
            if other_than(Some(user_id)).await?.is_some() {
                return Err(Error::Unprocessable(SEVERAL_OF_AGENTS.to_owned()));
            }
            people::user_ids(db, user_id).await?
        }
        None => Vec::new(),
    };
    Ok(PersonIds {
        user_ids,
        slack_user_ids: vec![user.to_owned()],
        slack_names: people::names_of_agents(db, user).await?,
    })
}

/// What a caller can do if an id in Slack is that of several people.
const SEVERAL: &str = "several people have this Slack id, in different teams: put the team in front of it, such as \
                           `T0123ABCD:U0123ABCD`, or send the `user_id` of one of them";
/// As [`SEVERAL`], of an id of which Slack's events have shown no team.
const SEVERAL_OF_AGENTS: &str = "your agents logged several people with this Slack id, and no event of Slack has shown their \
                                 teams: send the `user_id` of one of them";

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

impl fmt::Display for PersonId {
    fn fmt(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(user_id) => user_id.fmt(text),
            Self::Slack {
                team: Some(team),
                user,
            } => write!(text, "{team}:{user}"),
            Self::Slack { team: None, user } => user.fmt(text),
        }
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
            assert_eq!(id.to_string(), text);
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
