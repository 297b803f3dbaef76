//! Objects of JSON that store a name and its value under two keys, maps below the name of a secret, and lists of
//! arguments.

use masking::{Known, Masker, Placeholders};
use serde_json::{Value, json};

fn masked(mut value: Value) -> Value {
    let mut people = Placeholders::new(&[7; 32], "c", Known::default());
    Masker::default()
        .json(&mut value, &mut people)
        .expect("small");
    value
}

/// Exactly the strings with one of these values are masked in each value of a list.
fn assert_masked(secrets: &[&str], values: &Value) {
    let mut wrong = Vec::new();
    for value in values.as_array().expect("a list") {
        let mut expected = value.to_string();
        for secret in secrets {
            expected = expected.replace(&format!("\"{secret}\""), "\"[SECRET]\"");
        }
        let expected: Value = serde_json::from_str(&expected).expect("JSON");
        let once = masked(value.clone());
        let twice = masked(once.clone());
        if once != expected || expected == *value || once != twice {
            wrong.push(format!("{value} -> {once} -> {twice}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn assert_kept(values: &Value) {
    let values = values.as_array().expect("a list").iter();
    let changed = values.map(|value| (value, masked(value.clone())));
    let changed: Vec<_> = changed.filter(|(value, masked)| *value != masked).collect();
    assert!(changed.is_empty(), "{changed:#?}");
}

#[test]
fn a_name_and_its_value_are_a_pair_in_any_case_and_with_a_prefix() {
    assert_masked(
        &["hunter2"],
        &json!([
            {"Name": "password", "Value": "hunter2"},
            {"Key": "password", "Value": "hunter2"},
            {"NAME": "API_KEY", "VALUE": "hunter2"},
            {"Name": "password", "value": "hunter2"},
            {"parameterKey": "DBPassword", "parameterValue": "hunter2"},
            {"ParameterKey": "DBPassword", "ParameterValue": "hunter2"},
            {"parameter_name": "db_password", "parameter_value": "hunter2"},
            {"title": "Password", "value": "hunter2", "short": true},
            {"type": "password", "value": "hunter2"},
            {"label": "Password", "Value": "hunter2"},
            {"field": "password", "value": "hunter2"},
            {"id": "password", "content": "hunter2"},
            {"Name": "password", "StringValue": "hunter2"},
            {"key": "password", "value": {"stringValue": "hunter2"}},
            {"Name": "password", "Values": ["hunter2"]},
            {"type": "string", "name": "password", "defaultValue": "hunter2"},
            {"k": "비밀번호", "v": "hunter2"},
        ]),
    );
    assert_eq!(
        masked(json!("{\"Name\":\"password\",\"Value\":\"hunter2\"}")),
        json!("{\"Name\":\"password\",\"Value\":\"[SECRET]\"}")
    );
    assert_kept(&json!([
        {"Name": "status", "Value": "password"},
        {"Name": "password", "MaxValue": "20", "MinValue": "8"},
        {"label": "Password", "value": "password"},
        {"label": "Change password", "value": "change_password"},
        {"id": "password", "content": "Passwords expire after 90 days."},
        {"type": "token", "value": "Hello"},
        {"type": "string", "value": "hunter2"},
        {"title": "Order", "value": "hunter2"},
        {"type": "password", "name": "login", "placeholder": "At least 8 characters"},
        {"Key": "theme", "Value": "dark"},
    ]));
}

#[test]
fn the_plural_of_a_key_names_a_list_of_keys() {
    assert_masked(
        &["9f8e7d6c5b4a"],
        &json!([
            {"apiKeys": ["9f8e7d6c5b4a"]},
            {"api_keys": ["9f8e7d6c5b4a", "9f8e7d6c5b4a"]},
            {"accessTokens": ["9f8e7d6c5b4a"]},
            {"client-secrets": ["9f8e7d6c5b4a"]},
            {"secrets": ["9f8e7d6c5b4a"]},
        ]),
    );
    assert_kept(&json!([
        {"apiKeys": ["production", "staging"]}, {"api_keys": 12345}, {"secrets": ["db-password", "api-key"]},
        {"secrets": "inherit"}, {"tokens": ["a", "b2c3d4"]}, {"accessTokens": 4096},
    ]));
}

#[test]
fn a_map_below_the_name_of_a_secret_has_secrets() {
    assert_masked(
        &["hunter2", "9f8e7d6c5b4a", "swordfish"],
        &json!([
            {"password": {"dev": "hunter2"}},
            {"password": {"dev": "hunter2", "prod": "swordfish"}},
            {"passwords": {"kim": "swordfish"}},
            {"password": {"prod": {"eu": "hunter2"}}},
            {"password": {"dev": ["hunter2", "swordfish"]}},
            {"password": {"dev": "hunter2", "minLength": 8}},
            {"api_key": {"dev": "9f8e7d6c5b4a"}},
            {"apiKeys": {"main": "9f8e7d6c5b4a"}},
            {"secrets": {"DB": "9f8e7d6c5b4a"}},
        ]),
    );
    assert_kept(&json!([
        {"password": {"minLength": 8, "required": true, "type": "string", "description": "The password of the user"}},
        {"password": {"type": "string", "format": "lowercase", "widget": "masked"}},
        {"password": {"en": "Password", "ko": "비밀번호", "de": "Passwort"}},
        {"password": {"blank": "can't be blank", "short": "is too short"}},
        {"password": {"algorithm": "argon2id", "rounds": 12}},
        {"secret": {"secretName": "shop", "key": "password"}},
        {"api_key": {"in": "header", "name": "X-Shop"}},
        {"credentials": {"user": "kim", "region": "eu"}},
        {"token": {"text": "covid19", "logprob": -0.31}},
        {"secret": {"url": "https://example.com/a1b2c3"}},
    ]));
}

#[test]
fn a_list_of_arguments_is_read_like_a_command_line() {
    assert_masked(
        &["hunter2", "admin:hunter2", "swordfish", "correct horse"],
        &json!([
            {"argv": ["--password", "hunter2"]},
            {"cmd": ["curl", "-u", "admin:hunter2"]},
            {"argv": ["--password", "swordfish", "--user", "kim"]},
            {"args": ["--db-password", "correct horse"]},
            ["sshpass", "-p", "hunter2", "ssh", "host"],
            {"command": "curl", "args": ["-s", "-u", "admin:hunter2"]},
            {"command": ["/usr/bin/curl"], "args": ["-u", "admin:hunter2"]},
            {"entrypoint": ["docker", "login", "-u", "kim", "-p", "hunter2"]},
        ]),
    );
    assert_eq!(
        masked(json!({"args": ["mysql", "-phunter2", "--password=swordfish"]})),
        json!({"args": ["mysql", "-p[SECRET]", "--password=[SECRET]"]})
    );
    assert_eq!(
        masked(json!([
            {"args": ["curl", "-s", "--user=admin:hunter2"]},
            {"command": "curl", "args": ["--proxy-user=admin:hunter2"]},
            {"args": ["curl", "--password", "--user=admin:hunter2"]},
        ])),
        json!([
            {"args": ["curl", "-s", "--user=[SECRET]"]},
            {"command": "curl", "args": ["--proxy-user=[SECRET]"]},
            {"args": ["curl", "--password", "--user=[SECRET]"]},
        ])
    );
    assert_kept(&json!([
        {"argv": ["--no-password", "report.txt"]},
        {"argv": ["--password", "--user", "kim"]},
        {"args": ["run", "-p", "8080:80", "nginx"]},
        {"args": ["--password-file", "secrets.txt"]},
        {"cmd": ["ls", "-l", "admin:hunter2"]},
        {"cmd": ["mysql", "-p", "shop"]},
        {"cmd": ["docker", "build", "--secret", "id=npm"]},
        ["- one item", "- another item"],
        {"args": ["--token", "$TOKEN", 5]},
        {"args": ["ls", "--user=admin:hunter2"]},
        {"argv": ["--password", "--format=json"]},
    ]));
}

#[test]
fn the_masked_keys_of_a_map_decide_whether_its_values_are_secrets() {
    let key = "\u{200b}(temp)'s [PHONE_1]ghp_\\nChrome/M82\u{200b}주민번호비밀번호다시is your900101\u{200b}\u{200b}PRIVATE KEY-----";
    let above =
        "비밀번호비밀번호번지무지개0(temp)-4111password(temp)0PRIVATE KEY-----0비밀번호\u{200b}0";
    let once = masked(json!({ above: { key: 1000 } }));
    assert_eq!(masked(once.clone()), once);
}

#[test]
fn the_brackets_of_a_form_belong_to_no_name() {
    assert_masked(
        &["swordfish"],
        &json!([
            {"user[password]": "swordfish"},
            {"data[user][password]": "swordfish"},
            {"password[]": "swordfish"},
            {"password[]": ["swordfish"]},
            {"user[password][]": "swordfish"},
            {"password[0]": "swordfish"},
        ]),
    );
    assert_kept(&json!([
        {"user[password_hint]": "swordfish"},
        {"password[length]": "swordfish"},
        {"user[name]": "swordfish"},
    ]));
}
