//! Which functions a configuration starts. A function is left out if nothing that is set says that it is wanted, and
//! incomplete if it is wanted and a variable that it requires is not set.

use std::collections::BTreeMap;

use anyhow::bail;
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

    fn missing(&self, env: &Env) -> Vec<Variable> {
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

/// The functions that the configuration starts, and those that it leaves out.
///
/// # Errors
/// If a function is incomplete, or if there is nothing to start. The error names every missing variable.
pub fn functions(env: &Env) -> anyhow::Result<(Vec<&'static Function>, Vec<&'static Function>)> {
    let (wanted, left_out): (Vec<&Function>, Vec<&Function>) = FUNCTIONS
        .iter()
        .partition(|function| function.is_wanted(env));
    let mut missing: BTreeMap<Variable, Vec<&str>> = BTreeMap::new();
    for function in &wanted {
        for variable in function.missing(env) {
            missing.entry(variable).or_default().push(function.name);
        }
    }
    if !missing.is_empty() {
        let each = missing
            .iter()
            .map(|(Variable { name, meaning }, functions)| {
                let functions = functions.join(" and ");
                format!("{name} is not set: set it to {meaning}, for {functions}")
            });
        bail!(each.collect::<Vec<_>>().join("; "));
    }
    if wanted.is_empty() {
        let each = FUNCTIONS.iter().map(|function| {
            let names: Vec<&str> = function.requires.iter().map(|it| it.name).collect();
            format!("{} for {}", names.join(" and "), function.name)
        });
        let each: Vec<String> = each.collect();
        bail!("there is no function to serve: set {}", each.join(", or "));
    }
    Ok((wanted, left_out))
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
            Ok((started, _)) => Ok(started.iter().map(|function| function.name).collect()),
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
        let (_, left_out) = functions(&env).unwrap();
        let reasons: Vec<String> = left_out
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
}
