//! Many changes at once, by several processes.

use std::collections::BTreeMap;

use futures::future::join_all;
use futures::stream::{self, StreamExt as _};
use kit::postgres::database;
use serde_json::{Value, json};

use crate::common::{app_on, get, path};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r15_of_1000_changes_of_different_keys_by_8_processes_none_is_lost() {
    const PROCESSES: usize = 8;
    const CHANGES: usize = 125;
    const AT_ONCE: usize = 4;
    let database = database().await;
    // Each with its own resources, pool and memory, as a process has them.
    let processes = (0..PROCESSES).map(|_| app_on(&database, &[("DATABASE_POOL_SIZE", "4")]));
    let processes = join_all(processes).await;
    let of_process = processes.iter().enumerate().map(|(process, app)| {
        let changes: Vec<_> = (0..CHANGES)
            .map(|n| {
                let key = format!("k{process}_{n}");
                match n % 3 {
                    0 => app
                        .request(http::Method::PATCH, &path("/skill"))
                        .json(&json!({ &key: n })),
                    _ => app.put(&path(&format!("/skill/{key}")), n),
                }
            })
            .collect();
        tokio::spawn(async move {
            let changes = changes.into_iter().map(IntoFuture::into_future);
            let replies = stream::iter(changes).buffer_unordered(AT_ONCE);
            replies.collect::<Vec<_>>().await
        })
    });
    for replies in join_all(of_process).await {
        for reply in replies.unwrap() {
            assert_eq!(reply.status, 200, "{reply:?}");
        }
    }
    let skill: BTreeMap<String, Value> =
        serde_json::from_value(get(&processes[0], "/skill").await).unwrap();
    for process in 0..PROCESSES {
        for n in 0..CHANGES {
            assert_eq!(skill.get(&format!("k{process}_{n}")), Some(&json!(n)));
        }
    }
    let tag = processes[1].get(&path("/skill")).await;
    assert_eq!(tag.etag(), Some("\"1000\""), "each change is one revision");
}

#[tokio::test]
async fn of_several_changes_with_the_same_if_match_one_is_made() {
    let database = database().await;
    let app = app_on(&database, &[]).await;
    let changes = (0..12).map(|n| app.put(&path("/skill/winner"), n).if_match(0));
    let statuses = join_all(changes.map(IntoFuture::into_future)).await;
    let made = statuses.iter().filter(|it| it.status == 200).count();
    let refused = statuses.iter().filter(|it| it.status == 412).count();
    assert_eq!((made, refused), (1, 11));
}
