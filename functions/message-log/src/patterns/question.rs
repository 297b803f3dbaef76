//! Recognizes questions.

use crate::search::folding::normalize;
use crate::search::ngrams::is_letter;

/// In bytes. A longer message is no question that others ask in the same words.
pub(crate) const MAX_MESSAGE: usize = 1_000;

/// The question of a short message, in a form that doesn't depend on how it is typed. None if it asks nothing.
pub(crate) fn question(message: &str) -> Option<String> {
    const ENDINGS: [&str; 12] = [
        "까",
        "나요",
        "가요",
        "까요",
        "은요",
        "는요",
        "죠",
        "냐",
        "뭐야",
        "알려줘",
        "알려주세요",
        "해줘",
    ];
    if message.len() > MAX_MESSAGE {
        return None;
    }
    let normal = normalize(message);
    let asks = normal.trim_end().ends_with('?');
    let text = normal.trim().trim_end_matches(|letter| !is_letter(letter));
    let asks = asks || ENDINGS.iter().any(|ending| text.ends_with(ending));
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let length = text.chars().count();
    (asks && (2..=200).contains(&length)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::question;

    #[test]
    fn a_question_is_the_same_however_it_is_typed() {
        for text in [
            "환불은  언제 되나요?",
            " 환불은 언제 되나요??",
            "환불은 언제 되\u{200b}나요?",
            "환불은 언제 되나요",
        ] {
            assert_eq!(question(text).as_deref(), Some("환불은 언제 되나요"));
        }
        assert_eq!(question("Where is it？").as_deref(), Some("where is it"));
        assert_eq!(question("Où est-il ?").as_deref(), Some("où est-il"));
        assert_eq!(question("감사합니다"), None);
        assert_eq!(question("?"), None);
    }
}
