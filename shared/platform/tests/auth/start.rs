//! The settings of authentication.

use super::*;

const OTHERS: [(&str, &str); 9] = [
    ("AUTH_TOKENS", "[]"),
    ("AUTH_ISSUER", "https://issuer.example"),
    ("AUTH_AUDIENCE", "metasync"),
    ("AUTH_JWKS_URL", "https://issuer.example/keys"),
    ("AUTH_ROLE_CLAIM", "role"),
    ("AUTH_SCOPE_CLAIM", "scope"),
    ("AUTH_TRIGGER_ACCOUNT", "scheduler@example"),
    ("AUTH_TRIGGER_AUDIENCE", "https://function.example"),
    ("AUTH_TRIGGER_ISSUER", "https://issuer.example"),
];

#[test]
fn without_settings_nothing_starts_and_the_error_names_the_choices() {
    let error = refusal(&[]);
    for name in [
        "AUTH_TOKENS",
        "AUTH_ISSUER",
        "AUTH_TRIGGER_ACCOUNT",
        "AUTH_MODE=open",
    ] {
        assert!(error.contains(name), "{error}");
    }
    assert_eq!(refusal(&[("AUTH_TOKENS", "")]), error);
}

#[tokio::test]
async fn the_open_mode_makes_everyone_an_admin_of_everything() {
    let auth = open(&[("AUTH_MODE", "open")]).unwrap();
    assert!(auth.is_open());
    for headers in [HeaderMap::new(), bearer("whatever")] {
        let caller = auth
            .authenticate(&headers, &Uri::from_static("/v1/schema"))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(caller.role, Role::Admin);
        assert!(caller.scope.of(DATASETS).contain("project.dataset"));
    }
}

#[test]
fn the_open_mode_excludes_the_other_settings() {
    for (name, value) in OTHERS {
        let error = refusal(&[("AUTH_MODE", "open"), (name, value)]);
        assert!(
            error.contains("AUTH_MODE") && error.contains(name),
            "{error}"
        );
    }
}

#[test]
fn the_open_mode_is_refused_on_cloud_platforms() {
    for platform in ["AWS_LAMBDA_RUNTIME_API", "K_SERVICE"] {
        let error = refusal(&[("AUTH_MODE", "open"), (platform, "127.0.0.1:9001")]);
        assert!(
            error.contains(platform) && error.contains("AUTH_TOKENS"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn the_open_mode_refuses_requests_of_web_pages() {
    let auth = open(&[("AUTH_MODE", "open")]).unwrap();
    let ask = async |pairs: &[(&'static str, &'static str)]| {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        auth.authenticate(&headers, &Uri::from_static("/v1/schema"))
            .await
            .is_ok()
    };

    for host in [
        "localhost:8080",
        "127.0.0.1:8080",
        "[::1]:8080",
        "localhost",
    ] {
        assert!(ask(&[("host", host)]).await, "{host}");
    }
    assert!(
        ask(&[
            ("host", "localhost:8080"),
            ("origin", "http://localhost:8080")
        ])
        .await
    );
    for refused in [
        [("host", "evil.example"), ("accept", "*/*")],
        [("host", "localhost.evil.example:8080"), ("accept", "*/*")],
        [
            ("host", "localhost:8080"),
            ("origin", "https://evil.example"),
        ],
        [("host", "localhost:8080"), ("origin", "null")],
        [
            ("host", "localhost:8080"),
            ("origin", "http://localhost:3000"),
        ],
    ] {
        assert!(!ask(&refused).await, "{refused:?}");
    }
}

#[tokio::test]
async fn the_open_mode_refuses_another_host_however_the_request_names_it() {
    let auth = open(&[("AUTH_MODE", "open")]).unwrap();
    let ask = async |target: &str, hosts: &[&str]| {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append("host", host.parse().unwrap());
        }
        match auth.authenticate(&headers, &target.parse().unwrap()).await {
            Ok(_) => 200,
            Err(error) => error.status().as_u16(),
        }
    };
    for (target, hosts) in [
        ("/v1/schema", &["localhost:8080"][..]),
        ("http://localhost:8080/v1/schema", &["localhost:8080"]),
        ("http://[::1]:8080/v1/schema", &[]),
    ] {
        assert_eq!(ask(target, hosts).await, 200, "{target} {hosts:?}");
    }
    for (target, hosts) in [
        ("/v1/schema", &["localhost", "localhost"][..]),
        ("/v1/schema", &["localhost", "evil.example"]),
        ("/v1/schema", &["localhost\\.evil.example"]),
        ("/v1/schema", &["localhost.evil.example"]),
        ("/v1/schema", &["127.0.0.1.evil.example:80"]),
        ("/v1/schema", &["localhost."]),
        ("/v1/schema", &["user@localhost"]),
        ("/v1/schema", &[""]),
        ("http://evil.example/v1/schema", &["localhost"]),
        ("http://localhost/v1/schema", &["evil.example"]),
        ("http://localhost/v1/schema", &["127.0.0.1"]),
        ("http://evil.example/v1/schema", &[]),
        ("http://user@localhost/v1/schema", &[]),
    ] {
        assert_eq!(ask(target, hosts).await, 403, "{target} {hosts:?}");
    }
}

#[test]
fn an_unknown_mode_is_refused() {
    for mode in ["Open", "closed", "none", "open "] {
        let error = refusal(&[("AUTH_MODE", mode), ("AUTH_TOKENS", "[]")]);
        assert!(error.contains("AUTH_MODE"), "{error}");
    }
}

#[test]
fn a_setting_that_needs_another_one_is_refused_alone() {
    for (name, value) in OTHERS {
        let error = refusal(&[(name, value)]);
        assert!(error.contains("AUTH_"), "{error}");
    }
    assert!(refusal(&OTHERS[1..2]).contains("AUTH_AUDIENCE is not set"));
    assert!(refusal(&OTHERS[6..7]).contains("AUTH_TRIGGER_AUDIENCE is not set"));
    assert!(refusal(&OTHERS[3..4]).contains("AUTH_ISSUER"));
}

#[test]
fn an_issuer_without_https_is_refused() {
    for url in [
        "http://issuer.example",
        "ftp://issuer.example",
        "issuer.example",
        "http://10.0.0.1",
    ] {
        let error = refusal(&[("AUTH_ISSUER", url), ("AUTH_AUDIENCE", AUDIENCE)]);
        assert!(error.contains("AUTH_ISSUER"), "{error}");
        let jwks = [OTHERS[1], OTHERS[2], ("AUTH_JWKS_URL", url)];
        assert!(refusal(&jwks).contains("AUTH_JWKS_URL"));
    }
}

#[test]
fn an_invalid_list_of_tokens_is_refused_without_quoting_hashes() {
    let hash = sha256("token");
    let entry = |change: Value| {
        let mut entry = json!({"name": "loader", "role": "reader", "sha256": hash});
        entry
            .as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        entry
            .as_object_mut()
            .unwrap()
            .retain(|_, value| !value.is_null());
        json!([entry]).to_string()
    };
    let same_twice = json!([
        {"name": "one", "role": "reader", "sha256": hash},
        {"name": "two", "role": "admin", "sha256": hash.to_uppercase()},
    ]);
    for bad in [
        "[]".to_owned(),
        "{}".to_owned(),
        hash.clone(),
        format!("[\"{hash}\"]"),
        same_twice.to_string(),
        entry(json!({"role": hash})),
        entry(json!({"role": "owner"})),
        entry(json!({"role": null})),
        entry(json!({"name": null})),
        entry(json!({"name": ""})),
        entry(json!({"name": "a\nb"})),
        entry(json!({"sha256": null})),
        entry(json!({"sha256": &hash[1..]})),
        entry(json!({"sha256": format!("{hash}00")})),
        entry(json!({"sha256": format!("g{}", &hash[1..])})),
        entry(json!({ &hash: "typo" })),
        entry(json!({"scope": {"any": [1]}})),
        entry(json!({"scope": {"datasets": "a.b"}})),
        entry(json!({"scope": {"datasets": hash}})),
        entry(json!({"scope": "*"})),
    ] {
        let error = refusal(&[("AUTH_TOKENS", &bad)]);
        assert!(error.contains("AUTH_TOKENS"), "{bad}: {error}");
        assert!(!error.to_lowercase().contains(&hash[1..]), "{error}");
    }
    open(&[("AUTH_TOKENS", &entry(json!({})))]).unwrap();
}

#[test]
fn the_digest_of_no_token_is_refused() {
    for digest in [
        // Of the empty text.
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
        // Of a line break.
        "01ba4719c80b6fe911b091a7c05124b64eeece964e09c058ef8f9805daca546b",
    ] {
        let tokens = format!(r#"[{{"name": "me", "role": "admin", "sha256": "{digest}"}}]"#);
        let error = refusal(&[("AUTH_TOKENS", &tokens)]);
        assert!(
            error.contains(r#"sha256 of "me" is the digest of no token"#),
            "{error}"
        );
    }
}

#[test]
fn a_public_url_that_is_not_a_safe_origin_is_refused() {
    let with = |url: &'static str| [("AUTH_MODE", "open"), ("PUBLIC_URL", url)];
    for good in [
        "https://a.example",
        "https://a.example/",
        "https://a.example:8443",
        "http://localhost:8080",
    ] {
        assert!(open(&with(good)).is_ok(), "{good}");
    }
    for bad in [
        "a.example",
        "http://a.example",
        "https://a.example/console",
        "https://a.example?x",
        "https://a.example#x",
        "https://me@a.example",
    ] {
        let refusal = refusal(&with(bad));
        assert!(refusal.starts_with("PUBLIC_URL is"), "{refusal}");
    }
}
