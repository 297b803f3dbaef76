//! A test whether a store honors conditional writes, which runs once per process.

use anyhow::bail;
use bytes::Bytes;
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::{Put, Result, Store, StoreError};
use crate::Env;

/// The folder of the test's object, which the test removes.
const FOLDER: &str = "probe";

const LOSES: &str = "an object can't be read after it was written";
const IGNORES_ABSENT: &str = "an existing object was created again (`If-None-Match: *` or \
                              `ifGenerationMatch=0` is ignored)";
const IGNORES_MATCH: &str = "a changed object was replaced (`If-Match` or `ifGenerationMatch` is \
                             ignored)";
const REFUSES_MATCH: &str = "an unchanged object was not replaced (`If-Match` or \
                             `ifGenerationMatch` is misread)";

/// Whether a store honors conditional writes.
pub(super) enum Conditions {
    /// It does: the store is part of this crate.
    Honored,
    /// The deviation, if there is one, once the store has been tested.
    Tested(OnceCell<Option<&'static str>>),
    /// It may not, and the operator accepts that.
    Unchecked,
}

impl Conditions {
    /// For an external store, by `STORE_CONDITIONAL_WRITES`.
    pub(super) fn external(env: &Env) -> anyhow::Result<Self> {
        match env.get("STORE_CONDITIONAL_WRITES") {
            None => Ok(Self::Tested(OnceCell::new())),
            Some("unchecked") => Ok(Self::Unchecked),
            Some(other) => {
                bail!("STORE_CONDITIONAL_WRITES is {other:?}: set it to \"unchecked\", or unset it")
            }
        }
    }

    /// Checks before a write whether it may be tried.
    pub(super) async fn check(
        &self,
        store: &dyn Store,
        prefix: &str,
        key: &str,
        condition: &Put,
    ) -> Result<()> {
        if !matches!(self, Self::Unchecked) {
            return self.probe(store, prefix).await;
        }
        // Not atomic: it misses concurrent writes only.
        let found = match store.get(key).await {
            Ok(object) => Some(object.etag),
            Err(StoreError::NotFound(_)) => None,
            Err(error) => return Err(error),
        };
        let holds = match condition {
            Put::Always => true,
            Put::IfAbsent => found.is_none(),
            Put::IfMatch(tag) => found.as_ref() == Some(tag),
        };
        if holds {
            Ok(())
        } else {
            Err(StoreError::Precondition(key.to_owned()))
        }
    }

    pub(super) async fn probe(&self, store: &dyn Store, prefix: &str) -> Result<()> {
        let Self::Tested(known) = self else {
            return Ok(());
        };
        let key = || format!("{prefix}{FOLDER}/{}", Uuid::now_v7());
        match known.get_or_try_init(|| test(store, key())).await? {
            None => Ok(()),
            Some(deviation) => Err(StoreError::Deviates(deviation)),
        }
    }
}

/// Tests the store, and returns its deviation, if there is one.
///
/// # Errors
/// If the test can't be completed.
async fn test(store: &dyn Store, key: String) -> Result<Option<&'static str>> {
    // If the response was lost, the retry is refused; the object is read anyway.
    was_written(
        store
            .put(&key, Bytes::from_static(b"1"), Put::IfAbsent)
            .await,
    )?;
    let deviation = deviation(store, &key).await;
    if let Err(error) = store.delete(&key).await {
        tracing::warn!(%error, "can't remove the test object {key}");
    }
    if let Ok(Some(deviation)) = &deviation {
        tracing::error!("the store doesn't honor conditional writes: {deviation}");
    }
    deviation
}

async fn deviation(store: &dyn Store, key: &str) -> Result<Option<&'static str>> {
    let first = match store.get(key).await {
        Ok(object) => object.etag,
        Err(StoreError::NotFound(_)) => return Ok(Some(LOSES)),
        Err(error) => return Err(error),
    };
    let put = async |body: &'static str, condition| {
        was_written(
            store
                .put(key, Bytes::from_static(body.as_bytes()), condition)
                .await,
        )
    };
    if put("2", Put::IfAbsent).await? {
        return Ok(Some(IGNORES_ABSENT));
    }
    let replaced = put("3", Put::IfMatch(first.clone())).await?;
    if !replaced && store.get(key).await?.etag == first {
        return Ok(Some(REFUSES_MATCH));
    }
    if put("4", Put::IfMatch(first)).await? {
        return Ok(Some(IGNORES_MATCH));
    }
    Ok(None)
}

fn was_written<T>(result: Result<T>) -> Result<bool> {
    match result {
        Ok(_) => Ok(true),
        Err(StoreError::Precondition(_)) => Ok(false),
        Err(error) => Err(error),
    }
}
