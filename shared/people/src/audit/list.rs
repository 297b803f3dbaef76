//! The entries of the audit log, newest first.

use std::fmt::Write as _;

use futures::stream::{self, Stream};
use jiff::Timestamp;
use platform::postgres::Pool;
use platform::postgres::types::{Json, Type};
use platform::{Error, Result};
use serde::Serialize;
use serde_json::Value;
use tokio_postgres::Row;
use utoipa::ToSchema;
use uuid::Uuid;

use super::ActorKind;
use crate::People;

/// The most entries of a page.
pub const MAX_PAGE: i64 = 1_000;
/// The longest time for which an export uses a connection at once.
const LONGEST_PAGE: std::time::Duration = std::time::Duration::from_secs(8);
/// 0001-01-01T00:00:00Z. Postgres has no times before 4713 BC.
const EARLIEST: Timestamp = Timestamp::constant(-62_135_596_800, 0);

/// An entry of the audit log.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AuditEntry {
    pub id: Uuid,
    /// The number in the chain. None until the next sweep.
    pub seq: Option<i64>,
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    #[schema(example = "token.revoke")]
    pub action: String,
    #[schema(example = "token")]
    pub subject_kind: String,
    /// The id of the subject.
    pub subject: String,
    /// What changed.
    #[schema(value_type = Object)]
    pub detail: Value,
    pub actor_kind: ActorKind,
    /// The id of the person, or the name of the token. None if the person was erased.
    pub actor: Option<String>,
    /// The id of the token, if it is one that people create.
    pub token: Option<String>,
    /// The network address of the caller, if it is known.
    pub address: Option<String>,
    pub request_id: Option<String>,
}

/// Which entries. What is None doesn't limit them.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// What the action begins with: `token.` or `token.revoke`.
    pub action: Option<String>,
    /// The id of the subject.
    pub subject: Option<String>,
    /// The id of the person, or the name of the token.
    pub actor: Option<String>,
    /// At this time or later.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
}

impl Filter {
    fn check(&self) -> Result<()> {
        for (name, time) in [("since", self.since), ("until", self.until)] {
            if time.is_some_and(|time| time < EARLIEST) {
                return Err(Error::Invalid(format!(
                    "`{name}` must be from {EARLIEST} to {}",
                    Timestamp::MAX
                )));
            }
        }
        Ok(())
    }
}

impl AuditEntry {
    fn of(row: &Row) -> Result<Self> {
        let (Json(detail), personal): (Json<Value>, Option<Json<Value>>) =
            (row.try_get("detail")?, row.try_get("personal")?);
        let personal = personal.map(|Json(it)| it).unwrap_or_default();
        let text = |name: &str| personal[name].as_str().map(str::to_owned);
        Ok(Self {
            id: row.try_get("id")?,
            seq: row.try_get("seq")?,
            at: row.try_get("at")?,
            action: row.try_get("action")?,
            subject_kind: row.try_get("subject_kind")?,
            subject: row.try_get("subject")?,
            detail,
            actor_kind: ActorKind::named(row.try_get("actor_kind")?)?,
            actor: text("actor"),
            token: text("token"),
            address: text("address"),
            request_id: row.try_get("request_id")?,
        })
    }
}

impl People {
    /// Entries of the audit log, newest first, after the one with this id.
    ///
    /// # Errors
    /// `Invalid` for a time before the year 1.
    pub async fn audit_entries(
        &self,
        filter: &Filter,
        after: Option<Uuid>,
        limit: i64,
    ) -> Result<Vec<AuditEntry>> {
        entries(&self.pool, filter, after, limit).await
    }

    /// All entries of the audit log, newest first, as lines of JSON. Each item has several lines.
    pub fn audit_export(
        &self,
        filter: Filter,
    ) -> impl Stream<Item = Result<String>> + Send + use<> {
        let pool = self.pool.within(LONGEST_PAGE);
        let start = Some(None);
        stream::try_unfold((pool, filter, start), async |(pool, filter, after)| {
            let Some(after) = after else {
                return Ok(None);
            };
            let page = entries(&pool, &filter, after, MAX_PAGE).await?;
            let mut lines = String::new();
            for entry in &page {
                let line = serde_json::to_string(entry).map_err(anyhow::Error::from)?;
                // Writing to memory doesn't fail.
                let _ = writeln!(lines, "{line}");
            }
            let next = page.last().filter(|_| page.len() as i64 == MAX_PAGE);
            let next = next.map(|entry| Some(entry.id));
            Ok((!page.is_empty()).then_some((lines, (pool, filter, next))))
        })
    }
}

async fn entries(
    pool: &Pool,
    filter: &Filter,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<AuditEntry>> {
    // A service may have a name that is the id of a person.
    let person: Option<Uuid> = filter.actor.as_ref().and_then(|it| it.parse().ok());
    filter.check()?;
    let client = pool.get().await?;
    let rows = client
        .query_typed(
            "select audit.id, seq, at, action, subject_kind, subject, detail, actor_kind, personal, request_id
             from people.audit
             left join people.audit_link on audit_id = audit.id
             where ($1::uuid is null or (at, audit.id) < (select at, id from people.audit where id = $1))
               and ($2::text is null or starts_with(action, $2))
               and ($3::text is null or subject = $3)
               and ($4::text is null
                    or personal ->> 'actor' = $4
                       and (actor_kind = 'person' or not exists (select from people.person where id = $8)))
               and ($5::timestamptz is null or at >= $5)
               and ($6::timestamptz is null or at < $6)
             order by at desc, audit.id desc
             limit $7",
            &[
                (&after, Type::UUID),
                (&filter.action, Type::TEXT),
                (&filter.subject, Type::TEXT),
                (&filter.actor, Type::TEXT),
                (&filter.since, Type::TIMESTAMPTZ),
                (&filter.until, Type::TIMESTAMPTZ),
                (&limit, Type::INT8),
                (&person, Type::UUID),
            ],
        )
        .await?;
    rows.iter().map(AuditEntry::of).collect()
}
