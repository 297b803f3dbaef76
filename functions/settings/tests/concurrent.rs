//! Concurrent changes by several processes.

use std::collections::BTreeMap;
use std::process::Command;

use futures::future::join_all;
use futures::stream::{self, StreamExt as _};
use http::{Method, header};
use kit::lambda::Process;
use kit::postgres::{Database, database};
use platform::Env;
use serde_json::{Value, json};

use crate::common::{app_on, path};

/// The function on its own port, and its URL.
fn process(database: &Database) -> (Process, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_settings"));
    command
        .env_clear()
        .envs(database.env().iter())
        .env("DATABASE_POOL_SIZE", "4");
    let (process, log, url) = kit::process::serve(command);
    log.drain();
    (process, url)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_changes_of_different_keys_lose_nothing() {
    const PROCESSES: usize = 8;
    const CHANGES: usize = 125;
    const AT_ONCE: usize = 4;
    let database = database().await;
    let processes: Vec<_> = (0..PROCESSES).map(|_| process(&database)).collect();
    let http = platform::http_client::build(&Env::default()).unwrap();
    let of_process = processes.iter().enumerate().map(|(process, (_, url))| {
        let (http, url) = (http.clone(), url.clone());
        tokio::spawn(async move {
            let changes = (0..CHANGES).map(|n| {
                let key = format!("k{process}_{n}");
                let (method, at, body) = match n % 3 {
                    0 => (Method::PATCH, path("/skill"), json!({ &key: n })),
                    _ => (Method::PUT, path(&format!("/skill/{key}")), json!(n)),
                };
                http.request(method, format!("{url}{at}"))
                    .json(&body)
                    .send()
            });
            let replies = stream::iter(changes).buffer_unordered(AT_ONCE);
            replies.collect::<Vec<_>>().await
        })
    });
    for replies in join_all(of_process).await {
        for reply in replies.unwrap() {
            let reply = reply.unwrap();
            assert_eq!(reply.status(), 200, "{reply:?}");
        }
    }
    for (_, url) in &processes[..2] {
        let reply = http.get(format!("{url}{}", path("/skill"))).send();
        let reply = reply.await.unwrap();
        let tag = reply.headers().get(header::ETAG).cloned();
        assert_eq!(tag.unwrap(), "\"1000\"", "each change is one revision");
        let skill: BTreeMap<String, Value> = reply.json().await.unwrap();
        for process in 0..PROCESSES {
            for n in 0..CHANGES {
                assert_eq!(skill.get(&format!("k{process}_{n}")), Some(&json!(n)));
            }
        }
    }
}

#[tokio::test]
async fn of_several_changes_with_the_same_if_match_one_is_made() {
    let database = database().await;
    let app = app_on(&database, &[]).await;
    let changes = (0..12).map(|n| app.put(&path("/skill/winner"), n).if_match(0));
    let statuses = join_all(changes.map(IntoFuture::into_future)).await;
    let made = statuses.iter().filter(|it| it.status == 200).count();
    let rejected = statuses.iter().filter(|it| it.status == 412).count();
    assert_eq!((made, rejected), (1, 11));
}
