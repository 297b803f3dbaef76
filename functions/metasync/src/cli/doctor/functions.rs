//! Which functions `metasync serve` would start with this configuration.

use platform::Env;

use super::report::{Outcome, failed, fine, skipped};
use crate::configuration;
use crate::functions::{FUNCTIONS, Function};
use crate::variables::Variable;

pub fn check(env: &Env) -> Outcome {
    let is_set = |variable: &Variable| env.get(variable.name).is_some();
    match configuration::functions(env) {
        Ok((served, left_out)) => {
            let names: Vec<&str> = served.iter().map(|function| function.name).collect();
            let left_out = left_out.iter().map(|function| function.left_out(env));
            let parts: Vec<String> = [format!("serves {}", names.join(", "))]
                .into_iter()
                .chain(left_out)
                .collect();
            fine(parts.join("; "))
        }
        Err(error)
            if FUNCTIONS
                .iter()
                .all(|function| is_unconfigured(function, env)) =>
        {
            skipped(error.to_string())
        }
        Err(error) => {
            let missing = FUNCTIONS
                .iter()
                .filter(|function| !is_unconfigured(function, env));
            let missing = missing.flat_map(|function| function.requires);
            let mut names: Vec<&str> = missing.filter(|it| !is_set(it)).map(|it| it.name).collect();
            names.sort_unstable();
            names.dedup();
            let exports: Vec<String> = names.iter().map(|name| format!("{name}=...")).collect();
            failed(error.to_string(), format!("export {}", exports.join(" ")))
        }
    }
}

fn is_unconfigured(function: &Function, env: &Env) -> bool {
    function
        .wanted_by
        .iter()
        .all(|name| env.get(name).is_none())
}
