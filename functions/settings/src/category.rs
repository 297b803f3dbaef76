//! The three categories: their keys, the values that these accept, and who may change them.
//!
//! No key depends on another key, and no field of an object on another field. So a patch can be checked without the
//! settings that it is merged into.

use std::fmt;

use platform::excerpt::cut;
use platform::extract::Strict;
use platform::extract::json::is_deeper;
use platform::extract::wording::plain;
use platform::{Error, Result, Role};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::known::{Email, News, Skill, System, User, one, read};

/// In characters.
const MAX_KEY: usize = 100;
/// Of lists and objects within each other: a setting is read within the objects of its category and its robeing.
const MAX_DEPTH: usize = 100;
/// In characters, of an error, which may repeat a value.
const MAX_REASON: usize = 1_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Category {
    /// How a robeing communicates.
    User,
    /// How MetaSync treats a robeing.
    System,
    /// The settings of its skills, including skills of your own.
    Skill,
}

impl Category {
    pub const ALL: [Self; 3] = [Self::User, Self::System, Self::Skill];

    /// The columns of the category and of its revision.
    pub(crate) fn columns(self) -> (&'static str, &'static str) {
        match self {
            Self::User => ("user_preference", "user_revision"),
            Self::System => ("system_settings", "system_revision"),
            Self::Skill => ("skill_settings", "skill_revision"),
        }
    }

    /// The effective settings, given those that were set. Values that this version can't read, set by another version,
    /// are replaced with the default. The default of masking is the strictest.
    pub(crate) fn effective(self, set: &Map<String, Value>) -> Map<String, Value> {
        let value = match self {
            Self::User => serde_json::to_value(read::<User>(set)),
            Self::System => serde_json::to_value(read::<System>(set)),
            Self::Skill => serde_json::to_value(Skill::of(set)),
        };
        match value {
            Ok(Value::Object(object)) => object,
            _ => Map::new(),
        }
    }

    /// Whether a key accepts this value. The error says what it accepts.
    pub(crate) fn check(self, key: &str, value: &Value) -> Result<()> {
        self.check_key(key)?;
        if value.is_null() {
            return Err(Error::Invalid(format!(
                "{self}.{key} can't be null: use DELETE to restore the default"
            )));
        }
        if is_deeper(value, MAX_DEPTH) {
            return Err(Error::Invalid(format!(
                "{self}.{key} can't be nested deeper than {MAX_DEPTH} levels"
            )));
        }
        match (self, key) {
            (Self::User, _) => parse::<User>(format_args!("{self}"), &one(key, value)).map(drop),
            (Self::System, _) => {
                parse::<System>(format_args!("{self}"), &one(key, value)).map(drop)
            }
            (Self::Skill, "email") => parse::<Email>(format_args!("skill.email"), value).map(drop),
            (Self::Skill, "news") => parse::<News>(format_args!("skill.news"), value).map(drop),
            (Self::Skill, _) => Ok(()),
        }
    }

    /// Whether a patch gives valid settings when it is applied to any valid settings.
    pub(crate) fn check_patch(self, patch: &Map<String, Value>) -> Result<()> {
        for (key, value) in patch {
            if value.is_null() {
                self.check_key(key)?;
            } else {
                self.check(key, &without_nulls(value))?;
            }
        }
        Ok(())
    }

    /// Whether the key is possible.
    pub(crate) fn check_key(self, key: &str) -> Result<()> {
        let known = match self {
            Self::User => self.effective(&Map::new()),
            Self::System => self.effective(&Map::new()),
            Self::Skill => {
                if key.is_empty() || key.chars().count() > MAX_KEY || key.contains(char::is_control)
                {
                    return Err(Error::Invalid(format!(
                        "a key must have 1 to {MAX_KEY} characters and no control characters"
                    )));
                }
                return Ok(());
            }
        };
        if known.contains_key(key) {
            return Ok(());
        }
        let known: Vec<&str> = known.keys().map(String::as_str).collect();
        Err(Error::Invalid(format!(
            "{self} has no such key; its keys are {}; keys of your own belong under skill",
            known.join(", ")
        )))
    }

    /// The role that may change a key. Only admins may weaken masking or shorten retention.
    pub(crate) fn role(self, key: &str) -> Role {
        match (self, key) {
            (Self::System, "unmasked" | "memory_ttl_days") => Role::Admin,
            _ => Role::Writer,
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::User => "user",
            Self::System => "system",
            Self::Skill => "skill",
        })
    }
}

fn parse<T: DeserializeOwned>(place: fmt::Arguments<'_>, value: &Value) -> Result<T> {
    serde_path_to_error::deserialize(Strict(value)).map_err(|error| {
        let path = error.path().to_string();
        let place = match path.as_str() {
            "." | "?" => place.to_string(),
            path => format!("{place}.{path}"),
        };
        let reason = plain(&error.into_inner().to_string(), "field");
        Error::Invalid(format!("{place}: {}", cut(&reason, MAX_REASON)))
    })
}

fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let parts = object.iter().filter(|(_, part)| !part.is_null());
            let parts = parts.map(|(name, part)| (name.clone(), without_nulls(part)));
            Value::Object(parts.collect())
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_invalid_value_is_rejected_with_what_the_key_accepts() {
        for (category, key, value, reason) in [
            (
                Category::User,
                "response_style",
                json!("rude"),
                "must be one of `formal`, `casual`, `friendly`, and is `rude`",
            ),
            (
                Category::User,
                "theme",
                json!("dark"),
                "keys of your own belong under skill",
            ),
            (
                Category::User,
                "timezone",
                json!("Seoul"),
                "user.timezone: unknown time zone: use a name like Asia/Seoul",
            ),
            (
                Category::User,
                "language",
                json!("한국어"),
                "user.language: use a language tag",
            ),
            (
                Category::System,
                "max_memory_size",
                json!(0),
                "system.max_memory_size: 0 is not from 1 to 10000",
            ),
            (
                Category::System,
                "max_memory_size",
                json!("many"),
                "must be a whole number from 0 to 4294967295, and is \"many\"",
            ),
            (
                Category::System,
                "unmasked",
                json!(["rrn"]),
                ", and is `rrn`",
            ),
            (Category::System, "debug_mode", json!(null), "use DELETE"),
            (
                Category::Skill,
                "email",
                json!({"check_interval": 1}),
                "skill.email.check_interval: 1 is not from 10 to 86400",
            ),
            (
                Category::Skill,
                "email",
                json!(true),
                "skill.email: must be an object, and is `true`",
            ),
            (
                Category::Skill,
                "news",
                json!({"topic": 1}),
                "unknown field `topic`",
            ),
            (Category::Skill, "", json!(1), "a key must have"),
        ] {
            let error = category.check(key, &value).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
        for (category, key, value) in [
            (Category::User, "timezone", json!("America/Argentina/Salta")),
            (Category::System, "unmasked", json!(["business", "ip"])),
            (Category::Skill, "email", json!({"enabled": true})),
            (Category::Skill, "chess", json!([1, null, {"a": "b"}])),
        ] {
            category.check(key, &value).unwrap();
        }
    }

    #[test]
    fn a_patch_is_checked_without_the_current_settings_and_null_removes_a_member() {
        let patch = |value: Value| Category::Skill.check_patch(value.as_object().unwrap());
        patch(json!({"email": {"check_interval": null, "enabled": true}, "chess": null})).unwrap();
        let error = patch(json!({"email": {"check_interval": "often"}})).unwrap_err();
        assert!(
            error.to_string().contains("skill.email.check_interval"),
            "{error}"
        );
    }
}
