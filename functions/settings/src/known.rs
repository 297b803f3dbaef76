//! The keys that are known: their types, which are their JSON Schema too, and their defaults.

use masking::Unmasked;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

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

pub(crate) fn one(key: &str, value: &Value) -> Value {
    Value::Object(Map::from_iter([(key.to_owned(), value.clone())]))
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
