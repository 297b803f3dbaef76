//! A second set that the scanners were not written along: other spellings, each particle, brackets,
//! quotes and emoji at the secret's sides, English and code around it, and other clean sentences.

use super::forms::Form;
use super::generate::{
    ALPHANUMERIC, LOWER, Random, UPPER, business, email, fixed, full_width, grouped, hangul, luhn,
    mobile, registration,
};
use super::judge::Sentence;

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
    // A password is not told without a sign, unless in Korean.
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

const CLEAN: &[fn(&mut Random) -> String] = &[
    |random| {
        format!(
            "접수 번호가 {}-{}인데 처리됐나요",
            random.digits(6),
            random.digits(5)
        )
    },
    |random| format!("등기번호 {}", random.digits(13)),
    |random| {
        format!(
            "거래번호 {}{}",
            random.between(20_200_101, 20_241_231),
            random.digits(8)
        )
    },
    |random| format!("잔액 {}원, 한도 {}만원", random.digits(7), random.digits(3)),
    |random| format!("{}만 {}원 할인", random.between(1, 99), random.digits(4)),
    |random| {
        format!(
            "{}.{}.{}({}) 오후 {}:{}",
            random.between(2000, 2030),
            random.between(1, 12),
            random.between(1, 28),
            random.pick(&["월", "화", "수"]),
            random.between(1, 12),
            random.between(10, 59)
        )
    },
    |random| {
        format!(
            "run took {}.{}s for {} rows",
            random.digits(3),
            random.digits(6),
            random.digits(7)
        )
    },
    |random| {
        format!(
            "job-{}-{} failed",
            random.digits(10),
            random.letters(LOWER, 5)
        )
    },
    |random| {
        format!(
            "v{}.{}.{}-rc.{}+build.{}",
            random.below(9),
            random.below(30),
            random.below(9),
            random.below(9),
            random.digits(8)
        )
    },
    |random| {
        format!(
            "Python {}.{}.{} / CUDA {}.{}",
            3,
            random.between(8, 14),
            random.below(12),
            12,
            random.below(8)
        )
    },
    |random| format!("EAN 4{}", random.digits(12)),
    |random| format!("CJ대한통운 {} 배송 중", random.digits(12)),
    |random| {
        format!(
            "eventId={} ts={}",
            random.digits(9),
            random.between(1_600_000_000_000, 1_800_000_000_000)
        )
    },
    |random| {
        format!(
            "\"created\": {}, \"id\": \"msg_{}\"",
            random.between(1_600_000_000, 1_800_000_000),
            random.letters(ALPHANUMERIC, 20)
        )
    },
    |random| format!("etag \"{}\"", random.letters("0123456789abcdef", 32)),
    |random| {
        format!(
            "ARN arn:aws:lambda:ap-northeast-2:{}:function:x",
            random.digits(12)
        )
    },
    |random| {
        format!(
            "project-{}.dataset.events_{}",
            random.digits(6),
            random.between(20_200_101, 20_241_231)
        )
    },
    |random| {
        format!(
            "인구 {},{},{}명 (전년 대비 +{}.{}%)",
            random.between(1, 51),
            random.digits(3),
            random.digits(3),
            random.below(9),
            random.below(9)
        )
    },
    |random| {
        format!(
            "GDP {}조 {}억 달러",
            random.between(1, 30),
            random.digits(4)
        )
    },
    |random| {
        format!(
            "{}개월 {}일 만에 {}위",
            random.between(1, 12),
            random.between(1, 30),
            random.between(1, 300)
        )
    },
    |random| {
        format!(
            "팀 {} vs {} = {}-{}",
            random.letter(UPPER),
            random.letter(UPPER),
            random.below(9),
            random.below(9)
        )
    },
    |random| {
        format!(
            "문서번호 {}-{}-{}",
            random.letters(UPPER, 3),
            random.between(2015, 2025),
            random.digits(5)
        )
    },
    |random| {
        format!(
            "법령 제{}조 제{}항 {}호",
            random.between(1, 200),
            random.between(1, 9),
            random.between(1, 9)
        )
    },
    |random| {
        format!(
            "좌석 {}열 {}번, {}관",
            random.letter(UPPER),
            random.between(1, 30),
            random.between(1, 9)
        )
    },
    |random| {
        format!(
            "1+{}={} 그리고 2^{}={}",
            random.below(99),
            random.below(199),
            random.below(31),
            random.digits(9)
        )
    },
    |random| {
        format!(
            "[{}, {}, {}, {}]",
            random.digits(3),
            random.digits(3),
            random.digits(4),
            random.digits(2)
        )
    },
    |random| {
        format!(
            "0.{} 0.{} 0.{}",
            random.digits(6),
            random.digits(7),
            random.digits(8)
        )
    },
    |random| {
        format!(
            "로또 {} {} {} {} {} {}",
            random.between(1, 45),
            random.between(1, 45),
            random.between(1, 45),
            random.between(1, 45),
            random.between(1, 45),
            random.between(1, 45)
        )
    },
    |random| {
        format!(
            "{}시 {}분부터 {}시까지 {}층 회의실",
            random.below(24),
            random.below(60),
            random.below(24),
            random.between(1, 30)
        )
    },
    |random| {
        format!(
            "강남으로 {}분, 판교로 {}분 걸려요",
            random.below(60),
            random.below(90)
        )
    },
    |random| {
        format!(
            "사진 IMG_{}_{}.jpg",
            random.between(20_200_101, 20_241_231),
            random.digits(6)
        )
    },
    |random| {
        format!(
            "memory 0x{} at line {}",
            random.letters("0123456789abcdef", 12),
            random.digits(4)
        )
    },
    |random| {
        format!(
            "rgb({}, {}, {})",
            random.below(256),
            random.below(256),
            random.below(256)
        )
    },
    |random| {
        format!(
            "스타벅스 {}호점, {}개 매장",
            random.digits(3),
            random.digits(4)
        )
    },
    |random| {
        format!(
            "RFC {} section {}.{}",
            random.digits(4),
            random.below(9),
            random.below(9)
        )
    },
    |random| {
        format!(
            "LG 그램 {}Z90R-GA{}K",
            random.between(14, 17),
            random.digits(2)
        )
    },
    |random| {
        format!(
            "회원 {}명 중 {}명이 {}일 이내 이탈",
            random.digits(5),
            random.digits(4),
            random.below(30)
        )
    },
    |random| {
        format!(
            "지난 {}~{}년 데이터, {}행",
            random.between(1990, 2010),
            random.between(2011, 2025),
            random.digits(6)
        )
    },
    |random| {
        format!(
            "port {} 와 {} 열어주세요",
            random.between(1024, 9999),
            random.between(10_000, 65_535)
        )
    },
    |random| {
        random
            .pick(&[
                "둘이서 일이 삼 개월 걸렸어요",
                "이사 오면 구 삼 일 이내에 전입신고",
                "Let's sync tomorrow, I'll ping you",
                "카드 재발급은 며칠 걸리나요?",
                "주민센터 몇 시까지 해요?",
                "주민등록등본 떼는 법 알려줘",
                "여권 만료일 확인해줘",
                "은행 영업시간이 어떻게 되나요",
                "API key rotation policy를 정하자",
                "how do I reset my password?",
            ])
            .to_owned()
    },
];

pub fn clean(count: usize, seed: u64) -> Vec<String> {
    let mut random = Random::new(seed);
    (0..count)
        .map(|at| CLEAN[at % CLEAN.len()](&mut random))
        .collect()
}
