//! Objects in the memory of this process, for tests and trials.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;

use super::{ETag, Object, Put, Result, Store, StoreError, part};

#[derive(Default)]
pub(super) struct Memory(Mutex<Objects>);

#[derive(Default)]
struct Objects {
    writes: u64,
    by_key: BTreeMap<String, Object>,
}

impl Memory {
    /// The objects are consistent even if the lock is poisoned, because nothing panics during a change.
    fn objects(&self) -> MutexGuard<'_, Objects> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn object(&self, key: &str) -> Result<Object> {
        let object = self.objects().by_key.get(key).cloned();
        object.ok_or_else(|| StoreError::NotFound(key.to_owned()))
    }
}

#[async_trait]
impl Store for Memory {
    async fn get_if_changed(
        &self,
        key: &str,
        if_none_match: Option<&ETag>,
    ) -> Result<Option<Object>> {
        let object = self.object(key)?;
        Ok((if_none_match != Some(&object.etag)).then_some(object))
    }

    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes> {
        Ok(part(&self.object(key)?.body, range))
    }

    async fn put(&self, key: &str, body: Bytes, condition: Put) -> Result<ETag> {
        let mut objects = self.objects();
        let found = objects.by_key.get(key).map(|object| &object.etag);
        let holds = match &condition {
            Put::Always => true,
            Put::IfAbsent => found.is_none(),
            Put::IfMatch(etag) => found == Some(etag),
        };
        if !holds {
            return Err(StoreError::Precondition(key.to_owned()));
        }
        objects.writes += 1;
        let etag = ETag(objects.writes.to_string());
        let object = Object {
            body,
            etag: etag.clone(),
        };
        objects.by_key.insert(key.to_owned(), object);
        Ok(etag)
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>> {
        let objects = self.objects();
        let keys = objects.by_key.keys();
        Ok(keys
            .filter(|key| key.starts_with(prefix))
            .cloned()
            .collect())
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.objects().by_key.remove(key);
        Ok(())
    }
}
