//! Generates numbers and addresses by their rules, from a seed.

/// SplitMix64, which gives the same sentences on every machine.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub fn between(&mut self, first: u64, last: u64) -> u64 {
        first + self.below(last - first + 1)
    }

    pub fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len() as u64) as usize]
    }

    pub fn digits(&mut self, count: usize) -> String {
        (0..count).map(|_| self.letter("0123456789")).collect()
    }

    pub fn letter(&mut self, of: &str) -> char {
        let letters: Vec<char> = of.chars().collect();
        letters[self.below(letters.len() as u64) as usize]
    }

    pub fn letters(&mut self, of: &str, count: usize) -> String {
        (0..count).map(|_| self.letter(of)).collect()
    }
}

pub const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
pub const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
pub const ALPHANUMERIC: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// The two halves of a registration number. With `checked`, residents born before 2020 have a valid check digit; later
/// numbers are random.
pub fn registration(random: &mut Random, foreign: bool, checked: bool) -> (String, String) {
    let year = random.between(1940, 2024);
    let (month, day) = (random.between(1, 12), random.between(1, 28));
    let century = if year < 2000 { 1 } else { 3 };
    let sex = century + random.below(2) + if foreign { 4 } else { 0 };
    let front = format!("{:02}{month:02}{day:02}", year % 100);
    let tail = format!("{sex}{}", random.digits(5));
    let weights = [2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5];
    let sum: u32 = format!("{front}{tail}")
        .bytes()
        .zip(weights)
        .map(|(digit, weight)| u32::from(digit - b'0') * weight)
        .sum();
    let check = (if foreign { 13 } else { 11 } - sum % 11) % 10;
    let last = if checked {
        check
    } else {
        random.below(10) as u32
    };
    (front, format!("{tail}{last}"))
}

/// The parts of a mobile number.
pub fn mobile(random: &mut Random) -> [String; 3] {
    let exchange = random.between(2000, 9999).to_string();
    ["010".to_owned(), exchange, random.digits(4)]
}

/// The parts of a number of a fixed line.
pub fn fixed(random: &mut Random, area: &str) -> [String; 3] {
    let exchange = match random.below(2) {
        0 => random.between(200, 999),
        _ => random.between(2000, 9999),
    };
    [area.to_owned(), exchange.to_string(), random.digits(4)]
}

/// A number with its Luhn check digit.
pub fn luhn(random: &mut Random, prefix: &str, length: usize) -> String {
    let body = format!("{prefix}{}", random.digits(length - 1 - prefix.len()));
    let sum: u32 = body
        .bytes()
        .rev()
        .enumerate()
        .map(|(at, digit)| {
            let digit = u32::from(digit - b'0') * if at % 2 == 0 { 2 } else { 1 };
            if digit > 9 { digit - 9 } else { digit }
        })
        .sum();
    format!("{body}{}", (10 - sum % 10) % 10)
}

/// The parts of a business number with its check digit.
pub fn business(random: &mut Random) -> [String; 3] {
    let (first, second, third) = (
        random.between(101, 899),
        random.between(10, 89),
        random.digits(4),
    );
    let body = format!("{first}{second}{third}");
    let weights = [1, 3, 7, 1, 3, 7, 1, 3, 5];
    let digit = |at: usize| u32::from(body.as_bytes()[at] - b'0');
    let sum: u32 = (0..9).map(|at| digit(at) * weights[at]).sum();
    let check = (10 - (sum + digit(8) * 5 / 10) % 10) % 10;
    [
        first.to_string(),
        second.to_string(),
        format!("{third}{check}"),
    ]
}

pub fn email(random: &mut Random) -> String {
    let length = random.between(3, 10) as usize;
    let name = random.letters(LOWER, length);
    let number = match random.below(3) {
        0 => String::new(),
        1 => random.digits(2),
        _ => format!(".{}", random.letters(LOWER, 4)),
    };
    let domain = random.pick(&[
        "gmail.com",
        "naver.com",
        "daum.net",
        "hanmail.net",
        "example.co.kr",
        "mail.example.org",
        "company.io",
        "kakao.com",
    ]);
    format!("{name}{number}@{domain}")
}

/// An IBAN with digits only, with its check digits.
pub fn iban(random: &mut Random, country: &str, length: usize) -> String {
    let account = random.digits(length - 4);
    let numbers: String = country
        .bytes()
        .map(|letter| (letter - b'A' + 10).to_string())
        .collect();
    let rest = format!("{account}{numbers}00")
        .bytes()
        .fold(0, |rest, digit| (rest * 10 + u32::from(digit - b'0')) % 97);
    format!("{country}{:02}{account}", 98 - rest)
}

pub fn grouped(text: &str, size: usize, between: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let groups: Vec<String> = letters
        .chunks(size)
        .map(|group| group.iter().collect())
        .collect();
    groups.join(between)
}

pub fn full_width(text: &str) -> String {
    let wide = |letter: char| match letter {
        '!'..='~' => char::from_u32(letter as u32 + 0xFEE0).unwrap_or(letter),
        _ => letter,
    };
    text.chars().map(wide).collect()
}

pub fn hangul(text: &str, zero: char) -> String {
    let digits = ['일', '이', '삼', '사', '오', '육', '칠', '팔', '구'];
    text.chars()
        .map(|letter| match letter {
            '0' => zero,
            '1'..='9' => digits[letter as usize - '1' as usize],
            _ => letter,
        })
        .collect()
}
