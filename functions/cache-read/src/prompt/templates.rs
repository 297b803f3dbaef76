//! Templates in the store: `prompts/<name>.json`.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use platform::Error;
use platform::store::{ETag, Store, StoreError};
use serde::Serialize;
use tokio::time::{Instant, timeout};
use utoipa::ToSchema;

use super::template::Template;

/// The template of requests that name none.
pub const DEFAULT: &str = "sql_generation";
const LONGEST_NAME: usize = 64;
/// How many templates are kept; the least used one makes room.
const KEPT: u64 = 64;
/// How long a caller waits for a slow store.
const MAX_WAIT: Duration = Duration::from_secs(2);

/// The origin of a template.
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
    known: Cache<String, CachedLookup>,
}

/// The stored template of a name, and when the store last confirmed it.
#[derive(Clone)]
struct CachedLookup {
    at: Instant,
    found: Option<StoredTemplate>,
}

#[derive(Clone)]
struct StoredTemplate {
    etag: ETag,
    /// The template, or what is wrong with it.
    template: Result<Arc<Template>, String>,
}

impl Templates {
    /// Templates are revalidated once they are older than `fresh_for`.
    pub fn new(store: Arc<dyn Store>, fresh_for: Duration) -> Self {
        Self {
            store,
            fresh_for,
            builtin: Arc::new(Template::builtin()),
            known: Cache::new(KEPT),
        }
    }

    /// The template of that name. Returns `Invalid` for an invalid name, `NotFound` if there is none, and
    /// `Unprocessable` if the template is invalid. The default template is built in; a stored one replaces
    /// it.
    pub async fn get(&self, name: &str) -> platform::Result<(Arc<Template>, TemplateSource)> {
        let letters =
            |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
        if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(letters) {
            return Err(Error::Invalid(format!(
                "template is not a name: use 1 to {LONGEST_NAME} characters of a-z, 0-9, _ and -"
            )));
        }
        match (self.look_up(name).await, name) {
            (Ok(Some(found)), _) => match found.template {
                Ok(template) => Ok((template, TemplateSource::Store)),
                Err(error) => Err(Error::Unprocessable(format!(
                    "prompts/{name}.json: {error}"
                ))),
            },
            // There is a prompt even without the store and without a copy.
            (Ok(None) | Err(_), DEFAULT) => {
                Ok((Arc::clone(&self.builtin), TemplateSource::Builtin))
            }
            (Ok(None), _) => Err(Error::NotFound(format!(
                "no template {name:?}: store it in the bucket as prompts/{name}.json, or omit \
                 template for the built-in one"
            ))),
            (Err(error), _) => Err(error),
        }
    }

    async fn look_up(&self, name: &str) -> platform::Result<Option<StoredTemplate>> {
        let known = self.known.get(name);
        if let Some(known) = &known
            && known.at.elapsed() < self.fresh_for
        {
            return Ok(known.found.clone());
        }
        let copy = known.and_then(|known| known.found);
        let key = format!("prompts/{name}.json");
        let read = self
            .store
            .get_if_changed(&key, copy.as_ref().map(|found| &found.etag));
        let found = match timeout(MAX_WAIT, read).await {
            Ok(Ok(Some(object))) => Some(StoredTemplate {
                template: Template::parse(&object.body).map(Arc::new),
                etag: object.etag,
            }),
            Ok(Ok(None)) => copy,
            Ok(Err(StoreError::NotFound(_))) => None,
            // The last good copy is served.
            Ok(Err(_)) | Err(_) if copy.is_some() => return Ok(copy),
            Ok(Err(error)) => return Err(error.into()),
            Err(_) => {
                return Err(Error::Unavailable {
                    detail: "the store did not return the template in time".to_owned(),
                    cause: None,
                });
            }
        };
        let known = CachedLookup {
            at: Instant::now(),
            found: found.clone(),
        };
        self.known.insert(name.to_owned(), known);
        Ok(found)
    }
}
