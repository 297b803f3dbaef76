//! The subject of a request: the id in the body, and the ids that belong to the same person.

use std::slice;

use message_log::personal::{PersonId, people};
use personal::{Identity, Person, Purpose, Subject};
use platform::auth::{Names, Scope, is_name};
use platform::postgres::scoped as db;
use platform::postgres::types::{Json, Type};
use platform::{Caller, Error, Result};
use robeing::ROBEINGS;
use serde::{Deserialize, Serialize};
use tokio_postgres::Transaction;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::Privacy;

/// Identifies a subject: exactly one of the three ids.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SubjectId {
    /// A person by their user id, or by a Slack id as in `slack_user_id`. It includes the messages under all their ids.
    #[schema(value_type = Option<String>)]
    user_id: Option<PersonId>,
    /// A person by their Slack id, such as `U0123ABCD`, or with their team, such as `T0123ABCD:U0123ABCD`.
    #[schema(max_length = 100)]
    slack_user_id: Option<String>,
    /// A robeing: every message to it and from it.
    #[schema(max_length = 100)]
    robeing_id: Option<String>,
}

/// Identifies the subject of a request without its id.
#[derive(Debug, Serialize, ToSchema)]
pub struct SubjectDigest {
    /// `user_id`, `slack_user_id` or `robeing_id`.
    pub kind: String,
    /// HMAC-SHA256 of the id with a key of this deployment, in hexadecimal.
    pub digest: String,
}

/// The subject of a request, with all its ids.
pub struct ResolvedSubject {
    /// The name of the id in the request.
    pub kind: &'static str,
    /// The digest of that id by each master key. The first one is stored.
    pub digests: Vec<Vec<u8>>,
    pub subject: Subject,
}

impl SubjectId {
    /// Looks up all ids of the subject.
    ///
    /// # Errors
    /// `Invalid` if the request doesn't have exactly one valid id, `Forbidden` if the robeing is not in
    /// the caller's scope, `Unprocessable` if an export is for the Slack id of several people in this scope.
    pub async fn resolve(
        &self,
        privacy: &Privacy,
        caller: &Caller,
        purpose: Purpose,
    ) -> Result<ResolvedSubject> {
        let mut client = privacy.pool.get().await?;
        // Other tenants may have people with the same Slack id, of whom the caller learns nothing.
        let scope = caller.scope.of(ROBEINGS);
        let db = db::read(&mut client, &db::Scope::of(ROBEINGS, scope)).await?;
        let (kind, id, mut identity) = match (&self.user_id, &self.slack_user_id, &self.robeing_id)
        {
            (Some(PersonId::User(user_id)), None, None) => {
                let person = people::of_user(&db, *user_id).await?;
                ("user_id", user_id.to_string(), Identity::Person(person))
            }
            (Some(slack_id), None, None) => {
                let slack_id = slack_id.to_string();
                let person = of_slack(&db, scope, &slack_id, purpose).await?;
                ("slack_user_id", slack_id, Identity::Person(person))
            }
            (None, Some(slack_id), None) if is_id(slack_id) => {
                let person = of_slack(&db, scope, slack_id, purpose).await?;
                ("slack_user_id", slack_id.clone(), Identity::Person(person))
            }
            (None, None, Some(robeing_id)) => {
                robeing::may_see(caller, robeing_id)?;
                let identity = Identity::Robeing(robeing_id.clone());
                ("robeing_id", robeing_id.clone(), identity)
            }
            _ => {
                let detail = "send exactly one of `user_id`, `slack_user_id` and `robeing_id` (1 to 100 characters)";
                return Err(Error::Invalid(detail.to_owned()));
            }
        };
        if let Identity::Person(person) = &mut identity {
            add_archived(&db, person).await?;
        }
        let robeings = match scope {
            Names::All => None,
            Names::Only(names) => Some(names.to_vec()),
        };
        Ok(ResolvedSubject {
            kind,
            digests: privacy.master().digests_of(kind, &id),
            subject: Subject {
                identity,
                robeings,
                everything: Scope::all().is_within(&caller.scope),
            },
        })
    }
}

/// The person with an id in Slack. An export is given to somebody, so it is of one person; an erasure without a team is of
/// everybody whom Slack calls so.
async fn of_slack(
    db: &Transaction<'_>,
    scope: &Names,
    id: &str,
    purpose: Purpose,
) -> Result<Person> {
    let id = match id.parse() {
        Ok(id @ PersonId::Slack { .. }) => id,
        _ => PersonId::Slack {
            team: None,
            user: id.to_owned(),
        },
    };
    let team = match (&id, purpose) {
        (PersonId::Slack { team: None, user }, Purpose::Erase) => {
            return people::of_slack_user(db, user.clone()).await;
        }
        (PersonId::Slack { team, .. }, _) => team,
        (PersonId::User(_), _) => &None,
    };
    let mut known = id.people(db).await?;
    if *scope != Names::All && (team.is_none() || known.len() > 1) {
        known = in_scope(db, &known).await?;
    }
    id.person_of(db, &known).await
}

/// Those of these people who have messages in the scope of the transaction, in the log or in the archive.
async fn in_scope(db: &Transaction<'_>, people: &[Uuid]) -> Result<Vec<Uuid>> {
    let mut found = Vec::new();
    for user_id in people {
        let ids = people::user_ids(db, *user_id).await?;
        if people::have_messages(db, &ids).await? || have_archived(db, &ids).await? {
            found.push(*user_id);
        }
    }
    Ok(found)
}

async fn have_archived(db: &Transaction<'_>, user_ids: &[Uuid]) -> Result<bool> {
    let row = db
        .query_typed_opt(
            "select from privacy.person_key where user_id = any ($1) limit 1",
            &[(&user_ids, Type::UUID_ARRAY)],
        )
        .await?;
    Ok(row.is_some())
}

/// Adds the user ids that archived rows with the Slack ids of a person have, and the Slack ids that other people have in
/// archived rows.
async fn add_archived(db: &Transaction<'_>, person: &mut Person) -> Result<()> {
    let shared = db
        .query_typed(
            "select distinct slack_user_id
             from privacy.person_key
             where slack_user_id = any ($1) and user_id = any ($2) and slack_user_id <> all ($3)",
            &[
                (&person.slack_user_ids, Type::TEXT_ARRAY),
                (&person.namesakes, Type::UUID_ARRAY),
                (&person.shared_slack_user_ids, Type::TEXT_ARRAY),
            ],
        )
        .await?;
    for row in &shared {
        person.shared_slack_user_ids.push(row.try_get(0)?);
    }
    let rows = db
        .query_typed(
            "select distinct user_id
             from privacy.person_key
             where slack_user_id = any ($1)
               and user_id is not null and user_id <> all ($2) and user_id <> all ($3)",
            &[
                (&person.slack_user_ids, Type::TEXT_ARRAY),
                (&person.user_ids, Type::UUID_ARRAY),
                (&person.namesakes, Type::UUID_ARRAY),
            ],
        )
        .await?;
    let ids: Result<Vec<Uuid>, _> = rows.iter().map(|row| row.try_get(0)).collect();
    person.add_other_user_ids(ids?);
    Ok(())
}

fn is_id(text: &str) -> bool {
    (1..=100).contains(&text.chars().count()) && !text.contains(char::is_control)
}

/// The scope that is stored with a request; none for all robeings.
pub fn scope_of(robeings: &Names) -> Option<Vec<String>> {
    match robeings {
        Names::All => None,
        // The form that the policy for row-level security compares, which is sorted.
        Names::Only(names) => {
            let names = names.iter().filter(|name| is_name(name));
            Some(names.cloned().collect())
        }
    }
}

pub fn unknown_subject() -> Error {
    let detail = "the robeings in your scope hold nothing about this subject";
    Error::NotFound(detail.to_owned())
}

/// The stored subject of an unfinished request.
pub fn stored_subject(subject: Option<Json<Subject>>) -> anyhow::Result<Subject> {
    let subject = subject.ok_or_else(|| anyhow::anyhow!("an unfinished request has no subject"))?;
    Ok(subject.0)
}

/// Whether something about one subject may also be about the other. It errs towards true: repeating an
/// export costs less than keeping a copy of erased data.
pub fn may_overlap(one: &Subject, other: &Subject) -> bool {
    if let (Some(some), Some(others)) = (reach(one), reach(other))
        && !some.iter().any(|robeing| others.contains(robeing))
    {
        return false;
    }
    match (&one.identity, &other.identity) {
        (Identity::Person(one), Identity::Person(other)) => {
            let users = one.user_ids.iter().chain(&one.other_user_ids);
            let mut others = other.user_ids.iter().chain(&other.other_user_ids);
            let users: Vec<&Uuid> = users.collect();
            others.any(|id| users.contains(&id))
                || slack_users(one).any(|id| slack_users(other).any(|it| it == id))
        }
        (Identity::Robeing(one), Identity::Robeing(other)) => one == other,
        _ => true,
    }
}

/// The Slack ids of a person, in whichever team.
fn slack_users(person: &Person) -> impl Iterator<Item = &str> {
    let names = person.slack_names.iter();
    let ids = names.filter_map(|name| Some(name.split_once(':')?.1));
    person.slack_user_ids.iter().map(String::as_str).chain(ids)
}

/// The robeings that rows about the subject can belong to; none for all.
fn reach(subject: &Subject) -> Option<&[String]> {
    match &subject.identity {
        Identity::Robeing(robeing_id) => Some(slice::from_ref(robeing_id)),
        Identity::Person(_) => subject.robeings.as_deref(),
    }
}
