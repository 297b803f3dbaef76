//! The known keys: their types, which are also their JSON schemas, and their defaults.

use masking::Unmasked;
use platform::time_zone::Zone;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// How a robeing communicates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct User {
    pub response_style: ResponseStyle,
    pub response_length: ResponseLength,
    /// A BCP 47 tag, such as `ko` or `en-GB`.
    #[schema(min_length = 2, max_length = 35)]
    #[serde(deserialize_with = "language")]
    pub language: String,
    /// The time zone of daily figures: a name such as `Asia/Seoul`, or an offset such as `+09:00`.
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
    /// The most messages in a context.
    #[schema(minimum = 1, maximum = 10_000)]
    #[serde(deserialize_with = "within::<1, 10_000, _>")]
    pub max_memory_size: u32,
    /// How many days messages are stored. Only admins may change it.
    #[schema(minimum = 1, maximum = 36_500)]
    #[serde(deserialize_with = "within::<1, 36_500, _>")]
    pub memory_ttl_days: u32,
    /// For the robeing: whether it should summarize long conversations.
    pub auto_summarize: bool,
    /// For the robeing: whether it should explain what it does.
    pub debug_mode: bool,
    /// The kinds of values that are not masked in its conversations. All other kinds are masked, and registration
    /// numbers always are. Only admins may change it.
    pub unmasked: Vec<Unmasked>,
}

/// The settings of skills.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct Skill {
    pub email: Email,
    pub news: News,
    /// Any other skill, with its own settings.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Email {
    pub enabled: bool,
    /// Seconds between two checks for mail.
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
    /// The number of sentences.
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

/// Reads each key on its own, so that an unreadable one doesn't affect the others.
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
    Err(D::Error::custom("use a language tag such as ko or en-GB"))
}

/// The canonical name, so that a setting that was stored as `asia/seoul` or `UTC+9` reads the same everywhere.
fn timezone<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let zone: Zone = String::deserialize(deserializer)?
        .parse()
        .map_err(D::Error::custom)?;
    Ok(zone.name().to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_unreadable_value_has_its_default_and_does_not_affect_other_keys() {
        let set = json!({"max_memory_size": 7, "unmasked": ["phone", "soul"], "future": 1});
        let system: System = read(set.as_object().unwrap());
        let expected = System {
            max_memory_size: 7,
            ..System::default()
        };
        assert_eq!(system, expected);
    }
}
