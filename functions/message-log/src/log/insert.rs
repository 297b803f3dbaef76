//! Inserts drafts in one transaction, with an outcome for each.

use std::collections::HashSet;

use platform::postgres::scoped::{self as db, Scope};
use platform::postgres::types::{Json, ToSql, Type};
use platform::postgres::{Client, is_unavailable, lacks_schema};
use platform::{Error, Result};
use robeing::ROBEINGS;
use tokio_postgres::error::SqlState;
use tokio_postgres::{GenericClient, Row};
use uuid::Uuid;

use super::draft::{Draft, RowText};
use super::partitions::{CLOSED, add_months, is_closed};
use super::{Log, Stored};
use crate::ids::RowIdentity;

/// How often a statement is tried that finds no partition or loses a race.
pub(super) const MAX_ATTEMPTS: usize = 4;
/// Why an event is refused whose key has another message.
pub const OTHER_MESSAGE: &str = "another message has this id: send a new message with a new id";

impl Log {
    /// Inserts all drafts in one transaction. If the database rejects it, each half is tried on its own, until
    /// the rejected draft is alone and all others are stored.
    pub(super) async fn insert(&self, drafts: &mut [Draft]) -> Vec<Result<Inserted>> {
        match self.try_insert(drafts).await {
            Ok(inserted) => inserted,
            Err(error) if drafts.len() > 1 && !is_unavailable(&error) && !lacks_schema(&error) => {
                let (first, second) = drafts.split_at_mut(drafts.len() / 2);
                let mut outcomes = Box::pin(self.insert(first)).await;
                outcomes.extend(Box::pin(self.insert(second)).await);
                outcomes
            }
            Err(error) => repeat_error(drafts.len(), rejected(error)),
        }
    }

    async fn try_insert(
        &self,
        drafts: &mut [Draft],
    ) -> Result<Vec<Result<Inserted>>, tokio_postgres::Error> {
        let mut client = match self.pool.get().await {
            Ok(client) => client,
            Err(error) => return Ok(repeat_error(drafts.len(), error.into())),
        };
        let scope = Scope::only(
            ROBEINGS,
            drafts.iter().map(|draft| draft.robeing_id.as_str()),
        );
        self.check_reply_to(&client, drafts).await?;
        self.find_reply_to(&client, &scope, drafts).await?;
        let mut attempt = 0;
        // Repeats are rare, so that the statement which handles them runs only once one was found.
        let mut repeats = drafts.iter().any(|it| it.identity.ledger_key.is_some());
        let inserted = loop {
            attempt += 1;
            let done = if drafts.iter().any(|draft| draft.unnumbered.is_some()) {
                self.number_and_insert(&mut client, &scope, drafts, repeats)
                    .await
            } else {
                let columns = Columns::of(drafts);
                db::once(&client, &scope, columns.insert(&*client, repeats)).await
            };
            match done {
                Ok(inserted) => break inserted,
                Err(error) if !repeats && error.code() == Some(&SqlState::UNIQUE_VIOLATION) => {
                    repeats = true;
                }
                Err(error) if attempt < MAX_ATTEMPTS && db::lacks_partition(&error) => {
                    add_months(&client, drafts).await?;
                }
                Err(error) if attempt < MAX_ATTEMPTS && db::lost_a_race(&error) => {}
                Err(error) => return Err(error),
            }
        };
        outcomes(&client, &scope, drafts, inserted).await
    }
}

/// What an insert made of a draft.
pub(super) enum Inserted {
    Done(Stored),
    /// The row of its Slack message exists, and may lack what this draft says of the message: see
    /// [`merge`](super::merge).
    InSlack(Stored),
}

/// The rows of one statement, as one list per column. They are in the order of ids, so that two batches with the
/// same rows don't deadlock.
pub(super) struct Columns<'a> {
    drafts: Vec<&'a Draft>,
    texts: Vec<RowText>,
}

impl<'a> Columns<'a> {
    pub(super) fn of(drafts: &'a [Draft]) -> Self {
        let drafts = drafts.iter().filter(|it| !it.answers_other_robeing);
        let mut drafts: Vec<&Draft> = drafts.collect();
        drafts.sort_by_key(|draft| draft.identity.id);
        let texts = drafts
            .iter()
            .map(|draft| RowText::of(&draft.masked))
            .collect();
        Self { drafts, texts }
    }

    /// Returns the ids of the inserted rows. Without `repeats`, a row that exists is an error.
    pub(super) async fn insert(
        &self,
        client: &(impl GenericClient + Sync),
        repeats: bool,
    ) -> Result<HashSet<Uuid>, tokio_postgres::Error> {
        fn list<'a, S, T>(rows: &'a [S], of: impl Fn(&'a S) -> T) -> Vec<T> {
            rows.iter().map(of).collect()
        }
        let (drafts, texts) = (&self.drafts, &self.texts);
        let metadata = list(drafts, |it| Json(&it.masked.metadata));
        let ids = list(drafts, |it| it.identity.id);
        let columns: [(&(dyn ToSql + Sync), Type); 21] = [
            (&ids, Type::UUID_ARRAY),
            (&list(drafts, |it| it.identity.ledger_key), Type::UUID_ARRAY),
            (&list(drafts, |it| &it.robeing_id), Type::TEXT_ARRAY),
            (&list(drafts, |it| &it.channel_id), Type::TEXT_ARRAY),
            (&list(drafts, |it| &it.channel_type), Type::TEXT_ARRAY),
            (&list(drafts, |it| &it.thread_ts), Type::TEXT_ARRAY),
            (&list(drafts, |it| it.user_id), Type::UUID_ARRAY),
            (&list(drafts, |it| &it.slack_user_id), Type::TEXT_ARRAY),
            (&list(texts, |it| &it.message), Type::TEXT_ARRAY),
            (&list(texts, |it| &it.response), Type::TEXT_ARRAY),
            (&list(texts, |it| &it.parts), Type::JSONB_ARRAY),
            (&list(drafts, |it| &it.masked.intent), Type::TEXT_ARRAY),
            (&list(drafts, |it| it.confidence), Type::FLOAT8_ARRAY),
            (&metadata, Type::JSONB_ARRAY),
            (&list(texts, |it| it.token_count), Type::INT4_ARRAY),
            (
                &list(drafts, |it| it.reply_to.or(it.thread_reply_to)),
                Type::UUID_ARRAY,
            ),
            (&list(drafts, |it| it.source), Type::TEXT_ARRAY),
            (&list(drafts, |it| &it.source_event_id), Type::TEXT_ARRAY),
            (&list(drafts, |it| it.content), Type::UUID_ARRAY),
            (
                &list(drafts, |it| it.identity.created_at),
                Type::TIMESTAMPTZ_ARRAY,
            ),
            (&list(drafts, |it| it.is_reply_named()), Type::BOOL_ARRAY),
        ];
        if !repeats {
            let inserted = client
                .execute_typed(include_str!("insert_new.sql"), &columns)
                .await?;
            debug_assert_eq!(inserted as usize, ids.len());
            return Ok(ids.into_iter().collect());
        }
        let rows = client
            .query_typed(include_str!("insert.sql"), &columns)
            .await?;
        rows.iter().map(|row| row.try_get("id")).collect()
    }
}

/// The outcome for each draft. A row that was not inserted exists: with the same content, which makes the draft a
/// repeat, with other content under the same key, or as the row of the same Slack message.
async fn outcomes(
    client: &Client,
    scope: &Scope,
    drafts: &[Draft],
    mut inserted: HashSet<Uuid>,
) -> Result<Vec<Result<Inserted>>, tokio_postgres::Error> {
    let mut outcomes: Vec<Option<Result<Inserted>>> = drafts
        .iter()
        .map(|draft| {
            if draft.answers_other_robeing {
                return Some(Err(answers_other_robeing()));
            }
            let RowIdentity { id, created_at, .. } = draft.identity;
            let stored = Stored {
                id,
                created_at,
                replayed: false,
            };
            inserted.remove(&id).then_some(Ok(Inserted::Done(stored)))
        })
        .collect();
    let rest: Vec<usize> = (0..drafts.len())
        .filter(|at| outcomes[*at].is_none())
        .collect();
    if !rest.is_empty() {
        let ids: Vec<Uuid> = rest.iter().map(|at| drafts[*at].identity.id).collect();
        let keys: Vec<_> = rest
            .iter()
            .map(|at| drafts[*at].identity.ledger_key)
            .collect();
        let robeings: Vec<&str> = rest
            .iter()
            .map(|at| drafts[*at].robeing_id.as_str())
            .collect();
        let found = db::query(
            client,
            scope,
            "select position, log.id, log.created_at, log.source,
                    case when erased_at is null then content end as content
             from unnest($1::uuid[], $2::uuid[], $3::text[])
                 with ordinality as new (id, key, robeing_id, position)
             -- Looks up each key. A plain join would read tables without statistics as a whole.
             left join lateral (
                 select message_id from conversation.ingest_key where key = new.key limit 1
             ) as claimed on true
             cross join lateral (
                 select id, created_at, source, erased_at, content
                 from conversation.log
                 where id = coalesce(claimed.message_id, new.id) and robeing_id = new.robeing_id
                 limit 1
             ) as log",
            &[
                (&ids, Type::UUID_ARRAY),
                (&keys, Type::UUID_ARRAY),
                (&robeings, Type::TEXT_ARRAY),
            ],
        )
        .await?;
        for row in found {
            let position: i64 = row.try_get("position")?;
            let at = rest[usize::try_from(position - 1).unwrap_or_default()];
            outcomes[at] = Some(outcome_of(&drafts[at], &row)?);
        }
    }
    // A row that is not visible belongs to another robeing.
    let outcomes = outcomes
        .into_iter()
        .map(|outcome| outcome.unwrap_or_else(|| Err(other_content())));
    Ok(outcomes.collect())
}

/// The outcome of a draft whose key leads to an existing row.
fn outcome_of(draft: &Draft, row: &Row) -> Result<Result<Inserted>, tokio_postgres::Error> {
    let stored = Stored {
        id: row.try_get("id")?,
        created_at: row.try_get("created_at")?,
        replayed: true,
    };
    // Unknown if the row was erased.
    let content: Option<Uuid> = row.try_get("content")?;
    let is_repeat = content.is_none_or(|it| it == draft.content);
    let of_slack = draft.source == "slack" && row.try_get::<_, &str>("source")? == "slack";
    // The sender's key leads to a row, and the `ts` to another one.
    let is_other_message = draft.slack_row.is_some_and(|id| id != stored.id);
    Ok(if is_other_message {
        Err(other_content())
    } else if of_slack && content.is_some() && !(is_repeat && draft.is_of_agent) {
        // Slack's events about one message differ, and so does what an agent says of it.
        Ok(Inserted::InSlack(stored))
    } else if is_repeat {
        Ok(Inserted::Done(stored))
    } else {
        Err(other_content())
    })
}

fn rejected(error: tokio_postgres::Error) -> Error {
    if is_closed(&error) {
        return Error::Unprocessable(CLOSED.to_owned());
    }
    error.into()
}

fn other_content() -> Error {
    Error::Unprocessable(OTHER_MESSAGE.to_owned())
}

pub(super) fn answers_other_robeing() -> Error {
    Error::Invalid(
        "reply_to names no message of this robeing: send the `id` of the receipt of a message to it"
            .to_owned(),
    )
}

/// The same error for each of several drafts, with its cause in the first one only.
pub(super) fn repeat_error<T>(count: usize, error: Error) -> Vec<Result<T>> {
    let mut rest: Vec<Result<T>> = Vec::with_capacity(count);
    for _ in 1..count {
        rest.push(Err(match &error {
            Error::Unavailable { detail, .. } => Error::Unavailable {
                detail: detail.clone(),
                cause: None,
            },
            _ => Error::Internal(anyhow::anyhow!("a row of the same statement failed")),
        }));
    }
    if count > 0 {
        rest.insert(0, Err(error));
    }
    rest
}
