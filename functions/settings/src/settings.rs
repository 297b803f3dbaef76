//! What other functions read of settings, and what the routes are made of.

use std::collections::HashMap;
use std::sync::{Arc, Once};

use platform::postgres::Pool;
use platform::postgres::scoped::{self, Scope};
use platform::postgres::types::{Json, Type};
use platform::{Env, Error, Resources, Result};
use robeing::ROBEINGS;
use serde::Serialize;
use serde_json::{Map, Value, json};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::cache::Cache;
use crate::category::Category;
use crate::known::{self, Skill, System, User};
use crate::listen;

/// The settings of all robeings, read from memory where that is safe. Cheap to clone.
#[derive(Clone)]
pub struct Settings {
    pool: Pool,
    cache: Arc<Cache>,
    /// None where nothing runs between requests, and so nobody could listen.
    listen: Option<Arc<(Env, Once)>>,
}

/// What is in force for a robeing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    pub revisions: Revisions,
    pub user: User,
    pub system: System,
    pub skill: Skill,
}

/// How often each category was changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Revisions {
    pub user: i64,
    pub system: i64,
    pub skill: i64,
}

/// A change of one category.
pub(crate) enum Change<'a> {
    /// A key is this now.
    Put(&'a str, &'a Value),
    /// A key is its default again.
    Remove(&'a str),
    /// RFC 7396.
    Patch(&'a Map<String, Value>),
}

/// What a category is after a change.
pub(crate) struct Changed {
    pub revision: i64,
    pub in_force: Map<String, Value>,
}

impl Settings {
    /// One for all who share the resources.
    pub fn open(resources: &Resources) -> anyhow::Result<Self> {
        let pool = resources.postgres()?;
        resources.one(|| {
            let env = resources.env();
            let is_called = ["AWS_LAMBDA_RUNTIME_API", "K_SERVICE"]
                .iter()
                .any(|name| env.get(name).is_some());
            Ok(Self {
                pool,
                cache: Arc::default(),
                listen: (!is_called).then(|| Arc::new((env.clone(), Once::new()))),
            })
        })
    }

    /// One key as it is in force: what was set, or else its default. None for a key of nobody's
    /// under `skill`; `Invalid` for one that there can't be.
    pub async fn get(
        &self,
        robeing_id: &str,
        category: Category,
        key: &str,
    ) -> Result<Option<Value>> {
        category.check_key(key)?;
        let mut in_force = self.of(robeing_id).await?.in_force(category);
        Ok(in_force.remove(key))
    }

    /// All that is in force for a robeing: from memory, where every change is heard of; else
    /// confirmed by one query.
    pub async fn of(&self, robeing_id: &str) -> Result<Arc<Snapshot>> {
        let mut all = self.of_all(&[robeing_id]).await?;
        Ok(all.remove(robeing_id).unwrap_or_default())
    }

    /// As [`Settings::of`], of several at once, with one query at most.
    pub async fn of_all(&self, robeings: &[&str]) -> Result<HashMap<String, Arc<Snapshot>>> {
        self.begin_to_listen();
        let mut all = HashMap::with_capacity(robeings.len());
        let mut missing: Vec<&str> = Vec::new();
        let is_told = self.cache.is_told();
        for robeing in robeings {
            match self.cache.get(robeing).filter(|_| is_told) {
                Some(known) => {
                    all.insert((*robeing).to_owned(), known);
                }
                None => missing.push(robeing),
            }
        }
        if missing.is_empty() {
            self.cache.count(robeings.len(), 0);
        } else {
            missing.sort_unstable();
            missing.dedup();
            let found = self.confirm(&missing).await?;
            self.cache.count(robeings.len() - missing.len(), 0);
            all.extend(found);
        }
        Ok(all)
    }

    /// What the database has, which tells no more than its revision of what memory has too.
    pub(crate) async fn confirm(
        &self,
        robeings: &[&str],
    ) -> Result<HashMap<String, Arc<Snapshot>>> {
        let known: Vec<Option<Arc<Snapshot>>> =
            robeings.iter().map(|it| self.cache.get(it)).collect();
        let revision = |of: fn(&Revisions) -> i64| -> Vec<Option<i64>> {
            let known = known.iter();
            known
                .map(|it| it.as_ref().map(|it| of(&it.revisions)))
                .collect()
        };
        let generation = self.cache.generation();
        let client = self.pool.get().await?;
        let rows = scoped::query(
            &client,
            &Scope::only(ROBEINGS, robeings.iter().copied()),
            "select robeing_id, user_revision, system_revision, skill_revision,
                    case when user_revision is distinct from known.of_user then user_preference end as user_preference,
                    case when system_revision is distinct from known.of_system then system_settings end as system_settings,
                    case when skill_revision is distinct from known.of_skill then skill_settings end as skill_settings
             from robeing.settings
             join unnest($1::text[], $2::int8[], $3::int8[], $4::int8[])
                 as known (robeing, of_user, of_system, of_skill) on robeing = robeing_id",
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
        for (robeing, known) in robeings.iter().zip(known) {
            let new = match found.get(*robeing) {
                Some(row) => Snapshot::of(row, known.as_deref())?,
                None => Snapshot::default(),
            };
            let snapshot = match known {
                Some(known) if known.revisions == new.revisions => {
                    hits += 1;
                    known
                }
                _ => Arc::new(new),
            };
            self.cache.keep(generation, robeing, &snapshot);
            all.insert((*robeing).to_owned(), snapshot);
        }
        self.cache.count(hits, robeings.len() - hits);
        Ok(all)
    }

    /// Changes a category in one statement. With `revisions`, only if it is at one of them; none
    /// where it is not.
    pub(crate) async fn change(
        &self,
        robeing_id: &str,
        category: Category,
        change: &Change<'_>,
        revisions: Option<&[i64]>,
    ) -> Result<Option<Changed>> {
        let (column, revision) = category.columns();
        let (value, is_patch) = match change {
            Change::Put(key, value) => (json!({ *key: value }), false),
            Change::Remove(key) => (json!({ *key: null }), true),
            Change::Patch(patch) => (Value::Object((*patch).clone()), true),
        };
        let after = |before: &str| match is_patch {
            true => format!("robeing.merge_patch({before}, $2)"),
            false => format!("{before} || $2"),
        };
        let changed = format!(
            "set {column} = {}, {revision} = known.{revision} + 1, updated_at = now()",
            after(&format!("known.{column}"))
        );
        let is_new_too = revisions.is_none_or(|revisions| revisions.contains(&0));
        // What was never changed has no row, and is at revision 0.
        let sql = if is_new_too {
            format!(
                "insert into robeing.settings as known (id, robeing_id, {column}, {revision})
                 values ($4, $1, {}, 1)
                 on conflict (robeing_id) do update
                 {changed}
                 where $3::int8[] is null or known.{revision} = any ($3)
                 returning {column} as category, {revision} as revision",
                after("'{}'::jsonb")
            )
        } else {
            format!(
                "update robeing.settings as known
                 {changed}
                 where robeing_id = $1 and known.{revision} = any ($3) and $4::uuid is not null
                 returning {column} as category, {revision} as revision"
            )
        };
        let client = self.pool.get().await?;
        let rows = scoped::query(
            &client,
            &Scope::only(ROBEINGS, [robeing_id]),
            &sql,
            &[
                (&robeing_id, Type::TEXT),
                (&Json(value), Type::JSONB),
                (&revisions, Type::INT8_ARRAY),
                (&Uuid::now_v7(), Type::UUID),
            ],
        )
        .await;
        // Whether it was changed or not is unknown after an error.
        self.cache.forget(robeing_id);
        let Some(row) = rows.map_err(refused)?.into_iter().next() else {
            return Ok(None);
        };
        let Json(Value::Object(set)) = row.try_get("category")? else {
            return Err(Error::Internal(anyhow::anyhow!("a category is no object")));
        };
        Ok(Some(Changed {
            revision: row.try_get("revision")?,
            in_force: category.in_force(&set),
        }))
    }

    fn begin_to_listen(&self) {
        if let Some(listener) = &self.listen {
            let (env, once) = &**listener;
            once.call_once(|| {
                tokio::spawn(listen::run(env.clone(), Arc::downgrade(&self.cache)));
            });
        }
    }
}

impl Snapshot {
    /// With those categories of an older one whose revision is the same.
    fn of(row: &Row, known: Option<&Self>) -> Result<Self> {
        let category = |name| -> Result<Option<Map<String, Value>>, tokio_postgres::Error> {
            let value: Option<Json<Map<String, Value>>> = row.try_get(name)?;
            Ok(value.map(|Json(set)| set))
        };
        let (user, system, skill) = (
            category("user_preference")?,
            category("system_settings")?,
            category("skill_settings")?,
        );
        let known = known.cloned().unwrap_or_default();
        Ok(Self {
            revisions: Revisions {
                user: row.try_get("user_revision")?,
                system: row.try_get("system_revision")?,
                skill: row.try_get("skill_revision")?,
            },
            user: user.map_or(known.user, |set| known::read(&set)),
            system: system.map_or(known.system, |set| known::read(&set)),
            skill: skill.map_or(known.skill, |set| Skill::of(&set)),
        })
    }

    /// As JSON.
    pub fn in_force(&self, category: Category) -> Map<String, Value> {
        let value = match category {
            Category::User => serde_json::to_value(&self.user),
            Category::System => serde_json::to_value(&self.system),
            Category::Skill => serde_json::to_value(&self.skill),
        };
        match value {
            Ok(Value::Object(object)) => object,
            _ => Map::new(),
        }
    }
}

impl Revisions {
    pub fn of(&self, category: Category) -> i64 {
        match category {
            Category::User => self.user,
            Category::System => self.system,
            Category::Skill => self.skill,
        }
    }
}

/// What the table refuses, in the caller's words.
fn refused(error: tokio_postgres::Error) -> Error {
    let constraint = error.as_db_error().and_then(|error| error.constraint());
    match constraint {
        Some("timezone_is_unknown") => {
            Error::Invalid("user.timezone is unknown: write one like Asia/Seoul".to_owned())
        }
        Some("category_is_too_large") => {
            Error::TooLarge("a category holds up to 256 KiB: take something out first".to_owned())
        }
        _ => error.into(),
    }
}
