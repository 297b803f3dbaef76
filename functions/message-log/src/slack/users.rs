//! The people behind Slack's user ids.

use platform::Result;
use platform::postgres::Pool;
use platform::postgres::types::Type;
use uuid::Uuid;

/// The `user_id` of a Slack user. It is created with their first message.
pub(super) async fn user_id(pool: &Pool, team: &str, slack_user: &str) -> Result<Uuid> {
    let new = Uuid::now_v7();
    let client = pool.get().await?;
    // An update that changes nothing returns the existing row, even if another transaction inserted it meanwhile.
    let found = client
        .query_typed(
            "with known as (
                 select user_id
                 from conversation.slack_user
                 where team_id = $1 and slack_user_id = $2
             ),
             added as (
                 insert into conversation.slack_user as mapping (team_id, slack_user_id, user_id)
                 select $1, $2, $3
                 where not exists (select from known)
                 on conflict (team_id, slack_user_id) do update
                 set user_id = mapping.user_id
                 returning user_id
             )
             select user_id from known
             union all
             select user_id from added",
            &[
                (&team, Type::TEXT),
                (&slack_user, Type::TEXT),
                (&new, Type::UUID),
            ],
        )
        .await?;
    Ok(found.first().map_or(new, |row| row.get("user_id")))
}
