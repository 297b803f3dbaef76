//! The words of others in what we tell: a warehouse's, a provider's, a store's. On one line, cut, and
//! without what could be a secret.

use std::sync::LazyLock;

use regex::{Captures, Regex};

/// In characters: what fits a message of BigQuery with the names that it is about.
const LONGEST: usize = 600;

static SECRETS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r#"(?ix)
          (?<lead> ://[^/\s:@]* : | \b(?:bearer|basic)\s+
                 | \b(?:password|passwd|pwd|secret|token|api[_-]?key|access[_-]?key|signature|x-goog-signature|x-amz-signature|x-amz-security-token)
                   \b["']?\s*[=:]\s*["']? )
          (?<value> [^\s"',;&@)]+ )
        | \b(?: ya29\.[\w.-]+ | eyJ[\w-]+\.[\w-]+\.[\w-]+ | AIza[\w-]{20,} | sk-[\w-]{12,} | gh[pousr]_\w{20,}
              | (?:AKIA|ASIA)[0-9A-Z]{12,} )"#,
    )
    .expect("the pattern is a constant that the tests compile")
});

/// What somebody else said, fit to be told.
pub fn words(text: &str) -> String {
    // Whatever else is in it, it is looked at no longer than this.
    let start = text.char_indices().nth(16 * LONGEST);
    let text = start.map_or(text, |(end, _)| &text[..end]);
    let line = text.split(|c: char| c.is_whitespace() || c.is_control());
    let line: Vec<&str> = line.filter(|word| !word.is_empty()).collect();
    let line = line.join(" ");
    let told = SECRETS.replace_all(&line, |found: &Captures<'_>| {
        let lead = found.name("lead").map_or("", |lead| lead.as_str());
        format!("{lead}***")
    });
    cut(&told, LONGEST)
}

/// So many characters, and a sign where there are more.
pub fn cut(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_told_on_one_line_and_cut() {
        let words = words(&format!("Access\r\nDenied:\u{0} {}", "ä".repeat(2_000)));
        assert!(words.starts_with("Access Denied: ä"), "{words}");
        assert_eq!(words.chars().count(), LONGEST + 1);
    }

    #[test]
    fn words_hold_no_secret_and_keep_what_is_none() {
        let key = ["sk", "abcdefghijklmnop"].join("-");
        let token = ["ya29", "a0AfH6SMB-x_y"].join(".");
        for (said, told) in [
            (
                "postgres://reader:pa55@db/shop is down",
                "postgres://reader:***@db/shop is down",
            ),
            ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
            ("password=hunter2, user=me", "password=***, user=me"),
            (r#"{"api_key": "k1"}"#, r#"{"api_key": "***"}"#),
            (
                &format!("Incorrect API key: {key}."),
                "Incorrect API key: ***.",
            ),
            (&format!("no {token} here"), "no *** here"),
            (
                "Access Denied: Table acme:shop.t: Permission bigquery.tables.getData denied",
                "Access Denied: Table acme:shop.t: Permission bigquery.tables.getData denied",
            ),
            ("the token is missing", "the token is missing"),
        ] {
            assert_eq!(words(said), told);
        }
    }
}
