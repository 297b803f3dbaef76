//! Generated Korean text: 30,000 stems of two to four syllables with a Zipf distribution, with and without a
//! particle.

const STEMS: f64 = 30_000.0;
const PARTICLES: [&str; 8] = ["", "은", "이", "을", "에", "로", "도", "요"];
/// The most frequent stems, from conversations with a shop.
const FIRST: [&str; 16] = [
    "배송",
    "주문",
    "결제",
    "확인",
    "상품",
    "문의",
    "쿠폰",
    "취소",
    "교환",
    "오늘",
    "언제",
    "부탁",
    "감사",
    "고객",
    "계정",
    "포인트",
];

/// A deterministic line for `n`.
pub fn line(n: u64, words: usize) -> String {
    let mut line = String::new();
    let mut random = Random(n.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5eed);
    for _ in 0..words {
        if !line.is_empty() {
            line.push(' ');
        }
        // The inverse of the distribution 1/n.
        let rank = STEMS.powf(random.part()) as u64 - 1;
        stem(rank, &mut line);
        line += PARTICLES[random.next() as usize % PARTICLES.len()];
    }
    line
}

fn stem(rank: u64, line: &mut String) {
    if let Some(known) = FIRST.get(rank as usize) {
        line.push_str(known);
        return;
    }
    let mut random = Random(rank.wrapping_mul(0xd134_2543_de82_ef95));
    for _ in 0..2 + random.next() % 3 {
        // About 1,000 of the 11,172 syllables are in use, with very different frequencies.
        let syllable = 1_000.0_f64.powf(random.part()) as u32 - 1;
        line.extend(char::from_u32(0xac00 + syllable * 11));
    }
}

/// Splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    }

    /// A number from 0 up to, but not including, 1.
    fn part(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}
