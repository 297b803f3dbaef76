//! Who Slack's users are.

use platform::Result;
use platform::postgres::types::Type;
use uuid::Uuid;

use super::Log;

impl Log {
    /// Whoever Slack calls so: the same person from the first time on.
    pub async fn slack_user(&self, team: &str, slack_user: Option<&str>) -> Result<Option<Uuid>> {
        let Some(slack_user) = slack_user else {
            return Ok(None);
        };
        let made = Uuid::now_v7();
        let client = self.pool.get().await?;
        // An update that changes nothing returns the row that is there, whoever made it.
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
                &[(&team, Type::TEXT), (&slack_user, Type::TEXT), (&made, Type::UUID)],
            )
            .await?;
        Ok(Some(found.first().map_or(made, |row| row.get("user_id"))))
    }
}
