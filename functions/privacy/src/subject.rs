//! Whom a request is about: exactly one id, and all that it leads to.

use message_log::personal::{Subject, Whose};
use platform::auth::{Names, is_name};
use platform::postgres::Client;
use platform::postgres::scoped as db;
use platform::postgres::types::{Json, ToSql, Type};
use platform::{Caller, Error, Result};
use robeing::ROBEINGS;
use serde::Deserialize;
use tokio_postgres::Transaction;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::Privacy;

/// One of the three.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// A person, as the log calls them; also what they said under their ids of Slack.
    user_id: Option<Uuid>,
    /// A person, as Slack calls them.
    #[schema(max_length = 100)]
    slack_user_id: Option<String>,
    /// A robeing with all that was said to it and by it.
    #[schema(max_length = 100)]
    robeing_id: Option<String>,
}

/// What a request is about, as it is stored.
pub struct About {
    pub kind: &'static str,
    /// What stands for the id, by each master key; the first is the one that is written.
    pub names: Vec<Vec<u8>>,
    pub whose: Whose,
}

impl Asked {
    /// Looks the ids up that belong together. An error where the caller may not.
    pub async fn resolve(&self, privacy: &Privacy, caller: &Caller) -> Result<About> {
        let robeings = caller.scope.of(ROBEINGS);
        let mut client = privacy.pool.get().await?;
        let db = db::read(&mut client, &db::Scope::all(ROBEINGS)).await?;
        let (kind, id, whose) = match (&self.user_id, &self.slack_user_id, &self.robeing_id) {
            (Some(user_id), None, None) => {
                let whose = Whose::user(&db, *user_id, robeings).await?;
                ("user_id", user_id.to_string(), whose)
            }
            (None, Some(slack_user_id), None) if is_id(slack_user_id) => {
                let whose = Whose::slack_user(&db, slack_user_id.clone(), robeings).await?;
                ("slack_user_id", slack_user_id.clone(), whose)
            }
            (None, None, Some(robeing_id)) => {
                robeing::may_see(caller, robeing_id)?;
                let whose = Whose::robeing(robeing_id.clone(), robeings);
                ("robeing_id", robeing_id.clone(), whose)
            }
            _ => {
                let detail =
                    "give one of `user_id`, `slack_user_id` and `robeing_id` (1 to 100 characters)";
                return Err(Error::Invalid(detail.to_owned()));
            }
        };
        Ok(About {
            kind,
            names: privacy.master.names_of(kind, &id),
            whose,
        })
    }
}

fn is_id(text: &str) -> bool {
    (1..=100).contains(&text.chars().count()) && !text.contains(char::is_control)
}

/// What of a scope is stored with a request: none for all.
pub fn scope_of(robeings: &Names) -> Option<Vec<String>> {
    match robeings {
        Names::All => None,
        Names::Only(names) => {
            // As row-level security reads a list of names.
            let mut names = names.clone();
            names.retain(|name| is_name(name));
            names.sort_unstable();
            names.dedup();
            Some(names)
        }
    }
}

pub fn unknown() -> Error {
    Error::NotFound("nothing is held of them in the robeings of your scope".to_owned())
}

/// The condition under which a row of `privacy.person_key` is theirs, and its values, from $1 on.
pub const KEY_IS_THEIRS: &str = "
    (user_id = any ($1)
     or slack_user_id = any ($2) and (user_id is null or user_id <> all ($3))
     or robeing_id = $4)
    and ($5::text[] is null or robeing_id = any ($5))";

pub struct Theirs<'a> {
    users: &'a [Uuid],
    slack_users: &'a [String],
    others: &'a [Uuid],
    robeing: Option<&'a str>,
    robeings: Option<&'a [String]>,
}

impl<'a> Theirs<'a> {
    pub fn of(whose: &'a Whose) -> Self {
        let robeings = whose.robeings.as_deref();
        match &whose.subject {
            Subject::Person(person) => Self {
                users: &person.user_ids,
                slack_users: &person.slack_user_ids,
                others: &person.others,
                robeing: None,
                robeings,
            },
            Subject::Robeing(robeing) => Self {
                users: &[],
                slack_users: &[],
                others: &[],
                robeing: Some(robeing),
                robeings,
            },
        }
    }

    pub fn values(&self) -> [(&(dyn ToSql + Sync), Type); 5] {
        [
            (&self.users, Type::UUID_ARRAY),
            (&self.slack_users, Type::TEXT_ARRAY),
            (&self.others, Type::UUID_ARRAY),
            (&self.robeing, Type::TEXT),
            (&self.robeings, Type::TEXT_ARRAY),
        ]
    }
}

/// How many keys there are of theirs, and how many rows of the archive they open.
pub async fn archived(client: &Client, whose: &Whose) -> Result<(u64, u64)> {
    let sql = format!(
        "select count(distinct id), coalesce(sum(rows), 0)::int8
         from privacy.person_key
         left join privacy.sealed on key_id = id
         where {KEY_IS_THEIRS}"
    );
    let theirs = Theirs::of(whose);
    let rows = db::query(client, &whose.scope(), &sql, &theirs.values()).await?;
    let (keys, opened): (i64, i64) = match rows.first() {
        Some(row) => (row.try_get(0)?, row.try_get(1)?),
        None => (0, 0),
    };
    Ok((keys.unsigned_abs(), opened.unsigned_abs()))
}

/// No key is made, and none destroyed, by anybody else until the transaction ends.
pub async fn lock_keys(db: &Transaction<'_>) -> Result<(), tokio_postgres::Error> {
    let lock = "select pg_advisory_xact_lock(hashtextextended('privacy.person_key', 0))";
    db.query_typed(lock, &[]).await.map(drop)
}

/// As [`lock_keys`], beside others who make keys.
pub async fn share_keys(db: &Transaction<'_>) -> Result<(), tokio_postgres::Error> {
    let lock = "select pg_advisory_xact_lock_shared(hashtextextended('privacy.person_key', 0))";
    db.query_typed(lock, &[]).await.map(drop)
}

pub fn stored(whose: Option<Json<Whose>>) -> anyhow::Result<Whose> {
    let whose = whose.ok_or_else(|| anyhow::anyhow!("a running request has lost its subject"))?;
    Ok(whose.0)
}
