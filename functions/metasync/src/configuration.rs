//! Which functions a configuration starts. A function is left out if nothing that is set says that it is wanted, and
//! incomplete if it is wanted and a variable that it requires is not set.

use std::collections::BTreeMap;
use std::fmt;

use platform::Env;

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

    /// Why a function that is left out is not served, and what would start it.
    pub fn left_out(&self, env: &Env) -> String {
        let missing: Vec<&str> = self.missing(env).iter().map(|it| it.name).collect();
        let verb = if missing.len() == 1 { "is" } else { "are" };
        let missing = missing.join(" and ");
        format!(
            "{} is not served, because {missing} {verb} not set",
            self.name
        )
    }
}

/// Why `metasync serve` would not start.
#[derive(Debug)]
pub enum Refusal {
    Incomplete(Incomplete),
    /// Nothing that is set asks for a function.
    Nothing,
}

/// Functions that lack a variable.
#[derive(Debug)]
pub struct Incomplete {
    /// The functions that lack each variable.
    pub missing: BTreeMap<Variable, Vec<&'static str>>,
    /// Whether one of them is certainly wanted. If not, what is set is enough for another function or for
    /// another command, which may be all that runs here.
    pub is_certain: bool,
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Incomplete(Incomplete { missing, .. }) => {
                for (position, (variable, functions)) in missing.iter().enumerate() {
                    let Variable { name, meaning } = variable;
                    let separator = if position == 0 { "" } else { "; " };
                    let functions = functions.join(" and ");
                    write!(
                        formatter,
                        "{separator}{name} is not set: set it to {meaning}, for {functions}"
                    )?;
                }
                Ok(())
            }
            Self::Nothing => {
                let each = FUNCTIONS.iter().map(|function| {
                    let names: Vec<&str> = function.requires.iter().map(|it| it.name).collect();
                    format!("{} for {}", names.join(" and "), function.name)
                });
                let each: Vec<String> = each.collect();
                let each = each.join(", or ");
                write!(formatter, "there is no function to serve: set {each}")
            }
        }
    }
}

impl std::error::Error for Refusal {}

/// What the configuration starts and leaves out.
pub struct Started {
    pub served: Vec<&'static Function>,
    pub left_out: Vec<&'static Function>,
}

impl Started {
    /// What doesn't run because a function is left out, if what is served needs it.
    pub fn warning(&self, left_out: &Function) -> Option<String> {
        let (user, lost) = left_out.needed_by?;
        let is_needed = self.served.iter().any(|function| function.name == user);
        is_needed.then(|| format!("{lost} do not run"))
    }
}

/// The functions that the configuration starts, and those that it leaves out.
///
/// # Errors
/// If a function is incomplete, or if there is nothing to start. The error names every missing variable.
pub fn functions(env: &Env) -> Result<Started, Refusal> {
    let (served, left_out): (Vec<&Function>, Vec<&Function>) = FUNCTIONS
        .iter()
        .partition(|function| function.is_wanted(env));
    let (complete, incomplete): (Vec<&Function>, Vec<&Function>) = served
        .iter()
        .partition(|function| function.missing(env).is_empty());
    let mut missing: BTreeMap<Variable, Vec<&str>> = BTreeMap::new();
    for function in &incomplete {
        for variable in function.missing(env) {
            missing.entry(variable).or_default().push(function.name);
        }
    }
    if !incomplete.is_empty() {
        let is_used = |name: &&str| {
            let mut requires = complete.iter().flat_map(|function| function.requires);
            requires.any(|variable| variable.name == *name)
        };
        let wanted_by = incomplete.iter().flat_map(|function| function.wanted_by);
        let mut set = wanted_by.filter(|name| env.get(name).is_some());
        let is_certain = !set.all(is_used);
        return Err(Refusal::Incomplete(Incomplete {
            missing,
            is_certain,
        }));
    }
    if served.is_empty() {
        return Err(Refusal::Nothing);
    }
    Ok(Started { served, left_out })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names of what starts, or the error.
    fn started(names: &[&str]) -> Result<Vec<&'static str>, String> {
        let env = names
            .iter()
            .map(|name| ((*name).to_owned(), "x".to_owned()));
        match functions(&env.collect()) {
            Ok(Started { served, .. }) => Ok(served.iter().map(|function| function.name).collect()),
            Err(error) => Err(error.to_string()),
        }
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
            assert_eq!(started(set), Ok(expected), "{set:?}");
        }
        let env: Env = [("BUCKET_URL".to_owned(), "x".to_owned())]
            .into_iter()
            .collect();
        let started = functions(&env).unwrap();
        let reasons: Vec<String> = started
            .left_out
            .iter()
            .map(|function| function.left_out(&env))
            .collect();
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
    fn an_incomplete_function_is_an_error_that_names_all_missing_variables_of_all_functions() {
        for (set, missing) in [
            (
                &["WAREHOUSE_URL", "DATABASE_URL"][..],
                &["BUCKET_URL", "MASKING_KEY"][..],
            ),
            (&["PRIVACY_KEY"], &["DATABASE_URL", "BUCKET_URL"]),
            (
                &["DATABASE_URL", "MASKING_KEY", "RETENTION_DAYS"],
                &["PRIVACY_KEY", "BUCKET_URL"],
            ),
            (
                &["SLACK_SIGNING_SECRET", "BUCKET_URL"],
                &["DATABASE_URL", "MASKING_KEY"],
            ),
        ] {
            let error = started(set).unwrap_err();
            for name in missing {
                let named = error
                    .matches(&format!("{name} is not set: set it to "))
                    .count();
                assert_eq!(named, 1, "{name} in {error}");
            }
            assert_eq!(
                error.matches(" is not set").count(),
                missing.len(),
                "{error}"
            );
        }
        let nothing = started(&[]).unwrap_err();
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

    #[test]
    fn conversations_without_privacy_are_a_warning_that_says_what_does_not_run() {
        let warnings = |names: &[&str]| -> Vec<String> {
            let env = names.iter();
            let env = env.map(|name| ((*name).to_owned(), "x".to_owned()));
            let started = functions(&env.collect()).unwrap();
            let left_out = started.left_out.iter();
            left_out.filter_map(|it| started.warning(it)).collect()
        };
        assert_eq!(
            warnings(&["DATABASE_URL", "MASKING_KEY"]),
            ["retention, archiving, erasure and export of conversations do not run"]
        );
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
            let env = set.iter();
            let env = env.map(|name| ((*name).to_owned(), "x".to_owned()));
            match functions(&env.collect()).err() {
                Some(Refusal::Incomplete(incomplete)) => {
                    assert_eq!(incomplete.is_certain, expected, "{set:?}");
                }
                other => panic!("{set:?}: {other:?}"),
            }
        }
    }
}
