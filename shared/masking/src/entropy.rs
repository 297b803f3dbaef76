//! Tells random values from words, names and numbers.

/// The segments of a value: runs of letters and digits.
fn segments(units: &[char]) -> impl Iterator<Item = &[char]> {
    let runs = units.split(|unit| !unit.is_ascii_alphanumeric());
    runs.filter(|run| !run.is_empty())
}

/// Whether some part of a value is neither a word nor a number: "K7MDENG", "x9Qs", "IOSFODNNEXAMPLE". Words with a
/// number at the end, "cluster2", are words if they are short.
pub fn is_coded(units: &[char]) -> bool {
    segments(units).any(|segment| {
        let mark = |unit: &char| unit.is_ascii_digit() || unit.is_ascii_uppercase();
        let long = segment.len() >= 16 && segment.iter().any(mark);
        long || letter_after_digit(segment) || is_unusual_case(segment)
    })
}

/// Whether a value looks generated: long, with a long part that is neither a word nor a number.
pub fn is_random(units: &[char]) -> bool {
    let url = units.windows(3).any(|marks| marks == [':', '/', '/']);
    let coded = |least: usize| {
        segments(units).any(|segment| segment.len() >= least && letter_after_digit(segment))
    };
    !url && is_varied(units) && (units.len() >= 16 && coded(12) || units.len() >= 20 && coded(6))
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
}
