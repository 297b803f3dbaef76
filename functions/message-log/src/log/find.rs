//! Finds the row of an event without its message.

use platform::Result;
use platform::postgres::scoped::{self as db, Scope};
use platform::postgres::types::Type;
use robeing::ROBEINGS;
use serde_json::Value;
use uuid::Uuid;

use super::{Edit, Log};
use crate::ids::{Key, Places};

/// An event that may be stored in a robeing.
pub struct Sought<'a> {
    pub robeing_id: &'a str,
    pub source: &'a str,
    pub key: &'a Key,
    /// The masked message, if it is known.
    pub body: Option<&'a Value>,
    pub edit: Option<&'a Edit>,
}

impl Log {
    /// The id of the row that the event became, even if the message was corrected before it was stored.
    ///
    /// Other events can share the row of a Slack message, so it must have the texts of this one: a repeat would add
    /// them. After an edit, the row must have this edit.
    pub async fn find(&self, sought: &Sought<'_>) -> Result<Option<Uuid>> {
        let field = |name: &str| sought.body.and_then(|body| body.get(name)?.as_str());
        let own = Places::of(sought.robeing_id, sought.source, sought.key);
        let slack_key = field("channel_id").zip(field("slack_ts"));
        let slack_key = slack_key.and_then(|(channel, ts)| Key::of_slack(channel, ts).ok());
        let slack = slack_key.map(|key| Places::of(sought.robeing_id, "slack", &key));
        let places = [Some(own), slack];
        let ids: Vec<Uuid> = places.iter().flatten().filter_map(|it| it.id).collect();
        let keys: Vec<Uuid> = places.iter().flatten().map(|it| it.ledger_key).collect();
        let has = |name: &str| {
            let value = sought.body.and_then(|body| body.get(name));
            value.is_some_and(|it| !it.is_null())
        };
        let edit = sought.edit.map(Edit::order_of_event);
        let client = self.pool.get().await?;
        let found = db::query(
            &client,
            &Scope::only(ROBEINGS, [sought.robeing_id]),
            "select id
             from conversation.log
             where robeing_id = $1
               and id = any ($2 || array(select message_id from conversation.ingest_key where key = any ($3)))
               and deleted_at is null
               and case
                   when erased_at is not null then true
                   when $6::bytea is not null then substring(edit_order for octet_length($6)) = $6
                   when source = 'slack' then (message is not null or not $4) and (response is not null or not $5)
                   else true
               end
             order by id
             limit 1",
            &[
                (&sought.robeing_id, Type::TEXT),
                (&ids, Type::UUID_ARRAY),
                (&keys, Type::UUID_ARRAY),
                (&has("message"), Type::BOOL),
                (&has("response"), Type::BOOL),
                (&edit, Type::BYTEA),
            ],
        )
        .await?;
        Ok(found.first().map(|row| row.try_get("id")).transpose()?)
    }
}
