//! Invitations, which people take at their first sign-in.

use platform::auth::{Role, Scope};
use platform::postgres::types::{Json, Type};
use platform::{Error, Result};
use serde_json::json;
use tokio_postgres::Transaction;
use uuid::Uuid;

use crate::person::{COLUMNS, Grantor, Person, note};
use crate::policy::is_address;
use crate::{People, RequestKey, begin};

/// A person to invite.
#[derive(Clone, Debug)]
pub struct Invitation {
    pub email: String,
    pub role: Role,
    pub scope: Scope,
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
    /// has this address already. `Unprocessable` if the key was used for another address.
    pub async fn invite(
        &self,
        new: &Invitation,
        key: Option<&RequestKey>,
        by: &Grantor<'_>,
    ) -> Result<Invited> {
        let email = new.email.trim();
        if !is_address(email) {
            return Err(Error::Invalid(
                "`email` is not an e-mail address".to_owned(),
            ));
        }
        by.may_grant(&new.scope)?;
        let mut client = self.client().await?;
        let transaction = begin(&mut client).await?;
        if let Some(person) = earlier(&transaction, email, key, by).await? {
            let is_new = false;
            return Ok(Invited { person, is_new });
        }
        // A request at the same time waits here until this transaction has ended.
        let sql = format!(
            "insert into people.person (id, email, role, scope, request, invited_at)
             select $1, $2, $3, $4, $5, now()
             where not exists (select from people.person where lower(email) = lower($2))
             on conflict do nothing
             returning {COLUMNS}"
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
                ],
            )
            .await?;
        let Some(row) = row else {
            let earlier = earlier(&transaction, email, key, by).await?;
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
    email: &str,
    key: Option<&RequestKey>,
    by: &Grantor<'_>,
) -> Result<Option<Person>> {
    let Some(key) = key else {
        return Ok(None);
    };
    let sql = format!(
        "select {COLUMNS} from people.person where request = $1 and people.includes($2, scope)"
    );
    let values = [
        (&key.bytes() as _, Type::BYTEA),
        (&Json(by.reach) as _, Type::JSONB),
    ];
    let row = db.query_typed_opt(&sql, &values).await?;
    let person = row.as_ref().map(Person::of).transpose()?;
    let address = |email: &str| email.to_lowercase();
    if let Some(person) = &person
        && person.email.as_deref().map(address) != Some(address(email))
    {
        return Err(Error::Unprocessable(
            "this Idempotency-Key was used for another address: send a new key".to_owned(),
        ));
    }
    Ok(person)
}
