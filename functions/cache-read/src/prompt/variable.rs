//! The variables of a template: built-in ones, and those whose values come with the request.

use std::collections::BTreeMap;

use platform::Error;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The longest value of a request's variable, in characters.
pub const LONGEST_VALUE: usize = 10_000;

/// The name of a variable, of at most this many characters.
const LONGEST_NAME: usize = 64;

/// A variable with a value of MetaSync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Builtin {
    /// The tables and columns for the question.
    Schema,
    /// Verified examples of similar questions.
    Examples,
    Question,
    /// The messages of a conversation, which the request names.
    Conversation,
    /// `BigQuery (GoogleSQL)` or `PostgreSQL`.
    Dialect,
    /// The date in UTC: `2026-01-31`.
    Today,
    /// The rules for the dialect, one per line.
    Rules,
}

impl Builtin {
    pub const ALL: [Self; 7] = [
        Self::Schema,
        Self::Examples,
        Self::Question,
        Self::Conversation,
        Self::Dialect,
        Self::Today,
        Self::Rules,
    ];
    pub const REQUIRED: [Self; 2] = [Self::Schema, Self::Question];

    pub fn name(self) -> &'static str {
        match self {
            Self::Schema => "schema",
            Self::Examples => "examples",
            Self::Question => "question",
            Self::Conversation => "conversation",
            Self::Dialect => "dialect",
            Self::Today => "today",
            Self::Rules => "rules",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }
}

/// An entry of `variables` in a template.
#[derive(Clone, Debug, Deserialize)]
#[serde(
    untagged,
    expecting = "the name of a built-in variable, or {\"name\", \"description\", \"default\", \"required\"}"
)]
pub enum Declaration {
    /// A built-in variable that the template uses.
    Builtin(String),
    Own(Declared),
}

/// A variable whose value comes with the request.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Declared {
    /// Its name, as in `{{tenant}}`.
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The value if the request has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// Whether the request must have a value; `true` if there is no default. A variable that is neither
    /// required nor has a default is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required: Option<bool>,
}

impl Declared {
    pub fn is_required(&self) -> bool {
        self.required.unwrap_or(self.default.is_none())
    }

    /// Checks the declaration alone.
    pub fn check(&self) -> Result<(), String> {
        let name = &self.name;
        if !is_name(name) {
            return Err(format!(
                "variables: {name:?} is not a name: use 1 to {LONGEST_NAME} letters, digits, _ and -"
            ));
        }
        if Builtin::named(name).is_some() {
            return Err(format!(
                "variables: {name} is a built-in variable: declare it as {name:?}, or use another name"
            ));
        }
        if self.required == Some(true) && self.default.is_some() {
            return Err(format!(
                "variables: {name} is required, so its default is never used: remove one of them"
            ));
        }
        Ok(())
    }
}

pub fn is_name(name: &str) -> bool {
    let is_allowed = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    !name.is_empty() && name.chars().count() <= LONGEST_NAME && name.chars().all(is_allowed)
}

/// The values of the declared variables, in the order of their declarations.
///
/// # Errors
/// `Unprocessable` if a value has no declaration or is too long, or if a required one is missing.
pub fn resolve(
    declared: &[Declared],
    given: &BTreeMap<String, String>,
) -> platform::Result<Vec<String>> {
    let known = |name: &&String| declared.iter().any(|it| it.name == **name);
    if let Some(unknown) = given.keys().find(|name| !known(name)) {
        let names: Vec<&str> = declared.iter().map(|it| it.name.as_str()).collect();
        let declared = if names.is_empty() {
            "it declares none".to_owned()
        } else {
            format!("it declares {}", names.join(", "))
        };
        return Err(Error::Unprocessable(format!(
            "variables.{unknown} is not a variable of the template: {declared}"
        )));
    }
    let value = |variable: &Declared| {
        let name = &variable.name;
        let value = match given.get(name).map(String::as_str) {
            Some(value) => value,
            None if variable.is_required() => {
                return Err(Error::Unprocessable(format!(
                    "variables.{name} is missing: the template requires a value"
                )));
            }
            None => variable.default.as_deref().unwrap_or_default(),
        };
        let length = value.chars().count();
        if length > LONGEST_VALUE {
            return Err(Error::Unprocessable(format!(
                "variables.{name} has {length} characters: shorten it to {LONGEST_VALUE}"
            )));
        }
        Ok(value.to_owned())
    };
    declared.iter().map(value).collect()
}
