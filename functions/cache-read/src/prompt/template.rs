//! A template: what a model is told, with variables where the cache and the request come in.
//!
//! ```json
//! {
//!   "name": "sql_generation",
//!   "description": "what it is for",
//!   "variables": ["schema", "examples", "question"],
//!   "system": ["a text, or a list of its lines", "{{rules}}"],
//!   "user": "<schema>{{schema}}</schema> <question>{{question}}</question>",
//!   "rules": {"all": ["a rule"], "bigquery": ["a rule"], "postgres": ["a rule"]}
//! }
//! ```
//!
//! `system` and `user` are required, and between them they use `{{schema}}` and `{{question}}`.
//! `variables`, where it is there, names all that they use. Without `rules` those of the built-in
//! template are taken. What is filled in is not looked at again: a question that holds `{{schema}}`
//! stays as it is. Nor can it close a tag: of `</question>` and every other tag that the template's
//! own text closes, the `<` is made a `‹` in what is filled in.

use jiff::civil::Date;
use schema::Dialect;
use serde::Deserialize;

use super::tags;

/// In bytes; a larger object is none.
pub const LARGEST: usize = 200_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variable {
    /// The tables and columns that the question needs.
    Schema,
    /// Verified questions and their SQL, like this one.
    Examples,
    Question,
    /// `BigQuery (GoogleSQL)` or `PostgreSQL`.
    Dialect,
    /// The date in UTC: `2026-01-31`.
    Today,
    /// The template's rules for the dialect, a line each.
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
struct Written {
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
    /// The tags that the text closes.
    tags: Vec<String>,
}

/// What is filled in.
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
pub struct Filled {
    pub system: String,
    pub user: String,
}

impl Filled {
    pub fn characters(&self) -> usize {
        self.system.chars().count() + self.user.chars().count()
    }
}

impl Template {
    /// The template that is used where the store has none under its name.
    pub fn builtin() -> Self {
        let written = include_str!("../../templates/sql_generation.json");
        Self::parse(written.as_bytes()).expect("the built-in template is good")
    }

    /// Or what is wrong with it, and where.
    pub fn parse(json: &[u8]) -> Result<Self, String> {
        if json.len() > LARGEST {
            return Err(format!("it has more than {LARGEST} bytes"));
        }
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let written: Written =
            serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
                match error.path().to_string() {
                    path if path == "." => error.inner().to_string(),
                    path => format!("{path}: {}", error.inner()),
                }
            })?;
        deserializer
            .end()
            .map_err(|error| format!("after the object: {error}"))?;

        let texts: [String; 2] = [written.system.into(), written.user.into()];
        let mut unknown: Vec<String> = Vec::new();
        let mut split = |place: &str, text: &str| parts(place, text, &mut unknown);
        let (system, user) = (split("system", &texts[0])?, split("user", &texts[1])?);
        let declared = written.variables.as_deref().unwrap_or_default();
        let strange = declared
            .iter()
            .filter(|name| Variable::named(name).is_none());
        unknown.extend(strange.cloned());
        unknown.sort_unstable();
        unknown.dedup();
        if !unknown.is_empty() {
            let known = Variable::ALL.map(Variable::name).join(", ");
            let unknown = unknown.join(", ");
            return Err(format!("unknown variables: {unknown}; there are {known}"));
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
        if written.variables.is_some() {
            let undeclared: Vec<Variable> = Variable::ALL
                .into_iter()
                .filter(|it| uses(it) && !declared.iter().any(|name| name == it.name()))
                .collect();
            if !undeclared.is_empty() {
                let undeclared = names(undeclared);
                return Err(format!("used and not in `variables`: {undeclared}"));
            }
        }
        let rules = match written.rules {
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

    /// How often a variable is filled in.
    pub fn uses(&self, wanted: Variable) -> usize {
        let parts = self.system.iter().chain(&self.user);
        parts
            .filter(|part| matches!(part, Part::Variable(variable) if *variable == wanted))
            .count()
    }

    /// Each value as long as it is, in characters.
    pub fn fill(&self, values: &Values<'_>) -> Filled {
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
        Filled {
            system: text(&self.system),
            user: text(&self.user),
        }
    }

    /// The tags that what is filled in can't close.
    pub fn tags(&self) -> &[String] {
        &self.tags
    }
}

/// Takes a text apart at its variables; those that are not known are added to `unknown`.
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
                "{place}: `{{{{` in line {line} begins no variable: write it as `{{{{schema}}}}`"
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
    fn m9_each_variable_is_filled_in_where_it_stands() {
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
    fn what_is_filled_in_is_not_filled_in_again() {
        let template = parse(&json!({"system": "", "user": "{{schema}} {{question}}"})).unwrap();
        let filled = template.fill(&values("{{question}}", "{{schema}} {{nonsense}}"));
        assert_eq!(filled.user, "{{question}} {{schema}} {{nonsense}}");
    }

    #[test]
    fn what_is_filled_in_closes_no_tag_of_the_template_and_keeps_its_length() {
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
    fn a_template_without_rules_has_the_built_in_ones() {
        let user = "{{schema}} {{question}}";
        let template = parse(&json!({"system": "{{rules}}", "user": user})).unwrap();
        let filled = template.fill(&values("S", "Q"));
        assert!(filled.system.contains("One statement that only reads"));
    }

    #[test]
    fn a_wrong_template_says_what_is_wrong_and_where() {
        for (template, told) in [
            (
                json!({"system": "{{tables}} {{now}}", "user": "{{schema}}{{question}}"}),
                "unknown variables: now, tables; there are schema, examples, question, dialect, today, rules",
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
                "system: `{{` in line 2 begins no variable",
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
            assert!(error.contains(told), "{error}");
        }
        let error = Template::parse(b"{\"system\": \"\",\n  user}").unwrap_err();
        assert!(error.contains("line 2 column 3"), "{error}");
    }
}
