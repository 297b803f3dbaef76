//! The subject of a request: one id in the body, and everything that it leads to.

use message_log::personal::people;
use personal::{Identity, Subject};
use platform::auth::{Names, is_name};
use platform::postgres::scoped as db;
use platform::postgres::types::Json;
use platform::{Caller, Error, Result};
use robeing::ROBEINGS;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::Privacy;

/// Identifies a subject: exactly one of the three ids.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SubjectId {
    /// A person by their id in the log. It includes what they said under their Slack ids.
    user_id: Option<Uuid>,
    /// A person by their id in Slack.
    #[schema(max_length = 100)]
    slack_user_id: Option<String>,
    /// A robeing, with everything that was said to it and by it.
    #[schema(max_length = 100)]
    robeing_id: Option<String>,
}

/// The subject, without the id itself.
#[derive(Debug, Serialize, ToSchema)]
pub struct Digest {
    /// `user_id`, `slack_user_id` or `robeing_id`.
    pub kind: String,
    /// HMAC-SHA256 of the id with a key of this deployment, in hex.
    pub digest: String,
}

/// The subject of a request, as it is stored.
pub struct Resolved {
    /// The name of the id that was given.
    pub kind: &'static str,
    /// The digest of that id by each master key. The first one is written.
    pub digests: Vec<Vec<u8>>,
    pub subject: Subject,
}

impl SubjectId {
    /// Looks up all ids of the subject. An error if the caller may not see it.
    pub async fn resolve(&self, privacy: &Privacy, caller: &Caller) -> Result<Resolved> {
        let mut client = privacy.pool.get().await?;
        let db = db::read(&mut client, &db::Scope::all(ROBEINGS)).await?;
        let (kind, id, identity) = match (&self.user_id, &self.slack_user_id, &self.robeing_id) {
            (Some(user_id), None, None) => {
                let person = people::of_user(&db, *user_id).await?;
                ("user_id", user_id.to_string(), Identity::Person(person))
            }
            (None, Some(slack_user_id), None) if is_id(slack_user_id) => {
                let person = people::of_slack_user(&db, slack_user_id.clone()).await?;
                let identity = Identity::Person(person);
                ("slack_user_id", slack_user_id.clone(), identity)
            }
            (None, None, Some(robeing_id)) => {
                robeing::may_see(caller, robeing_id)?;
                let identity = Identity::Robeing(robeing_id.clone());
                ("robeing_id", robeing_id.clone(), identity)
            }
            _ => {
                let detail =
                    "give one of `user_id`, `slack_user_id` and `robeing_id` (1 to 100 characters)";
                return Err(Error::Invalid(detail.to_owned()));
            }
        };
        let robeings = match caller.scope.of(ROBEINGS) {
            Names::All => None,
            Names::Only(names) => Some(names.clone()),
        };
        Ok(Resolved {
            kind,
            digests: privacy.master.digests_of(kind, &id),
            subject: Subject { identity, robeings },
        })
    }
}

fn is_id(text: &str) -> bool {
    (1..=100).contains(&text.chars().count()) && !text.contains(char::is_control)
}

/// The part of a scope that is stored with a request: none for all robeings.
pub fn scope_of(robeings: &Names) -> Option<Vec<String>> {
    match robeings {
        Names::All => None,
        Names::Only(names) => {
            // As the policy for row-level security reads a list of names.
            let mut names = names.clone();
            names.retain(|name| is_name(name));
            names.sort_unstable();
            names.dedup();
            Some(names)
        }
    }
}

pub fn unknown() -> Error {
    let detail = "the robeings of your scope hold nothing about this subject";
    Error::NotFound(detail.to_owned())
}

/// The subject of a running request.
pub fn stored(subject: Option<Json<Subject>>) -> anyhow::Result<Subject> {
    let subject = subject.ok_or_else(|| anyhow::anyhow!("a running request has no subject"))?;
    Ok(subject.0)
}
