//! Deletions of Slack messages.

use jiff::Timestamp;
use platform::Result;
use platform::postgres::Client;
use platform::postgres::scoped::{self as db, Scope};
use platform::postgres::types::Type;
use robeing::ROBEINGS;

use super::Log;
use super::insert::MAX_ATTEMPTS;
use super::partitions::{add_month, is_closed};
use crate::ids::{Key, RowIdentity, day_of};

impl Log {
    /// Whether a Slack message is deleted or erased.
    pub async fn is_deleted(&self, robeing_id: &str, key: &Key) -> Result<bool> {
        let Some(RowIdentity { id, .. }) = self.slack_row(robeing_id, key) else {
            return Ok(false);
        };
        let client = self.pool.get().await?;
        let deleted = db::query(
            &client,
            &Scope::only(ROBEINGS, [robeing_id]),
            "select from conversation.log
             where id = $1 and robeing_id = $2 and deleted_at is not null",
            &[(&id, Type::UUID), (&robeing_id, Type::TEXT)],
        )
        .await?;
        Ok(!deleted.is_empty())
    }

    /// Whether the row of a Slack message was erased.
    pub async fn is_erased(&self, client: &Client, robeing_id: &str, key: &Key) -> Result<bool> {
        let window = self.window();
        let identity = RowIdentity::of(robeing_id, "slack", Some(key), None, None, 0, &window);
        let Ok(RowIdentity { id, ledger_key, .. }) = identity else {
            return Ok(false);
        };
        let erased = db::query(
            client,
            &Scope::only(ROBEINGS, [robeing_id]),
            "select from conversation.log
             where robeing_id = $1
               and erased_at is not null
               and id = coalesce((select message_id from conversation.ingest_key where key = $2), $3)",
            &[
                (&robeing_id, Type::TEXT),
                (&ledger_key, Type::UUID),
                (&id, Type::UUID),
            ],
        )
        .await?;
        Ok(!erased.is_empty())
    }

    /// None for a Slack message that is older than the oldest accepted time.
    fn slack_row(&self, robeing_id: &str, key: &Key) -> Option<RowIdentity> {
        let window = self.window();
        let identity = RowIdentity::of(robeing_id, "slack", Some(key), None, None, 0, &window).ok();
        identity.filter(|it| it.ledger_key.is_none())
    }

    /// Removes the text of a Slack message. The row stays, so that it is counted. If the deletion arrives before
    /// the message, it inserts the row, which then stays empty. If the month is archived, nothing happens.
    pub async fn delete(
        &self,
        robeing_id: &str,
        event_id: &str,
        key: &Key,
        at: Timestamp,
    ) -> Result<()> {
        let Some(RowIdentity { id, created_at, .. }) = self.slack_row(robeing_id, key) else {
            return Ok(());
        };
        let client = self.pool.get().await?;
        for attempt in 1.. {
            let deleted = db::query(
                &client,
                &Scope::only(ROBEINGS, [robeing_id]),
                "with deleted as (
                     insert into conversation.log as known
                         (id, robeing_id, metadata, token_count, source, source_event_id, content, created_at, deleted_at)
                     values ($1, $2, '{}', 0, 'slack', $3, $1, $4, $5)
                     on conflict (id) do update
                     set message = null, response = null, parts = null, intent = null, confidence = null,
                         metadata = '{}', token_count = 0, edited_at = null, edit_order = null,
                         deleted_at = least(known.deleted_at, excluded.deleted_at)
                     returning id, robeing_id
                 )
                 insert into conversation.edited (id, robeing_id)
                 select id, robeing_id from deleted",
                &[
                    (&id, Type::UUID),
                    (&robeing_id, Type::TEXT),
                    (&event_id, Type::TEXT),
                    (&created_at, Type::TIMESTAMPTZ),
                    (&at, Type::TIMESTAMPTZ),
                ],
            )
            .await;
            match deleted {
                Err(error) if attempt < MAX_ATTEMPTS && db::lacks_partition(&error) => {
                    match add_month(&client, day_of(created_at)).await {
                        Err(error) if is_closed(&error) => return Ok(()),
                        added => added?,
                    }
                }
                Err(error) if is_closed(&error) => return Ok(()),
                done => return Ok(done.map(drop)?),
            }
        }
        Ok(())
    }
}
