//! Reads and changes settings, for the routes and for other functions.

use std::collections::HashMap;
use std::sync::{Arc, Once};

use people::{Actor, Entry, audit};
use platform::postgres::Pool;
use platform::postgres::scoped::{self, Scope};
use platform::postgres::types::{Json, Type};
use platform::secrets::Rotating;
use platform::{Env, Error, Resources, Result};
use robeing::ROBEINGS;
use serde_json::{Map, Value, json};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::cache::Cache;
use crate::category::Category;
use crate::listen;
use crate::precondition::{Precondition, State};
use crate::snapshot::{Revisions, Snapshot};

/// The settings of all robeings, cached in memory while that is safe. Cheap to clone.
#[derive(Clone)]
pub struct Settings {
    pool: Pool,
    cache: Arc<Cache>,
    /// None on platforms where nothing runs between requests, and so nothing can listen.
    listener: Option<Arc<(Rotating<Env>, Once)>>,
}

/// A change of one category.
pub(crate) enum Change<'a> {
    /// Sets a key.
    Put(&'a str, &'a Value),
    /// Resets a key to its default.
    Remove(&'a str),
    /// A JSON Merge Patch (RFC 7396).
    Patch(&'a Map<String, Value>),
}

impl Change<'_> {
    /// The key, unless the change is one of the category.
    pub(crate) fn key(&self) -> Option<&str> {
        match self {
            Self::Put(key, _) | Self::Remove(key) => Some(key),
            Self::Patch(_) => None,
        }
    }

    /// The change for the audit log: the names of its keys, and no value.
    fn entry<'a>(&self, robeing_id: &'a str, category: Category) -> Entry<'a> {
        let (action, keys) = match self {
            Self::Put(key, _) => ("setting.change", vec![*key]),
            Self::Remove(key) => ("setting.remove", vec![*key]),
            Self::Patch(patch) => ("setting.change", patch.keys().map(String::as_str).collect()),
        };
        Entry {
            action,
            subject_kind: "robeing",
            subject: robeing_id,
            detail: json!({"category": category.to_string(), "keys": keys}),
        }
    }
}

/// A category after a change.
pub(crate) struct Changed {
    pub revision: i64,
    pub effective: Map<String, Value>,
}

impl Settings {
    /// Everything that shares the resources shares one instance.
    pub fn open(resources: &Resources) -> anyhow::Result<Self> {
        let pool = resources.postgres()?;
        resources.get_or_open(|| {
            let env = resources.env();
            let current = resources.rotating(|env| Ok(env.clone()))?;
            let is_serverless = ["AWS_LAMBDA_RUNTIME_API", "K_SERVICE"]
                .iter()
                .any(|name| env.get(name).is_some());
            Ok(Self {
                pool,
                cache: Arc::default(),
                listener: (!is_serverless).then(|| Arc::new((current, Once::new()))),
            })
        })
    }

    /// The effective value of a key: the value that was set, or else the default. None for an unknown key under
    /// `skill` that was not set; `Invalid` for a key that is not possible.
    pub async fn get(
        &self,
        robeing_id: &str,
        category: Category,
        key: &str,
    ) -> Result<Option<Value>> {
        category.check_key(key)?;
        let mut effective = self.of(robeing_id).await?.effective(category);
        Ok(effective.remove(key))
    }

    /// The effective settings of a robeing: from memory while notifications of changes arrive, otherwise confirmed by
    /// one query.
    pub async fn of(&self, robeing_id: &str) -> Result<Arc<Snapshot>> {
        let mut all = self.of_all(&[robeing_id]).await?;
        Ok(all.remove(robeing_id).unwrap_or_default())
    }

    /// Like [`Settings::of`] for several robeings, with one query at most.
    pub async fn of_all(&self, robeings: &[&str]) -> Result<HashMap<String, Arc<Snapshot>>> {
        self.start_listener();
        let mut all = HashMap::with_capacity(robeings.len());
        let mut missing: Vec<&str> = Vec::new();
        let is_notified = self.cache.is_notified();
        for robeing in robeings {
            match self.cache.get(robeing).filter(|_| is_notified) {
                Some(cached) => {
                    all.insert((*robeing).to_owned(), cached);
                }
                None => missing.push(robeing),
            }
        }
        if missing.is_empty() {
            self.cache.count(robeings.len(), 0);
        } else {
            missing.sort_unstable();
            missing.dedup();
            let found = self.refresh(&missing).await?;
            self.cache.count(robeings.len() - missing.len(), 0);
            all.extend(found);
        }
        Ok(all)
    }

    /// Reads settings from the database. Categories that the cache has at the current revision are not sent again.
    pub(crate) async fn refresh(
        &self,
        robeings: &[&str],
    ) -> Result<HashMap<String, Arc<Snapshot>>> {
        let cached: Vec<Option<Arc<Snapshot>>> =
            robeings.iter().map(|it| self.cache.get(it)).collect();
        let revision = |of: fn(&Revisions) -> i64| -> Vec<Option<i64>> {
            let cached = cached.iter();
            cached
                .map(|it| it.as_ref().map(|it| of(&it.revisions)))
                .collect()
        };
        let generation = self.cache.generation();
        let client = self.pool.get().await?;
        let rows = scoped::query(
            &client,
            &Scope::only(ROBEINGS, robeings.iter().copied()),
            "select robeing_id, user_revision, system_revision, skill_revision,
                    case when user_revision is distinct from cached.of_user then user_preference end as user_preference,
                    case when system_revision is distinct from cached.of_system then system_settings end as system_settings,
                    case when skill_revision is distinct from cached.of_skill then skill_settings end as skill_settings
             from robeing.settings
             join unnest($1::text[], $2::int8[], $3::int8[], $4::int8[])
                 as cached (robeing, of_user, of_system, of_skill) on robeing = robeing_id",
            &[
                (&robeings, Type::TEXT_ARRAY),
                (&revision(|it| it.user), Type::INT8_ARRAY),
                (&revision(|it| it.system), Type::INT8_ARRAY),
                (&revision(|it| it.skill), Type::INT8_ARRAY),
            ],
        )
        .await?;
        drop(client);
        let mut found: HashMap<String, Row> = HashMap::with_capacity(rows.len());
        for row in rows {
            found.insert(row.try_get("robeing_id")?, row);
        }
        let (mut hits, mut all) = (0, HashMap::with_capacity(robeings.len()));
        for (robeing, cached) in robeings.iter().zip(cached) {
            let new = match found.get(*robeing) {
                Some(row) => Snapshot::of(row, cached.as_deref())?,
                None => Snapshot::default(),
            };
            let snapshot = match cached {
                Some(cached) if cached.revisions == new.revisions => {
                    hits += 1;
                    cached
                }
                _ => Arc::new(new),
            };
            self.cache.insert(generation, robeing, &snapshot);
            all.insert((*robeing).to_owned(), snapshot);
        }
        self.cache.count(hits, robeings.len() - hits);
        Ok(all)
    }

    /// Changes a category, and adds the change to the audit log in the same transaction, if the condition holds; none if
    /// it does not.
    pub(crate) async fn change(
        &self,
        robeing_id: &str,
        category: Category,
        change: &Change<'_>,
        condition: &Precondition,
        actor: &Actor,
    ) -> Result<Option<Changed>> {
        if condition.is_impossible {
            return Ok(None);
        }
        let changed = self.write(robeing_id, category, change, condition, actor);
        let changed = changed.await;
        // After an error it is unknown whether the change was made.
        self.cache.invalidate(robeing_id);
        changed
    }

    async fn write(
        &self,
        robeing_id: &str,
        category: Category,
        change: &Change<'_>,
        condition: &Precondition,
        actor: &Actor,
    ) -> Result<Option<Changed>> {
        let value = match change {
            Change::Put(key, value) => json!({ *key: value }),
            Change::Remove(key) => json!({ *key: null }),
            Change::Patch(patch) => Value::Object((*patch).clone()),
        };
        let mut client = self.pool.get().await?;
        let scope = Scope::only(ROBEINGS, [robeing_id]);
        let transaction = scoped::begin(&mut client, &scope).await?;
        let row = transaction
            .query_typed_opt(
                &statement(category, change, condition),
                &[
                    (&robeing_id, Type::TEXT),
                    (&Json(value), Type::JSONB),
                    (&condition.revisions, Type::INT8_ARRAY),
                    (&Uuid::now_v7(), Type::UUID),
                    (&condition.other_than, Type::INT8_ARRAY),
                    (&condition.is_set, Type::BOOL),
                    (&change.key(), Type::TEXT),
                ],
            )
            .await
            .map_err(rejected)?;
        let Some(row) = row else {
            return Ok(None);
        };
        audit::record(&transaction, actor, &change.entry(robeing_id, category)).await?;
        transaction.commit().await?;
        let Json(Value::Object(set)) = row.try_get("category")? else {
            return Err(Error::Internal(anyhow::anyhow!(
                "a category is not an object"
            )));
        };
        Ok(Some(Changed {
            revision: row.try_get("revision")?,
            effective: category.effective(&set),
        }))
    }

    /// What the conditions of a change are compared with.
    pub(crate) async fn state(
        &self,
        robeing_id: &str,
        category: Category,
        key: Option<&str>,
    ) -> Result<State> {
        let (column, revision) = category.columns();
        let client = self.pool.get().await?;
        let rows = scoped::query(
            &client,
            &Scope::only(ROBEINGS, [robeing_id]),
            &format!(
                "select {revision} as revision, coalesce({column} ? $2::text, {column} <> '{{}}') as is_set
                 from robeing.settings
                 where robeing_id = $1"
            ),
            &[(&robeing_id, Type::TEXT), (&key, Type::TEXT)],
        )
        .await?;
        Ok(match rows.first() {
            Some(row) => State {
                revision: row.try_get("revision")?,
                is_set: row.try_get("is_set")?,
            },
            None => State {
                revision: 0,
                is_set: false,
            },
        })
    }

    fn start_listener(&self) {
        if let Some(listener) = &self.listener {
            let (env, once) = &**listener;
            once.call_once(|| {
                tokio::spawn(listen::run(env.clone(), Arc::downgrade(&self.cache)));
            });
        }
    }
}

/// The statement of a change: the robeing is $1, and the value or patch $2.
fn statement(category: Category, change: &Change<'_>, condition: &Precondition) -> String {
    let (column, revision) = category.columns();
    let after = |before: &str| match change {
        Change::Put(..) => format!("{before} || $2"),
        Change::Remove(_) | Change::Patch(_) => format!("robeing.merge_patch({before}, $2)"),
    };
    let changed = format!(
        "set {column} = {}, {revision} = known.{revision} + 1, updated_at = now()",
        after(&format!("known.{column}"))
    );
    let holds = format!(
        "($3::int8[] is null or known.{revision} = any ($3))
         and ($5::int8[] is null or known.{revision} <> all ($5))
         and ($6::bool is null or $6 = coalesce(known.{column} ? $7::text, known.{column} <> '{{}}'))"
    );
    // Settings that were never changed have no row and are at revision 0.
    if condition.allows_new() {
        format!(
            "insert into robeing.settings as known (id, robeing_id, {column}, {revision})
             values ($4, $1, {}, 1)
             on conflict (robeing_id) do update
             {changed}
             where {holds}
             returning {column} as category, {revision} as revision",
            after("'{}'::jsonb")
        )
    } else {
        format!(
            "update robeing.settings as known
             {changed}
             where robeing_id = $1 and $4::uuid is not null and {holds}
             returning {column} as category, {revision} as revision"
        )
    }
}

/// Translates the constraints of the table.
fn rejected(error: tokio_postgres::Error) -> Error {
    let constraint = error.as_db_error().and_then(|error| error.constraint());
    match constraint {
        Some("category_is_too_large") => Error::TooLarge(
            "the category would be larger than 256 KiB: remove a key first".to_owned(),
        ),
        _ => error.into(),
    }
}
