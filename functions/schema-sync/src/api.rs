//! The routes: a run by a scheduler, a run by an admin, and an example that a person wrote.

mod meaning;

use std::time::Duration;

use axum::extract::State;
use http::{HeaderMap, StatusCode};
use platform::auth::Names;
use platform::readiness::{self, Finding};
use platform::serve::time_limit;
use platform::store::StoreError;
use platform::{Admin, Error, Json, RawBody, Resources, Result, Router, idempotency, routes};
use schema::bounds::bytes;
use schema::document::{Document, Example, Origin, Verified};
use schema::mentions::Mentions;
use schema::name::DATASETS;
use schema::versions;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use crate::examples::{self, Audience, Planning, Reviewer, Verdict};
use crate::head::whole;
use crate::run::Run;
use crate::state::{self, Addition};
use crate::sync::{Answer, Sync};

/// The time limit of a sync, which is Lambda's limit. A large warehouse at its request limit and an LLM
/// take minutes, and a sync that is cut off must start over.
pub const LONGEST_SYNC: Duration = Duration::from_secs(15 * 60);

/// The size limit of all examples that people wrote, in JSON. Their number is unlimited.
const MAX_EXAMPLES_BYTES: usize = 16 << 20;

pub fn app(resources: &Resources) -> anyhow::Result<Router> {
    let sync = Sync::open(resources)?;
    let readiness = resources.readiness();
    let bucket = readiness::bucket(resources.store()?, versions::HEAD);
    readiness.check("bucket", bucket);
    let has_model = resources.llm()?.is_some();
    readiness.check("model", move || {
        std::future::ready(if has_model {
            Finding::Ready
        } else {
            Finding::Off("a sync adds no text of a model: set LLM_MODEL")
        })
    });
    Ok(router(sync))
}

/// The routes on the given sync.
pub fn router(sync: Sync) -> Router {
    Router::new()
        .routes(routes!(trigger))
        .routes(routes!(by_hand))
        .layer(time_limit(LONGEST_SYNC))
        .routes(routes!(add_example))
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
    let answer = sync.run(&Run::default()).await?;
    Ok(Json(answer.seen_by(&caller.scope)))
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
    let answer = sync.run(&Run::default()).await?;
    Ok(Json(answer.seen_by(&caller.scope)))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewExample {
    /// A question that a person would ask; at most 2,000 characters.
    #[schema(min_length = 1, max_length = 2_000)]
    question: String,
    /// A single SELECT in the warehouse's dialect that answers it; at most 100,000 bytes.
    sql: String,
}

/// Add an example.
///
/// The SQL must resolve against the current schema and pass the warehouse's dry run. The example is kept
/// across syncs, and verified again when a table that it reads changes. Adding the same example twice
/// has no further effect.
#[utoipa::path(
    post,
    path = "/v1/schema/examples",
    params(("Idempotency-Key" = Option<String>, Header, description = "a retry with the same key adds nothing; other content with the same key is refused")),
    request_body = NewExample,
    responses(
        (status = 201, body = Example),
        (status = 200, body = Example, description = "the example exists already"),
        (status = 409, description = "nothing was synced yet, the cache is damaged or was written by a newer version of the program, or it holds 16 MB of examples"),
        (status = 422, description = "the SQL is invalid; the detail explains why"),
    )
)]
async fn add_example(
    State(sync): State<Sync>,
    Admin(caller): Admin,
    headers: HeaderMap,
    Json(new): Json<NewExample>,
) -> Result<(StatusCode, Json<Example>)> {
    check(&new)?;
    let addition = Addition {
        content: hash(&[&new.question, &new.sql]),
        at: jiff::Timestamp::now(),
    };
    // A key belongs to its caller, so that it reveals nothing about other callers.
    let key = idempotency::key(&headers)?.map(|key| hash(&["caller", &caller.name, &key]));
    if let Some(key) = &key {
        let state = state::load(&*sync.store).await?;
        if state
            .idempotency
            .get(key)
            .is_some_and(|known| known.content != addition.content)
        {
            return Err(Error::Unprocessable(
                "this Idempotency-Key was used with another example; use a new key".into(),
            ));
        }
    }
    loop {
        let head = versions::load_head(&*sync.store).await?;
        let document = whole(&head)?;
        let scope = caller.scope.of(DATASETS);
        // What is out of scope doesn't exist for this caller: no hint names it, and no dry run reads it.
        let seen = schema::within(document, scope);
        let is_same = |it: &&Example| it.sql == new.sql && it.question == new.question;
        if let Some(example) = seen.examples.iter().find(is_same) {
            return Ok((StatusCode::OK, Json(example.clone())));
        }
        let example = review(&sync, &seen, &new, audience(document, scope)).await?;
        let mut next = Document::clone(document);
        next.quarantined.retain(|it| it.sql != new.sql);
        // Now rather than in the next sync, which would otherwise publish another version.
        let count = sync.settings.examples;
        let datasets = document.datasets();
        examples::add(&mut next.examples, example.clone(), count, &datasets);
        let people = next.examples.iter().chain(&next.quarantined);
        let people = people.filter(|it| it.origin == Origin::Person);
        if people.map(bytes).sum::<usize>() > MAX_EXAMPLES_BYTES {
            let detail =
                "the cache already holds 16 MB of examples written by people, which is the limit";
            return Err(Error::Conflict(detail.to_owned()));
        }
        next.generated_at = jiff::Timestamp::now();
        next.version = versions::content_hash(&next);
        next.date_datasets(Some(document));
        match versions::publish(&*sync.store, &next, head.replace()).await {
            Ok(()) => {}
            // A sync or another example came first: review against the new head.
            Err(StoreError::Precondition(_)) => continue,
            Err(error) => return Err(error.into()),
        }
        versions::record(&*sync.store, Some(document), &next).await?;
        if let Some(key) = key {
            state::update(&*sync.store, |state| {
                state.remember(key.clone(), addition.clone());
            })
            .await?;
        }
        return Ok((StatusCode::CREATED, Json(visible(example, &next, scope))));
    }
}

fn check(new: &NewExample) -> Result<()> {
    let question = new.question.chars().count();
    if new.question.trim().is_empty() || question > 2_000 || new.question.contains('\0') {
        return Err(Error::Invalid(format!(
            "question must have 1 to 2,000 characters and no NUL; it has {question}"
        )));
    }
    if new.sql.trim().is_empty() || new.sql.len() > 100_000 || new.sql.contains('\0') {
        let bytes = new.sql.len();
        return Err(Error::Invalid(format!(
            "sql must have 1 to 100,000 bytes and no NUL; it has {bytes}"
        )));
    }
    Ok(())
}

async fn review(
    sync: &Sync,
    seen: &Document,
    new: &NewExample,
    audience: Audience,
) -> Result<Example> {
    let source = &seen.source;
    let schema = ground::Schema::new(&seen.tables, source.dialect)
        .with_extensions(source.extensions.as_deref());
    let is_scoped = matches!(audience, Audience::Scoped(_));
    let run = Run::default();
    let reviewer = Reviewer {
        schema: &schema,
        source: &*sync.source,
        run: &run,
        planning: Planning::default(),
        audience,
    };
    let example = Example {
        question: new.question.clone(),
        sql: new.sql.clone(),
        tables: Vec::new(),
        origin: Origin::Person,
        verified: None,
        error: None,
    };
    match reviewer.review(example).await {
        // It would belong to no dataset, so that only those who see everything could see it.
        Verdict::Holds(example) if is_scoped && example.tables.is_empty() => {
            Err(Error::Unprocessable(
                "the query reads no table: name a table of your datasets".to_owned(),
            ))
        }
        Verdict::Holds(example) => Ok(example),
        Verdict::Fails(example) => Err(Error::Unprocessable(
            example.error.unwrap_or_else(|| "the SQL is invalid".into()),
        )),
        Verdict::Unplanned(_, problem) | Verdict::Unchecked(_, problem) => {
            Err(Error::Unavailable {
                detail: problem.detail,
                cause: None,
            })
        }
    }
}

/// Who reads the answer: a caller with a scope must not see the names out of it.
fn audience(document: &Document, scope: &Names) -> Audience {
    match scope {
        Names::All => Audience::All,
        Names::Only(_) => Audience::Scoped(Mentions::outside(schema::names(document), scope)),
    }
}

/// The example as the caller's view of the document shows it.
fn visible(example: Example, document: &Document, scope: &Names) -> Example {
    if *scope == Names::All {
        return example;
    }
    let seen = schema::within(document, scope).examples.into_iter();
    let mut same = seen.filter(|it| it.sql == example.sql && it.question == example.question);
    same.next().unwrap_or_else(|| {
        // A question that mentions a name out of scope is hidden from its author as well.
        let verified = example.verified.map(|verified| Verified {
            columns: Vec::new(),
            ..verified
        });
        Example {
            verified,
            ..example
        }
    })
}

/// A hash of several parts, each with its length, so that their boundaries count.
fn hash(parts: &[impl AsRef<[u8]>]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.as_ref().len() as u64).to_le_bytes());
        hash.update(part.as_ref());
    }
    hex::encode(hash.finalize())
}
