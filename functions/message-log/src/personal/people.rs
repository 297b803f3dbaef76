//! Which ids belong to one person.
//!
//! Resolve everything that these ids lead to in one snapshot: an id that Slack's first event brings in
//! between would be taken for another person's.

use std::collections::BTreeSet;

use personal::Person;
use platform::Result;
use platform::postgres::types::Type;
use tokio_postgres::{Error, GenericClient, Row, Transaction};
use uuid::Uuid;

/// The person with this id, with all their ids in Slack.
pub async fn of_user(db: &Transaction<'_>, user_id: Uuid) -> Result<Person> {
    let user_ids = user_ids(db, user_id).await?;
    let slack_user_ids = slack_user_ids(db, &user_ids).await?;
    let slack_names = slack_names(db, &user_ids).await?;
    let person = with_namesakes(db, user_ids, slack_user_ids).await?;
    Ok(Person {
        slack_names,
        ..person
    })
}

/// Everybody whom Slack calls so. The ids of two teams may be equal: then ask by [`of_user`].
pub async fn of_slack_user(db: &Transaction<'_>, slack_user_id: String) -> Result<Person> {
    let rows = db
        .query_typed(
            "select distinct id
             from conversation.slack_user, unnest(earlier_user_ids || user_id) as id
             where slack_user_id = $1
             order by 1",
            &[(&slack_user_id, Type::TEXT)],
        )
        .await?;
    let user_ids = ids(&rows)?;
    let mut slack_user_ids = slack_user_ids(db, &user_ids).await?;
    let mut slack_names = slack_names(db, &user_ids).await?;
    // In any team.
    slack_names.retain(|name| {
        name.split_once(':')
            .is_none_or(|(_, id)| id != slack_user_id)
    });
    if !slack_user_ids.contains(&slack_user_id) {
        slack_user_ids.push(slack_user_id);
    }
    let person = with_namesakes(db, user_ids, slack_user_ids).await?;
    Ok(Person {
        slack_names,
        ..person
    })
}

/// The person whom only agents have named, by this id in Slack.
pub async fn of_agents(db: &Transaction<'_>, slack_user_id: String) -> Result<Person> {
    let slack_names = names_of_agents(db, &slack_user_id).await?;
    let person = with_namesakes(db, Vec::new(), vec![slack_user_id]).await?;
    Ok(Person {
        slack_names,
        ..person
    })
}

/// The Slack names of the person whom only agents have named, by this id in Slack. If people of several teams gave
/// feedback by it, it is a name of no team: the feedback of neither is certainly theirs.
pub(super) async fn names_of_agents(
    db: &Transaction<'_>,
    slack_user_id: &str,
) -> Result<Vec<String>, Error> {
    let several = db
        .query_typed_opt(
            "with known as (
                 select distinct slack_names as names
                 from conversation.feedback
                 where slack_user_id = $1 and user_id is null and slack_names is not null
             )
             select from known as one join known as other on not one.names && other.names limit 1",
            &[(&slack_user_id, Type::TEXT)],
        )
        .await?;
    Ok(several
        .map(|_| format!(":{slack_user_id}"))
        .into_iter()
        .collect())
}

/// The Slack ids of a person with each team or enterprise in which they are theirs.
pub(super) async fn slack_names(
    db: &Transaction<'_>,
    user_ids: &[Uuid],
) -> Result<Vec<String>, Error> {
    let rows = db
        .query_typed(
            "select team_id || ':' || slack_user_id
             from conversation.slack_user
             where user_id = any ($1)
             order by 1",
            &[(&user_ids, Type::UUID_ARRAY)],
        )
        .await?;
    rows.iter().map(|row| row.try_get(0)).collect()
}

/// Whether there are messages with one of these user ids in the scope of the transaction, or feedback.
pub async fn have_messages(db: &Transaction<'_>, user_ids: &[Uuid]) -> Result<bool, Error> {
    let row = db
        .query_typed_opt(
            "select
             where exists (select from conversation.log where user_id = any ($1))
                or exists (select from conversation.feedback where user_id = any ($1))",
            &[(&user_ids, Type::UUID_ARRAY)],
        )
        .await?;
    Ok(row.is_some())
}

/// All user ids of the person with this id: their messages may have an earlier one, from before Slack showed whose it
/// is.
pub async fn user_ids(db: &(impl GenericClient + Sync), user_id: Uuid) -> Result<Vec<Uuid>, Error> {
    let rows = db
        .query_typed(
            "with now as (
                 select $1 as user_id
                 union
                 select user_id from conversation.slack_user where earlier_user_ids @> array[$1]
             )
             select user_id from now
             union
             select unnest(name.earlier_user_ids)
             from now
             join conversation.slack_user as name on name.user_id = now.user_id
             order by 1",
            &[(&user_id, Type::UUID)],
        )
        .await?;
    ids(&rows)
}

fn ids(rows: &[Row]) -> Result<Vec<Uuid>, Error> {
    rows.iter().map(|row| row.try_get(0)).collect()
}

async fn slack_user_ids(db: &Transaction<'_>, user_ids: &[Uuid]) -> Result<Vec<String>, Error> {
    let rows = db
        .query_typed(
            "select distinct slack_user_id from conversation.slack_user where user_id = any ($1) order by 1",
            &[(&user_ids, Type::UUID_ARRAY)],
        )
        .await?;
    rows.iter().map(|row| row.try_get(0)).collect()
}

/// A Slack id is shared with people in the scope of the transaction only: nobody else has written its messages.
async fn with_namesakes(
    db: &Transaction<'_>,
    user_ids: Vec<Uuid>,
    slack_user_ids: Vec<String>,
) -> Result<Person, Error> {
    let rows = db
        .query_typed(
            "select distinct id, slack_user_id,
                    (select app.sees_all('robeings'))
                        or exists (select from conversation.log where log.user_id = id)
                        or exists (select from conversation.feedback where feedback.user_id = id) as is_in_scope
             from conversation.slack_user, unnest(earlier_user_ids || user_id) as id
             where slack_user_id = any ($1) and user_id <> all ($2)
             order by id",
            &[
                (&slack_user_ids, Type::TEXT_ARRAY),
                (&user_ids, Type::UUID_ARRAY),
            ],
        )
        .await?;
    let mut shared = BTreeSet::new();
    for row in &rows {
        if row.try_get("is_in_scope")? {
            shared.insert(row.try_get("slack_user_id")?);
        }
    }
    let mut namesakes = ids(&rows)?;
    namesakes.dedup();
    let others = db
        .query_typed(
            "select distinct user_id
             from conversation.log
             where slack_user_id = any ($1)
               and user_id is not null and user_id <> all ($2) and user_id <> all ($3)
             order by 1",
            &[
                (&slack_user_ids, Type::TEXT_ARRAY),
                (&user_ids, Type::UUID_ARRAY),
                (&namesakes, Type::UUID_ARRAY),
            ],
        )
        .await?;
    let mut person = Person {
        namesakes,
        shared_slack_user_ids: shared.into_iter().collect(),
        user_ids,
        slack_user_ids,
        ..Person::default()
    };
    person.add_other_user_ids(ids(&others)?);
    Ok(person)
}
