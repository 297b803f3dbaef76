//! Lists of the arguments of a command, which are read like its line: `["curl", "-u", "user:password"]`.

use serde_json::{Map, Value};

use super::KEY;

/// Keys of lists of arguments.
const KEYS: [&str; 9] = [
    "args",
    "argv",
    "arguments",
    "cmd",
    "command",
    "commandline",
    "cmdline",
    "entrypoint",
    "exec",
];

/// Keys of the command whose arguments are in another list of its object.
const COMMANDS: [&str; 6] = [
    "command",
    "cmd",
    "program",
    "executable",
    "exec",
    "entrypoint",
];

/// Beginnings of options whose name is that of a secret, but which have no value: `--no-password`, `--ask-password`.
const FLAGS: [&str; 7] = ["no-", "ask-", "prompt-", "show-", "reset-", "use-", "with-"];

fn is_one_of(keys: &[&str], key: &str) -> bool {
    let letters = key.chars().filter(|unit| unit.is_alphanumeric()).take(12);
    let key: String = letters.flat_map(char::to_lowercase).collect();
    keys.contains(&key.as_str())
}

/// Whether these are the arguments of a command: by their key, or because one of them is an option.
pub fn are(key: &str, values: &[Value]) -> bool {
    let texts = values
        .iter()
        .all(|value| value.is_string() || value.is_number());
    let option = |value: &Value| value.as_str().is_some_and(is_option);
    let told = is_one_of(&KEYS, key) && !values.is_empty();
    texts && (told || values.len() > 1 && values.iter().any(option))
}

fn is_option(argument: &str) -> bool {
    let name = argument.trim_start_matches('-');
    let dashes = argument.len() - name.len();
    (1..=2).contains(&dashes) && name.starts_with(|unit: char| unit.is_ascii_alphabetic())
}

/// The command of an object whose arguments are another value: `{"command": "curl", "args": ["-u", "x"]}`.
pub fn command(object: &Map<String, Value>) -> String {
    let commands = object.iter().filter(|(key, _)| is_one_of(&COMMANDS, key));
    let texts = commands.filter_map(|(_, value)| match value {
        Value::String(text) => Some(text.as_str()),
        Value::Array(values) => values.last().and_then(Value::as_str),
        _ => None,
    });
    let mut line = Line::default();
    texts.take(1).for_each(|text| line.push(text));
    line.0
}

/// Whether a key is that of the arguments of a command in the same object.
pub fn is_key(key: &str) -> bool {
    is_one_of(&["args", "argv", "arguments"], key)
}

/// The end of a command line.
#[derive(Default)]
pub struct Line(pub String);

impl Line {
    pub fn push(&mut self, argument: &str) {
        let from = argument.ceil_char_boundary(argument.len().saturating_sub(KEY));
        self.0.push_str(&argument[from..].replace('\n', " "));
        self.0.push(' ');
        let from = self.0.ceil_char_boundary(self.0.len().saturating_sub(KEY));
        // A part of a word may be the name of another command.
        if from > 0 {
            let word = self.0[from..]
                .find(' ')
                .map_or(self.0.len(), |at| from + at + 1);
            self.0.drain(..word);
        }
    }

    /// The line without the option at its end.
    pub fn without_option(&self) -> &str {
        let words = self.0.trim_end();
        let last = words.rfind(' ').map_or(0, |space| space + 1);
        if is_option(&words[last..]) {
            &self.0[..last]
        } else {
            &self.0
        }
    }

    /// The name of the option whose value is the next argument.
    pub fn option(&self) -> &str {
        let last = self.0.trim_end().rsplit(' ').next().unwrap_or_default();
        let name = last.trim_start_matches('-');
        let has_value = is_option(last)
            && !last.contains(['=', ':'])
            && !FLAGS.iter().any(|flag| name.starts_with(flag));
        if has_value { name } else { "" }
    }
}
