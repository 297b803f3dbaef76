//! The people behind Slack's user ids.
//!
//! `conversation.slack_user` has one row per team or enterprise in which an id is a person's, with their `user_id`.
//! Earlier releases stored the workspace of the envelope instead, whosever the id was there. Once an event shows whose
//! an earlier row is, that person takes it over, and `earlier_user_ids` keeps the id that their messages have.
//!
//! Whoever owns an app can sign any envelope. So a statement about a team changes no row that is known to be
//! somebody's, and joins no ids that other robeings' messages have. Two ids of one person are better than one id of
//! two: an erasure by the Slack id covers both.

use std::collections::HashSet;
use std::time::Instant;

use platform::Result;
use platform::postgres::Client;
use platform::postgres::scoped::{self as db, Scope};
use platform::postgres::types::Type;
use robeing::ROBEINGS;
use serde_json::Value;
use tokio_postgres::{Row, Transaction};
use uuid::Uuid;

use crate::ids::Key;
use crate::log::Log;
use crate::message::NewMessage;
use crate::refused_joins::Refused;

/// In characters, of the id of a team or an enterprise.
const MAX_TEAM: usize = 32;

const READ: &str = "
    select team_id, user_id, is_own, earlier_below::text as earlier_below
    from conversation.slack_user
    where slack_user_id = $1 and team_id = any ($2)";

/// The rows that may be joined with others by an event of robeing $1: earlier rows, if the robeing heard the person in
/// that workspace before the upgrade, and rows whose person no other robeing knows. Transactions of a restored database
/// say nothing about the time before the upgrade until a roll-up has adopted its rows.
const JOINABLE: &str = "
    select team_id, user_id
    from unnest($3::text[], $4::uuid[], $5::text[]) as name (team_id, user_id, earlier_below)
    where case
        when earlier_below is null then not exists (
                select from conversation.log where log.user_id = name.user_id and log.robeing_id <> $1)
            and not exists (
                select from conversation.log where log.slack_user_id = $2 and log.robeing_id <> $1)
        else (select system_identifier from conversation.cluster)
             = (select system_identifier from pg_control_system())
            and exists (
            select
            from (
                select robeing_id, metadata, xid
                from conversation.log
                where slack_user_id = $2
                order by id
                limit 1000
            ) as oldest
            where robeing_id = $1 and metadata ->> 'team' = name.team_id and xid < name.earlier_below::xid8)
    end";

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
    let names = Name::all(&client.query_typed(READ, &values).await?)?;
    let joinable = joinable(log, &client, author, &names, slack_user, robeing_id).await?;
    let plan = Plan::of(author, &names, &joinable);
    if let Some(known) = plan.user_id
        && !plan.has_changes()
    {
        return Ok(Some(known));
    }
    if log.is_erased(&client, robeing_id, key).await? {
        return Ok(plan.user_id);
    }
    let transaction = db::begin(&mut client, &Scope::only(ROBEINGS, [robeing_id])).await?;
    // Two events of one person may arrive at once, and each would create an id.
    let lock =
        "select pg_advisory_xact_lock(hashtextextended('conversation.slack_user ' || $1, 0))";
    transaction
        .query_typed(lock, &[(&slack_user, Type::TEXT)])
        .await?;
    let names = Name::all(&transaction.query_typed(READ, &values).await?)?;
    let plan = Plan::of(author, &names, &joinable);
    let user_id = plan.apply(&transaction, author, slack_user).await?;
    transaction.commit().await?;
    Ok(Some(user_id))
}

/// Adds the `user_id` to a message that was kept as a dead letter. The author and their team are those of the event,
/// as the letter has them: whoever replays it may have changed the message.
pub(crate) async fn add_user_id(
    log: &Log,
    message: &mut NewMessage,
    letter: Option<&Value>,
    key: &Key,
) -> Result<()> {
    let (None, Some(slack_user), Some(letter)) = (message.user_id, &message.slack_user_id, letter)
    else {
        return Ok(());
    };
    message.check()?;
    if letter.get("slack_user_id").and_then(Value::as_str) != Some(slack_user) {
        return Ok(());
    }
    let team = |name: &str| {
        let id = letter.get("metadata")?.get(name)?.as_str();
        id.filter(|id| is_team(id))
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

/// A row of a Slack user.
struct Name {
    team: String,
    user_id: Uuid,
    /// Whether Slack said that the person belongs to the team.
    is_own: bool,
    /// Whether an earlier release stored the row; of which transactions' messages.
    earlier_below: Option<String>,
}

impl Name {
    fn all(rows: &[Row]) -> Result<Vec<Self>> {
        let names = rows.iter().map(|row| {
            Ok(Self {
                team: row.try_get("team_id")?,
                user_id: row.try_get("user_id")?,
                is_own: row.try_get("is_own")?,
                earlier_below: row.try_get("earlier_below")?,
            })
        });
        names.collect()
    }

    fn of<'a>(names: &'a [Self], team: &str) -> Option<&'a Self> {
        names.iter().find(|it| it.team == team)
    }

    fn is_earlier(&self) -> bool {
        !self.is_own && self.earlier_below.is_some()
    }
}

type Joinable = HashSet<(String, Uuid)>;

/// The names of the author that may be joined with others.
async fn joinable(
    log: &Log,
    client: &Client,
    author: &Author<'_>,
    names: &[Name],
    slack_user: &str,
    robeing_id: &str,
) -> Result<Joinable> {
    let is_missing = |team: &&str| Name::of(names, team).is_none();
    let has_missing = author.own.iter().any(is_missing);
    let is_own = |name: &Name| author.own.contains(&name.team.as_str());
    let refusal = |name: &Name| Refused {
        robeing_id: robeing_id.to_owned(),
        slack_user: slack_user.to_owned(),
        team: name.team.clone(),
        user_id: name.user_id,
    };
    let now = Instant::now();
    let wanted = names.iter().filter(|name| {
        let can_matter = name.is_earlier() && (!is_own(name) || author.own.len() > 1)
            || is_own(name) && has_missing;
        can_matter && !log.refused_joins.contains(&refusal(name), now)
    });
    let wanted: Vec<&Name> = wanted.collect();
    if !author.is_stated || wanted.is_empty() {
        return Ok(Joinable::new());
    }
    let teams: Vec<&str> = wanted.iter().map(|it| it.team.as_str()).collect();
    let users: Vec<Uuid> = wanted.iter().map(|it| it.user_id).collect();
    let below = wanted.iter().map(|it| it.earlier_below.as_deref());
    let below: Vec<Option<&str>> = below.collect();
    let rows = db::query(
        client,
        &Scope::all(ROBEINGS),
        JOINABLE,
        &[
            (&robeing_id, Type::TEXT),
            (&slack_user, Type::TEXT),
            (&teams, Type::TEXT_ARRAY),
            (&users, Type::UUID_ARRAY),
            (&below, Type::TEXT_ARRAY),
        ],
    )
    .await?;
    let joinable = rows
        .iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
    let joinable = joinable.collect::<Result<Joinable>>()?;
    let refused = wanted
        .into_iter()
        .filter(|it| !joinable.contains(&(it.team.clone(), it.user_id)));
    log.refused_joins.extend(refused.map(refusal), now);
    Ok(joinable)
}

/// What is known of an author, and what has to be stored.
struct Plan {
    user_id: Option<Uuid>,
    /// The teams that lack a row.
    missing: Vec<String>,
    /// The teams whose rows are now known to be the person's.
    confirmed: Vec<String>,
    /// The earlier rows that the person takes over.
    taken: Vec<String>,
}

impl Plan {
    fn of(author: &Author<'_>, names: &[Name], joinable: &Joinable) -> Self {
        let mut plan = Self {
            user_id: None,
            missing: Vec::new(),
            confirmed: Vec::new(),
            taken: Vec::new(),
        };
        let may_join = |name: &Name| joinable.contains(&(name.team.clone(), name.user_id));
        // The enterprise comes before the team.
        let own: Vec<&Name> = author
            .own
            .iter()
            .filter_map(|team| Name::of(names, team))
            .collect();
        let can_be_taken = |name: &Name| name.is_earlier() && may_join(name);
        let kept = own.iter().find(|it| !can_be_taken(it)).or(own.first());
        plan.user_id = kept.map(|it| it.user_id);
        for name in &own {
            if Some(name.user_id) == plan.user_id || !can_be_taken(name) {
                if author.is_stated && !name.is_own {
                    plan.confirmed.push(name.team.clone());
                }
            } else {
                plan.taken.push(name.team.clone());
                plan.missing.push(name.team.clone());
            }
        }
        let conflict = own
            .iter()
            .rfind(|it| Some(it.user_id) != plan.user_id && !can_be_taken(it));
        if let Some(of_team) = conflict {
            tracing::info!(
                teams = author.own.join(" "),
                "a Slack user has one user id in the enterprise and another one in the team: \
                 if they are one person, set the same `user_id` in `conversation.slack_user`"
            );
            plan.user_id = Some(of_team.user_id);
        }
        for team in &author.own {
            // The team of an enterprise is new more often than the enterprise of a team.
            let is_last = author.own.last() == Some(team);
            let may_add = is_last || own.is_empty() || own.iter().all(|it| may_join(it));
            if Name::of(names, team).is_none() && may_add {
                plan.missing.push((*team).to_owned());
            }
        }
        let seen = Name::of(names, author.seen_in);
        let seen = seen.filter(|_| author.is_stated && !author.own.contains(&author.seen_in));
        if let Some(seen) = seen.filter(|it| can_be_taken(it)) {
            plan.user_id = plan.user_id.or(Some(seen.user_id));
            plan.taken.push(seen.team.clone());
        }
        plan
    }

    fn has_changes(&self) -> bool {
        !(self.missing.is_empty() && self.confirmed.is_empty() && self.taken.is_empty())
    }

    async fn apply(
        &self,
        transaction: &Transaction<'_>,
        author: &Author<'_>,
        slack_user: &str,
    ) -> Result<Uuid> {
        let user_id = self.user_id.unwrap_or_else(Uuid::now_v7);
        let taken = transaction
            .query_typed(
                "with taken as (
                     delete from conversation.slack_user
                     where slack_user_id = $1
                       and team_id = any ($2)
                       and not is_own
                       and earlier_below is not null
                     returning user_id, earlier_user_ids
                 )
                 select distinct id
                 from taken, unnest(earlier_user_ids || user_id) as id
                 where id <> $3",
                &[
                    (&slack_user, Type::TEXT),
                    (&self.taken, Type::TEXT_ARRAY),
                    (&user_id, Type::UUID),
                ],
            )
            .await?;
        let earlier = taken.iter().map(|row| row.try_get(0));
        let earlier = earlier.collect::<Result<Vec<Uuid>, _>>()?;
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
        transaction
            .execute_typed(
                "update conversation.slack_user as name
                 set is_own = true,
                     earlier_below = null,
                     earlier_user_ids = case
                         when name.user_id = $4 then array(
                             select distinct id from unnest(name.earlier_user_ids || $5::uuid[]) as id)
                         else name.earlier_user_ids
                     end
                 where slack_user_id = $1
                   and (team_id = any ($2) or $6 and team_id = any ($3) and user_id = $4)",
                &[
                    (&slack_user, Type::TEXT),
                    (&self.confirmed, Type::TEXT_ARRAY),
                    (&author.own, Type::TEXT_ARRAY),
                    (&user_id, Type::UUID),
                    (&earlier, Type::UUID_ARRAY),
                    (&author.is_stated, Type::BOOL),
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
