//! What all stores have in common: checks of keys, the prefix, the order of lists, and a time limit for
//! every call.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use anyhow::{bail, ensure};
use async_trait::async_trait;
use bytes::Bytes;

use super::probe::Conditions;
use super::writes::Writes;
use super::{ETag, Object, Put, Result, Store, StoreError, upload_time};

/// The time limit of a call, with its retries. It is well below the time-outs of callers.
const LONGEST_CALL: Duration = Duration::from_secs(10);

pub(super) struct Checked {
    store: Arc<dyn Store>,
    conditions: Conditions,
    /// Empty, or ends with `/`.
    prefix: String,
    writes: Writes,
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
            writes: Writes::default(),
        }
    }

    fn full(&self, name: &str) -> Result<String> {
        key(name).map_err(|error| StoreError::other(name, error))?;
        Ok(format!("{}{name}", self.prefix))
    }
}

/// Checks a key: one of the stores can't represent others, or would confuse them.
pub(super) fn key(key: &str) -> anyhow::Result<()> {
    ensure!(key.len() <= 512, "a key must have at most 512 bytes");
    ensure!(
        !key.contains(char::is_control),
        "a key must not have control characters"
    );
    for part in key.split('/') {
        match part {
            "" => bail!("a key must not have an empty part, so no leading, trailing or double `/`"),
            "." | ".." => bail!("a key must not have a part `.` or `..`"),
            long if long.len() > 200 => bail!("a part of a key must have at most 200 bytes"),
            _ => {}
        }
    }
    Ok(())
}

async fn limited<T>(key: &str, sent: usize, call: impl Future<Output = Result<T>>) -> Result<T> {
    match tokio::time::timeout(LONGEST_CALL + upload_time(sent as u64), call).await {
        Ok(result) => result,
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
        limited(&key, 0, self.store.get_if_changed(&key, if_none_match)).await
    }

    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes> {
        let key = self.full(key)?;
        if range.is_empty() {
            // HTTP can't express an empty range.
            return Ok(Bytes::new());
        }
        limited(&key, 0, self.store.get_range(&key, range)).await
    }

    async fn put(&self, key: &str, body: Bytes, condition: Put) -> Result<ETag> {
        let (name, key) = (key, self.full(key)?);
        let written = limited(&key, body.len(), async {
            let store = &*self.store;
            if !matches!(condition, Put::Always) {
                let check = self.conditions.check(store, &self.prefix, &key, &condition);
                check.await?;
            }
            store.put(&key, body, condition).await
        })
        .await;
        // A write may have succeeded although its answer was lost.
        if !matches!(written, Err(StoreError::Precondition(_))) {
            self.writes.count(name);
        }
        written
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>> {
        // A prefix may be a folder (`versions/`) or the start of a name (`versions/ab`).
        let folder = prefix.strip_suffix('/').unwrap_or(prefix);
        if !prefix.is_empty() {
            key(folder).map_err(|error| StoreError::other(prefix, error))?;
        }
        let full = format!("{}{prefix}", self.prefix);
        let keys = limited(&full, 0, self.store.list(&full)).await?;
        // Objects of other programs below the prefix may have names that are not valid keys.
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
        let (name, key) = (key, self.full(key)?);
        let deleted = limited(&key, 0, self.store.delete(&key)).await;
        self.writes.count(name);
        deleted
    }

    fn writes(&self, key: &str) -> Arc<AtomicU64> {
        self.writes.of(key)
    }

    async fn probe(&self) -> Result<()> {
        let probed = async {
            self.conditions.probe(&*self.store, &self.prefix).await?;
            self.store.probe().await
        };
        limited(&self.prefix, 0, probed).await
    }
}

#[cfg(test)]
mod tests {
    use super::key;

    #[test]
    fn keys_that_leave_the_prefix_or_that_a_store_cannot_represent_are_refused() {
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
    fn keys_of_any_printable_characters_are_accepted() {
        for good in [
            "a", "a/b.json", "...", "a b", "ä/ö", "a%2Fb", "a?b=c#d", "*", "a\\b", "~",
        ] {
            assert!(key(good).is_ok(), "{good:?}");
        }
    }
}
