//! Edits of messages.

use jiff::Timestamp;
use platform::postgres::Client;
use platform::postgres::scoped::{self as db, Scope};
use platform::postgres::types::{Json, Type};
use platform::{Error, Result};
use robeing::ROBEINGS;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::draft::{Draft, RowText};
use super::insert::{MAX_ATTEMPTS, answers_other_robeing};
use super::partitions::{CLOSED, add_month, is_closed};
use super::{Event, Log, Stored};

/// The place of an edit among the edits of its message.
///
/// Edits are ordered by the time of their event, then by the edit's own time, the event's id and the
/// content. Clocks may be too coarse to tell two edits apart, but the order is total, so the same edit is
/// the newest in any order of arrival.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Edit {
    pub sent_at: Option<Timestamp>,
    pub edited_at: Option<Timestamp>,
    pub event_id: String,
}

impl Edit {
    /// Bytes that sort in the order of edits. A shorter event id is older.
    fn order(&self, content: Uuid) -> Vec<u8> {
        let mut order = self.order_of_event();
        order.extend(content.into_bytes());
        order
    }

    /// What [`Edit::order`] begins with, for any content.
    pub(super) fn order_of_event(&self) -> Vec<u8> {
        let micros = |time: Option<Timestamp>| {
            let micros = time.map_or(0, Timestamp::as_microsecond);
            micros.max(0).to_be_bytes()
        };
        let mut order = Vec::with_capacity(64);
        order.extend(micros(self.sent_at));
        order.extend(micros(self.edited_at));
        order.extend((self.event_id.len() as u64).to_be_bytes());
        order.extend(self.event_id.as_bytes());
        order
    }
}

impl Log {
    /// Stores an edited message, or changes its row. The newest edit wins in any order of arrival, and a
    /// deleted message stays deleted. Returns none if the row is that of a newer edit, or deleted.
    pub async fn edit(&self, event: Event, edit: &Edit) -> Result<Option<Stored>> {
        let mut draft = self.draft_one(event.clone()).await?;
        if draft.identity.ledger_key.is_some() {
            // The id of a message that is too old doesn't follow from its time. The ledger has it.
            let stored = self.store_one(event).await?;
            draft.identity.id = stored.id;
            draft.identity.created_at = stored.created_at;
        }
        let mut drafts = [draft];
        let mut client = self.pool.get().await?;
        let scope = Scope::only(ROBEINGS, [drafts[0].robeing_id.as_str()]);
        self.check_reply_to(&client, &mut drafts).await?;
        if drafts[0].answers_other_robeing {
            return Err(answers_other_robeing());
        }
        self.find_reply_to(&client, &scope, &mut drafts).await?;
        let mut attempt = 0;
        loop {
            attempt += 1;
            match self.try_edit(&mut client, &scope, &mut drafts, edit).await {
                Err(error) if attempt < MAX_ATTEMPTS && db::lacks_partition(&error) => {
                    match add_month(&client, drafts[0].day()).await {
                        Err(error) if is_closed(&error) => return Err(closed()),
                        added => added?,
                    }
                }
                Err(error) if attempt < MAX_ATTEMPTS && db::lost_a_race(&error) => {}
                Err(error) if is_closed(&error) => return Err(closed()),
                done => return Ok(done?),
            }
        }
    }

    async fn try_edit(
        &self,
        client: &mut Client,
        scope: &Scope,
        drafts: &mut [Draft; 1],
        edit: &Edit,
    ) -> Result<Option<Stored>, tokio_postgres::Error> {
        let transaction = db::begin(client, scope).await?;
        if drafts[0].unnumbered.is_some() {
            self.number(&transaction, drafts).await?;
        }
        let [draft] = drafts;
        let texts = RowText::of(&draft.masked);
        let edited_at = edit.edited_at.or(edit.sent_at);
        let edited_at = edited_at.unwrap_or(draft.identity.created_at);
        let order = edit.order(draft.content);
        let numbering = draft.unnumbered.as_ref().map(|(numbering, _)| *numbering);
        let changed = transaction
            .query_typed(
                include_str!("edit.sql"),
                &[
                    (&draft.identity.id, Type::UUID),
                    (&draft.robeing_id, Type::TEXT),
                    (&draft.channel_id, Type::TEXT),
                    (&draft.channel_type, Type::TEXT),
                    (&draft.thread_ts, Type::TEXT),
                    (&draft.user_id, Type::UUID),
                    (&draft.slack_user_id, Type::TEXT),
                    (&texts.message, Type::TEXT),
                    (&texts.response, Type::TEXT),
                    (&Json(&draft.masked.metadata), Type::JSONB),
                    (&texts.token_count, Type::INT4),
                    (&draft.reply_to.or(draft.thread_reply_to), Type::UUID),
                    (&draft.source_event_id, Type::TEXT),
                    (&draft.content, Type::UUID),
                    (&draft.identity.created_at, Type::TIMESTAMPTZ),
                    (&edited_at, Type::TIMESTAMPTZ),
                    (&order, Type::BYTEA),
                    (&numbering, Type::UUID),
                    (&draft.is_reply_named(), Type::BOOL),
                ],
            )
            .await?;
        let is_repeat = changed.is_empty()
            && transaction
                .query_typed_opt(
                    "select from conversation.log
                     where id = $1 and robeing_id = $2 and edit_order = $3 and deleted_at is null",
                    &[
                        (&draft.identity.id, Type::UUID),
                        (&draft.robeing_id, Type::TEXT),
                        (&order, Type::BYTEA),
                    ],
                )
                .await?
                .is_some();
        transaction.commit().await?;
        let stored = Stored {
            id: draft.identity.id,
            created_at: draft.identity.created_at,
            replayed: is_repeat,
        };
        Ok((is_repeat || !changed.is_empty()).then_some(stored))
    }
}

fn closed() -> Error {
    Error::Unprocessable(CLOSED.to_owned())
}
