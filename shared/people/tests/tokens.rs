//! The tokens of services.

use std::time::Duration;

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use kit::clock::WallClock;
use people::token::{Created, NewToken};
use people::{Actor, People, RequestKey};
use platform::auth::{Accounts as _, CallerKind, Role, Scope};
use platform::{Caller, Resources, Result};

use crate::common::{ALL, Accounts, SALES, accounts, by, open, scope, status};

fn new(name: &str) -> NewToken {
    NewToken {
        name: name.to_owned(),
        role: Role::Writer,
        scope: scope(SALES),
        expires_at: None,
    }
}

async fn create(accounts: &Accounts, new: &NewToken, key: Option<&str>) -> Result<Created> {
    let caller = Caller::service("admin".into(), Role::Admin, Scope::all().into());
    let key = key.map(|key| RequestKey::of(&caller, key));
    by(ALL, async |by| {
        accounts.people.create_token(new, key.as_ref(), &by).await
    })
    .await
}

#[tokio::test]
async fn a_token_leads_to_a_service_with_its_role_and_scope_and_is_stored_as_a_digest() {
    let accounts = accounts().await;
    let Created { token, secret } = create(&accounts, &new("bot"), None).await.unwrap();
    assert!(accounts.people.is_token(&secret), "{secret}");
    let caller = accounts.people.by_token(&secret).await.unwrap().unwrap();
    assert_eq!(
        (&*caller.name, caller.kind),
        ("bot", CallerKind::Token(token.id))
    );
    assert_eq!((caller.role, &*caller.scope), (Role::Writer, &scope(SALES)));
    assert_eq!(token.last_used_at, None);
    assert!(!accounts.database.dump().await.contains(&secret));
    for other in [
        "mst_",
        "mst_x",
        &secret[4..],
        &format!("{secret}x"),
        "eyJhbGciOi.e30.x",
    ] {
        assert!(!accounts.people.is_token(other), "{other}");
    }
    let unknown = format!("mst_{}", "x".repeat(43));
    assert!(accounts.people.is_token(&unknown));
    assert!(accounts.people.by_token(&unknown).await.unwrap().is_none());
}

#[tokio::test]
async fn a_name_has_one_token_unless_that_is_revoked() {
    let accounts = accounts().await;
    let first = create(&accounts, &new("bot"), None).await.unwrap();
    assert_eq!(status(create(&accounts, &new("bot"), None).await), 409);
    // An expired one keeps its name, which is in the log.
    let expired = "update people.token set expires_at = now() - interval '1 day'";
    accounts.database.run(expired).await;
    assert_eq!(status(create(&accounts, &new("bot"), None).await), 409);
    let id = first.token.id;
    by(ALL, async |by| accounts.people.revoke_token(id, &by).await)
        .await
        .unwrap();
    create(&accounts, &new("bot"), None).await.unwrap();
    let at_once = (0..5).map(|_| async { status(create(&accounts, &new("other"), None).await) });
    let mut statuses = join_all(at_once).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409, 409, 409, 409]);
}

#[tokio::test]
async fn names_that_callers_of_another_kind_have_are_refused() {
    let accounts = accounts().await;
    for name in [
        "",
        "a\u{7}",
        "trigger:sweep",
        "0190b2a0-0000-7000-8000-000000000001",
    ] {
        assert_eq!(
            status(create(&accounts, &new(name), None).await),
            400,
            "{name:?}"
        );
    }
}

#[tokio::test]
async fn an_expired_token_is_refused_and_none_is_created_in_the_past() {
    let accounts = accounts().await;
    let mut token = new("bot");
    token.expires_at = Some(Timestamp::now() - SignedDuration::from_secs(1));
    assert_eq!(status(create(&accounts, &token, None).await), 400);
    token.expires_at = Some(Timestamp::now() + SignedDuration::from_hours(1));
    let Created { secret, .. } = create(&accounts, &token, None).await.unwrap();
    assert!(accounts.people.by_token(&secret).await.unwrap().is_some());
    let passed = "update people.token set expires_at = now() - interval '1 second'";
    accounts.database.run(passed).await;
    assert!(
        open(&accounts.database)
            .by_token(&secret)
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn a_revoked_token_is_refused_at_once_in_this_process_and_within_a_second_in_others() {
    let accounts = accounts().await;
    let wall = WallClock::default();
    let resources = Resources::with_clock(accounts.database.env(), wall.clock());
    let elsewhere = People::open(&resources).unwrap();
    let Created { token, secret } = create(&accounts, &new("bot"), None).await.unwrap();
    for process in [&accounts.people, &elsewhere] {
        assert!(process.by_token(&secret).await.unwrap().is_some());
    }
    let revoke = async || {
        by(ALL, async |by| {
            accounts.people.revoke_token(token.id, &by).await
        })
        .await
    };
    revoke().await.unwrap();
    assert!(accounts.people.by_token(&secret).await.unwrap().is_none());
    wall.pass(Duration::from_secs(1));
    assert!(elsewhere.by_token(&secret).await.unwrap().is_none());
    let revoked_at = accounts
        .people
        .token(&scope(ALL), token.id)
        .await
        .unwrap()
        .revoked_at;
    assert!(revoked_at.is_some());
    // Again, it changes nothing.
    revoke().await.unwrap();
    let again = accounts
        .people
        .token(&scope(ALL), token.id)
        .await
        .unwrap()
        .revoked_at;
    assert_eq!(again, revoked_at);
    assert_eq!(accounts.actions().await, ["token.create", "token.revoke"]);
}

#[tokio::test]
async fn the_time_of_the_last_use_is_exact_to_five_minutes() {
    let accounts = accounts().await;
    let Created { token, secret } = create(&accounts, &new("bot"), None).await.unwrap();
    let used = async || {
        let found = open(&accounts.database).by_token(&secret).await.unwrap();
        assert!(found.is_some());
        accounts
            .people
            .token(&scope(ALL), token.id)
            .await
            .unwrap()
            .last_used_at
    };
    let first = used().await;
    assert!(first.is_some());
    assert_eq!(used().await, first);
    let passed = "update people.token set last_used_at = now() - interval '6 minutes'";
    accounts.database.run(passed).await;
    assert!(used().await >= first);
    // A refused token is not used.
    let id = token.id;
    let revoked = by(ALL, async |by| accounts.people.revoke_token(id, &by).await).await;
    revoked.unwrap();
    accounts.database.run(passed).await;
    let before = accounts.people.token(&scope(ALL), id).await.unwrap();
    let refused = open(&accounts.database).by_token(&secret).await.unwrap();
    assert!(refused.is_none());
    let after = accounts.people.token(&scope(ALL), id).await.unwrap();
    assert_eq!(after.last_used_at, before.last_used_at);
}

#[tokio::test]
async fn a_refused_token_of_a_person_is_not_used_and_a_refused_cookie_is_not_renewed() {
    let accounts = accounts().await;
    let (_, cookie) = accounts.sign_in("kim@example.com").await;
    let (token, _) = accounts
        .people
        .token_of_person(&cookie, &Actor::command())
        .await
        .unwrap();
    let ago = "update people.cookie set last_seen_at = now() - interval '6 minutes'";
    accounts.database.run(ago).await;
    let client = accounts.database.client().await;
    for refusal in [
        "update people.person set deactivated_at = now()",
        "update people.person set deactivated_at = null;
         update people.cookie set expires_at = now() - interval '1 second'",
    ] {
        accounts.database.run(refusal).await;
        let process = open(&accounts.database);
        assert!(process.by_token(&token).await.unwrap().is_none());
        assert!(process.by_cookie(&cookie).await.unwrap().is_none());
        let sql = "select last_used_at is null and last_seen_at < now() - interval '5 minutes'
                   from people.token join people.cookie on cookie.hash = token.cookie_hash";
        let row = client.query_typed_one(sql, &[]).await.unwrap();
        assert!(row.get::<_, bool>(0), "{refusal}");
    }
}

#[tokio::test]
async fn a_retry_creates_no_second_token_and_can_not_show_the_secret_again() {
    let accounts = accounts().await;
    let mut token = new("bot");
    token.expires_at = Some(Timestamp::now() + SignedDuration::from_hours(1));
    let first = create(&accounts, &token, Some("k1")).await.unwrap();
    let error = create(&accounts, &token, Some("k1")).await.err().unwrap();
    assert_eq!(error.status(), 409);
    assert!(
        error.to_string().contains(&first.token.id.to_string()),
        "{error}"
    );
    // Not even after it was revoked, when its name is free.
    let id = first.token.id;
    by(ALL, async |by| accounts.people.revoke_token(id, &by).await)
        .await
        .unwrap();
    assert_eq!(status(create(&accounts, &token, Some("k1")).await), 409);
    assert_eq!(
        status(create(&accounts, &new("other"), Some("k1")).await),
        422
    );
    create(&accounts, &token, Some("k2")).await.unwrap();

    let at_once =
        (0..5).map(|_| async { status(create(&accounts, &new("third"), Some("k3")).await) });
    let mut statuses = join_all(at_once).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409, 409, 409, 409]);
}

#[tokio::test]
async fn a_token_of_a_person_is_in_the_audit_log_and_a_sign_in_has_ten() {
    let accounts = accounts().await;
    let people = &accounts.people;
    let (kim, cookie) = accounts.sign_in("kim@example.com").await;
    let (_, other) = accounts.sign_in("kim@example.com").await;
    let actor = Actor::person(kim.id, None);
    let create = async |cookie: &str| people.token_of_person(cookie, &actor).await.unwrap().0;
    let of_other = create(&other).await;
    let mut secrets = Vec::new();
    for _ in 0..12 {
        secrets.push(create(&cookie).await);
    }
    let mut valid = Vec::new();
    for secret in &secrets {
        valid.push(people.by_token(secret).await.unwrap().is_some());
    }
    assert_eq!(valid, [vec![false; 2], vec![true; 10]].concat());
    assert!(people.by_token(&of_other).await.unwrap().is_some());
    let client = accounts.database.client().await;
    let row = client
        .query_typed_one(
            "select count(distinct subject), min(actor_kind), min(personal ->> 'actor'), min(subject_kind)
             from people.audit where action = 'token.create'",
            &[],
        )
        .await
        .unwrap();
    assert_eq!(row.get::<_, i64>(0), 13);
    let texts: Vec<String> = (1..4).map(|at| row.get(at)).collect();
    assert_eq!(texts, ["person", &kim.id.to_string(), "token"]);
}
