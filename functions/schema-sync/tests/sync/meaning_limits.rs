//! Limits, outages and races of what people write.

use platform::store::{ETag, Object, Put, StoreError};

use super::meaning::{TOTAL, shop};
use super::*;

#[tokio::test]
async fn at_the_limit_entries_can_be_shortened_and_removed_but_not_added() {
    let shop = shop().await;
    let mut document = head(&shop.store).await;
    let term = |at: usize| json!({"term": format!("t{at:04}"), "meaning": "x".repeat(4_000)});
    let terms: Vec<Value> = (0..1_060).map(term).collect();
    document.meaning = serde_json::from_value(json!({"glossary": terms})).unwrap();
    // What a sync adds is no text of people.
    document.meaning.glossary[0].error = Some("y".repeat(1 << 20));
    versions::seal(&mut document);
    let replace = versions::load_head(&*shop.store).await.unwrap().replace();
    versions::publish(&*shop.store, &document, replace)
        .await
        .unwrap();

    let put = |term: &str, meaning: String| {
        let path = format!("/v1/schema/glossary/{term}");
        shop.put(&path, json!({"meaning": meaning}))
    };
    assert_eq!(put("new", "z".repeat(4_000)).await.status, 409);
    assert_eq!(put("t0001", "z".to_owned()).await.status, 200);
    assert_eq!(shop.delete("/v1/schema/glossary/t0002").await.status, 204);
}

#[tokio::test]
async fn an_import_is_refused_as_a_whole_while_the_warehouse_plans_nothing() {
    let shop = shop().await;
    *shop.warehouse.failure.lock().unwrap() = Some("the warehouse is busy");
    let file = json!({
        "descriptions": [{"table": "orders", "text": "One row per order."}],
        "metrics": [{"name": "revenue", "sql": "sum(total)", "table": "orders"}],
    });
    let import = shop.app.post("/v1/schema/meaning", file);
    let refused = import.bearer("all-token").await;
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert!(head(&shop.store).await.meaning.is_empty());
}

/// A store whose answer to the first write of the head is lost, so that the write is retried.
struct Echo {
    inner: Arc<dyn Store>,
    is_lost: std::sync::atomic::AtomicBool,
}

#[async_trait::async_trait]
impl Store for Echo {
    async fn get_if_changed(
        &self,
        key: &str,
        tag: Option<&ETag>,
    ) -> platform::store::Result<Option<Object>> {
        self.inner.get_if_changed(key, tag).await
    }

    async fn get_range(
        &self,
        key: &str,
        range: std::ops::Range<u64>,
    ) -> platform::store::Result<bytes::Bytes> {
        self.inner.get_range(key, range).await
    }

    async fn put(
        &self,
        key: &str,
        body: bytes::Bytes,
        condition: Put,
    ) -> platform::store::Result<ETag> {
        let written = self.inner.put(key, body, condition).await?;
        if key == HEAD && !self.is_lost.swap(true, Ordering::Relaxed) {
            return Err(StoreError::Precondition(key.to_owned()));
        }
        Ok(written)
    }

    async fn list(&self, prefix: &str) -> platform::store::Result<Vec<String>> {
        self.inner.list(prefix).await
    }

    async fn delete(&self, key: &str) -> platform::store::Result<()> {
        self.inner.delete(key).await
    }
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_is_no_write_of_another() {
    let shop = shop().await;
    let example = json!({"question": "How many?", "sql": "SELECT COUNT(id) FROM `p.shop.orders`"});
    for (method, path, body) in [
        ("put", TOTAL, json!({"text": "Gross."})),
        ("post", "/v1/schema/examples", example),
    ] {
        let echo = Echo {
            inner: shop.store.clone(),
            is_lost: false.into(),
        };
        let sync = sync(&shop.warehouse, Arc::new(echo));
        let app = TestApp::without_database(|_| Ok(schema_sync::api::router(sync))).await;
        let request = match method {
            "put" => app.put(path, body).header("if-none-match", "*"),
            _ => app.post(path, body),
        };
        assert_eq!(request.await.status, 201, "{path}");
    }
}
