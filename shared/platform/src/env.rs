//! The configuration: a snapshot of the environment, which [`crate::serve()`] takes once.

use std::collections::BTreeMap;
use std::fmt;
use std::num::{NonZeroU32, NonZeroUsize};
use std::str::FromStr;
use std::sync::Arc;

use anyhow::Context as _;

/// A snapshot of the environment's variables. A variable with an empty value counts as unset.
#[derive(Clone, Default)]
pub struct Env {
    values: BTreeMap<String, String>,
    /// For each variable whose secret has no value yet: how to set it.
    without_value: BTreeMap<String, String>,
    /// For each variable whose secret can't be read: why.
    unread: BTreeMap<String, String>,
    /// The variables as they were before [`crate::secrets::resolve`] replaced references.
    given: Option<Arc<Env>>,
}

impl Env {
    /// Takes a snapshot. In a value that is not UTF-8, replaces the invalid bytes, so that the variable is
    /// reported as invalid and not as unset.
    pub fn from_process() -> Self {
        std::env::vars_os()
            .filter_map(|(name, value)| {
                let name = name.into_string().ok()?;
                Some((name, value.to_string_lossy().into_owned()))
            })
            .collect()
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.values
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// The value of a required variable. If it is unset, the error says to set it to `meaning`, or how to
    /// set the secret to which it refers.
    pub fn required(&self, name: &str, meaning: &str) -> anyhow::Result<&str> {
        self.get(name).with_context(|| {
            let refers = self.why_without_value(name);
            refers.unwrap_or_else(|| format!("{name} is not set: set it to {meaning}"))
        })
    }

    /// Like [`Env::required`], for a secret.
    pub fn required_secret(&self, name: &str, meaning: &str) -> anyhow::Result<Secret> {
        self.required(name, meaning).map(Secret::new)
    }

    /// If the variable refers to a secret that has no value yet or can't be read: an error text that says how to set
    /// it, or why it can't be read.
    pub fn why_without_value(&self, name: &str) -> Option<String> {
        if let Some(reason) = self.unread.get(name) {
            return Some(format!("can't read the secret of {name}: {reason}"));
        }
        let remedy = self.without_value.get(name)?;
        Some(format!(
            "{name} refers to a secret without a value: {remedy}"
        ))
    }

    /// The variables that refer to a secret that has no value yet, and how to set it. They count as unset.
    pub fn without_value(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.without_value.iter();
        pairs.map(|(name, remedy)| (name.as_str(), remedy.as_str()))
    }

    /// The variables whose secret can't be read, and why; only after [`crate::secrets::resolve_each`]. They count as
    /// unset.
    pub fn unread(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.unread.iter();
        pairs.map(|(name, reason)| (name.as_str(), reason.as_str()))
    }

    pub fn why_unread(&self, name: &str) -> Option<&str> {
        self.unread.get(name).map(String::as_str)
    }

    /// The number in a variable, or the default if it is unset.
    ///
    /// # Errors
    /// If the value is not such a number. The error says what to set.
    pub fn parse<T: Number>(&self, name: &str, default: T) -> anyhow::Result<T> {
        self.parse_as(name, default, T::FORM, |_| true)
    }

    /// Like [`Env::parse`], for a variable that not every number is valid for. `form` is what to set it to.
    pub fn parse_as<T: FromStr>(
        &self,
        name: &str,
        default: T,
        form: &str,
        is_valid: impl FnOnce(&T) -> bool,
    ) -> anyhow::Result<T> {
        let Some(text) = self.get(name) else {
            return Ok(default);
        };
        let value = text.parse().ok().filter(is_valid);
        value.with_context(|| format!("{name} is {text:?}: set it to {form}"))
    }

    /// The variables that are set, with their values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.values.iter().filter(|(_, value)| !value.is_empty());
        pairs.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub fn secret(&self, name: &str) -> Option<Secret> {
        self.get(name).map(|value| Secret(value.to_owned()))
    }

    /// Sets one variable of the snapshot. The demo and tests configure functions this way.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.values.insert(name.to_owned(), value.into());
        self.without_value.remove(name);
        self.unread.remove(name);
        self
    }

    /// Unsets a variable whose secret has no value yet.
    pub(crate) fn set_without_value(&mut self, name: &str, remedy: String) {
        self.values.remove(name);
        self.without_value.insert(name.to_owned(), remedy);
    }

    /// Unsets a variable whose secret can't be read.
    pub(crate) fn set_unread(&mut self, name: &str, reason: String) {
        self.values.remove(name);
        self.unread.insert(name.to_owned(), reason);
    }

    /// The variables before references were replaced, if there were references.
    pub fn given(&self) -> Option<&Self> {
        self.given.as_deref()
    }

    pub(crate) fn set_given(&mut self, given: Self) {
        self.given = Some(Arc::new(given));
    }
}

/// A type of number that a variable can have.
pub trait Number: FromStr {
    /// What to set, for an error: the parsers of the standard library name neither the type nor the range.
    const FORM: &'static str;
}

macro_rules! numbers {
    ($($number:ty: $form:literal),+ $(,)?) => {
        $(impl Number for $number {
            const FORM: &'static str = $form;
        })+
    };
}

numbers! {
    u16: "a whole number from 0 to 65535",
    u32: "a whole number from 0 to 4294967295",
    u64: "a whole number, 0 or more",
    usize: "a whole number, 0 or more",
    NonZeroU32: "a whole number from 1 to 4294967295",
    NonZeroUsize: "a whole number, 1 or more",
    i64: "a whole number",
    f64: "a number",
}

impl FromIterator<(String, String)> for Env {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Self {
        Self {
            values: pairs.into_iter().collect(),
            ..Self::default()
        }
    }
}

/// Prints names only, because values may be secrets.
impl fmt::Debug for Env {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.values.keys()).finish()
    }
}

/// A value that must not be printed.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[secret]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_is_no_such_number_is_an_error_that_says_what_to_set() {
        let env = |value: &str| Env::default().with("SIZE", value);
        let error = |result: anyhow::Result<()>| result.unwrap_err().to_string();
        assert_eq!(
            error(env("http").parse("SIZE", 8080_u16).map(drop)),
            r#"SIZE is "http": set it to a whole number from 0 to 65535"#
        );
        assert_eq!(
            error(env("65536").parse("SIZE", 8080_u16).map(drop)),
            r#"SIZE is "65536": set it to a whole number from 0 to 65535"#
        );
        assert_eq!(
            error(env("0").parse("SIZE", NonZeroUsize::MIN).map(drop)),
            r#"SIZE is "0": set it to a whole number, 1 or more"#
        );
        assert_eq!(
            error(env("30 days").parse("SIZE", 0_i64).map(drop)),
            r#"SIZE is "30 days": set it to a whole number"#
        );
        assert_eq!(env("12").parse("SIZE", 0_u64).unwrap(), 12);
    }
}
