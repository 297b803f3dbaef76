//! Invitations, which people take at their first sign-in.

use platform::auth::{Role, Scope};
use platform::postgres::types::{Json, Type};
use platform::{Error, Result};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio_postgres::Transaction;
use uuid::Uuid;

use crate::grant::Grantor;
use crate::person::{COLUMNS, Person, note};
use crate::policy::is_address;
use crate::{People, RequestKey, begin};

/// A person to invite.
#[derive(Clone, Debug)]
pub struct Invitation {
    pub email: String,
    pub role: Role,
    pub scope: Scope,
}

impl Invitation {
    /// A digest that another invitation doesn't have.
    fn digest(&self, email: &str) -> Result<[u8; 32]> {
        let content = json!([email.to_ascii_lowercase(), self.role, self.scope]);
        Ok(Sha256::digest(content.to_string()).into())
    }
}

/// The person whom an invitation is for.
#[derive(Debug)]
pub struct Invited {
    /// As they are now.
    pub person: Person,
    /// False if an earlier request with the same key has sent the invitation.
    pub is_new: bool,
}

impl People {
    /// Invites a person, who takes the invitation at the first sign-in with this verified address. Requests with the
    /// same key invite once.
    ///
    /// # Errors
    /// `Invalid` if the address is none. `Forbidden` if the grants exceed those of the grantor. `Conflict` if somebody
    /// has this address already. `Unprocessable` if the key was used for another invitation.
    pub async fn invite(
        &self,
        new: &Invitation,
        key: Option<&RequestKey>,
        by: &Grantor<'_>,
    ) -> Result<Invited> {
        let email = new.email.as_str();
        if !is_address(email) {
            return Err(Error::Invalid(
                "`email` is not an e-mail address".to_owned(),
            ));
        }
        by.may_grant(&new.scope)?;
        let digest = new.digest(email)?;
        let mut client = self.client().await?;
        let transaction = begin(&mut client).await?;
        if let Some(person) = earlier(&transaction, &digest, key, by).await? {
            let is_new = false;
            return Ok(Invited { person, is_new });
        }
        // A request at the same time waits here until this transaction has ended.
        let sql = format!(
            r#"insert into people.person (id, email, role, scope, request, invitation, invited_at)
             select $1, $2, $3, $4, $5, $6, now()
             where not exists (select from people.person
                               where lower(email collate "C") = lower($2 collate "C"))
             on conflict do nothing
             returning {COLUMNS}"#
        );
        let row = transaction
            .query_typed_opt(
                &sql,
                &[
                    (&Uuid::now_v7(), Type::UUID),
                    (&email, Type::TEXT),
                    (&new.role.to_string(), Type::TEXT),
                    (&Json(&new.scope), Type::JSONB),
                    (&key.map(RequestKey::bytes), Type::BYTEA),
                    (&key.map(|_| digest.as_slice()), Type::BYTEA),
                ],
            )
            .await?;
        let Some(row) = row else {
            let earlier = earlier(&transaction, &digest, key, by).await?;
            let taken = "somebody with this address was invited or has signed in";
            let person = earlier.ok_or_else(|| Error::Conflict(taken.to_owned()))?;
            let is_new = false;
            return Ok(Invited { person, is_new });
        };
        let person = Person::of(&row)?;
        let detail = json!({"role": person.role.to_string(), "scope": person.scope});
        note(&transaction, by.actor, "person.invite", person.id, detail).await?;
        self.commit(transaction).await?;
        let is_new = true;
        Ok(Invited { person, is_new })
    }
}

/// Whom an earlier request with this key has invited.
async fn earlier(
    db: &Transaction<'_>,
    digest: &[u8],
    key: Option<&RequestKey>,
    by: &Grantor<'_>,
) -> Result<Option<Person>> {
    let Some(key) = key else {
        return Ok(None);
    };
    let sql = format!(
        "select {COLUMNS}, invitation from people.person where request = $1 and people.includes($2, scope)"
    );
    let values = [
        (&key.bytes() as _, Type::BYTEA),
        (&Json(by.reach) as _, Type::JSONB),
    ];
    let Some(row) = db.query_typed_opt(&sql, &values).await? else {
        return Ok(None);
    };
    if row.try_get::<_, Option<&[u8]>>("invitation")? != Some(digest) {
        return Err(Error::Unprocessable(
            "this Idempotency-Key was used for another invitation: send a new key".to_owned(),
        ));
    }
    Person::of(&row).map(Some)
}
