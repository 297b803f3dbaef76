//! Placeholders with the numbers of their conversation.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value;
use shared::postgres::Client;
use shared::postgres::types::{Json, Type};
use tokio_postgres::Transaction;
use uuid::Uuid;

use super::Log;
use super::draft::Draft;
use super::insert::Columns;
use crate::mask::{Known, Placeholders};
use shared::postgres::scoped::{self as db, Scope};

impl Log {
    pub(super) async fn number_and_insert(
        &self,
        client: &mut Client,
        scope: &Scope,
        drafts: &mut [Draft],
        repeats: bool,
    ) -> Result<HashSet<Uuid>, tokio_postgres::Error> {
        let transaction = db::begin(client, scope).await?;
        self.number(&transaction, drafts).await?;
        let columns = Columns::of(drafts);
        let inserted = columns.insert(&transaction, repeats).await?;
        transaction.commit().await?;
        Ok(inserted)
    }

    /// Masks once more, now with the numbers that the conversation has given out, which nobody else
    /// changes until the commit.
    pub(super) async fn number(
        &self,
        transaction: &Transaction<'_>,
        drafts: &mut [Draft],
    ) -> Result<(), tokio_postgres::Error> {
        let mut owners: BTreeMap<Uuid, String> = BTreeMap::new();
        for draft in &*drafts {
            if let Some((conversation, _)) = &draft.to_number {
                owners.insert(*conversation, draft.robeing_id.clone());
            }
        }
        let (conversations, robeings): (Vec<Uuid>, Vec<String>) = owners.into_iter().unzip();
        let rows = transaction
            .query_typed(
                "insert into conversation.placeholder as known (conversation, robeing_id, state)
                 select conversation, robeing_id, '{}'
                 from unnest($1::uuid[], $2::text[]) as new (conversation, robeing_id)
                 order by conversation
                 on conflict (conversation) do update
                 set robeing_id = known.robeing_id
                 returning conversation, state",
                &[
                    (&conversations, Type::UUID_ARRAY),
                    (&robeings, Type::TEXT_ARRAY),
                ],
            )
            .await?;
        let mut states: BTreeMap<Uuid, (Known, Placeholders)> = BTreeMap::new();
        for row in rows {
            let Json(state) = row.try_get::<_, Json<Value>>("state")?;
            // What can't be read any more begins anew: the numbers are for reading, the masking is not.
            let conversation = row.try_get("conversation")?;
            let known: Known = serde_json::from_value(state).unwrap_or_default();
            let seen = self.placeholders(conversation, known.clone());
            states.insert(conversation, (known, seen));
        }
        for draft in drafts.iter_mut() {
            if let Some((conversation, raw)) = &draft.to_number
                && let Some((_, seen)) = states.get_mut(conversation)
                && let Ok(masked) = raw.masked(&self.masker.with_policy(draft.policy), seen)
            {
                // Where it fails this time, the masks of the first time stand.
                draft.masked = masked;
            }
        }
        let changed = states
            .into_iter()
            .filter_map(|(conversation, (known, seen))| {
                let seen = seen.into_known();
                (seen != known).then_some((conversation, Json(seen)))
            });
        let (conversations, states): (Vec<Uuid>, Vec<Json<Known>>) = changed.unzip();
        if conversations.is_empty() {
            return Ok(());
        }
        transaction
            .execute_typed(
                "update conversation.placeholder as known
                 set state = new.state
                 from unnest($1::uuid[], $2::jsonb[]) as new (conversation, state)
                 where known.conversation = new.conversation",
                &[
                    (&conversations, Type::UUID_ARRAY),
                    (&states, Type::JSONB_ARRAY),
                ],
            )
            .await?;
        Ok(())
    }
}
