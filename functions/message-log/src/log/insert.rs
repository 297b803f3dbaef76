//! Drafts as rows: one transaction for all of them, and what became of each.

use std::collections::HashSet;

use platform::postgres::types::{Json, ToSql, Type};
use platform::postgres::{Client, is_unavailable};
use platform::{Error, Result};
use tokio_postgres::GenericClient;
use tokio_postgres::error::SqlState;
use uuid::Uuid;

use super::draft::{Draft, Said};
use super::months::{CLOSED, add_months, is_closed};
use super::{Log, Stored};
use crate::identity::Identity;
use platform::postgres::scoped::{self as db, Scope};
use robeing::ROBEINGS;

/// A statement that finds no month, or loses a race, is tried again so often.
pub(super) const ATTEMPTS: usize = 4;

impl Log {
    /// One transaction for all of them. Where the database refuses it, whatever the reason, each half
    /// is tried by itself, until the draft that is refused stands alone and the others are stored.
    pub(super) async fn insert(&self, drafts: &mut [Draft]) -> Vec<Result<Stored>> {
        match self.try_insert(drafts).await {
            Ok(stored) => stored,
            Err(error) if drafts.len() > 1 && !is_unavailable(&error) => {
                let (first, second) = drafts.split_at_mut(drafts.len() / 2);
                let mut outcomes = Box::pin(self.insert(first)).await;
                outcomes.extend(Box::pin(self.insert(second)).await);
                outcomes
            }
            Err(error) => for_each(drafts.len(), refused(error)),
        }
    }

    async fn try_insert(
        &self,
        drafts: &mut [Draft],
    ) -> Result<Vec<Result<Stored>>, tokio_postgres::Error> {
        let mut client = match self.pool.get().await {
            Ok(client) => client,
            Err(platform::postgres::PoolError::Backend(error)) => return Err(error),
            Err(error) => return Ok(for_each(drafts.len(), error.into())),
        };
        let scope = Scope::only(
            ROBEINGS,
            drafts.iter().map(|draft| draft.robeing_id.as_str()),
        );
        self.find_answered(&client, &scope, drafts).await?;
        let mut attempt = 0;
        // Few are repeats: each is looked for only where one was met.
        let mut repeats = drafts.iter().any(|it| it.identity.ledger_key.is_some());
        let inserted = loop {
            attempt += 1;
            let done = if drafts.iter().any(|draft| draft.to_number.is_some()) {
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
                Err(error) if attempt < ATTEMPTS && db::lacks_partition(&error) => {
                    add_months(&client, drafts).await?;
                }
                Err(error) if attempt < ATTEMPTS && db::lost_a_race(&error) => {}
                Err(error) => return Err(error),
            }
        };
        known(&client, &scope, drafts, inserted).await
    }
}

/// The rows of one statement, a list a column. They are in the order of ids, so that two batches with
/// the same rows can't wait for each other.
pub(super) struct Columns<'a> {
    drafts: Vec<&'a Draft>,
    said: Vec<Said>,
}

impl<'a> Columns<'a> {
    pub(super) fn of(drafts: &'a [Draft]) -> Self {
        let mut drafts: Vec<&Draft> = drafts.iter().collect();
        drafts.sort_by_key(|draft| draft.identity.id);
        let said = drafts.iter().map(|draft| Said::of(&draft.masked)).collect();
        Self { drafts, said }
    }

    /// The ids of those that were not there. Without `repeats` all are new, or it is an error that one
    /// is not.
    pub(super) async fn insert(
        &self,
        client: &(impl GenericClient + Sync),
        repeats: bool,
    ) -> Result<HashSet<Uuid>, tokio_postgres::Error> {
        fn list<'a, S, T>(rows: &'a [S], of: impl Fn(&'a S) -> T) -> Vec<T> {
            rows.iter().map(of).collect()
        }
        let (drafts, said) = (&self.drafts, &self.said);
        let metadata = list(drafts, |it| Json(&it.masked.metadata));
        let ids = list(drafts, |it| it.identity.id);
        let columns: [(&(dyn ToSql + Sync), Type); 20] = [
            (&ids, Type::UUID_ARRAY),
            (&list(drafts, |it| it.identity.ledger_key), Type::UUID_ARRAY),
            (&list(drafts, |it| &it.robeing_id), Type::TEXT_ARRAY),
            (&list(drafts, |it| &it.channel_id), Type::TEXT_ARRAY),
            (&list(drafts, |it| &it.channel_type), Type::TEXT_ARRAY),
            (&list(drafts, |it| &it.thread_ts), Type::TEXT_ARRAY),
            (&list(drafts, |it| it.user_id), Type::UUID_ARRAY),
            (&list(drafts, |it| &it.slack_user_id), Type::TEXT_ARRAY),
            (&list(said, |it| &it.message), Type::TEXT_ARRAY),
            (&list(said, |it| &it.response), Type::TEXT_ARRAY),
            (&list(said, |it| &it.parts), Type::JSONB_ARRAY),
            (&list(drafts, |it| &it.masked.intent), Type::TEXT_ARRAY),
            (&list(drafts, |it| it.confidence), Type::FLOAT8_ARRAY),
            (&metadata, Type::JSONB_ARRAY),
            (&list(said, |it| it.token_count), Type::INT4_ARRAY),
            (
                &list(drafts, |it| it.reply_to.or(it.answers)),
                Type::UUID_ARRAY,
            ),
            (&list(drafts, |it| it.source), Type::TEXT_ARRAY),
            (&list(drafts, |it| &it.source_event_id), Type::TEXT_ARRAY),
            (&list(drafts, |it| it.content), Type::UUID_ARRAY),
            (
                &list(drafts, |it| it.identity.created_at),
                Type::TIMESTAMPTZ_ARRAY,
            ),
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

/// What became of each draft. Those that were not inserted are there already: as they are now, or
/// with another content under the same key.
async fn known(
    client: &Client,
    scope: &Scope,
    drafts: &[Draft],
    mut inserted: HashSet<Uuid>,
) -> Result<Vec<Result<Stored>>, tokio_postgres::Error> {
    let mut outcomes: Vec<Option<Result<Stored>>> = drafts
        .iter()
        .map(|draft| {
            let Identity { id, created_at, .. } = draft.identity;
            inserted.remove(&id).then_some(Ok(Stored {
                id,
                created_at,
                replayed: false,
            }))
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
            "select position, log.id, log.created_at,
                    case when erased_at is null then content end as content
             from unnest($1::uuid[], $2::uuid[], $3::text[])
                 with ordinality as new (id, key, robeing_id, position)
             -- One by one, by their keys: joined as wholes, tables without statistics would be read whole.
             left join lateral (
                 select message_id from conversation.ingest_key where key = new.key limit 1
             ) as claimed on true
             cross join lateral (
                 select id, created_at, erased_at, content
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
            // What it was is not known any more where it was erased.
            let content: Option<Uuid> = row.try_get("content")?;
            outcomes[at] = Some(
                if content.is_none_or(|it| it == drafts[at].content) || drafts[at].source == "slack"
                {
                    // Slack's events of one message differ in what they tell of it.
                    Ok(Stored {
                        id: row.try_get("id")?,
                        created_at: row.try_get("created_at")?,
                        replayed: true,
                    })
                } else {
                    Err(other_content())
                },
            );
        }
    }
    // What is not to be found is another robeing's.
    let outcomes = outcomes
        .into_iter()
        .map(|outcome| outcome.unwrap_or_else(|| Err(other_content())));
    Ok(outcomes.collect())
}

/// What the database makes of the rows.
fn refused(error: tokio_postgres::Error) -> Error {
    if is_closed(&error) {
        return Error::Unprocessable(CLOSED.to_owned());
    }
    error.into()
}

fn other_content() -> Error {
    Error::Unprocessable(
        "another message came under this id before: send a new one under a new id".to_owned(),
    )
}

/// The same error for each; its cause is told once.
pub(super) fn for_each(count: usize, error: Error) -> Vec<Result<Stored>> {
    let mut rest: Vec<Result<Stored>> = Vec::with_capacity(count);
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
