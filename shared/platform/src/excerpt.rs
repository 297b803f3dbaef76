//! Excerpts of other systems' messages (a warehouse, a provider, a store), fit for our own errors and
//! logs: on one line, of bounded length, with secrets masked.

use std::sync::LazyLock;

use regex::{Captures, Regex};

/// In characters. A BigQuery message with the names that it mentions fits.
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

/// The text on one line, without secrets, cut after 600 characters.
pub fn excerpt(text: &str) -> String {
    excerpt_of(text, LONGEST)
}

/// The text on one line, without secrets, cut after this many characters.
pub fn excerpt_of(text: &str, longest: usize) -> String {
    // Bounds the work, whatever the length of the text.
    let start = text.char_indices().nth(16 * longest);
    let text = start.map_or(text, |(end, _)| &text[..end]);
    let line = text.split(|c: char| c.is_whitespace() || c.is_control());
    let line: Vec<&str> = line.filter(|word| !word.is_empty()).collect();
    let line = line.join(" ");
    let masked = SECRETS.replace_all(&line, |found: &Captures<'_>| {
        let lead = found.name("lead").map_or("", |lead| lead.as_str());
        format!("{lead}***")
    });
    cut(&masked, longest)
}

/// The first `characters` of the text, with an ellipsis if it has more.
#[inline]
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
    fn an_excerpt_is_one_line_of_bounded_length() {
        let text = excerpt(&format!("Access\r\nDenied:\u{0} {}", "ä".repeat(2_000)));
        assert!(text.starts_with("Access Denied: ä"), "{text}");
        assert_eq!(text.chars().count(), LONGEST + 1);
    }

    #[test]
    fn secrets_are_masked_and_the_rest_is_kept() {
        let key = ["sk", "abcdefghijklmnop"].join("-");
        let token = ["ya29", "a0AfH6SMB-x_y"].join(".");
        for (text, expected) in [
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
            assert_eq!(excerpt(text), expected);
        }
    }
}
