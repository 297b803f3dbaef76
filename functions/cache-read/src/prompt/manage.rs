//! `/v1/schema/templates`: lists, shows, checks, changes and deletes templates.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream;
use http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;
use platform::extract::Conditions;
use platform::store::{Put, StoreError};
use platform::{Admin, Caller, Error, Json, Path, Query, RawBody};
use schema::name::DATASETS;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use super::history::{self, SavedVersion};
use super::template::Template;
use super::templates::{
    self, DEFAULT, StoredTemplate, TemplateSource, Templates, UsableTemplate, check_name,
};
use super::variable::Declared;
use crate::app::App;
use crate::response;

/// The most templates on a page.
const MAX_LIMIT: usize = 100;
/// How many templates are read at once.
const READS: usize = 8;
/// Attempts against concurrent changes.
const ATTEMPTS: usize = 5;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Templates per page.
    #[serde(default = "default_limit")]
    #[param(default = 100, minimum = 1, maximum = 100)]
    limit: usize,
    /// The `next` of the page before.
    after: Option<String>,
}

fn default_limit() -> usize {
    MAX_LIMIT
}

#[derive(Serialize, ToSchema)]
#[schema(as = PromptTemplates)]
pub struct Page {
    /// In the order of names.
    items: Vec<Entry>,
    /// The `after` of the next page; null on the last one.
    next: Option<String>,
}

/// A template, without its text.
#[derive(Serialize, ToSchema)]
#[schema(as = PromptTemplateEntry)]
pub struct Entry {
    name: String,
    #[schema(inline)]
    source: TemplateSource,
    /// The hash of its bytes.
    version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// The variables whose values come with a request.
    variables: Vec<Declared>,
    /// Why a request with this template returns 422.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Entry {
    fn of(
        name: &str,
        source: TemplateSource,
        version: &str,
        template: Result<&Template, &String>,
    ) -> Self {
        let usable = template.ok();
        Self {
            name: name.to_owned(),
            source,
            version: version.to_owned(),
            description: usable.and_then(|it| it.description().map(str::to_owned)),
            variables: usable.map_or_else(Vec::new, |it| it.declared().to_vec()),
            error: template.err().cloned(),
        }
    }

    fn stored(name: &str, stored: &StoredTemplate) -> Self {
        let template = stored.template.as_deref();
        Self::of(name, TemplateSource::Store, &stored.version, template)
    }

    fn builtin(builtin: &UsableTemplate) -> Self {
        let template = Ok(&*builtin.template);
        Self::of(DEFAULT, TemplateSource::Builtin, &builtin.version, template)
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = PromptTemplate)]
pub struct Shown {
    #[serde(flatten)]
    entry: Entry,
    /// The template as it was stored; null if it is not JSON.
    #[schema(value_type = Option<Object>)]
    template: Option<Box<RawValue>>,
    /// The stored versions that are still known, oldest first.
    versions: Vec<VersionEntry>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = PromptTemplateVersion)]
struct VersionEntry {
    version: String,
    /// Null if the version was stored in the bucket by hand.
    #[schema(value_type = Option<String>, format = DateTime)]
    saved_at: Option<Timestamp>,
}

/// List the prompt templates.
#[utoipa::path(
    get,
    path = "/v1/schema/templates",
    tag = "schema",
    operation_id = "list_templates",
    params(ListQuery),
    responses(
        (status = 200, description = "a page; invalid templates have an `error`", body = Page),
        (status = 400, description = "a parameter is invalid"),
    )
)]
pub async fn list(
    State(app): State<App>,
    _caller: Caller,
    Query(query): Query<ListQuery>,
) -> platform::Result<Json<Page>> {
    let limit = query.limit;
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Error::Invalid(format!(
            "limit is {limit}: use 1 to {MAX_LIMIT}"
        )));
    }
    let templates = &app.templates;
    let mut names = templates.names().await?;
    if !names.iter().any(|name| name == DEFAULT) {
        names.push(DEFAULT.to_owned());
        names.sort_unstable();
    }
    let after = query.after.unwrap_or_default();
    names.retain(|name| *name > after);
    let more = names.len() > limit;
    names.truncate(limit);
    let next = names.last().filter(|_| more).cloned();
    let entries = stream::iter(names).map(async |name| {
        let stored = templates.look_up(&name).await?;
        let entry = match stored {
            Some(stored) => Some(Entry::stored(&name, &stored)),
            None if name == DEFAULT => Some(Entry::builtin(templates.builtin())),
            // Deleted in between.
            None => None,
        };
        Ok::<_, Error>(entry)
    });
    let mut entries = entries.buffered(READS);
    let mut items = Vec::new();
    while let Some(entry) = entries.next().await {
        items.extend(entry?);
    }
    Ok(Json(Page { items, next }))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ReadQuery {
    /// One of `versions`; default: the current version.
    version: Option<String>,
}

/// Read a prompt template.
#[utoipa::path(
    get,
    path = "/v1/schema/templates/{name}",
    tag = "schema",
    operation_id = "read_template",
    params(("name" = String, Path, description = "a-z, 0-9, `_` and `-`"), ReadQuery),
    responses(
        (status = 200, description = "the template; its `ETag` is its version", body = Shown),
        (status = 304, description = "the caller's copy is current"),
        (status = 400, description = "the name is invalid"),
        (status = 404, description = "there is no such template, or no such version"),
    )
)]
pub async fn read(
    State(app): State<App>,
    _caller: Caller,
    Path(name): Path<String>,
    Query(query): Query<ReadQuery>,
    headers: HeaderMap,
) -> platform::Result<Response> {
    check_name("name", &name)?;
    let templates = &app.templates;
    let stored = templates.look_up(&name).await?;
    let versions = history::versions(&*templates.store, &name).await?;
    let (entry, body) = match (query.version, stored) {
        (Some(version), stored) => of_version(&app, &name, &version, stored, &versions)?,
        (None, Some(stored)) => (Entry::stored(&name, &stored), stored.body),
        (None, None) if name == DEFAULT => builtin(templates),
        (None, None) => return Err(templates::missing(&name)),
    };
    let tag = tag(&entry.version);
    if response::has(&headers, &tag) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
    }
    let shown = Shown {
        entry,
        template: serde_json::from_slice(&body).ok(),
        versions: versions
            .into_iter()
            .map(|it| VersionEntry {
                version: it.version,
                saved_at: it.saved_at,
            })
            .collect(),
    };
    Ok(([(header::ETAG, tag)], Json(shown)).into_response())
}

fn builtin(templates: &Templates) -> (Entry, Bytes) {
    let body = Bytes::from_static(Template::BUILTIN.as_bytes());
    (Entry::builtin(templates.builtin()), body)
}

fn of_version(
    app: &App,
    name: &str,
    version: &str,
    stored: Option<StoredTemplate>,
    versions: &[SavedVersion],
) -> platform::Result<(Entry, Bytes)> {
    if let Some(stored) = stored.filter(|stored| *stored.version == *version) {
        return Ok((Entry::stored(name, &stored), stored.body));
    }
    if let Some(saved) = versions.iter().find(|saved| saved.version == version) {
        let template = Template::parse(saved.body.as_bytes());
        let entry = Entry::of(name, TemplateSource::Store, version, template.as_ref());
        return Ok((entry, Bytes::from(saved.body.clone())));
    }
    if name == DEFAULT && *app.templates.builtin().version == *version {
        return Ok(builtin(&app.templates));
    }
    Err(Error::NotFound(format!(
        "template {name:?} has no version {version:?}: `GET /v1/schema/templates/{name}` lists the \
         newest {}",
        history::KEPT_VERSIONS
    )))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WriteQuery {
    /// Only check the template and the conditions.
    #[serde(default)]
    dry_run: bool,
}

/// Store a prompt template.
///
/// The next request uses it.
#[utoipa::path(
    put,
    path = "/v1/schema/templates/{name}",
    tag = "schema",
    operation_id = "put_template",
    params(
        ("name" = String, Path, description = "a-z, 0-9, `_` and `-`"),
        WriteQuery,
        ("If-Match" = Option<String>, Header, description = "versions in quotes: only if one of them is current. `*`: only if the template is in the store"),
        ("If-None-Match" = Option<String>, Header, description = "versions in quotes: only if none of them is current. `*`: only if the template is not in the store"),
    ),
    request_body(content = Object, description = "the template"),
    responses(
        (status = 200, description = "it was replaced, it was the current version already, or `dry_run` found it valid", body = Entry),
        (status = 201, description = "it was created", body = Entry),
        (status = 400, description = "the name, a parameter or a condition is invalid"),
        (status = 403, description = "the caller is not an admin whose scope has every dataset"),
        (status = 409, description = "concurrent changes"),
        (status = 412, description = "a condition does not hold"),
        (status = 422, description = "the template is invalid; the detail explains where"),
    )
)]
pub async fn put(
    State(app): State<App>,
    Admin(caller): Admin,
    Path(name): Path<String>,
    Query(query): Query<WriteQuery>,
    conditions: Conditions,
    RawBody(body): RawBody,
) -> platform::Result<Response> {
    caller.must_see_all(DATASETS)?;
    check_name("name", &name)?;
    let template = Template::parse(&body).map_err(Error::Unprocessable)?;
    let (templates, store) = (&app.templates, &*app.templates.store);
    let version = templates::version_of(&body);
    let entry = Entry::of(&name, TemplateSource::Store, &version, Ok(&template));
    let reply = |status, entry| {
        let headers = [(header::ETAG, tag(&version))];
        (status, headers, Json(entry)).into_response()
    };
    for _ in 0..ATTEMPTS {
        let current = newest(templates, &name).await?;
        conditions.check(current.as_ref().map(|it| &*it.version))?;
        if query.dry_run {
            return Ok(reply(StatusCode::OK, entry));
        }
        let replaced = current.as_ref().filter(|it| it.version != version);
        if let Some(replaced) = replaced {
            history::keep(store, &name, &replaced.body).await?;
        }
        let saved_at = (app.sql.now)();
        if replaced.is_some() || current.is_none() {
            let condition = match replaced {
                Some(replaced) => Put::IfMatch(replaced.etag.clone()),
                None => Put::IfAbsent,
            };
            let key = templates::key(&name);
            match store.put(&key, body.clone(), condition).await {
                Ok(_) => {}
                Err(StoreError::Precondition(_)) => continue,
                Err(error) => return Err(error.into()),
            }
        }
        // Reads it back, with the tag of the store.
        newest(templates, &name).await?;
        history::record(store, &name, &body, saved_at).await?;
        let status = match current {
            Some(_) => StatusCode::OK,
            None => StatusCode::CREATED,
        };
        return Ok(reply(status, entry));
    }
    Err(Error::Conflict(format!(
        "template {name:?} is being changed by others: try again"
    )))
}

/// Delete a prompt template.
///
/// Its versions stay. If it replaces the built-in template, the next request uses that one again. A change that
/// another caller makes at the same moment may be deleted too, even with `If-Match`, because stores can't delete
/// conditionally. It stays as a version.
#[utoipa::path(
    delete,
    path = "/v1/schema/templates/{name}",
    tag = "schema",
    operation_id = "delete_template",
    params(
        ("name" = String, Path, description = "a-z, 0-9, `_` and `-`"),
        ("If-Match" = Option<String>, Header, description = "versions in quotes: only if one of them is current"),
    ),
    responses(
        (status = 204, description = "it is deleted"),
        (status = 400, description = "the name or a condition is invalid"),
        (status = 403, description = "the caller is not an admin whose scope has every dataset"),
        (status = 404, description = "there is no such template in the store"),
        (status = 412, description = "a condition does not hold"),
    )
)]
pub async fn remove(
    State(app): State<App>,
    Admin(caller): Admin,
    Path(name): Path<String>,
    conditions: Conditions,
) -> platform::Result<StatusCode> {
    caller.must_see_all(DATASETS)?;
    check_name("name", &name)?;
    let templates = &app.templates;
    let Some(current) = newest(templates, &name).await? else {
        return Err(Error::NotFound(format!(
            "there is no template {name:?} in the store: `GET /v1/schema/templates` lists them"
        )));
    };
    conditions.check(Some(&current.version))?;
    history::keep(&*templates.store, &name, &current.body).await?;
    templates.store.delete(&templates::key(&name)).await?;
    // Another caller may have stored one since.
    newest(templates, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The stored template from the store itself. A copy is no basis for a change.
async fn newest(templates: &Templates, name: &str) -> platform::Result<Option<StoredTemplate>> {
    let current = match templates.store.get(&templates::key(name)).await {
        Ok(object) => Some(StoredTemplate::of(object)),
        Err(StoreError::NotFound(_)) => None,
        Err(error) => return Err(error.into()),
    };
    templates.remember(name, current.clone());
    Ok(current)
}

/// The `ETag` of a version.
fn tag(version: &str) -> String {
    format!("\"{version}\"")
}
