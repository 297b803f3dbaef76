//! The command that repairs what an error of opening something names: the variables that are missing or not valid.

use std::collections::BTreeSet;

use platform::Env;
use platform::all::Errors;

use super::given::Given;

/// The command that sets the variables that an error names.
pub fn of(env: &Env, error: &anyhow::Error) -> String {
    let texts = texts(error);
    let named: BTreeSet<String> = texts.iter().filter_map(|it| variable(it)).collect();
    repair(env, &named)
}

pub fn texts(error: &anyhow::Error) -> Vec<String> {
    match error.downcast_ref::<Errors>() {
        Some(errors) => errors.texts().to_vec(),
        None => vec![format!("{error:#}")],
    }
}

/// The variable that an error text is about: it begins with its name, or says that its secret can't be read.
pub fn variable(text: &str) -> Option<String> {
    let text = text
        .strip_prefix("can't read the secret of ")
        .unwrap_or(text);
    let (name, _) = text.split_once([' ', ':'])?;
    let is_name = |it: char| it.is_ascii_uppercase() || it.is_ascii_digit() || it == '_';
    (!name.is_empty() && name.chars().all(is_name)).then(|| name.to_owned())
}

/// The command that sets these variables, each in the form in which it is given.
pub fn repair<'a, T: AsRef<str> + 'a>(
    env: &Env,
    variables: impl IntoIterator<Item = &'a T>,
) -> String {
    let (mut exported, mut others) = (Vec::new(), Vec::new());
    for name in variables {
        let command = Given::of(env, name.as_ref()).edit();
        match command.strip_prefix("export ") {
            Some(assignment) => exported.push(assignment.to_owned()),
            None => others.push(command),
        }
    }
    if !exported.is_empty() {
        others.insert(0, format!("export {}", exported.join(" ")));
    }
    if others.is_empty() {
        return "metasync serve  # prints what is not valid".to_owned();
    }
    others.join("\n          ")
}
