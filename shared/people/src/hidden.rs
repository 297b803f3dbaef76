//! Characters that nobody sees, so that two different texts look the same.

use unicode_properties::{GeneralCategory as Category, UnicodeGeneralCategory as _};

/// Whether a character is not seen, or changes how others are: control characters, marks of direction, ends of lines and
/// paragraphs, code points that mean nothing, and what Unicode calls default-ignorable.
pub fn is_hidden(character: char) -> bool {
    matches!(
        character.general_category(),
        Category::Control
            | Category::Format
            | Category::LineSeparator
            | Category::ParagraphSeparator
            | Category::PrivateUse
            | Category::Unassigned
    ) || is_empty_glyph(character)
}

/// Letters, marks and symbols without a glyph: fillers of Hangul, selectors of variants, the empty pattern of Braille.
fn is_empty_glyph(character: char) -> bool {
    matches!(
        character,
        '\u{34f}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{ffa0}'
            | '\u{e0100}'..='\u{e01ef}'
    )
}

/// Characters of each kind, for tests of what refuses them.
#[cfg(test)]
pub const HIDDEN: [char; 16] = [
    '\0',
    '\n',
    '\u{85}',
    '\u{ad}',
    '\u{34f}',
    '\u{61c}',
    '\u{200b}',
    '\u{200d}',
    '\u{202e}',
    '\u{2028}',
    '\u{2029}',
    '\u{2066}',
    '\u{3164}',
    '\u{fe0f}',
    '\u{feff}',
    '\u{e0041}',
];
