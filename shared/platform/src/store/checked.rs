//! What holds for every store, said once: keys are checked, the prefix is added, lists are in
//! order, and no call hangs.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{bail, ensure};
use async_trait::async_trait;
use bytes::Bytes;

use super::probe::Conditions;
use super::{ETag, Object, Put, Result, Store, StoreError, upload_time};

/// Retries included. A function's caller waits for this, so it ends well before they give up.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) struct Checked {
    store: Arc<dyn Store>,
    conditions: Conditions,
    /// Empty, or ending in `/`.
    prefix: String,
}

impl Checked {
    pub(super) fn new(store: Arc<dyn Store>, prefix: &str, conditions: Conditions) -> Self {
        let prefix = match prefix {
            "" => String::new(),
            some => format!("{some}/"),
        };
        Self {
            store,
            conditions,
            prefix,
        }
    }

    fn full(&self, name: &str) -> Result<String> {
        key(name).map_err(|error| StoreError::other(name, error))?;
        Ok(format!("{}{name}", self.prefix))
    }
}

/// Refuses what one of the stores could not hold, or would take for another object.
pub(super) fn key(key: &str) -> anyhow::Result<()> {
    ensure!(key.len() <= 512, "a key has at most 512 bytes");
    ensure!(
        !key.contains(char::is_control),
        "a key has no control characters"
    );
    for part in key.split('/') {
        match part {
            "" => bail!("a key has no empty part, so no leading, trailing or double `/`"),
            "." | ".." => bail!("a key has no part `.` or `..`"),
            long if long.len() > 200 => bail!("a part of a key has at most 200 bytes"),
            _ => {}
        }
    }
    Ok(())
}

async fn patiently<T>(key: &str, sent: usize, call: impl Future<Output = Result<T>>) -> Result<T> {
    match tokio::time::timeout(PATIENCE + upload_time(sent as u64), call).await {
        Ok(answer) => answer,
        Err(elapsed) => Err(StoreError::unavailable(key, elapsed)),
    }
}

#[async_trait]
impl Store for Checked {
    async fn get_if_changed(
        &self,
        key: &str,
        if_none_match: Option<&ETag>,
    ) -> Result<Option<Object>> {
        let key = self.full(key)?;
        patiently(&key, 0, self.store.get_if_changed(&key, if_none_match)).await
    }

    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes> {
        let key = self.full(key)?;
        if range.is_empty() {
            // HTTP has no way to ask for nothing.
            return Ok(Bytes::new());
        }
        patiently(&key, 0, self.store.get_range(&key, range)).await
    }

    async fn put(&self, key: &str, body: Bytes, condition: Put) -> Result<ETag> {
        let key = self.full(key)?;
        patiently(&key, body.len(), async {
            let store = &*self.store;
            if !matches!(condition, Put::Always) {
                let look = self.conditions.look(store, &self.prefix, &key, &condition);
                look.await?;
            }
            store.put(&key, body, condition).await
        })
        .await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>> {
        // A folder (`versions/`) and the beginning of a name (`versions/ab`) are both prefixes.
        let folder = prefix.strip_suffix('/').unwrap_or(prefix);
        if !prefix.is_empty() {
            key(folder).map_err(|error| StoreError::other(prefix, error))?;
        }
        let full = format!("{}{prefix}", self.prefix);
        let keys = patiently(&full, 0, self.store.list(&full)).await?;
        // Other people's objects below the prefix may have names that are no keys of ours.
        let mut keys: Vec<_> = keys
            .iter()
            .filter_map(|name| name.strip_prefix(&self.prefix))
            .filter(|name| key(name).is_ok())
            .map(str::to_owned)
            .collect();
        keys.sort_unstable();
        Ok(keys)
    }

    async fn delete(&self, key: &str) -> Result<()> {
        let key = self.full(key)?;
        patiently(&key, 0, self.store.delete(&key)).await
    }

    async fn probe(&self) -> Result<()> {
        let probed = self.conditions.probe(&*self.store, &self.prefix);
        patiently(&self.prefix, 0, probed).await
    }
}

#[cfg(test)]
mod tests {
    use super::key;

    #[test]
    fn a_key_that_could_leave_the_prefix_or_break_a_store_is_refused() {
        let long = "a".repeat(201);
        let deep = "abc/".repeat(200) + "d";
        for bad in [
            "", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/..", "a/./b", "a\0b",
            "a\nb", "a\u{7f}b", &long, &deep,
        ] {
            assert!(key(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_key_of_any_printable_characters_is_accepted() {
        for good in [
            "a", "a/b.json", "...", "a b", "ä/ö", "a%2Fb", "a?b=c#d", "*", "a\\b", "~",
        ] {
            assert!(key(good).is_ok(), "{good:?}");
        }
    }
}
