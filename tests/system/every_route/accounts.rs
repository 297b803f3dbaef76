//! People and tokens of the database: on every route they have exactly their role and scope.

use std::time::Duration;

use http::{Method, StatusCode};
use kit::TestApp;
use kit::postgres::database;
use metasync::functions::FUNCTIONS;
use people::grant::Grantor;
use people::person::Change;
use people::policy::{Identity, Policy};
use people::token::NewToken;
use people::{Actor, People};
use platform::auth::{Role, Scope};
use platform::{Env, Resources};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{env, hex, request, routes};

const ROLES: [Role; 3] = [Role::Reader, Role::Writer, Role::Admin];
const EVERYTHING: &str = r#"{"*": ["*"]}"#;
/// Neither the robeing nor the dataset that the requests name.
const OTHER: &str = r#"{"robeings": ["r2"], "datasets": ["p.other"]}"#;

/// The bearer tokens of three callers with the same rights.
struct Callers {
    role: Role,
    /// In `AUTH_TOKENS`.
    configured: String,
    /// Created by an admin.
    created: String,
    /// Of a person who is signed in.
    personal: String,
}

/// An entry of `AUTH_TOKENS` whose token is its name.
fn configured(role: Role, scope: &str) -> Value {
    let name = format!("configured-{role}");
    let scope: Value = serde_json::from_str(scope).expect("JSON");
    json!({"name": name, "role": role, "scope": scope, "sha256": hex(&Sha256::digest(&name))})
}

/// Creates callers with a role and a scope.
async fn callers(people: &People, role: Role, scope: &str) -> Callers {
    let (actor, reach) = (Actor::command(), Scope::all());
    let by = Grantor {
        actor: &actor,
        reach: &reach,
        person: None,
    };
    let scope: Scope = serde_json::from_str(scope).expect("a scope");
    let new = NewToken {
        name: format!("created-{role}"),
        role,
        scope: scope.clone(),
        expires_at: None,
    };
    let created = people.create_token(&new, None, &by).await;
    let identity = Identity {
        issuer: "https://id.example".to_owned(),
        subject: role.to_string(),
        email: Some(format!("{role}@example.com")),
        hosted_domain: None,
        name: None,
        picture: None,
    };
    let admitted = Env::default().with("SIGN_IN_DOMAINS", "example.com");
    let policy = Policy::of(&admitted).expect("a policy");
    let signed_in = people.sign_in(&identity, &policy, None, None).await;
    let signed_in = signed_in.expect("a sign-in");
    let change = Change {
        role: Some(role),
        scope: Some(scope),
        is_active: None,
    };
    let person = signed_in.person.id;
    let changed = people.change(person, &change, None, &by).await;
    changed.expect("a change");
    let cookie = signed_in.cookie.to_str().expect("ASCII");
    let cookie = cookie.split(['=', ';']).nth(1).expect("a value");
    let personal = people.token_of_person(cookie, &Actor::command()).await;
    Callers {
        role,
        configured: format!("configured-{role}"),
        created: created.expect("a token").secret,
        personal: personal.expect("a token").0,
    }
}

/// Ends what all callers but the configured ones authenticate with.
const END: &str = "
    update people.token set revoked_at = now() where name is not null;
    delete from people.cookie";

/// Routes that callers authenticate for with a bearer token.
fn takes_a_token(path: &str) -> bool {
    let is_signed = [message_log::slack::ROUTE, "/v1/exports/download"].contains(&path);
    (path.starts_with("/v1/") && !is_signed) || path.starts_with("/events/")
}

fn is_refused(status: StatusCode) -> bool {
    status == StatusCode::UNAUTHORIZED || status == StatusCode::FORBIDDEN
}

#[tokio::test]
async fn people_and_tokens_have_exactly_their_role_and_scope_on_every_route_until_they_end() {
    for scope in [EVERYTHING, OTHER] {
        let database = database().await;
        let tokens = ROLES.map(|role| configured(role, scope));
        let env = env(&database.url).with("RATE_LIMITS", "administration=off,model=off");
        let people = People::open(&Resources::new(env.clone())).expect("the accounts");
        let mut all = Vec::new();
        for role in ROLES {
            all.push(callers(&people, role, scope).await);
        }
        let mut apps = Vec::new();
        for function in FUNCTIONS {
            // The others have no database, unless they are in one process with one that has.
            if !function.needs_database() && function.name != "cache-read" {
                continue;
            }
            let open = TestApp::with_env(env.clone()).start(function.app).await;
            let env = env.clone().with("AUTH_TOKENS", json!(tokens).to_string());
            let app = TestApp::with_env(env).start(function.app).await;
            let mut listed = routes(&open).await;
            listed.retain(|(_, path)| takes_a_token(path));
            assert!(!listed.is_empty(), "{}", function.name);
            apps.push((app, listed));
        }
        let mut refusals = 0;
        for (app, listed) in &apps {
            for (method, path) in listed {
                for callers in &all {
                    refusals += compare(app, method, path, callers, scope).await;
                }
            }
        }
        // Otherwise, the comparison says nothing.
        assert!(refusals > 20, "{refusals}");

        database.run(END).await;
        tokio::time::sleep(Duration::from_millis(1_010)).await;
        for (app, listed) in &apps {
            for (method, path) in listed {
                for callers in &all {
                    for token in [&callers.created, &callers.personal] {
                        let reply = request(app, method, path, "r1").bearer(token).await;
                        assert_eq!(reply.status, 401, "{method} {path}: {reply:?}");
                    }
                }
            }
        }
    }
}

/// Sends a request as each of the callers. The same must be refused. Returns whether it is.
async fn compare(
    app: &TestApp,
    method: &Method,
    path: &str,
    callers: &Callers,
    scope: &str,
) -> usize {
    let send = async |token: &str| request(app, method, path, "r1").bearer(token).await.status;
    let expected = is_refused(send(&callers.configured).await);
    let role = callers.role;
    let called = format!("{method} {path} as a {role} of {scope}");
    let created = send(&callers.created).await;
    assert_eq!(is_refused(created), expected, "{called}: {created}");
    let personal = send(&callers.personal).await;
    // People call no triggers.
    let expected_of_a_person = expected || path.starts_with("/events/");
    assert_eq!(
        is_refused(personal),
        expected_of_a_person,
        "{called}: {personal}"
    );
    if role == Role::Admin && scope == EVERYTHING {
        assert!(!expected, "{called}");
    }
    usize::from(expected)
}
