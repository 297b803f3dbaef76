//! Removes what has expired.

use platform::Result;

use crate::{People, begin};

/// Tokens of services stay: they show who called. Cookies come first, as wherever both are locked.
const EXPIRED: [&str; 4] = [
    "delete from people.cookie where expires_at < now()",
    "delete from people.token where person_id is not null and expires_at < now()",
    "delete from people.sign_in where at < now() - interval '1 hour'",
    "delete from people.attempt where minute < now() - interval '1 hour'",
];

impl People {
    /// Deletes sign-ins, tokens of people and attempts to sign in that have expired, and returns how many.
    pub async fn remove_expired(&self) -> Result<u64> {
        let mut client = self.client().await?;
        let transaction = begin(&mut client).await?;
        let mut removed = 0;
        for sql in EXPIRED {
            removed += transaction.execute_typed(sql, &[]).await?;
        }
        transaction.commit().await?;
        Ok(removed)
    }
}
