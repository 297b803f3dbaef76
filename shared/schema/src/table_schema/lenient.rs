//! Values as the programs that write BigQuery's JSON spell them.

use serde::de::{Deserialize, Deserializer, Error};
use serde_json::Value;

use crate::document::Mode;

/// `null` is the same as absent.
pub(super) fn or_default<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// A whole number, as a number or as text.
pub(super) fn number<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let number = match Value::deserialize(from)? {
        Value::Null => return Ok(None),
        Value::Number(number) if number.is_u64() => number.to_string(),
        Value::String(text) => text.trim().to_owned(),
        other => other.to_string(),
    };
    if number.is_empty() {
        return Ok(None);
    }
    match number.parse::<u64>() {
        Ok(number) => Ok(Some(number.to_string())),
        Err(_) => Err(D::Error::custom(format!(
            "expected a whole number, not {number:.40}"
        ))),
    }
}

/// True or false, also as text.
pub(super) fn flag<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    match Value::deserialize(from)? {
        Value::Null => Ok(false),
        Value::Bool(flag) => Ok(flag),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Ok(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") || text.is_empty() => Ok(false),
        other => Err(D::Error::custom(format!(
            "expected true or false, not {:.40}",
            other.to_string()
        ))),
    }
}

/// A text in capitals; none if it is empty.
pub(super) fn upper_case<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    let text = text.map(|text| text.trim().to_ascii_uppercase());
    Ok(text.filter(|text| !text.is_empty()))
}

/// A mode in any case.
pub(super) fn mode<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Mode>, D::Error> {
    Ok(match upper_case(from)?.as_deref() {
        None => None,
        Some("NULLABLE") => Some(Mode::Nullable),
        Some("REQUIRED") => Some(Mode::Required),
        Some("REPEATED") => Some(Mode::Repeated),
        Some(other) => {
            return Err(D::Error::custom(format!(
                "there is no mode {other:.40}: use NULLABLE, REQUIRED or REPEATED"
            )));
        }
    })
}
