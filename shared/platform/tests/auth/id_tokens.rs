//! The ID tokens of sign-in.

use platform::auth::IdTokens;

use super::*;

fn tokens(issuer: &Issuer) -> IdTokens {
    let resources = Resources::new(Env::default());
    IdTokens::new(&resources, "SIGN_IN_ISSUER", issuer.url(), AUDIENCE).unwrap()
}

#[tokio::test]
async fn an_id_token_is_verified_like_a_jwt_and_gives_its_claims() {
    let issuer = Issuer::start().await;
    let other = Issuer::start().await;
    let tokens = tokens(&issuer);
    let claims = tokens.verify(&issuer.token(json!({"nonce": "n-1"}))).await;
    let claims = claims.unwrap();
    assert_eq!(
        (&claims["sub"], &claims["nonce"]),
        (&json!("somebody"), &json!("n-1"))
    );

    let now = get_current_timestamp();
    for claims in [
        json!({"aud": "another"}),
        json!({"aud": null}),
        json!({"exp": now - 120}),
        json!({"exp": null}),
        json!({"nbf": now + 120}),
        json!({"iss": other.url()}),
        json!({"iss": format!("{}/", issuer.url())}),
        json!({"iss": "accounts.google.com"}),
        json!({"iss": null}),
    ] {
        let error = tokens
            .verify(&issuer.token(claims.clone()))
            .await
            .unwrap_err();
        assert_eq!(error.status(), 401, "{claims}");
    }
    for bad in [
        other.token(json!({"iss": issuer.url()})),
        "a.b.c".to_owned(),
        String::new(),
    ] {
        assert_eq!(
            tokens.verify(&bad).await.unwrap_err().status(),
            401,
            "{bad}"
        );
    }
}

#[tokio::test]
async fn an_id_token_for_several_clients_must_name_this_one() {
    let issuer = Issuer::start().await;
    let tokens = tokens(&issuer);
    for (claims, is_accepted) in [
        (json!({"aud": [AUDIENCE]}), true),
        (json!({"aud": [AUDIENCE, "another"]}), false),
        (
            json!({"aud": [AUDIENCE, "another"], "azp": "another"}),
            false,
        ),
        (json!({"aud": [AUDIENCE, "another"], "azp": AUDIENCE}), true),
    ] {
        let verified = tokens.verify(&issuer.token(claims.clone())).await;
        assert_eq!(verified.is_ok(), is_accepted, "{claims}");
    }
}

#[tokio::test]
async fn an_issuer_that_is_down_is_an_outage_and_an_unsafe_one_is_refused() {
    let issuer = Issuer::start().await;
    issuer.set_down(true);
    let error = tokens(&issuer).verify(&issuer.token(json!({}))).await;
    assert_eq!(error.unwrap_err().status(), 503);
    let resources = Resources::new(Env::default());
    let unsafe_one = IdTokens::new(&resources, "SIGN_IN_ISSUER", "http://issuer.example", "c");
    let error = format!("{:#}", unsafe_one.err().unwrap());
    assert!(error.starts_with("SIGN_IN_ISSUER"), "{error}");
}
