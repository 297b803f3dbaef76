//! A second set of forms, which the scanners were not developed with: other spellings, each particle, brackets, quotes
//! and emoji next to the secret, English and code around it.

use crate::forms::Form;
use crate::generate::{
    ALPHANUMERIC, LOWER, Random, UPPER, business, email, fixed, full_width, grouped, hangul, luhn,
    mobile, registration,
};
use crate::judge::Sentence;

const PARTICLES: &[&str] = &[
    "은",
    "는",
    "이",
    "가",
    "을",
    "를",
    "로",
    "으로",
    "에",
    "에게",
    "께",
    "도",
    "만",
    "까지",
    "부터",
    "이요",
    "입니다",
    "인데요",
    "이고",
    "이랑",
    "하고",
    "이야",
    "라고",
    "에서",
    "한테",
];

const SIDES: &[(&str, &str)] = &[
    ("(", ")"),
    ("[", "]"),
    ("\"", "\""),
    ("'", "'"),
    ("“", "”"),
    ("<", ">"),
    ("「", "」"),
    ("**", "**"),
    ("`", "`"),
    ("📞", "🙏"),
    ("→", "←"),
    (":", ";"),
    ("👉 ", "!"),
    ("- ", "."),
    ("\n", "\n"),
    ("① ", ","),
    ("/", "/"),
    ("=", "&x=y"),
    ("{\"v\":\"", "\"}"),
    ("\\n", "\\n"),
    ("<b>", "</b>"),
    ("=> ", "?"),
    ("~", "~"),
    ("…", "…"),
    ("|", "|"),
];

fn parted(random: &mut Random, parts: &[String]) -> String {
    let between = random.pick(&[
        "-",
        "–",
        "—",
        "‑",
        "－",
        "−",
        "ㅡ",
        " ",
        "  ",
        "\u{A0}",
        "\u{3000}",
        ".",
        "·",
        "ㆍ",
        "_",
        "/",
        "~",
        " - ",
        " . ",
        "- ",
        "\u{200B}-",
        "\u{2009}",
    ]);
    parts.join(between)
}

fn halves(random: &mut Random, foreign: bool) -> String {
    let checked = random.below(2) == 0;
    let (front, back) = registration(random, foreign, checked);
    parted(random, &[front, back])
}

fn invisible(random: &mut Random, text: &str) -> String {
    let between = random.pick(&["\u{200B}", "\u{200D}", "\u{FEFF}", "\u{AD}", "\u{2060}"]);
    grouped(text, random.between(1, 4) as usize, between)
}

fn apart(text: &str) -> String {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    grouped(&digits, 1, " ")
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
    form!("RRN, any separator", &[], |random| halves(random, false)),
    form!("RRN, invisible", &[], |random| {
        let (front, back) = registration(random, false, false);
        invisible(random, &format!("{front}-{back}"))
    }),
    form!("RRN, digits apart", &[], |random| {
        let (front, back) = registration(random, false, true);
        apart(&format!("{front}{back}"))
    }),
    form!("RRN, full-width, plain", &[], |random| {
        let (front, back) = registration(random, false, false);
        full_width(&format!("{front}{back}"))
    }),
    form!("RRN, read out", &[], |random| {
        let (front, back) = registration(random, false, true);
        let between = random.pick(&["다시 ", " 다시 ", "-", "에 ", " "]);
        hangul(&format!("{front}{between}{back}"), random.letter("공영"))
    }),
    form!(
        "RRN, read out, digits apart",
        &["주민번호", "주민등록번호"],
        |random| {
            let (front, back) = registration(random, false, false);
            hangul(&apart(&format!("{front}{back}")), random.letter("공영"))
        }
    ),
    form!("FRN, any separator", &[], |random| halves(random, true)),
    form!("RRN, across lines", &["주민번호", "RRN"], |random| {
        let (front, back) = registration(random, false, false);
        format!("{front}-\n{back}")
    }),
    form!("mobile, any separator", &[], |random| {
        let parts = mobile(random);
        parted(random, &parts)
    }),
    form!("mobile, brackets", &[], |random| {
        let [first, second, third] = mobile(random);
        match random.below(3) {
            0 => format!("({first}){second}-{third}"),
            1 => format!("({first}) {second} {third}"),
            _ => format!("{first})-{second}-{third}"),
        }
    }),
    form!("mobile, cut elsewhere", &[], |random| {
        let [first, second, third] = mobile(random);
        match random.below(4) {
            0 => format!("{first}-{second}{third}"),
            1 => format!("{first}{second}-{third}"),
            2 => format!(
                "{first} {} {}",
                grouped(&second, 2, " "),
                grouped(&third, 2, " ")
            ),
            _ => apart(&format!("{first}{second}{third}")),
        }
    }),
    form!("mobile, invisible", &[], |random| {
        let number = mobile(random).concat();
        invisible(random, &number)
    }),
    form!("mobile from abroad", &[], |random| {
        let [_, second, third] = mobile(random);
        match random.below(7) {
            0 => format!("+82-10-{second}-{third}"),
            1 => format!("0082 10 {second} {third}"),
            2 => format!("+82 10{second}{third}"),
            3 => format!("(+82) 10-{second}-{third}"),
            4 => format!("+82.10.{second}.{third}"),
            5 => format!("82-10-{second}-{third}"),
            _ => format!("+82)10-{second}-{third}"),
        }
    }),
    form!("mobile, read out", &[], |random| {
        let [first, second, third] = mobile(random);
        let between = random.pick(&["에 ", "의 ", " 다시 ", "-", "", " "]);
        let number = format!("{first}{between}{second}{between}{third}");
        hangul(&number, random.letter("공영"))
    }),
    form!("mobile, half read out", &[], |random| {
        let [first, second, third] = mobile(random);
        let rest = hangul(&format!("{second} {third}"), '공');
        format!("{first} {rest}")
    }),
    form!("mobile, math digits", &[], |random| {
        let number = mobile(random).join("-");
        let bold = |letter: char| match letter.to_digit(10) {
            Some(digit) => char::from_u32(0x1D7CE + digit).unwrap_or(letter),
            None => letter,
        };
        number.chars().map(bold).collect()
    }),
    form!("line, any separator", &[], |random| {
        let area = random.pick(&["02", "031", "033", "043", "053", "055", "061", "063"]);
        let parts = fixed(random, area);
        parted(random, &parts)
    }),
    form!(
        "line, named",
        &["전화", "팩스", "Tel", "연락처"],
        |random| {
            let area = random.pick(&["02", "031", "051"]);
            let [area, second, third] = fixed(random, area);
            match random.below(4) {
                0 => format!("{area}){second}-{third}"),
                1 => format!("{area}.{second}.{third}"),
                2 => format!("{area}{second}{third}"),
                _ => format!("+82-{}-{second}-{third}", &area[1..]),
            }
        }
    ),
    form!("050x and 070", &[], |random| {
        let first = random.pick(&["070", "0502", "0507", "0504"]);
        let [_, exchange, last] = mobile(random);
        parted(random, &[first.to_owned(), exchange, last])
    }),
    form!("e-mail, full-width or capitals", &[], |random| {
        let address = email(random);
        match random.below(3) {
            0 => address.replace('@', "＠"),
            1 => address.to_uppercase(),
            _ => format!("first+tag_{address}"),
        }
    }),
    form!("card, any separator", &[], |random| {
        let prefix = random.pick(&["4", "52", "54", "356", "62"]);
        let number = luhn(random, prefix, 16);
        let parts: Vec<String> = (0..4)
            .map(|at| number[at * 4..at * 4 + 4].to_owned())
            .collect();
        parted(random, &parts)
    }),
    form!("card, full-width", &[], |random| full_width(&grouped(
        &luhn(random, "4", 16),
        4,
        "-"
    ))),
    form!(
        "card, Amex or Diners",
        &[],
        |random| match random.below(2) {
            0 => {
                let number = luhn(random, "34", 15);
                format!("{} {} {}", &number[..4], &number[4..10], &number[10..])
            }
            _ => luhn(random, "36", 14),
        }
    ),
    form!(
        "business, any separator",
        &["사업자등록번호", "사업자", "사업자 등록 번호"],
        |random| {
            let parts = business(random);
            parted(random, &parts)
        }
    ),
    form!(
        "account, of banks",
        &[
            "농협",
            "우리은행",
            "하나은행 계좌",
            "기업은행",
            "토스뱅크",
            "입금하실 계좌",
            "SC제일은행"
        ],
        |random| {
            let cut: &[usize] = random.pick(&[
                [3, 4, 4, 2].as_slice(),
                &[4, 3, 6],
                &[3, 6, 5],
                &[3, 6, 2, 3],
                &[4, 4, 4],
                &[3, 2, 6],
            ]);
            let groups: Vec<String> = cut.iter().map(|&count| random.digits(count)).collect();
            groups.join(random.pick(&["-", "-", " "]))
        }
    ),
    form!(
        "passport",
        &["여권", "여권 번호", "Passport", "passport number"],
        |random| match random.below(4) {
            0 => format!("m{}", random.digits(8)),
            1 => format!("M {} {}", random.digits(4), random.digits(4)),
            2 => format!("M-{}", random.digits(8)),
            _ => format!(
                "M{}{}{}",
                random.digits(3),
                random.letter(UPPER),
                random.digits(4)
            ),
        }
    ),
    form!(
        "licence",
        &["면허", "운전면허", "면허증 번호"],
        |random| match random.below(3) {
            0 => format!(
                "서울 {}-{}-{}",
                random.digits(2),
                random.digits(6),
                random.digits(2)
            ),
            1 => format!("{}{}", random.between(11, 26), random.digits(10)),
            _ => format!(
                "{} {} {} {}",
                random.between(11, 26),
                random.digits(2),
                random.digits(6),
                random.digits(2)
            ),
        }
    ),
    form!(
        "address",
        &["주소", "배송지", "주소지", "배송 주소"],
        |random| {
            let place = random.pick(&[
                "수원시 영통구 광교중앙로",
                "서울시 송파구 올림픽로",
                "대구광역시 수성구 달구벌대로",
                "세종특별자치시 한누리대로",
                "경기 고양시 일산동구 중앙로",
                "울산 남구 삼산로",
                "전라남도 순천시 중앙로",
            ]);
            let first = random.between(1, 300);
            match random.below(4) {
                0 => format!(
                    "{place} {first}-{}, {}호",
                    random.between(1, 30),
                    random.between(101, 999)
                ),
                1 => format!("{place}{first}번길 {}", random.between(1, 50)),
                2 => format!("({}) {place} {first}", random.between(10_000, 63_000)),
                _ => format!(
                    "{place} {first} 래미안아파트 {}동 {}호",
                    random.between(101, 130),
                    random.between(101, 2000)
                ),
            }
        }
    ),
    form!(
        "plate",
        &["차량번호", "차 번호", "자동차"],
        |random| {
            let letter = random.letter("가나다라마거너더러머버서어저고노도로모보소오조");
            let space = random.pick(&["", " "]);
            format!(
                "{}{letter}{space}{}",
                random.between(10, 399),
                random.digits(4)
            )
        }
    ),
    form!("token", &[], |random| match random.below(7) {
        0 => format!("gho_{}", random.letters(ALPHANUMERIC, 36)),
        1 => format!(
            "xoxp-{}-{}-{}",
            random.digits(11),
            random.digits(12),
            random.letters(ALPHANUMERIC, 24)
        ),
        2 => format!("sk-{}", random.letters(ALPHANUMERIC, 48)),
        3 => format!(
            "eyJ{}.eyJ{}.{}",
            random.letters(ALPHANUMERIC, 30),
            random.letters(ALPHANUMERIC, 60),
            random.letters(ALPHANUMERIC, 43)
        ),
        4 => format!("glpat-{}", random.letters(ALPHANUMERIC, 20)),
        5 => format!("npm_{}", random.letters(ALPHANUMERIC, 36)),
        _ => format!(
            "ASIA{}",
            random.letters("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16)
        ),
    }),
    form!(
        "password",
        &[
            "비밀번호",
            "암호",
            "PW",
            "pwd",
            "client_secret",
            "DB_PASSWORD",
            "accessToken"
        ],
        |random| {
            let first = random.letters(LOWER, 4);
            format!(
                "{first}{}{}{}",
                random.letter("!_-@#*"),
                random.digits(3),
                random.letter(UPPER)
            )
        }
    ),
];

pub fn sentence(form: &Form, random: &mut Random) -> Sentence {
    let secret = (form.make)(random);
    if form.labels.is_empty() {
        return bare(secret, random);
    }
    let label = random.pick(form.labels);
    let joined = random.pick(&[": ", " - ", "는 ", "\": \"", " = ", "：", " "]);
    // Only in Korean does a password follow its label without a sign.
    let joined = if label.is_ascii() && !joined.contains([':', '=', '：']) {
        "="
    } else {
        joined
    };
    let joined = if form.name == "password" && joined == " - " {
        ": "
    } else {
        joined
    };
    let before = random.pick(&[
        "",
        "안녕하세요 ",
        "[문의] ",
        "FYI ",
        "고객정보\n",
        "{\"",
        "1. ",
    ]);
    let after = random.pick(&[
        "",
        "\n",
        " 입니다만",
        "이에요~",
        " (확인)",
        "\"}",
        " 로 해주세요",
        ", 감사합니다",
        "요",
    ]);
    Sentence {
        before: format!("{before}{label}{joined}"),
        secret,
        after: after.to_owned(),
    }
}

fn bare(secret: String, random: &mut Random) -> Sentence {
    let lead = random.pick(&[
        "",
        "혹시 ",
        "저희 팀장님은",
        "Please save ",
        "내 것 ",
        "기록: ",
    ]);
    if random.below(2) == 0 {
        let particle = random.pick(PARTICLES);
        let rest = random.pick(&["", " 확인했어요", " 보내주세요.", " 맞죠?"]);
        return Sentence {
            before: lead.to_owned(),
            secret,
            after: format!("{particle}{rest}"),
        };
    }
    let &(open, close) = random.pick(&SIDES.iter().collect::<Vec<_>>());
    Sentence {
        before: format!("{lead}{open}"),
        secret,
        after: format!("{close} {}", random.pick(&["", "끝", "ok", "보세요"])),
    }
}
