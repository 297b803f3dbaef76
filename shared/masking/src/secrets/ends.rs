//! How a value ends: with its line, its sentence or its row.

use crate::text::Text;

/// The end of a sentence whose predicate is the value: "swordfish입니다".
pub const COPULAS: [&str; 9] = [
    "입니다",
    "이에요",
    "예요",
    "이야",
    "임",
    "이고",
    "이며",
    "です",
    "だよ",
];

/// Whether a value ends its line or its sentence.
pub fn concludes(text: &Text, end: usize) -> bool {
    let next = end + usize::from(text.at(end) == ' ');
    ends_line(text, end) || COPULAS.iter().any(|copula| text.folded.has(next, copula))
}

/// Whether nothing follows a value on its line but marks, or another name with its value.
pub fn ends_line(text: &Text, end: usize) -> bool {
    let next = text.at(end);
    let after = text.folded.skip_spaces(end + 1);
    match next {
        '\0' | '\n' | '"' | '\'' | '`' | ',' | ';' | '&' | '}' | ']' | '|' => true,
        '<' => text.at(end + 1) == '/',
        '.' | ')' | '!' => matches!(text.at(after), '\0' | '\n'),
        ' ' => named_value(text, end + 1) || matches!(text.at(after), '\0' | '\n'),
        _ => false,
    }
}

/// Whether another name with its value follows: `dbname=shop`.
pub fn named_value(text: &Text, start: usize) -> bool {
    let name = (start..start + 20).take_while(|&unit| {
        text.at(unit).is_ascii_alphanumeric() || matches!(text.at(unit), '_' | '-')
    });
    let length = name.count();
    length > 0 && text.at(start + length) == '='
}
