//! The keys that are known: their types, which are their JSON Schema too, and their defaults.
//!
//! No key depends on another, and no field of an object on another field. So a patch can be
//! checked by itself, whatever it is merged into.

use std::fmt;

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use shared::{Error, Result, Role};
use utoipa::ToSchema;

const LONGEST_KEY: usize = 100;
/// What an error repeats of a value, in characters.
const LONGEST_REASON: usize = 200;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Category {
    /// How a robeing talks.
    User,
    /// How MetaSync treats it.
    System,
    /// What its skills are set to; keys of your own too.
    Skill,
}

/// How a robeing talks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct User {
    pub response_style: ResponseStyle,
    pub response_length: ResponseLength,
    /// A BCP 47 tag: `ko`, `en-GB`.
    #[schema(min_length = 2, max_length = 35)]
    #[serde(deserialize_with = "language")]
    pub language: String,
    /// Whose days the daily figures are of: `Asia/Seoul`.
    #[schema(max_length = 64)]
    #[serde(deserialize_with = "timezone")]
    pub timezone: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ResponseStyle {
    Formal,
    Casual,
    Friendly,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ResponseLength {
    Brief,
    Normal,
    Detailed,
}

/// How MetaSync treats a robeing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct System {
    /// How many messages a context is made of at most.
    #[schema(minimum = 1, maximum = 10_000)]
    #[serde(deserialize_with = "within::<1, 10_000, _>")]
    pub max_memory_size: u32,
    /// How many days messages are kept. Only an admin changes it.
    #[schema(minimum = 1, maximum = 36_500)]
    #[serde(deserialize_with = "within::<1, 36_500, _>")]
    pub memory_ttl_days: u32,
    /// For the robeing: whether it should sum up long conversations.
    pub auto_summarize: bool,
    /// For the robeing: whether it should say what it does.
    pub debug_mode: bool,
    /// What is not masked in its conversations. Registration numbers always are, and so is every
    /// kind that is not listed. Only an admin changes it.
    pub unmasked: Vec<Unmasked>,
}

/// A kind of personal data or secret that may be let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unmasked {
    Secret,
    Card,
    Account,
    Iban,
    Passport,
    Licence,
    Health,
    Ssn,
    Phone,
    Email,
    Address,
    Plate,
    Business,
    Ip,
}

/// What the skills are set to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct Skill {
    pub email: Email,
    pub news: News,
    /// Any other skill, with what it understands.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Email {
    pub enabled: bool,
    /// Seconds between two looks.
    #[schema(minimum = 10, maximum = 86_400)]
    #[serde(deserialize_with = "within::<10, 86_400, _>")]
    pub check_interval: u32,
    pub auto_reply: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct News {
    pub enabled: bool,
    pub categories: Vec<String>,
    /// Sentences.
    #[schema(minimum = 1, maximum = 20)]
    #[serde(deserialize_with = "within::<1, 20, _>")]
    pub summary_length: u32,
}

impl Default for User {
    fn default() -> Self {
        Self {
            response_style: ResponseStyle::Friendly,
            response_length: ResponseLength::Normal,
            language: "ko".to_owned(),
            timezone: "Asia/Seoul".to_owned(),
        }
    }
}

impl Default for System {
    fn default() -> Self {
        Self {
            max_memory_size: 1_000,
            memory_ttl_days: 30,
            auto_summarize: true,
            debug_mode: false,
            unmasked: Vec::new(),
        }
    }
}

impl Default for Email {
    fn default() -> Self {
        Self {
            enabled: false,
            check_interval: 300,
            auto_reply: false,
        }
    }
}

impl Default for News {
    fn default() -> Self {
        Self {
            enabled: false,
            categories: Vec::new(),
            summary_length: 3,
        }
    }
}

impl Category {
    pub const ALL: [Self; 3] = [Self::User, Self::System, Self::Skill];

    /// Its column, and that of its revision.
    pub(crate) fn columns(self) -> (&'static str, &'static str) {
        match self {
            Self::User => ("user_preference", "user_revision"),
            Self::System => ("system_settings", "system_revision"),
            Self::Skill => ("skill_settings", "skill_revision"),
        }
    }

    /// What is in force, given what was set. What a newer or older program set and this one can't
    /// read is left out, so that the default holds, which of masking is the strictest.
    pub(crate) fn in_force(self, set: &Map<String, Value>) -> Map<String, Value> {
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

    /// Whether a key can have this value; the error says what it should be.
    pub(crate) fn check(self, key: &str, value: &Value) -> Result<()> {
        self.check_key(key)?;
        if value.is_null() {
            return Err(Error::Invalid(format!(
                "{self}.{key} can't be null: DELETE it to have the default back"
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

    /// Whether a patch of the whole category leaves something valid, whatever it is applied to.
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

    /// Whether there can be such a key.
    pub(crate) fn check_key(self, key: &str) -> Result<()> {
        let known = match self {
            Self::User => self.in_force(&Map::new()),
            Self::System => self.in_force(&Map::new()),
            Self::Skill => {
                if key.is_empty()
                    || key.chars().count() > LONGEST_KEY
                    || key.contains(char::is_control)
                {
                    return Err(Error::Invalid(format!(
                        "a key must have 1 to {LONGEST_KEY} characters, none of them a control character"
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
            "{self} has no such key: it has {}; keys of your own go under skill",
            known.join(", ")
        )))
    }

    /// Who may change a key: what weakens masking, or lets data go, is an admin's.
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

impl Skill {
    pub(crate) fn of(set: &Map<String, Value>) -> Self {
        fn known<T: DeserializeOwned + Default>(value: Option<&Value>) -> T {
            let set = value.and_then(Value::as_object);
            set.map(read).unwrap_or_default()
        }
        let mut other = set.clone();
        Self {
            email: known(other.remove("email").as_ref()),
            news: known(other.remove("news").as_ref()),
            other,
        }
    }
}

/// Key by key, so that one that can't be read takes no other with it.
pub(crate) fn read<T: DeserializeOwned + Default>(set: &Map<String, Value>) -> T {
    let is_valid = |key: &str, value: &Value| serde_json::from_value::<T>(one(key, value)).is_ok();
    let valid = set.iter().filter(|(key, value)| is_valid(key, value));
    let valid: Map<String, Value> = valid
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    serde_json::from_value(Value::Object(valid)).unwrap_or_default()
}

fn one(key: &str, value: &Value) -> Value {
    Value::Object(Map::from_iter([(key.to_owned(), value.clone())]))
}

fn parse<T: DeserializeOwned>(place: fmt::Arguments<'_>, value: &Value) -> Result<T> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let place = match path.as_str() {
            "." | "?" => place.to_string(),
            path => format!("{place}.{path}"),
        };
        let mut reason = error.into_inner().to_string();
        if let Some((end, _)) = reason.char_indices().nth(LONGEST_REASON) {
            reason.truncate(end);
            reason.push('…');
        }
        Error::Invalid(format!("{place}: {reason}"))
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

fn within<'de, const LEAST: u32, const MOST: u32, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<u32, D::Error> {
    let value = u32::deserialize(deserializer)?;
    if (LEAST..=MOST).contains(&value) {
        return Ok(value);
    }
    Err(D::Error::custom(format!(
        "{value} is not from {LEAST} to {MOST}"
    )))
}

fn language<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let tag = String::deserialize(deserializer)?;
    let is_part = |part: &str| {
        (1..=8).contains(&part.len()) && part.bytes().all(|it| it.is_ascii_alphanumeric())
    };
    if (2..=35).contains(&tag.len()) && tag.split('-').all(is_part) {
        return Ok(tag);
    }
    Err(D::Error::custom("write a language tag such as ko or en-GB"))
}

/// Only its form: whether there is one of this name the database knows.
fn timezone<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    let is_letter = |it: u8| it.is_ascii_alphanumeric() || b"_+-".contains(&it);
    let is_part = |part: &str| !part.is_empty() && part.bytes().all(is_letter);
    let parts = name.split('/').count();
    if name == "UTC"
        || (name.len() <= 64 && (2..=3).contains(&parts) && name.split('/').all(is_part))
    {
        return Ok(name);
    }
    Err(D::Error::custom("write a time zone such as Asia/Seoul"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_refused_with_what_it_should_be() {
        for (category, key, value, reason) in [
            (
                Category::User,
                "response_style",
                json!("rude"),
                "expected one of `formal`, `casual`, `friendly`",
            ),
            (
                Category::User,
                "theme",
                json!("dark"),
                "keys of your own go under skill",
            ),
            (
                Category::User,
                "timezone",
                json!("Seoul"),
                "user.timezone: write a time zone such as Asia/Seoul",
            ),
            (
                Category::User,
                "language",
                json!("한국어"),
                "user.language: write a language tag",
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
                "expected u32",
            ),
            (
                Category::System,
                "unmasked",
                json!(["rrn"]),
                "unknown variant `rrn`",
            ),
            (Category::System, "debug_mode", json!(null), "DELETE it"),
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
                "skill.email: invalid type",
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
    fn a_patch_is_checked_by_itself_and_null_takes_away() {
        let patch = |value: Value| Category::Skill.check_patch(value.as_object().unwrap());
        patch(json!({"email": {"check_interval": null, "enabled": true}, "chess": null})).unwrap();
        let error = patch(json!({"email": {"check_interval": "often"}})).unwrap_err();
        assert!(
            error.to_string().contains("skill.email.check_interval"),
            "{error}"
        );
    }

    #[test]
    fn what_can_not_be_read_leaves_the_default_and_takes_no_other_key_with_it() {
        let set = json!({"max_memory_size": 7, "unmasked": ["phone", "soul"], "future": 1});
        let system: System = read(set.as_object().unwrap());
        let expected = System {
            max_memory_size: 7,
            ..System::default()
        };
        assert_eq!(system, expected);
    }
}
