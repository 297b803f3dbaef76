//! The numbers of placeholders, and the digests that are stored for them.

use masking::{Known, Masker, Placeholders};

const KEY: [u8; 32] = [7; 32];

fn masked(text: &str, people: &mut Placeholders) -> String {
    Masker::default().text(text, people).expect("short").text
}

#[test]
fn a_value_has_the_same_number_in_each_spelling_and_message() {
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
fn digests_differ_per_conversation_and_per_key() {
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
fn no_digest_of_a_registration_number_or_a_password_is_stored() {
    let mut people = Placeholders::new(&KEY, "c1", Known::default());
    let text = masked(
        "900101-1234567, 900101-5234567, 비밀번호: qwer1234!",
        &mut people,
    );
    assert_eq!(text, "[RRN], [FRN], 비밀번호: [SECRET]");
    assert_eq!(people.into_known(), Known::default());
}

#[test]
fn the_number_of_digests_is_bounded() {
    let mut people = Placeholders::new(&KEY, "c1", Known::default());
    for number in 0..1000 {
        masked(&format!("010-2000-{number:04}"), &mut people);
    }
    assert_eq!(masked("010-3000-0000", &mut people), "[PHONE]");
    assert_eq!(masked("010-2000-0999", &mut people), "[PHONE_1000]");
}

#[test]
fn the_number_of_digests_is_bounded_over_all_kinds() {
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
