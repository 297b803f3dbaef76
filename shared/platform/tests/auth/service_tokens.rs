//! Service tokens, and the header that carries them.

use super::*;

fn two_tokens() -> Auth {
    let tokens = json!([
        {"name": "loader", "role": "writer", "sha256": sha256("a-long-token"),
         "scope": {"datasets": ["p.sales", "p.web"], "robeings": ["*"]}},
        {"name": "nobody", "role": "reader", "sha256": sha256("another-token").to_uppercase()},
    ]);
    open(&[("AUTH_TOKENS", &tokens.to_string())]).unwrap()
}

#[tokio::test]
async fn a_token_gives_its_caller_name_role_and_scope() {
    let caller = ask(&two_tokens(), "a-long-token").await.unwrap();
    assert_eq!((&*caller.name, caller.role), ("loader", Role::Writer));
    assert!(caller.scope.of(DATASETS).contain("p.sales"));
    assert!(!caller.scope.of(DATASETS).contain("p.sale"));
    assert!(!caller.scope.of(DATASETS).contain("q.sales"));
    assert_eq!(*caller.scope.of(ROBEINGS), Names::All);
}

#[tokio::test]
async fn a_kind_that_is_missing_in_the_scope_grants_nothing() {
    let auth = two_tokens();
    let loader = ask(&auth, "a-long-token").await.unwrap();
    assert!(!loader.scope.of(SESSIONS).contain("s1"));
    let nobody = ask(&auth, "another-token").await.unwrap();
    assert_eq!(*nobody.scope.of(DATASETS), Names::default());
    assert!(!nobody.scope.of(DATASETS).contain(""));
}

#[tokio::test]
async fn a_kind_that_no_function_declares_neither_refuses_the_token_nor_grants_anything_else() {
    let tokens = json!([{"name": "loader", "role": "reader", "sha256": sha256("a-long-token"),
        "scope": {"planets": ["*"], "datasets": ["p.sales"]}}]);
    let auth = open(&[("AUTH_TOKENS", &tokens.to_string())]).unwrap();
    let caller = ask(&auth, "a-long-token").await.unwrap();
    assert!(caller.scope.of(DATASETS).contain("p.sales"));
    assert!(!caller.scope.of(DATASETS).contain("p.web"));
    assert!(!caller.scope.of(ROBEINGS).contain("r1"));
}

#[tokio::test]
async fn the_kind_that_stands_for_all_others_grants_every_name_of_every_kind() {
    let tokens = |scope: &str| {
        let hash = sha256("a-long-token");
        format!(r#"[{{"name": "a", "role": "reader", "sha256": "{hash}", "scope": {scope}}}]"#)
    };
    let auth = open(&[("AUTH_TOKENS", &tokens(r#"{"*": ["*"], "datasets": []}"#))]).unwrap();
    let caller = ask(&auth, "a-long-token").await.unwrap();
    assert!(caller.scope.of(ROBEINGS).contain("r1"));
    assert!(!caller.scope.of(DATASETS).contain("p.sales"));
    let refused = refusal(&[("AUTH_TOKENS", &tokens(r#"{"*": ["r1"]}"#))]);
    assert!(refused.starts_with("AUTH_TOKENS is not valid"), "{refused}");
}

#[tokio::test]
async fn an_unknown_token_is_refused() {
    let auth = two_tokens();
    let hash = sha256("a-long-token");
    for token in [
        "A-long-token",
        "a-long-toke",
        "a-long-token.",
        &hash,
        "a.b.c",
        "e30.e30.e30",
    ] {
        assert_eq!(status(&ask(&auth, token).await), 401, "{token}");
    }
}

#[tokio::test]
async fn without_a_header_there_is_no_caller_and_no_error() {
    let caller = two_tokens()
        .authenticate(&HeaderMap::new(), &Uri::from_static("/v1/schema"))
        .await
        .unwrap();
    assert!(caller.is_none());
}

#[tokio::test]
async fn the_scheme_bearer_is_case_insensitive() {
    let auth = two_tokens();
    for value in [
        "Bearer a-long-token",
        "bearer a-long-token",
        "BEARER  a-long-token ",
    ] {
        let headers = [(AUTHORIZATION, HeaderValue::from_static(value))]
            .into_iter()
            .collect();
        let caller = auth
            .authenticate(&headers, &Uri::from_static("/v1/schema"))
            .await
            .unwrap();
        assert_eq!(&*caller.unwrap().name, "loader", "{value}");
    }
}

#[tokio::test]
async fn a_header_in_another_format_is_refused() {
    let auth = two_tokens();
    let huge = format!("Bearer {}", "a".repeat(9_000));
    for value in [
        &b""[..],
        b"a-long-token",
        b"Bearer",
        b"Bearer ",
        b"Basic YS1sb25nLXRva2Vu",
        b"Bearera-long-token",
        b"Bearer\ta-long-token",
        b"Bearer a-long-token, a-long-token",
        b"Bearer \"a-long-token\"",
        "Bearer a-long-tokén".as_bytes(),
        b"Bearer a-long-token\xff",
        huge.as_bytes(),
    ] {
        let value = HeaderValue::from_bytes(value).unwrap();
        let headers = [(AUTHORIZATION, value.clone())].into_iter().collect();
        let target = Uri::from_static("/v1/schema");
        let error = auth.authenticate(&headers, &target).await.unwrap_err();
        assert_eq!(error.status(), 401, "{value:?}");
    }
}

#[tokio::test]
async fn the_refusal_of_a_header_names_its_fault() {
    let auth = two_tokens();
    for (value, fault) in [
        (
            "Basic YS1sb25nLXRva2Vu",
            "the scheme of `Authorization` is not Bearer",
        ),
        ("Bearer ", "the token is empty"),
        ("Bearer \"a-long-token\"", "the token has other characters"),
        ("Bearer some-token", "the token is unknown"),
    ] {
        let headers = [(AUTHORIZATION, HeaderValue::from_static(value))];
        let headers = headers.into_iter().collect();
        let target = Uri::from_static("/v1/schema");
        let error = auth.authenticate(&headers, &target).await.unwrap_err();
        assert!(error.to_string().starts_with(fault), "{value}: {error}");
    }
}

#[tokio::test]
async fn two_authorization_headers_are_refused_even_if_both_are_valid() {
    let mut headers = bearer("a-long-token");
    headers.append(
        AUTHORIZATION,
        HeaderValue::from_static("Bearer a-long-token"),
    );
    let error = two_tokens()
        .authenticate(&headers, &Uri::from_static("/v1/schema"))
        .await
        .unwrap_err();
    assert_eq!(error.status(), 401);
}
