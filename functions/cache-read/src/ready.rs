//! What the routes need, for `GET /readyz`.

use std::future;

use platform::Resources;
use platform::readiness::{self, Finding};
use schema::versions::HEAD;

use crate::app::{App, NOT_SYNCED};
use crate::cache::Level;

pub fn register(resources: &Resources, app: &App) -> anyhow::Result<()> {
    let readiness = resources.readiness();
    readiness.check("bucket", readiness::bucket(resources.store()?, HEAD));
    let cached = app.clone();
    readiness.check("schema", move || {
        let cached = cached.clone();
        async move {
            match cached.current(false).await.level {
                Level::Fresh | Level::Stale => Finding::Ready,
                Level::Builtin => Finding::lacking(NOT_SYNCED),
            }
        }
    });
    let has_model = app.sql.llm.is_some();
    readiness.check("model", move || {
        future::ready(if has_model {
            Finding::Ready
        } else {
            Finding::off("`POST /v1/schema/sql` returns 501: set LLM_MODEL")
        })
    });
    let planner = app.sql.planner.clone();
    readiness.check("warehouse", move || {
        let planner = planner.clone();
        async move {
            match planner.source().await {
                Ok(Some(source)) => warehouse::readiness(&*source).await,
                Ok(None) => Finding::off("queries are not planned: set WAREHOUSE_URL"),
                Err(error) => Finding::lacking_because(
                    "the warehouse can't be opened: the log has the reason",
                    error,
                ),
            }
        }
    });
    Ok(())
}
