//! Accounts, and who did what in the audit log: implements [`personal::Owner`].
//!
//! A person is found by the id of the account as `user_id`. Accounts belong to no robeing, so only a request whose scope
//! is everything finds one.

use async_trait::async_trait;
use personal::{Counts, Owner, Step, Subject, Table, count};
use platform::postgres::types::Type;
use tokio_postgres::{Error, Transaction};
use uuid::Uuid;

use crate::Actor;
use crate::audit::empty;
use crate::grant::{Admins, last_admin};

const TABLES: [Table; 9] = [
    Table::personal("people.person", &["email", "subject"]),
    Table::personal("people.cookie", &["person_id"]),
    Table::personal("people.token", &["person_id"]),
    // The chain has a salted digest of what an erasure removes.
    Table::personal("people.audit", &["subject"]),
    Table::free("people.audit_link", "digests of entries"),
    Table::free("people.audit_pending", "the ids of new entries"),
    Table::free("people.audit_head", "the end of the chain"),
    Table::free(
        "people.sign_in",
        "digests of random values; removed after an hour",
    ),
    Table::free(
        "people.attempt",
        "keyed digests of addresses; removed after an hour",
    ),
];

/// The most entries of the audit log per step of an export.
const PAGE: i64 = 1_000;

/// Checks that an erasure of the subject may begin.
///
/// # Errors
/// `Forbidden` if it is the actor's own account, `Conflict` if it is the account of the last admin of everything.
pub async fn may_erase(
    db: &Transaction<'_>,
    subject: &Subject,
    actor: &Actor,
) -> platform::Result<()> {
    let ids = ids(subject);
    if ids.iter().any(|id| actor.is_person(*id)) {
        return Err(platform::Error::Forbidden(
            "nobody erases their own account: ask another admin".to_owned(),
        ));
    }
    if Admins::lock(db).await?.remain_without(ids) {
        return Ok(());
    }
    Err(last_admin())
}

/// The accounts and the audit log as an owner of personal data.
#[derive(Clone, Copy, Debug)]
pub struct Accounts;

#[async_trait]
impl Owner for Accounts {
    fn name(&self) -> &'static str {
        "people"
    }

    fn tables(&self) -> &'static [Table] {
        &TABLES
    }

    async fn held(&self, db: &Transaction<'_>, subject: &Subject) -> Result<Counts, Error> {
        let mut counts = Counts::new();
        let ids = ids(subject);
        if ids.is_empty() {
            return Ok(counts);
        }
        let row = db
            .query_typed_one(
                "select (select count(*) from people.person where id = any ($1)),
                        (select count(*) from people.cookie where person_id = any ($1)),
                        (select count(*) from people.token where person_id = any ($1)),
                        (select count(*) from people.audit
                         where personal is not null and actor_kind = 'person'
                           and personal ->> 'actor' = any ($1::text[]))",
                &[(&ids, Type::UUID_ARRAY)],
            )
            .await?;
        let tables = [
            "people.person",
            "people.cookie",
            "people.token",
            "people.audit",
        ];
        for (column, table) in tables.into_iter().enumerate() {
            let rows: i64 = row.try_get(column)?;
            count(&mut counts, table, rows.unsigned_abs());
        }
        Ok(counts)
    }

    fn beyond_scope(&self, subject: &Subject) -> &'static [&'static str] {
        match subject.person() {
            Some(_) if !subject.everything => &["people.person", "people.audit"],
            _ => &[],
        }
    }

    async fn erase(
        &self,
        db: &Transaction<'_>,
        subject: &Subject,
        after: Uuid,
    ) -> Result<Step<Counts>, Error> {
        let ids = ids(subject);
        let mut counts = Counts::new();
        if ids.is_empty() {
            return Ok(Step::last(counts));
        }
        if after.is_nil() {
            // Others may have been removed since the erasure began.
            if !Admins::lock(db).await?.remain_without(ids) {
                tracing::error!("an erasure waits until there is another admin of everything");
                return Ok(Step::last(counts));
            }
            // The sign-ins and tokens of a person are deleted with the account.
            counts = self.held(db, subject).await?;
            counts.remove("people.audit");
            db.execute_typed(
                "delete from people.person where id = any ($1)",
                &[(&ids, Type::UUID_ARRAY)],
            )
            .await?;
        }
        let actors: Vec<String> = ids.iter().map(Uuid::to_string).collect();
        let entries = empty::of_actors(db, &actors, empty::BATCH).await?;
        empty::note(db, "erasure", entries).await?;
        count(&mut counts, "people.audit", entries);
        // Entries that are empty are not found again, so that the next step needs no place.
        let has_more = entries as i64 == empty::BATCH;
        Ok(Step {
            done: counts,
            next: has_more.then_some(Uuid::max()),
        })
    }

    async fn export(
        &self,
        db: &Transaction<'_>,
        subject: &Subject,
        after: Uuid,
    ) -> Result<Step<Vec<String>>, Error> {
        let ids = ids(subject);
        let mut lines: Vec<String> = Vec::new();
        if after.is_nil() {
            let rows = db
                .query_typed(ACCOUNTS, &[(&ids, Type::UUID_ARRAY)])
                .await?;
            for row in &rows {
                lines.push(row.try_get(0)?);
            }
        }
        let entries = db
            .query_typed(
                ENTRIES,
                &[
                    (&ids, Type::UUID_ARRAY),
                    (&after, Type::UUID),
                    (&PAGE, Type::INT8),
                ],
            )
            .await?;
        for row in &entries {
            lines.push(row.try_get("line")?);
        }
        let next = match entries.last() {
            Some(row) if entries.len() as i64 == PAGE => Some(row.try_get("id")?),
            _ => None,
        };
        Ok(Step { done: lines, next })
    }
}

/// The account, its sign-ins and its tokens, without what authenticates them.
const ACCOUNTS: &str = "
    select (jsonb_build_object('table', 'people.person') || to_jsonb(person))::text
    from people.person where id = any ($1)
    union all
    select (jsonb_build_object('table', 'people.cookie') || (to_jsonb(cookie) - 'hash'))::text
    from people.cookie where person_id = any ($1)
    union all
    select (jsonb_build_object('table', 'people.token') || (to_jsonb(token) - 'hash' - 'cookie_hash'))::text
    from people.token where person_id = any ($1)";

/// What the person did, and what others did to the account, without who that was.
const ENTRIES: &str = "
    select id, (jsonb_build_object('table', 'people.audit') || to_jsonb(audit) - 'salt' - 'personal_digest'
        - case when coalesce(actor_kind = 'person' and personal ->> 'actor' = any ($1::text[]), false) then '{}'::text[]
               else '{personal,request_id}' end)::text as line
    from people.audit
    where (personal is not null and actor_kind = 'person' and personal ->> 'actor' = any ($1::text[])
           or subject_kind = 'person' and subject = any ($1::text[]))
      and id > $2
    order by id
    limit $3";

/// The ids of a person whose accounts the request reaches.
fn ids(subject: &Subject) -> &[Uuid] {
    match subject.person() {
        Some(person) if subject.everything => &person.user_ids,
        _ => &[],
    }
}
