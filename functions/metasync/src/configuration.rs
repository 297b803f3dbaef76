//! Which functions a configuration starts. A function is left out if nothing that is set says that it is wanted, and
//! incomplete if it is wanted and a variable that it requires is not set. Both are not served, and the others are. A
//! value that is not valid stops the process, also one of a function that is not served, because it may be a mistake in
//! what the function must do.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::anyhow;
use platform::all::Errors;
use platform::{Env, Resources, Router};

use crate::functions::{FUNCTIONS, Function};
use crate::variables::{DATABASE_URL, Variable};

impl Function {
    pub fn needs_database(&self) -> bool {
        self.requires.contains(&DATABASE_URL)
    }

    pub fn is_available(&self, env: &Env) -> bool {
        self.is_wanted(env) && self.missing(env).is_empty()
    }

    fn is_wanted(&self, env: &Env) -> bool {
        self.wanted_by.is_empty() || self.wanted_by.iter().any(|name| env.get(name).is_some())
    }

    pub fn missing(&self, env: &Env) -> Vec<Variable> {
        let requires = self.requires.iter().copied();
        requires.filter(|it| env.get(it.name).is_none()).collect()
    }

    /// Why a function is not served, and what would start it.
    pub fn why_not_served(&self, env: &Env) -> String {
        let missing: Vec<&str> = self.missing(env).iter().map(|it| it.name).collect();
        let verb = if missing.len() == 1 { "is" } else { "are" };
        let missing = missing.join(" and ");
        format!(
            "{} is not served, because {missing} {verb} not set",
            self.name
        )
    }

    /// Like [`Function::why_not_served`], for a function that is incomplete. It says what to set each variable to.
    pub fn why_incomplete(&self, env: &Env) -> String {
        let missing = self
            .missing(env)
            .into_iter()
            .map(|Variable { name, meaning }| {
                let refers = env.why_without_value(name);
                refers.unwrap_or_else(|| format!("set {name} to {meaning}"))
            });
        let missing: Vec<String> = missing.collect();
        format!("{}: {}", self.why_not_served(env), missing.join("; "))
    }
}

/// What a configuration starts.
#[derive(Default)]
pub struct Selection {
    /// Wanted, and complete.
    pub served: Vec<&'static Function>,
    /// Wanted, but a variable is missing.
    pub incomplete: Vec<&'static Function>,
    pub left_out: Vec<&'static Function>,
}

impl Selection {
    pub fn of(env: &Env) -> Self {
        let (wanted, left_out): (Vec<&Function>, Vec<&Function>) = FUNCTIONS
            .iter()
            .partition(|function| function.is_wanted(env));
        let (served, incomplete) = wanted
            .iter()
            .partition(|function| function.missing(env).is_empty());
        Self {
            served,
            incomplete,
            left_out,
        }
    }

    /// Whether nothing that is set asks for a function.
    pub fn is_empty(&self) -> bool {
        self.served.is_empty() && self.incomplete.is_empty()
    }

    /// The functions that lack each missing variable.
    pub fn missing(&self, env: &Env) -> BTreeMap<Variable, Vec<&'static str>> {
        let mut missing: BTreeMap<Variable, Vec<&str>> = BTreeMap::new();
        for function in &self.incomplete {
            for variable in function.missing(env) {
                missing.entry(variable).or_default().push(function.name);
            }
        }
        missing
    }

    /// Whether one of the incomplete functions is certainly wanted. If not, what is set is enough for another function
    /// or for another command, which may be all that runs here.
    pub fn is_certainly_incomplete(&self, env: &Env) -> bool {
        let is_used = |name: &&str| {
            let mut requires = self.served.iter().flat_map(|function| function.requires);
            requires.any(|variable| variable.name == *name)
        };
        let wanted_by = self
            .incomplete
            .iter()
            .flat_map(|function| function.wanted_by);
        let mut set = wanted_by.filter(|name| env.get(name).is_some());
        !set.all(is_used)
    }

    /// What doesn't run because a function is not served, if what is served needs it.
    pub fn warning(&self, function: &Function) -> Option<String> {
        let (user, lost) = function.needed_by?;
        let is_needed = self.served.iter().any(|function| function.name == user);
        is_needed.then(|| format!("{lost} do not run"))
    }

    /// The routes of every function that is served.
    ///
    /// # Errors
    /// If a value of any function is not valid, or if there is nothing to serve. The error names every value that is not
    /// valid, and every missing variable of the wanted functions. A function that only lacks a variable is no error if
    /// another one can be served.
    pub fn open(&self, resources: &Resources) -> anyhow::Result<Router> {
        let env = resources.env();
        let mut errors = Errors::default();
        let mut routes = Router::new();
        for function in &self.served {
            if let Some(app) = errors.take((function.app)(resources)) {
                routes = routes.merge(app);
            }
        }
        let missing = self.missing(env);
        let mut unset = BTreeSet::new();
        for function in self.incomplete.iter().chain(&self.left_out) {
            // It can't open, but the error names its values that are not valid as well.
            let _ = errors.take((function.app)(resources));
            unset.extend(function.missing(env));
        }
        errors.retain(|text| !unset.iter().any(|it| is_about(text, it.name)));
        if self.served.is_empty() || !errors.is_empty() {
            for (variable, functions) in &missing {
                errors.add(lacks(env, variable, functions));
            }
        }
        if self.is_empty() {
            errors.add(anyhow!(nothing()));
        }
        errors.into_result()?;
        Ok(routes)
    }
}

/// Whether an error text begins with the name of this variable.
fn is_about(text: &str, name: &str) -> bool {
    let rest = text.strip_prefix(name);
    rest.is_some_and(|rest| rest.starts_with(' '))
}

fn lacks(env: &Env, variable: &Variable, functions: &[&str]) -> anyhow::Error {
    let functions = functions.join(" and ");
    match env.required(variable.name, variable.meaning) {
        Err(missing) => anyhow!("{missing}, for {functions}"),
        Ok(_) => unreachable!("a missing variable is not set"),
    }
}

fn nothing() -> String {
    let each = FUNCTIONS.iter().map(|function| {
        let names: Vec<&str> = function.requires.iter().map(|it| it.name).collect();
        format!("{} for {}", names.join(" and "), function.name)
    });
    let each: Vec<String> = each.collect();
    format!("there is no function to serve: set {}", each.join(", or "))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// These variables, with values that are valid.
    fn env(names: &[&str]) -> Env {
        let value = |name: &str| match name {
            "BUCKET_URL" => "memory:///".to_owned(),
            "DATABASE_URL" => "postgres://app@127.0.0.1:1/metasync".to_owned(),
            "WAREHOUSE_URL" => "file:///nothing".to_owned(),
            "RETENTION_DAYS" => "30".to_owned(),
            _ => "07".repeat(32),
        };
        let pairs = names.iter().map(|name| ((*name).to_owned(), value(name)));
        pairs.collect()
    }

    fn names(functions: &[&Function]) -> Vec<&'static str> {
        functions.iter().map(|function| function.name).collect()
    }

    fn error(env: Env) -> String {
        let opened = Selection::of(&env).open(&Resources::new(env));
        opened.map(drop).unwrap_err().to_string()
    }

    #[test]
    fn the_functions_whose_configuration_is_complete_start_and_others_are_left_out() {
        let conversations = ["message-log", "settings", "stats-batch"];
        for (set, expected) in [
            (&["DATABASE_URL", "MASKING_KEY"][..], conversations.to_vec()),
            (&["BUCKET_URL"], vec!["cache-read"]),
            (
                &["BUCKET_URL", "WAREHOUSE_URL"],
                vec!["cache-read", "schema-sync"],
            ),
            (
                &["BUCKET_URL", "DATABASE_URL", "MASKING_KEY", "PRIVACY_KEY"],
                [&["cache-read"], &conversations[..], &["privacy"]].concat(),
            ),
        ] {
            let selection = Selection::of(&env(set));
            assert_eq!(names(&selection.served), expected, "{set:?}");
            assert_eq!(names(&selection.incomplete), [""; 0], "{set:?}");
        }
        let env = env(&["BUCKET_URL"]);
        let left_out = Selection::of(&env).left_out;
        let reasons: Vec<String> = left_out.iter().map(|it| it.why_not_served(&env)).collect();
        assert_eq!(
            reasons[0],
            "schema-sync is not served, because WAREHOUSE_URL is not set"
        );
        assert_eq!(
            reasons[1],
            "message-log is not served, because DATABASE_URL and MASKING_KEY are not set"
        );
    }

    #[test]
    fn a_function_that_lacks_a_variable_does_not_stop_those_that_are_complete() {
        for (set, served, incomplete) in [
            (
                &["BUCKET_URL", "DATABASE_URL"][..],
                &["cache-read", "settings", "stats-batch"][..],
                &["message-log"][..],
            ),
            (
                &["WAREHOUSE_URL", "DATABASE_URL"],
                &["settings", "stats-batch"],
                &["schema-sync", "message-log"],
            ),
            (
                &["DATABASE_URL", "MASKING_KEY", "RETENTION_DAYS"],
                &["message-log", "settings", "stats-batch"],
                &["privacy"],
            ),
            (
                &["SLACK_SIGNING_SECRET", "BUCKET_URL"],
                &["cache-read"],
                &["message-log"],
            ),
        ] {
            let selection = Selection::of(&env(set));
            assert_eq!(names(&selection.served), served, "{set:?}");
            assert_eq!(names(&selection.incomplete), incomplete, "{set:?}");
        }
        let env = env(&["BUCKET_URL", "PRIVACY_KEY"]);
        let selection = Selection::of(&env);
        selection
            .open(&Resources::new(env.clone()))
            .expect("cache-read is complete");
        assert_eq!(
            selection.incomplete[0].why_incomplete(&env),
            "privacy is not served, because DATABASE_URL is not set: set DATABASE_URL to \
             postgres://user:password@host/database"
        );
    }

    #[test]
    fn if_nothing_is_complete_the_error_names_all_missing_variables_of_all_functions() {
        for (set, missing) in [
            (&["WAREHOUSE_URL"][..], &["BUCKET_URL"][..]),
            (&["PRIVACY_KEY"], &["DATABASE_URL", "BUCKET_URL"]),
            (
                &["SLACK_SIGNING_SECRET", "WAREHOUSE_URL", "PRIVACY_KEY"],
                &["DATABASE_URL", "BUCKET_URL", "MASKING_KEY"],
            ),
        ] {
            let error = error(env(set));
            for name in missing {
                let named = format!("{name} is not set: set it to ");
                assert_eq!(error.matches(&named).count(), 1, "{name} in {error}");
            }
            let all = error.matches(" is not set").count();
            assert_eq!(all, missing.len(), "{error}");
        }
        let nothing = error(Env::default());
        for name in [
            "WAREHOUSE_URL",
            "BUCKET_URL",
            "DATABASE_URL",
            "MASKING_KEY",
            "PRIVACY_KEY",
        ] {
            assert!(nothing.contains(name), "{nothing}");
        }
    }

    #[tokio::test]
    async fn invalid_values_of_complete_and_incomplete_functions_are_named_at_once_with_what_is_missing()
     {
        let env = env(&["BUCKET_URL", "DATABASE_URL", "RETENTION_DAYS"])
            .with("CACHE_FRESH_SECONDS", "soon")
            .with("DATABASE_POOL_SIZE", "0")
            .with("MASKING_KEY", "secret")
            .with("MESSAGE_MAX_AGE_DAYS", "-1")
            .with("ARCHIVE_AFTER_DAYS", "0")
            .with("RETENTION_DAYS", "30 days");
        let error = error(env);
        let days = "a whole number of days from";
        for part in [
            r#"CACHE_FRESH_SECONDS is "soon": set it to a whole number from 0 to 4294967295"#,
            r#"DATABASE_POOL_SIZE is "0": set it to a whole number, 1 or more"#,
            "MASKING_KEY is not a key: set it to 64 hex digits",
            &format!(r#"MESSAGE_MAX_AGE_DAYS is "-1": set it to {days} 31 to 36500"#),
            &format!(r#"ARCHIVE_AFTER_DAYS is "0": set it to {days} 1 to 36500"#),
            &format!(
                r#"RETENTION_DAYS is "30 days": set it to {days} 1 to 36500, or to 0 to keep everything"#
            ),
            "PRIVACY_KEY is not set: set it to 64 hex digits",
        ] {
            assert_eq!(error.matches(part).count(), 1, "{part} in {error}");
        }
        assert_eq!(error.matches("; ").count(), 6, "{error}");
    }

    #[tokio::test]
    async fn an_invalid_value_of_a_function_that_is_left_out_stops_the_start() {
        for (set, name, value) in [
            (&["BUCKET_URL"][..], "ENRICH_CONCURRENCY", "0"),
            (&["BUCKET_URL"], "TASK_EXPERIENCE", "x"),
            (&["BUCKET_URL"], "DATABASE_POOL_SIZE", "0"),
            (&["BUCKET_URL"], "MESSAGE_MAX_AGE_DAYS", "1"),
            (&["BUCKET_URL"], "SYNC_INTERVAL_SECONDS", "soon"),
            (&["DATABASE_URL", "MASKING_KEY"], "CACHE_FRESH_SECONDS", "x"),
            (&["DATABASE_URL", "MASKING_KEY"], "ENRICH_MAX_CALLS", "-1"),
        ] {
            let valid = env(set);
            crate::open(&Resources::new(valid.clone())).expect("the other functions");
            let resources = Resources::new(valid.with(name, value));
            let error = crate::open(&resources).map(drop).unwrap_err().to_string();
            assert!(is_about(&error, name), "{name}: {error}");
            assert!(!error.contains("; "), "{name}: {error}");
        }
    }

    #[test]
    fn conversations_without_privacy_are_a_warning_that_says_what_does_not_run() {
        let warnings = |names: &[&str]| -> Vec<String> {
            let selection = Selection::of(&env(names));
            let others = selection.left_out.iter().chain(&selection.incomplete);
            others.filter_map(|it| selection.warning(it)).collect()
        };
        let warning = "retention, archiving, erasure and export of conversations do not run";
        assert_eq!(warnings(&["DATABASE_URL", "MASKING_KEY"]), [warning]);
        let incomplete = ["DATABASE_URL", "MASKING_KEY", "RETENTION_DAYS"];
        assert_eq!(warnings(&incomplete), [warning]);
        let all = ["DATABASE_URL", "MASKING_KEY", "BUCKET_URL", "PRIVACY_KEY"];
        assert_eq!(warnings(&all), [""; 0]);
        assert_eq!(warnings(&["BUCKET_URL"]), [""; 0]);
    }

    #[test]
    fn an_incomplete_function_is_certainly_wanted_unless_what_is_set_is_enough_for_another() {
        for (set, expected) in [
            (&["DATABASE_URL"][..], false),
            (&["DATABASE_URL", "SLACK_SIGNING_SECRET"], true),
            (&["DATABASE_URL", "PRIVACY_KEY"], true),
            (&["WAREHOUSE_URL"], true),
            (&["BUCKET_URL", "DATABASE_URL"], false),
            (&["MASKING_KEY"], true),
        ] {
            let env = env(set);
            let selection = Selection::of(&env);
            assert!(!selection.incomplete.is_empty(), "{set:?}");
            let is_certain = selection.is_certainly_incomplete(&env);
            assert_eq!(is_certain, expected, "{set:?}");
        }
    }
}
