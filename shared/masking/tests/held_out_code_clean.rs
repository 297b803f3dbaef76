//! Sentences of the third set without personal data: code, logs, settings, hashes, ids, and prose about secrets and
//! telephones.

use crate::generate::{ALPHANUMERIC, LOWER, Random, UPPER};

const HEX: &str = "0123456789abcdef";
const BASE64: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/";

fn uuid(random: &mut Random) -> String {
    let groups = [8, 4, 4, 4, 12].map(|count| random.letters(HEX, count));
    groups.join("-")
}

fn date(random: &mut Random) -> String {
    format!(
        "{}-{:02}-{:02}",
        random.between(1990, 2030),
        random.between(1, 12),
        random.between(1, 28)
    )
}

// One sentence per line.
#[rustfmt::skip]
const CLEAN: &[fn(&mut Random) -> String] = &[
    |random| format!("commit {} by kim", random.letters(HEX, 40)),
    |random| format!("merged {} into main", random.letters(HEX, 7)),
    |random| format!("sha256:{}", random.letters(HEX, 64)),
    |random| format!("md5 {}  file.tar.gz", random.letters(HEX, 32)),
    |random| format!("checksum = \"{}\"", random.letters(HEX, 64)),
    |random| format!("ETag: W/\"{}\"", random.letters(HEX, 32)),
    |random| format!("trace {} span {}", random.letters(HEX, 32), random.letters(HEX, 16)),
    |random| format!("id {}", uuid(random)),
    |random| format!("\"id\": \"{}\", \"parent\": \"{}\"", uuid(random), uuid(random)),
    |random| format!("key: {}", uuid(random)),
    |random| format!("\"tool_call_id\": \"call_{}\"", random.letters(ALPHANUMERIC, 24)),
    |random| format!("chatcmpl-{} finished", random.letters(ALPHANUMERIC, 29)),
    |random| format!("toolu_01{} ok", random.letters(ALPHANUMERIC, 22)),
    |random| format!("file-{} and asst_{}", random.letters(ALPHANUMERIC, 24), random.letters(ALPHANUMERIC, 24)),
    |random| format!("data:image/png;base64,{}", random.letters(BASE64, 120)),
    |random| format!("<img src=\"data:image/jpeg;base64,/9j/{}==\">", random.letters(BASE64, 90)),
    |random| format!("integrity=\"sha512-{}==\"", random.letters(BASE64, 86)),
    |random| format!("ssh-rsa AAAAB3NzaC1yc2EAAAADAQAB{}", random.letters(BASE64, 100)),
    |random| format!("https://example.com/list?page_token={}&limit=10", random.letters(ALPHANUMERIC, 24)),
    |random| format!("{{\"nextPageToken\": \"{}\"}}", random.letters(ALPHANUMERIC, 20)),
    |random| format!("next_page_token={}", random.letters(ALPHANUMERIC, 16)),
    |random| format!("ContinuationToken: {}", random.letters(ALPHANUMERIC, 32)),
    |random| format!("pageToken: '{}'", random.letters(ALPHANUMERIC, 12)),
    |random| format!("https://example.com/a/{}/b?v={}", random.letters(HEX, 24), random.digits(10)),
    |random| format!("https://www.youtube.com/watch?v={}&t=12s", random.letters(ALPHANUMERIC, 11)),
    |random| format!("https://docs.example.com/d/1{}/edit", random.letters(ALPHANUMERIC, 43)),
    |random| format!("https://cdn.example.com/app.{}.js", random.letters(HEX, 8)),
    |random| format!("http://localhost:{}/a@b", random.between(1000, 9999)),
    |random| format!("color: #{}; width: {}px; --token: {}px", random.letters(HEX, 6), random.digits(3), random.digits(2)),
    |random| format!(".btn-{}:hover {{ margin: -{}px auto }}", random.letters(LOWER, 6), random.digits(1)),
    |random| format!("at com.example.Auth.checkToken(Auth.java:{})", random.digits(3)),
    |random| format!("  File \"auth/token.py\", line {}, in get_password", random.digits(3)),
    |random| format!("thread 'main' panicked at src/password.rs:{}:{}", random.digits(3), random.digits(2)),
    |random| format!("TypeError: token is undefined at line {}", random.digits(3)),
    |random| format!("max_tokens: {}, total_tokens={}", random.digits(4), random.digits(5)),
    |random| format!("tokens used {} of {}", random.digits(4), random.digits(5)),
    |random| format!("token count is {}", random.digits(4)),
    |random| format!("token limit: {}k", random.digits(3)),
    |random| format!("{{\"token\": \"{}\", \"logprob\": -0.{}}}", random.pick(&["Hello", "the", "world", "foo"]), random.digits(4)),
    |random| format!("{{\"pass\": \"{}\"}}", random.pick(&["true", "false", "yes", "no"])),
    |random| format!("{{\"stop_token\": \"{}\"}}", random.pick(&["###", "</s>", "END", "<|eot|>"])),
    |random| format!("fetch(url, {{ credentials: '{}' }})", random.pick(&["include", "omit", "same-origin"])),
    |random| format!("credentials: {}", random.pick(&["include", "omit", "same-origin"])),
    |random| format!("pass: {} of {}", random.digits(2), random.digits(3)),
    |random| format!("PASS src/a{}.test.ts ({} ms)", random.digits(2), random.digits(3)),
    |random| format!("test result: ok. {} passed; 0 failed", random.digits(2)),
    |random| format!("password: {}", random.pick(&["required", "string", "null", "${DB_PASSWORD}", "{{ password }}", "<your password>", "********", "[REDACTED]", "none"])),
    |random| format!("password: {}", random.pick(&["please reset it", "must be changed after login", "at least 8 characters", "see the wiki page"])),
    |random| format!("api_key = {}", random.pick(&["os.environ[\"API_KEY\"]", "env.API_KEY", "process.env.API_KEY", "config.get('key')", "settings.api_key", "YOUR_API_KEY", "$API_KEY", "<API_KEY>"])),
    |random| format!("token: {}", random.pick(&["String,", "&str,", "string;", "Option<String>,", "getToken()", "response.data.token", "null"])),
    |random| format!("password: {}", random.pick(&["Option<String>,", "SecretString,", "z.string().min(8),", "varchar(255)", "Field(...)", "this.password,", "passwordInput.value"])),
    |random| format!("secret: {}", random.pick(&["db-credentials", "my-app-tls", "true", "false", "optional"])),
    |random| format!("secretName: app-secret-v{}", random.digits(1)),
    |random| format!("token_type: bearer, expires_in: {}", random.digits(4)),
    |random| format!("the token is {}", random.pick(&["expired", "invalid", "missing", "not valid", "wrong"])),
    |random| format!("my password is {}", random.pick(&["wrong", "not working", "expired", "too short", "correct", "being rejected", "incorrect", "locked"])),
    |random| format!("password reset link sent, expires in {} minutes", random.digits(2)),
    |random| format!("the password must be {}-{} characters", random.between(6, 9), random.between(12, 64)),
    |random| format!("비밀번호: {}-{}자 영문 숫자", random.between(6, 9), random.between(12, 20)),
    |random| format!("비밀번호는 {}자 이상, 영문과 숫자", random.between(6, 12)),
    |random| random.pick(&["비밀번호는 Settings에서 변경하세요", "비밀번호는 SMS로 보냈어요", "비밀번호가 틀렸대요", "암호화 키 관리", "토큰이 만료됐어요", "패스워드 변경 문의"]).to_owned(),
    |random| random.pick(&["Ich habe mein Passwort vergessen", "Passwort zurücksetzen bitte", "j'ai oublié mon mot de passe", "mot de passe oublié ?", "olvidé mi contraseña", "esqueci minha senha", "パスワードを忘れました", "パスワードは安全です", "我忘记密码了", "密码是什么", "забыл пароль", "wachtwoord vergeten"]).to_owned(),
    |random| random.pick(&["the key to success is patience", "key: value", "key=name", "primary key: id", "foreign key (user_id)", "press any key to continue", "key: home.title", "api key missing", "keyboard: US", "key points: three"]).to_owned(),
    |random| format!("cache key: user:{}:profile", random.digits(6)),
    |random| format!("s3 key: logs/{}/app-{}.gz", date(random), random.digits(4)),
    |random| format!("key: orders/{}/{}.json", date(random), uuid(random)),
    |random| format!("sort key created_at_{}", date(random)),
    |random| format!("kubectl -n app get pods -l a=b{}", random.digits(2)),
    |random| format!("docker run -u {}:{} -p {}:80 app", random.digits(4), random.digits(4), random.digits(4)),
    |random| format!("mkdir -p /data/{} && cp -p a b{}", random.letters(LOWER, 6), random.digits(1)),
    |random| format!("ssh -p {} kim@host-{}", random.digits(4), random.digits(2)),
    |random| format!("curl -u $USER:$PASS https://api.example.com/v{}", random.digits(1)),
    |random| format!("PWD=/home/kim/app{}", random.digits(1)),
    |random| format!("call {} times", random.digits(2)),
    |random| format!("call scheduled on {}", date(random)),
    |random| format!("call {} at 10:00", date(random)),
    |random| format!("Telefontermin {}.{:02}.{}", random.between(10, 28), random.between(1, 12), random.between(2020, 2030)),
    |random| format!("phone_number_id: {}", random.digits(15)),
    |random| format!("call sub_{}", random.digits(8)),
    |random| format!("mobile app version {}.{}.{}", random.below(9), random.below(30), random.digits(4)),
    |random| format!("order {}", random.digits(8)),
    |random| format!("cell A{}: {}", random.digits(2), random.digits(6)),
    |random| format!("extension {}", random.digits(4)),
    |random| format!("0000{}", random.digits(9)),
    |random| format!("#00{} {}", random.digits(4), random.pick(&["open", "closed"])),
    |random| format!("progress {} / {}", random.digits(6), random.digits(7)),
    |random| format!("{} / {} rows", 900_101 + random.below(20), random.between(1_000_000, 4_999_999)),
    |random| format!("처리 {:02}{:02}{:02} / {} 건", random.between(50, 99), random.between(1, 12), random.between(1, 28), random.between(1_000_000, 2_999_999)),
    |random| format!("{} files, +{} -{}", random.digits(2), random.digits(4), random.digits(3)),
    |random| format!("npm i @scope/pkg@{}.{}.{}", random.below(9), random.below(30), random.below(9)),
    |random| format!("image@{}x.png and icon@3x.webp", random.between(2, 3)),
    |random| format!("@media (max-width: {}px)", random.digits(3)),
    |random| format!("git@github.com:a/b{}.git", random.digits(2)),
    |random| format!("회의@{}층.오후", random.between(1, 9)),
    |random| format!("msg_{} {}", random.letters(ALPHANUMERIC, 24), date(random)),
    |random| format!("cus_{} paid ${}.{}", random.letters(ALPHANUMERIC, 14), random.digits(2), random.digits(2)),
    |random| format!("pk-button-{}-large, sk-{}-view, task-{}-list", random.letters(LOWER, 7), random.letters(LOWER, 12), random.letters(LOWER, 8)),
    |random| format!("sk-learn-{}-{}", random.letters(LOWER, 8), random.digits(4)),
    |random| format!("{}-{}-{}", random.letters(UPPER, 3), random.digits(4), random.digits(6)),
    |random| format!("env: STAGE=prod REGION=ap-northeast-2 BUILD={}", random.digits(6)),
    |random| format!("spring.datasource.password=${{DB_PASSWORD:}} # {}", random.digits(2)),
    |random| format!("if token == \"EOF\" {{ depth -= {} }}", random.digits(1)),
    |random| format!("Authorization: Bearer <token>, then {} retries", random.digits(1)),
    |random| format!("Authorization header is missing ({})", random.digits(3)),
    |random| format!("basic plan {} and bearer of news", random.digits(2)),
    |random| format!("signature: fn f{}(x: u8) -> Result<(), Error>", random.digits(1)),
    |random| format!("cookie consent: accepted v{}", random.digits(1)),
    |random| format!("session_id={} user=kim", random.letters(HEX, 16)),
    |random| format!("expires 12/{} or 4 of {}", random.between(24, 35), random.digits(4)),
];

pub fn sentences(count: usize, seed: u64) -> Vec<String> {
    let mut random = Random::new(seed);
    (0..count)
        .map(|at| CLEAN[at % CLEAN.len()](&mut random))
        .collect()
}
