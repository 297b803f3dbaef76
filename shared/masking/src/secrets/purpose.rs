//! What a secret is for, between its name and its value: "Password for staging: value", "password (temporary): value",
//! "mật khẩu wifi: value".

use super::link::{is_value_next, sign_after};
use super::suffix::is_use;
use crate::labels::Label;
use crate::text::Text;

/// The most units of a note in brackets.
const NOTE: usize = 40;

/// The most units and words of a phrase.
const PHRASE: usize = 56;
const WORDS: usize = 7;

/// The words with which a phrase begins, in the languages of the names.
const PREPOSITIONS: &str = "for to of on at in from into für zu zum zur von vom im am auf bei pour de du des sur à au \
    aux para del por do da no na en per di della al alla voor van naar op för till på til hos dla od z k ke pro для от \
    к на в из για του της στο pentru untuk của cho için";

/// What a secret opens, how it is, or "is" before a sign, without a preposition: "password wifi: value", "senha nova:
/// value", "Passwort lautet: value".
const PLACES: &str = "wifi wi-fi wlan vpn email gmail router laptop server netflix instagram facebook nueva nuevo nova \
    novo nuova nuovo neu mới baru temporal temporaire provisoire provvisoria lautet ist est es é è er är";

/// The unit after a note in brackets, if a sign, a particle or "is" follows it.
pub fn after_note(text: &Text, label: &Label, at: usize) -> Option<usize> {
    let open = text.folded.skip_spaces(at);
    let close = match text.at(open) {
        '(' => ')',
        // "password[0]" is a part of the variable.
        '[' if open > at => ']',
        _ => return None,
    };
    let mut inside =
        (open + 1..open + NOTE).take_while(|&unit| !matches!(text.at(unit), '\n' | '\0'));
    let end = inside.find(|&unit| text.at(unit) == close)? + 1;
    let next = text.folded.skip_spaces(end);
    let particle = matches!(text.at(end), '는' | '은' | '가' | '이' | 'は');
    let follows =
        matches!(text.at(next), ':' | '=') || particle || is_value_next(text, label, next);
    // The body of a function follows on the next line: "def check(password):".
    let body = text.at(next) == ':' && text.at(text.folded.skip_spaces(next + 1)) == '\n';
    let named = text
        .folded
        .units(open + 1..end - 1)
        .iter()
        .any(|unit| unit.is_alphanumeric());
    (follows && named && !body).then_some(end)
}

/// The start of the word "is", or the sign, after a phrase that begins here.
pub fn after_phrase(text: &Text, label: &Label, start: usize) -> Option<usize> {
    let mut at = start;
    let limit = start + PHRASE;
    for place in 0..WORDS {
        let end = word_end(text, at);
        if end == at || end > limit {
            return None;
        }
        if place == 0 && !introduces(text, at, end) {
            return None;
        }
        let sign = text.folded.skip_spaces(end);
        if sign_after(text, sign) {
            return Some(sign);
        }
        if sign == end {
            return None;
        }
        if place > 0 && is_value_next(text, label, sign) {
            return Some(sign);
        }
        at = sign;
    }
    None
}

fn introduces(text: &Text, start: usize, end: usize) -> bool {
    let word = text.folded.units(start..end).iter();
    let word: String = word.flat_map(|unit| unit.to_lowercase()).collect();
    let known = |words: &str| words.split_ascii_whitespace().any(|known| known == word);
    known(PREPOSITIONS) || known(PLACES) || is_use(&word)
}

/// The end of a word, an address or a name. A full stop belongs to it if a letter follows.
fn word_end(text: &Text, start: usize) -> usize {
    let length = (start..start + PHRASE)
        .take_while(|&unit| {
            let letter = text.at(unit);
            let next = text.at(unit + 1);
            letter.is_alphanumeric()
                || matches!(letter, '-' | '_' | '@' | '#')
                || matches!(letter, '.' | '/' | '\'') && (next.is_alphanumeric() || next == '/')
                || letter == ':' && next == '/'
        })
        .count();
    start + length
}
