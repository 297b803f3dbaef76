//! Numbers with their nouns.

use std::fmt::Display;

/// `1 table`, `2 tables`: a count with its noun, whose plural ends in `s`.
pub fn counted<N: Copy + Display + PartialEq + From<u8>>(count: N, noun: &str) -> String {
    if count == N::from(1) {
        format!("{count} {noun}")
    } else {
        format!("{count} {noun}s")
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
    }
}
