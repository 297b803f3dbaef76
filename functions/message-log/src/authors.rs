//! The people behind Slack's user ids.
//!
//! `conversation.slack_user` has one row per team or enterprise in which an id is a person's, with their `user_id`.
//! Rows of earlier versions, and those of events that don't name the author's team, have the workspace of the
//! envelope instead. Once an event shows whose they are, they get the person's `user_id`, and
//! `earlier_user_ids` keeps the one that their messages have.

use platform::Result;
use platform::postgres::scoped::{self as db, Scope};
use platform::postgres::types::Type;
use robeing::ROBEINGS;
use serde_json::Value;
use tokio_postgres::{Row, Transaction};
use uuid::Uuid;

use crate::ids::Key;
use crate::log::Log;
use crate::message::NewMessage;

/// In characters, of the id of a team or an enterprise.
const MAX_TEAM: usize = 32;

const READ: &str = "
    select team_id, user_id, is_own
    from conversation.slack_user
    where slack_user_id = $1 and team_id = any ($2)";

/// Where the id of an author is theirs.
#[derive(Debug, PartialEq)]
pub(crate) struct Author<'a> {
    /// The enterprise, if it is known, and the team. Slack gives no other person the same id in either.
    pub(crate) own: Vec<&'a str>,
    /// Whether Slack says so. Otherwise `own` is the workspace of the envelope.
    pub(crate) is_stated: bool,
    /// The workspace of the envelope, by which earlier versions identified authors.
    pub(crate) seen_in: &'a str,
}

/// The `user_id` of a Slack user. It is created with their first message; none for a message that is erased, since
/// nothing of its author is stored again.
pub(crate) async fn user_id(
    log: &Log,
    author: &Author<'_>,
    slack_user: &str,
    robeing_id: &str,
    key: &Key,
) -> Result<Option<Uuid>> {
    let mut teams = author.own.clone();
    if !teams.contains(&author.seen_in) {
        teams.push(author.seen_in);
    }
    let mut client = log.pool.get().await?;
    let values = [
        (&slack_user as _, Type::TEXT),
        (&teams as _, Type::TEXT_ARRAY),
    ];
    let plan = Plan::of(author, &client.query_typed(READ, &values).await?)?;
    if let Some(known) = plan.user_id
        && !plan.has_changes()
    {
        return Ok(Some(known));
    }
    if log.is_erased(&client, robeing_id, key).await? {
        return Ok(plan.user_id);
    }
    let transaction = db::begin(&mut client, &Scope::only(ROBEINGS, [robeing_id])).await?;
    // Two events of one person may arrive at once, and both may find that two of their ids are one person's.
    let lock =
        "select pg_advisory_xact_lock(hashtextextended('conversation.slack_user ' || $1, 0))";
    transaction
        .query_typed(lock, &[(&slack_user, Type::TEXT)])
        .await?;
    let plan = Plan::of(author, &transaction.query_typed(READ, &values).await?)?;
    let user_id = plan.apply(&transaction, author, slack_user).await?;
    transaction.commit().await?;
    Ok(Some(user_id))
}

/// Adds the `user_id` to a message that was kept without it, by the team in its metadata.
pub(crate) async fn add_user_id(log: &Log, message: &mut NewMessage, key: &Key) -> Result<()> {
    let (None, Some(slack_user), Some(metadata)) =
        (message.user_id, &message.slack_user_id, &message.metadata)
    else {
        return Ok(());
    };
    message.check()?;
    let team = |name: &str| {
        metadata
            .get(name)
            .and_then(Value::as_str)
            .filter(|id| is_team(id))
    };
    let Some(seen_in) = team("team") else {
        return Ok(());
    };
    let stated = team("user_team");
    let author = Author {
        own: vec![stated.unwrap_or(seen_in)],
        is_stated: stated.is_some(),
        seen_in,
    };
    message.user_id = user_id(log, &author, slack_user, &message.robeing_id, key).await?;
    Ok(())
}

/// What is known of an author, and what has to be stored.
struct Plan {
    user_id: Option<Uuid>,
    /// The teams that lack a row.
    missing: Vec<String>,
    /// The teams whose rows are now known to be the person's.
    confirmed: Vec<String>,
    /// Further ids under which messages of the person are stored.
    others: Vec<Uuid>,
}

impl Plan {
    fn of(author: &Author<'_>, rows: &[Row]) -> Result<Self> {
        let mut plan = Self {
            user_id: None,
            missing: Vec::new(),
            confirmed: Vec::new(),
            others: Vec::new(),
        };
        for team in author.own.iter().chain([&author.seen_in]) {
            let is_own = author.own.contains(team);
            let mut row = rows
                .iter()
                .filter(|row| row.get::<_, &str>("team_id") == *team);
            let Some(row) = row.next() else {
                if is_own && !plan.missing.iter().any(|it| it == team) {
                    plan.missing.push((*team).to_owned());
                }
                continue;
            };
            let is_known: bool = row.try_get("is_own")?;
            // Somebody else, who has the same id in the workspace of the envelope.
            if !is_own && is_known {
                continue;
            }
            if is_own && author.is_stated && !is_known {
                plan.confirmed.push((*team).to_owned());
            }
            let user_id: Uuid = row.try_get("user_id")?;
            match plan.user_id {
                None => plan.user_id = Some(user_id),
                Some(first) if first != user_id => plan.others.push(user_id),
                Some(_) => {}
            }
        }
        Ok(plan)
    }

    fn has_changes(&self) -> bool {
        !(self.missing.is_empty() && self.confirmed.is_empty() && self.others.is_empty())
    }

    async fn apply(
        &self,
        transaction: &Transaction<'_>,
        author: &Author<'_>,
        slack_user: &str,
    ) -> Result<Uuid> {
        let user_id = self.user_id.unwrap_or_else(Uuid::now_v7);
        transaction
            .execute_typed(
                "update conversation.slack_user as name
                 set user_id = $1,
                     earlier_user_ids = array(
                         select distinct id
                         from unnest(name.earlier_user_ids || name.user_id) as id
                         where id <> $1)
                 where user_id = any ($2)",
                &[(&user_id, Type::UUID), (&self.others, Type::UUID_ARRAY)],
            )
            .await?;
        transaction
            .execute_typed(
                "update conversation.slack_user
                 set is_own = true
                 where slack_user_id = $1 and team_id = any ($2)",
                &[
                    (&slack_user, Type::TEXT),
                    (&self.confirmed, Type::TEXT_ARRAY),
                ],
            )
            .await?;
        // An earlier version, which takes no lock, may insert the same row.
        let stored = transaction
            .query_typed(
                "insert into conversation.slack_user as name (team_id, slack_user_id, user_id, is_own)
                 select team_id, $1, $2, $3
                 from unnest($4::text[]) as team_id
                 on conflict (team_id, slack_user_id) do update
                 set user_id = name.user_id
                 returning user_id",
                &[
                    (&slack_user, Type::TEXT),
                    (&user_id, Type::UUID),
                    (&author.is_stated, Type::BOOL),
                    (&self.missing, Type::TEXT_ARRAY),
                ],
            )
            .await?;
        match stored.first() {
            Some(row) => Ok(row.try_get("user_id")?),
            None => Ok(user_id),
        }
    }
}

pub(crate) fn is_team(id: &str) -> bool {
    !id.is_empty() && id.chars().count() <= MAX_TEAM && !id.contains(char::is_control)
}
