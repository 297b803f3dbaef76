//! Plans queries of a model on the warehouse. The warehouse is opened for the first query, so that readers
//! of the cache never wait for it.

use std::sync::Arc;

use platform::{Error, Resources};
use schema::document;
use warehouse::{Plan, Source, SourceError, Usage};

/// Plans queries, if there is a warehouse.
#[derive(Clone, Default)]
pub struct Planner(Opening);

#[derive(Clone, Default)]
enum Opening {
    /// There is no warehouse: queries are only checked against the schema.
    #[default]
    None,
    /// The warehouse of `WAREHOUSE_URL`.
    Lazily(Arc<tokio::sync::OnceCell<Arc<dyn Source>>>, Resources),
}

impl Planner {
    pub fn new(resources: &Resources) -> Self {
        match resources.env().get("WAREHOUSE_URL") {
            None => Self(Opening::None),
            Some(_) => Self(Opening::Lazily(Arc::default(), resources.clone())),
        }
    }

    /// The warehouse, if there is one, which the first call opens.
    pub async fn source(&self) -> anyhow::Result<Option<Arc<dyn Source>>> {
        let Opening::Lazily(opened, resources) = &self.0 else {
            return Ok(None);
        };
        let resources = resources.clone();
        let open =
            async || tokio::task::spawn_blocking(move || warehouse::open(&resources)).await?;
        opened.get_or_try_init(open).await.cloned().map(Some)
    }

    /// Plans the query without running it. The warehouse's message may mention names that the caller must
    /// not see; check it with `hidden::mentions_hidden`.
    pub async fn plan(
        &self,
        sql: &str,
        read_from: &document::Source,
    ) -> platform::Result<Result<Plan, SourceError>> {
        // The configuration of this process must not be revealed to callers.
        let unusable = |error| Error::unavailable("the warehouse can't plan queries now", error);
        let Some(source) = self.source().await.map_err(unusable)? else {
            return Ok(Ok(Plan::unplanned()));
        };
        let planned_by = source.describe().kind;
        if planned_by != read_from.kind {
            let kind = read_from.kind;
            return Err(unusable(anyhow::anyhow!(
                "WAREHOUSE_URL names a {planned_by:?}, but the schema was read from a {kind:?}"
            )));
        }
        Ok(source.plan(sql, &Usage::default()).await)
    }
}
