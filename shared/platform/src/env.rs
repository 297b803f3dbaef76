//! The configuration: a snapshot of the environment, which [`crate::serve()`] takes once.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use anyhow::Context as _;

/// A snapshot of the environment's variables. A variable with an empty value counts as unset.
#[derive(Clone, Default)]
pub struct Env {
    values: BTreeMap<String, String>,
    /// For each variable whose secret has no value yet: how to set it.
    without_value: BTreeMap<String, String>,
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

    /// If the variable refers to a secret that has no value yet: an error text that says how to set it.
    pub fn why_without_value(&self, name: &str) -> Option<String> {
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

    /// The parsed value of a variable, or the default if it is unset.
    ///
    /// # Errors
    /// If the value doesn't parse.
    pub fn parse<T>(&self, name: &str, default: T) -> anyhow::Result<T>
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        match self.get(name) {
            None => Ok(default),
            Some(value) => value
                .parse()
                .map_err(|error| anyhow::anyhow!("{name} is {value:?}: {error}")),
        }
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
        self
    }

    /// Unsets a variable whose secret has no value yet.
    pub(crate) fn set_without_value(&mut self, name: &str, remedy: String) {
        self.values.remove(name);
        self.without_value.insert(name.to_owned(), remedy);
    }

    /// The variables before references were replaced, if there were references.
    pub(crate) fn given(&self) -> Option<&Arc<Self>> {
        self.given.as_ref()
    }

    pub(crate) fn set_given(&mut self, given: Self) {
        self.given = Some(Arc::new(given));
    }
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
