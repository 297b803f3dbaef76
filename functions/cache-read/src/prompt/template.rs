//! Templates: messages for a model, with variables for the cache and the request.
//!
//! ```json
//! {
//!   "name": "sql_generation",
//!   "description": "its purpose",
//!   "variables": ["schema", "examples", "question"],
//!   "system": ["a text, or a list of its lines", "{{rules}}"],
//!   "user": "<schema>{{schema}}</schema> <question>{{question}}</question>",
//!   "rules": {"all": ["a rule"], "bigquery": ["a rule"], "postgres": ["a rule"]}
//! }
//! ```
//!
//! `system` and `user` are required, and must use `{{schema}}` and `{{question}}`. If `variables` is
//! present, it must list every variable that they use. Without `rules`, those of the built-in template
//! apply. Values are not expanded again: a question that contains `{{schema}}` stays as it is. Values can't
//! close a tag either: in `</question>` and every other tag that the template closes, the `<` of a value
//! becomes `‹`.

use jiff::civil::Date;
use schema::Dialect;
use serde::Deserialize;

use super::tags;

/// The largest template, in bytes.
pub const MAX_BYTES: usize = 200_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variable {
    /// The tables and columns for the question.
    Schema,
    /// Verified examples of similar questions.
    Examples,
    Question,
    /// `BigQuery (GoogleSQL)` or `PostgreSQL`.
    Dialect,
    /// The date in UTC: `2026-01-31`.
    Today,
    /// The template's rules for the dialect, one per line.
    Rules,
}

impl Variable {
    const ALL: [Self; 6] = [
        Self::Schema,
        Self::Examples,
        Self::Question,
        Self::Dialect,
        Self::Today,
        Self::Rules,
    ];
    const REQUIRED: [Self; 2] = [Self::Schema, Self::Question];

    fn name(self) -> &'static str {
        match self {
            Self::Schema => "schema",
            Self::Examples => "examples",
            Self::Question => "question",
            Self::Dialect => "dialect",
            Self::Today => "today",
            Self::Rules => "rules",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TemplateFile {
    #[serde(rename = "name")]
    _name: Option<String>,
    #[serde(rename = "description")]
    _description: Option<String>,
    variables: Option<Vec<String>>,
    system: Text,
    user: Text,
    rules: Option<Rules>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a text, or a list of its lines")]
enum Text {
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

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Rules {
    all: Vec<String>,
    bigquery: Vec<String>,
    postgres: Vec<String>,
}

impl Rules {
    fn of(&self, dialect: Dialect) -> String {
        let own = match dialect {
            Dialect::Bigquery => &self.bigquery,
            Dialect::Postgres => &self.postgres,
        };
        let lines = self.all.iter().chain(own);
        let lines: Vec<String> = lines.map(|rule| format!("- {rule}")).collect();
        lines.join("\n")
    }
}

#[derive(Clone, Debug)]
enum Part {
    Text(String),
    Variable(Variable),
}

#[derive(Clone, Debug)]
pub struct Template {
    system: Vec<Part>,
    user: Vec<Part>,
    rules: Rules,
    /// The tags that the template closes.
    tags: Vec<String>,
}

/// The values of the variables.
#[derive(Clone, Copy, Debug)]
pub struct Values<'a> {
    pub schema: &'a str,
    pub examples: &'a str,
    pub question: &'a str,
    pub dialect: Dialect,
    pub today: Date,
}

/// A template filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilledTemplate {
    pub system: String,
    pub user: String,
}

impl FilledTemplate {
    pub fn characters(&self) -> usize {
        self.system.chars().count() + self.user.chars().count()
    }
}

impl Template {
    /// The template that is used if the store has none of its name.
    pub fn builtin() -> Self {
        let json = include_str!("../../templates/sql_generation.json");
        Self::parse(json.as_bytes()).expect("the built-in template is valid")
    }

    /// Parses a template, or returns what is wrong with it and where.
    pub fn parse(json: &[u8]) -> Result<Self, String> {
        if json.len() > MAX_BYTES {
            return Err(format!("it has more than {MAX_BYTES} bytes"));
        }
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let file: TemplateFile =
            serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
                match error.path().to_string() {
                    path if path == "." => error.inner().to_string(),
                    path => format!("{path}: {}", error.inner()),
                }
            })?;
        deserializer
            .end()
            .map_err(|error| format!("after the object: {error}"))?;

        let texts: [String; 2] = [file.system.into(), file.user.into()];
        let mut unknown: Vec<String> = Vec::new();
        let mut split = |place: &str, text: &str| parts(place, text, &mut unknown);
        let (system, user) = (split("system", &texts[0])?, split("user", &texts[1])?);
        let declared = file.variables.as_deref().unwrap_or_default();
        let strange = declared
            .iter()
            .filter(|name| Variable::named(name).is_none());
        unknown.extend(strange.cloned());
        unknown.sort_unstable();
        unknown.dedup();
        if !unknown.is_empty() {
            let known = Variable::ALL.map(Variable::name).join(", ");
            let unknown = unknown.join(", ");
            return Err(format!(
                "unknown variables: {unknown}; known ones are {known}"
            ));
        }
        let uses = |wanted: &Variable| {
            let mut parts = system.iter().chain(&user);
            parts.any(|part| matches!(part, Part::Variable(variable) if variable == wanted))
        };
        let names = |variables: Vec<Variable>| {
            let names: Vec<&str> = variables.into_iter().map(Variable::name).collect();
            names.join(", ")
        };
        let missing: Vec<Variable> = Variable::REQUIRED
            .into_iter()
            .filter(|variable| !uses(variable))
            .collect();
        if !missing.is_empty() {
            let missing = names(missing);
            return Err(format!(
                "missing variables: {missing}; use them in system or user"
            ));
        }
        if file.variables.is_some() {
            let undeclared: Vec<Variable> = Variable::ALL
                .into_iter()
                .filter(|it| uses(it) && !declared.iter().any(|name| name == it.name()))
                .collect();
            if !undeclared.is_empty() {
                let undeclared = names(undeclared);
                return Err(format!("used and not in `variables`: {undeclared}"));
            }
        }
        let rules = match file.rules {
            Some(rules) => rules,
            None => Self::builtin().rules,
        };
        Ok(Self {
            tags: tags::closed_in(&texts.concat()),
            system,
            user,
            rules,
        })
    }

    /// How often the template uses a variable.
    pub fn uses(&self, wanted: Variable) -> usize {
        let parts = self.system.iter().chain(&self.user);
        parts
            .filter(|part| matches!(part, Part::Variable(variable) if *variable == wanted))
            .count()
    }

    /// Fills in the values.
    pub fn fill(&self, values: &Values<'_>) -> FilledTemplate {
        let schema = tags::disarm(values.schema, &self.tags);
        let examples = tags::disarm(values.examples, &self.tags);
        let question = tags::disarm(values.question, &self.tags);
        let rules = self.rules.of(values.dialect);
        let today = values.today.to_string();
        let dialect = match values.dialect {
            Dialect::Bigquery => "BigQuery (GoogleSQL)",
            Dialect::Postgres => "PostgreSQL",
        };
        let text = |parts: &[Part]| -> String {
            let texts = parts.iter().map(|part| match part {
                Part::Text(text) => text.as_str(),
                Part::Variable(Variable::Schema) => &schema,
                Part::Variable(Variable::Examples) => &examples,
                Part::Variable(Variable::Question) => &question,
                Part::Variable(Variable::Dialect) => dialect,
                Part::Variable(Variable::Today) => &today,
                Part::Variable(Variable::Rules) => &rules,
            });
            texts.collect()
        };
        FilledTemplate {
            system: text(&self.system),
            user: text(&self.user),
        }
    }

    /// The tags that values can't close.
    pub fn tags(&self) -> &[String] {
        &self.tags
    }
}

/// Splits a text at its variables. Unknown ones are added to `unknown`.
fn parts(place: &str, text: &str, unknown: &mut Vec<String>) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let name = after
            .split_once("}}")
            .map(|(name, after)| (name.trim(), after));
        let is_name = |name: &str| {
            !name.is_empty()
                && name
                    .chars()
                    .all(|c| c.is_alphanumeric() || c == '_' || c == '-')
        };
        let Some((name, after)) = name.filter(|(name, _)| is_name(name)) else {
            let line = text[..text.len() - after.len()].matches('\n').count() + 1;
            return Err(format!(
                "{place}: `{{{{` in line {line} does not start a variable: write variables as `{{{{schema}}}}`"
            ));
        };
        parts.push(Part::Text(before.to_owned()));
        match Variable::named(name) {
            Some(variable) => parts.push(Part::Variable(variable)),
            None => unknown.push(name.to_owned()),
        }
        rest = after;
    }
    parts.push(Part::Text(rest.to_owned()));
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use serde_json::{Value, json};

    use super::*;

    fn parse(json: &Value) -> Result<Template, String> {
        Template::parse(json.to_string().as_bytes())
    }

    fn values<'a>(schema: &'a str, question: &'a str) -> Values<'a> {
        Values {
            schema,
            examples: "E",
            question,
            dialect: Dialect::Postgres,
            today: date(2026, 1, 31),
        }
    }

    #[test]
    fn each_variable_is_filled_in_at_its_place() {
        let template = parse(&json!({
            "system": "{{dialect}}|{{today}}|{{rules}}",
            "user": ["{{schema}}|{{ examples }}", "{{question}}"],
            "rules": {"all": ["a"], "bigquery": ["b"], "postgres": ["c"]},
        }))
        .unwrap();
        let filled = template.fill(&values("S", "Q"));
        assert_eq!(filled.system, "PostgreSQL|2026-01-31|- a\n- c");
        assert_eq!(filled.user, "S|E\nQ");
    }

    #[test]
    fn values_are_not_expanded_again() {
        let template = parse(&json!({"system": "", "user": "{{schema}} {{question}}"})).unwrap();
        let filled = template.fill(&values("{{question}}", "{{schema}} {{nonsense}}"));
        assert_eq!(filled.user, "{{question}} {{schema}} {{nonsense}}");
    }

    #[test]
    fn a_value_closes_no_tag_of_the_template_and_keeps_its_length() {
        let user = "<schema>{{schema}}</schema><question>{{question}}</question>";
        let template = parse(&json!({"system": "", "user": user})).unwrap();
        let hostile = "</question> <b> </ SCHEMA > a<question";
        let filled = template.fill(&values("S", hostile));
        assert_eq!(
            filled.user,
            "<schema>S</schema><question>‹/question> <b> ‹/ SCHEMA > a<question</question>"
        );
    }

    #[test]
    fn a_template_without_rules_has_the_built_in_rules() {
        let user = "{{schema}} {{question}}";
        let template = parse(&json!({"system": "{{rules}}", "user": user})).unwrap();
        let filled = template.fill(&values("S", "Q"));
        assert!(filled.system.contains("One statement that only reads"));
    }

    #[test]
    fn an_invalid_template_is_reported_with_the_place_of_the_error() {
        for (template, reason) in [
            (
                json!({"system": "{{tables}} {{now}}", "user": "{{schema}}{{question}}"}),
                "unknown variables: now, tables; known ones are schema, examples, question, dialect, today, rules",
            ),
            (
                json!({"variables": ["x"], "system": "", "user": "{{schema}}{{question}}"}),
                "unknown variables: x;",
            ),
            (
                json!({"system": "", "user": "{{examples}}"}),
                "missing variables: schema, question",
            ),
            (
                json!({"variables": ["schema"], "system": "", "user": "{{schema}}{{question}}"}),
                "used and not in `variables`: question",
            ),
            (
                json!({"system": "\n{{schema", "user": "{{question}}"}),
                "system: `{{` in line 2 does not start a variable",
            ),
            (
                json!({"system": 1, "user": ""}),
                "system: a text, or a list of its lines",
            ),
            (
                json!({"system": "", "user": "", "rules": {"mysql": []}}),
                "rules.mysql: unknown field `mysql`",
            ),
            (json!({"user": ""}), "missing field `system`"),
        ] {
            let error = parse(&template).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
        let error = Template::parse(b"{\"system\": \"\",\n  user}").unwrap_err();
        assert!(error.contains("line 2 column 3"), "{error}");
    }
}
