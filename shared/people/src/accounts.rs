//! Callers by cookie and by token, for authentication.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::HeaderValue;
use platform::auth::{Accounts, Role, Scope, SignedIn};
use platform::postgres::types::{Json, Type};
use platform::{Caller, Result};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::cookie::{self, hash, is_random};
use crate::grant::role_named;
use crate::{People, token};

/// How long a caller is known without a query. A change of rights takes effect everywhere after that time.
const KNOWN_FOR: Duration = Duration::from_secs(1);
/// How many callers are known at most, with those that don't exist.
const MOST: u64 = 10_000;

/// Finds a token that is valid now. `last_used_at` is exact to five minutes, so that most requests write nothing.
const TOKEN: &str = "
    with used as (
        update people.token set last_used_at = now()
        where hash = $1 and revoked_at is null and (expires_at is null or expires_at > now())
          and (last_used_at is null or last_used_at < now() - interval '5 minutes')
    )
    select token.name, person.id as person_id,
           coalesce(person.role, token.role) as role, coalesce(person.scope, token.scope) as scope
    from people.token
    left join people.person on person.id = token.person_id
    left join people.cookie on cookie.hash = token.cookie_hash
    where token.hash = $1
      and token.revoked_at is null
      and (token.expires_at is null or token.expires_at > now())
      and person.deactivated_at is null
      and (token.cookie_hash is null or cookie.expires_at > now())";

/// Finds a sign-in that is valid now, and renews it at most every five minutes. It ends after 30 days at the latest.
const COOKIE: &str = "
    with renewed as (
        update people.cookie
        set last_seen_at = now(),
            expires_at = least(now() + interval '24 hours', created_at + interval '30 days')
        where hash = $1 and expires_at > now() and last_seen_at < now() - interval '5 minutes'
        returning 1
    )
    select person.id as person_id, person.role, person.scope, exists (select from renewed) as is_renewed
    from people.cookie
    join people.person on person.id = cookie.person_id
    where cookie.hash = $1 and cookie.expires_at > now() and person.deactivated_at is null";

/// The local person: an admin of everything.
const LOCAL: &str = r#"
    insert into people.person (id, issuer, subject, name, role, scope)
    values ($1, 'local', 'local', 'Local', 'admin', '{"*": ["*"]}')
    on conflict (issuer, subject) do update set last_sign_in_at = now()
    returning null as name, id as person_id, role, scope"#;

/// What a cookie or a token leads to; none if it is not valid.
type Known = Option<Caller>;

/// The callers of the last second.
pub(crate) struct Cache(moka::sync::Cache<[u8; 32], Known>);

impl Default for Cache {
    fn default() -> Self {
        let known = moka::sync::Cache::builder()
            .max_capacity(MOST)
            .time_to_live(KNOWN_FOR)
            .build();
        Self(known)
    }
}

impl Cache {
    pub fn forget(&self) {
        self.0.invalidate_all();
    }
}

#[async_trait]
impl Accounts for People {
    fn is_token(&self, bearer: &str) -> bool {
        bearer.strip_prefix(token::PREFIX).is_some_and(is_random)
    }

    async fn by_token(&self, bearer: &str) -> Result<Option<Caller>> {
        let hash = hash(bearer);
        if let Some(known) = self.cache.0.get(&hash) {
            return Ok(known);
        }
        let client = self.client().await?;
        let row = client
            .query_typed_opt(TOKEN, &[(&hash.as_slice(), Type::BYTEA)])
            .await?;
        let known = row.as_ref().map(caller).transpose()?;
        self.cache.0.insert(hash, known.clone());
        Ok(known)
    }

    async fn by_cookie(&self, value: &str) -> Result<Option<SignedIn>> {
        if !is_random(value) {
            return Ok(None);
        }
        let hash = hash(value);
        let signed_in = |caller, renewed| SignedIn { caller, renewed };
        if let Some(known) = self.cache.0.get(&hash) {
            return Ok(known.map(|caller| signed_in(caller, None)));
        }
        let client = self.client().await?;
        let row = client
            .query_typed_opt(COOKIE, &[(&hash.as_slice(), Type::BYTEA)])
            .await?;
        let known = row.as_ref().map(caller).transpose()?;
        self.cache.0.insert(hash, known.clone());
        let (Some(row), Some(caller)) = (row, known) else {
            return Ok(None);
        };
        let is_renewed: bool = row.try_get("is_renewed")?;
        let renewed: Option<HeaderValue> = is_renewed.then(|| cookie::set(value));
        Ok(Some(signed_in(caller, renewed)))
    }

    async fn local(&self) -> Result<Caller> {
        // No secret has this digest.
        let hash = [0; 32];
        if let Some(Some(known)) = self.cache.0.get(&hash) {
            return Ok(known);
        }
        let client = self.client().await?;
        let row = client
            .query_typed_one(LOCAL, &[(&Uuid::now_v7(), Type::UUID)])
            .await?;
        let local = caller(&row)?;
        self.cache.0.insert(hash, Some(local.clone()));
        Ok(local)
    }
}

fn caller(row: &Row) -> Result<Caller> {
    let role: Role = role_named(row.try_get("role")?)?;
    let Json(scope): Json<Scope> = row.try_get("scope")?;
    let scope = Arc::new(scope);
    Ok(match row.try_get::<_, Option<Uuid>>("person_id")? {
        Some(person) => Caller::of_person(person, role, scope),
        None => {
            let name: String = row.try_get("name")?;
            Caller::service(name.into(), role, scope)
        }
    })
}
