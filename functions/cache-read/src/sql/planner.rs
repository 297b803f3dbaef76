//! The warehouse that plans what a model wrote. It is opened when a query is first planned, so that
//! a reader of the cache never waits for it.

use std::sync::Arc;

use platform::{Error, Resources};
use schema::document;
use warehouse::{Plan, Source, SourceError, Usage};

#[derive(Clone, Default)]
pub struct Planner(Opening);

#[derive(Clone, Default)]
enum Opening {
    /// There is none: a query is held to the schema alone.
    #[default]
    None,
    /// As `WAREHOUSE_URL` names it.
    Lazily(Arc<tokio::sync::OnceCell<Arc<dyn Source>>>, Resources),
}

impl Planner {
    pub fn new(resources: &Resources) -> Self {
        match resources.env().get("WAREHOUSE_URL") {
            None => Self(Opening::None),
            Some(_) => Self(Opening::Lazily(Arc::default(), resources.clone())),
        }
    }

    async fn source(&self) -> anyhow::Result<Option<Arc<dyn Source>>> {
        let Opening::Lazily(opened, resources) = &self.0 else {
            return Ok(None);
        };
        let resources = resources.clone();
        let open =
            async || tokio::task::spawn_blocking(move || warehouse::open(&resources)).await?;
        opened.get_or_try_init(open).await.cloned().map(Some)
    }

    /// Has the query planned, which runs nothing. What the warehouse says of it may name what the
    /// caller must not see: `hidden::tells_of_hidden`.
    pub async fn plan(
        &self,
        sql: &str,
        read_from: &document::Source,
    ) -> platform::Result<Result<Plan, SourceError>> {
        // How this process is configured is no caller's business.
        let unusable = |error| Error::unavailable("the warehouse can't plan queries now", error);
        let Some(source) = self.source().await.map_err(unusable)? else {
            return Ok(Ok(Plan::unplanned()));
        };
        let planned_by = source.describe().kind;
        if planned_by != read_from.kind {
            let kind = read_from.kind;
            return Err(unusable(anyhow::anyhow!(
                "WAREHOUSE_URL names a {planned_by:?}, and the schema was read from a {kind:?}"
            )));
        }
        Ok(source.plan(sql, &Usage::default()).await)
    }
}
