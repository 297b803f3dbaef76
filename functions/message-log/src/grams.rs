//! What a text is found by: runs of letters, cut into pieces of two (of three in Latin letters and
//! digits), each a hash of the robeing, the block of messages and the piece.
//!
//! Korean is written without spaces between a word and its particles, so that a word of two syllables
//! is found only by its letters. A gram says where to look; whether the words are there is checked on
//! the text.

use unicode_normalization::UnicodeNormalization as _;

/// The grams of one robeing and block come to no more than this many messages a gram.
pub const BLOCK: i32 = 1 << 14;
/// What comes later in a message, in letters, is not searched.
const LONGEST: usize = 4_000;

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

/// The pieces of a folded text, each once.
pub fn pieces(folded: &str) -> Vec<[char; 3]> {
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
    pieces.sort_unstable();
    pieces.dedup();
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

/// Hashes of one robeing.
#[derive(Clone, Copy, Debug)]
pub struct Grams(u64);

impl Grams {
    pub fn of(robeing_id: &str) -> Self {
        // FNV-1a: what is stored must not depend on a library's version.
        let seed = robeing_id
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
            });
        Self(seed)
    }

    /// What block it is comes first, so that the grams of one are side by side in the index: a roll-up
    /// changes few of its pages. Where two blocks share it, each has to look into the other's messages.
    pub fn in_block(self, block: i32, pieces: &[[char; 3]]) -> impl Iterator<Item = i32> {
        const PIECE_BITS: u32 = 20;
        let of_block = mixed(self.0 ^ u64::from(block as u32).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let of_block = (of_block as u32) << PIECE_BITS;
        pieces.iter().map(move |piece| {
            let letters = piece
                .iter()
                .fold(0, |all, &letter| (all << 21) | u64::from(u32::from(letter)));
            let of_piece = mixed(self.0 ^ letters) >> (u64::BITS - PIECE_BITS);
            (of_block | of_piece as u32) as i32
        })
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
        let pieces = pieces(&fold(text));
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
    fn a_gram_is_another_one_for_another_robeing_or_block() {
        let pieces = pieces("환불");
        let gram = |robeing, block| Grams::of(robeing).in_block(block, &pieces).next();
        assert_eq!(gram("r1", 0), gram("r1", 0));
        assert_ne!(gram("r1", 0), gram("r2", 0));
        assert_ne!(gram("r1", 0), gram("r1", 1));
    }
}
