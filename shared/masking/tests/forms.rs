//! The forms in which secrets are written, and sentences that contain them.

use crate::generate::{
    ALPHANUMERIC, LOWER, Random, UPPER, business, email, fixed, full_width, grouped, hangul, iban,
    luhn, mobile, registration,
};
use crate::judge::Sentence;

/// A form of a secret. `labels` are the words before it, if it needs one.
pub struct Form {
    pub name: &'static str,
    pub labels: &'static [&'static str],
    pub make: fn(&mut Random) -> String,
}

const RRN: &[&str] = &["주민등록번호", "주민번호", "제 주민번호"];
const ACCOUNT: &[&str] = &[
    "계좌번호",
    "계좌",
    "입금 계좌",
    "환불 계좌",
    "신한은행",
    "카카오뱅크",
    "국민은행 계좌",
];
const BUSINESS: &[&str] = &["사업자등록번호", "사업자번호", "사업자 번호"];
const PASSPORT: &[&str] = &["여권번호", "여권 번호", "passport no"];
const LICENCE: &[&str] = &[
    "운전면허번호",
    "면허번호",
    "운전면허증 번호",
    "driver license",
];
const CARD: &[&str] = &["카드번호", "신용카드", "결제 카드"];
const SECRET: &[&str] = &["비밀번호", "비번", "패스워드", "password", "api_key"];
const SSN: &[&str] = &["SSN", "social security number", "my SSN"];

fn rrn(random: &mut Random, between: &str) -> String {
    let (front, back) = registration(random, false, true);
    format!("{front}{between}{back}")
}

fn drawn(random: &mut Random) -> String {
    let (front, back) = registration(random, false, false);
    format!("{front}{back}")
}

fn card(random: &mut Random) -> String {
    let prefix = random.pick(&["4", "51", "53", "55", "3528", "6221"]);
    luhn(random, prefix, 16)
}

fn account(random: &mut Random) -> String {
    let cut: &[usize] = random.pick(&[
        [3, 3, 6].as_slice(),
        &[6, 2, 6],
        &[3, 4, 4, 2],
        &[4, 3, 6],
        &[4, 2, 7],
        &[3, 6, 2, 3],
        &[3, 6, 5],
        &[6, 2, 6],
        &[3, 2, 6],
    ]);
    let groups: Vec<String> = cut.iter().map(|&count| random.digits(count)).collect();
    groups.join("-")
}

fn road(random: &mut Random) -> String {
    let place = random.pick(&[
        "서울특별시 강남구 테헤란로",
        "서울 마포구 월드컵북로",
        "경기도 성남시 분당구 판교역로",
        "부산광역시 해운대구 센텀중앙로",
        "대전 유성구 대학로",
        "제주특별자치도 제주시 첨단로",
        "인천 연수구 송도과학로",
        "전북 전주시 완산구 홍산로",
    ]);
    let number = random.between(1, 500);
    let home = match random.below(4) {
        0 => String::new(),
        1 => format!(
            ", {}동 {}호",
            random.between(101, 120),
            random.between(101, 2504)
        ),
        2 => format!(
            " (역삼동) {}동 {}호",
            random.between(101, 120),
            random.between(101, 2504)
        ),
        _ => format!(
            "번길 {}, {}층",
            random.between(1, 40),
            random.between(1, 30)
        ),
    };
    format!("{place} {number}{home}")
}

fn token(random: &mut Random) -> String {
    let (prefix, of, count) = match random.below(8) {
        0 => ("AKIA", "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16),
        1 => ("ghp_", ALPHANUMERIC, 36),
        2 => ("github_pat_", ALPHANUMERIC, 60),
        3 => ("sk-ant-api03-", ALPHANUMERIC, 80),
        4 => ("sk-proj-", ALPHANUMERIC, 48),
        5 => ("AIza", ALPHANUMERIC, 35),
        6 => ("sk_live_", ALPHANUMERIC, 24),
        _ => ("xoxb-", "0123456789", 24),
    };
    format!("{prefix}{}", random.letters(of, count))
}

macro_rules! form {
    ($name:literal, $labels:expr, $make:expr) => {
        Form {
            name: $name,
            labels: $labels,
            make: $make,
        }
    };
}

pub const FORMS: &[Form] = &[
    form!("RRN", &[], |random| rrn(random, "-")),
    form!("RRN, named", RRN, |random| rrn(random, "-")),
    form!("RRN, no hyphen", &[], |random| rrn(random, "")),
    form!("RRN, no hyphen, named", RRN, |random| rrn(random, "")),
    form!("RRN after 2020, no hyphen", &[], drawn),
    form!("RRN, spaces round the hyphen", &[], |random| rrn(
        random, " - "
    )),
    form!("RRN, space", &[], |random| rrn(random, " ")),
    form!("RRN, full-width", &[], |random| full_width(&rrn(
        random, "-"
    ))),
    form!("RRN, Hangul digits", RRN, |random| hangul(
        &rrn(random, " "),
        '공'
    )),
    form!("RRN, other separators", &[], |random| {
        let between = random.pick(&["–", "—", "‐", "－", ".", "_", "/", "·", "~", "−"]);
        rrn(random, between)
    }),
    form!("FRN", &[], |random| {
        let (front, back) = registration(random, true, true);
        format!("{front}-{back}")
    }),
    form!("FRN, no hyphen", &["외국인등록번호"], |random| {
        let (front, back) = registration(random, true, true);
        format!("{front}{back}")
    }),
    form!("mobile", &[], |random| mobile(random).join("-")),
    form!("mobile, plain", &[], |random| mobile(random).concat()),
    form!("mobile, spaces", &[], |random| mobile(random).join(" ")),
    form!("mobile, dots", &[], |random| mobile(random).join(".")),
    form!("mobile, +82", &[], |random| {
        let [_, exchange, last] = mobile(random);
        format!("+82 10-{exchange}-{last}")
    }),
    form!("mobile, +82 plain", &[], |random| format!(
        "+8210{}",
        random.digits(8)
    )),
    form!("mobile, +82 (0)", &[], |random| format!(
        "+82 (0){}",
        &mobile(random).join("-")[1..]
    )),
    form!("mobile, full-width", &[], |random| full_width(
        &mobile(random).join("-")
    )),
    form!("mobile, Hangul digits", &[], |random| hangul(
        &mobile(random).join(" "),
        '공'
    )),
    form!("mobile, old", &[], |random| {
        let first = random.pick(&["011", "016", "017", "018", "019"]);
        format!("{first}-{}-{}", random.between(200, 999), random.digits(4))
    }),
    form!("line in Seoul", &[], |random| fixed(random, "02").join("-")),
    form!("line elsewhere", &[], |random| {
        let area = random.pick(&["031", "032", "042", "051", "064", "(031) ", "(02) "]);
        let [area, exchange, last] = fixed(random, area);
        if area.ends_with(' ') {
            format!("{area}{exchange}-{last}")
        } else {
            format!("{area}-{exchange}-{last}")
        }
    }),
    form!("070", &[], |random| format!(
        "070-{}-{}",
        random.between(2000, 9999),
        random.digits(4)
    )),
    form!("0505", &[], |random| format!(
        "0505-{}-{}",
        random.between(200, 999),
        random.digits(4)
    )),
    form!("E.164", &[], |random| match random.below(4) {
        0 => format!("+1 (415) {}-{}", random.between(200, 999), random.digits(4)),
        1 => format!("+44 20 {} {}", random.between(2000, 9999), random.digits(4)),
        2 => format!("+81-90-{}-{}", random.between(2000, 9999), random.digits(4)),
        _ => format!("+4917{}", random.digits(9)),
    }),
    form!("e-mail", &[], email),
    form!("card", &[], |random| grouped(&card(random), 4, "-")),
    form!("card, plain", &[], card),
    form!("card, spaces", &[], |random| grouped(&card(random), 4, " ")),
    form!("card, domestic", CARD, |random| grouped(
        &luhn(random, "9", 16),
        4,
        "-"
    )),
    form!("card, Amex", &[], |random| {
        let number = luhn(random, "37", 15);
        format!("{}-{}-{}", &number[..4], &number[4..10], &number[10..])
    }),
    form!("business", BUSINESS, |random| business(random).join("-")),
    form!("business, plain", BUSINESS, |random| business(random)
        .concat()),
    form!("account", ACCOUNT, account),
    form!("account, plain", ACCOUNT, |random| account(random)
        .replace('-', "")),
    form!("passport", PASSPORT, |random| format!(
        "{}{}",
        random.letter("MSRGD"),
        random.digits(8)
    )),
    form!("passport, new", PASSPORT, |random| {
        format!(
            "M{}{}{}",
            random.digits(3),
            random.letter(UPPER),
            random.digits(4)
        )
    }),
    form!("licence", LICENCE, |random| {
        format!(
            "{}-{}-{}-{}",
            random.between(11, 26),
            random.digits(2),
            random.digits(6),
            random.digits(2)
        )
    }),
    form!("address by road", &[], road),
    form!("address by lot", &[], |random| {
        let place = random.pick(&[
            "서울 강남구 역삼동",
            "부산 수영구 광안동",
            "경기 용인시 처인구 김량장동",
            "충남 아산시 배방읍 공수리",
        ]);
        format!(
            "{place} {}-{}번지",
            random.between(1, 900),
            random.between(1, 60)
        )
    }),
    form!("IBAN", &[], |random| {
        let (country, length) = *random.pick(&[&("DE", 22), &("ES", 24), &("PL", 28), &("BE", 16)]);
        let number = iban(random, country, length);
        if random.below(2) == 0 {
            grouped(&number, 4, " ")
        } else {
            number
        }
    }),
    form!("IPv4", &[], |random| {
        let mut parts = [(); 4].map(|()| random.between(11, 223));
        // 127.x.x.x identifies nobody.
        parts[0] = parts[0].max(128);
        parts.map(|part| part.to_string()).join(".")
    }),
    form!("IPv6", &[], |random| {
        let parts: Vec<String> = (0..6)
            .map(|_| random.letters("0123456789abcdef", 4))
            .collect();
        format!("2001:db8:{}", parts.join(":"))
    }),
    form!("SSN", SSN, |random| {
        format!(
            "{}-{}-{}",
            random.between(101, 665),
            random.between(10, 99),
            random.between(1000, 9999)
        )
    }),
    form!("token", &[], token),
    form!("password", SECRET, |random| {
        format!(
            "{}{}{}",
            random.letters(LOWER, 5),
            random.digits(4),
            random.letter("!@#$")
        )
    }),
    form!("in a URL", &[], |random| {
        format!(
            "postgres://{}:{}@db.example.com",
            random.letters(LOWER, 6),
            random.letters(ALPHANUMERIC, 10)
        )
    }),
];

/// The secret between ordinary words, in half of the sentences with a particle.
pub fn sentence(form: &Form, random: &mut Random) -> Sentence {
    let secret = (form.make)(random);
    let (before, after) = if form.labels.is_empty() {
        let before = random.pick(&[
            "",
            "확인 부탁드려요 ",
            "어제 말씀드린 대로 ",
            "네 저는 ",
            "안녕하세요, ",
            "이걸로 해주세요: ",
            "please use ",
            "참고로 ",
        ]);
        let after = random.pick(&[
            "",
            " 입니다",
            "로 부탁드립니다",
            "이에요.",
            " 맞나요?",
            "으로 처리해 주세요",
            " thanks",
            "는 제 거예요",
            " 이거 저장해줘",
        ]);
        (before.to_owned(), after)
    } else {
        let label = random.pick(form.labels);
        let joined = random.pick(&[": ", "는 ", " : ", "=", "은 "]);
        let before = random.pick(&["", "제 ", "고객님 ", "문의드려요. "]);
        let after = random.pick(&[
            "",
            " 입니다",
            "입니다",
            " 이에요",
            " 확인해 주세요",
            "\n감사합니다",
            "예요",
        ]);
        (format!("{before}{label}{joined}"), after)
    };
    // Only the credentials of a URL are the secret.
    let (secret, after) = match secret.split_once("@db.") {
        Some((secret, host)) => (secret.to_owned(), format!("@db.{host} {after}")),
        None => (secret, after.to_owned()),
    };
    match secret.split_once("://") {
        Some((scheme, secret)) => Sentence {
            before: format!("{before}{scheme}://"),
            secret: secret.to_owned(),
            after,
        },
        None => Sentence {
            before,
            secret,
            after,
        },
    }
}
