//! Callers of `/events/*`.

use super::*;

const PATH: &str = "/events/schema-sync";
const ACCOUNT: &str = "scheduler@project.iam.gserviceaccount.com";
const FUNCTION: &str = "https://schema-sync.example";

fn settings(google: &Issuer) -> Vec<(&'static str, String)> {
    vec![
        ("AUTH_TRIGGER_ACCOUNT", ACCOUNT.into()),
        ("AUTH_TRIGGER_AUDIENCE", FUNCTION.into()),
        ("AUTH_TRIGGER_ISSUER", google.url().into()),
    ]
}

fn auth(settings: &[(&'static str, String)]) -> Auth {
    let settings: Vec<_> = settings
        .iter()
        .map(|(name, value)| (*name, &**value))
        .collect();
    open(&settings).unwrap()
}

fn claims() -> Value {
    json!({"aud": FUNCTION, "email": ACCOUNT, "email_verified": true})
}

#[tokio::test]
async fn the_trigger_account_is_an_admin_of_everything_on_triggers() {
    let google = Issuer::start().await;
    let auth = auth(&settings(&google));
    let caller = ask_at(&auth, PATH, &google.token(claims())).await.unwrap();
    assert_eq!(*caller.name, format!("trigger:{ACCOUNT}"));
    assert_eq!(caller.role, Role::Admin);
    assert!(caller.scope.of(DATASETS).contain("any.dataset"));
}

#[tokio::test]
async fn the_trigger_account_is_refused_on_other_routes() {
    let google = Issuer::start().await;
    let auth = auth(&settings(&google));
    for path in [
        "/v1/schema",
        "/",
        "/eventsfoo",
        "/v1/events/schema-sync",
        "/Events/x",
    ] {
        let answer = ask_at(&auth, path, &google.token(claims())).await;
        assert_eq!(status(&answer), 401, "{path}");
    }
    assert_eq!(google.fetches(), 0);
}

#[tokio::test]
async fn another_account_audience_or_an_unverified_email_is_refused() {
    let google = Issuer::start().await;
    let auth = auth(&settings(&google));
    for (change, expected) in [
        (
            json!({"email": "other@project.iam.gserviceaccount.com"}),
            403,
        ),
        (json!({"email": null}), 403),
        (json!({"email_verified": false}), 403),
        (json!({"email_verified": "true"}), 403),
        (json!({"email_verified": null}), 403),
        (json!({"aud": "https://other.example"}), 401),
        (json!({"aud": null}), 401),
        (json!({"iss": "https://accounts.google.com"}), 401),
    ] {
        let mut claims = claims();
        claims
            .as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        let answer = ask_at(&auth, PATH, &google.token(claims)).await;
        assert_eq!(status(&answer), expected, "{change}: {answer:?}");
    }
}

#[tokio::test]
async fn only_admins_may_call_triggers_by_hand() {
    let google = Issuer::start().await;
    let people = Issuer::start().await;
    let tokens = json!([
        {"name": "by hand", "role": "admin", "sha256": sha256("admin-token")},
        {"name": "loader", "role": "writer", "sha256": sha256("writer-token")},
    ]);
    let mut settings = settings(&google);
    settings.extend([
        ("AUTH_TOKENS", tokens.to_string()),
        ("AUTH_ISSUER", people.url().into()),
        ("AUTH_AUDIENCE", AUDIENCE.into()),
    ]);
    let auth = auth(&settings);
    let person = |role: &str| people.token(json!({ "metasync_role": role }));
    for (token, expected) in [
        ("admin-token".to_owned(), 200),
        ("writer-token".to_owned(), 403),
        (person("admin"), 200),
        (person("reader"), 403),
        (google.token(claims()), 200),
    ] {
        assert_eq!(status(&ask_at(&auth, PATH, &token).await), expected);
    }
}
