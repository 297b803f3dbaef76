//! The numbers that placeholders carry, and what is kept for them.

use masking::{Known, Masker, Placeholders};

const KEY: [u8; 32] = [7; 32];

fn masked(text: &str, people: &mut Placeholders) -> String {
    Masker::default().text(text, people).expect("short").text
}

#[test]
fn the_same_value_has_the_same_number_in_each_spelling_and_message() {
    let mut people = Placeholders::new(&KEY, "c1", Known::default());
    let first = masked(
        "010-1234-5678 / 010-8765-4321 / Kim@Example.com",
        &mut people,
    );
    assert_eq!(first, "[PHONE_1] / [PHONE_2] / [EMAIL_1]");

    let kept = serde_json::to_string(&people.into_known()).expect("a map");
    let known: Known = serde_json::from_str(&kept).expect("what was written");
    let mut people = Placeholders::new(&KEY, "c1", known);
    let second = masked(
        "+82 10 8765 4321, 공일공 일이삼사 오육칠팔, ０１０１２３４５６７８, kim@example.com, 02-123-4567",
        &mut people,
    );
    assert_eq!(
        second,
        "[PHONE_2], [PHONE_1], [PHONE_1], [EMAIL_1], [PHONE_3]"
    );
}

#[test]
fn a_value_has_other_digests_in_another_conversation_and_under_another_key() {
    let known = |key: &[u8; 32], conversation: &str| {
        let mut people = Placeholders::new(key, conversation, Known::default());
        masked("010-1234-5678", &mut people);
        people.into_known()
    };
    assert_eq!(known(&KEY, "c1"), known(&KEY, "c1"));
    assert_ne!(known(&KEY, "c1"), known(&KEY, "c2"));
    assert_ne!(known(&KEY, "c1"), known(&[8; 32], "c1"));
}

#[test]
fn nothing_is_kept_of_registration_numbers_and_passwords() {
    let mut people = Placeholders::new(&KEY, "c1", Known::default());
    let text = masked(
        "900101-1234567, 900101-5234567, 비밀번호: qwer1234!",
        &mut people,
    );
    assert_eq!(text, "[RRN], [FRN], 비밀번호: [SECRET]");
    assert_eq!(people.into_known(), Known::default());
}

#[test]
fn what_is_kept_does_not_grow_without_end() {
    let mut people = Placeholders::new(&KEY, "c1", Known::default());
    for number in 0..1000 {
        masked(&format!("010-2000-{number:04}"), &mut people);
    }
    assert_eq!(masked("010-3000-0000", &mut people), "[PHONE]");
    assert_eq!(masked("010-2000-0999", &mut people), "[PHONE_1000]");
}

#[test]
fn what_is_kept_of_a_conversation_is_bounded_over_all_kinds() {
    let mut people = Placeholders::new(&KEY, "c1", Known::default());
    for number in 0..1000 {
        masked(
            &format!("010-2000-{number:04}, a{number}@example.com"),
            &mut people,
        );
    }
    assert!(people.has_new());
    let kept = serde_json::to_string(&people.into_known()).expect("a map");
    assert!(kept.len() < 40_000, "{} bytes", kept.len());

    let known = serde_json::from_str(&kept).expect("what was written");
    let mut people = Placeholders::new(&KEY, "c1", known);
    let text = masked(
        "010-2000-0499, a499@example.com, a500@example.com",
        &mut people,
    );
    assert_eq!(text, "[PHONE_500], [EMAIL_500], [EMAIL]");
    assert!(!people.has_new());
}
