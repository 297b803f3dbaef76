//! The JSON of a template. [`super::template`] describes it.

use schema::Dialect;
use serde::Deserialize;

use super::variable::Declaration;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemplateFile {
    #[serde(rename = "name")]
    _name: Option<String>,
    pub description: Option<String>,
    pub variables: Option<Vec<Declaration>>,
    pub system: Text,
    pub user: Text,
    pub rules: Option<Rules>,
    #[serde(default)]
    pub rules_mode: RulesMode,
}

impl TemplateFile {
    /// Parses the JSON, or returns what is wrong with it and where.
    pub fn parse(json: &[u8]) -> Result<Self, String> {
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let file =
            serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
                match error.path().to_string() {
                    path if path == "." => error.inner().to_string(),
                    path => format!("{path}: {}", error.inner()),
                }
            })?;
        deserializer
            .end()
            .map_err(|error| format!("after the object: {error}"))?;
        Ok(file)
    }
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a text, or a list of its lines")]
pub enum Text {
    Whole(String),
    Lines(Vec<String>),
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        match text {
            Text::Whole(text) => text,
            Text::Lines(lines) => lines.join("\n"),
        }
    }
}

/// How the rules of a template relate to the built-in ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RulesMode {
    /// They follow the built-in ones.
    #[default]
    Extend,
    Replace,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    all: Vec<String>,
    bigquery: Vec<String>,
    postgres: Vec<String>,
}

impl Rules {
    /// The rules for a dialect, one per line.
    pub fn of(&self, dialect: Dialect) -> String {
        let own = match dialect {
            Dialect::Bigquery => &self.bigquery,
            Dialect::Postgres => &self.postgres,
        };
        let lines = self.all.iter().chain(own);
        let lines: Vec<String> = lines.map(|rule| format!("- {rule}")).collect();
        lines.join("\n")
    }
}
