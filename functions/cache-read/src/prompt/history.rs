//! The versions of a template: `prompts/<name>.versions.json`, newest last.
//!
//! The template itself is `prompts/<name>.json` and may be replaced by hand. A version is recorded after it
//! was stored, so if that is cut off, the next change records it.

use bytes::Bytes;
use jiff::Timestamp;
use platform::Error;
use platform::store::{Put, Store, StoreError};
use serde::{Deserialize, Serialize};

use super::templates::version_of;

/// How many versions are kept.
pub const KEPT_VERSIONS: usize = 20;
/// Attempts against concurrent changes.
const ATTEMPTS: usize = 5;

/// A version that was stored.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct SavedVersion {
    pub version: String,
    /// None if it was stored by hand.
    pub saved_at: Option<Timestamp>,
    pub body: String,
}

fn key(name: &str) -> String {
    format!("prompts/{name}.versions.json")
}

/// The versions of a template, and the condition for a write.
async fn load(store: &dyn Store, name: &str) -> platform::Result<(Vec<SavedVersion>, Put)> {
    match store.get(&key(name)).await {
        // A damaged list must not prevent changes: it starts anew.
        Ok(object) => Ok((
            serde_json::from_slice(&object.body).unwrap_or_default(),
            Put::IfMatch(object.etag),
        )),
        Err(StoreError::NotFound(_)) => Ok((Vec::new(), Put::IfAbsent)),
        Err(error) => Err(error.into()),
    }
}

/// The recorded versions of a template.
pub async fn versions(store: &dyn Store, name: &str) -> platform::Result<Vec<SavedVersion>> {
    Ok(load(store, name).await?.0)
}

/// Records the template that was replaced, if it was stored by hand, and the one that replaces it.
pub async fn record(
    store: &dyn Store,
    name: &str,
    replaced: Option<&Bytes>,
    body: &Bytes,
    now: Timestamp,
) -> platform::Result<()> {
    let add = |versions: &mut Vec<SavedVersion>| {
        if let Some(replaced) = replaced {
            add(versions, replaced, None);
        }
        add(versions, body, Some(now));
    };
    change(store, name, add).await
}

async fn change(
    store: &dyn Store,
    name: &str,
    add: impl Fn(&mut Vec<SavedVersion>),
) -> platform::Result<()> {
    for _ in 0..ATTEMPTS {
        let (mut versions, condition) = load(store, name).await?;
        let before = versions.last().map(|last| last.version.clone());
        add(&mut versions);
        if versions.last().map(|last| last.version.clone()) == before {
            return Ok(());
        }
        let surplus = versions.len().saturating_sub(KEPT_VERSIONS);
        versions.drain(..surplus);
        let json = serde_json::to_vec(&versions).map_err(anyhow::Error::from)?;
        match store.put(&key(name), json.into(), condition).await {
            Ok(_) => return Ok(()),
            Err(StoreError::Precondition(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Error::Conflict(format!(
        "template {name:?} is being changed by others: try again"
    )))
}

/// Records a template before it is deleted, if it was stored by hand.
pub async fn keep(store: &dyn Store, name: &str, body: &Bytes) -> platform::Result<()> {
    change(store, name, |versions| add(versions, body, None)).await
}

/// Adds a version at the end, unless it is the last one.
fn add(versions: &mut Vec<SavedVersion>, body: &Bytes, saved_at: Option<Timestamp>) {
    let version = version_of(body).to_string();
    let is_last = versions.last().is_some_and(|last| last.version == version);
    // A template in the store is JSON, and so UTF-8, unless it was stored by hand.
    if !is_last && let Ok(text) = std::str::from_utf8(body) {
        versions.push(SavedVersion {
            version,
            saved_at,
            body: text.to_owned(),
        });
    }
}
