//! The singular of a word.

use std::borrow::Cow;

/// The singular, as far as English spelling rules tell it.
pub fn stem(word: &str) -> Cow<'_, str> {
    let length = word.len();
    let ends = |ends: &[&str]| ends.iter().any(|end| word.ends_with(end));
    if length < 4 || !word.is_ascii() || !word.ends_with('s') {
        Cow::Borrowed(word)
    } else if word.ends_with("ies") && length > 4 {
        Cow::Owned(format!("{}y", &word[..length - 3]))
    } else if ends(&["sses", "ches", "shes", "xes", "zes"]) {
        Cow::Borrowed(&word[..length - 2])
    } else if ends(&["ss", "us", "is"]) {
        Cow::Borrowed(word)
    } else {
        Cow::Borrowed(&word[..length - 1])
    }
}
