//! People who sign in: their accounts, and what they did in the audit log.

use std::time::{Duration, Instant};

use people::audit::{AuditChain, Filter, Verification};
use people::grant::Grantor;
use people::person::Change;
use people::policy::{Identity, Policy};
use people::{Actor, People};
use platform::auth::{Role, Scope};
use platform::{Env, Resources};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::common::{Fixture, said, start, start_with, tokens};

const KEYS: &str = "0909090909090909090909090909090909090909090909090909090909090909";

fn resources(it: &Fixture) -> Resources {
    let env = it.database.env();
    let env = env.with(
        "BUCKET_URL",
        format!("file://{}", it.bucket.path().display()),
    );
    Resources::new(env.with("METASYNC_KEYS", KEYS))
}

/// Signs a person in from an address of the network.
async fn sign_in(it: &Fixture, name: &str) -> Uuid {
    let people = People::open(&resources(it)).expect("the accounts");
    let identity = Identity {
        issuer: "https://id.example".to_owned(),
        subject: format!("subject-{name}"),
        email: Some(format!("{name}@example.com")),
        hosted_domain: None,
        name: Some(format!("{name} Narwhal")),
        picture: None,
    };
    let policy = Policy::of(&Env::default().with("SIGN_IN_DOMAINS", "example.com"));
    let address = Some([192, 0, 2, 7].into());
    let signed_in = people
        .sign_in(&identity, &policy.expect("a policy"), address, None)
        .await;
    signed_in.expect("a sign-in").person.id
}

async fn verified(it: &Fixture) -> Verification {
    let chain = AuditChain::open(&resources(it)).expect("a chain");
    chain.sweep().await.expect("a sweep");
    let until = Instant::now() + Duration::from_secs(60);
    let verified = chain.verify(0, until).await.expect("a verification");
    assert_eq!(verified.fault, None);
    verified
}

#[tokio::test]
async fn an_erasure_removes_the_account_and_the_actor_and_the_audit_log_still_verifies() {
    let it = start().await;
    let (kim, lee) = (sign_in(&it, "kim").await, sign_in(&it, "lee").await);
    let before = verified(&it).await;
    assert_eq!((before.entries, before.erased), (2, 0));
    it.stored(said("r1", &kim.to_string(), "hello", "now"))
        .await;

    let erasure = it.erase(json!({"user_id": kim})).await;
    for (table, rows) in [
        ("people.person", 1),
        ("people.cookie", 1),
        ("people.audit", 1),
    ] {
        assert_eq!(erasure["erased"][table], rows, "{table} in {erasure}");
    }
    for gone in ["kim@example.com", "kim Narwhal", "subject-kim"] {
        assert!(!it.is_anywhere(gone).await, "{gone}");
    }
    for kept in ["lee@example.com", "lee Narwhal", "192.0.2.7"] {
        assert!(it.is_anywhere(kept).await, "{kept}");
    }
    let people = People::open(&resources(&it)).expect("the accounts");
    let of = |actor: Uuid| Filter {
        actor: Some(actor.to_string()),
        ..Filter::default()
    };
    assert!(
        people
            .audit_entries(&of(kim), None, 10)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        people
            .audit_entries(&of(lee), None, 10)
            .await
            .unwrap()
            .len(),
        1
    );
    // The request itself, and how many entries it emptied.
    let after = verified(&it).await;
    assert_eq!((after.entries, after.erased), (4, 1));
}

#[tokio::test]
async fn an_export_has_the_account_and_what_the_person_did_without_secrets() {
    let it = start().await;
    let kim = sign_in(&it, "kim").await;
    sign_in(&it, "lee").await;
    let people = People::open(&resources(&it)).expect("the accounts");
    let (actor, reach) = (Actor::command(), Scope::all());
    let by = Grantor {
        actor: &actor,
        reach: &reach,
        person: None,
    };
    let change = Change {
        role: Some(Role::Writer),
        ..Change::default()
    };
    let changed = people.change(kim, &change, None, &by).await;
    changed.expect("a change");
    let lines = it.export(json!({"user_id": kim})).await;
    let of = |table: &str| -> Vec<&Value> {
        lines.iter().filter(|line| line["table"] == table).collect()
    };
    let person = of("people.person");
    assert_eq!(person.len(), 1);
    assert_eq!(person[0]["email"], "kim@example.com");
    let audit = of("people.audit");
    assert_eq!(audit.len(), 2);
    assert_eq!(audit[0]["personal"]["address"], "192.0.2.7");
    // What others did to the account, without who they are.
    assert_eq!(audit[1]["action"], "person.change");
    assert_eq!(audit[1].get("personal"), None);
    assert_eq!(of("people.cookie").len(), 1);
    for secret in ["hash", "salt", "cookie_hash"] {
        assert!(
            lines.iter().all(|line| line.get(secret).is_none()),
            "{secret}"
        );
    }
}

#[tokio::test]
async fn only_a_caller_with_the_whole_scope_finds_an_account() {
    let it = start_with(&[("AUTH_TOKENS", &tokens())]).await;
    let kim = sign_in(&it, "kim").await;
    for path in ["/v1/exports", "/v1/erasures"] {
        for (token, status) in [("one", 404), ("all", 404)] {
            let reply = it.app.post(path, json!({"user_id": kim})).bearer(token);
            let reply = reply.await;
            assert_eq!(reply.status, status, "{path} by {token}: {reply:?}");
        }
    }
    let export = it.app.post("/v1/exports", json!({"user_id": kim}));
    let export = export.bearer("everything").await;
    assert_eq!(export.status, 200, "{export:?}");
    let export = export.json();
    let path = format!("/v1/exports/{}", export["id"].as_str().unwrap());
    for (token, status) in [("all", 404), ("everything", 200)] {
        let reply = it.app.get(&path).bearer(token).await;
        assert_eq!(reply.status, status, "{token}: {reply:?}");
    }
}

#[tokio::test]
async fn an_erasure_by_a_caller_of_all_robeings_leaves_the_account_and_says_so() {
    let it = start_with(&[("AUTH_TOKENS", &tokens())]).await;
    let kim = sign_in(&it, "kim").await;
    let said = said("r1", &kim.to_string(), "hello", "now");
    let said = it.log.post("/v1/messages", &said).bearer("all").await;
    assert!(said.status.is_success(), "{said:?}");
    let reply = it.app.post("/v1/erasures", json!({"user_id": kim}));
    let reply = reply.bearer("all").await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let left = &reply.json()["receipt"]["body"]["left"]["kept"];
    assert_eq!(*left, json!(["people.person", "people.audit"]));
    assert!(it.is_anywhere("kim@example.com").await);
}

#[tokio::test]
async fn the_last_admin_of_everything_is_not_erased() {
    let it = start().await;
    let kim = sign_in(&it, "kim").await;
    it.database
        .run(r#"update people.person set role = 'admin', scope = '{"*": ["*"]}'"#)
        .await;
    let reply = it.app.post("/v1/erasures", json!({"user_id": kim})).await;
    assert_eq!(reply.status, 409, "{reply:?}");
    assert!(it.is_anywhere("kim@example.com").await);
}

#[tokio::test]
async fn requests_that_start_an_erasure_or_an_export_are_in_the_audit_log_without_the_subject() {
    let it = start().await;
    let kim = "0190b2a0-0000-7000-8000-0000000000aa";
    it.stored(said("r1", kim, "hello", "now")).await;
    let exported = it
        .app
        .post("/v1/exports", json!({"user_id": kim}))
        .await
        .json();
    let erased = it.erase(json!({"user_id": kim})).await;
    // Repeating it returns the same erasure.
    assert_eq!(it.erase(json!({"user_id": kim})).await["id"], erased["id"]);
    let people = People::open(&resources(&it)).expect("the accounts");
    let entries = people
        .audit_entries(&Filter::default(), None, 10)
        .await
        .unwrap();
    let found: Vec<_> = entries
        .iter()
        .map(|it| {
            (
                it.action.as_str(),
                Value::from(it.subject.as_str()),
                it.detail.clone(),
            )
        })
        .collect();
    let kind = json!({"kind": "user_id"});
    let expected = [
        ("erasure.request", erased["id"].clone(), kind.clone()),
        ("export.request", exported["id"].clone(), kind),
    ];
    assert_eq!(found, expected);
    assert!(!it.is_anywhere(kim).await);
}
