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
fn two_short_groups_are_no_address_unless_a_word_says_so() {
    assert_masked(&[
        ("12::34 in C++", "12::34 in C++"),
        ("ab1::cd2::run()", "ab1::cd2::run()"),
        ("at 12::34", "at 12::34"),
        ("IP 12::34", "IP [IP_1]"),
        ("fe80::1", "[IP_1]"),
        ("2001:db8::1", "[IP_1]"),
        ("64:ff9b::1", "[IP_1]"),
    ]);
}

#[test]
fn the_host_after_the_user_of_a_url_stays() {
    assert_masked(&[
        (
            "https://user@example.com/",
            "https://[EMAIL_1]@example.com/",
        ),
        (
            "postgres://kim.minah@db.example.com:5432/shop",
            "postgres://[EMAIL_1]@db.example.com:5432/shop",
        ),
        (
            "ssh://git@github.com/a/b.git",
            "ssh://git@github.com/a/b.git",
        ),
        (
            "https://example.com/?to=kim@example.com",
            "https://example.com/?to=[EMAIL_1]",
        ),
        ("mailto://kim@example.com", "mailto://[EMAIL_1]"),
        ("xmpp://kim@example.com", "xmpp://[EMAIL_1]"),
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

/// Joins the parts of a key, so that scanners of secrets don't take this file for a leak.
fn joined(parts: &[&str]) -> String {
    parts.concat()
}

#[test]
fn keys_of_providers_are_masked_by_their_prefix() {
    let masker = Masker::default();
    for parts in [
        [
            "nva",
            "pi-PcEJIukB4geqNfngAFTCloiADN5RpVI2XQWhX1ssrKrxqVqmCplppjs46Lmuezqp",
        ],
        ["lsv2", "_pt_73e130f7eb19731662b5e803b61ba416_8160adb592"],
        ["tvly", "-dev-ncYFJEeAgYzQJjOIfPkzSrAsQtA9dtVK"],
        ["dapi", "bdd0b6cc60d5d32cbe54014c2b54b955"],
        [
            "pata",
            "frfwA94hJ9Wny.b9d21f6be6abf0d7c1c1e21862ab8a18a8902073fec8df4f50947aaeb26c57d2",
        ],
        [
            "PMAK",
            "-bef750110c57513064d6d592-91f0cde2e5738713a818d8962058765a6c",
        ],
        [
            "sntrys",
            "_vMpy62O6SQ1IEE1HSa2bB9UoK4tYnzNLeK6kjcbhgN7kwjSbbciSPOcSeVce2LWxm090I5Qe43W6T8yg",
        ],
        [
            "xoxc",
            "-123456789012-1234567890123-1234567890123-40e50454f31af3176813e02ea68ef786",
        ],
        ["xoxd", "-wufUxbvJDCTbyvHNsG9eh6Yo4gfqrc5XlrWi0B26R08qzjI6"],
        ["glrt", "-abcdefghij1234567890"],
        ["NRAK", "-ABCDEFGHIJKLMNOPQRSTUVWXYZ1"],
    ] {
        let key = joined(&parts);
        assert_eq!(masked(&masker, &key), "[SECRET]", "{key}");
        assert_eq!(
            masked(&masker, &format!("내 키는 {key}입니다")),
            "내 키는 [SECRET]입니다"
        );
    }
}

#[test]
fn random_values_after_the_name_of_a_key_are_masked() {
    assert_masked(&[
        (
            "AWS_SECRET_ACCESS_KEY wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzEXAMPLEK",
            "AWS_SECRET_ACCESS_KEY [SECRET]",
        ),
        (
            "AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq==",
            "AccountKey=[SECRET]",
        ),
        (
            "?sig=abcDEF123456abcDEF123456abcDEF123456abcDEF1%3D",
            "?sig=[SECRET]",
        ),
        (
            "my key: 67e7893f57fd14c1604d115cea325a65.P7HVDctQUy1xvCkg",
            "my key: [SECRET]",
        ),
        (
            "x-api-key: 3f9a8b7c6d5e4f3a2b1c0d9e8f7a6b5c",
            "x-api-key: [SECRET]",
        ),
        (
            "SharedAccessKey=Xk9mQ2vL7pR4wZ8qT1nB6yH3sD5fG0jK",
            "SharedAccessKey=[SECRET]",
        ),
        (
            "{\"key\": \"q7Xb2Kd9mR4tWz1vHc8LpA3f\"}",
            "{\"key\": \"[SECRET]\"}",
        ),
    ]);
    assert_kept(&[
        "key: value",
        "key: 110bcd25-a55d-453a-8046-1297901ea002",
        "key: uploads/2024/11/ab12cd34ef56ab78/report.pdf",
        "primary_key: order_id",
        "sort key: created_at_2026_11_30",
        "key: https://example.com/a1b2c3d4e5f6a7b8c9",
        "the key to this is patience",
        "public_key: 3f9a8b7c6d5e4f3a2b1c0d9e8f7a6b5c",
        "signature: fn main() -> Result<(), Error>",
    ]);
}

#[test]
fn passwords_are_masked_in_commands_urls_and_after_their_name_in_other_languages() {
    assert_masked(&[
        (
            "redis://:p#ss9word@cache:6379",
            "redis://[SECRET]@cache:6379",
        ),
        (
            "postgres://app:pa/ss?w0rd@db/shop",
            "postgres://[SECRET]@db/shop",
        ),
        (
            "curl -u admin:Tr0ub4dor https://api.example.com",
            "curl -u [SECRET] https://api.example.com",
        ),
        (
            "curl https://api.example.com --user 'kim:geheim'",
            "curl https://api.example.com --user '[SECRET]'",
        ),
        ("password: swordfish", "password: [SECRET]"),
        (
            "login: kim\npassword: swordfish\nhost: db",
            "login: kim\npassword: [SECRET]\nhost: db",
        ),
        ("passwort hunter2", "passwort [SECRET]"),
        ("Passwort: geheim", "Passwort: [SECRET]"),
        ("mot de passe : Soleil2024", "mot de passe : [SECRET]"),
        ("contraseña: gato1234", "contraseña: [SECRET]"),
        ("senha: abacaxi7", "senha: [SECRET]"),
        ("パスワードはsakura99です", "パスワードは[SECRET]です"),
        ("密码是hunter2", "密码是[SECRET]"),
        ("пароль qwerty12", "пароль [SECRET]"),
        ("Pwd=s3cretpw;Server=db", "Pwd=[SECRET];Server=db"),
    ]);
    assert_kept(&[
        "I forgot my password. Please reset it.",
        "password: please reset it",
        "the password is expired",
        "password sha256 hashed",
        "the token is expired",
        "max tokens: 4096, token limit is 128000",
        "docker run -u 1000:1000 app",
        "https://example.com:8080/path?q=a@b",
        "비밀번호를 잊어버렸어요",
        "credentials: include",
        "next_page_token=abc123def456",
    ]);
}

#[test]
fn numbers_of_other_countries_are_masked_after_a_word_for_telephones_or_00() {
    assert_masked(&[
        ("Tel.: 030 12345678", "Tel.: [PHONE_1]"),
        ("phone 07700 900123", "phone [PHONE_1]"),
        ("tel 090-1234-5678", "tel [PHONE_1]"),
        ("call 13812345678", "call [PHONE_1]"),
        ("00491701234567", "[PHONE_1]"),
        ("0033 6 12 34 56 78", "[PHONE_1]"),
        ("電話：03-1234-5678", "電話：[PHONE_1]"),
        ("手机号13812345678", "手机号[PHONE_1]"),
        ("Téléphone : 06 12 34 56 78", "Téléphone : [PHONE_1]"),
    ]);
    assert_kept(&[
        "order 10023456",
        "extension 1234",
        "0000123456789",
        "call 12345",
        "Rückruf 2026-11-30",
        "0x00491701234567",
    ]);
}

#[test]
fn addresses_at_international_domains_are_masked() {
    assert_masked(&[
        ("hong@bücher.de", "[EMAIL_1]"),
        ("민아@예시.한국", "[EMAIL_1]"),
        ("민아@예시.한국으로 보내주세요", "[EMAIL_1]으로 보내주세요"),
        ("hong@example.com입니다", "[EMAIL_1]입니다"),
        ("иван@почта.рф", "[EMAIL_1]"),
        ("用户@例子.中国", "[EMAIL_1]"),
        ("kim@예시.com", "[EMAIL_1]"),
    ]);
    assert_kept(&[
        "follow @mina_kim",
        "npm i @types/node@20.10.5",
        "회의@3층.오후",
    ]);
}

#[test]
fn a_card_number_is_masked_with_its_expiry() {
    assert_masked(&[
        ("4111 1111 1111 1111/12/29", "[CARD_1]"),
        ("4111 1111 1111 1111 12/29", "[CARD_1]"),
        ("4111-1111-1111-1111, 12/29", "[CARD_1], 12/29"),
    ]);
}

#[test]
fn a_labelled_business_number_may_begin_with_0_and_two_counts_are_no_registration_number() {
    assert_masked(&[
        ("사업자등록번호 012-34-56789", "사업자등록번호 [BUSINESS_1]"),
        ("사업자번호: 0123456789", "사업자번호: [BUSINESS_1]"),
    ]);
    assert_kept(&["900101 / 1234567", "처리 900101 / 1234567 건"]);
}

#[test]
fn codes_times_and_talk_of_secrets_stay_unmasked() {
    assert_kept(&[
        r#"id 110bcd25-a55d-453a-8046-1297901ea002"#,
        r#"47223179-9330-4259-b66c-f2db26efb20c"#,
        r#""time_processed":"1647725122227""#,
        r#"at 1747731000123 it broke"#,
        r#"ts=1748000000000000000"#,
        r#"SOA serial 2026112901 TTL 604800"#,
        r#"order 10023456"#,
        r#"주문번호 2026112900012345"#,
        r#"build 2024 1130 0917"#,
        r#"commit 5d0c9e3b1a2f4e6d8c7b9a0f1e2d3c4b5a697887"#,
        r#"sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"#,
        r#"v10.15.7 and 1.2.3.4-rc1"#,
        r#"$1,234,567.89 or 1234567원"#,
        r#"합계 12,345,678원"#,
        r#"9788966261234"#,
        r#"37.566535, 126.977969"#,
        r#"2026-11-29 20:25:55"#,
        r#"2026년 11월 29일 20시"#,
        r#"2026-11-29T20:25:55.123456Z"#,
        r#"[20:25:55.123] 0x7ffeefbff5c8 pid=12345 tid=140735 GET /v1/items/1234567890 200 532ms"#,
        r#"const x = arr.slice(0, 10, 1234, 5678)"#,
        r#"[010, 1234, 5678]"#,
        r#"@app.route("/x") def f(self): pass"#,
        r#"npm i @types/node@20.10.5"#,
        r#"follow @mina_kim"#,
        r#"background: #1a2b3c url(image@2x.png)"#,
        r#"09:00-18:00"#,
        r#"12:34:56:78"#,
        r#"max tokens: 4096, token limit is 128000"#,
        r#"the token is expired"#,
        r#"I forgot my password. Please reset it."#,
        r#"비밀번호를 잊어버렸어요"#,
        r#"sk-learn-contrib-something, task-management-board-view, disk-usage-2024-report"#,
        r#"pk-button-primary-large-disabled"#,
        r#"sha256 image registry.example.com:5000/app:1.2.3"#,
        r#"arn:aws:lambda:ap-northeast-2:123456789012:function:x"#,
        r#"운송장 번호 1234-5678-9012"#,
        r#"UPS 1Z999AA10123456784"#,
        r#"100-200-300"#,
        r#"3-2-1-0"#,
        r#"010101 binary 0101-1010-1100"#,
        r#"0xDEADBEEF12345678"#,
        r#"제10조 제2항 제3호"#,
        r#"3층 301호 회의실에서 봐요"#,
        r#"2분기 매출 1234억"#,
        r#"👍🏽 1️⃣2️⃣3️⃣"#,
        r#"$.items[0].id == 1234567890123"#,
        r#"select * from t where id in (1001001000, 1001001001)"#,
        r#"AAPL 190.12 / 005930 삼성전자"#,
        r#"extension 1234"#,
        r#"KB 5034441 update"#,
        r#"case_no 2026-11-000123"#,
        r#"node-id=1234-5678901"#,
        r#"KE 082 010"#,
    ]);
}
