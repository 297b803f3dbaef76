//! Properties of masking that hold for every text.

use masking::{Error, Kind, Known, LONGEST, Masker, Placeholders};
use proptest::prelude::*;
use serde_json::Value;

use crate::forms::FORMS;
use crate::generate::Random;
use crate::held_out;
use crate::judge::{Sentence, covered, masked};

/// Parts of numbers, labels and placeholders, whose combinations resemble secrets more often than random text.
const PIECES: &[&str] = &[
    "0",
    "1",
    "82",
    "010",
    "1234",
    "5678",
    "900101",
    "1234567",
    "4111",
    "1111",
    "20240115",
    "-",
    " - ",
    " ",
    ".",
    ",",
    ":",
    "::",
    "/",
    "_",
    "~",
    "(",
    ")",
    "+",
    "=",
    "@",
    "%40",
    "*",
    "|",
    "<",
    ">",
    "'s ",
    "password",
    "비밀번호",
    "пароль",
    "무지개",
    "swordfish",
    "for staging",
    "(temp)",
    "otp",
    "인증번호",
    "is your",
    "value",
    "tlf",
    "my number",
    "Chrome/",
    "\n",
    "\0",
    "\u{200B}",
    "０",
    "１",
    "－",
    "①",
    "\u{20E3}",
    "공",
    "일",
    "이",
    "삼",
    "사",
    "팔",
    "구",
    "에",
    "다시",
    "로",
    "길",
    "동",
    "호",
    "번지",
    "강남구",
    "서울",
    "테헤란로",
    "은",
    "이요",
    "계좌",
    "비밀번호",
    "password",
    "주민번호",
    "여권",
    "면허",
    "카드",
    "전화",
    "주문번호",
    "M",
    "a",
    "Z",
    "ghp_",
    "eyJ",
    "sk-",
    "AKIA",
    "DE89",
    "://",
    "naver.com",
    "example",
    "[",
    "]",
    "[PHONE_1]",
    "[RRN]",
    "[SECRET",
    "_12]",
    "\\n",
    "\\u0030",
    "\\ud800",
    "\"",
    "'",
    "-----BEGIN ",
    "PRIVATE KEY-----",
    "-----END ",
    "Bearer ",
    "12가3456",
    "fe80",
    "192.168",
    "\u{1103}\u{1169}\u{11BC}",
    "👍",
    "é",
];

/// Texts without secrets, whatever is next to them.
const SAFE: &[&str] = &[
    "안녕하세요 ",
    "확인 부탁드립니다.",
    "네, ",
    "Hello there, ",
    "the answer is ",
    "👍",
    "「",
    "」",
    "\n",
    "\t",
    "? ",
    "! ",
    "…",
    "제 것은 ",
    "입니다",
    "으로 ",
    "을 ",
    "(",
    ") ",
    "“",
    "”",
    "* ",
    "오늘 ",
    "thanks ",
    "감사합니다 ",
    "\u{3000}",
    "→ ",
    "그리고 ",
    "또는 ",
    "<p>",
    "</p>",
];

fn soup() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(PIECES), 0..40).prop_map(|pieces| pieces.concat())
}

fn safe() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(SAFE), 0..5).prop_map(|pieces| pieces.concat())
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (8_001_010_000_000_u64..9_912_319_999_999).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        soup().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(soup(), inner, 0..6)
                .prop_map(|object| Value::Object(object.into_iter().collect())),
        ]
    })
}

fn people() -> Placeholders {
    Placeholders::new(&[7; 32], "c", Known::default())
}

fn assert_settled(text: &str) -> Result<(), TestCaseError> {
    let mut people = people();
    let masker = Masker::default();
    let once = masker.text(text, &mut people);
    prop_assert!(once.is_ok(), "{text:?}: {once:?}");
    let once = once.expect("checked above");
    let twice = masker.text(&once.text, &mut people).expect("settled");
    prop_assert_eq!(&once.text, &twice.text);
    prop_assert_eq!(twice.counts.total(), 0);
    Ok(())
}

/// An EAN-13 of Korea, in digits of any width.
fn is_barcode(text: &str) -> bool {
    let digits: Option<Vec<u32>> = text
        .chars()
        .map(|letter| match letter {
            '\u{FF10}'..='\u{FF19}' => Some(letter as u32 - 0xFF10),
            _ => letter.to_digit(10),
        })
        .collect();
    digits.is_some_and(|digits| {
        let weighed = digits.iter().zip([1, 3].into_iter().cycle());
        let sum: u32 = weighed.map(|(digit, weight)| digit * weight).sum();
        digits.len() == 13 && digits.starts_with(&[8, 8, 0]) && sum.is_multiple_of(10)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn masking_any_text_twice_gives_the_same_text(text in any::<String>()) {
        assert_settled(&text)?;
    }

    #[test]
    fn masking_texts_like_secrets_twice_gives_the_same_text(text in soup()) {
        assert_settled(&text)?;
    }

    #[test]
    fn a_secret_between_any_safe_texts_is_masked_completely(
        before in safe(), after in safe(), seed in any::<u64>(), form in 0..FORMS.len() + held_out::FORMS.len(),
    ) {
        let form = FORMS.iter().chain(held_out::FORMS).nth(form).expect("in range");
        // A value that needs its label next to it would be separated from it by any text, and a letter may extend an
        // IBAN or an IPv6 address.
        let lettered = ["in a URL", "IPv6", "IBAN"].contains(&form.name);
        prop_assume!(form.labels.is_empty() && !lettered);
        let secret = (form.make)(&mut Random::new(seed));
        // Thirteen digits that are a valid Korean barcode are treated as one.
        prop_assume!(!is_barcode(&secret));
        let sentence = Sentence { before, secret, after };
        let out = masked(&Masker::default(), &sentence.text());
        prop_assert!(covered(&sentence, &out), "{:?} -> {out:?}", sentence.text());
    }

    #[test]
    fn masking_any_json_twice_gives_the_same_json(value in value()) {
        let mut people = people();
        let masker = Masker::default();
        let mut once = value.clone();
        prop_assert!(masker.json(&mut once, &mut people).is_ok());
        let mut twice = once.clone();
        let counts = masker.json(&mut twice, &mut people).expect("settled");
        prop_assert_eq!(&once, &twice);
        prop_assert_eq!(counts.total(), 0);
    }
}

#[test]
fn a_text_that_is_too_long_is_rejected() {
    let text = "가".repeat(LONGEST / 3 + 1);
    let error = Masker::default()
        .text(&text, &mut people())
        .expect_err("refused");
    assert_eq!(error, Error::TooLong(text.len()));
}

#[test]
fn counts_are_the_numbers_of_masked_values() {
    let text = "010-1234-5678, 010-8765-4321, kim@example.com";
    let masked = Masker::default().text(text, &mut people()).expect("short");
    let counts: Vec<(Kind, u32)> = masked.counts.iter().collect();
    assert_eq!(counts, [(Kind::Phone, 2), (Kind::Email, 1)]);
    assert_eq!(masked.counts.total(), 3);
}
