//! The examples of the documentation.

use masking::Masker;

use crate::judge::masked;

const PAGE: &str = include_str!("../../../docs/masking.md");

/// The text of a cell that is code, without the marks.
fn code(cell: &str) -> Option<&str> {
    let cell = cell.trim();
    let marks = if cell.starts_with("``") { "`` " } else { "`" };
    let close: String = marks.chars().rev().collect();
    cell.strip_prefix(marks)?.strip_suffix(&close)
}

#[test]
fn the_examples_of_the_documentation_are_masked_as_it_says() {
    let masker = Masker::default();
    let mut examples = 0;
    for line in PAGE.lines().filter(|line| line.starts_with("| `")) {
        let mut cells = line.trim_matches('|').split(" | ");
        let (Some(text), Some(stored)) = (cells.next().and_then(code), cells.next().and_then(code))
        else {
            continue;
        };
        assert_eq!(masked(&masker, text), stored);
        examples += 1;
    }
    assert!(examples >= 20, "{examples} examples");
}
