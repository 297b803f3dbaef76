//! Which functions `metasync serve` would start with this configuration.

use std::collections::BTreeSet;

use platform::Resources;
use platform::all::Errors;

use super::report::{Outcome, failed, fine, hint, skipped};
use crate::configuration::Selection;

/// Opens every function as `metasync serve` does, without starting anything.
pub fn check(resources: &Resources) -> Outcome {
    let env = resources.env();
    let selection = Selection::of(env);
    let opened = crate::open(resources);
    if selection.is_empty()
        && let Err(error) = &opened
    {
        return skipped(error.to_string());
    }
    let missing = selection.missing(env);
    let missing: BTreeSet<&str> = missing.keys().map(|it| it.name).collect();
    let (detail, named) = match opened {
        Ok(_) => (describe(&selection, resources), missing),
        Err(error) => {
            let detail = format!("`metasync serve` would not start: {error:#}");
            let errors = error.downcast_ref::<Errors>();
            let texts = errors.map(Errors::texts).unwrap_or_default();
            let named: BTreeSet<String> = texts.iter().filter_map(|it| variable(it)).collect();
            if named.iter().any(|name| !missing.contains(name.as_str())) {
                return failed(detail, export(&named));
            }
            (detail, missing)
        }
    };
    if !selection.incomplete.is_empty() {
        let remedy = export(&named);
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
        hint(detail, export(&needed))
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

/// The variable that an error text is about: it begins with its name.
fn variable(text: &str) -> Option<String> {
    let (name, _) = text.split_once([' ', ':'])?;
    let is_name = |it: char| it.is_ascii_uppercase() || it.is_ascii_digit() || it == '_';
    (!name.is_empty() && name.chars().all(is_name)).then(|| name.to_owned())
}

fn export<'a, T: AsRef<str> + 'a>(variables: impl IntoIterator<Item = &'a T>) -> String {
    let each = variables.into_iter();
    let each: Vec<String> = each.map(|it| format!("{}=...", it.as_ref())).collect();
    format!("export {}", each.join(" "))
}
