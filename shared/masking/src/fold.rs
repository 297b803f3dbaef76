//! Rewrites a text into one spelling for the scanners, with a mapping back to the text.
//!
//! NFKC would change too much (it turns symbols into letters, and footnotes into numbers) and takes longer than all
//! scanning. So only spellings in which people write numbers and addresses are folded: full-width and foreign digits,
//! the dashes, dots and spaces of input methods, the jamo of file names from a Mac, and JSON escapes inside a string.
//! Invisible characters are dropped.

use std::cell::Cell;
use std::ops::Range;

use super::look;
use super::policy::Kind;

/// The unit for a placeholder. It is part of no number, word or address, so that scanners ignore masked values.
pub const PLACEHOLDER: char = '\u{FFFC}';

/// The unit outside of the text. No unit is NUL, since control characters are dropped.
pub const NOTHING: char = '\0';

pub struct Folded {
    units: Vec<char>,
    /// The byte at which each unit begins, followed by the length of the text.
    starts: Vec<u32>,
    spaces: Run,
    digits: Run,
}

/// The run of units that was read last. Scanners begin at many units of a run, and each unit of it is read once for all
/// of them.
#[derive(Clone, Debug, Default)]
pub struct Run(Cell<Option<(usize, usize)>>);

impl Run {
    /// The first unit at or after `start` that is not part of the run. Whether a unit is part of it must not depend on
    /// the start of the run.
    pub fn end(&self, start: usize, belongs: impl Fn(usize) -> bool) -> usize {
        if let Some((first, end)) = self.0.get()
            && (first..=end).contains(&start)
        {
            return end;
        }
        let mut end = start;
        while belongs(end) {
            end += 1;
        }
        self.0.set(Some((start, end)));
        end
    }
}

impl Folded {
    /// Folds a text of at most 4 GB.
    pub fn new(text: &str) -> Self {
        let mut folded = Self {
            units: Vec::with_capacity(text.len()),
            starts: Vec::with_capacity(text.len() + 1),
            spaces: Run::default(),
            digits: Run::default(),
        };
        let mut at = 0;
        while at < text.len() {
            at += folded.take(text, at);
        }
        folded.starts.push(at as u32);
        folded
    }

    pub fn len(&self) -> usize {
        self.units.len()
    }

    pub fn at(&self, unit: usize) -> char {
        look(1);
        self.units.get(unit).copied().unwrap_or(NOTHING)
    }

    pub fn before(&self, unit: usize) -> char {
        self.back(unit, 1)
    }

    /// The unit `steps` before a unit.
    pub fn back(&self, unit: usize, steps: usize) -> char {
        unit.checked_sub(steps)
            .map_or(NOTHING, |unit| self.at(unit))
    }

    pub fn units(&self, range: Range<usize>) -> &[char] {
        look(range.len());
        &self.units[range]
    }

    /// Whether a lower-case word begins at a unit, in upper or lower case.
    pub fn has(&self, unit: usize, word: &str) -> bool {
        let mut at = unit;
        word.chars().all(|letter| {
            at += 1;
            self.at(at - 1).to_ascii_lowercase() == letter
        })
    }

    /// The first unit from `unit` on that is not a space.
    pub fn skip_spaces(&self, unit: usize) -> usize {
        self.spaces.end(unit, |unit| self.at(unit) == ' ')
    }

    /// The first unit from `unit` on that is not a digit.
    pub fn skip_digits(&self, unit: usize) -> usize {
        self.digits.end(unit, |unit| self.at(unit).is_ascii_digit())
    }

    /// The bytes of units in the text. Invisible characters belong to the unit before them.
    pub fn bytes(&self, units: Range<usize>) -> Range<usize> {
        self.starts[units.start] as usize..self.starts[units.end] as usize
    }

    /// The first unit that begins at a byte or after it.
    pub fn unit_at(&self, byte: usize) -> usize {
        let unit = self
            .starts
            .partition_point(|&start| (start as usize) < byte);
        unit.min(self.len())
    }

    fn push(&mut self, unit: char, start: usize) {
        self.units.push(unit);
        self.starts.push(start as u32);
    }

    /// Folds the character at a byte. Returns its length in bytes.
    fn take(&mut self, text: &str, at: usize) -> usize {
        let byte = text.as_bytes()[at];
        match byte {
            b'[' => {
                if let Some(length) = placeholder(&text.as_bytes()[at..]) {
                    self.push(PLACEHOLDER, at);
                    return length;
                }
                self.push('[', at);
            }
            b'\\' => {
                let (unit, length) = escape(&text.as_bytes()[at..]);
                self.push(unit, at);
                return length;
            }
            b'\t' | b'\x0b' | b'\x0c' => self.push(' ', at),
            b'\n' | b'\r' => self.push('\n', at),
            ..b' ' | 0x7f => {}
            ..0x80 => self.push(char::from(byte), at),
            _ => return self.take_beyond_ascii(text, at),
        }
        1
    }

    fn take_beyond_ascii(&mut self, text: &str, at: usize) -> usize {
        let Some(letter) = text[at..].chars().next() else {
            return 1;
        };
        let length = letter.len_utf8();
        match letter {
            '가'..='힣' => self.push(letter, at),
            '\u{1100}'..='\u{11FF}' => self.push_jamo(letter, at),
            _ => match beyond_ascii(letter) {
                Fold::To(unit) => self.push(unit, at),
                Fold::Nothing => {}
                Fold::Apart(digit) => {
                    self.push(' ', at);
                    self.push(digit, at);
                    self.push(' ', at + length);
                }
            },
        }
        length
    }

    /// Composes jamo like NFC. A syllable begins at its first jamo.
    fn push_jamo(&mut self, jamo: char, at: usize) {
        let last = self.units.last().copied().unwrap_or(NOTHING);
        let composed = match (last, jamo) {
            ('\u{1100}'..='\u{1112}', '\u{1161}'..='\u{1175}') => {
                let lead = last as u32 - 0x1100;
                char::from_u32(0xAC00 + (lead * 21 + jamo as u32 - 0x1161) * 28)
            }
            ('가'..='힣', '\u{11A8}'..='\u{11C2}') if (last as u32 - 0xAC00).is_multiple_of(28) => {
                char::from_u32(last as u32 + jamo as u32 - 0x11A7)
            }
            _ => None,
        };
        match (composed, self.units.last_mut()) {
            (Some(syllable), Some(last)) => *last = syllable,
            _ => self.push(if jamo == '\u{119E}' { '·' } else { jamo }, at),
        }
    }
}

/// The length of the placeholder at the start of a text: `[PHONE_12]`, `[RRN]`.
fn placeholder(text: &[u8]) -> Option<usize> {
    let inside = &text[1..];
    let kind = Kind::ALL
        .into_iter()
        .find(|kind| inside.starts_with(kind.label().as_bytes()))?;
    let rest = &inside[kind.label().len()..];
    let digits = match rest {
        [b'_', number @ ..] => {
            1 + number
                .iter()
                .inspect(|_| look(1))
                .take_while(|byte| byte.is_ascii_digit())
                .count()
        }
        _ => 0,
    };
    // Placeholders never have longer numbers, and a longer one could hide a number.
    let length = 1 + kind.label().len() + digits;
    (digits != 1 && digits <= 5 && text.get(length) == Some(&b']')).then_some(length + 1)
}

/// The character and the length of a JSON escape, which may be escaped several times.
fn escape(text: &[u8]) -> (char, usize) {
    let slashes = text
        .iter()
        .take(8)
        .take_while(|&&byte| byte == b'\\')
        .count();
    match text.get(slashes) {
        Some(b'n' | b'r') => ('\n', slashes + 1),
        Some(b't') => (' ', slashes + 1),
        Some(&quote @ (b'"' | b'\'' | b'/')) => (char::from(quote), slashes + 1),
        Some(b'u') => {
            let hex = text.get(slashes + 1..slashes + 5);
            let code = hex
                .filter(|hex| hex.iter().all(u8::is_ascii_hexdigit))
                .and_then(|hex| u32::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
            match code {
                // Half a surrogate pair is part of no number, like an emoji.
                Some(code) => {
                    let letter = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
                    let unit = match letter {
                        '\n' | '\r' => '\n',
                        '\0'..'\u{20}' => ' ',
                        '\u{80}'.. => match beyond_ascii(letter) {
                            Fold::To(unit) | Fold::Apart(unit) => unit,
                            // A unit is needed, since the letters of the escape must belong to one.
                            Fold::Nothing => ' ',
                        },
                        letter => letter,
                    };
                    (unit, slashes + 5)
                }
                None => ('\\', 1),
            }
        }
        _ => ('\\', 1),
    }
}

enum Fold {
    To(char),
    /// A digit that is often a bullet or a footnote. It is not joined with its neighbors.
    Apart(char),
    Nothing,
}

fn beyond_ascii(letter: char) -> Fold {
    let code = letter as u32;
    let digit = |zero: u32| Fold::To(char::from(b'0' + (code - zero) as u8));
    let apart = |one: u32| Fold::Apart(char::from(b'1' + (code - one) as u8));
    match letter {
        '！'..='～' => Fold::To(char::from_u32(code - 0xFEE0).unwrap_or(letter)),
        '\u{A0}' | '\u{1680}' | '\u{2000}'..='\u{200A}' | '\u{202F}' | '\u{205F}' | '\u{3000}'
        | '\u{3164}' | '\u{FFA0}' | '\u{2800}'
        // The frame of a keycap, which separates the digits of keycaps.
        | '\u{20E3}' => Fold::To(' '),
        '\u{85}' | '\u{2028}' | '\u{2029}' => Fold::To('\n'),
        // The last three are used as dashes: the Hangul vowel, the long vowel mark, the box line.
        '\u{2010}'..='\u{2015}' | '\u{2043}' | '\u{2212}' | '\u{FE58}' | '\u{FE63}' | 'ㅡ' | 'ー'
        | '─' | '━' => Fold::To('-'),
        '〜' | '∼' | '˜' => Fold::To('~'),
        '·' | '•' | '‧' | '・' | '･' | 'ㆍ' | '⋅' | '∙' => Fold::To('·'),
        '。' | '｡' | '․' | '﹒' => Fold::To('.'),
        '⁄' | '∕' | '⧸' => Fold::To('/'),
        '、' | '﹐' => Fold::To(','),
        '﹫' => Fold::To('@'),
        '﹕' | '꞉' | '∶' | 'ː' => Fold::To(':'),
        '“' | '”' | '„' | '‟' => Fold::To('"'),
        '‘' | '’' | '‚' | '‛' => Fold::To('\''),
        '𝟎'..='𝟿' => Fold::To(char::from(b'0' + ((code - 0x1D7CE) % 10) as u8)),
        '𝐀'..='𝚣' => match ((code - 0x1D400) % 52) as u8 {
            upper @ ..26 => Fold::To(char::from(b'A' + upper)),
            lower => Fold::To(char::from(b'a' + lower - 26)),
        },
        '٠'..='٩' => digit('٠' as u32),
        '۰'..='۹' => digit('۰' as u32),
        '०'..='९' => digit('०' as u32),
        '০'..='৯' => digit('০' as u32),
        '๐'..='๙' => digit('๐' as u32),
        '០'..='៩' => digit('០' as u32),
        '⁰' | '₀' | '⓪' => Fold::Apart('0'),
        '¹' => Fold::Apart('1'),
        '²' => Fold::Apart('2'),
        '³' => Fold::Apart('3'),
        '⁴'..='⁹' => apart('⁴' as u32 - 3),
        '₁'..='₉' => apart('₁' as u32),
        '①'..='⑨' => apart('①' as u32),
        '⑴'..='⑼' => apart('⑴' as u32),
        '❶'..='❾' => apart('❶' as u32),
        '➀'..='➈' => apart('➀' as u32),
        '➊'..='➒' => apart('➊' as u32),
        // Invisible: soft hyphen, joiners, marks of direction, selectors of variants, accents.
        '\u{80}'..='\u{9F}'
        | '\u{AD}'
        | '\u{300}'..='\u{36F}'
        | '\u{180B}'..='\u{180E}'
        | '\u{200B}'..='\u{200F}'
        | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}'
        | '\u{FE00}'..='\u{FE0F}'
        | '\u{FEFF}'
        | '\u{E0000}'..='\u{E01EF}' => Fold::Nothing,
        _ => Fold::To(letter),
    }
}
