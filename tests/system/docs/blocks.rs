//! Every block of code has a language that a test knows how to check.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::pages;

/// Languages of text that nothing runs.
const TEXT: [&str; 13] = [
    "bash",
    "dockerfile",
    "hcl",
    "http",
    "json5",
    "markdown",
    "mermaid",
    "python",
    "rust",
    "sql",
    "text",
    "toml",
    "yaml",
];
/// What a command needs that the demo does not have.
const NEEDS: [&str; 9] = [
    "aws",
    "gcp",
    "warehouse",
    "slack",
    "model",
    "checkout",
    "database",
    "docker",
    "rust",
];

#[test]
fn every_block_of_code_is_checked_for_what_it_is() {
    let mut faults = Vec::new();
    for page in pages() {
        for block in page.blocks() {
            let mut info = block.info.split([' ', ',']);
            let language = info.next().unwrap_or_default();
            let fault = match language {
                "console" => None,
                "json" => json(&block.text),
                "sh" => needs(info.next()).or_else(|| shell(&block.text)),
                language if TEXT.contains(&language) => None,
                _ => Some(format!("the language {language:?} is unknown here")),
            };
            faults.extend(fault.map(|fault| format!("{}:{}: {fault}", page.path, block.line)));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

fn json(text: &str) -> Option<String> {
    let parsed = serde_json::from_str::<Value>(text);
    parsed.err().map(|error| error.to_string())
}

/// A block that nobody runs says what it needs.
fn needs(word: Option<&str>) -> Option<String> {
    let needed = word.and_then(|word| word.strip_prefix("needs="));
    match needed {
        Some(needed) if NEEDS.contains(&needed) => None,
        _ => Some("write `console`, which is run, or say what it needs: `sh needs=aws`".to_owned()),
    }
}

fn shell(text: &str) -> Option<String> {
    let mut bash = Command::new("bash");
    bash.arg("-n").stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut bash = bash.spawn().expect("bash starts");
    let mut stdin = bash.stdin.take().expect("a pipe");
    stdin.write_all(text.as_bytes()).expect("bash reads");
    drop(stdin);
    let output = bash.wait_with_output().expect("bash ends");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    (!output.status.success()).then_some(error)
}
