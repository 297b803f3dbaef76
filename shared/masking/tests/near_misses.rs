//! Texts next to the rules for secrets: talk about passwords, column lists, names and commands that look like a secret,
//! each with the secrets that the same rule must still find.

use masking::{Known, Masker, Placeholders};
use serde_json::{Value, json};

use crate::judge::masked;

/// A secret is in braces, and nothing else of a text may change.
fn assert_masked(texts: &[&str]) {
    let masker = Masker::default();
    let mut wrong = Vec::new();
    for text in texts {
        let (mut plain, mut expected) = (String::new(), String::new());
        for (place, part) in text.split(['⟨', '⟩']).enumerate() {
            plain.push_str(part);
            expected.push_str(if place % 2 == 0 { part } else { "[SECRET]" });
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
fn a_mark_at_the_end_of_a_sentence_does_not_make_a_word_a_password() {
    assert_masked(&[
        "my password is wrong!",
        "my password is wrong!!",
        "how do I know if my password is secure?",
        "the password is expired!",
        "is it bad that the password is short?!",
        "password: required!",
        "my token is invalid!",
        "the API key is wrong?",
        "the password is \"wrong!\"",
        "비밀번호 reset?",
        "비밀번호는 strong?",
        "Passwort vergessen?",
        "la contraseña es segura?",
        "my password is ⟨swordfish!⟩",
        "my password is ⟨hunter2!⟩",
        "password: ⟨sunshine!⟩",
        "비밀번호는 ⟨qwer1234!⟩ 입니다",
        "password: ⟨pass?word⟩",
    ]);
}

#[test]
fn the_next_name_of_a_list_is_not_the_value_of_a_password() {
    assert_masked(&[
        "$fillable = ['email','password','remember'];",
        "\"required\":[\"password\",\"nickname\"]",
        "insert into users (`password`, `created_at`) values (?, ?)",
        "$request->only('password','password_confirmation')",
        "[\"username\", \"password\", \"address1\", \"address2\"]",
        "select 'password', 'username'",
        "{\"required\": [\"api_key\", \"nickname1\"]}",
        "only(\"password\", \"password_confirmation2\")",
        "$table->string(\"password\", \"utf8mb4\")",
        "new Set([\"password\", \"address1\"])",
        "[[\"user\", \"kim\"], [\"password\", \"⟨hunter22⟩\"]]",
        "(\"password\", \"⟨hunter22⟩\")",
        "[\"password\", \"password2\"]",
        "array('password', 'nickname')",
        "pick(user, 'password', 'settings')",
        "define('DB_PASSWORD', '⟨swordfish⟩');",
        "define( \"DB_PASSWORD\", \"⟨swordfish⟩\" );",
        "setenv('PGPASSWORD', '⟨swordfish⟩', 1)",
        "os.getenv(\"DB_PASSWORD\", \"⟨swordfish⟩\")",
        "os.environ.get('DB_PASSWORD', '⟨swordfish⟩')",
        "form.append('password', '⟨swordfish⟩')",
        "[('user', 'kim'), ('password', '⟨hunter22⟩')]",
        "props.setProperty(\"password\", \"⟨swordfish⟩\");",
    ]);
}

#[test]
fn a_password_that_begins_with_a_mark_is_no_reference() {
    for secret in [
        "<3kimchi2024",
        "<3kimchi>",
        "(Tr0ub4dor",
        "[Tr0ub4dor",
        "{Tr0ub4dor",
        "!swordfish",
        "$ecret",
        "%sword",
        "(hunter2)",
        "${DB_PASSWORD:-Tr0ub4dor}",
        "$tr0ub4dor",
        "<a1b2c3>",
    ] {
        let value = json!({"password": secret});
        assert_eq!(
            json_masked(value),
            json!({"password": "[SECRET]"}),
            "{secret}"
        );
        let quoted = format!("password = \"{secret}\"");
        assert_eq!(
            masked(&Masker::default(), &quoted),
            "password = \"[SECRET]\""
        );
    }
    for reference in [
        "${DB_PASSWORD}",
        "${DB_PASSWORD:-}",
        "$(cat /run/secrets/db)",
        "{{ password }}",
        "{{password}}",
        "{password}",
        "<password>",
        "<your password>",
        "<%= ENV['DB_PASSWORD'] %>",
        "[password]",
        "(none)",
        "%(password)s",
        "%s",
        "%DB_PASSWORD%",
        "$DB_PASSWORD",
        "$PGPASSWORD",
        "$password",
        "#{password}",
    ] {
        let value = json!({"password": reference});
        assert_eq!(json_masked(value.clone()), value, "{reference}");
    }
    assert_masked(&[
        "password: ⟨!swordfish⟩",
        "password: ⟨$ecret⟩",
        "password: ⟨P@ss(word1⟩",
        "password: !secret db_password",
        "Password: !Ref DatabasePassword",
        "$password = $input;",
        "password=$input",
    ]);
}

#[test]
fn only_a_copula_of_the_labels_language_joins_it_to_a_value() {
    assert_masked(&[
        "reset my password on Office365",
        "change the password on Windows11?",
        "the password on file.",
        "store the token on disk",
        "I don't know what my password is anymore.",
        "what my password is tomorrow",
        "my password is again.",
        "the password is either",
        "my password is fine though.",
        "the password is however",
        "I can't remember if my password is uppercase",
        "le mot de passe on oublie",
        "das Passwort es",
        "wachtwoord je",
        "my password is ⟨swordfish⟩",
        "the password was ⟨swordfish⟩",
        "salasana on ⟨kesäkuu99⟩",
        "das Password ist ⟨swordfish⟩",
        "la password è ⟨pescespada⟩",
        "hasło to ⟨zimazima⟩",
        "la clave es ⟨perro1234⟩",
        "a chave é ⟨gatinho1234⟩",
    ]);
}

#[test]
fn a_word_for_the_state_of_a_password_is_no_password() {
    assert_masked(&[
        "Password: strong",
        "password: weak",
        "Password: accepted",
        "password - compromised",
        "비밀번호: secure",
        "와이파이 비밀번호 5GHz 랑 2.4GHz 같아요?",
        "비밀번호 2.4GHz 5GHz",
        "비밀번호 iPhone15에서 바꾸기",
        "비밀번호 Windows11에서 변경",
        "비밀번호 Windows11 재설정",
        "비밀번호 Office365 초기화",
        "password Windows11 reset",
        "비밀번호 ⟨qwer1234⟩에서 바꿨어요",
        "비번 ⟨Hunter22⟩로 바꿔줘",
        "비밀번호 ⟨iphone15pro!⟩",
    ]);
}

#[test]
fn an_option_is_a_password_only_of_its_own_command() {
    assert_masked(&[
        "docker run --name mongo -p 27017:27017 mongo",
        "docker run --name mysql -p3306:3306 mysql",
        "docker run --name mongo -p 127.0.0.1:27017:27017 mongo",
        "docker compose run mongo -p 27017",
        "docker exec mongo -p 27017",
        "gh auth login -p https",
        "npm login -p https",
        "mkdir login -p data",
        "ssh mongo -p 2222",
        "docker run --name curl -u 1000:1000 app",
        "docker login -u kim -p ⟨swordfish⟩",
        "az acr login -n shop -p ⟨swordfish⟩",
        "helm registry login ghcr.io -u kim -p ⟨swordfish⟩",
        "mongo -u kim -p ⟨swordfish⟩",
        "mongosh --port 27017 -p ⟨12345678⟩",
        "docker exec db mysql -uroot -p⟨swordfish⟩",
        "sudo curl -u ⟨kim:swordfish⟩ https://example.com",
    ]);
}

#[test]
fn a_name_may_say_where_its_secret_is_used() {
    assert_masked(&[
        "DB_PASSWORD_PROD=⟨Tr0ub4dor⟩",
        "DB_PASSWORD_PROD_EU: ⟨swordfish⟩",
        "API_KEY_PROD=⟨ab12cd34ef56⟩",
        "STRIPE_SECRET_KEY_LIVE=⟨q7Xb2Kd9mR4t⟩",
        "API_KEY_OPENAI: ⟨q7Xb2Kd9mR4tWz1v⟩",
        "db-password-prod: ⟨swordfish⟩",
        "dbPasswordProd: \"⟨swordfish⟩\"",
        "\"db_password_prod\": \"⟨swordfish⟩\"",
        "PASSWORD_2=⟨swordfish⟩",
        "PASSWORD_HASH=bcrypt12",
        "password_type: varchar20",
        "API_KEY_ID=q7Xb2Kd9mR4tWz1v",
        "API_KEY_NAME=production12",
        "password_min_length: eight8888",
        "PASSWORD_RESET_URL=https://example.com/reset1",
        "password_hint: firstpet1",
        "password-color: darkred1",
        "passwordStrength: medium",
        "password_resets: users12",
        "password-protected: archive",
        "max_token_count: abc12345",
    ]);
    for key in [
        "db_password_prod",
        "passwordOld",
        "api_key_staging",
        "client-secret-prod",
    ] {
        let value = json!({key: "Tr0ub4dor"});
        assert_eq!(json_masked(value), json!({key: "[SECRET]"}), "{key}");
    }
    let kept = json!([
        {"password_hash_type": "bcrypt"}, {"passwordHint": "a pet"}, {"api_key_name": "production"},
        {"secret_name": "db"}, {"passRate": "98.5"}, {"pass_threshold": "high"}, {"password_policy": "strong"},
    ]);
    assert_eq!(json_masked(kept.clone()), kept);
}

#[test]
fn every_random_cookie_of_a_header_is_masked() {
    assert_masked(&[
        "Cookie: _ga=1; sessionid=⟨8f3b2c1d9e7a6b5c4d3e2f1a⟩",
        "Cookie: theme=dark; sid=⟨8f3b2c1d9e7a6b5c4d3e2f1a⟩; auth=⟨67e7893f57fd14c1604d115cea325a65⟩; lang=en",
        "Set-Cookie: sid=⟨8f3b2c1d9e7a6b5c4d3e2f1a⟩; Path=/; HttpOnly; Secure",
        "curl -H 'Cookie: a=b; sid=⟨8f3b2c1d9e7a6b5c4d3e2f1a⟩' https://example.com",
        "document.cookie = \"a=b; sid=⟨8f3b2c1d9e7a6b5c4d3e2f1a⟩\"",
        "Cookie: a=b; lang=en",
        "Cookie: a=b; sid=\"⟨8f3b2c1d9e7a6b5c4d3e2f1a⟩\"; session='⟨67e7893f57fd14c1604d115cea325a65⟩'; c=d",
        "Cookie:_ga=1;sid=⟨8f3b2c1d9e7a6b5c4d3e2f1a⟩",
        "cookie: chocolate",
        "Cookie: a=b; password=⟨swordfish⟩",
    ]);
    let many = "a=8f3b2c1d9e7a6b5c4d3e2f1a; ".repeat(40);
    let header = format!("Cookie: {many}");
    assert_eq!(
        masked(&Masker::default(), &header),
        header.replace("8f3b2c1d9e7a6b5c4d3e2f1a", "[SECRET]")
    );
    let value = json!({"headers": {"Cookie": "_ga=1; sid=8f3b2c1d9e7a6b5c4d3e2f1a"}});
    assert_eq!(
        json_masked(value),
        json!({"headers": {"Cookie": "_ga=1; sid=[SECRET]"}})
    );
}

#[test]
fn a_key_is_found_after_the_korean_word_with_and_without_a_space() {
    assert_masked(&[
        "키:⟨67e7893f57fd14c1604d115cea325a65⟩",
        "키=⟨67e7893f57fd14c1604d115cea325a65⟩",
        "키: ⟨67e7893f57fd14c1604d115cea325a65⟩",
        "키 : ⟨67e7893f57fd14c1604d115cea325a65⟩",
        "키는 ⟨67e7893f57fd14c1604d115cea325a65⟩입니다",
        "키가 ⟨67e7893f57fd14c1604d115cea325a65⟩",
        "제 키 ⟨67e7893f57fd14c1604d115cea325a65⟩",
        "키: 175cm",
        "키는 180이고",
        "스키: 2024시즌",
    ]);
}
