//! Tells random values from words, names and numbers.

use super::letters;

/// The segments of a value: runs of letters and digits.
pub fn segments(units: &[char]) -> impl Iterator<Item = &[char]> {
    let runs = units.split(|unit| !unit.is_ascii_alphanumeric());
    runs.filter(|run| !run.is_empty())
}

/// A value without the marks that end a sentence.
pub fn without_marks(units: &[char]) -> &[char] {
    let last = units.iter().rposition(|unit| !matches!(unit, '!' | '?'));
    &units[..last.map_or(0, |last| last + 1)]
}

/// Whether some part of a value is neither a word nor a number: "K7MDENG", "x9Qs", "IOSFODNNEXAMPLE". A long part in
/// small letters and capitals may be a name of many words: "shouldReturn404WhenUserIsMissing".
pub fn is_coded(units: &[char]) -> bool {
    segments(units).any(|segment| {
        let cased = segment.iter().any(char::is_ascii_lowercase)
            && segment.iter().any(char::is_ascii_uppercase);
        if cased && segment.len() >= 16 {
            is_scattered(segment)
                || has_ordered_run(segment)
                || has_long_number(segment)
                || letters::rare_pairs(segment) >= 2
        } else {
            let long = segment.len() >= 16 && segment.iter().any(char::is_ascii_digit);
            long || letter_after_digit(segment) || is_unusual_case(segment)
        }
    })
}

/// Whether a part is no name, with a prefix that no name has: it has a pair of letters that names don't have, or a small
/// letter after a digit.
pub fn is_unnamed(units: &[char]) -> bool {
    segments(units).any(|segment| {
        let numbered = |pair: &[char]| pair[0].is_ascii_digit() && pair[1].is_ascii_lowercase();
        segment.len() >= 16
            && (letters::rare_pairs(segment) > 0 || segment.windows(2).any(numbered))
    })
}

/// Whether the words of a long name would be shorter than four letters on average, or a third of it are capitals. An
/// abbreviation within the name is a word, "getHTTPResponse", if most of the name is in small letters.
fn is_scattered(segment: &[char]) -> bool {
    let starts = segment.windows(2).filter(|pair| {
        pair[0].is_ascii_digit() != pair[1].is_ascii_digit()
            || pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase()
    });
    let capitals = segment.iter().filter(|unit| unit.is_ascii_uppercase());
    let scattered =
        segment.len() < 4 * (starts.count() + 1) || 3 * capitals.count() >= segment.len();
    scattered && !is_abbreviated(segment)
}

/// The letters or digits in their order that no name has: "abcdefgh", "34567890".
const ORDERED: usize = 8;

/// Whether an invented key counts up.
fn has_ordered_run(segment: &[char]) -> bool {
    segment.windows(ORDERED).any(|run| {
        run.windows(2).all(|pair| {
            matches!((pair[0], pair[1]), ('9', '0')) || pair[0] as u32 + 1 == pair[1] as u32
        })
    })
}

/// The digits in a row that no name has. A date has eight.
const NUMBER: usize = 9;

fn has_long_number(segment: &[char]) -> bool {
    segment
        .windows(NUMBER)
        .any(|run| run.iter().all(char::is_ascii_digit))
}

/// Abbreviations in the names of functions and classes.
const ABBREVIATIONS: &str = "API APIS AST AWS CDN CI CLI CPU CSRF CSS CSV DB DNS DOM DTO EC FTP GCP GPU GUI HTML HTTP \
    HTTPS IAM ID IDS IO IOS IP JDBC JPA JSON JWT KPI LDAP LLM ML MVC MQTT NLP OAUTH ORM OS OTP PDF PHP PNG QR RAM REST \
    RPC S SDK SMS SMTP SQL SSH SSL SSO SVG TCP TLS TTL UDP UI URI URL URLS UTC UTF UUID UX VM VPC XHR XML XSS YAML ZIP";

/// Whether a name consists of words of three letters or more on average and of known abbreviations.
fn is_abbreviated(segment: &[char]) -> bool {
    let (mut words, mut letters) = (0, 0);
    let mut rest = segment;
    while let Some(first) = rest.first() {
        let capitals = rest
            .iter()
            .take_while(|unit| unit.is_ascii_uppercase())
            .count();
        let small = rest[capitals..]
            .iter()
            .take_while(|unit| unit.is_ascii_lowercase())
            .count();
        if first.is_ascii_digit() {
            let digits = rest.iter().take_while(|unit| unit.is_ascii_digit()).count();
            if digits > 4 {
                return false;
            }
            rest = &rest[digits..];
            continue;
        }
        // The last capital begins the word after the abbreviation, except in a plural: "URLs".
        let plural = rest[capitals..].starts_with(&['s']) && small == 1;
        let short = if small > 0 && !plural {
            capitals.saturating_sub(1)
        } else {
            capitals
        };
        if short > 0 && !are_abbreviations(&rest[..short]) {
            return false;
        }
        if small > 0 && !plural {
            words += 1;
            letters += small + capitals - short;
        }
        rest = &rest[capitals + small..];
    }
    words > 0 && letters >= 3 * words && 2 * letters >= segment.len()
}

/// Whether capitals are one or two abbreviations: "URL", "JSONAPI".
fn are_abbreviations(capitals: &[char]) -> bool {
    let known = |part: &[char]| {
        let part = String::from_iter(part);
        part.is_empty()
            || ABBREVIATIONS
                .split_ascii_whitespace()
                .any(|known| known == part)
    };
    capitals.len() <= 12
        && (0..capitals.len()).any(|cut| known(&capitals[..cut]) && known(&capitals[cut..]))
}

/// Whether a value looks generated: long, with a long part that is neither a word nor a number.
pub fn is_random(units: &[char]) -> bool {
    let url = units.windows(3).any(|marks| marks == [':', '/', '/']);
    if url || units.len() < 16 || !is_varied(units) {
        return false;
    }
    let coded = has_coded(units, 12);
    let parts = segments(units).filter(|segment| segment.len() >= 4 && is_mixed(segment));
    coded || units.len() >= 20 && parts.count() >= 3
}

/// Whether a value that has the name of a secret looks generated.
pub fn is_generated(units: &[char]) -> bool {
    is_random(units) || units.len() >= 20 && is_varied(units) && has_coded(units, 6)
}

fn has_coded(units: &[char], least: usize) -> bool {
    segments(units).any(|segment| segment.len() >= least && letter_after_digit(segment))
}

/// Whether a value is not a word or a name: in some part of it, digits and letters are mixed, or capitals are in
/// unusual places.
pub fn is_likely(units: &[char]) -> bool {
    let units = without_marks(units);
    let strong = units.iter().any(|unit| "!@#$%^&*?+".contains(*unit));
    let short = segments(units).filter(|segment| segment.len() >= 4 && is_mixed(segment));
    let segment = segments(units).any(|segment| {
        segment.len() >= 6 && is_mixed(segment) || segment.len() >= 8 && is_unusual_case(segment)
    });
    let coded = units.len() >= 8 && has_coded(units, 4);
    segment || coded || units.len() >= 6 && strong || units.len() >= 12 && short.count() >= 2
}

/// Whether digits and letters are mixed.
pub fn is_mixed(segment: &[char]) -> bool {
    segment.iter().any(char::is_ascii_digit) && segment.iter().any(char::is_ascii_alphabetic)
}

fn is_varied(units: &[char]) -> bool {
    let mut seen = 0_u128;
    for unit in units.iter().filter(|unit| unit.is_ascii()) {
        seen |= 1 << u32::from(*unit);
    }
    seen.count_ones() >= 8
}

fn letter_after_digit(segment: &[char]) -> bool {
    let digit = segment.iter().position(char::is_ascii_digit);
    digit.is_some_and(|digit| segment[digit..].iter().any(char::is_ascii_alphabetic))
}

/// Capitals in other places than in a name: neither at the starts of words of three letters or more, nor an
/// abbreviation.
fn is_unusual_case(segment: &[char]) -> bool {
    let capitals = segment
        .iter()
        .filter(|unit| unit.is_ascii_uppercase())
        .count();
    let lower = segment
        .iter()
        .filter(|unit| unit.is_ascii_lowercase())
        .count();
    if lower == 0 {
        return capitals >= 10;
    }
    let words = segment
        .windows(2)
        .filter(|pair| !pair[0].is_ascii_uppercase() && pair[1].is_ascii_uppercase())
        .count();
    capitals > 0 && segment.len() >= 8 && segment.len() < 4 * (words + 1)
}

/// A UUID, which is an id and no secret.
pub fn is_uuid(units: &[char]) -> bool {
    let lengths = [8, 4, 4, 4, 12];
    let mut parts = units.split(|&unit| unit == '-');
    units.len() == 36
        && lengths.iter().all(|&length| {
            let part = parts.next().unwrap_or_default();
            part.len() == length && part.iter().all(char::is_ascii_hexdigit)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(text: &str) -> Vec<char> {
        text.chars().collect()
    }

    #[test]
    fn words_names_and_numbers_are_not_coded() {
        for text in [
            "learn-contrib-something",
            "2024-report",
            "button-primary-large",
            "cluster2-eu-west",
            "Hello-World",
        ] {
            assert!(!is_coded(&units(text)), "{text}");
        }
        for text in [
            "a1b2c3d4",
            "ant-api03-AbCdEfGh",
            "IOSFODNNEXAMPLE",
            "wJalrXUtnFEMI",
        ] {
            assert!(is_coded(&units(text)), "{text}");
        }
    }

    #[test]
    fn a_name_with_abbreviations_is_not_coded() {
        for text in [
            "getHTTPResponseFromURLThenParseJSONBody",
            "parseXMLHTTPRequestForTheUIOfAPIKeys",
            "renderURLsOfTheJSONAPI",
            "loadGPUKernelsFromS3AndRunLLMInference",
        ] {
            assert!(!is_coded(&units(text)), "{text}");
        }
        for text in [
            "qXbKdmRtWzvHcLpAfQxBkDMrTwZV",
            "HTTPqXbKdmRtWzvURLHcLpAfQx",
            "aBcDHTTPeFgHiJkLURLmNoP",
        ] {
            assert!(is_coded(&units(text)), "{text}");
        }
    }

    #[test]
    fn dates_paths_and_names_with_versions_are_not_random() {
        for text in [
            "user:1234:profile:settings",
            "created_at_2026_11_30",
            "claude-sonnet-4-5-20250929",
            "my-service-name-production",
            "https://example.com/a1b2c3d4e5f6a7b8c9",
        ] {
            assert!(!is_random(&units(text)), "{text}");
        }
        for text in [
            "67e7893f57fd14c1604d115cea325a65.P7HVDctQUy1xvCkg",
            "AB12D-EF34G-HI56J-KL78M",
        ] {
            assert!(is_random(&units(text)), "{text}");
        }
    }
}
