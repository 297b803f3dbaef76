//! JWTs of an OIDC issuer.

use super::*;

fn trusting(issuer: &Issuer) -> Auth {
    open(&[("AUTH_ISSUER", issuer.url()), ("AUTH_AUDIENCE", AUDIENCE)]).unwrap()
}

fn reader() -> Value {
    json!({"metasync_role": "reader"})
}

#[tokio::test]
async fn a_jwt_gives_its_subject_the_role_and_scope_that_it_claims() {
    let issuer = Issuer::start().await;
    let token = issuer.token(json!({
        "sub": "u-17",
        "metasync_role": "writer",
        "metasync_scope": {"datasets": ["p.sales"], "sessions": ["*"]},
    }));
    let caller = ask(&trusting(&issuer), &token).await.unwrap();
    assert_eq!((&*caller.name, caller.role), ("u-17", Role::Writer));
    assert!(caller.scope.of(DATASETS).contain("p.sales"));
    assert!(!caller.scope.of(DATASETS).contain("p.web"));
    assert_eq!(*caller.scope.of(ROBEINGS), Names::default());
    assert_eq!(*caller.scope.of(SESSIONS), Names::All);
}

#[tokio::test]
async fn every_usual_type_of_key_is_accepted() {
    for algorithm in [Algorithm::ES256, Algorithm::EdDSA, Algorithm::RS256] {
        let issuer = Issuer::start().await;
        issuer.rotate(algorithm);
        let answer = ask(&trusting(&issuer), &issuer.token(reader())).await;
        assert_eq!(status(&answer), 200, "{algorithm:?}: {answer:?}");
    }
}

#[tokio::test]
async fn the_url_of_the_keys_can_be_set_without_discovery() {
    let issuer = Issuer::start().await;
    let auth = open(&[
        ("AUTH_ISSUER", "https://issuer.example"),
        ("AUTH_AUDIENCE", AUDIENCE),
        ("AUTH_JWKS_URL", &issuer.jwks_url()),
    ])
    .unwrap();
    let mut claims = reader();
    claims["iss"] = "https://issuer.example".into();
    assert_eq!(status(&ask(&auth, &issuer.token(claims)).await), 200);
    assert_eq!(status(&ask(&auth, &issuer.token(reader())).await), 401);
}

#[tokio::test]
async fn audience_issuer_time_and_subject_are_verified() {
    let issuer = Issuer::start().await;
    let auth = trusting(&issuer);
    let now = get_current_timestamp();
    for (claims, expected) in [
        (json!({"aud": "another"}), 401),
        (json!({"aud": ["another", "third"]}), 401),
        (json!({"aud": ["another", AUDIENCE]}), 200),
        (json!({"aud": []}), 401),
        (json!({"aud": null}), 401),
        (json!({"iss": "https://issuer.example"}), 401),
        (json!({"iss": format!("{}/", issuer.url())}), 401),
        (json!({"iss": [issuer.url()]}), 401),
        (json!({"iss": null}), 401),
        (json!({"exp": now - 120}), 401),
        // Clocks may differ by a minute.
        (json!({"exp": now - 30}), 200),
        (json!({"exp": null}), 401),
        (json!({"exp": "tomorrow"}), 401),
        (json!({"nbf": now + 120}), 401),
        (json!({"nbf": now + 30}), 200),
        (json!({"nbf": "tomorrow"}), 401),
        (json!({"sub": null}), 401),
        (json!({"sub": ""}), 401),
        (json!({"sub": 17}), 401),
        (json!({"sub": "a\u{0}b"}), 401),
        (json!({"sub": "a\n"}), 401),
        (json!({"sub": "\u{85}"}), 401),
        (json!({"sub": "판".repeat(255)}), 200),
        (json!({"sub": "a".repeat(256)}), 401),
    ] {
        let mut all = claims.clone();
        all["metasync_role"] = "reader".into();
        let answer = ask(&auth, &issuer.token(all)).await;
        assert_eq!(status(&answer), expected, "{claims}: {answer:?}");
    }
}

#[tokio::test]
async fn a_jwt_without_a_known_role_is_refused() {
    let issuer = Issuer::start().await;
    let auth = trusting(&issuer);
    for claim in [
        json!(null),
        json!(""),
        json!("owner"),
        json!("Admin"),
        json!(["owner"]),
        json!([]),
        json!({"admin": true}),
        json!(true),
        json!([["admin"]]),
    ] {
        let answer = ask(&auth, &issuer.token(json!({"metasync_role": claim}))).await;
        assert_eq!(status(&answer), 403, "{claim}: {answer:?}");
    }
}

#[tokio::test]
async fn of_several_roles_the_highest_known_one_counts() {
    let issuer = Issuer::start().await;
    let claims = json!({"metasync_role": ["offline_access", "reader", "writer", 7]});
    let caller = ask(&trusting(&issuer), &issuer.token(claims))
        .await
        .unwrap();
    assert_eq!(caller.role, Role::Writer);
}

#[tokio::test]
async fn an_invalid_scope_is_refused_and_a_missing_one_grants_nothing() {
    let issuer = Issuer::start().await;
    let auth = trusting(&issuer);
    let ask_with = async |scope: Value| {
        let claims = json!({"metasync_role": "admin", "metasync_scope": scope});
        ask(&auth, &issuer.token(claims)).await
    };
    for scope in [
        json!("*"),
        json!(["*"]),
        json!({"datasets": "*"}),
        json!({"any": 1}),
        json!(1),
    ] {
        assert_eq!(status(&ask_with(scope.clone()).await), 403, "{scope}");
    }
    let nothing = ask_with(json!(null)).await.unwrap();
    assert!(!nothing.scope.of(DATASETS).contain("p.sales"));
    let as_text = ask_with(json!("{\"datasets\": [\"p.sales\"]}"))
        .await
        .unwrap();
    assert!(as_text.scope.of(DATASETS).contain("p.sales"));
}

#[tokio::test]
async fn a_claim_is_found_by_its_name_or_by_a_path() {
    let issuer = Issuer::start().await;
    let token = issuer.token(json!({
        "https://example.com/role": "writer",
        "realm": {"metasync": {"scope": {"robeings": ["r1"]}}},
    }));
    let auth = open(&[
        ("AUTH_ISSUER", issuer.url()),
        ("AUTH_AUDIENCE", AUDIENCE),
        ("AUTH_ROLE_CLAIM", "https://example.com/role"),
        ("AUTH_SCOPE_CLAIM", "realm.metasync.scope"),
    ])
    .unwrap();
    let caller = ask(&auth, &token).await.unwrap();
    assert_eq!(caller.role, Role::Writer);
    assert!(caller.scope.of(ROBEINGS).contain("r1"));
}

fn unsigned(header: &Value, claims: &str) -> String {
    format!("{}.{claims}.", URL_SAFE_NO_PAD.encode(header.to_string()))
}

#[tokio::test]
async fn a_token_without_a_valid_signature_is_refused() {
    let issuer = Issuer::start().await;
    issuer.rotate(Algorithm::RS256);
    let auth = trusting(&issuer);
    let good = issuer.token(reader());
    assert_eq!(status(&ask(&auth, &good).await), 200);
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let claims = signed.split_once('.').unwrap().1;

    // The public key as a shared secret, for a verifier that trusts the header.
    let jwk = issuer.jwk();
    let modulus = URL_SAFE_NO_PAD.decode(jwk["n"].as_str().unwrap()).unwrap();
    let all: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some(jwk["kid"].as_str().unwrap().to_owned());
    let by_secret = |secret: &[u8]| {
        jsonwebtoken::encode(&header, &all, &EncodingKey::from_secret(secret)).unwrap()
    };

    let other_issuer = Issuer::start().await;
    other_issuer.rotate(Algorithm::RS256);
    for (what, token) in [
        (
            "none",
            unsigned(&json!({"alg": "none", "kid": jwk["kid"]}), claims),
        ),
        (
            "None",
            unsigned(&json!({"alg": "None", "kid": jwk["kid"]}), claims),
        ),
        (
            "no algorithm",
            unsigned(&json!({"kid": jwk["kid"]}), claims),
        ),
        (
            "no signature",
            unsigned(&json!({"alg": "RS256", "kid": jwk["kid"]}), claims),
        ),
        ("public key as a secret", by_secret(&modulus)),
        (
            "its JSON as a secret",
            by_secret(jwk.to_string().as_bytes()),
        ),
        (
            "another's key of that id",
            other_issuer.token_with(all.clone(), |_| {}),
        ),
        ("cut", good[..good.len() - 4].to_owned()),
        ("four parts", format!("{good}.x")),
        (
            "changed claims",
            format!(
                "{}.{signature}",
                signed.replace(claims, &claims.replace('I', "J"))
            ),
        ),
        (
            "own key in the header",
            other_issuer.token_with(all, |header| {
                header.jwk = serde_json::from_value(other_issuer.jwk()).ok();
                header.jku = Some(other_issuer.jwks_url());
            }),
        ),
        (
            "critical header",
            issuer.token_with(reader(), |header| header.crit = Some(vec!["b64".into()])),
        ),
    ] {
        let answer = ask(&auth, &token).await;
        assert_eq!(status(&answer), 401, "{what}: {answer:?}");
    }
    assert_eq!(other_issuer.fetches(), 0);
}

#[tokio::test]
async fn shared_secrets_and_encryption_keys_are_ignored() {
    let issuer = Issuer::start().await;
    let mut encryption = issuer.jwk();
    encryption["kid"] = "encryption".into();
    encryption["use"] = "enc".into();
    issuer.publish(encryption);
    issuer.publish(json!({"kty": "oct", "kid": "secret", "alg": "HS256", "k": "c2VjcmV0"}));
    issuer.publish(json!({"kty": "future", "kid": "odd"}));
    let auth = trusting(&issuer);

    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some("secret".into());
    let claims = json!({"iss": issuer.url(), "aud": AUDIENCE, "sub": "x", "exp": u32::MAX, "metasync_role": "admin"});
    let shared =
        jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(b"secret")).unwrap();
    assert_eq!(status(&ask(&auth, &shared).await), 401);
    let by_encryption =
        issuer.token_with(reader(), |header| header.kid = Some("encryption".into()));
    assert_eq!(status(&ask(&auth, &by_encryption).await), 401);
    // The valid key still works, and is found without an id as well.
    let good = issuer.token_with(reader(), |header| header.kid = None);
    assert_eq!(status(&ask(&auth, &good).await), 200);
}

#[tokio::test]
async fn a_discovery_document_of_another_issuer_is_refused() {
    let issuer = Issuer::start().await;
    // The same server under another name.
    let url = issuer.url().replace("127.0.0.1", "localhost");
    let auth = open(&[("AUTH_ISSUER", &url), ("AUTH_AUDIENCE", AUDIENCE)]).unwrap();
    let answer = ask(
        &auth,
        &issuer.token(json!({"iss": url, "metasync_role": "admin"})),
    )
    .await;
    assert_eq!(status(&answer), 503, "{answer:?}");
    assert_eq!(issuer.fetches(), 0);
}
