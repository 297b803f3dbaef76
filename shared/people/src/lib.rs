#![doc = include_str!("../README.md")]

mod accounts;
pub mod audit;
pub mod cookie;
mod expired;
pub mod grant;
mod hidden;
pub mod invitation;
pub mod keyring;
pub mod person;
pub mod personal;
pub mod policy;
mod request;
pub mod sign_in;
pub mod token;

use std::sync::Arc;

use platform::auth::Kind;
use platform::postgres::scoped::{self, Scope};
use platform::postgres::{Client, Pool};
use platform::{Resources, Result};
use tokio_postgres::Transaction;

use accounts::Cache;

pub use audit::{Actor, Entry};
pub use request::RequestKey;

/// The kind of transactions that read and write accounts. No scope of a caller limits them.
const PEOPLE: Kind = Kind::new("people");

/// The people, sign-ins and tokens of a deployment. Cheap to clone.
#[derive(Clone)]
pub struct People {
    pool: Pool,
    cache: Arc<Cache>,
}

impl People {
    /// Opens the accounts in the database, and lets the function authenticate callers by them. Everything that shares
    /// the resources shares one instance.
    pub fn open(resources: &Resources) -> anyhow::Result<Self> {
        let pool = resources.postgres()?;
        let people = resources.get_or_open(|| {
            let cache = Cache::new(resources.clock().clone(), &pool);
            let cache = Arc::new(cache);
            Ok(Self { pool, cache })
        })?;
        resources.accept_accounts(Arc::new(people.clone()));
        Ok(people)
    }

    async fn client(&self) -> Result<Client> {
        Ok(self.pool.get().await?)
    }

    /// Ends a transaction that changed who may do what: this process notices at once, and others within a second.
    async fn commit(&self, transaction: Transaction<'_>) -> Result<()> {
        let committed = transaction.commit().await;
        self.cache.forget();
        Ok(committed?)
    }
}

async fn begin(client: &mut Client) -> Result<Transaction<'_>> {
    Ok(scoped::begin(client, &Scope::all(PEOPLE)).await?)
}
