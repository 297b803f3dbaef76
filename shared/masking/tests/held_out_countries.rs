//! Forms of the third set with templates like those of code: telephone numbers, e-mail addresses and cards of other
//! countries, and business numbers that begin with 0.

use crate::forms::Form;
use crate::generate::{grouped, luhn};

macro_rules! form {
    ($name:literal, $templates:expr, $make:expr) => {
        Form {
            name: $name,
            labels: $templates,
            make: $make,
        }
    };
}

/// The labels are templates with the value in braces.
pub const FORMS: &[Form] = &[
    form!(
        "telephone with a country code",
        &[
            "{}",
            "call {}",
            "연락처 {}",
            "my number is {}.",
            "WhatsApp: {}",
            "({})"
        ],
        |random| match random.below(12) {
            0 => format!("+49 30 {}", random.digits(8)),
            1 => format!("+49 (0)171 {}", random.digits(7)),
            2 => format!("+33 6 {}", grouped(&random.digits(8), 2, " ")),
            3 => format!("+86 138 {} {}", random.digits(4), random.digits(4)),
            4 => format!("+81-90-{}-{}", random.digits(4), random.digits(4)),
            5 => format!(
                "+7 (912) {}-{}",
                random.digits(3),
                grouped(&random.digits(4), 2, "-")
            ),
            6 => format!("+1-415-{}-{}", random.between(200, 999), random.digits(4)),
            7 => format!("0049171{}", random.digits(7)),
            8 => format!("0033 6 {}", grouped(&random.digits(8), 2, " ")),
            9 => format!("+919{}", random.digits(9)),
            10 => format!("+55 11 9{}-{}", random.digits(4), random.digits(4)),
            _ => format!("0086138{}", random.digits(8)),
        }
    ),
    form!(
        "telephone after a label",
        &[
            "Tel.: {}",
            "phone {}",
            "tel {}",
            "call {}",
            "Phone number: {}",
            "Telefon: {}",
            "Handy {}",
            "téléphone : {}",
            "Tél. {}",
            "teléfono: {}",
            "celular {}",
            "telefone: {}",
            "cellulare: {}",
            "телефон: {}",
            "тел. {}",
            "電話：{}",
            "電話番号は{}です",
            "携帯 {}",
            "电话：{}",
            "手机号{}",
            "mobile no. {}",
            "fax: {}",
            "call me at {}",
            "điện thoại: {}",
            "\"mobile\": \"{}\"",
        ],
        |random| match random.below(9) {
            0 => format!("030 {}", random.digits(8)),
            1 => format!("07700 {}", random.digits(6)),
            2 => format!("090-{}-{}", random.digits(4), random.digits(4)),
            3 => format!("138{}", random.digits(8)),
            4 => format!("06 {}", grouped(&random.digits(8), 2, " ")),
            5 => format!("020 7946 {}", random.digits(4)),
            6 => format!("0171/{}", random.digits(7)),
            7 => format!("(02) {} {}", random.digits(4), random.digits(4)),
            _ => format!("91 {} {}", random.digits(3), random.digits(4)),
        }
    ),
    form!(
        "e-mail at an international domain",
        &[
            "{}",
            "mail {}",
            "<{}>",
            "이메일: {}",
            "\"{}\", x",
            "contact: {}."
        ],
        |random| {
            let local = random.pick(&[
                "hong",
                "müller",
                "민아",
                "иван",
                "josé.garcía",
                "o'brien",
                "δοκιμή",
            ]);
            let domain = random.pick(&[
                "bücher.de",
                "예시.한국",
                "почта.рф",
                "例子.中国",
                "xn--bcher-kva.de",
                "παράδειγμα.ελ",
                "españa.es",
                "예시.com",
                "mañana.example.com",
            ]);
            format!("{local}@{domain}")
        }
    ),
    form!(
        "card with its expiry",
        &["{}", "카드 {}", "card: {}", "결제는 {}로", "pay with {}"],
        |random| {
            let prefix = random.pick(&["4", "51", "55", "37", "34"]);
            let length = if prefix.starts_with('3') { 15 } else { 16 };
            let number = luhn(random, prefix, length);
            let number = match (length, random.below(3)) {
                (16, 0) => grouped(&number, 4, " "),
                (16, 1) => grouped(&number, 4, "-"),
                (15, 0) => format!("{} {} {}", &number[..4], &number[4..10], &number[10..]),
                _ => number,
            };
            let month = random.between(1, 12);
            let year = random.between(26, 35);
            match random.below(5) {
                0 => format!("{number}/{month:02}/{year}"),
                1 => format!("{number} {month:02}/{year}"),
                2 => format!("{number} {month:02}/20{year}"),
                3 => format!("{number} {month:02}-{year}"),
                _ => format!("{number}|{month:02}|{year}"),
            }
        }
    ),
    form!(
        "business number that begins with 0",
        &[
            "사업자등록번호 {}",
            "사업자번호: {}",
            "사업자등록번호는 {}입니다",
            "business number {}"
        ],
        |random| {
            let (area, kind, rest) = (random.digits(2), random.digits(2), random.digits(5));
            match random.below(2) {
                0 => format!("0{area}-{kind}-{rest}"),
                _ => format!("0{area}{kind}{rest}"),
            }
        }
    ),
];
