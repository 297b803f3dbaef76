//! N-grams of texts: two letters each, three for Latin letters and digits.
//!
//! Korean has no spaces between a word and its particles, so an index of words would not find words. The n-grams
//! of a term lead to the messages that may contain it. Search then checks the text of each.

/// In characters. Text after this is not searched.
pub const MAX_LENGTH: usize = 4_000;

/// The part of a text that is searched.
pub fn start(text: &str) -> &str {
    let end = text.char_indices().nth(MAX_LENGTH);
    end.map_or(text, |(at, _)| &text[..at])
}

/// Like `char::is_alphanumeric`, but a hundred times faster for Hangul.
pub fn is_letter(letter: char) -> bool {
    matches!(letter, '가'..='힣') || letter.is_alphanumeric()
}

/// The hashes of the n-grams of a folded text. They differ per robeing, so that the index stores no text.
pub fn hashes(robeing_id: &str, folded: &str) -> Vec<i32> {
    // FNV-1a, since stored hashes must not depend on the version of a library.
    let of_robeing = robeing_id
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
    let hash = |ngram: &[char; 3]| {
        let letters = ngram
            .iter()
            .fold(0, |all, &letter| (all << 21) | u64::from(u32::from(letter)));
        mixed(of_robeing ^ letters) as i32
    };
    let mut hashes: Vec<i32> = ngrams(folded).iter().map(hash).collect();
    hashes.sort_unstable();
    hashes.dedup();
    hashes
}

fn ngrams(folded: &str) -> Vec<[char; 3]> {
    let mut ngrams = Vec::new();
    let mut run: Vec<char> = Vec::new();
    let mut latin = false;
    for letter in folded.chars().take(MAX_LENGTH).chain([' ']) {
        let is_latin = letter.is_ascii_alphanumeric();
        let is_letter = is_letter(letter);
        if !is_letter || is_latin != latin {
            cut(&run, latin, &mut ngrams);
            run.clear();
            latin = is_latin;
        }
        if is_letter {
            run.push(letter);
        }
    }
    ngrams
}

fn cut(run: &[char], latin: bool, ngrams: &mut Vec<[char; 3]>) {
    let size = if latin { 3 } else { 2 };
    let ngram = |letters: &[char]| {
        let mut ngram = ['\0'; 3];
        ngram[..letters.len()].copy_from_slice(letters);
        ngram
    };
    match run.len() {
        0 => {}
        length if length < size => ngrams.push(ngram(run)),
        _ => ngrams.extend(run.windows(size).map(ngram)),
    }
}

/// The finalizer of splitmix64.
fn mixed(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::folding::fold;

    fn ngrams_of(text: &str) -> Vec<String> {
        let mut ngrams = ngrams(&fold(text));
        ngrams.sort_unstable();
        let letters = |ngram: [char; 3]| ngram.into_iter().filter(|it| *it != '\0').collect();
        ngrams.into_iter().map(letters).collect()
    }

    #[test]
    fn korean_text_has_ngrams_of_two_letters_and_latin_text_of_three() {
        assert_eq!(ngrams_of("환불은"), ["불은", "환불"]);
        assert_eq!(ngrams_of("API가 안돼"), ["api", "가", "안돼"]);
        assert_eq!(ngrams_of("Refund!"), ["efu", "fun", "ref", "und"]);
        assert_eq!(ngrams_of("ＡＢＣ"), ["abc"]);
        assert_eq!(ngrams_of("환불"), ["환불"]);
        assert!(ngrams_of(" .,! ").is_empty());
    }

    #[test]
    fn the_hash_of_an_ngram_differs_per_robeing() {
        assert_eq!(hashes("r1", "환불환불"), hashes("r1", "환불환불"));
        assert_ne!(hashes("r1", "환불"), hashes("r2", "환불"));
        assert_eq!(hashes("r1", "환불 환불").len(), 1);
    }
}
