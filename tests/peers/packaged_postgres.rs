//! The packaged builds of Postgres for machines without an installed one.

use std::path::Path;

use platform::Env;
use platform::postgres::{migrate, open};
use throwaway_postgres::{Server, packaged};

async fn assert_runs(binaries: &Path) {
    let server = Server::start_packaged(binaries).unwrap();
    let env = Env::default().with("DATABASE_URL", server.url());
    migrate(&env, migrations::FILES).await.unwrap();
    let db = open(&env).unwrap().get().await.unwrap();
    let sql = "select current_setting('server_version_num')::int";
    let version: i32 = db.query_typed_one(sql, &[]).await.unwrap().get(0);
    assert!(version >= 150_000, "{version}");
}

#[tokio::test]
async fn the_build_from_pip_runs() {
    let cache = tempfile::tempdir().unwrap();
    assert_runs(&packaged::by_pip(cache.path()).unwrap()).await;
}

#[tokio::test]
async fn the_build_from_npm_runs() {
    let cache = tempfile::tempdir().unwrap();
    assert_runs(&packaged::by_npm(cache.path()).unwrap()).await;
}

#[test]
fn a_packaged_build_is_downloaded_once() {
    let cache = tempfile::tempdir().unwrap();
    let env = Env::default().with("XDG_CACHE_HOME", cache.path().to_str().unwrap());
    let first = packaged::fetch(&env).unwrap();
    let modified = first
        .join("postgres")
        .metadata()
        .unwrap()
        .modified()
        .unwrap();
    let second = packaged::fetch(&env).unwrap();
    assert_eq!(first, second);
    let modified_later = second
        .join("postgres")
        .metadata()
        .unwrap()
        .modified()
        .unwrap();
    assert_eq!(modified, modified_later);
}
