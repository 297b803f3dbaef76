//! The templates in the store: `prompts/<name>.json`.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use platform::Error;
use platform::store::{ETag, Store, StoreError};
use serde::Serialize;
use tokio::time::{Instant, timeout};
use utoipa::ToSchema;

use super::template::Template;

/// The template that is used where none is named.
pub const DEFAULT: &str = "sql_generation";
const LONGEST_NAME: usize = 64;
/// How many are kept; the one used least makes room.
const KEPT: u64 = 64;
/// What a caller waits for a store that may be slow.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where a template came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TemplateSource {
    Store,
    Builtin,
}

#[derive(Clone)]
pub struct Templates {
    store: Arc<dyn Store>,
    fresh_for: Duration,
    builtin: Arc<Template>,
    known: Cache<String, Known>,
}

/// What the store had under a name, and when it last said so.
#[derive(Clone)]
struct Known {
    at: Instant,
    found: Option<Found>,
}

#[derive(Clone)]
struct Found {
    etag: ETag,
    /// Or what is wrong with it.
    template: Result<Arc<Template>, String>,
}

impl Templates {
    /// A template is asked of the store again once it is older than `fresh_for`.
    pub fn new(store: Arc<dyn Store>, fresh_for: Duration) -> Self {
        Self {
            store,
            fresh_for,
            builtin: Arc::new(Template::builtin()),
            known: Cache::new(KEPT),
        }
    }

    /// The template of that name: 400 where it is no name, 404 where there is none, 422 where it is
    /// wrong. The default one is built in, and the store's own takes its place.
    pub async fn get(&self, name: &str) -> platform::Result<(Arc<Template>, TemplateSource)> {
        let letters =
            |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
        if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(letters) {
            return Err(Error::Invalid(format!(
                "template is no name: give 1 to {LONGEST_NAME} of a-z, 0-9, _ and -"
            )));
        }
        match (self.look_up(name).await, name) {
            (Ok(Some(found)), _) => match found.template {
                Ok(template) => Ok((template, TemplateSource::Store)),
                Err(error) => Err(Error::Unprocessable(format!(
                    "prompts/{name}.json: {error}"
                ))),
            },
            // Without the store, and without a copy, there is still a prompt.
            (Ok(None) | Err(_), DEFAULT) => {
                Ok((Arc::clone(&self.builtin), TemplateSource::Builtin))
            }
            (Ok(None), _) => Err(Error::NotFound(format!(
                "no template {name:?}: put it in the bucket as prompts/{name}.json, or leave \
                 template out for the built-in one"
            ))),
            (Err(error), _) => Err(error),
        }
    }

    async fn look_up(&self, name: &str) -> platform::Result<Option<Found>> {
        let known = self.known.get(name);
        if let Some(known) = &known
            && known.at.elapsed() < self.fresh_for
        {
            return Ok(known.found.clone());
        }
        let held = known.and_then(|known| known.found);
        let key = format!("prompts/{name}.json");
        let read = self
            .store
            .get_if_changed(&key, held.as_ref().map(|found| &found.etag));
        let found = match timeout(PATIENCE, read).await {
            Ok(Ok(Some(object))) => Some(Found {
                template: Template::parse(&object.body).map(Arc::new),
                etag: object.etag,
            }),
            Ok(Ok(None)) => held,
            Ok(Err(StoreError::NotFound(_))) => None,
            // The last good copy serves on.
            Ok(Err(_)) | Err(_) if held.is_some() => return Ok(held),
            Ok(Err(error)) => return Err(error.into()),
            Err(_) => {
                return Err(Error::Unavailable {
                    detail: "the store did not give the template in time".to_owned(),
                    cause: None,
                });
            }
        };
        let known = Known {
            at: Instant::now(),
            found: found.clone(),
        };
        self.known.insert(name.to_owned(), known);
        Ok(found)
    }
}
