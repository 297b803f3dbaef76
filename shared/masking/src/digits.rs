//! Numbers, in any grouping and spelling.

use std::ops::Range;

use super::text::Text;

/// The most digits of a number. The longest numbers that scanners need are card numbers of 19 digits with a month and
/// a year.
const MAX_DIGITS: usize = 23;
/// The most units between two groups of a number: " - (".
const MAX_GAP: usize = 4;

/// The separators between two groups of digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gap(u16);

impl Gap {
    pub const DASH: Self = Self(1);
    pub const SPACE: Self = Self(1 << 1);
    pub const LINE: Self = Self(1 << 2);
    pub const DOT: Self = Self(1 << 3);
    pub const MIDDLE: Self = Self(1 << 4);
    pub const SLASH: Self = Self(1 << 5);
    pub const UNDERSCORE: Self = Self(1 << 6);
    pub const TILDE: Self = Self(1 << 7);
    pub const BRACKET: Self = Self(1 << 8);
    pub const COMMA: Self = Self(1 << 9);
    pub const OTHER: Self = Self(1 << 10);

    /// The separators within one number.
    pub const PLAIN: Self = Self(0xFF);

    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub fn within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    pub fn is(self, other: Self) -> bool {
        self == other
    }

    pub fn meets_both(self, one: Self, other: Self) -> bool {
        self.meets(one) && self.meets(other)
    }

    fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The separator of one unit; none if it can't be part of a number.
    fn of(unit: char) -> Option<Self> {
        Some(match unit {
            '-' => Self::DASH,
            ' ' => Self::SPACE,
            '\n' => Self::LINE,
            '.' => Self::DOT,
            '·' => Self::MIDDLE,
            '/' => Self::SLASH,
            '_' => Self::UNDERSCORE,
            '~' => Self::TILDE,
            '(' | ')' => Self::BRACKET,
            ',' => Self::COMMA,
            ':' | '=' | '*' | '|' | '+' => Self::OTHER,
            _ => return None,
        })
    }
}

/// Groups of digits that may be one number, since little is between them.
pub fn groups(text: &Text, start: usize, groups: &mut Vec<Range<usize>>) {
    groups.clear();
    let mut at = start;
    loop {
        let mut end = at;
        while text.at(end).is_ascii_digit() {
            end += 1;
        }
        groups.push(at..end);
        at = end;
        while at < end + MAX_GAP && Gap::of(text.at(at)).is_some() {
            at += 1;
        }
        if at == end || !text.at(at).is_ascii_digit() {
            return;
        }
    }
}

/// The digits from the start of a group, across the groups after it.
#[derive(Debug)]
pub struct Number {
    pub digits: [u8; MAX_DIGITS],
    pub length: usize,
    /// Bit n: a group ends after n digits.
    ends: u32,
    /// The separator after n digits, if a group ends there and another follows.
    gaps: [Gap; MAX_DIGITS + 1],
    /// The unit after n digits.
    units: [usize; MAX_DIGITS + 1],
    /// The separator before the first group.
    gap_before: Gap,
    pub spelled: bool,
}

impl Number {
    fn empty(start: usize, spelled: bool) -> Self {
        let mut units = [0; MAX_DIGITS + 1];
        units[0] = start;
        Self {
            digits: [0; MAX_DIGITS],
            length: 0,
            ends: 0,
            gaps: [Gap::default(); MAX_DIGITS + 1],
            units,
            gap_before: Gap::default(),
            spelled,
        }
    }

    /// The number that begins with a group.
    pub fn new(text: &Text, groups: &[Range<usize>], first: usize) -> Self {
        let mut number = Self::empty(groups[first].start, false);
        if first > 0 {
            number.gap_before = gap(text, groups[first - 1].end..groups[first].start);
        }
        for (place, group) in groups.iter().enumerate().skip(first) {
            if number.length > 0 {
                number.gaps[number.length] = gap(text, groups[place - 1].end..group.start);
            }
            for unit in group.clone() {
                if number.length == MAX_DIGITS {
                    return number;
                }
                number.push(text.at(unit) as u8 - b'0', unit + 1);
            }
            number.ends |= 1 << number.length;
        }
        number
    }

    fn push(&mut self, digit: u8, end: usize) {
        self.digits[self.length] = digit;
        self.length += 1;
        self.units[self.length] = end;
    }

    pub fn start(&self) -> usize {
        self.units[0]
    }

    pub fn units(&self, length: usize) -> Range<usize> {
        self.units[0]..self.units[length]
    }

    pub fn ends_at(&self, length: usize) -> bool {
        self.ends >> length & 1 == 1
    }

    /// Whether the groups of the first `length` digits end exactly after these many digits.
    pub fn cut(&self, length: usize, at: &[usize]) -> bool {
        self.inner(length) == at.iter().fold(0, |bits, &at| bits | 1 << at)
    }

    pub fn whole(&self, length: usize) -> bool {
        self.inner(length) == 0
    }

    /// Whether each digit is a group.
    pub fn single(&self, length: usize) -> bool {
        self.inner(length) == (1 << length) - 2
    }

    /// The ends of groups within the first `length` digits, as bits.
    pub fn inner(&self, length: usize) -> u32 {
        self.ends & ((1 << length) - 2)
    }

    pub fn gap(&self, after: usize) -> Gap {
        self.gaps[after]
    }

    /// All separators between the first `length` digits.
    pub fn gaps(&self, length: usize) -> Gap {
        let gaps = self.gaps[1..length].iter();
        gaps.fold(Gap::default(), |all, &gap| all.or(gap))
    }

    /// Whether the separators between the first `length` digits are the same.
    pub fn even(&self, length: usize) -> bool {
        let mut gaps = self.gaps[1..length]
            .iter()
            .filter(|gap| **gap != Gap::default());
        let Some(first) = gaps.next() else {
            return true;
        };
        gaps.all(|gap| gap == first)
    }

    /// Whether another group follows without a space. The number is then part of a longer code.
    pub fn joined(&self, length: usize) -> bool {
        let tight = |gap: Gap| {
            gap.meets(Gap::DASH.or(Gap::DOT).or(Gap::SLASH).or(Gap::UNDERSCORE))
                && !gap.meets(Gap::SPACE.or(Gap::LINE).or(Gap::COMMA))
        };
        tight(self.gap_before) || tight(self.gaps[length])
    }

    /// Whether a single digit is before the number, or after `length` digits.
    pub fn among_singles(&self, text: &Text, length: usize) -> bool {
        let start = self.start();
        let before = self.gap_before != Gap::default()
            && text.folded.back(start, 2).is_ascii_digit()
            && !text.folded.back(start, 3).is_ascii_digit();
        before || self.length > length && self.ends_at(length + 1)
    }
}

fn gap(text: &Text, units: Range<usize>) -> Gap {
    let units = text.folded.units(units).iter();
    units.fold(Gap::default(), |all, &unit| {
        all.or(Gap::of(unit).unwrap_or(Gap::OTHER))
    })
}

/// The value of a digit, written as a digit or spelled in Korean.
pub fn value(unit: char) -> Option<u8> {
    if unit.is_ascii_digit() {
        return Some(unit as u8 - b'0');
    }
    Some(match unit {
        '공' | '영' | '령' | '빵' | '零' | '〇' => 0,
        '일' | '一' => 1,
        '이' | '二' => 2,
        '삼' | '三' => 3,
        '사' | '四' => 4,
        '오' | '五' => 5,
        '육' | '륙' | '六' => 6,
        '칠' | '七' => 7,
        '팔' | '八' => 8,
        '구' | '九' => 9,
        _ => return None,
    })
}

/// Spellings of the dash in a number that is spelled out.
const SPOKEN_DASH: [&str; 5] = ["하이픈", "다시", "대시", "에", "의"];

/// Consecutive digits of which some are spelled out.
#[derive(Debug)]
pub struct Spelled {
    /// The value of each digit, its unit, and whether it begins a group.
    digits: Vec<(u8, usize, bool)>,
    pub end: usize,
}

/// The number around a spelled digit, if it has eight or more digits.
pub fn spelled(text: &Text, start: usize) -> Option<Spelled> {
    // A fast path: "이" and "일" are in every sentence.
    value(text.at(after_gap(text, start + 1)))?;
    let mut at = before_spelled(text, start);
    let mut digits = Vec::new();
    let mut letters = 0;
    let mut begins = true;
    while digits.len() < 2 * MAX_DIGITS {
        if let Some(digit) = value(text.at(at)) {
            digits.push((digit, at, begins));
            letters += usize::from(!text.at(at).is_ascii_digit());
            begins = false;
            at += 1;
            continue;
        }
        let next = after_gap(text, at);
        if next == at || value(text.at(next)).is_none() {
            break;
        }
        at = next;
        begins = true;
    }
    (digits.len() >= 8 && letters >= 2).then_some(Spelled { digits, end: at })
}

/// The start of the groups of digits before a spelled digit: 010 일이삼사.
fn before_spelled(text: &Text, start: usize) -> usize {
    let mut begin = start;
    for _ in 0..2 {
        let mut at = begin;
        while at > 0 && begin - at < 3 && spoken_gap(text.before(at)) {
            at -= 1;
        }
        let end = at;
        while at > 0 && end - at < 5 && text.before(at).is_ascii_digit() {
            at -= 1;
        }
        if at == end || end - at == 5 {
            break;
        }
        begin = at;
    }
    begin
}

/// A comma separates one number from the next.
fn spoken_gap(unit: char) -> bool {
    Gap::of(unit).is_some_and(|gap| gap != Gap::COMMA)
}

fn after_gap(text: &Text, start: usize) -> usize {
    let mut at = start;
    if value(text.at(start)).is_some() {
        return start;
    }
    let skip = |mut at: usize| {
        let limit = at + 3;
        while at < limit && spoken_gap(text.at(at)) {
            at += 1;
        }
        at
    };
    at = skip(at);
    if let Some(word) = SPOKEN_DASH.iter().find(|word| text.folded.has(at, word)) {
        at = skip(at + word.chars().count());
    }
    at
}

impl Spelled {
    /// The possible numbers. A number may begin after the first digit and end before the last one, since words such as
    /// "번호이", "이요" and "오늘" contain the same letters.
    pub fn numbers(&self) -> impl Iterator<Item = Number> {
        let mut into_group = 0;
        (0..self.digits.len()).filter_map(move |first| {
            into_group = if self.digits[first].2 {
                0
            } else {
                into_group + 1
            };
            (into_group < 3 && self.digits.len() - first >= 8).then(|| self.number(first))
        })
    }

    fn number(&self, first: usize) -> Number {
        let digits = &self.digits[first..];
        let mut number = Number::empty(digits[0].1, true);
        for (place, &(digit, unit, _)) in digits.iter().take(MAX_DIGITS).enumerate() {
            number.push(digit, unit + 1);
            let next = digits.get(place + 1);
            let group_ends = next.is_none_or(|next| next.2);
            let particle = next.is_some() && digits.get(place + 2).is_none_or(|after| after.2);
            if group_ends || particle {
                number.ends |= 1 << number.length;
            }
        }
        number
    }
}
