//! Templates: messages for a model, with variables for the cache and the request.
//!
//! ```json
//! {
//!   "name": "sql_generation",
//!   "description": "its purpose",
//!   "variables": ["schema", "examples", "question", {"name": "tenant", "default": "acme"}],
//!   "system": ["a text, or a list of its lines", "{{rules}}", "You work for {{tenant}}."],
//!   "user": "<schema>{{schema}}</schema> <question>{{question}}</question>",
//!   "rules": {"all": ["a rule"], "bigquery": ["a rule"], "postgres": ["a rule"]},
//!   "rules_mode": "extend"
//! }
//! ```
//!
//! `system` and `user` are required, and must use `{{schema}}` and `{{question}}`. If `variables` names a
//! built-in variable, it must name every one that they use. Other variables must be declared there. `rules`
//! follow those of the built-in template, or replace them with the `rules_mode` `replace`. Values are not
//! expanded again: a question that contains `{{schema}}` stays as it is. Values can't close a tag either: in
//! `</question>` and every other tag that the template closes, the `<` of a value becomes `‹`.

use std::borrow::Cow;

use jiff::civil::Date;
use schema::Dialect;

use super::tags;
use super::template_file::{Rules, RulesMode, TemplateFile};
use super::variable::{Builtin, Declaration, Declared, is_name};

/// The largest template, in bytes.
pub const MAX_BYTES: usize = 200_000;

#[derive(Clone, Debug)]
enum Part {
    Text(String),
    Builtin(Builtin),
    /// A declared variable, by its position.
    Own(usize),
}

#[derive(Clone, Debug)]
pub struct Template {
    description: Option<String>,
    declared: Vec<Declared>,
    system: Vec<Part>,
    user: Vec<Part>,
    /// Each follows the one before it.
    rules: Vec<Rules>,
    /// The tags that the template closes.
    tags: Vec<String>,
}

/// The values of the variables.
#[derive(Clone, Copy, Debug)]
pub struct Values<'a> {
    pub schema: &'a str,
    pub examples: &'a str,
    pub question: &'a str,
    pub conversation: &'a str,
    pub dialect: Dialect,
    pub today: Date,
    /// The values of the declared variables, in their order.
    pub own: &'a [String],
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
    /// The JSON of the template that is used if the store has none of its name.
    pub const BUILTIN: &str = include_str!("../../templates/sql_generation.json");

    pub fn builtin() -> Self {
        Self::parse(Self::BUILTIN.as_bytes()).expect("the built-in template is valid")
    }

    /// Parses a template, or returns what is wrong with it and where.
    pub fn parse(json: &[u8]) -> Result<Self, String> {
        if json.len() > MAX_BYTES {
            return Err(format!("it has more than {MAX_BYTES} bytes"));
        }
        let file = TemplateFile::parse(json)?;
        let (mut named, mut declared) = (Vec::new(), Vec::<Declared>::new());
        for declaration in file.variables.into_iter().flatten() {
            match declaration {
                Declaration::Builtin(name) => named.push(name),
                Declaration::Own(variable) => {
                    variable.check()?;
                    if declared.iter().any(|it| it.name == variable.name) {
                        return Err(format!("variables: {} is there twice", variable.name));
                    }
                    declared.push(variable);
                }
            }
        }
        let texts: [String; 2] = [file.system.into(), file.user.into()];
        let mut split = Splitter {
            declared: &declared,
            unknown: Vec::new(),
        };
        let (system, user) = (
            split.parts("system", &texts[0])?,
            split.parts("user", &texts[1])?,
        );
        let mut unknown = split.unknown;
        unknown.extend(
            named
                .iter()
                .filter(|name| Builtin::named(name).is_none())
                .cloned(),
        );
        check_variables(unknown, &named, &[&system, &user])?;
        let own = file.rules.unwrap_or_default();
        let rules = match file.rules_mode {
            RulesMode::Replace => vec![own],
            RulesMode::Extend => Self::builtin().rules.into_iter().chain([own]).collect(),
        };
        Ok(Self {
            description: file.description,
            tags: tags::closed_in(&texts.concat()),
            declared,
            system,
            user,
            rules,
        })
    }

    /// How often the template uses a variable.
    pub fn uses(&self, wanted: Builtin) -> usize {
        uses(&[&self.system, &self.user], wanted)
    }

    /// Fills in the values.
    pub fn fill(&self, values: &Values<'_>) -> FilledTemplate {
        let disarm = |text| tags::disarm(text, &self.tags);
        let schema = disarm(values.schema);
        let examples = disarm(values.examples);
        let question = disarm(values.question);
        let conversation = disarm(values.conversation);
        let own: Vec<Cow<'_, str>> = values.own.iter().map(|text| disarm(text)).collect();
        let rules: Vec<String> = self.rules.iter().map(|it| it.of(values.dialect)).collect();
        let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
        let rules: Vec<&str> = rules.into_iter().filter(|it| !it.is_empty()).collect();
        let rules = rules.join("\n");
        let today = values.today.to_string();
        let dialect = match values.dialect {
            Dialect::Bigquery => "BigQuery (GoogleSQL)",
            Dialect::Postgres => "PostgreSQL",
        };
        let text = |parts: &[Part]| -> String {
            let texts = parts.iter().map(|part| match part {
                Part::Text(text) => text.as_str(),
                Part::Builtin(Builtin::Schema) => &schema,
                Part::Builtin(Builtin::Examples) => &examples,
                Part::Builtin(Builtin::Question) => &question,
                Part::Builtin(Builtin::Conversation) => &conversation,
                Part::Builtin(Builtin::Dialect) => dialect,
                Part::Builtin(Builtin::Today) => &today,
                Part::Builtin(Builtin::Rules) => &rules,
                Part::Own(position) => own.get(*position).map_or("", |value| value),
            });
            texts.collect()
        };
        FilledTemplate {
            system: text(&self.system),
            user: text(&self.user),
        }
    }

    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// The variables whose values come with the request.
    pub fn declared(&self) -> &[Declared] {
        &self.declared
    }

    /// The tags that values can't close.
    pub fn tags(&self) -> &[String] {
        &self.tags
    }
}

fn uses(texts: &[&Vec<Part>], wanted: Builtin) -> usize {
    let parts = texts.iter().copied().flatten();
    parts
        .filter(|part| matches!(part, Part::Builtin(variable) if *variable == wanted))
        .count()
}

/// Checks that no variable is unknown, that the required ones are used, and that `named`, the built-in
/// variables that the template lists, has all that it uses.
fn check_variables(
    mut unknown: Vec<String>,
    named: &[String],
    texts: &[&Vec<Part>],
) -> Result<(), String> {
    unknown.sort_unstable();
    unknown.dedup();
    if !unknown.is_empty() {
        let known = Builtin::ALL.map(Builtin::name).join(", ");
        let example = &unknown[0];
        let unknown = unknown.join(", ");
        return Err(format!(
            "unknown variables: {unknown}; known ones are {known}; declare others in `variables`, as in \
             {{\"name\": {example:?}}}"
        ));
    }
    let names = |variables: Vec<Builtin>| {
        let names: Vec<&str> = variables.into_iter().map(Builtin::name).collect();
        names.join(", ")
    };
    let missing: Vec<Builtin> = Builtin::REQUIRED
        .into_iter()
        .filter(|variable| uses(texts, *variable) == 0)
        .collect();
    if !missing.is_empty() {
        let missing = names(missing);
        return Err(format!(
            "missing variables: {missing}; use them in system or user"
        ));
    }
    if !named.is_empty() {
        let unnamed: Vec<Builtin> = Builtin::ALL
            .into_iter()
            .filter(|it| uses(texts, *it) > 0 && !named.iter().any(|name| name == it.name()))
            .collect();
        if !unnamed.is_empty() {
            let unnamed = names(unnamed);
            return Err(format!("used and not in `variables`: {unnamed}"));
        }
    }
    Ok(())
}

/// Splits texts at their variables, and collects the names that are unknown.
struct Splitter<'a> {
    declared: &'a [Declared],
    unknown: Vec<String>,
}

impl Splitter<'_> {
    fn parts(&mut self, place: &str, text: &str) -> Result<Vec<Part>, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let name = after
                .split_once("}}")
                .map(|(name, after)| (name.trim(), after));
            let Some((name, after)) = name.filter(|(name, _)| is_name(name)) else {
                let line = text[..text.len() - after.len()].matches('\n').count() + 1;
                return Err(format!(
                    "{place}: `{{{{` in line {line} does not start a variable: write variables as `{{{{schema}}}}`"
                ));
            };
            parts.push(Part::Text(before.to_owned()));
            let own = || self.declared.iter().position(|it| it.name == name);
            if let Some(variable) = Builtin::named(name) {
                parts.push(Part::Builtin(variable));
            } else if let Some(position) = own() {
                parts.push(Part::Own(position));
            } else {
                self.unknown.push(name.to_owned());
            }
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(parts)
    }
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
            conversation: "C",
            dialect: Dialect::Postgres,
            today: date(2026, 1, 31),
            own: &[],
        }
    }

    #[test]
    fn each_variable_is_filled_in_at_its_place() {
        let template = parse(&json!({
            "system": "{{dialect}}|{{today}}|{{conversation}}|{{rules}}",
            "user": ["{{schema}}|{{ examples }}", "{{question}}"],
            "rules": {"all": ["a"], "bigquery": ["b"], "postgres": ["c"]},
            "rules_mode": "replace",
        }))
        .unwrap();
        let filled = template.fill(&values("S", "Q"));
        assert_eq!(filled.system, "PostgreSQL|2026-01-31|C|- a\n- c");
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
    fn rules_of_a_template_follow_the_built_in_ones_unless_they_replace_them() {
        let system = |mode: Option<&str>| {
            let mut file = json!({
                "system": "{{rules}}",
                "user": "{{schema}} {{question}}",
                "rules": {"all": ["answer in Korean"], "postgres": ["no views"]},
            });
            if let Some(mode) = mode {
                file["rules_mode"] = json!(mode);
            }
            parse(&file).unwrap().fill(&values("S", "Q")).system
        };
        let builtin = Template::builtin().fill(&values("S", "Q")).system;
        for mode in [None, Some("extend")] {
            let rules = system(mode);
            let (before, own) = rules.split_at(rules.find("- answer in Korean").unwrap());
            assert!(builtin.contains(before.trim()) && before.contains("schema.table"));
            assert_eq!(own, "- answer in Korean\n- no views");
        }
        assert_eq!(system(Some("replace")), "- answer in Korean\n- no views");
    }

    #[test]
    fn declared_variables_take_their_values_as_text() {
        let template = parse(&json!({
            "variables": [{"name": "tenant", "description": "the customer"}, {"name": "tone", "default": "brief"}],
            "system": "{{tenant}}|{{ tone }}|{{tenant}}",
            "user": "<q>{{question}}</q>{{schema}}",
        }))
        .unwrap();
        let own = ["{{schema}}</q>".to_owned(), "long".to_owned()];
        let filled = template.fill(&Values {
            own: &own,
            ..values("S", "{{tenant}}")
        });
        assert_eq!(filled.system, "{{schema}}‹/q>|long|{{schema}}‹/q>");
        assert_eq!(filled.user, "<q>{{tenant}}</q>S");
    }

    #[test]
    fn an_invalid_template_is_reported_with_the_place_of_the_error() {
        for (template, reason) in [
            (
                json!({"system": "{{tables}} {{now}}", "user": "{{schema}}{{question}}"}),
                "unknown variables: now, tables; known ones are schema, examples, question, conversation, \
                 dialect, today, rules; declare others in `variables`, as in {\"name\": \"now\"}",
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
            (
                json!({"variables": [{"name": "rules"}], "system": "", "user": ""}),
                "variables: rules is a built-in variable",
            ),
            (
                json!({"variables": [{"name": "a b"}], "system": "", "user": ""}),
                "variables: \"a b\" is not a name",
            ),
            (
                json!({"variables": [{"name": "a"}, {"name": "a"}], "system": "", "user": ""}),
                "variables: a is there twice",
            ),
            (
                json!({"variables": [{"name": "a", "default": "", "required": true}], "system": "", "user": ""}),
                "variables: a is required, so its default is never used",
            ),
            (
                json!({"variables": [{"name": "a", "defualt": ""}], "system": "", "user": ""}),
                "variables[0]: the name of a built-in variable, or {\"name\", ",
            ),
            (
                json!({"system": "", "user": "", "rules_mode": "append"}),
                "rules_mode: unknown variant `append`",
            ),
        ] {
            let error = parse(&template).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
        let error = Template::parse(b"{\"system\": \"\",\n  user}").unwrap_err();
        assert!(error.contains("line 2 column 3"), "{error}");
    }
}
