//! Values as people write them in chats, notes and tables, each with similar texts that must stay.

use masking::{Known, Masker, Placeholders};
use serde_json::{Value, json};

use crate::judge::masked;

/// The values of a text are in braces with their kind, and nothing else of it may change: `⟨SECRET:...⟩`. Without a
/// kind, the value is a secret.
fn assert_masked(texts: &[&str]) {
    let masker = Masker::default();
    let mut wrong = Vec::new();
    for text in texts {
        let (mut plain, mut expected) = (String::new(), String::new());
        for (place, part) in text.split(['⟨', '⟩']).enumerate() {
            let (kind, value) = match part.split_once("::") {
                Some((kind, value)) if place % 2 == 1 => (kind, value),
                _ => ("SECRET", part),
            };
            plain.push_str(value);
            expected.push_str(&if place % 2 == 0 {
                part.to_owned()
            } else {
                format!("[{kind}]")
            });
        }
        let masked = masked(&masker, &plain);
        if masked != expected {
            wrong.push(format!("{plain} -> {masked}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn json_masked(mut value: Value) -> Value {
    let mut people = Placeholders::new(&[7; 32], "c", Known::default());
    Masker::default()
        .json(&mut value, &mut people)
        .expect("small");
    value
}

#[test]
fn marks_around_a_name_or_a_value_do_not_hide_the_value() {
    assert_masked(&[
        "*Password:* ⟨swordfish⟩",
        "**Password**: ⟨swordfish⟩",
        "_pw_: ⟨kitten77⟩",
        "*비밀번호*: ⟨qwer1234⟩",
        "<b>Password:</b> ⟨swordfish⟩",
        "<li>Password: <code>⟨swordfish⟩</code></li>",
        "password: **⟨swordfish⟩**",
        "password: ||⟨swordfish⟩||",
        "Password:\n```\n⟨swordfish⟩\n```",
        "> *password:* ⟨swordfish⟩",
        "*API key:* ⟨q7Xb2Kd9mR4tWz1v⟩",
        "*PIN:* ⟨4821⟩",
        "*Password:* required",
        "password: **required**",
        "password: *optional*",
    ]);
}

#[test]
fn words_between_a_name_and_its_sign_say_what_the_secret_is_for() {
    assert_masked(&[
        "Password for staging: ⟨swordfish⟩",
        "password for https://example.com: ⟨swordfish⟩",
        "the password for the guest network is ⟨buttercup⟩",
        "API key for staging: ⟨q7Xb2Kd9mR4tWz1v⟩",
        "Passwort für Jira: ⟨Wolkenbruch⟩",
        "mot de passe pour le wifi : ⟨tournesol⟩",
        "contraseña del wifi: ⟨girasol⟩",
        "la password della rete è ⟨farfalla⟩",
        "hasło do wifi: ⟨slonecznik⟩",
        "пароль от почты: ⟨babochka⟩",
        "mật khẩu wifi: ⟨huongduong1⟩",
        "wifi şifresi: ⟨papatya55⟩",
        "password (temporary): ⟨swordfish⟩",
        "Password [temp] = ⟨maple-syrup-9⟩",
        "senha nova: ⟨morango⟩",
        "Passwort lautet: ⟨Erdbeere⟩",
        "비밀번호(임시): ⟨qwer1234⟩",
        "비밀번호(임시)는 ⟨qwer1234⟩ 입니다",
        "Password for staging: see the wiki",
        "password for the VPN: expired",
        "the password for the admin account is wrong",
        "password (required): string",
        "비밀번호(필수): 영문, 숫자 조합",
        "password for admin: <your password>",
        "def check(password):\n    return True1",
    ]);
}

#[test]
fn a_contracted_is_joins_a_name_to_its_value_and_a_genitive_does_not() {
    assert_masked(&[
        "my password's ⟨swordfish⟩",
        "my password’s ⟨hunter2⟩",
        "my pw's ⟨starfish9⟩ btw",
        "the password's expired",
        "my password's not working",
        "password's hash: bcrypt",
        "what is the password's length",
    ]);
}

#[test]
fn a_cell_next_to_a_name_is_its_value_and_the_type_of_a_column_is_not() {
    assert_masked(&[
        "| user | kim |\n| password | ⟨pelican⟩ |",
        "|pw|⟨pelican7⟩|",
        "password | ⟨pelican⟩",
        "<tr><td>Password</td><td>⟨pelican⟩</td></tr>",
        "<dt>Password</dt>\n<dd>⟨pelican⟩</dd>",
        "| password | varchar(255) |",
        "| password | text |",
        "| password | string | required |",
        "user | password | email",
        "cat password | base64",
        "type Field = \"password\" | \"email\"",
    ]);
}

#[test]
fn a_value_alone_on_a_line_below_its_name_is_masked_and_a_list_of_names_is_not() {
    assert_masked(&[
        "password\n\n⟨swordfish⟩",
        "password:\r\n⟨swordfish⟩",
        "password:\n\n⟨swordfish⟩",
        "Username\nkim\nPassword\n⟨Lollipop22⟩",
        "- name: DB_PASSWORD\n  value: ⟨pelican⟩",
        "password:\n  value: ⟨pelican⟩",
        "Username\nPassword\nLogin",
        "Password\n\nForgot your password?",
        "email\npassword\naddress1\naddress2",
        "- name: password\n  type: string",
    ]);
}

#[test]
fn a_password_in_brackets_is_masked_and_a_mention_or_the_name_of_a_value_is_not() {
    assert_masked(&[
        "password: <⟨swordfish⟩>",
        "password: <⟨hunter2⟩>",
        "mot de passe : «⟨tournesol⟩»",
        "パスワードは「⟨ちょうちょ⟩」です",
        "password: <password>",
        "password: <your-password>",
        "password: <@U024BE7LH>",
        "password: <https://example.com/reset|reset it>",
        "<password></password>",
    ]);
}

#[test]
fn a_password_may_be_a_word_in_any_script() {
    assert_masked(&[
        "пароль: ⟨солнышко⟩",
        "Пароль - ⟨ромашка⟩",
        "비밀번호: ⟨무지개⟩",
        "비밀번호: ⟨나비야⟩입니다",
        "password: ⟨무지개빛⟩",
        "パスワード：⟨さくらもち⟩",
        "密码：⟨芝麻开门⟩",
        "κωδικός: ⟨θάλασσα⟩",
        "סיסמה: ⟨פרפר⟩",
        "كلمة المرور: ⟨ياسمين⟩",
        "รหัสผ่าน: ⟨ผีเสื้อ⟩",
        "पासवर्ड: ⟨तितली⟩",
        "şifre: ⟨güneş⟩",
        "пароль: неверный",
        "비밀번호: 필수",
        "비밀번호: 몰라요",
        "パスワード：必須",
        "密码：错误",
        "κωδικός: λάθος",
        "كلمة المرور: مطلوبة",
        "şifre: yanlış",
    ]);
}

#[test]
fn a_passphrase_in_quotes_is_masked_and_a_message_in_quotes_is_not() {
    assert_masked(&[
        "the password is \"⟨correct horse battery staple⟩\"",
        "my passphrase is '⟨purple monkey dishwasher⟩'",
        "das Passwort ist „⟨lila Affe tanzt gern⟩“",
        "пароль «⟨жёлтый кот на крыше⟩»",
        "password \"⟨seven silent rivers⟩\" works",
        "비밀번호는 '⟨나비야 나비야⟩' 입니다",
        "the password is \"not valid\"",
        "it says password \"must contain a digit\"",
        "password \"is required\"",
    ]);
}

#[test]
fn the_word_after_bearer_is_masked_where_credentials_are() {
    assert_masked(&[
        "Bearer ⟨mysecrettoken⟩",
        "Authorization: Bearer ⟨opensesame⟩",
        "curl -H \"Authorization: Bearer ⟨opensesame⟩\" https://example.com",
        "Authorization: Bearer token",
        "Authorization: Bearer <token>",
        "Bearer authentication",
        "the bearer of this letter",
        "WWW-Authenticate: Bearer realm=\"x\"",
    ]);
}

#[test]
fn a_password_of_curl_has_any_length() {
    assert_masked(&[
        "curl -u ⟨bob:pw⟩",
        "curl --user ⟨bob:pw⟩ https://example.com",
        "curl --user '⟨bob:x⟩' https://example.com",
        "curl -sSu ⟨bob:letmein⟩ https://example.com",
        "http -a ⟨bob:pw⟩ example.com",
        "curl -u username:password https://example.com",
        "docker run -u 1000:1000 app",
    ]);
}

#[test]
fn a_one_time_code_is_masked_after_and_before_its_name_in_each_language() {
    assert_masked(&[
        "PIN: ⟨4821⟩",
        "my pin is ⟨0071⟩",
        "인증번호 ⟨493021⟩",
        "[웹발신] 인증번호 [⟨493021⟩]를 입력해주세요",
        "[⟨493021⟩] 인증번호를 입력하세요",
        "verification code ⟨493021⟩",
        "verification code: ⟨X7K9Q2⟩",
        "⟨493021⟩ is your Acme verification code",
        "G-⟨493021⟩ is your Google verification code.",
        "Use ⟨493021⟩ as your login code",
        "the otp is ⟨771 204⟩ hurry",
        "OTP for login is ⟨382910⟩",
        "pin of the card: ⟨3829⟩",
        "the pin's ⟨3829⟩",
        "CVC: ⟨737⟩",
        "Ihr Bestätigungscode lautet ⟨493021⟩",
        "votre code de vérification est ⟨493021⟩",
        "tu código de verificación es ⟨493021⟩",
        "seu código de verificação é ⟨493021⟩",
        "codice di verifica ⟨493021⟩",
        "verificatiecode: ⟨493021⟩",
        "verifieringskod ⟨493021⟩",
        "bekreftelseskode ⟨493021⟩",
        "bekræftelseskode ⟨493021⟩",
        "vahvistuskoodi ⟨493021⟩",
        "kod weryfikacyjny: ⟨493021⟩",
        "doğrulama kodu ⟨493021⟩",
        "Код подтверждения: ⟨4930⟩",
        "κωδικός επαλήθευσης: ⟨493021⟩",
        "رمز التحقق: ⟨493021⟩",
        "קוד אימות: ⟨493021⟩",
        "सत्यापन कोड: ⟨493021⟩",
        "รหัส OTP ⟨493021⟩",
        "mã xác nhận: ⟨493021⟩",
        "kode verifikasi: ⟨493021⟩",
        "認証コードは⟨493021⟩です",
        "验证码⟨493021⟩",
        "ověřovací kód: ⟨493021⟩",
        "ellenőrző kód: ⟨493021⟩",
        "cod de verificare: ⟨493021⟩",
        "kod pengesahan: ⟨493021⟩",
        "pin 13 is the led",
        "PIN 2026 roadmap",
        "인증번호 6자리를 입력하세요",
        "the verification code expires in 300 seconds",
        "verification code 10000 times",
        "error code 500123",
        "10000 is the OTP limit",
        "OTP 10:30",
    ]);
}

#[test]
fn a_value_in_an_object_has_the_name_of_the_object_or_the_name_in_it() {
    for (value, expected) in [
        (
            json!({"secretKey": 12345}),
            json!({"secretKey": "[SECRET]"}),
        ),
        (
            json!({"password": {"value": "cat"}}),
            json!({"password": {"value": "[SECRET]"}}),
        ),
        (
            json!({"name": "DB_PASSWORD", "value": "cat"}),
            json!({"name": "DB_PASSWORD", "value": "[SECRET]"}),
        ),
        (
            json!({"value": "cat", "key": "password"}),
            json!({"value": "[SECRET]", "key": "password"}),
        ),
        (
            json!({"label": "phone", "value": "0301234567"}),
            json!({"label": "phone", "value": "[PHONE_1]"}),
        ),
        (
            json!({"otp": 493_021, "pin": "4821"}),
            json!({"otp": "[SECRET]", "pin": "[SECRET]"}),
        ),
    ] {
        assert_eq!(json_masked(value), expected);
    }
    for kept in [
        json!({"pass": 12000, "tokens": 4096, "token": 4096}),
        json!({"password": {"type": "string", "minLength": 8}}),
        json!({"name": "region", "value": "eu"}),
        json!({"name": "password", "value": "${DB_PASSWORD}"}),
    ] {
        assert_eq!(json_masked(kept.clone()), kept);
    }
    assert_masked(&[
        "{\"secretKey\":⟨12345⟩}",
        "{\"password\":{\"value\":\"⟨cat⟩\"}}",
        "{\"name\":\"password\",\"value\":\"⟨cat⟩\"}",
    ]);
}

#[test]
fn a_telephone_number_is_masked_after_the_words_of_the_nordic_languages_and_of_a_person() {
    assert_masked(&[
        "tlf ⟨PHONE_1::22 33 44 55⟩",
        "Tlf.: ⟨PHONE_1::22334455⟩",
        "mobilnummer: ⟨PHONE_1::91234567⟩",
        "puhelinnumero ⟨PHONE_1::040 123 4567⟩",
        "sími ⟨PHONE_1::555 1234⟩",
        "sími ⟨PHONE_1::5551234⟩",
        "my number is ⟨PHONE_1::415-555-0132⟩",
        "text me on ⟨PHONE_1::07700 900123⟩",
        "reach me at ⟨PHONE_1::07700 900123⟩",
        "best number is ⟨PHONE_1::415-555-0132⟩",
        "ring mig på ⟨PHONE_1::070-123 45 67⟩",
        "meine Nummer ist ⟨PHONE_1::0171 1234567⟩",
        "mon numéro est le ⟨PHONE_1::06 12 34 56 78⟩",
        "mi número es ⟨PHONE_1::612 345 678⟩",
        "мой номер ⟨PHONE_1::8 912 345 67 89⟩",
        "my order number is 415-555-0132",
        "my number of followers is 12345678",
        "call 05/01/26 10:30",
        "call 1.12.26 at 9:00",
        "call 05/01 10.30-11.30",
        "phone 1500-1600",
        "phone: 20261130",
        "text me on 05/01/2026",
    ]);
}

#[test]
fn a_version_after_a_product_is_no_address() {
    assert_masked(&[
        "Mozilla/5.0 Chrome/120.0.0.0 Safari/537.36",
        "Edg/120.0.0.0 and Electron/28.1.3.0",
        "kernel 5.15.0.91 on ubuntu",
        "updated Chrome 121.0.0.12",
        "connect to Kafka/⟨IP_1::10.0.0.5⟩:9092",
        "ping db/⟨IP_1::10.0.0.5⟩",
        "chrome ⟨IP_1::192.168.0.1⟩",
        "server ⟨IP_1::52.14.3.9⟩",
        "https://example.com/ip/⟨IP_1::52.14.3.9⟩",
    ]);
}

#[test]
fn the_number_of_a_foreigner_has_its_kind_whole_and_in_halves() {
    assert_masked(&[
        "외국인등록번호 ⟨FRN::900101-5234567⟩",
        "외국인등록번호 앞자리 ⟨FRN::900101⟩",
        "외국인등록번호 앞자리는 ⟨FRN::900101⟩, 뒷자리는 ⟨FRN::5234567⟩",
        "주민번호 ⟨RRN::900101-1234567⟩",
        "주민번호 앞자리는 ⟨RRN::900101⟩이고 뒷자리는 ⟨RRN::1234567⟩입니다",
    ]);
}
