//! Syncs that race on a store of somebody else.

use futures::future::join_all;
use kit::object_server::{Deviations, ObjectServer};
use platform::Error;

use super::*;

/// Each by a process of its own, of a warehouse with a column of its own.
async fn race(server: &ObjectServer, syncs: usize) -> Vec<Result<Answer, Error>> {
    let syncs = (0..syncs).map(|number| {
        let columns = format!("a INT64, b{number} INT64");
        let warehouse = Warehouse::new().table("p.d.t", &columns).shared();
        let sync = sync(&warehouse, server.store("gs"));
        async move { sync.run(&Run::default()).await }
    });
    join_all(syncs).await
}

#[tokio::test]
async fn racing_syncs_lose_no_version_of_the_history() {
    let server = ObjectServer::start(Deviations::default()).await;
    let mut published: Vec<String> = Vec::new();
    for answer in race(&server, 4).await {
        // A sync that is overtaken too often fails.
        published.extend(answer.ok().map(|answer| answer.version));
    }
    assert!(published.len() > 1, "{published:?}");
    let (history, _) = versions::load_history(&*server.store("gs")).await.unwrap();
    for version in published {
        let known = history.versions.iter().any(|it| it.version == version);
        assert!(known, "{version} is not in the history");
    }
}

#[tokio::test]
async fn on_a_store_that_ignores_conditions_a_sync_publishes_nothing_and_reports_why() {
    let server = ObjectServer::start(Deviations {
        ignores_match: true,
        ..Deviations::default()
    })
    .await;
    for answer in race(&server, 3).await {
        let Err(Error::Unavailable { detail, .. }) = answer else {
            panic!("{answer:?}");
        };
        assert!(detail.contains("a changed object was replaced"), "{detail}");
    }
    assert_eq!(server.keys(), [""; 0]);
}
