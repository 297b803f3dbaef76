//! One example per rule: what is masked, and similar texts that are not.

use masking::{Kind, Known, Masker, Placeholders, Policy};

use crate::judge::masked;

fn assert_masked(cases: &[(&str, &str)]) {
    let masker = Masker::default();
    for (text, expected) in cases {
        assert_eq!(masked(&masker, text), *expected, "{text}");
    }
}

fn assert_kept(texts: &[&str]) {
    let masker = Masker::default();
    for text in texts {
        assert_eq!(masked(&masker, text), *text);
    }
}

#[test]
fn a_registration_number_has_an_unnumbered_placeholder() {
    assert_masked(&[
        ("주민번호는 900101-1234567이고", "주민번호는 [RRN]이고"),
        ("9001011234567 맞아요", "[RRN] 맞아요"),
        ("９００１０１－１２３４５６７", "[RRN]"),
        ("900101\u{200B}-\u{200B}1234567", "[RRN]"),
        ("구공공일공일 일이삼사오육칠", "[RRN]"),
        ("900101-5234567", "[FRN]"),
        (
            "주민번호 앞자리는 900101이고 뒷자리는 1234567입니다",
            "주민번호 앞자리는 [RRN]이고 뒷자리는 [RRN]입니다",
        ),
        ("\\uc8fc\\ubbfc900101-1234567", "\\uc8fc\\ubbfc[RRN]"),
    ]);
}

#[test]
fn thirteen_digits_of_something_else_stay_unmasked() {
    assert_kept(&[
        "주문번호 9001011234567",
        "ts=1712314567890",
        "바코드 8801234567893",
        "991301-1234567",
        "3.9001011234567",
        "9001011234567원",
    ]);
}

#[test]
fn telephone_numbers_are_masked_next_to_other_text() {
    assert_masked(&[
        ("010-1234-5678로 주세요", "[PHONE_1]로 주세요"),
        ("①010-1234-5678 ②02-123-4567", "①[PHONE_1] ②[PHONE_2]"),
        ("영일영 일이삼사 오육칠팔이요", "[PHONE_1]이요"),
        ("(+82)10-1234-5678", "[PHONE_1]"),
        ("call (415) 555-2671", "call [PHONE_1]"),
        (
            "통화녹음_01012345678_20240101.m4a",
            "통화녹음_[PHONE_1]_20240101.m4a",
        ),
        ("고객센터 1588-1234", "고객센터 [PHONE_1]"),
    ]);
    assert_kept(&[
        "1588-1598 임진왜란",
        "SKU-010-1234-5678",
        "f01012345678ab",
        "주문번호 01012345678",
        "0.01012345678",
    ]);
}

#[test]
fn a_label_makes_a_number_an_account_or_a_document() {
    assert_masked(&[
        ("우리은행 1002-123-456789", "우리은행 [ACCOUNT_1]"),
        ("110-123-456789 (신한)", "[ACCOUNT_1] (신한)"),
        ("여권번호 M12345678", "여권번호 [PASSPORT_1]"),
        ("서울 12-123456-01", "[LICENCE_1]"),
        ("사업자번호 123-45-67890", "사업자번호 [BUSINESS_1]"),
        ("건강보험증 번호 1-1234567890", "건강보험증 번호 [HEALTH_1]"),
        ("123가4567", "[PLATE_1]"),
    ]);
    assert_kept(&[
        "110-123-456789",
        "M12345678",
        "2024-01-15 1030 계좌 확인",
        "12주 3000원",
    ]);
}

#[test]
fn an_address_is_masked_from_its_district_to_its_door() {
    assert_masked(&[
        (
            "서울특별시 강남구 테헤란로 123 (역삼동) 101동 1203호로 보내주세요",
            "[ADDRESS_1]로 보내주세요",
        ),
        (
            "경기도 성남시 분당구 판교역로 166, 카카오판교아지트 B동 3층",
            "[ADDRESS_1]",
        ),
        ("06236 서울 강남구 역삼동 123-45번지", "[ADDRESS_1]"),
        ("래미안아파트 101동 1203호", "[ADDRESS_1]"),
    ]);
    assert_kept(&[
        "서울로 3시간 걸려요",
        "강남구로 3명 이동",
        "강남역 2번 출구 3층",
        "기준으로 12건",
    ]);
}

#[test]
fn tokens_are_masked_by_prefix_label_and_place() {
    assert_masked(&[
        ("비밀번호는 qwer1234입니다", "비밀번호는 [SECRET]입니다"),
        ("api_key: \"abcd1234efgh5678\"", "api_key: \"[SECRET]\""),
        (
            "postgres://user:pa55@db.example.com/x",
            "postgres://[SECRET]@db.example.com/x",
        ),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY----- 끝",
            "[SECRET] 끝",
        ),
        ("-----BEGIN PRIVATE KEY-----\nMIIE", "[SECRET]"),
        (
            "Authorization: Bearer abc123def456ghi789",
            "Authorization: Bearer [SECRET]",
        ),
    ]);
    assert_kept(&[
        "비밀번호는 8자 이상",
        "password: required",
        "let token = next_token();",
        "max_tokens=4096",
    ]);
}

#[test]
fn an_ip_address_is_masked_and_a_version_is_not() {
    assert_masked(&[
        ("서버 IP는 203.0.113.45입니다", "서버 IP는 [IP_1]입니다"),
        ("http://[2001:db8::1]:8080/", "http://[[IP_1]]:8080/"),
    ]);
    assert_kept(&[
        "version 1.2.3.4",
        "10.0.19041.1",
        "12:30:45",
        "std::vector",
        "::1",
    ]);
}

#[test]
fn overlapping_matches_are_one_of_the_most_severe_kind() {
    // An account number may begin like a telephone number.
    assert_masked(&[("계좌번호 010-1234-5678-90", "계좌번호 [ACCOUNT_1]")]);
}

#[test]
fn a_policy_leaves_its_kinds_unmasked_but_no_registration_number() {
    let policy = Policy::default()
        .allow(Kind::Phone)
        .allow(Kind::Rrn)
        .allow(Kind::Frn);
    let masker = Masker::new(policy);
    assert_eq!(
        masked(
            &masker,
            "010-1234-5678, 900101-1234567, 900101-5234567, a@b.kr"
        ),
        "010-1234-5678, [RRN], [FRN], [EMAIL_1]"
    );
    let written = serde_json::to_value(policy).expect("a policy is a list");
    assert_eq!(written, serde_json::json!(["phone"]));
    let read: Policy = serde_json::from_value(serde_json::json!(["phone", "rrn"])).expect("kinds");
    assert_eq!(read, policy);
}

#[test]
fn a_placeholder_in_a_text_stays_unchanged() {
    let mut people = Placeholders::new(&[7; 32], "c", Known::default());
    let masked = Masker::default()
        .text(
            "[PHONE_1]-1234567 [CARD_4111111111111111] [PHONE_1]",
            &mut people,
        )
        .expect("short");
    assert_eq!(masked.text, "[PHONE_1]-1234567 [CARD_[CARD_1]] [PHONE_1]");
}
