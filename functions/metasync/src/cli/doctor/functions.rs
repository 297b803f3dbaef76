//! Which functions `metasync serve` would start with this configuration.

use std::collections::BTreeSet;

use platform::Env;

use super::report::{Outcome, failed, fine, hint, skipped};
use crate::configuration::{self, Refusal, Started};
use crate::variables::Variable;

pub fn check(env: &Env) -> Outcome {
    match configuration::functions(env) {
        Ok(started) => describe(&started, env),
        Err(error) => match &error {
            Refusal::Nothing => skipped(error.to_string()),
            Refusal::Incomplete(incomplete) => {
                let remedy = export(incomplete.missing.keys());
                if incomplete.is_certain {
                    return failed(error.to_string(), remedy);
                }
                hint(
                    format!("`metasync serve` would not start: {error}"),
                    format!("{remedy}  # if `metasync serve` runs here"),
                )
            }
        },
    }
}

fn describe(started: &Started, env: &Env) -> Outcome {
    let names: Vec<&str> = started.served.iter().map(|it| it.name).collect();
    let mut parts = vec![format!("serves {}", names.join(", "))];
    let mut missing = BTreeSet::new();
    for function in &started.left_out {
        parts.push(function.left_out(env));
        if let Some(warning) = started.warning(function) {
            parts.push(warning);
            missing.extend(function.missing(env));
        }
    }
    let detail = parts.join("; ");
    if missing.is_empty() {
        fine(detail)
    } else {
        hint(detail, export(&missing))
    }
}

fn export<'a>(variables: impl IntoIterator<Item = &'a Variable>) -> String {
    let each = variables.into_iter();
    let each: Vec<String> = each.map(|it| format!("{}=...", it.name)).collect();
    format!("export {}", each.join(" "))
}
