//! The caller in the signature of a handler.

use super::*;

/// The status and the body of a handler that requires a caller, for a request with this caller.
async fn call(path: &str, role: Option<Role>) -> (StatusCode, String) {
    let app = Router::new()
        .route("/caller", get(async |_: Caller| "done"))
        .route("/writer", get(async |_: Writer| "done"))
        .route("/admin", get(async |_: Admin| "done"));
    let mut request = Request::get(path).body(Body::empty()).unwrap();
    if let Some(role) = role {
        let caller = Caller {
            role,
            ..Caller::trigger("someone")
        };
        request.extensions_mut().insert(caller);
    }
    let answer = app.oneshot(request).await.unwrap();
    let status = answer.status();
    let body = axum::body::to_bytes(answer.into_body(), 10_000)
        .await
        .unwrap();
    (status, String::from_utf8(body.into()).unwrap())
}

#[tokio::test]
async fn a_handler_that_takes_a_caller_is_unreachable_without_one() {
    for path in ["/caller", "/writer", "/admin"] {
        let (status, body) = call(path, None).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        assert!(body.contains("Authorization: Bearer"), "{body}");
    }
}

#[tokio::test]
async fn each_role_includes_the_permissions_of_lower_roles() {
    for (path, lowest) in [
        ("/caller", Role::Reader),
        ("/writer", Role::Writer),
        ("/admin", Role::Admin),
    ] {
        for role in [Role::Reader, Role::Writer, Role::Admin] {
            let (status, _) = call(path, Some(role)).await;
            assert_eq!(status.is_success(), role >= lowest, "{path} as {role}");
        }
    }
}

#[tokio::test]
async fn a_refusal_names_the_role_that_is_needed() {
    let (status, body) = call("/admin", Some(Role::Writer)).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(body.contains("needs the role `admin`"), "{body}");
}
