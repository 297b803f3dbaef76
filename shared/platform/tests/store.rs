//! The contract tests of the stores that need no server, and the formats of `BUCKET_URL`.

use std::sync::Arc;

use platform::store::{Put, Store, StoreError};
use platform::{Env, Resources};

fn open(url: &str) -> anyhow::Result<Arc<dyn Store>> {
    Resources::new(Env::default().with("BUCKET_URL", url)).store()
}

mod memory {
    use super::*;

    async fn empty() -> ((), Arc<dyn Store>) {
        ((), open("memory:///").unwrap())
    }

    kit::store_contract!(empty);

    #[tokio::test]
    async fn clones_of_the_resources_share_their_objects() {
        let resources = Resources::new(Env::default().with("BUCKET_URL", "memory:///"));
        let store = resources.clone().store().unwrap();
        store.put("key", "body".into(), Put::Always).await.unwrap();
        assert_eq!(
            resources.store().unwrap().get("key").await.unwrap().body,
            "body"
        );
    }
}

mod file {
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    fn at(folder: &TempDir) -> Arc<dyn Store> {
        open(&format!("file://{}", folder.path().display())).unwrap()
    }

    async fn empty() -> (TempDir, Arc<dyn Store>) {
        let folder = tempfile::tempdir().unwrap();
        let store = at(&folder);
        (folder, store)
    }

    kit::store_contract!(empty);

    #[tokio::test]
    async fn an_object_is_a_plain_file_at_the_path_of_its_key() {
        let (folder, store) = empty().await;
        store
            .put("a/b.json", "{}".into(), Put::Always)
            .await
            .unwrap();
        assert_eq!(fs::read(folder.path().join("a/b.json")).unwrap(), b"{}");

        fs::write(folder.path().join("by-hand"), "text").unwrap();
        assert_eq!(store.get("by-hand").await.unwrap().body, "text");
    }

    #[tokio::test]
    async fn several_handles_of_one_folder_behave_as_one_store() {
        let (folder, store) = empty().await;
        let tag = store
            .put("key", "before".into(), Put::Always)
            .await
            .unwrap();
        let writers = (0..8).map(|writer| {
            let (store, tag) = (at(&folder), tag.clone());
            tokio::spawn(async move {
                store
                    .put("key", format!("{writer}").into(), Put::IfMatch(tag))
                    .await
                    .is_ok()
            })
        });
        let mut winners = 0;
        for writer in writers.collect::<Vec<_>>() {
            winners += usize::from(writer.await.unwrap());
        }
        assert_eq!(winners, 1);
    }

    #[tokio::test]
    async fn the_file_of_a_killed_writer_is_not_listed_and_blocks_nobody() {
        let (folder, store) = empty().await;
        store.put("key", "old".into(), Put::Always).await.unwrap();
        let private = folder.path().join(".metasync");
        fs::write(private.join("new"), "half a bo").unwrap();

        assert_eq!(store.list("").await.unwrap(), ["key"]);
        assert_eq!(store.get("key").await.unwrap().body, "old");
        store.put("key", "new".into(), Put::Always).await.unwrap();
        assert_eq!(store.get("key").await.unwrap().body, "new");
        assert!(!private.join("new").exists());
    }

    #[tokio::test]
    async fn the_stores_own_files_are_not_objects() {
        let (_folder, store) = empty().await;
        store.put("key", "body".into(), Put::Always).await.unwrap();
        for key in [".metasync/lock", ".metasync/new", ".metasync"] {
            assert!(matches!(
                store.get(key).await,
                Err(StoreError::Other { .. })
            ));
            assert!(matches!(
                store.delete(key).await,
                Err(StoreError::Other { .. })
            ));
        }
    }

    #[tokio::test]
    async fn a_key_below_another_object_is_an_error_that_says_so() {
        let (_folder, store) = empty().await;
        store.put("a", "body".into(), Put::Always).await.unwrap();
        store.put("b/c", "body".into(), Put::Always).await.unwrap();
        for key in ["a/b", "b"] {
            let error = store
                .put(key, "body".into(), Put::Always)
                .await
                .unwrap_err();
            let StoreError::Other { source, .. } = error else {
                panic!("{error:?}");
            };
            assert!(source.to_string().contains("folder of another"), "{source}");
        }
    }
}

#[test]
fn an_invalid_bucket_url_is_an_error_that_names_the_variable_and_the_formats() {
    let long = format!("s3://bucket/{}", "a".repeat(513));
    for url in [
        "bucket",
        "s3:bucket",
        "s3://",
        "s3:///prefix",
        "gs://",
        "s3://b u/p",
        "s3://key:secret@b/p",
        "s3://bucket/a//b",
        "gs://bucket/../b",
        "s3://bucket//",
        "http://bucket",
        "file://",
        "file:///",
        "file://host/dir",
        "memory://name",
        "memory:///name",
        "S3://bucket",
        &long,
    ] {
        let Err(error) = open(url) else {
            panic!("{url} was opened");
        };
        assert!(
            format!("{error:#}").contains("BUCKET_URL"),
            "{url}: {error:#}"
        );
    }
    let error = Resources::new(Env::default())
        .store()
        .err()
        .unwrap()
        .to_string();
    for part in ["BUCKET_URL", "s3://", "gs://", "file:///", "memory:///"] {
        assert!(error.contains(part), "{error}");
    }
}
