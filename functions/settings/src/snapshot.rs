//! The settings of a robeing at some revision.

use platform::Result;
use platform::postgres::types::Json;
use serde::Serialize;
use serde_json::{Map, Value};
use tokio_postgres::Row;

use crate::category::Category;
use crate::known::{self, Skill, System, User};

/// The effective settings of a robeing: what was set, and the defaults.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    pub revisions: Revisions,
    pub user: User,
    pub system: System,
    pub skill: Skill,
}

/// The number of changes of each category.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Revisions {
    pub user: i64,
    pub system: i64,
    pub skill: i64,
}

impl Snapshot {
    /// Reads a row. Categories with the revision of the cached snapshot are not in the row and are taken from there.
    pub(crate) fn of(row: &Row, cached: Option<&Self>) -> Result<Self> {
        let category = |name| -> Result<Option<Map<String, Value>>, tokio_postgres::Error> {
            let value: Option<Json<Map<String, Value>>> = row.try_get(name)?;
            Ok(value.map(|Json(set)| set))
        };
        let (user, system, skill) = (
            category("user_preference")?,
            category("system_settings")?,
            category("skill_settings")?,
        );
        let cached = cached.cloned().unwrap_or_default();
        Ok(Self {
            revisions: Revisions {
                user: row.try_get("user_revision")?,
                system: row.try_get("system_revision")?,
                skill: row.try_get("skill_revision")?,
            },
            user: user.map_or(cached.user, |set| known::read(&set)),
            system: system.map_or(cached.system, |set| known::read(&set)),
            skill: skill.map_or(cached.skill, |set| Skill::of(&set)),
        })
    }

    /// The effective settings of a category, as JSON.
    pub fn effective(&self, category: Category) -> Map<String, Value> {
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
