//! Accounts, and who did what in the audit log: implements [`personal::Owner`].
//!
//! A person is found by the id of the account as `user_id`. Accounts belong to no robeing, so a request with a limited
//! scope finds none.

use async_trait::async_trait;
use personal::{Counts, Owner, Step, Subject, Table, count};
use platform::postgres::types::Type;
use tokio_postgres::{Error, Transaction};
use uuid::Uuid;

use crate::person;

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
                         where personal is not null and personal ->> 'actor' = any ($1::text[]))",
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
            Some(_) => &["people.person", "people.audit"],
            None => &[],
        }
    }

    async fn erase(
        &self,
        db: &Transaction<'_>,
        subject: &Subject,
        _: Uuid,
    ) -> Result<Step<Counts>, Error> {
        // The sign-ins and tokens of a person are deleted with the account.
        let counts = self.held(db, subject).await?;
        for id in ids(subject) {
            person::erase(db, *id).await?;
        }
        Ok(Step::last(counts))
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

/// What the person did.
const ENTRIES: &str = "
    select id, (jsonb_build_object('table', 'people.audit') || (to_jsonb(audit) - 'salt' - 'personal_digest'))::text as line
    from people.audit
    where personal is not null and personal ->> 'actor' = any ($1::text[]) and id > $2
    order by id
    limit $3";

/// The ids of a person whose accounts the request reaches.
fn ids(subject: &Subject) -> &[Uuid] {
    match (&subject.robeings, subject.person()) {
        (None, Some(person)) => &person.user_ids,
        _ => &[],
    }
}
