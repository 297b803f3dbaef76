//! The pairs of letters that names in source code hardly ever have. Random letters have many of them.

/// The letters that hardly ever follow each letter of the alphabet: fewer than one in 1,000 names of 16 letters or more
/// has the pair, and no common English word.
const RARE: [&str; 26] = [
    "",
    "fhkpqwxz",
    "jvwxz",
    "kqxz",
    "",
    "bhjkmqvwxz",
    "qvwxz",
    "fghjqx",
    "",
    "bcdfghjlmnqrtvwxyz",
    "bchkrvxz",
    "hjqxz",
    "chjkqrvxz",
    "",
    "q",
    "jxz",
    "abcdefgijklmnopqtvxyz",
    "jxz",
    "jx",
    "jkqv",
    "hjquvw",
    "bfhjklmnpqrvxz",
    "cfjmpquvz",
    "bdfghjklnqsuvwxz",
    "hjkqvx",
    "bcdfghjkmnpqrstuwx",
];

/// The number of rare pairs. The second letter of a pair is small, since a capital begins a word.
pub fn rare_pairs(segment: &[char]) -> usize {
    let rare = |pair: &&[char]| {
        let place = (pair[0].to_ascii_lowercase() as usize).checked_sub('a' as usize);
        place
            .and_then(|place| RARE.get(place))
            .is_some_and(|rare| rare.contains(pair[1]))
    };
    segment.windows(2).filter(rare).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_no_rare_pairs_and_random_letters_do() {
        let pairs = |text: &str| rare_pairs(&text.chars().collect::<Vec<_>>());
        for name in [
            "whenUserLogsInThenDashboardIsShown",
            "rejectUnknownKeyboardWorkflows",
            "syncFrozenGateway",
        ] {
            assert_eq!(pairs(name), 0, "{name}");
        }
        assert_eq!(pairs("hhvUZjewuXKhzythCIauobdt"), 4);
    }
}
