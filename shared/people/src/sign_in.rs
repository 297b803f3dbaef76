//! Signing in: whom an issuer's identity is, or becomes.

use std::net::IpAddr;

use aws_lc_rs::digest::{SHA256, digest};
use http::HeaderValue;
use platform::postgres::types::Type;
use platform::{Error, Result};
use serde_json::json;
use tokio_postgres::Transaction;
use tokio_postgres::error::SqlState;
use uuid::Uuid;

use crate::grant::has_admin;
use crate::person::{COLUMNS, Person, note};
use crate::policy::{Identity, Policy};
use crate::{Actor, People, begin, cookie};

/// How somebody is found who takes an invitation.
const INVITED: &str = "invited";

/// A person who has just signed in.
pub struct SignIn {
    pub person: Person,
    /// The header that sets the cookie.
    pub cookie: HeaderValue,
}

impl People {
    /// Signs a person in whom the issuer has identified: one who has signed in before, who was invited, or whom the
    /// policy admits. Each sign-in has a new cookie, and ends the one with the cookie that the browser had `before`.
    ///
    /// # Errors
    /// `Forbidden` for everybody else, and for people who were deactivated.
    pub async fn sign_in(
        &self,
        identity: &Identity,
        policy: &Policy,
        address: Option<IpAddr>,
        before: Option<&str>,
    ) -> Result<SignIn> {
        match self.try_sign_in(identity, policy, address, before).await {
            // The same person has signed in for the first time in the meantime, in another window, and is known now.
            Err(Error::Conflict(_)) => self.try_sign_in(identity, policy, address, before).await,
            signed_in => signed_in,
        }
    }

    async fn try_sign_in(
        &self,
        identity: &Identity,
        policy: &Policy,
        address: Option<IpAddr>,
        before: Option<&str>,
    ) -> Result<SignIn> {
        let mut client = self.client().await?;
        let transaction = begin(&mut client).await?;
        let Some((id, is_active, how)) = find(&transaction, identity, policy).await? else {
            return Err(refused(identity));
        };
        let is_first_admin = policy.is_first_admin(identity) && !has_admin(&transaction).await?;
        // An admin with few rights may have invited the first admin, and deactivated the invitation.
        let may_come = is_active || (is_first_admin && how == INVITED);
        if !may_come {
            return Err(Error::Forbidden(
                "this account was deactivated: ask an admin".to_owned(),
            ));
        }
        let actor = Actor::person(id, address);
        if is_first_admin {
            transaction
                .execute_typed(
                    r#"update people.person
                       set role = 'admin', scope = '{"*": ["*"]}', deactivated_at = null, revision = revision + 1
                       where id = $1"#,
                    &[(&id, Type::UUID)],
                )
                .await?;
            note(&transaction, &actor, "person.first_admin", id, json!({})).await?;
        }
        let sql = format!(
            "update people.person
             set email = coalesce($2, email), name = coalesce($3, name), picture = coalesce($4, picture),
                 last_sign_in_at = now()
             where id = $1
             returning {COLUMNS}"
        );
        let row = transaction
            .query_typed_one(
                &sql,
                &[
                    (&id, Type::UUID),
                    (&identity.email, Type::TEXT),
                    (&identity.name, Type::TEXT),
                    (&identity.picture, Type::TEXT),
                ],
            )
            .await?;
        let person = Person::of(&row)?;
        if let Some(before) = before {
            cookie::end(&transaction, before, &actor).await?;
        }
        let cookie = cookie::issue(&transaction, id).await?;
        let detail = json!({ "as": how });
        note(&transaction, &actor, "person.sign_in", id, detail).await?;
        self.commit(transaction).await?;
        Ok(SignIn { person, cookie })
    }

    /// Notes that a state, or what an issuer signed, was used. False if it was used before. The mark stays for at
    /// least an hour, so nothing may be accepted that is older.
    pub async fn use_state(&self, state: &str) -> Result<bool> {
        let client = self.client().await?;
        let used = client
            .execute_typed(
                "insert into people.sign_in (state) values ($1) on conflict do nothing",
                &[(&digest(&SHA256, state.as_bytes()).as_ref(), Type::BYTEA)],
            )
            .await?;
        Ok(used == 1)
    }

    /// Counts an attempt to sign in from a source, of which `most` are allowed per minute. `source` is a keyed digest.
    /// Returns false if there are more.
    pub async fn may_try(&self, source: &[u8], most: i32) -> Result<bool> {
        let client = self.client().await?;
        let row = client
            .query_typed_one(
                "insert into people.attempt (source, minute, attempts) values ($1, date_trunc('minute', now()), 1)
                 on conflict (source, minute) do update set attempts = attempt.attempts + 1
                 returning attempts",
                &[(&source, Type::BYTEA)],
            )
            .await?;
        Ok(row.try_get::<_, i32>(0)? <= most)
    }
}

/// The person with this identity, whether the account is active, and how it was found.
async fn find(
    db: &Transaction<'_>,
    identity: &Identity,
    policy: &Policy,
) -> Result<Option<(Uuid, bool, &'static str)>> {
    let who = [
        (&identity.issuer as _, Type::TEXT),
        (&identity.subject as _, Type::TEXT),
    ];
    if let Some((id, is_active)) = known(db, identity).await? {
        return Ok(Some((id, is_active, "known")));
    }
    if let Some(email) = &identity.email {
        let row = db
            .query_typed_opt(
                r#"update people.person set issuer = $1, subject = $2
                 where subject is null and lower(email collate "C") = lower($3 collate "C")
                 returning id, deactivated_at is null as is_active"#,
                &[who[0].clone(), who[1].clone(), (email, Type::TEXT)],
            )
            .await
            .map_err(taken)?;
        if let Some(row) = row {
            return Ok(Some((row.try_get(0)?, row.try_get(1)?, INVITED)));
        }
        // The same person may have taken the invitation in the meantime, in another window.
        if let Some((id, is_active)) = known(db, identity).await? {
            return Ok(Some((id, is_active, "known")));
        }
    }
    if !policy.admits(identity) {
        return Ok(None);
    }
    // An issuer may give somebody who comes back a new subject. Only an admin lets a deactivated person in again.
    let deactivated = db
        .query_typed_opt(
            r#"select id from people.person
               where lower(email collate "C") = lower($1 collate "C") and deactivated_at is not null
               limit 1"#,
            &[(&identity.email, Type::TEXT)],
        )
        .await?;
    if let Some(row) = deactivated {
        return Ok(Some((row.try_get(0)?, false, "admitted")));
    }
    // Two first sign-ins at once are of one person.
    let row = db
        .query_typed_one(
            "insert into people.person (id, issuer, subject, email, role) values ($3, $1, $2, $4, 'reader')
             on conflict (issuer, subject) do update set last_sign_in_at = now()
             returning id, deactivated_at is null as is_active",
            &[
                who[0].clone(),
                who[1].clone(),
                (&Uuid::now_v7(), Type::UUID),
                (&identity.email, Type::TEXT),
            ],
        )
        .await?;
    Ok(Some((row.try_get(0)?, row.try_get(1)?, "admitted")))
}

/// Why nobody was found. An invitation doesn't help an account without a verified address.
fn refused(identity: &Identity) -> Error {
    let detail = match identity.email {
        Some(_) => "this account may not sign in: ask an admin for an invitation",
        None => {
            tracing::warn!(
                "a sign-in was refused because the issuer sent no verified address: verify the address of the \
                 account at the issuer, and check that it sends `email` and `email_verified`"
            );
            "this account may not sign in: the issuer has not verified its e-mail address. Verify it at the issuer, or \
             ask whoever administers the issuer"
        }
    };
    Error::Forbidden(detail.to_owned())
}

/// The error of a statement that gives a row an identity.
fn taken(error: tokio_postgres::Error) -> Error {
    if error.code() == Some(&SqlState::UNIQUE_VIOLATION) {
        return Error::Conflict("this account is signing in elsewhere: sign in again".to_owned());
    }
    error.into()
}

async fn known(db: &Transaction<'_>, identity: &Identity) -> Result<Option<(Uuid, bool)>> {
    let row = db
        .query_typed_opt(
            "select id, deactivated_at is null as is_active from people.person
             where issuer = $1 and subject = $2
             for update",
            &[
                (&identity.issuer, Type::TEXT),
                (&identity.subject, Type::TEXT),
            ],
        )
        .await?;
    let row = row.map(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
    row.transpose()
}
