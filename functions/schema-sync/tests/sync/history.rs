//! The history lists the versions in the order in which they were current.

use schema::versions::{History, content_hash};

use super::*;

/// The head after a sync of a warehouse with these columns.
async fn synced(store: &Arc<dyn Store>, columns: &str) -> Document {
    let warehouse = Warehouse::new().table("p.d.t", columns).shared();
    run(&sync(&warehouse, store.clone())).await;
    head(store).await
}

/// The document with another column, published and not recorded.
async fn publish_next(store: &Arc<dyn Store>, before: &Document, column: &str) -> Document {
    let mut next = before.clone();
    let mut added = next.tables[0].columns[0].clone();
    added.name = column.to_owned();
    next.tables[0].columns.push(added);
    next.generated_at = jiff::Timestamp::now();
    next.version = content_hash(&next);
    let head = versions::load_head(&**store).await.unwrap();
    versions::publish(&**store, &next, head.replace())
        .await
        .unwrap();
    next
}

async fn history(store: &Arc<dyn Store>) -> History {
    versions::load_history(&**store).await.unwrap().0
}

#[tokio::test]
async fn a_slow_publisher_is_recorded_before_the_next_version() {
    let store = memory();
    let first = synced(&store, "a INT64").await;
    let second = publish_next(&store, &first, "b").await;
    let third = publish_next(&store, &second, "c").await;

    versions::record(&*store, Some(&second), &third)
        .await
        .unwrap();
    versions::record(&*store, Some(&first), &second)
        .await
        .unwrap();
    versions::record(&*store, None, &third).await.unwrap();

    let history = history(&store).await;
    let told: Vec<_> = history
        .versions
        .iter()
        .map(|entry| (&entry.version, entry.changes.added))
        .collect();
    assert_eq!(
        told,
        [
            (&first.version, 1),
            (&second.version, 1),
            (&third.version, 1)
        ]
    );
}

#[tokio::test]
async fn content_that_returns_is_recorded_again() {
    let store = memory();
    let a = synced(&store, "a INT64").await;
    let b = synced(&store, "a INT64, b INT64").await;
    let again = synced(&store, "a INT64").await;

    let history = history(&store).await;
    let versions: Vec<_> = history.versions.iter().map(|it| &it.version).collect();
    assert_eq!(versions, [&a.version, &b.version, &again.version]);
    assert_eq!(a.version, again.version);
    assert_eq!(history.versions[2].changes.removed, 1);
}

#[tokio::test]
async fn a_damaged_history_starts_over_with_the_head() {
    let store = memory();
    let before = synced(&store, "a INT64").await;
    let damaged = store.put(versions::HISTORY, "{".into(), platform::store::Put::Always);
    damaged.await.unwrap();

    let after = synced(&store, "a INT64, b INT64").await;

    let history = history(&store).await;
    let versions: Vec<_> = history.versions.iter().map(|it| &it.version).collect();
    assert_eq!(versions, [&before.version, &after.version]);
}
