//! The prefixes by which providers mark their keys and tokens. `data/prefixes.tsv` names the documentation of each
//! provider.

use std::sync::LazyLock;

use super::entropy::{is_unnamed, is_uuid};
use super::{is_mark, is_token};
use crate::text::Text;

const FILE: &str = include_str!("../../data/prefixes.tsv");

/// The most characters after a prefix that decide whether this is a token.
const LONGEST: usize = 100;

pub struct Rule {
    pub prefix: &'static str,
    characters: Characters,
    /// The least number of characters after the prefix.
    least: usize,
    /// The least number of small letters in a row that are a token although no digit or capital is among them.
    letters: usize,
    /// Whether no word begins with the prefix.
    sure: bool,
}

/// The characters after a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Characters {
    Hex,
    /// Hexadecimal digits and dots.
    Hexdot,
    Upper,
    /// Capitals, digits, dashes and underscores.
    Upword,
    Lower,
    Alnum,
    /// Letters, digits, dashes and underscores.
    Word,
    /// The same and dots.
    Dotted,
    /// Base64, with the marks of both alphabets.
    B64,
    /// Everything that may be in a token.
    Token,
    Uuid,
}

impl Characters {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "hex" => Self::Hex,
            "hexdot" => Self::Hexdot,
            "upper" => Self::Upper,
            "upword" => Self::Upword,
            "lower" => Self::Lower,
            "alnum" => Self::Alnum,
            "word" => Self::Word,
            "dotted" => Self::Dotted,
            "b64" => Self::B64,
            "token" => Self::Token,
            "uuid" => Self::Uuid,
            _ => return None,
        })
    }

    fn has(self, unit: char) -> bool {
        let upper = unit.is_ascii_uppercase() || unit.is_ascii_digit();
        match self {
            Self::Hex => unit.is_ascii_hexdigit(),
            Self::Hexdot => unit.is_ascii_hexdigit() || unit == '.',
            Self::Upper => upper,
            Self::Upword => upper || matches!(unit, '-' | '_'),
            Self::Lower => unit.is_ascii_lowercase() || unit.is_ascii_digit(),
            Self::Alnum => unit.is_ascii_alphanumeric(),
            Self::Word => is_token(unit),
            Self::Dotted => is_token(unit) || unit == '.',
            Self::B64 => is_token(unit) || matches!(unit, '+' | '/' | '='),
            Self::Token => is_token(unit) || is_mark(unit),
            Self::Uuid => unit.is_ascii_hexdigit() || unit == '-',
        }
    }
}

/// The small letters in a row that no word of a name has.
const LETTERS: usize = 16;

impl Rule {
    /// Whether the units after the prefix are no name, although other prefixes begin names of this kind.
    pub fn is_sure(&self, rest: &[char]) -> bool {
        self.sure && is_unnamed(rest)
    }

    /// Whether small letters alone are a token after this prefix, since they are no words of a name.
    pub fn is_in_letters(&self, rest: &[char]) -> bool {
        let mut parts = rest.split(|unit| !unit.is_ascii_alphanumeric());
        parts.any(|part| part.len() >= self.letters && part.iter().all(char::is_ascii_lowercase))
    }

    /// The units after the prefix, if the characters and their number are those of the rule.
    pub fn rest<'a>(&self, text: &'a Text, start: usize) -> Option<&'a [char]> {
        let mut at = start;
        let same = self.prefix.chars().all(|letter| {
            at += 1;
            text.at(at - 1) == letter
        });
        if !same {
            return None;
        }
        let rest = (at..at + LONGEST).take_while(|&unit| self.characters.has(text.at(unit)));
        let rest = text.folded.units(at..at + rest.count());
        let whole = self.characters != Characters::Uuid || rest.get(..36).is_some_and(is_uuid);
        (rest.len() >= self.least && whole).then_some(rest)
    }
}

/// The rules by the first byte of their prefix.
static RULES: LazyLock<Vec<Vec<Rule>>> = LazyLock::new(|| {
    let mut rules: Vec<Vec<Rule>> = (0..128).map(|_| Vec::new()).collect();
    for rule in all() {
        rules[usize::from(rule.prefix.as_bytes()[0])].push(rule);
    }
    rules
});

/// An indented line is a rule, and every other line is a provider with its documentation.
fn all() -> impl Iterator<Item = Rule> {
    FILE.lines().filter_map(|line| {
        let mut columns = line.strip_prefix('\t')?.split('\t');
        let prefix = columns.next()?;
        let characters = Characters::named(columns.next()?)?;
        let least = columns.next()?.parse().ok()?;
        // A short prefix also begins words, and one with a dash names of files and classes.
        let sure = prefix.len() >= 4;
        let letters = match columns.next() {
            Some(letters) => letters.parse().ok()?,
            None if sure && prefix.ends_with('_') => LETTERS,
            None => usize::MAX,
        };
        Some(Rule {
            prefix,
            characters,
            least,
            letters,
            sure,
        })
    })
}

pub fn beginning_with(first: char) -> &'static [Rule] {
    RULES.get(first as usize).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::path::Path;

    use super::*;
    use crate::{Known, Masker, Placeholders};

    /// A value of a rule with this many characters, in an order that no word has.
    fn value(rule: &Rule, length: usize) -> String {
        let mixed = b"q7Xb2Kd9mR4tWz1vHc8LpA3f";
        let of: Vec<u8> = match rule.characters {
            Characters::Uuid => b"67e55044-10b1-426f-9247-bb680e5fe0c8".to_vec(),
            Characters::Hexdot => b"5d0c9e3b1a2f4e6d8c7b9a0f1e2d3c4b.".to_vec(),
            of => mixed
                .iter()
                .copied()
                .filter(|&it| of.has(char::from(it)))
                .collect(),
        };
        let letters = (0..length).map(|at| char::from(of[at % of.len()]));
        format!("{}{}", rule.prefix, letters.collect::<String>())
    }

    fn masked(text: &str) -> String {
        let mut placeholders = Placeholders::new(&[7; 32], "c", Known::default());
        let masked = Masker::default().text(text, &mut placeholders);
        masked.expect("a short text").text
    }

    #[test]
    fn every_rule_is_read_and_every_provider_has_a_source_of_its_own() {
        let (mut sources, mut providers) = (HashSet::new(), Vec::new());
        let mut rules = 0;
        for line in FILE.lines().filter(|line| !line.starts_with('#')) {
            if line.starts_with('\t') {
                rules += 1;
                continue;
            }
            let (provider, source) = line.split_once('\t').expect("a provider and its source");
            let host = source
                .strip_prefix("https://")
                .and_then(|rest| rest.split('/').next());
            // Our own tokens have a page in this repository.
            let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
            let is_known = match host {
                Some(host) => host.contains('.'),
                None => root.join(source).is_file(),
            };
            assert!(is_known, "{line}");
            assert!(!source.contains(' ') && sources.insert(source), "{line}");
            providers.push(provider.to_lowercase());
        }
        assert!(providers.is_sorted() && providers.windows(2).all(|pair| pair[0] != pair[1]));
        assert_eq!(all().count(), rules);
        assert!(
            providers.len() >= 150 && rules >= 300,
            "{} and {rules}",
            providers.len()
        );
        for pair in FILE.lines().collect::<Vec<_>>().windows(2) {
            assert!(
                pair[0].starts_with(['\t', '#']) || pair[1].starts_with('\t'),
                "{}",
                pair[0]
            );
        }
        let once: HashSet<_> = all()
            .map(|rule| (rule.prefix, rule.characters as u8))
            .collect();
        assert_eq!(once.len(), rules);
    }

    #[test]
    fn a_token_of_each_rule_is_masked() {
        for rule in all() {
            let token = value(&rule, rule.least.max(14));
            assert!(rule.least <= LONGEST, "{token}");
            assert_eq!(
                masked(&format!("it is {token} here")),
                "it is [SECRET] here",
                "{token}"
            );
            assert_eq!(
                masked(&format!("키는 {token}입니다")),
                "키는 [SECRET]입니다",
                "{token}"
            );
        }
    }

    #[test]
    fn small_letters_are_a_token_where_no_name_has_the_prefix() {
        for (text, expected) in [
            ("xoxb-abcdefghijklmnop", "[SECRET]"),
            ("xoxp-thisisasecrettoken", "[SECRET]"),
            ("xoxb-123456789012-abcdefghijklmn", "[SECRET]"),
            ("ghp_abcdefghijklmnopqrstuvwxyzabcdefghij", "[SECRET]"),
            (
                "mst_abcdefghijklmnopqrstuvwxyzabcdefghijklmnopq",
                "[SECRET]",
            ),
            ("xoxb-your-token-here", "xoxb-your-token-here"),
            ("xoxb-my-slack-bot-token", "xoxb-my-slack-bot-token"),
            (
                "sk-internationalization-of-widgets",
                "sk-internationalization-of-widgets",
            ),
            ("task-management-board-view", "task-management-board-view"),
        ] {
            assert_eq!(masked(text), expected);
        }
    }

    #[test]
    fn words_or_too_few_characters_after_a_prefix_are_not_a_token() {
        for rule in all() {
            let name = format!(
                "{}learn-contrib-something-of-this-kind-or-another-report",
                rule.prefix
            );
            let camel = format!(
                "{}whenUserLogsInThenDashboardIsShownAndEveryWidgetOfThisKindLoadsAgainWithoutAnyDelay",
                rule.prefix
            );
            let numbered = format!(
                "{}shouldReturn404WhenUserIsMissingFromTheDatabaseAndNothingElseHappensBefore2026",
                rule.prefix
            );
            // A JSON web token has words of its own, and "secret-token:" is the name of any value.
            if !rule.prefix.ends_with(['J', ':']) {
                for name in [name, camel, numbered] {
                    assert_eq!(masked(&name), name);
                }
            }
            let few = value(&rule, 8);
            let other = all().any(|it| it.prefix != rule.prefix && few.starts_with(it.prefix));
            if rule.least > 8 && !other && !rule.prefix.ends_with("eyJ") {
                assert_eq!(masked(&few), few);
            }
        }
    }
}
