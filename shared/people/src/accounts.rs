//! Callers by cookie and by token, for authentication.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use http::HeaderValue;
use platform::auth::{Accounts, Role, Scope, SignedIn};
use platform::clock::Moment;
use platform::postgres::types::{Json, ToSql, Type};
use platform::postgres::{Pool, wait_limit};
use platform::{Caller, Clock, Error, Result};
use tokio::sync::{Mutex as Turn, Semaphore};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::cookie::{self, hash, is_random};
use crate::grant::role_named;
use crate::{People, token};

/// How long a caller is known without a query. A change of rights takes effect everywhere after that time.
const KNOWN_FOR: Duration = Duration::from_secs(1);
/// How many callers are known at most, with those that don't exist.
const MOST: u64 = 10_000;
/// How many callers are looked up at once at most. Whoever invents tokens causes lookups, and must leave connections to
/// the callers who are known.
const AT_ONCE: usize = 4;

/// Finds a token that is valid now.
const TOKEN: &str = "
    select token.id, token.name, person.id as person_id,
           coalesce(person.role, token.role) as role, coalesce(person.scope, token.scope) as scope,
           token.last_used_at is null or token.last_used_at < now() - interval '5 minutes' as is_due
    from people.token
    left join people.person on person.id = token.person_id
    left join people.cookie on cookie.hash = token.cookie_hash
    where token.hash = $1
      and token.revoked_at is null
      and (token.expires_at is null or token.expires_at > now())
      and person.deactivated_at is null
      and (token.cookie_hash is null or cookie.expires_at > now())";

/// Notes that a token was used. That is exact to five minutes, so that most lookups write nothing.
const USED: &str = "
    update people.token set last_used_at = now()
    where hash = $1 and (last_used_at is null or last_used_at < now() - interval '5 minutes')";

/// Finds a sign-in that is valid now.
const COOKIE: &str = "
    select person.id as person_id, person.role, person.scope,
           cookie.last_seen_at < now() - interval '5 minutes' as is_due
    from people.cookie
    join people.person on person.id = cookie.person_id
    where cookie.hash = $1 and cookie.expires_at > now() and person.deactivated_at is null";

/// Renews a sign-in, at most every five minutes. It ends after 30 days at the latest.
const RENEWED: &str = "
    update people.cookie
    set last_seen_at = now(),
        expires_at = least(now() + interval '24 hours', created_at + interval '30 days')
    where hash = $1 and expires_at > now() and last_seen_at < now() - interval '5 minutes'";

/// The local person: an admin of everything.
const LOCAL: &str = r#"
    insert into people.person (id, issuer, subject, name, role, scope)
    values ($1, 'local', 'local', 'Local', 'admin', '{"*": ["*"]}')
    on conflict (issuer, subject) do update set last_sign_in_at = now()
    returning null as name, id as person_id, role, scope, false as is_due"#;

type Hash = [u8; 32];

/// The callers of the last second, and the queries for them.
pub(crate) struct Cache {
    slots: moka::sync::Cache<Hash, Arc<Slot>>,
    /// Counts the changes of rights by this process. What was read before the last one is not used.
    changes: AtomicU64,
    clock: Clock,
    places: Semaphore,
}

/// The caller of one cookie or token.
#[derive(Default)]
struct Slot {
    known: Mutex<Option<Known>>,
    /// Requests at once share one query.
    turn: Turn<()>,
}

/// What a query found.
struct Known {
    at: Moment,
    changes: u64,
    /// None if the cookie or token is not valid.
    caller: Option<Caller>,
}

/// A caller, and whether the row is due to be renewed. What is known already is not.
type Found = (Option<Caller>, bool);

impl Cache {
    pub fn new(clock: Clock, pool: &Pool) -> Self {
        Self {
            // moka measures time by the monotonic clock, which may stop while a function is frozen.
            slots: moka::sync::Cache::new(MOST),
            changes: AtomicU64::default(),
            clock,
            places: Semaphore::new((pool.max_size() / 2).clamp(1, AT_ONCE)),
        }
    }

    pub fn forget(&self) {
        self.changes.fetch_add(1, Ordering::SeqCst);
    }

    fn known(&self, slot: &Slot) -> Option<Option<Caller>> {
        let known = slot.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.as_ref()?;
        let is_fresh = known.changes == self.changes.load(Ordering::SeqCst)
            && self.clock.since(known.at) < KNOWN_FOR;
        is_fresh.then(|| known.caller.clone())
    }
}

impl People {
    /// The caller with this digest, whom a statement finds by the value.
    async fn find(
        &self,
        hash: Hash,
        sql: &'static str,
        value: (&(dyn ToSql + Sync), Type),
    ) -> Result<Found> {
        let cache = &self.cache;
        let slot = cache.slots.get_with(hash, Arc::default);
        if let Some(caller) = cache.known(&slot) {
            return Ok((caller, false));
        }
        let turn = wait_limit::wait(slot.turn.lock()).await;
        let _turn = turn.map_err(|_| late())?;
        if let Some(caller) = cache.known(&slot) {
            return Ok((caller, false));
        }
        let place = wait_limit::wait(cache.places.acquire()).await;
        let _place = place.map_err(|_| late())?;
        let (at, changes) = (cache.clock.now(), cache.changes.load(Ordering::SeqCst));
        let client = self.client().await?;
        let row = client.query_typed_opt(sql, &[value]).await?;
        let caller = row.as_ref().map(caller).transpose()?;
        let is_due = row.map_or(Ok(false), |row| row.try_get("is_due"))?;
        let known = Known {
            at,
            changes,
            caller: caller.clone(),
        };
        *slot.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(known);
        Ok((caller, is_due))
    }

    /// Renews the row with this digest, and returns whether that has changed it. The caller is known without it, so a
    /// failure refuses nobody.
    async fn renew(&self, hash: Hash, sql: &'static str) -> bool {
        let renewed = async {
            let client = self.client().await?;
            let values = [(&hash.as_slice() as _, Type::BYTEA)];
            let renewed = client.execute_typed(sql, &values).await;
            renewed.map_err(Error::from)
        };
        match renewed.await {
            Ok(rows) => rows == 1,
            Err(error) => {
                let error = anyhow::Error::from(error);
                tracing::warn!(
                    error = format!("{error:#}"),
                    "can't note that a caller was seen"
                );
                false
            }
        }
    }
}

#[async_trait]
impl Accounts for People {
    fn is_token(&self, bearer: &str) -> bool {
        bearer.strip_prefix(token::PREFIX).is_some_and(is_random)
    }

    async fn by_token(&self, bearer: &str) -> Result<Option<Caller>> {
        let hash = hash(bearer);
        let (caller, is_due) = self
            .find(hash, TOKEN, (&hash.as_slice(), Type::BYTEA))
            .await?;
        if is_due {
            self.renew(hash, USED).await;
        }
        Ok(caller)
    }

    async fn by_cookie(&self, value: &str) -> Result<Option<SignedIn>> {
        if !is_random(value) {
            return Ok(None);
        }
        let hash = hash(value);
        let found = self
            .find(hash, COOKIE, (&hash.as_slice(), Type::BYTEA))
            .await?;
        let (Some(caller), is_due) = found else {
            return Ok(None);
        };
        let is_renewed = is_due && self.renew(hash, RENEWED).await;
        let renewed: Option<HeaderValue> = is_renewed.then(|| cookie::set(value));
        Ok(Some(SignedIn { caller, renewed }))
    }

    async fn local(&self) -> Result<Caller> {
        // No secret has this digest.
        let hash = [0; 32];
        let (caller, _) = self
            .find(hash, LOCAL, (&Uuid::now_v7(), Type::UUID))
            .await?;
        Ok(caller.context("the local person was not written")?)
    }
}

fn late() -> Error {
    Error::Unavailable {
        detail: "the caller could not be authenticated in time; try again later".to_owned(),
        cause: None,
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
            Caller::of_token(row.try_get("id")?, name.into(), role, scope)
        }
    })
}
