//! A third set of forms, which was written before its rules: secrets in commands, headers, URLs, settings and source
//! code, and passwords after their name in many languages.

use crate::forms::Form;
use crate::generate::{ALPHANUMERIC, LOWER, Random, UPPER};
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
