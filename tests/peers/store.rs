//! The contract of object stores, against peers.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};

use platform::store::Store;
use platform::{Env, Resources};

use crate::server::Server;

/// A unique folder of the bucket.
fn fresh_prefix() -> u32 {
    static TESTS: AtomicU32 = AtomicU32::new(0);
    TESTS.fetch_add(1, Ordering::Relaxed)
}

mod s3 {
    use super::*;
    use crate::moto::MOTO;

    async fn bucket() -> ((), Arc<dyn Store>) {
        let env = Env::default()
            .with("AWS_ENDPOINT_URL_S3", MOTO.url())
            .with("AWS_REGION", "us-east-1")
            .with("AWS_ACCESS_KEY_ID", "key")
            .with("AWS_SECRET_ACCESS_KEY", "secret")
            .with("BUCKET_URL", format!("s3://peers/{}", fresh_prefix()));
        let resources = Resources::new(env);
        let create = resources
            .http()
            .unwrap()
            .put(format!("{}/peers", MOTO.url()));
        create.send().await.unwrap().error_for_status().unwrap();
        ((), resources.store().unwrap())
    }

    kit::store_contract!(bucket);
}

mod gcs {
    use super::*;

    static FAKE: LazyLock<Server> = LazyLock::new(|| {
        Server::start("fake-gcs-server", "bin/fake-gcs-server", |port| {
            let port = port.to_string();
            [
                "-backend",
                "memory",
                "-scheme",
                "http",
                "-host",
                "127.0.0.1",
                "-port",
                &port,
            ]
            .map(str::to_owned)
            .into()
        })
    });

    async fn bucket() -> ((), Arc<dyn Store>) {
        let env = Env::default()
            .with("STORAGE_EMULATOR_HOST", FAKE.address.to_string())
            .with("BUCKET_URL", format!("gs://peers/{}", fresh_prefix()));
        let resources = Resources::new(env);
        let create = resources
            .http()
            .unwrap()
            .post(format!("{}/storage/v1/b", FAKE.url()))
            .body(r#"{"name": "peers"}"#);
        // An earlier test may have created it.
        create.send().await.unwrap();
        ((), resources.store().unwrap())
    }

    kit::store_contract!(bucket);
}
