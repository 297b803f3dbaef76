//! How texts and queries are compared: without case, accents, vowel marks, and characters that nobody sees.
//!
//! [`fold`] decides which n-grams the index has, so a change of it needs a migration that puts the days of the log into
//! `conversation.outdated_day`. Until a roll-up has indexed a message again, search may miss it.
//!
//! | text | folds to | as |
//! | --- | --- | --- |
//! | full-width, decomposed, ligatures | the usual letter | Unicode NFKC |
//! | zero-width and bidirectional characters, soft hyphens | nothing | Unicode `Default_Ignorable_Code_Point` |
//! | Latin and Greek letters with accents | the letter without | Elasticsearch `asciifolding` |
//! | Arabic vowel marks, tatweel, forms of alef, yeh, kaf and heh | nothing; one form | Elasticsearch `arabic_normalization`, `persian_normalization` |
//! | Hebrew points | nothing | ICU |
//!
//! Marks that make another letter stay: the dakuten of が, the breve of й, the vowels of Hangul, Devanagari and Thai.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::decompose_canonical;

/// Characters that every release folds alike, also next to each other, as ranges. A text of others may have different
/// n-grams in the index.
const SAME_IN_EVERY_RELEASE: [(char, char); 12] = [
    ('\u{1}', '\u{7f}'),
    ('\u{2010}', '\u{2016}'),
    ('\u{2018}', '\u{2027}'),
    ('\u{2030}', '\u{203d}'),
    ('\u{2190}', '\u{27bf}'),
    ('\u{3001}', '\u{3029}'),
    ('ぁ', 'ゖ'),
    ('ァ', 'ヿ'),
    ('一', '\u{9fff}'),
    ('가', '힣'),
    ('！', '～'),
    ('\u{1f000}', '\u{1faff}'),
];

/// Unifies spellings of the same text: full-width, decomposed, capital and invisible letters.
pub fn normalize(text: &str) -> String {
    // A fast path for most texts: NFKC is slow even if there is nothing to normalize.
    if text.chars().all(is_plain) {
        return text.to_ascii_lowercase();
    }
    let visible = text.chars().filter(|it| !is_invisible(*it));
    visible.nfkc().flat_map(char::to_lowercase).collect()
}

/// Removes in addition what people leave out when they type: accents and vowel marks.
pub fn fold(text: &str) -> String {
    let normal = normalize(text);
    if normal.chars().all(is_plain) {
        return normal;
    }
    let mut folded = String::with_capacity(normal.len());
    for letter in normal.chars() {
        fold_letter(letter, &mut folded);
    }
    folded
}

/// A regular expression of Postgres for texts that an earlier release may have folded in another way.
pub fn may_differ_from_earlier_releases() -> String {
    let ranges = SAME_IN_EVERY_RELEASE
        .map(|(first, last)| format!("\\U{:08x}-\\U{:08x}", u32::from(first), u32::from(last)));
    format!("[^{}]", ranges.concat())
}

fn is_plain(letter: char) -> bool {
    letter.is_ascii() || matches!(letter, '가'..='힣')
}

/// `Default_Ignorable_Code_Point` of Unicode, which never gets new assigned characters outside of these ranges.
pub fn is_invisible(letter: char) -> bool {
    matches!(letter,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// A mark that is written over or under a letter and may be left out. Those that make another Cyrillic or Japanese
/// letter were composed with it before.
fn is_optional_mark(letter: char) -> bool {
    let is_accent = matches!(letter,
        '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}'
        | '\u{fe20}'..='\u{fe2f}');
    let is_hebrew_point = matches!(letter,
        '\u{591}'..='\u{5bd}' | '\u{5bf}' | '\u{5c1}'..='\u{5c2}' | '\u{5c4}'..='\u{5c5}' | '\u{5c7}');
    let is_arabic_mark = matches!(letter,
        '\u{610}'..='\u{61a}' | '\u{640}' | '\u{64b}'..='\u{65f}' | '\u{670}' | '\u{6d6}'..='\u{6dc}'
        | '\u{6df}'..='\u{6e4}' | '\u{6e7}'..='\u{6e8}' | '\u{6ea}'..='\u{6ed}' | '\u{8ca}'..='\u{8e1}'
        | '\u{8e3}'..='\u{8ff}');
    is_accent || is_hebrew_point || is_arabic_mark
}

fn fold_letter(letter: char, folded: &mut String) {
    let text = match letter {
        letter if is_plain(letter) => return folded.push(letter),
        letter if is_optional_mark(letter) => return,
        // Latin letters that Unicode doesn't decompose.
        'æ' => "ae",
        'œ' => "oe",
        'ß' => "ss",
        'þ' => "th",
        'ø' => "o",
        'đ' | 'ð' | 'ɗ' => "d",
        'ħ' => "h",
        'ı' => "i",
        'ȷ' => "j",
        'ĸ' | 'ƙ' => "k",
        'ł' => "l",
        'ŋ' => "n",
        'ŧ' => "t",
        'ƀ' | 'ɓ' => "b",
        'ƴ' => "y",
        'ɔ' => "o",
        'ɛ' => "e",
        'ς' => "σ",
        // Cyrillic letters whose marks are optional.
        'ё' | 'ѐ' => "е",
        'ѝ' => "и",
        'آ' | 'أ' | 'إ' | 'ٱ' => "ا",
        'ى' | 'ی' | 'ے' => "ي",
        'ک' => "ك",
        'ة' | 'ۀ' | 'ہ' => "ه",
        // Arabic and Persian digits.
        '٠'..='٩' => return push_digit(letter, '٠', folded),
        '۰'..='۹' => return push_digit(letter, '۰', folded),
        // Latin and Greek letters with accents.
        '\u{c0}'..='\u{24f}'
        | '\u{1e00}'..='\u{1eff}'
        | '\u{370}'..='\u{3ff}'
        | '\u{1f00}'..='\u{1fff}' => {
            let mut base = None;
            decompose_canonical(letter, |part| base = base.or(Some(part)));
            match base {
                Some(base) if base != letter => return fold_letter(base, folded),
                _ => return folded.push(letter),
            }
        }
        letter => return folded.push(letter),
    };
    folded.push_str(text);
}

fn push_digit(digit: char, zero: char, folded: &mut String) {
    let value = u32::from(digit) - u32::from(zero);
    folded.extend(char::from_digit(value, 10));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_see_as_the_same_word_folds_to_the_same_text() {
        for (texts, folded) in [
            // Composed, decomposed, full-width, capital.
            (
                &["café", "cafe\u{301}", "CAFÉ", "ｃａｆé", "cafe"][..],
                "cafe",
            ),
            (
                &["Việt Nam", "Vie\u{323}\u{302}t Nam", "viet nam"],
                "viet nam",
            ),
            (&["Đà Nẵng", "da nang"], "da nang"),
            (&["Straße", "STRASSE", "STRAẞE"], "strasse"),
            (&["Ærø", "aero"], "aero"),
            (&["Łódź", "lodz"], "lodz"),
            (&["IĞDIR", "ığdır", "İGDİR", "igdir"], "igdir"),
            (&["ﬁnance", "finance"], "finance"),
            (&["ΑΘΉΝΑΣ", "Αθήνας", "αθηνας"], "αθηνασ"),
            (&["ещё", "еще"], "еще"),
            (&["за\u{301}мок", "замок"], "замок"),
            // Invisible characters.
            (
                &[
                    "re\u{200b}fund",
                    "re\u{ad}fund",
                    "re\u{200d}fund",
                    "re\u{200c}fund",
                    "re\u{2060}fund",
                    "\u{feff}refund",
                    "\u{200e}refund\u{200f}",
                    "\u{202e}refund\u{202c}",
                    "\u{2066}refund\u{2069}",
                    "refund\u{fe0f}",
                ],
                "refund",
            ),
            (
                &[
                    "환\u{200b}불",
                    "환불",
                    "\u{1112}\u{116a}\u{11ab}\u{1107}\u{116e}\u{11af}",
                ],
                "환불",
            ),
            // Arabic with and without vowel marks and tatweel; forms of alef, yeh and heh; presentation forms.
            (&["مُحَمَّد", "محمد", "محـــمد"], "محمد"),
            (&["أحمد", "إحمد", "آحمد", "احمد"], "احمد"),
            (&["مدرسة", "مدرسه"], "مدرسه"),
            (&["على", "علي", "علی"], "علي"),
            (&["ﻻ", "لا", "لأ"], "لا"),
            (&["۱۲۳", "١٢٣", "１２３"], "123"),
            (&["שָׁלוֹם", "שלום"], "שלום"),
            (&["ガ", "ｶﾞ", "カ\u{3099}"], "ガ"),
        ] {
            for text in texts {
                assert_eq!(fold(text), folded, "{text:?}");
            }
        }
    }

    #[test]
    fn letters_that_differ_by_a_mark_stay_different() {
        for (one, other) in [
            ("が", "か"),
            ("パ", "ハ"),
            ("й", "и"),
            ("ї", "і"),
            ("값", "갑"),
            ("हिन्दी", "हनद"),
            ("ไม่", "ไม"),
            ("ש", "ס"),
            ("ب", "ت"),
        ] {
            assert_ne!(fold(one), fold(other), "{one} {other}");
        }
    }

    #[test]
    fn folding_twice_changes_nothing() {
        for letter in '\0'..=char::MAX {
            let once = fold(&letter.to_string());
            assert_eq!(fold(&once), once, "{letter:?}");
        }
    }

    #[test]
    fn texts_that_are_not_indexed_again_have_always_been_folded_alike() {
        let earlier = |text: &str| text.nfkc().flat_map(char::to_lowercase).collect::<String>();
        let mut all = String::new();
        for (first, last) in SAME_IN_EVERY_RELEASE {
            for letter in first..=last {
                let text = letter.to_string();
                assert_eq!(fold(&text), earlier(&text), "{letter:?}");
                all.push(letter);
            }
        }
        assert_eq!(fold(&all), earlier(&all));
        assert!(may_differ_from_earlier_releases().starts_with("[^\\U00000001-\\U0000007f"));
    }
}
