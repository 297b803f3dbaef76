//! Texts that make scanners read back or ahead from each of their units, by scanner and by separator. The tests count
//! the units that are read, and the benchmark measures the time.

use serde_json::{Map, Value, json};

/// A text of any length, in which each part is repeated to fill an equal share.
pub struct Hard {
    pub name: &'static str,
    parts: Vec<String>,
}

impl Hard {
    fn new(name: &'static str, parts: &[&str]) -> Self {
        Self {
            name,
            parts: parts.iter().map(|&part| part.to_owned()).collect(),
        }
    }

    /// The text with at most this many bytes.
    pub fn text(&self, bytes: usize) -> String {
        let share = bytes / self.parts.len();
        let part = |part: &String| part.repeat(share / part.len());
        self.parts.iter().map(part).collect()
    }

    /// The parts of the text, which distinguish texts of the same name.
    pub fn parts(&self) -> String {
        format!("{:?}", self.parts)
    }
}

/// Separators between two groups of digits.
const SEPARATORS: &[&str] = &[
    "", " ", "  ", "-", " - ", "\n", ".", "·", "/", "_", "~", "(", ")", ") ", ",", ", ", ":", "=",
    "*", "|", "+", "－", "\u{200B}", "\\n", "    ", "-----",
];

/// Numbers by their groups. Some are incomplete, so that the next group may be the rest.
const NUMBERS: &[(&str, &[&str])] = &[
    ("phone", &["010", "1234", "5678"]),
    ("phone, half", &["010", "1234"]),
    ("registration", &["900101", "1234567"]),
    ("card", &["4111", "1111", "1111", "1111"]),
    ("card, half", &["4111", "1111"]),
    ("account", &["110", "123", "456789"]),
    ("business", &["123", "45", "67890"]),
    ("licence", &["11", "12", "345678", "90"]),
    ("digits", &["1"]),
    ("full-width digits", &["０１０", "１２３４", "５６７８"]),
    ("Hangul digits", &["공일공", "일이삼사", "오육칠팔"]),
    ("Hangul digits, mixed", &["공", "1", "이"]),
];

const TEXTS: &[(&str, &[&str])] = &[
    ("account", &["a:b|chpasswd "]),
    ("account", &["a", "'|chpasswd"]),
    ("account", &["chpasswd<<<'"]),
    ("account", &["htpasswd -b "]),
    ("account", &["htpasswd -bC "]),
    ("account", &["net user "]),
    ("account", &["smbclient -U a%"]),
    ("property", &["<property name='password'>"]),
    ("property", &["<property ", "name='password'>"]),
    ("form field", &["password[]="]),
    ("form field", &["password", "[]"]),
    ("phone", &["010-1234-5678 "]),
    ("phone", &["+82 10 1234 5678, "]),
    ("phone", &["%2B821012345678"]),
    ("phone", &["(", "010-1234-5678)"]),
    ("phone", &["전화 1588-1234 "]),
    ("registration, half", &["주민번호 900101 1234567 "]),
    ("registration", &["90010112345670 "]),
    ("card", &["카드 ", "4111 1111 1111 1111 "]),
    ("account", &["계좌 1234567890 "]),
    ("account", &["계좌 ", "1234567890 "]),
    ("account", &["계좌 110-123-456789 "]),
    ("account", &["우리", "110 123 456789 "]),
    ("health", &["건강보험 1-2345678901 "]),
    ("passport", &["M1 "]),
    ("passport", &["M12345678 "]),
    ("passport", &["M12-"]),
    ("passport", &["M123A4567"]),
    ("passport", &["M12 ", "1"]),
    ("plate", &["12가3456 "]),
    ("plate", &["서울 12 가 3456"]),
    ("SSN", &["ssn 123-45-6789 "]),
    ("e-mail", &["@"]),
    ("e-mail", &["a@b."]),
    ("e-mail", &["a@b.kr "]),
    ("e-mail", &["a @ b.kr"]),
    ("e-mail", &["%40a.bc"]),
    ("e-mail", &["_", "%40a.bc"]),
    ("e-mail", &["%", "%40a.bc"]),
    ("e-mail", &["a.", "%40a.bc"]),
    ("e-mail", &["(at)a.bc"]),
    ("e-mail", &["a(at)", "a."]),
    ("e-mail", &["골뱅이a.bc"]),
    ("e-mail", &["가골뱅이a.bc"]),
    ("e-mail", &["가", "골뱅이a.bc"]),
    ("e-mail", &["홍길동@a.bc"]),
    ("e-mail", &["a", "@", "b."]),
    ("dots", &["."]),
    ("dots", &["a."]),
    ("token", &["eyJ-"]),
    ("token", &["eyJa."]),
    ("token", &["eyJhbGciOiJIUzI1NiJ9."]),
    ("token", &["xoxb-"]),
    ("token", &["sk-"]),
    ("token", &["ghp_", "a1"]),
    ("token", &["AKIA"]),
    ("token", &["AKIAIOSFODNN7EXAMPLE "]),
    ("token", &["hooks.slack.com/services/"]),
    ("token", &["hooks.slack.com/services/ "]),
    ("base 64", &["aGVsbG8+"]),
    ("base 64", &["aGVsbG8/"]),
    ("base 64", &["="]),
    ("scheme", &["bearer "]),
    ("scheme", &["bearer-"]),
    ("scheme", &["Bearer."]),
    ("scheme", &["bearer", " "]),
    ("scheme", &["basic dXNlcjpwYXNz "]),
    ("scheme", &["basic="]),
    ("bot token", &["12345678:AA"]),
    ("bot token", &["12345678:aa-"]),
    ("private key", &["-----BEGIN "]),
    ("private key", &["-----BEGIN PRIVATE KEY-----"]),
    ("private key", &["-----BEGIN PRIVATE KEY-----END "]),
    ("URL", &["://a:"]),
    ("URL", &["https://u:p@h/"]),
    ("URL", &["http://", "a:@"]),
    ("label of a secret", &["pw="]),
    ("label of a secret", &["password: \""]),
    ("label of a secret", &["비밀번호"]),
    ("label of a secret", &["비밀번호 "]),
    ("label of a secret", &["비밀번호", " "]),
    ("label of a secret", &["비번은 a1!"]),
    ("label of a secret", &["secret_key"]),
    ("label of a secret", &["pw=", "."]),
    ("label of a secret", &["password1 "]),
    ("label of a secret", &["--password "]),
    ("label of a secret", &["<password>"]),
    ("label of a secret", &["login a password b\n"]),
    ("label of a secret", &["password: a,B1,B2"]),
    ("label of a secret", &["password:\n"]),
    ("marks around a label", &["*password*"]),
    ("marks around a label", &["*password:* "]),
    ("marks around a label", &["password", "*"]),
    ("marks around a label", &["password: **"]),
    ("marks around a label", &["password: ", "*a"]),
    ("marks around a label", &["<b>password</b>"]),
    ("marks around a label", &["password", "</b>"]),
    ("marks around a label", &["password: ", "<b>"]),
    ("marks around a label", &["password: ```"]),
    ("marks around a label", &["password: ", "```\n"]),
    ("cell of a table", &["|password|"]),
    ("cell of a table", &["|password|a1b2c|\n"]),
    ("cell of a table", &["<td>password</td><td>"]),
    ("cell of a table", &["password | ", " "]),
    ("value below a label", &["password\n"]),
    ("value below a label", &["password\n\n> "]),
    ("value below a label", &["password\nvalue: "]),
    ("value below a label", &["password: {\"value\": "]),
    ("purpose of a secret", &["password for a b "]),
    ("purpose of a secret", &["password for ", "a"]),
    ("purpose of a secret", &["password (a) "]),
    ("purpose of a secret", &["password ("]),
    ("purpose of a secret", &["password's "]),
    ("value in brackets", &["password: <"]),
    ("value in brackets", &["password: <a>"]),
    ("value in brackets", &["password: «"]),
    ("value in brackets", &["password is \"a b c "]),
    ("word in Hangul", &["비밀번호: 가"]),
    ("word in Hangul", &["비밀번호: ", "가"]),
    ("word in Cyrillic", &["пароль: ж"]),
    ("triple quotes", &["password=\'\'\'"]),
    ("triple quotes", &["password=\'\'\'a"]),
    ("prefix of a literal", &["password=r\'"]),
    ("prefix of a literal", &["password: ", "r#"]),
    ("block of YAML", &["password: |\n "]),
    ("block of YAML", &["password: >-"]),
    ("arrow", &["password <- \'"]),
    ("statement", &["identified by "]),
    ("statement", &["create identified with "]),
    ("statement", &["create user a password \'"]),
    ("statement", &["create user ", "identified by a"]),
    ("statement", &["set password for "]),
    ("statement", &["ConvertTo-SecureString -string "]),
    ("list of arguments", &["\"-u\", \"a:b\", "]),
    ("list of arguments", &["[\"curl\", \"-u\", "]),
    ("list of arguments", &["\"--password\", "]),
    ("random letters", &["ghp_abcdefghAbcdefghAbcd"]),
    ("one-time code", &["otp "]),
    ("one-time code", &["otp 1234 "]),
    ("one-time code", &["otp 12-"]),
    ("one-time code", &["otp ", "12 "]),
    ("one-time code", &["1234 is your otp "]),
    ("one-time code", &["[1234] 인증번호"]),
    ("one-time code", &["pin is your "]),
    ("telephone of a person", &["my number is "]),
    ("telephone of a person", &["tlf 22334455 "]),
    ("request to call", &["me "]),
    ("request to call", &["call me at "]),
    ("request to call", &["call me ", "at on "]),
    ("request to call", &["call Ann 07700 900123 "]),
    ("request to call", &["rufen Sie mich "]),
    ("request to call", &["gọi cho "]),
    ("request to call", &["電話して"]),
    ("request to call", &["07700 900123 is my "]),
    ("version", &["Chrome/1.2.3.4 "]),
    ("version", &["A/", "1.2.3.4/"]),
    ("name with abbreviations", &["sk-getHTTPURL"]),
    (
        "name with abbreviations",
        &["sk-getHTTPResponseFromURLThenParse "],
    ),
    ("options joined", &["curl -sSu "]),
    ("label of a key", &["key="]),
    ("label of a key", &["sig: "]),
    ("label of a key", &["Authorization: Basic "]),
    ("label of a key", &["키: "]),
    ("name with its use", &["password_prod"]),
    ("name with its use", &["password_prod_eu_a"]),
    ("cookies", &["Cookie: "]),
    ("cookies", &["cookie=a; "]),
    ("cookies", &["cookie:", "a=b; "]),
    ("cookies", &["cookie: a; password=b; "]),
    ("list of names", &["('password', '"]),
    ("list of names", &["'password',"]),
    ("command", &["login -p "]),
    ("command", &[" -u"]),
    ("command", &["curl -u "]),
    ("command", &["curl", " -u a:b"]),
    ("data source", &["@("]),
    ("data source", &["a:b@tcp("]),
    ("token", &["0123456789abcdef0123456789abcdef-us"]),
    ("token", &["sk_live_", "a1"]),
    ("URL", &["://@"]),
    ("URL", &["://", "a@"]),
    ("e-mail", &["\"@a.bc"]),
    ("e-mail", &["\"", "a\"@a.bc"]),
    ("e-mail", &["a'@a.bc"]),
    ("phone", &["tel 12345678 "]),
    ("phone", &["tel ", "12 "]),
    ("card", &["4111 1111 1111 1111/12/29 "]),
    ("IBAN", &["DE89 "]),
    ("IBAN", &["DE89-"]),
    ("IBAN", &["DE89370400440532013000 "]),
    ("IBAN", &["DE89", "3704 "]),
    ("IPv4", &["1."]),
    ("IPv4", &["1.2.3.4."]),
    ("IPv4", &["10.20.30.40 "]),
    ("IPv6", &[":"]),
    ("IPv6", &["::"]),
    ("IPv6", &["a:"]),
    ("IPv6", &["fe80::1 "]),
    ("IPv6", &["1:2:3:4:5:6:7:8:"]),
    ("address", &["서울 "]),
    ("address", &["강남구 테헤란로 1 "]),
    ("address", &["강남구 ", "테헤란로 1 "]),
    ("address", &["1동 "]),
    ("address", &["1동", " "]),
    ("address", &["1동 1호 "]),
    ("address", &["1로 1길 1 "]),
    ("address", &["1길"]),
    ("address", &["로 1 지하", " "]),
    ("address", &["1로 1길 지하 "]),
    ("address", &["역삼동 1-", "1"]),
    ("address", &["로1-"]),
    ("address", &["("]),
    ("address", &["로1("]),
    ("address", &["테헤란로 12, 101동 1203호 "]),
    ("labels", &["전화 "]),
    ("labels", &["phone"]),
    ("labels", &["주문번호"]),
    ("labels", &["우리"]),
    ("labels", &["주민-등록-"]),
    ("labels", &["credit card_"]),
    ("read out", &["공"]),
    ("read out", &["공 "]),
    ("read out", &["공일"]),
    ("read out", &["이 일 "]),
    ("read out", &["공에"]),
    ("read out", &["공하이픈"]),
    ("read out", &["이", "1"]),
    ("one digit", &["0"]),
    ("one digit", &["①"]),
    ("one digit", &["1\u{20E3}"]),
    ("spaces", &[" "]),
    ("spaces", &["\n"]),
    ("spaces", &["\t1"]),
    ("dashes", &["-"]),
    ("dashes", &["a-"]),
    ("underscores", &["_"]),
    ("escapes", &["\\"]),
    ("escapes", &["\\\\n"]),
    ("escapes", &["\\u0030"]),
    ("escapes", &["\\", "u0030"]),
    ("placeholders", &["["]),
    ("placeholders", &["[PHONE_"]),
    ("placeholders", &["[PHONE_", "1"]),
    ("placeholders", &["[PHONE_1]"]),
    ("placeholders", &["[PHONE_1]010-"]),
    ("invisible", &["\u{200B}"]),
    ("invisible", &["0\u{200B}"]),
    ("combining", &["\u{301}"]),
    ("combining", &["a\u{301}"]),
    ("combining", &["1\u{301}"]),
    ("jamo", &["\u{1103}\u{1169}\u{11BC}"]),
    ("jamo", &["\u{1103}"]),
    ("emoji", &["👍"]),
    ("letters", &["a"]),
    ("letters", &["A1"]),
    ("letters", &["가"]),
    ("letters", &["é"]),
];

pub fn texts() -> Vec<Hard> {
    let mut hard: Vec<Hard> = TEXTS
        .iter()
        .map(|(name, parts)| Hard::new(name, parts))
        .collect();
    for (name, groups) in NUMBERS {
        for separator in SEPARATORS {
            let number = groups.join(separator) + separator;
            hard.push(Hard::new(name, &[&number]));
        }
    }
    hard
}

/// JSON of about this many bytes, in forms that may make masking repeat work.
pub fn values(bytes: usize) -> Vec<(&'static str, Value)> {
    let count = bytes / 32;
    let object = |key: &dyn Fn(usize) -> String| {
        let entry = |at| (key(at), Value::from("010-1234-5678"));
        Value::Object((0..count).map(entry).collect::<Map<_, _>>())
    };
    let nested = (0..100).fold(json!("010-1234-5678"), |inner, _| json!([inner]));
    let under = (0..100).fold(json!({"a": "b"}), |inner, _| json!({"계좌": inner}));
    let digits = vec![Value::from(10); bytes / 3];
    vec![
        ("lists in lists", Value::from(vec![nested; bytes / 272])),
        (
            "objects in objects",
            Value::from(vec![under; bytes / 1_024]),
        ),
        ("keys", object(&|at| format!("key {at}"))),
        (
            "keys that are masked",
            object(&|at| format!("010-1234-{:04} {}", at % 500, at / 500)),
        ),
        (
            "keys that are masked alike",
            object(&|at| format!("900101-1{at:06}")),
        ),
        ("one key of many values", json!({"k".repeat(200): digits})),
        ("arguments", json!({"args": vec!["-u"; bytes / 6]})),
        ("options", json!(["--password", "a"].repeat(bytes / 20))),
        (
            "maps of secrets",
            json!(vec![
                json!({"password": {"dev": "hunter2", "min": 8}});
                bytes / 48
            ]),
        ),
        (
            "names and values",
            json!(vec![
                json!({"Name": "password", "Value": "hunter2"});
                bytes / 48
            ]),
        ),
        (
            "one key of one value",
            json!({"계좌번호": "110-123-456789 ".repeat(bytes / 16)}),
        ),
    ]
}
