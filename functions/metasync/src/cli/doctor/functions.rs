//! Which functions `metasync serve` would start with this configuration.

use std::collections::BTreeSet;

use platform::{Env, Resources};

use super::given::Given;
use super::repair::{repair, texts, variable};
use super::report::{Outcome, failed, fine, hint};
use crate::configuration::Selection;

/// Opens every function as `metasync serve` does, without starting anything.
pub fn check(resources: &Resources) -> Outcome {
    let env = resources.env();
    let selection = Selection::of(env);
    let opened = crate::open(resources);
    if env.unread().next().is_some() {
        return unread(env, opened.as_ref().err());
    }
    let missing = selection.missing(env);
    let missing: BTreeSet<&str> = missing.keys().map(|it| it.name).collect();
    let (detail, named) = match opened {
        Ok(_) => (describe(&selection, resources), missing),
        Err(error) => {
            let detail = format!("`metasync serve` would not start: {error:#}");
            let texts = texts(&error);
            let named: BTreeSet<String> = texts.iter().filter_map(|it| variable(it)).collect();
            if selection.is_empty() && named.is_empty() {
                let start = Given::of(env, "BUCKET_URL").set("\"file://$HOME/metasync\"");
                let meaning = "a folder; the message names what else may be set";
                return failed(detail, format!("{start}  # {meaning}"));
            }
            let is_missing =
                |text: &String| variable(text).is_some_and(|name| missing.contains(name.as_str()));
            if !texts.iter().all(is_missing) {
                return failed(detail, repair(env, &named));
            }
            (detail, missing)
        }
    };
    if !selection.incomplete.is_empty() {
        let remedy = repair(env, &named);
        return match selection.is_certainly_incomplete(env) {
            true => failed(detail, remedy),
            false => hint(detail, format!("{remedy}  # if `metasync serve` runs here")),
        };
    }
    let needed = selection.left_out.iter();
    let needed = needed.filter(|it| selection.warning(it).is_some());
    let needed: BTreeSet<&str> = needed
        .flat_map(|it| it.missing(env))
        .map(|it| it.name)
        .collect();
    if needed.is_empty() {
        fine(detail)
    } else {
        hint(detail, repair(env, &needed))
    }
}

fn describe(selection: &Selection, resources: &Resources) -> String {
    let env = resources.env();
    let names: Vec<&str> = selection.served.iter().map(|it| it.name).collect();
    let mut parts = vec![format!("serves {}", names.join(", "))];
    for function in &selection.left_out {
        parts.push(function.why_not_served(env));
        parts.extend(selection.warning(function));
    }
    for function in &selection.incomplete {
        parts.push(function.why_incomplete(env));
        parts.extend(selection.warning(function));
    }
    parts.join("; ")
}

/// A secret that can't be read stops `metasync serve`, whatever else is set.
fn unread(env: &Env, error: Option<&anyhow::Error>) -> Outcome {
    let reasons = env
        .unread()
        .map(|(name, reason)| format!("can't read the secret of {name}: {reason}"));
    let mut reasons: Vec<String> = reasons.collect();
    let of_open = error.map(texts).unwrap_or_default();
    // An error of a variable that can't be read repeats its reason.
    reasons.extend(of_open.into_iter().filter(|text| {
        !env.unread().any(|(name, _)| text.contains(name)) && variable(text).is_some()
    }));
    let named: BTreeSet<&str> = env.unread().map(|(name, _)| name).collect();
    let reasons = reasons.join("; ");
    failed(
        format!("`metasync serve` would not start: {reasons}"),
        repair(env, &named),
    )
}
