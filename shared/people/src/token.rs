//! Tokens: those of services, which an admin creates and revokes, and those of people, which end with their sign-in.

use jiff::Timestamp;
use platform::auth::{Auth, Role, Scope};
use platform::postgres::types::{Json, Type};
use platform::{Error, Result};
use serde::Serialize;
use serde_json::json;
use tokio_postgres::{Row, Transaction};
use uuid::Uuid;

use crate::cookie::{Random, hash};
use crate::grant::{Grantor, check_name, role_named};
use crate::{Actor, Entry, People, RequestKey, audit, begin};

/// What a token begins with, so that one in a log or in a commit is recognized.
pub const PREFIX: &str = "mst_";
/// The most tokens of a sign-in that are valid at once.
const MOST_OF_A_SIGN_IN: i64 = 10;

/// A service token, without its secret.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Token {
    pub id: Uuid,
    /// The name under which the caller appears in logs.
    pub name: String,
    pub role: Role,
    /// The names per kind: `{"robeings": ["sales"], "datasets": ["*"]}`.
    #[schema(value_type = Object)]
    pub scope: Scope,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// None if it is valid until it is revoked.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub revoked_at: Option<Timestamp>,
    /// Exact to five minutes.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_used_at: Option<Timestamp>,
}

/// A token to create.
#[derive(Clone, Debug)]
pub struct NewToken {
    pub name: String,
    pub role: Role,
    pub scope: Scope,
    pub expires_at: Option<Timestamp>,
}

impl NewToken {
    /// Refuses a name that a token in `AUTH_TOKENS` has: a log could not tell the two callers apart.
    ///
    /// # Errors
    /// `Conflict`.
    pub fn check_name_is_free(&self, auth: &Auth) -> Result<()> {
        let callers = auth.token_callers();
        if callers.iter().all(|caller| *caller.name != *self.name) {
            return Ok(());
        }
        Err(Error::Conflict(format!(
            "AUTH_TOKENS has a token with the name {:?}: use another name",
            self.name
        )))
    }
}

/// A new token with its secret, which is not shown again.
pub struct Created {
    pub token: Token,
    pub secret: String,
}

const COLUMNS: &str = "id, name, role, scope, created_at, expires_at, revoked_at, last_used_at";

impl Token {
    fn of(row: &Row) -> Result<Self> {
        let Json(scope) = row.try_get("scope")?;
        Ok(Self {
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            role: role_named(row.try_get("role")?)?,
            scope,
            created_at: row.try_get("created_at")?,
            expires_at: row.try_get("expires_at")?,
            revoked_at: row.try_get("revoked_at")?,
            last_used_at: row.try_get("last_used_at")?,
        })
    }
}

impl People {
    /// The service tokens within the reach, newest first, after this id.
    pub async fn tokens(
        &self,
        reach: &Scope,
        after: Option<Uuid>,
        limit: i64,
    ) -> Result<Vec<Token>> {
        let client = self.client().await?;
        let sql = format!(
            "select {COLUMNS} from people.token
             where name is not null and ($2::uuid is null or id < $2) and people.includes($1, scope)
             order by id desc limit $3"
        );
        let rows = client
            .query_typed(
                &sql,
                &[
                    (&Json(reach), Type::JSONB),
                    (&after, Type::UUID),
                    (&limit, Type::INT8),
                ],
            )
            .await?;
        rows.iter().map(Token::of).collect()
    }

    /// One service token.
    ///
    /// # Errors
    /// `NotFound` if there is none with this id within the reach.
    pub async fn token(&self, reach: &Scope, id: Uuid) -> Result<Token> {
        let client = self.client().await?;
        let sql = format!(
            "select {COLUMNS} from people.token
             where id = $2 and name is not null and people.includes($1, scope)"
        );
        let values = [(&Json(reach) as _, Type::JSONB), (&id as _, Type::UUID)];
        let row = client.query_typed_opt(&sql, &values).await?;
        row.as_ref().map_or_else(|| Err(not_found()), Token::of)
    }

    /// The service token of this name that is not revoked. None if there is none within the reach.
    pub async fn token_named(&self, reach: &Scope, name: &str) -> Result<Option<Token>> {
        let client = self.client().await?;
        let sql = format!(
            "select {COLUMNS} from people.token
             where name = $2 and revoked_at is null and people.includes($1, scope)"
        );
        let values = [(&Json(reach) as _, Type::JSONB), (&name as _, Type::TEXT)];
        let row = client.query_typed_opt(&sql, &values).await?;
        row.as_ref().map(Token::of).transpose()
    }

    /// Creates a service token. Requests with the same key create one.
    ///
    /// # Errors
    /// `Invalid` for a name that no service can have or an expiry in the past. `Forbidden` if it would have more rights
    /// than its creator. `Conflict` if a token of this name is not revoked, or if an earlier request with the key has
    /// created the token: its secret is not stored, and so not shown again. `Unprocessable` if that was another token.
    pub async fn create_token(
        &self,
        new: &NewToken,
        key: Option<&RequestKey>,
        by: &Grantor<'_>,
    ) -> Result<Created> {
        check_name(&new.name)?;
        by.may_grant(&new.scope)?;
        if new.expires_at.is_some_and(|it| it <= Timestamp::now()) {
            return Err(Error::Invalid("`expires_at` is in the past".to_owned()));
        }
        let mut client = self.client().await?;
        let transaction = begin(&mut client).await?;
        must_be_first(&transaction, new, key).await?;
        let Random(random) = Random::new()?;
        let secret = format!("{PREFIX}{random}");
        // A request at the same time waits here until this transaction has ended.
        let sql = format!(
            "insert into people.token (id, hash, name, role, scope, expires_at, request)
             values ($1, $2, $3, $4, $5, $6, $7)
             on conflict do nothing
             returning {COLUMNS}"
        );
        let row = transaction
            .query_typed_opt(
                &sql,
                &[
                    (&Uuid::now_v7(), Type::UUID),
                    (&hash(&secret).as_slice(), Type::BYTEA),
                    (&new.name, Type::TEXT),
                    (&new.role.to_string(), Type::TEXT),
                    (&Json(&new.scope), Type::JSONB),
                    (&new.expires_at, Type::TIMESTAMPTZ),
                    (&key.map(RequestKey::bytes), Type::BYTEA),
                ],
            )
            .await?;
        let Some(row) = row else {
            must_be_first(&transaction, new, key).await?;
            return Err(Error::Conflict(format!(
                "there is a token with the name {:?}: revoke it first, or use another name",
                new.name
            )));
        };
        let token = Token::of(&row)?;
        let entry = Entry {
            action: "token.create",
            subject_kind: "token",
            subject: &token.id.to_string(),
            detail: json!({"role": token.role.to_string(), "scope": token.scope,
                "expires_at": token.expires_at}),
        };
        audit::record(&transaction, by.actor, &entry).await?;
        self.commit(transaction).await?;
        Ok(Created { token, secret })
    }

    /// Revokes a service token, for ever. Revoking it again changes nothing.
    ///
    /// # Errors
    /// `NotFound` if there is none with this id within the reach.
    pub async fn revoke_token(&self, id: Uuid, by: &Grantor<'_>) -> Result<()> {
        let mut client = self.client().await?;
        let transaction = begin(&mut client).await?;
        let row = transaction
            .query_typed_opt(
                "select revoked_at is not null from people.token
                 where id = $2 and name is not null and people.includes($1, scope)
                 for update",
                &[(&Json(by.reach), Type::JSONB), (&id, Type::UUID)],
            )
            .await?;
        let is_revoked: bool = row.ok_or_else(not_found)?.try_get(0)?;
        if is_revoked {
            return Ok(());
        }
        transaction
            .execute_typed(
                "update people.token set revoked_at = now() where id = $1",
                &[(&id, Type::UUID)],
            )
            .await?;
        let entry = Entry {
            action: "token.revoke",
            subject_kind: "token",
            subject: &id.to_string(),
            detail: json!({}),
        };
        audit::record(&transaction, by.actor, &entry).await?;
        self.commit(transaction).await
    }

    /// Creates a token for a person who is signed in with this cookie. It is valid for an hour, and ends with the
    /// sign-in. A sign-in has at most 10: the oldest one ends. Returns the secret, and when it expires.
    ///
    /// # Errors
    /// `Unauthenticated` if the sign-in has ended.
    pub async fn token_of_person(
        &self,
        cookie: &str,
        actor: &Actor,
    ) -> Result<(String, Timestamp)> {
        let Random(random) = Random::new()?;
        let secret = format!("{PREFIX}{random}");
        let cookie = hash(cookie);
        let mut client = self.client().await?;
        let transaction = begin(&mut client).await?;
        // Whoever changes a person locks the person first, and then the cookies.
        transaction
            .query_typed_opt(
                "select from people.person
                 where id = (select person_id from people.cookie where hash = $1)
                 for key share",
                &[(&cookie.as_slice(), Type::BYTEA)],
            )
            .await?;
        let signed_in = transaction
            .query_typed_opt(
                "select person_id from people.cookie where hash = $1 and expires_at > now() for update",
                &[(&cookie.as_slice(), Type::BYTEA)],
            )
            .await?;
        let ended = || Error::Unauthenticated("the sign-in has ended: sign in again".to_owned());
        let person: Uuid = signed_in.ok_or_else(ended)?.try_get(0)?;
        let id = Uuid::now_v7();
        let row = transaction
            .query_typed_one(
                "with ended as (
                     delete from people.token
                     where cookie_hash = $4
                       and (expires_at <= now()
                            or id in (select id from people.token where cookie_hash = $4 and expires_at > now()
                                      order by created_at desc, id desc offset $5))
                 )
                 insert into people.token (id, hash, person_id, cookie_hash, expires_at)
                 values ($1, $2, $3, $4, now() + interval '1 hour')
                 returning expires_at",
                &[
                    (&id, Type::UUID),
                    (&hash(&secret).as_slice(), Type::BYTEA),
                    (&person, Type::UUID),
                    (&cookie.as_slice(), Type::BYTEA),
                    (&(MOST_OF_A_SIGN_IN - 1), Type::INT8),
                ],
            )
            .await?;
        let expires_at: Timestamp = row.try_get(0)?;
        let entry = Entry {
            action: "token.create",
            subject_kind: "token",
            subject: &id.to_string(),
            detail: json!({ "expires_at": expires_at }),
        };
        audit::record(&transaction, actor, &entry).await?;
        self.commit(transaction).await?;
        Ok((secret, expires_at))
    }
}

/// Refuses a request whose key was used before.
async fn must_be_first(
    db: &Transaction<'_>,
    new: &NewToken,
    key: Option<&RequestKey>,
) -> Result<()> {
    let Some(key) = key else {
        return Ok(());
    };
    let sql = format!("select {COLUMNS} from people.token where request = $1");
    let row = db
        .query_typed_opt(&sql, &[(&key.bytes(), Type::BYTEA)])
        .await?;
    let Some(known) = row.as_ref().map(Token::of).transpose()? else {
        return Ok(());
    };
    // The database is exact to microseconds.
    let expires_at = |time: Option<Timestamp>| time.map(Timestamp::as_microsecond);
    let is_same = known.name == new.name
        && known.role == new.role
        && known.scope == new.scope
        && expires_at(known.expires_at) == expires_at(new.expires_at);
    Err(match is_same {
        true => Error::Conflict(format!(
            "a request with this Idempotency-Key has created the token {}, whose secret is not shown again: revoke it, \
             and create another one with a new key",
            known.id
        )),
        false => Error::Unprocessable(
            "this Idempotency-Key was used for another token: send a new key".to_owned(),
        ),
    })
}

fn not_found() -> Error {
    Error::NotFound("there is no such token".to_owned())
}
