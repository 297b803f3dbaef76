//! What changes a row that may be there: edits and deletions.

use jiff::Timestamp;
use shared::Result;
use shared::postgres::types::Type;

use super::draft::Said;
use super::insert::ATTEMPTS;
use super::months::{add_month, is_closed};
use super::{Event, Log, day_of};
use crate::identity::{Identity, Key, identify};
use shared::postgres::scoped::{self as db, Scope};

impl Log {
    /// A message that says something else now: stored if it never came, changed if it did. Edits
    /// that come out of order leave the newest, and what was deleted stays so.
    pub async fn edit(&self, event: Event, at: Timestamp) -> Result<()> {
        let stored = self.store_one(event.clone()).await?;
        if !stored.replayed {
            return Ok(());
        }
        let mut drafts = [self.draft_one(event).await?];
        let mut client = self.pool.get().await?;
        let scope = Scope::only([drafts[0].robeing_id.as_str()]);
        let transaction = db::begin(&mut client, &scope).await?;
        if drafts[0].to_number.is_some() {
            self.number(&transaction, &mut drafts).await?;
        }
        let said = Said::of(&drafts[0].masked);
        // What is searched by follows with the next roll-up.
        transaction
            .execute_typed(
                "with changed as (
                     update conversation.log
                     set message = $3, response = $4, parts = $5, token_count = $6, edited_at = $7
                     where id = $1
                       and robeing_id = $2
                       and deleted_at is null
                       and (edited_at is null or edited_at < $7)
                     returning id, robeing_id
                 )
                 insert into conversation.edited (id, robeing_id)
                 select id, robeing_id from changed",
                &[
                    (&stored.id, Type::UUID),
                    (&drafts[0].robeing_id, Type::TEXT),
                    (&said.message, Type::TEXT),
                    (&said.response, Type::TEXT),
                    (&said.parts, Type::JSONB),
                    (&said.token_count, Type::INT4),
                    (&at, Type::TIMESTAMPTZ),
                ],
            )
            .await?;
        Ok(transaction.commit().await?)
    }

    /// Takes the text out of a row, which stays to be counted. Where the message has not come yet,
    /// the row is there before it, and it stays without. Where its month is in the archive already,
    /// nothing happens.
    pub async fn delete(
        &self,
        robeing_id: &str,
        event_id: &str,
        key: &Key,
        at: Timestamp,
    ) -> Result<()> {
        let Ok(Identity {
            id,
            created_at,
            ledger_key: None,
        }) = identify(
            robeing_id,
            "slack",
            Some(key),
            None,
            None,
            0,
            &self.window(),
        )
        else {
            // Older than anything that is kept under its own time.
            return Ok(());
        };
        let client = self.pool.get().await?;
        for attempt in 1.. {
            let deleted = db::query(
                &client,
                &Scope::only([robeing_id]),
                "with deleted as (
                     insert into conversation.log
                         (id, robeing_id, metadata, token_count, source, source_event_id, content, created_at, deleted_at)
                     values ($1, $2, '{}', 0, 'slack', $3, $1, $4, $5)
                     on conflict (id) do update
                     set message = null, response = null, parts = null, intent = null, confidence = null,
                         metadata = '{}', token_count = 0, deleted_at = excluded.deleted_at
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
                Err(error) if attempt < ATTEMPTS && db::lacks_partition(&error) => {
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
