//! The routes: a run by a scheduler, a run by an admin, examples, and what people know.

mod examples;
mod meaning;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, StatusCode, header};
use platform::readiness::{self, Finding};
use platform::serve::{Class, rate_class, time_limit};
use platform::{Admin, Caller, Json, RawBody, Resources, Result, Router, routes};
use schema::versions;
use serde::Serialize;

use crate::head::apart;
use crate::run::Run;
use crate::sync::{Answer, Sync};

/// The time limit of a sync, which is Lambda's limit. A large warehouse at its request limit and an LLM
/// take minutes, and a sync that is cut off must start over.
pub const LONGEST_SYNC: Duration = Duration::from_secs(15 * 60);

/// What a 409 means if there is no head that can be read.
const NO_HEAD: &str = "nothing was synced yet, or the cache is damaged or was written by a newer version of the program";

/// What a 409 means if there is no head that can be changed, or for other reasons.
macro_rules! no_head_or {
    ($reasons:literal) => {
        concat!(
            "nothing was synced yet, the cache is damaged or was written by a newer version of the program, ",
            $reasons
        )
    };
}
use no_head_or;

pub fn app(resources: &Resources) -> anyhow::Result<Router> {
    let sync = Sync::open(resources)?;
    let readiness = resources.readiness();
    let bucket = readiness::bucket(resources.store()?, versions::HEAD);
    readiness.check("bucket", bucket);
    let source = Arc::clone(&sync.source);
    readiness.check("warehouse", move || {
        let source = Arc::clone(&source);
        async move { warehouse::readiness(&*source).await }
    });
    let has_model = resources.llm()?.is_some();
    readiness.check("model", move || {
        std::future::ready(if has_model {
            Finding::Ready
        } else {
            Finding::off("a sync adds no text of a model: set LLM_MODEL")
        })
    });
    Ok(router(sync))
}

/// The routes on the given sync.
pub fn router(sync: Sync) -> Router {
    Router::new()
        .routes(routes!(by_hand))
        .layer(rate_class(Class::Model))
        .routes(routes!(trigger))
        .layer(time_limit(LONGEST_SYNC))
        .merge(examples::routes())
        .merge(meaning::routes())
        .with_state(sync)
}

/// Run a sync from a scheduler.
///
/// The body is ignored.
#[utoipa::path(
    post,
    path = "/events/schema-sync",
    request_body(content = Option<Object>, description = "anything; ignored"),
    responses(
        (status = 200, body = Answer),
        (status = 409, description = "a newer version of the program wrote the cache"),
        (status = 503, description = "the warehouse or the store is unavailable"),
    )
)]
async fn trigger(
    State(sync): State<Sync>,
    Admin(caller): Admin,
    _: RawBody,
) -> Result<Json<Answer>> {
    run(&sync, caller).await
}

/// Run a sync.
#[utoipa::path(
    post,
    path = "/v1/schema/sync",
    responses(
        (status = 200, body = Answer),
        (status = 409, description = "a newer version of the program wrote the cache"),
        (status = 503, description = "the warehouse or the store is unavailable"),
    )
)]
async fn by_hand(State(sync): State<Sync>, Admin(caller): Admin) -> Result<Json<Answer>> {
    run(&sync, caller).await
}

async fn run(sync: &Sync, caller: Caller) -> Result<Json<Answer>> {
    let answer = sync.run(&Run::default()).await?;
    Ok(Json(apart(move || answer.seen_by(&caller.scope)).await?))
}

/// A response with the ETag of its body. `tag` has no quotes.
fn tagged(status: StatusCode, tag: &str, body: &impl Serialize) -> Response {
    let mut response = (status, axum::Json(body)).into_response();
    let tag = HeaderValue::from_str(&format!("\"{tag}\""));
    let tag = tag.expect("hex digits are a header value");
    response.headers_mut().insert(header::ETAG, tag);
    response
}
