//! Secrets by the name before them and by their place, and similar texts without one.

use masking::Masker;

use crate::judge::masked;

/// Each text has its secret in braces, and nothing else of it may change.
fn assert_masked(texts: &[&str]) {
    let masker = Masker::default();
    for text in texts {
        let (before, rest) = text.split_once('⟨').expect("the start of a secret");
        let (secret, after) = rest.split_once('⟩').expect("the end of a secret");
        let expected = format!("{before}[SECRET]{after}");
        assert_eq!(
            masked(&masker, &format!("{before}{secret}{after}")),
            expected
        );
    }
}

fn assert_kept(texts: &[&str]) {
    let masker = Masker::default();
    for text in texts {
        assert_eq!(masked(&masker, text), *text);
    }
}

#[test]
fn an_invented_key_with_a_known_prefix_is_masked_although_it_counts_up() {
    assert_masked(&[
        "⟨AIzaSyA1234567890abcdefghijklmnopqrstuv⟩",
        "⟨sk_live_51Habcdefghijklmnopqrstuv⟩",
        "use ⟨sk-proj-AbcdefghijklmnopqrstuvwxyZ0123⟩ here",
    ]);
    assert_kept(&[
        "sk-getHTTPResponseFromURLThenParseJSONBodyAndRetry",
        "sk_live_whenUserLogsInThenDashboardIsShown",
        "AIzaWhenUserLogsInThenDashboardIsShownAgain",
    ]);
}

#[test]
fn a_key_of_letters_only_is_masked_after_its_prefix_and_a_name_stays() {
    assert_masked(&[
        "⟨sk_live_hhvUZjewuXKhzythCIauobdt⟩",
        "⟨ghp_fcpTyjFogeutcrKjSoSftwjCkySpqbzlmaWe⟩",
        "⟨xoxb-970145020503069685916852Hello⟩ there",
        "key ⟨sk-proj-mwZrpHgJHnyqobalbzfcpTyjFogeutcrKjSoSftwj⟩",
    ]);
    assert_kept(&[
        "sk_live_rejectUnknownKeyboardWorkflowsInDashboards",
        "ghp_syncFrozenGatewayAlwaysAfterCheckpoint",
        "sk-reportOf20260131ForTheTeam",
        "sk-HarfbuzzScriptDataOfTheWholeText",
    ]);
}

#[test]
fn keys_of_meta_google_and_vercel_are_masked_by_their_prefix() {
    assert_masked(&[
        "⟨EAAGm0PX4ZCpsBAKZCq7Xb2Kd9mR4tWz1vHc8LpA3fZBxy2⟩",
        "⟨EAAJZC7Xb2Kd9mR4tWz1vHc8LpA3fq7Xb2Kd9mR4tWz1vHc8⟩ is the page's",
        "use ⟨AQ.Ab8RN6Kd9mR4tWz1vHc8LpA3fq7Xb2⟩ here",
        "⟨vercel_blob_rw_q7Xb2Kd9mR4tWz1v_Hc8LpA3fq7Xb2Kd9mR4tWz⟩",
    ]);
    assert_kept(&[
        "EAA membership",
        "AQ.Ab",
        "vercel_blob_rw_token_of_the_project",
    ]);
}

#[test]
fn passwords_are_masked_after_their_name_in_each_language_of_the_documentation() {
    assert_masked(&[
        "my password is ⟨hunter2⟩",
        "the admin password is ⟨swordfish⟩",
        "The password is \"⟨swordfish⟩\".",
        "user: kim, password: ⟨swordfish⟩",
        "login kim password ⟨swordfish⟩",
        "password - ⟨hunter22⟩",
        "Password:\n⟨hunter2⟩",
        "Das Passwort ist ⟨Sommer2024⟩",
        "Mein Kennwort lautet ⟨Sommer2024⟩",
        "le mot de passe est ⟨Soleil2024⟩",
        "La contraseña es ⟨perro123⟩",
        "CONTRASENA: ⟨perro123⟩",
        "clave: ⟨perro1234⟩",
        "a senha é ⟨gatinho1⟩",
        "parola: ⟨ciao1234⟩",
        "wachtwoord: ⟨fiets2024⟩",
        "lösenord: ⟨sommar2024⟩",
        "hasło: ⟨zima2024⟩",
        "şifre: ⟨bahar2024⟩",
        "ПАРОЛЬ: ⟨qwerty12⟩",
        "κωδικός: ⟨qwerty12⟩",
        "パスワードは⟨sakura99⟩です",
        "密码是⟨hunter2⟩",
        "mật khẩu: ⟨hunter22⟩",
        "kata sandi: ⟨hunter22⟩",
        "पासवर्ड: ⟨hunter22⟩",
        "비밀번호는 ⟨swordfish⟩입니다",
        "아이디 kim 비번 ⟨qwer1234⟩ 입니다",
    ]);
}

#[test]
fn a_password_is_masked_with_the_marks_in_it() {
    assert_masked(&[
        "password: ⟨P@ss,w0rd⟩",
        "password: ⟨Ab3;C&d9⟩",
        "pw=⟨x|Y7z!⟩",
        "Pwd=⟨s3cret⟩;Server=db",
        "cache:6380,password=⟨s3cret⟩,ssl=True",
        "?password=⟨hunter2⟩&user=kim",
        "password: ⟨hunter2⟩, please",
    ]);
}

#[test]
fn secrets_are_masked_in_urls_commands_headers_and_connection_strings() {
    assert_masked(&[
        "https://example.com/reset?token=⟨swordfish⟩",
        "https://example.com/?apikey=⟨3f9a8b7c6d5e4f3a⟩&x=1",
        "https://⟨3f9a8b7c6d5e4f3a2b1c⟩@git.example.com/a.git",
        "postgres://⟨app:p#ss/w?rd⟩@db:5432/shop",
        "⟨app:s3cret⟩@tcp(127.0.0.1:3306)/shop",
        "Server=db;Uid=app;Pwd=⟨swordfish⟩;",
        "host=db user=app password=⟨swordfish⟩ dbname=shop",
        "AccountName=x;AccountKey=⟨Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq==⟩;",
        "sv=2024-01-01&sr=b&sig=⟨abcDEF123456abcDEF123456abcDEF1%3D⟩",
        "curl -u⟨kim:swordfish⟩ https://example.com",
        "mysql -u root -p⟨swordfish⟩ shop",
        "mysqldump --password=⟨swordfish⟩ shop",
        "sshpass -p ⟨swordfish⟩ ssh kim@host",
        "docker login -u kim -p ⟨swordfish⟩ registry.example.com",
        "redis-cli -a ⟨swordfish⟩ ping",
        "deploy --db-password ⟨swordfish⟩ --force",
        "Authorization: Bearer ⟨abcdefghijklmnop⟩",
        "authorization: token ⟨a1b2c3d4⟩",
        "Proxy-Authorization: Basic ⟨a2ltOnB3⟩",
        "Ocp-Apim-Subscription-Key: ⟨3f9a8b7c6d5e4f3a2b1c⟩",
        "X-Hub-Signature-256: ⟨sha256=5d0c9e3b1a2f4e6d8c7b9a0f1e2d3c4b⟩",
    ]);
}

#[test]
fn secrets_are_masked_in_settings_and_source_code() {
    assert_masked(&[
        "define('DB_PASSWORD', '⟨a1b2c3d4⟩');",
        "<db:password>⟨swordfish⟩</db:password>",
        "<add key=\"Password\" value=\"⟨swordfish⟩\" />",
        ":password => \"⟨swordfish⟩\"",
        "os.environ[\"SECRET_KEY\"] = \"⟨a1b2c3d4⟩\"",
        "{\\\"password\\\":\\\"⟨swordfish⟩\\\"}",
        "userpassword: \"⟨swordfish⟩\"",
        "password1: ⟨swordfish⟩",
        "API_TOKEN=⟨swordfish⟩",
        "credentials: ⟨kim:swordfish⟩",
    ]);
}

#[test]
fn keys_without_a_prefix_are_masked_by_their_shape() {
    let hex = "5d0c9e3b1a2f4e6d8c7b9a0f1e2d3c4b";
    let letters = "q7Xb2Kd9mR4tWz1vHc8LpA3fQ7xB2kD9Mr4TwZ1V";
    let masker = Masker::default();
    for key in [
        format!("{hex}-us12"),
        format!("aB3{}{}", "8Q~", &letters[..34]),
        format!(
            "{}.atlas{}.{letters}{}",
            &letters[..14],
            "v1",
            &letters[..25]
        ),
        format!("{}_{}{}", &letters[..6], &letters[..29], "_mmk"),
        format!("M{}.{}.{}", &letters[..25], &letters[..6], &letters[..30]),
    ] {
        assert_eq!(
            masked(&masker, &format!("it is {key}.")),
            "it is [SECRET].",
            "{key}"
        );
    }
}

#[test]
fn a_secret_of_any_length_is_masked_as_a_whole() {
    let masker = Masker::default();
    for name in ["password: ", "api_key=", "session cookie: "] {
        let secret = "q7Xb2Kd9mR4tWz1v".repeat(60);
        let text = format!("{name}{secret} and more");
        assert_eq!(masked(&masker, &text), format!("{name}[SECRET] and more"));
    }
}

#[test]
fn talk_of_secrets_stays_unmasked() {
    assert_kept(&[
        "password manager recommendations",
        "Password must contain at least 8 characters",
        "Your password has expired",
        "my password is wrong",
        "password is required.",
        "password - required",
        "password: 8-16 characters",
        "비밀번호: 8-20자 영문 숫자",
        "비밀번호는 SHA-256으로 해시",
        "비밀번호는 Settings에서 변경하세요",
        "Passwort vergessen",
        "Passwort: erforderlich",
        "contraseña: obligatoria",
        "mot de passe oublié ?",
        "olvidé mi contraseña",
        "パスワードを忘れました",
        "забыл пароль",
        "clave: importante",
        "token usage: 1234 prompt, 567 completion",
        "the secret of success",
        "pass: 12, fail: 3",
        "boarding pass: A12",
        "Authorization: required",
        "basic authentication is enabled",
        "키: 175cm",
        "키는 180이고 몸무게는 75",
    ]);
}

#[test]
fn code_and_settings_without_a_secret_stay_unmasked() {
    assert_kept(&[
        "password: Option<String>,",
        "password: SecretString,",
        "password = request.form[\"password\"]",
        "password: ${DB_PASSWORD}",
        "password: \"{{ password }}\"",
        "api_key: !secret api_key",
        "api_key = YOUR_API_KEY",
        "token?: string",
        "if token == \"EOF\" {",
        "{\"token\": \"Hello\", \"logprob\": -0.31}",
        "fetch(url, { credentials: 'same-origin' })",
        "secret: db-credentials",
        "token: /run/secrets/token",
        "--token-color: 12px",
        "PWD=/home/kim/app",
        "nextPageToken: CAoQAA1234567890abcd",
        "https://example.com/?page_token=q7Xb2Kd9mR4tWz1v",
        "cache key: v2-deps-9f86d081884c7d65",
        "mysql -p shop",
        "mkdir -p /data/x && docker run -p 80:80 -u 1000:1000 app",
        "git@github.com:a/b.git",
    ]);
}
