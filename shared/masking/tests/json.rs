//! Masking of JSON: tool calls, metadata, Slack blocks.

use masking::{Error, Kind, Known, Masker, Placeholders};
use serde_json::{Value, json};

fn masked(mut value: Value) -> Value {
    let mut people = Placeholders::new(&[7; 32], "c", Known::default());
    Masker::default()
        .json(&mut value, &mut people)
        .expect("small");
    value
}

#[test]
fn strings_keys_and_numbers_are_masked_at_any_depth() {
    let value = json!({
        "blocks": [{"text": {"text": "전화 010-1234-5678"}}],
        "010-1234-5678": {"rrn": 9_001_011_234_567_u64, "count": 12, "ok": true},
        "files": ["계약서_900101-1234567.pdf"],
    });
    let expected = json!({
        "blocks": [{"text": {"text": "전화 [PHONE_1]"}}],
        "[PHONE_1]": {"rrn": "[RRN]", "count": 12, "ok": true},
        "files": ["계약서_[RRN].pdf"],
    });
    assert_eq!(masked(value), expected);
}

#[test]
fn a_key_is_a_label_for_its_value() {
    let value = json!({
        "계좌번호": "110-123-456789", "phone": 1_012_345_678, "password": "correct horse", "card_numbers": [4_111_111_111_111_111_u64],
        "timestamp": 1_712_314_567_890_u64, "order_id": "9001011234567", "tokens": 4096, "amount": 110_123_456_789_u64,
    });
    let expected = json!({
        "계좌번호": "[ACCOUNT_1]", "phone": "[PHONE_1]", "password": "[SECRET]", "card_numbers": ["[CARD_1]"],
        "timestamp": 1_712_314_567_890_u64, "order_id": "9001011234567", "tokens": 4096, "amount": 110_123_456_789_u64,
    });
    assert_eq!(masked(value), expected);
}

#[test]
fn a_key_in_any_case_is_the_name_of_a_secret_unless_the_value_is_a_setting_or_a_word_of_a_text() {
    for key in [
        "apiKey",
        "api-key",
        "API_KEY",
        "x-api-key",
        "clientSecret",
        "dbPassword",
        "db-password",
        "userpassword",
        "password1",
        "passwordConfirmation",
        "refreshToken",
        "비밀번호",
        "contraseña",
        "Пароль",
    ] {
        let value = json!({key: "q7Xb-2Kd9"});
        assert_eq!(masked(value), json!({key: "[SECRET]"}), "{key}");
    }
    let kept = json!([
        {"token": "Hello", "logprob": -0.31}, {"token": " world"}, {"tokens": ["a", "b"]}, {"token": "4096"},
        {"pass": "false"}, {"credentials": "omit"}, {"startPageToken": "q7Xb2Kd9mR4tWz1v"}, {"pad_token": "<pad>"},
        {"tokenCount": "12k"}, {"tokenizer": "cl100k_base"}, {"passRate": "98.5"}, {"secretName": "prod/db"},
        {"password": "${DB_PASSWORD}"}, {"keyboard": "us-intl"}, {"auth": "oauth2"}, {"key": "home.title"},
    ]);
    assert_eq!(masked(kept.clone()), kept);
}

#[test]
fn the_arguments_of_a_tool_call_are_json_in_a_string() {
    let value =
        json!({"arguments": "{\"phone\":\"01012345678\",\"note\":\"a\\n010-8765-4321\\ud800\"}"});
    let expected =
        json!({"arguments": "{\"phone\":\"[PHONE_1]\",\"note\":\"a\\n[PHONE_2]\\ud800\"}"});
    assert_eq!(masked(value), expected);
}

#[test]
fn keys_with_the_same_masked_name_keep_their_values() {
    let value = json!({"900101-1234567": 1, "910101-1234567": 2});
    assert_eq!(masked(value), json!({"[RRN]": 1, "[RRN] (2)": 2}));
}

#[test]
fn a_nul_does_not_split_a_number() {
    let value: Value = serde_json::from_str(r#"["010\u0000-1234-5678"]"#).expect("JSON");
    assert_eq!(masked(value), json!(["[PHONE_1]"]));
}

#[test]
fn counts_cover_the_whole_value() {
    let mut people = Placeholders::new(&[7; 32], "c", Known::default());
    let mut value = json!(["010-1234-5678", {"a@b.kr": "010-1234-5678"}]);
    let counts = Masker::default()
        .json(&mut value, &mut people)
        .expect("small");
    assert_eq!((counts.of(Kind::Phone), counts.of(Kind::Email)), (2, 1));
}

#[test]
fn json_that_can_not_be_masked_becomes_null() {
    let mut deep = json!("010-1234-5678");
    for _ in 0..200 {
        deep = json!([deep]);
    }
    let mut people = Placeholders::new(&[7; 32], "c", Known::default());
    let error = Masker::default()
        .json(&mut deep, &mut people)
        .expect_err("too deep");
    assert_eq!(error, Error::TooDeep(128));
    assert_eq!(deep, Value::Null);

    let mut wide = Value::from(vec![0; 100_001]);
    let error = Masker::default()
        .json(&mut wide, &mut people)
        .expect_err("too many");
    assert_eq!(error, Error::TooMany(100_000));
    assert_eq!(wide, Value::Null);
}

#[test]
fn settings_whose_name_sounds_like_a_secret_stay_unmasked() {
    let value = json!([
        {"pass": "true"}, {"next_page_token": "abc"}, {"nextPageToken": "CAoQAA"}, {"stop_token": "###"},
        {"credentials": "include"}, {"credentials": "same-origin"}, {"eos_token": "</s>"}, {"token_type": "bearer"},
        {"max_tokens": "4096"}, {"cache_key": "q7Xb2Kd9mR4tWz1vHc8LpA3f"}, {"password": ""}, {"auth": "none"},
    ]);
    assert_eq!(masked(value.clone()), value);
    let secrets = json!([
        {"pass": "hunter2"}, {"accessToken": "abc"}, {"passwort": "geheim"}, {"db_password": "word"},
        {"X-Api-Key": "q7Xb2Kd9mR4tWz1vHc8LpA3f"}, {"credentials": "kim:word"}, {"client-secret": "s"},
    ]);
    let masked = masked(secrets);
    for object in masked.as_array().expect("a list") {
        let value = object.as_object().expect("an object").values().next();
        assert_eq!(value, Some(&json!("[SECRET]")), "{object}");
    }
}
