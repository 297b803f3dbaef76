//! Templates in the store: `prompts/<name>.json`.
//!
//! Each use asks the store whether the template is still the one in memory, so that a change takes effect
//! with the next request, whoever made it. A slow or unavailable store delays a request for a short time and
//! is then left alone for a while; the last good copy is used meanwhile.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use moka::sync::Cache;
use platform::Error;
use platform::store::{ETag, Object, Store, StoreError};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use tokio::time::{Instant, timeout};
use utoipa::ToSchema;

use super::template::Template;

/// The template of requests that name none.
pub const DEFAULT: &str = "sql_generation";
pub const LONGEST_NAME: usize = 64;
/// The folder of templates.
const FOLDER: &str = "prompts/";
/// How many templates are kept; the least used one makes room.
const KEPT: u64 = 64;
/// How long a caller waits for a slow store, without a copy and with one.
const MAX_WAIT: Duration = Duration::from_secs(2);
const MAX_WAIT_WITH_COPY: Duration = Duration::from_millis(300);
/// How long a store that failed is not asked again.
const REST: Duration = Duration::from_secs(5);

/// The origin of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TemplateSource {
    Store,
    Builtin,
}

/// A template that can be used.
#[derive(Clone)]
pub struct UsableTemplate {
    pub template: Arc<Template>,
    pub source: TemplateSource,
    /// The hash of its bytes.
    pub version: Arc<str>,
}

/// A template in the store.
#[derive(Clone)]
pub struct StoredTemplate {
    pub etag: ETag,
    pub body: Bytes,
    pub version: Arc<str>,
    /// The template, or what is wrong with it.
    pub template: Result<Arc<Template>, String>,
}

impl StoredTemplate {
    pub fn of(object: Object) -> Self {
        Self {
            version: version_of(&object.body),
            template: Template::parse(&object.body).map(Arc::new),
            etag: object.etag,
            body: object.body,
        }
    }
}

/// The version of a template: the hash of its bytes, in hex.
pub fn version_of(body: &[u8]) -> Arc<str> {
    hex::encode(Sha256::digest(body)).into()
}

/// What is known about a name.
#[derive(Clone, Default)]
struct Known {
    /// None if the store never responded.
    found: Option<Option<StoredTemplate>>,
    /// Until when the store is not asked.
    resting: Option<Instant>,
}

#[derive(Clone)]
pub struct Templates {
    pub(super) store: Arc<dyn Store>,
    builtin: UsableTemplate,
    known: Cache<String, Known>,
}

impl Templates {
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            builtin: UsableTemplate {
                template: Arc::new(Template::builtin()),
                source: TemplateSource::Builtin,
                version: version_of(Template::BUILTIN.as_bytes()),
            },
            known: Cache::new(KEPT),
        }
    }

    pub fn builtin(&self) -> &UsableTemplate {
        &self.builtin
    }

    /// The template of that name. Returns `Invalid` for an invalid name, `NotFound` if there is none, and
    /// `Unprocessable` if the template is invalid. The default template is built in; a stored one replaces
    /// it.
    pub async fn get(&self, name: &str) -> platform::Result<UsableTemplate> {
        check_name("template", name)?;
        match (self.look_up(name).await, name) {
            (Ok(Some(found)), _) => match found.template {
                Ok(template) => Ok(UsableTemplate {
                    template,
                    source: TemplateSource::Store,
                    version: found.version,
                }),
                Err(error) => Err(Error::Unprocessable(format!(
                    "prompts/{name}.json: {error}"
                ))),
            },
            // There is a prompt even without the store and without a copy.
            (Ok(None) | Err(_), DEFAULT) => Ok(self.builtin.clone()),
            (Ok(None), _) => Err(missing(name)),
            (Err(error), _) => Err(error),
        }
    }

    /// The stored template of a name, or the last good copy if the store does not respond.
    pub async fn look_up(&self, name: &str) -> platform::Result<Option<StoredTemplate>> {
        let Known { found, resting } = self.known.get(name).unwrap_or_default();
        let is_resting = resting.is_some_and(|until| Instant::now() < until);
        if is_resting && let Some(found) = found {
            return Ok(found);
        }
        let late = || Error::Unavailable {
            detail: "the store did not return the template in time: try again later".to_owned(),
            cause: None,
        };
        if is_resting {
            return Err(late());
        }
        let has_copy = found.is_some();
        let max_wait = if has_copy {
            MAX_WAIT_WITH_COPY
        } else {
            MAX_WAIT
        };
        let copy = found.clone().flatten();
        let key = key(name);
        let read = self
            .store
            .get_if_changed(&key, copy.as_ref().map(|copy| &copy.etag));
        let read = match timeout(max_wait, read).await {
            Ok(Ok(Some(object))) => Ok(Some(StoredTemplate::of(object))),
            Ok(Ok(None)) => Ok(copy),
            Ok(Err(StoreError::NotFound(_))) => Ok(None),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(late()),
        };
        match read {
            Ok(current) => {
                self.remember(name, current.clone());
                Ok(current)
            }
            Err(error) => {
                let resting = Some(Instant::now() + REST);
                let failed = Known {
                    found: found.clone(),
                    resting,
                };
                self.known.insert(name.to_owned(), failed);
                found.ok_or(error)
            }
        }
    }

    pub fn remember(&self, name: &str, current: Option<StoredTemplate>) {
        let known = Known {
            found: Some(current),
            resting: None,
        };
        self.known.insert(name.to_owned(), known);
    }

    /// The names of the stored templates, in their order.
    pub async fn names(&self) -> platform::Result<Vec<String>> {
        let keys = self.store.list(FOLDER).await?;
        let names = keys.iter().filter_map(|key| {
            let name = key.strip_prefix(FOLDER)?.strip_suffix(".json")?;
            is_name(name).then(|| name.to_owned())
        });
        let mut names: Vec<String> = names.collect();
        names.sort_unstable();
        Ok(names)
    }
}

/// The key of a template.
pub fn key(name: &str) -> String {
    format!("{FOLDER}{name}.json")
}

pub fn missing(name: &str) -> Error {
    Error::NotFound(format!(
        "no template {name:?}: store it with `PUT /v1/schema/templates/{name}`, or omit template for the \
         built-in one"
    ))
}

pub fn check_name(field: &str, name: &str) -> platform::Result<()> {
    if is_name(name) {
        return Ok(());
    }
    Err(Error::Invalid(format!(
        "{field} is not a name: use 1 to {LONGEST_NAME} characters of a-z, 0-9, _ and -"
    )))
}

fn is_name(name: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    !name.is_empty() && name.len() <= LONGEST_NAME && name.chars().all(is_allowed)
}
