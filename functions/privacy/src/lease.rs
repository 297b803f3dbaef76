//! Who is at what one alone must do, for as long as it says so.
//!
//! A row with a time rather than a lock: what takes long talks to the store meanwhile, and no
//! transaction may be open then. Each step of the work is safe by itself; the lease saves doing it
//! twice at once.

use platform::postgres::Pool;
use platform::postgres::types::Type;
use platform::{Error, Result};
use uuid::Uuid;

/// Longer than any step takes between two renewals.
const SECONDS: f64 = 120.0;

pub struct Lease {
    pool: Pool,
    name: String,
    holder: Uuid,
}

impl Lease {
    /// None where somebody else has it.
    pub async fn take(pool: &Pool, name: &str) -> Result<Option<Self>> {
        let lease = Self {
            pool: pool.clone(),
            name: name.to_owned(),
            holder: Uuid::now_v7(),
        };
        Ok(lease.hold().await?.then_some(lease))
    }

    /// An error where it was lost meanwhile: whoever has it now goes on.
    pub async fn renew(&self) -> Result<()> {
        if self.hold().await? {
            return Ok(());
        }
        let detail = "this took too long between two steps, and another run goes on with it";
        Err(Error::Conflict(detail.to_owned()))
    }

    async fn hold(&self) -> Result<bool> {
        let client = self.pool.get().await?;
        let held = client
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
        Ok(held == 1)
    }

    pub async fn give_back(self) -> Result<()> {
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
