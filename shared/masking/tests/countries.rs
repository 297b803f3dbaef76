//! Telephone numbers, e-mail addresses and cards of all countries.

use masking::{Known, Masker, Placeholders};

use crate::judge::masked;

/// Whether the only digits left are those of the placeholder.
fn assert_masked(masker: &Masker, text: &str) {
    let masked = masked(masker, text);
    assert!(masked.contains("[PHONE_1]"), "{text}: {masked}");
    let digits = masked.chars().filter(char::is_ascii_digit);
    assert_eq!(digits.collect::<String>(), "1", "{text}: {masked}");
}

#[test]
fn telephone_numbers_of_any_country_are_masked_after_a_label_or_a_country_code() {
    let masker = Masker::default();
    for text in [
        "Tel 030/12345678",
        "Tel.: 06221-5432",
        "Tel. 08031-1234",
        "Phone: 98101-1234",
        "tel. (030) 123456-78",
        "Tél : 01 42 68 53 00",
        "Phone: 555-0123",
        "Tel: 2345 6789",
        "phone 9123-4567",
        "Mobile: 0412 345 678",
        "call me at 020 7946 0958",
        "call me on 07700 900123",
        "тел. 8 912 345 67 89",
        "電話番号は03-1234-5678",
        "联系电话：021-12345678",
        "số điện thoại: 091 234 5678",
        "\"mobileNumber\": \"0412345678\"",
        "+43 1 5123456",
        "+298 123456",
        "+7 (912) 345-67-89",
        "+49 (0)171 1234567",
        "0044 7700 900123",
    ] {
        assert_masked(&masker, text);
    }
}

#[test]
fn dates_ids_and_counts_after_a_word_for_telephones_stay_unmasked() {
    let masker = Masker::default();
    for text in [
        "call 2026-11-30 at 10:00",
        "call on 30.11.2026",
        "call on 2026. 11. 30",
        "call on 2026. 1. 5. 10:00",
        "call on 2026.1.5 10 30",
        "call 1.12.2026 at 9",
        "mobile 2023-2024 revenue",
        "mobile 2022/2023/2024 revenue",
        "mobile 2023 2024 report",
        "phone 1000-2000",
        "call sub_12345678",
        "call id 13812345678",
        "phone_number_id: 106540352242922",
        "mobile traffic 12345678 requests",
        "phone 15 pro 256",
        "Telefontermin 12.11.2026",
        "0000123456789",
        "+12345678",
        "call 98101-1234",
        "ring 2 av 12 000 000",
        "call Order 4711 0815 99",
        "12345678 (mobile users)",
        "Ligue 1 2024-2025",
        "rufen Sie die Seite 2024 auf",
        "rufen Sie die Bestellung 0815471100 auf",
    ] {
        assert_eq!(masked(&masker, text), text);
    }
}

#[test]
fn addresses_with_unicode_quotes_or_apostrophes_are_masked_as_a_whole() {
    let masker = Masker::default();
    for address in [
        "josé.o'neill@españa.es",
        "\"john doe\"@example.com",
        "उपयोगकर्ता@उदाहरण.भारत",
        "ผู้ใช้@ตัวอย่าง.ไทย",
        "δοκιμή@παράδειγμα.ελ",
        "メール@例え.テスト",
        "用户@例子.广告",
        "hong@xn--bcher-kva.de",
    ] {
        assert_eq!(
            masked(&masker, &format!("to {address} now")),
            "to [EMAIL_1] now"
        );
    }
}

#[test]
fn a_card_has_the_same_number_with_and_without_its_expiry() {
    let mut people = Placeholders::new(&[7; 32], "c", Known::default());
    let text = "4111 1111 1111 1111, 4111111111111111 12/29, 4111-1111-1111-1111/12/2029, 4111111111111111|12|29, \
                3782 822463 10005 01/30, 5500 0000 0000 0004";
    let masked = Masker::default()
        .text(text, &mut people)
        .expect("a short text");
    assert_eq!(
        masked.text,
        "[CARD_1], [CARD_1], [CARD_1], [CARD_1], [CARD_2], [CARD_3]"
    );
}

#[test]
fn telephone_numbers_after_a_request_to_call_are_masked_in_every_language() {
    let masker = Masker::default();
    for text in [
        "telefonum 0532 123 45 67",
        "telefonum: 0532 123 45 67",
        "cep: 0532 123 45 67",
        "Telefon numaram 0532 123 45 67",
        "rufen Sie mich an 0151 23456789",
        "rufen Sie mich an: 0151 23456789",
        "rufen Sie mich unter 0151 23456789 an",
        "appelez-moi au 06 12 34 56 78",
        "llámame al 612 345 678",
        "ligue para 912 345 678",
        "chiamami al 333 123 4567",
        "bel me op 06 12345678",
        "zadzwoń pod 601 234 567",
        "позвоните мне 8 916 123-45-67",
        "καλέστε με στο 6912345678",
        "اتصل بي على 0501234567",
        "मुझे कॉल करें 98765 43210",
        "เบอร์ 0812345678",
        "gọi 0912 345 678",
        "hubungi 0812 3456 7890",
        "電話してください 090-1234-5678",
        "请致电 13812345678",
        "請致電 0912-345-678",
        "call Ann Lee on 07700 900123",
        "call me at 91234567",
        "☎ 030 1234567",
    ] {
        assert_masked(&masker, text);
    }
}

#[test]
fn telephone_numbers_before_words_for_them_are_masked() {
    let masker = Masker::default();
    for text in [
        "090-1234-5678に電話してください",
        "98765 43210 पर कॉल करें",
        "0532 123 45 67 numaralı telefon",
        "0532 123 45 67'den arayın",
        "07700 900123 is my mobile",
        "0171 2345678 (mobil)",
        "138 1234 5678 微信同号",
    ] {
        assert_masked(&masker, text);
    }
}

#[test]
fn words_typed_without_their_accents_are_the_same_words() {
    let masker = Masker::default();
    for text in [
        "zadzwon pod 601 234 567",
        "llamame al 612 345 678",
        "goi cho toi 0912 345 678",
        "bizi arayin 0532 123 45 67",
        "ΚΑΛΕΣΤΕ ΜΕ ΣΤΟ 6912345678",
        "GỌI 0912 345 678",
    ] {
        assert_masked(&masker, text);
    }
}
