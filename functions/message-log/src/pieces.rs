//! What a text is found by: runs of letters, cut into pieces of two (of three in Latin letters and
//! digits).
//!
//! Korean is written without spaces between a word and its particles, so that a word of two syllables
//! is found only by its letters. A piece says where to look; whether the words are there is checked on
//! the text.

use unicode_normalization::UnicodeNormalization as _;

/// What comes later in a message, in letters, is not searched.
pub const LONGEST: usize = 4_000;

/// As much of a text as is searched.
pub fn start(text: &str) -> &str {
    let end = text.char_indices().nth(LONGEST);
    end.map_or(text, |(at, _)| &text[..at])
}

/// One spelling for all: full-width, decomposed and capital letters too.
pub fn fold(text: &str) -> String {
    // Most texts are nothing else, and NFKC takes long to find that out.
    let is_plain = |letter: char| letter.is_ascii() || matches!(letter, '가'..='힣');
    if text.chars().all(is_plain) {
        return text.to_ascii_lowercase();
    }
    text.nfkc().flat_map(char::to_lowercase).collect()
}

/// As `char::is_alphanumeric`, which looks for Hangul a hundred times as long.
pub fn is_letter(letter: char) -> bool {
    matches!(letter, '가'..='힣') || letter.is_alphanumeric()
}

/// The hashes of the pieces of a folded text, other ones for each robeing: what is stored holds no text.
pub fn hashes(robeing_id: &str, folded: &str) -> Vec<i32> {
    // FNV-1a: what is stored must not depend on a library's version.
    let of_robeing = robeing_id
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
    let hash = |piece: &[char; 3]| {
        let letters = piece
            .iter()
            .fold(0, |all, &letter| (all << 21) | u64::from(u32::from(letter)));
        mixed(of_robeing ^ letters) as i32
    };
    let mut hashes: Vec<i32> = pieces(folded).iter().map(hash).collect();
    hashes.sort_unstable();
    hashes.dedup();
    hashes
}

fn pieces(folded: &str) -> Vec<[char; 3]> {
    let mut pieces = Vec::new();
    let mut run: Vec<char> = Vec::new();
    let mut latin = false;
    for letter in folded.chars().take(LONGEST).chain([' ']) {
        let is_latin = letter.is_ascii_alphanumeric();
        let is_letter = is_letter(letter);
        if !is_letter || is_latin != latin {
            cut(&run, latin, &mut pieces);
            run.clear();
            latin = is_latin;
        }
        if is_letter {
            run.push(letter);
        }
    }
    pieces
}

fn cut(run: &[char], latin: bool, pieces: &mut Vec<[char; 3]>) {
    let size = if latin { 3 } else { 2 };
    let piece = |letters: &[char]| {
        let mut piece = ['\0'; 3];
        piece[..letters.len()].copy_from_slice(letters);
        piece
    };
    match run.len() {
        0 => {}
        length if length < size => pieces.push(piece(run)),
        _ => pieces.extend(run.windows(size).map(piece)),
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

    fn said(text: &str) -> Vec<String> {
        let mut pieces = pieces(&fold(text));
        pieces.sort_unstable();
        let letters = |piece: [char; 3]| piece.into_iter().filter(|it| *it != '\0').collect();
        pieces.into_iter().map(letters).collect()
    }

    #[test]
    fn a_korean_word_is_found_whatever_particle_comes_behind_it() {
        assert_eq!(said("환불은"), ["불은", "환불"]);
        assert_eq!(said("API가 안돼"), ["api", "가", "안돼"]);
        assert_eq!(said("Refund!"), ["efu", "fun", "ref", "und"]);
        assert_eq!(said("ＡＢＣ"), ["abc"]);
        assert_eq!(said("환불"), ["환불"]);
        assert!(said(" .,! ").is_empty());
    }

    #[test]
    fn a_piece_has_another_hash_for_another_robeing() {
        assert_eq!(hashes("r1", "환불환불"), hashes("r1", "환불환불"));
        assert_ne!(hashes("r1", "환불"), hashes("r2", "환불"));
        assert_eq!(hashes("r1", "환불 환불").len(), 1);
    }
}
