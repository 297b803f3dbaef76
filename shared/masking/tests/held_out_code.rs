//! A third set of forms, which the scanners were not developed with: secrets in commands, headers, URLs, settings and
//! source code, passwords after their name in many languages, and telephone numbers, addresses and cards of other
//! countries.

use crate::forms::Form;
use crate::generate::{ALPHANUMERIC, LOWER, Random, UPPER, grouped, luhn};
use crate::judge::Sentence;

const HEX: &str = "0123456789abcdef";
const BASE64: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/";

const WORDS: &[&str] = &[
    "swordfish",
    "correcthorse",
    "sunshine",
    "abacaxi",
    "Sommerregen",
    "dragonfruit",
];

fn plain(random: &mut Random) -> String {
    random.pick(WORDS).to_owned()
}

fn key(random: &mut Random) -> String {
    match random.below(4) {
        0 => random.letters(HEX, 32),
        1 => random.letters(HEX, 64),
        2 => random.letters(ALPHANUMERIC, 40),
        _ => format!(
            "{}.{}",
            random.letters(HEX, 32),
            random.letters(ALPHANUMERIC, 16)
        ),
    }
}

fn base64(random: &mut Random) -> String {
    format!("{}==", random.letters(BASE64, 86))
}

fn provided(random: &mut Random, kinds: &[(&str, &str, usize)]) -> String {
    let (prefix, of, count) = kinds[random.below(kinds.len() as u64) as usize];
    format!("{prefix}{}", random.letters(of, count))
}

macro_rules! form {
    ($name:literal, $templates:expr, $make:expr) => {
        Form {
            name: $name,
            labels: $templates,
            make: $make,
        }
    };
}

const BARE: &[&str] = &[
    "{}",
    "use {} please",
    "제 키는 {}입니다",
    "\"{}\"",
    "({})",
    "token {}.",
];

/// The labels are templates with the secret in braces.
pub const FORMS: &[Form] = &[
    form!("key of a model provider", BARE, |random| provided(
        random,
        &[
            ("nvapi-", ALPHANUMERIC, 64),
            ("gsk_", ALPHANUMERIC, 52),
            ("sk-or-v1-", HEX, 64),
            ("pplx-", ALPHANUMERIC, 48),
            ("csk-", ALPHANUMERIC, 48),
            ("jina_", ALPHANUMERIC, 60),
            ("llx-", ALPHANUMERIC, 48),
            ("hf_", ALPHANUMERIC, 34),
            ("r8_", ALPHANUMERIC, 37),
            ("fw_", ALPHANUMERIC, 24),
            ("tgp_v1_", ALPHANUMERIC, 43),
            ("pcsk_", ALPHANUMERIC, 60),
        ]
    )),
    form!("key of a tool provider", BARE, |random| provided(
        random,
        &[
            ("CFPAT-", ALPHANUMERIC, 43),
            ("dnkey-", ALPHANUMERIC, 26),
            ("PMAK-", HEX, 59),
            ("glrt-", ALPHANUMERIC, 20),
            ("dp.pt.", ALPHANUMERIC, 43),
            ("rubygems_", HEX, 48),
            ("pul-", HEX, 40),
            ("dckr_pat_", ALPHANUMERIC, 27),
            ("napi_", "abcdefghijklmnopqrstuvwxyz0123456789", 64),
            ("xau_", ALPHANUMERIC, 42),
            ("xaat-", HEX, 36),
            ("AVNS_", ALPHANUMERIC, 19),
            ("figd_", ALPHANUMERIC, 40),
            ("lin_api_", ALPHANUMERIC, 40),
            ("NRJS-", HEX, 19),
            ("hcaik_", "abcdefghijklmnopqrstuvwxyz0123456789", 58),
        ]
    )),
    form!("key of a payment provider", BARE, |random| provided(
        random,
        &[
            ("live_sk_", ALPHANUMERIC, 32),
            ("test_sk_", ALPHANUMERIC, 32),
            ("rzp_live_", ALPHANUMERIC, 14),
            ("APP_USR-", "0123456789-", 40),
            ("pdl_live_apikey_", ALPHANUMERIC, 40),
            ("sq0csp-", ALPHANUMERIC, 43),
            ("shpat_", HEX, 32),
            ("EZAK", ALPHANUMERIC, 54),
            ("shippo_live_", HEX, 40),
            ("rk_live_", ALPHANUMERIC, 24),
        ]
    )),
    form!(
        "key without a prefix",
        BARE,
        |random| match random.below(3) {
            0 => format!("{}-us{}", random.letters(HEX, 32), random.digits(2)),
            1 => format!(
                "{}{}Q~{}",
                random.letters(ALPHANUMERIC, 3),
                random.digits(1),
                random.letters(ALPHANUMERIC, 34)
            ),
            _ => format!(
                "{}.atlasv1.{}",
                random.letters(ALPHANUMERIC, 14),
                random.letters(ALPHANUMERIC, 67)
            ),
        }
    ),
    form!(
        "random value after the name of a key",
        &[
            "my key: {}",
            "here is the key = {}",
            "api-key: {}",
            "ApiKey={}",
            "apiKey: '{}',",
            "STRIPE_KEY={}",
            "export DATADOG_APP_KEY={}",
            "api key {}",
            "the key is {}",
            "키: {}",
            "인증키는 {}입니다",
            "\"subscriptionKey\": \"{}\"",
            "signing_key = {}",
            "encryption key: {}",
            "license key: {}",
        ],
        key
    ),
    form!(
        "key of a storage account",
        &[
            "DefaultEndpointsProtocol=https;AccountName=x;AccountKey={};EndpointSuffix=core.windows.net",
            "AccountKey={}",
            "SharedAccessKey={}",
            "Endpoint=sb://x.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey={}",
            "account key: {}",
            "PrimaryKey: {}",
        ],
        base64
    ),
    form!(
        "signature in a URL",
        &[
            "https://x.blob.core.windows.net/c/f?sv=2024-01-01&se=2026-11-30T00%3A00Z&sp=r&sig={}",
            "?sig={}",
            "https://x.s3.amazonaws.com/f?X-Amz-Date=20261130T000000Z&X-Amz-Signature={}&x=1",
            "https://cdn.example.com/a.mp4?Expires=1764460800&Signature={}&Key-Pair-Id=K1",
            "https://example.com/cb?signature={}",
        ],
        |random| match random.below(2) {
            0 => random.letters(HEX, 64),
            _ => format!("{}%3D", random.letters(ALPHANUMERIC, 43)),
        }
    ),
    form!(
        "token in a URL",
        &[
            "https://example.com/reset?token={}",
            "https://example.com/a?x=1&access_token={}&y=2",
            "GET /v1/me?api_key={} HTTP/1.1",
            "https://example.com/#access_token={}&token_type=bearer",
            "wss://example.com/?auth_token={}",
            "https://example.com/hook?key={}",
        ],
        |random| random.letters(ALPHANUMERIC, 24)
    ),
    form!(
        "password in a URL",
        &[
            "redis://:{}@cache:6379/0",
            "mongodb+srv://app:{}@cluster0.example.mongodb.net/shop",
            "amqp://guest:{}@mq.internal:5672/",
            "https://kim:{}@git.example.com/a/b.git",
            "ftp://kim:{}@192.0.2.7/x",
            "jdbc:postgresql://db/shop?user=app&password={}",
            "mysql://root:{}@127.0.0.1:3306/shop",
        ],
        |random| match random.below(4) {
            0 => format!("p#ss{}word", random.digits(1)),
            1 => format!("pa/ss?{}", random.letters(ALPHANUMERIC, 5)),
            2 => plain(random),
            _ => format!("{}@{}", random.letters(LOWER, 4), random.digits(3)),
        }
    ),
    form!(
        "token as the user of a URL",
        &[
            "git clone https://{}@git.example.com/a/b.git",
            "https://{}@o1.ingest.example.com/4",
        ],
        |random| random.letters(HEX, 40)
    ),
    form!(
        "password in a connection string",
        &[
            "Server=db;Database=shop;User Id=app;Password={};Encrypt=true",
            "Server=db;Uid=app;Pwd={};",
            "host=db user=app password={} dbname=shop",
            "cache:6380,password={},ssl=True",
            "app:{}@tcp(127.0.0.1:3306)/shop",
            "DATABASE_PASSWORD={}",
            "export PGPASSWORD={}",
            "PGPASSWORD={} psql -h db",
        ],
        |random| {
            match random.below(3) {
                0 => plain(random),
                1 => format!("{}!{}", random.letters(LOWER, 5), random.digits(3)),
                _ => random.letters(ALPHANUMERIC, 12),
            }
        }
    ),
    form!(
        "password of a command",
        &[
            "curl -u admin:{} https://api.example.com",
            "curl -s --user kim:{} https://api.example.com",
            "curl -ukim:{} https://api.example.com",
            "mysql -u root -p{} shop",
            "mysqldump -h db --password={} shop",
            "sshpass -p {} ssh kim@host",
            "docker login -u kim -p {} registry.example.com",
            "redis-cli -h cache -a {} ping",
            "deploy --password {} --force",
            "tool --token {} run",
            "psql --password={}",
        ],
        |random| match random.below(2) {
            0 => format!("Tr0ub4{}", random.letters(LOWER, 3)),
            _ => random.letters(ALPHANUMERIC, 12),
        }
    ),
    form!(
        "header",
        &[
            "Authorization: Bearer {}",
            "-H 'Authorization: Bearer {}'",
            "authorization: token {}",
            "Proxy-Authorization: Basic {}=",
            "x-api-key: {}",
            "-H \"X-Auth-Token: {}\"",
            "Ocp-Apim-Subscription-Key: {}",
            "Cookie: session={}; theme=dark",
            "X-Hub-Signature-256: sha256={}",
            "PRIVATE-TOKEN: {}",
            "{\"headers\": {\"Authorization\": \"Bearer {}\"}}",
        ],
        |random| random.letters(HEX, 40)
    ),
    form!(
        "password after its name",
        &[
            "password: {}",
            "Password = {}",
            "my password is {}",
            "password {}",
            "passwd: {}",
            "PW: {}",
            "pw {}",
            "passphrase: {}",
            "new_password: \"{}\"",
            "ID: kim / PW: {}",
            "login kim password {}",
            "password - {}",
            "the wifi password is {}.",
        ],
        |random| format!("{}{}", random.letters(LOWER, 6), random.digits(2))
    ),
    form!(
        "password that is a word",
        &[
            "password: {}",
            "Password: {}\nHost: db",
            "user: kim, password: {}",
            "(password: {})",
            "password={}",
            "비밀번호: {}",
            "Passwort: {}",
            "contraseña: {}",
            "пароль: {}",
            "密码：{}",
            "パスワード：{}",
            "my password is {}",
            "- password: {}",
        ],
        plain
    ),
    form!(
        "password with marks",
        &[
            "password: {}",
            "비밀번호: {}",
            "\"password\": \"{}\"",
            "pw={}"
        ],
        |random| {
            let mark = random.pick(&["@", "!", "#", "$", ",", ";", "%", "^", "*", "?", "+"]);
            format!(
                "{}{mark}{}{}",
                random.letters(LOWER, 4),
                random.letters(UPPER, 1),
                random.digits(3)
            )
        }
    ),
    form!(
        "password in other languages",
        &[
            "passwort {}",
            "Das Passwort ist {}",
            "Kennwort: {}",
            "mot de passe : {}",
            "le mot de passe est {}",
            "contraseña {}",
            "La contraseña es {}",
            "senha: {}",
            "a senha é {}",
            "parola: {}",
            "wachtwoord: {}",
            "lösenord: {}",
            "hasło: {}",
            "heslo: {}",
            "şifre: {}",
            "Пароль: {}",
            "ПАРОЛЬ {}",
            "パスワードは{}です",
            "暗証番号: {}",
            "密码是{}",
            "密碼：{}",
            "mật khẩu: {}",
            "kata sandi: {}",
            "비밀번호는 {}이에요",
            "비번 {}",
            "패스워드 {} 입니다",
            "रहस्य पासवर्ड: {}",
            "κωδικός: {}",
            "סיסמה: {}",
            "كلمة المرور: {}",
        ],
        |random| format!("{}{}", random.letters(LOWER, 6), random.digits(4))
    ),
    form!(
        "secret in source code",
        &[
            "const apiKey = \"{}\";",
            "client_secret: '{}'",
            "os.environ[\"SECRET_KEY\"] = \"{}\"",
            "\"private_key_id\": \"x\", \"secret\": \"{}\"",
            "define('DB_PASSWORD', '{}');",
            "<password>{}</password>",
            "<add key=\"Password\" value=\"{}\" />",
            "password => '{}',",
            ":password => \"{}\"",
            "{\\\"password\\\":\\\"{}\\\"}",
            "aws_secret_access_key = {}",
            "AWS_SECRET_ACCESS_KEY {}",
            "userPassword: \"{}\"",
            "auth: { token: \"{}\" }",
        ],
        |random| random.letters(ALPHANUMERIC, 24)
    ),
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

pub fn sentence(form: &Form, random: &mut Random) -> Sentence {
    let secret = (form.make)(random);
    let template = random.pick(form.labels);
    let (before, after) = template.split_once("{}").expect("a template");
    Sentence {
        before: before.to_owned(),
        secret,
        after: after.to_owned(),
    }
}
