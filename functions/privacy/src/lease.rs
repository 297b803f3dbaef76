//! Leases: work that only one process may do at a time.
//!
//! A lease is a row with an expiry time and not a database lock, because the holder talks to the store
//! between its transactions. Every step of the work is safe if it runs twice; the lease only avoids the
//! duplicate work.

use platform::postgres::Pool;
use platform::postgres::types::Type;
use platform::{Error, Result};
use uuid::Uuid;

/// How long a lease is valid. It exceeds the duration of any step between two renewals.
const SECONDS: f64 = 120.0;

pub struct Lease {
    pool: Pool,
    name: String,
    holder: Uuid,
}

impl Lease {
    /// None if another process holds the lease.
    pub async fn acquire(pool: &Pool, name: &str) -> Result<Option<Self>> {
        let lease = Self {
            pool: pool.clone(),
            name: name.to_owned(),
            holder: Uuid::now_v7(),
        };
        Ok(lease.extend().await?.then_some(lease))
    }

    /// # Errors
    /// `Conflict` if the lease expired and another process holds it now.
    pub async fn renew(&self) -> Result<()> {
        if self.extend().await? {
            return Ok(());
        }
        let detail = "the lease expired between two steps, and another run continues the work";
        Err(Error::Conflict(detail.to_owned()))
    }

    /// Returns whether this process holds the lease now.
    async fn extend(&self) -> Result<bool> {
        let client = self.pool.get().await?;
        let rows = client
            .execute_typed(
                "insert into privacy.lease as lease (name, holder, held_until)
                 values ($1, $2, now() + make_interval(secs => $3))
                 on conflict (name) do update
                 set holder = excluded.holder, held_until = excluded.held_until
                 where lease.holder = excluded.holder or lease.held_until < now()",
                &[
                    (&self.name, Type::TEXT),
                    (&self.holder, Type::UUID),
                    (&SECONDS, Type::FLOAT8),
                ],
            )
            .await?;
        Ok(rows == 1)
    }

    pub async fn release(self) -> Result<()> {
        let client = self.pool.get().await?;
        client
            .execute_typed(
                "delete from privacy.lease where name = $1 and holder = $2",
                &[(&self.name, Type::TEXT), (&self.holder, Type::UUID)],
            )
            .await?;
        Ok(())
    }
}
