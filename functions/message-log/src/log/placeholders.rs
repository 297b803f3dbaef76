//! Numbers placeholders within their conversation, so that `[PHONE_1]` is the same value in all of its messages.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use masking::{Known, Masker, Placeholders};
use platform::postgres::Client;
use platform::postgres::scoped::{self as db, Scope};
use platform::postgres::types::{Json, Type};
use platform::work::Waiting;
use tokio_postgres::{Row, Transaction};
use uuid::Uuid;

use super::Log;
use super::draft::{Draft, Texts};
use super::insert::Columns;

/// The texts with numbered placeholders, by the index of their draft, and the states with new numbers.
struct Numbered {
    masked: Vec<(usize, Texts)>,
    states: (Vec<Uuid>, Vec<Json<Known>>),
}

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

    /// Masks again, with the numbers of the conversation, which stay locked until the commit.
    pub(super) async fn number(
        &self,
        transaction: &Transaction<'_>,
        drafts: &mut [Draft],
    ) -> Result<(), tokio_postgres::Error> {
        let mut owners: BTreeMap<Uuid, String> = BTreeMap::new();
        for draft in &*drafts {
            if let Some((conversation, _)) = &draft.unnumbered {
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
        let work: Vec<(usize, Uuid, Masker, Arc<Texts>)> = drafts
            .iter()
            .enumerate()
            .filter_map(|(at, draft)| {
                let (conversation, raw) = draft.unnumbered.as_ref()?;
                let masker = self.masker.with_policy(draft.policy);
                Some((at, *conversation, masker, raw.clone()))
            })
            .collect();
        let bytes = work.iter().map(|(at, ..)| drafts[*at].size).sum();
        let log = self.clone();
        let numbered = move |waiting: &Waiting| log.numbered(&rows, work, waiting);
        let numbered = self.transaction_workers.run(bytes, numbered).await?;
        for (at, masked) in numbered.masked {
            drafts[at].masked = masked;
        }
        let (conversations, states) = numbered.states;
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

    fn numbered(
        &self,
        rows: &[Row],
        work: Vec<(usize, Uuid, Masker, Arc<Texts>)>,
        waiting: &Waiting,
    ) -> Result<Numbered, tokio_postgres::Error> {
        let mut states: BTreeMap<Uuid, Placeholders> = BTreeMap::new();
        for row in rows {
            let conversation = row.try_get("conversation")?;
            // If the state can't be read, numbering starts over. The masking doesn't depend on it.
            let known = row.try_get("state").map(|Json(known)| known);
            let seen = self.placeholders(conversation, known.unwrap_or_default());
            states.insert(conversation, seen);
        }
        let masked = waiting.each(work, |(at, conversation, masker, raw)| {
            let seen = states.get_mut(&conversation)?;
            // If masking fails now, the placeholders of the first time stay.
            let masked = raw.masked(&masker, seen).ok()?;
            Some((at, masked))
        });
        let changed = states.into_iter().filter(|(_, seen)| seen.has_new());
        let changed = changed.map(|(conversation, seen)| (conversation, Json(seen.into_known())));
        Ok(Numbered {
            masked: masked.into_iter().flatten().collect(),
            states: changed.unzip(),
        })
    }
}
