//! Whether a store keeps the condition of a write, tried out once per process.

use anyhow::bail;
use bytes::Bytes;
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::{Put, Result, Store, StoreError};
use crate::Env;

/// What is tried out lies here, and is removed again.
const FOLDER: &str = "probe";

const LOSES: &str = "an object that was just written can't be read";
const IGNORES_ABSENT: &str = "an object that was there already was created again (`If-None-Match: *` \
                              or `ifGenerationMatch=0` is ignored)";
const IGNORES_MATCH: &str = "an object was replaced that had changed meanwhile (`If-Match` or \
                             `ifGenerationMatch` is ignored)";
const REFUSES_MATCH: &str = "an object that had not changed was not replaced (`If-Match` or \
                             `ifGenerationMatch` is taken for another)";

/// What is known of a store's conditional writes.
pub(super) enum Conditions {
    /// They are kept: the store is our own code.
    Ours,
    /// How it deviates, once it was tried out.
    Tried(OnceCell<Option<&'static str>>),
    /// They may be ignored, and somebody has said that this is fine.
    Unchecked,
}

impl Conditions {
    /// Of somebody else's store, as `STORE_CONDITIONAL_WRITES` has it.
    pub(super) fn of_others(env: &Env) -> anyhow::Result<Self> {
        match env.get("STORE_CONDITIONAL_WRITES") {
            None => Ok(Self::Tried(OnceCell::new())),
            Some("unchecked") => Ok(Self::Unchecked),
            Some(other) => {
                bail!("STORE_CONDITIONAL_WRITES is {other:?}: set it to \"unchecked\", or unset it")
            }
        }
    }

    /// Before a write under this condition: an error where it must not be tried.
    pub(super) async fn look(
        &self,
        store: &dyn Store,
        prefix: &str,
        key: &str,
        condition: &Put,
    ) -> Result<()> {
        if !matches!(self, Self::Unchecked) {
            return self.probe(store, prefix).await;
        }
        // Not atomic, but whoever does not write at the same moment is seen.
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
        let Self::Tried(known) = self else {
            return Ok(());
        };
        let key = || format!("{prefix}{FOLDER}/{}", Uuid::now_v7());
        match known.get_or_try_init(|| try_out(store, key())).await? {
            None => Ok(()),
            Some(deviation) => Err(StoreError::Deviates(deviation)),
        }
    }
}

/// How the store deviates, if it does. An error where that can't be told now.
async fn try_out(store: &dyn Store, key: String) -> Result<Option<&'static str>> {
    // Where its answer was lost it was sent again, and is refused: it is read whether it is there.
    was_written(
        store
            .put(&key, Bytes::from_static(b"1"), Put::IfAbsent)
            .await,
    )?;
    let deviation = deviation(store, &key).await;
    if let Err(error) = store.delete(&key).await {
        tracing::warn!(%error, "{key} was tried out and can't be removed");
    }
    if let Ok(Some(deviation)) = &deviation {
        tracing::error!("the store does not keep the condition of a write: {deviation}");
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

fn was_written<T>(answer: Result<T>) -> Result<bool> {
    match answer {
        Ok(_) => Ok(true),
        Err(StoreError::Precondition(_)) => Ok(false),
        Err(error) => Err(error),
    }
}
