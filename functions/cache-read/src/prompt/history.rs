//! The versions of a template: `prompts/<name>.versions.json`, newest last.
//!
//! The template itself is `prompts/<name>.json` and may be replaced by hand. A version is recorded after it
//! was stored, and again before it is replaced or deleted if it is not known then.

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
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
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

/// Records a template that was stored, before those that others have stored since then.
pub async fn record(
    store: &dyn Store,
    name: &str,
    body: &Bytes,
    saved_at: Timestamp,
) -> platform::Result<()> {
    change(store, name, |versions| {
        let is_later = |it: &SavedVersion| it.saved_at.is_some_and(|at| at > saved_at);
        let at = versions.iter().position(is_later);
        let later = versions.split_off(at.unwrap_or(versions.len()));
        add(versions, body, Some(saved_at));
        if !later.is_empty()
            && let Some(last) = versions.last_mut()
        {
            // Whoever replaced it did not know when it was stored.
            last.saved_at.get_or_insert(saved_at);
        }
        versions.extend(later);
    })
    .await
}

async fn change(
    store: &dyn Store,
    name: &str,
    add: impl Fn(&mut Vec<SavedVersion>),
) -> platform::Result<()> {
    for _ in 0..ATTEMPTS {
        let (mut versions, condition) = load(store, name).await?;
        let before = versions.clone();
        add(&mut versions);
        if versions == before {
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

/// Records a template before it is replaced or deleted, unless it is known: it was stored by hand, or recording it
/// was cut off.
pub async fn keep(store: &dyn Store, name: &str, body: &Bytes) -> platform::Result<()> {
    let version = version_of(body);
    change(store, name, |versions| {
        // Concurrent changes may have recorded newer versions after it.
        if versions.iter().all(|it| it.version != *version) {
            add(versions, body, None);
        }
    })
    .await
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

#[cfg(test)]
mod tests {
    use platform::{Env, Resources};

    use super::*;

    fn store() -> std::sync::Arc<dyn Store> {
        let env = Env::default().with("BUCKET_URL", "memory:///");
        Resources::new(env).store().expect("a store in memory")
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    async fn recorded(store: &dyn Store) -> Vec<(String, Option<Timestamp>)> {
        let versions = versions(store, "mine").await.expect("versions");
        versions
            .into_iter()
            .map(|it| (it.body, it.saved_at))
            .collect()
    }

    #[tokio::test]
    async fn concurrent_changes_are_recorded_in_the_order_in_which_they_were_stored() {
        let (store, a, b) = (store(), Bytes::from("a"), Bytes::from("b"));
        // The one who stores `b` comes before the record of `a`, which it replaces.
        keep(&*store, "mine", &a).await.expect("kept");
        record(&*store, "mine", &b, at(2)).await.expect("recorded");
        record(&*store, "mine", &a, at(1)).await.expect("recorded");

        let expected = [("a".to_owned(), Some(at(1))), ("b".to_owned(), Some(at(2)))];
        assert_eq!(recorded(&*store).await, expected);
    }

    #[tokio::test]
    async fn a_replaced_template_is_kept_only_if_it_is_not_recorded() {
        let (store, a, b) = (store(), Bytes::from("a"), Bytes::from("b"));
        record(&*store, "mine", &a, at(1)).await.expect("recorded");
        record(&*store, "mine", &b, at(2)).await.expect("recorded");
        keep(&*store, "mine", &a).await.expect("kept");
        let by_hand = Bytes::from("by hand");
        keep(&*store, "mine", &by_hand).await.expect("kept");

        let expected = [
            ("a".to_owned(), Some(at(1))),
            ("b".to_owned(), Some(at(2))),
            ("by hand".to_owned(), None),
        ];
        assert_eq!(recorded(&*store).await, expected);
    }

    #[tokio::test]
    async fn a_version_that_is_stored_again_is_recorded_again() {
        let (store, a, b) = (store(), Bytes::from("a"), Bytes::from("b"));
        for (body, second) in [(&a, 1), (&b, 2), (&a, 3), (&a, 4)] {
            record(&*store, "mine", body, at(second))
                .await
                .expect("recorded");
        }

        let bodies: Vec<_> = recorded(&*store).await.into_iter().map(|it| it.0).collect();
        assert_eq!(bodies, ["a", "b", "a"]);
    }
}
