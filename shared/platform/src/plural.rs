//! Numbers with their nouns.

use std::fmt::Display;

/// `1 table`, `2 tables`, `2 entries`: a count with its noun, whose plural ends in `s`.
pub fn counted<N: Copy + Display + PartialEq + From<u8>>(count: N, noun: &str) -> String {
    if count == N::from(1) {
        return format!("{count} {noun}");
    }
    let stem = noun.strip_suffix('y');
    match stem.filter(|stem| !stem.ends_with(['a', 'e', 'o', 'u'])) {
        Some(stem) => format!("{count} {stem}ies"),
        None => format!("{count} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_is_singular() {
        assert_eq!(counted(0_usize, "table"), "0 tables");
        assert_eq!(counted(1_u64, "schema file"), "1 schema file");
        assert_eq!(counted(2_u32, "row"), "2 rows");
        assert_eq!(counted(1_u32, "entry"), "1 entry");
        assert_eq!(counted(5_u32, "entry"), "5 entries");
        assert_eq!(counted(2_u32, "key"), "2 keys");
    }
}
