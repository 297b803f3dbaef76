//! The cached schema, as the commands that read it load it.

use anyhow::{Context as _, bail};
use platform::store::Store;
use schema::document::Document;
use schema::versions::{self, Damaged, Head};

/// The document in `BUCKET_URL`.
pub async fn load(store: &dyn Store) -> anyhow::Result<Document> {
    match versions::load_head(store).await? {
        Head::Whole { document, .. } => Ok(*document),
        Head::Absent => bail!("BUCKET_URL has no cache: run `metasync sync` to create it"),
        // A sync of this version would refuse to replace it.
        Head::Damaged {
            error: error @ Damaged::Format(_),
            ..
        } => Err(error.into()),
        Head::Damaged { error, .. } => Err(error)
            .context("the cache in BUCKET_URL is damaged: run `metasync sync` to repair it"),
    }
}

#[cfg(test)]
mod tests {
    use platform::store::Put;
    use platform::{Env, Resources};
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn a_cache_of_a_newer_version_is_not_called_damaged() {
        let env = Env::default().with("BUCKET_URL", "memory:///");
        let store = Resources::new(env).store().unwrap();
        for (body, is_repaired) in [
            (json!({"format": 1_000}), false),
            (json!({"format": "?"}), true),
        ] {
            let body = body.to_string().into_bytes();
            store
                .put(versions::HEAD, body.into(), Put::Always)
                .await
                .unwrap();
            let error = format!("{:#}", load(&*store).await.unwrap_err());
            assert_eq!(error.contains("metasync sync"), is_repaired, "{error}");
        }
    }
}
