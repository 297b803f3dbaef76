//! Entries lose who did it, and the log still verifies.

use std::sync::Arc;

use people::Actor;
use people::personal::{Accounts, may_erase};
use personal::{Identity, Owner as _, Person, Subject};
use platform::Caller;
use platform::auth::{Kind, Role};
use platform::postgres::scoped::{self, Scope};
use uuid::Uuid;

use super::{Log, bot, log};
use crate::common::{ALL, by};

/// Adds a person who has signed in, and is an admin of everything if `is_admin`.
pub(super) async fn person(log: &Log, is_admin: bool) -> Uuid {
    let id = Uuid::now_v7();
    let (role, scope) = match is_admin {
        true => ("admin", ALL),
        false => ("reader", "{}"),
    };
    log.database
        .run(&format!(
            "insert into people.person (id, issuer, subject, role, scope)
             values ('{id}', 'https://id.example', '{id}', '{role}', '{scope}')"
        ))
        .await;
    id
}

async fn acts(log: &Log, id: Uuid) {
    let actor = Actor::person(id, Some([192, 0, 2, 7].into()));
    log.record("person.sign_in", &id.to_string(), &actor).await;
}

async fn is_known(log: &Log, text: &str) -> bool {
    log.database.dump().await.contains(text)
}

fn subject(id: Uuid, everything: bool) -> Subject {
    Subject {
        identity: Identity::Person(Person {
            user_ids: vec![id],
            ..Person::default()
        }),
        robeings: None,
        everything,
    }
}

#[tokio::test]
async fn an_erased_person_is_in_no_entry() {
    let log = log().await;
    let id = person(&log, false).await;
    acts(&log, id).await;
    // A service that has the id as its name is another one.
    let service = Caller::service(id.to_string().into(), Role::Admin, Arc::default());
    let service = Actor::of(&service, Some([192, 0, 2, 8].into()));
    log.record("token.revoke", "t1", &service).await;
    log.chain.sweep().await.unwrap();
    assert!(is_known(&log, "192.0.2.7").await);
    by(ALL, async |by| log.people.erase(id, &by).await)
        .await
        .unwrap();
    assert!(!is_known(&log, "192.0.2.7").await);
    assert!(is_known(&log, "192.0.2.8").await);
    log.chain.sweep().await.unwrap();
    let verified = log.verified().await;
    assert_eq!((verified.fault, verified.erased), (None, 1));
}

#[tokio::test]
async fn an_entry_that_is_committed_after_the_erasure_is_emptied_by_the_sweep() {
    let log = log().await;
    let id = person(&log, false).await;
    by(ALL, async |by| log.people.erase(id, &by).await)
        .await
        .unwrap();
    acts(&log, id).await;
    while log.chain.sweep().await.unwrap().rows > 0 {}
    assert!(!is_known(&log, "192.0.2.7").await);
    assert_eq!(log.fault().await, None);
}

#[tokio::test]
async fn an_entry_that_is_committed_during_the_erasure_is_emptied_by_the_sweep() {
    let log = log().await;
    let id = person(&log, false).await;
    let mut client = log.database.unscoped_client().await;
    let scope = Scope::all(Kind::new("people"));
    let transaction = scoped::begin(&mut client, &scope).await.unwrap();
    transaction
        .execute_typed("delete from people.person", &[])
        .await
        .unwrap();
    acts(&log, id).await;
    log.chain.sweep().await.unwrap();
    assert!(is_known(&log, "192.0.2.7").await);
    transaction.commit().await.unwrap();
    let command = Actor::command();
    log.record("person.erase", &id.to_string(), &command).await;
    while log.chain.sweep().await.unwrap().rows > 0 {}
    assert!(!is_known(&log, "192.0.2.7").await);
    assert_eq!(log.fault().await, None);
}

#[tokio::test]
async fn an_erasure_empties_a_batch_and_the_sweep_the_rest() {
    let log = log().await;
    let id = person(&log, false).await;
    acts(&log, id).await;
    let more = "with copies as (
                    insert into people.audit
                        (id, action, subject_kind, subject, detail, actor_kind, personal, salt, personal_digest)
                    select overlay(id::text placing lpad(to_hex(n), 12, '0') from 25)::uuid,
                           action, subject_kind, subject, detail, actor_kind, personal, salt, personal_digest
                    from people.audit, generate_series(1, 12000) as n
                    returning id
                )
                insert into people.audit_pending select id from copies";
    log.database.run(more).await;
    while !log.chain.sweep().await.unwrap().complete {}
    by(ALL, async |by| log.people.erase(id, &by).await)
        .await
        .unwrap();
    let left = format!("people.audit where personal ->> 'actor' = '{id}'");
    assert_eq!(log.count(&left).await, 12_001 - 5_000);
    while !log.chain.sweep().await.unwrap().complete {}
    assert_eq!(log.count(&left).await, 0);
    // The sweep empties no more at once than the erasure.
    let largest = "people.audit where (detail ->> 'entries')::int > 5000";
    assert_eq!(log.count(largest).await, 0);
    while log.chain.sweep().await.unwrap().rows > 0 {}
    let verified = log.verified().await;
    assert_eq!((verified.fault, verified.erased), (None, 12_001));
}

#[tokio::test]
async fn old_entries_do_not_say_who_did_it() {
    let log = log().await;
    for (age, is_left) in [(399, true), (401, false)] {
        log.record("token.revoke", "t1", &bot()).await;
        log.database
            .run(&format!(
                "update people.audit set at = now() - interval '{age} days' where action = 'token.revoke'"
            ))
            .await;
        if is_left {
            log.chain.sweep().await.unwrap();
            assert!(is_known(&log, "bot@example.com").await);
            log.database
                .run("truncate people.audit, people.audit_link; update people.audit_head set seq = 0, anchored_seq = 0, digest = decode(repeat('00', 32), 'hex')")
                .await;
            log.store
                .delete("audit/anchors/00000000000000000001.json")
                .await
                .unwrap();
        }
    }
    while log.chain.sweep().await.unwrap().rows > 0 {}
    assert!(!is_known(&log, "bot@example.com").await);
    let verified = log.verified().await;
    assert_eq!((verified.fault, verified.erased), (None, 1));
}

#[tokio::test]
async fn an_erasure_leaves_the_last_admin_and_ones_own_account_and_accounts_out_of_scope() {
    let log = log().await;
    let (root, kim) = (person(&log, true).await, person(&log, false).await);
    let mut client = log.database.unscoped_client().await;
    let scope = Scope::all(Kind::new("people"));
    let db = scoped::begin(&mut client, &scope).await.unwrap();
    let itself = Actor::person(kim, None);
    for (id, everything, actor, status) in [
        (root, true, &itself, 409),
        (kim, true, &itself, 403),
        (kim, true, &bot(), 200),
        (root, false, &itself, 200),
    ] {
        let may = may_erase(&db, &subject(id, everything), actor).await;
        assert_eq!(may.map_or_else(|it| it.status().as_u16(), |()| 200), status);
    }
    for (id, everything, accounts) in [(root, true, 0), (kim, false, 0), (kim, true, 1)] {
        let erased = Accounts
            .erase(&db, &subject(id, everything), Uuid::nil())
            .await;
        let accounts_erased = erased.unwrap().done.get("people.person").copied();
        assert_eq!(
            accounts_erased.unwrap_or_default(),
            accounts,
            "{everything}"
        );
    }
}
