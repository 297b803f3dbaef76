//! Whom a sign-in admits, and as whom.

use futures::future::join_all;
use people::policy::Policy;
use platform::Env;
use platform::auth::{Accounts as _, Role};

use crate::common::{ALL, SALES, accounts, active, identity, policy, role, scope, status};

#[tokio::test]
async fn whom_the_policy_admits_becomes_a_reader_with_an_empty_scope() {
    let accounts = accounts().await;
    let (kim, _) = accounts.sign_in("kim@example.com").await;
    assert_eq!((kim.role, kim.scope), (Role::Reader, scope("{}")));
    assert!(kim.has_signed_in && kim.is_active && kim.last_sign_in_at.is_some());
    let (again, _) = accounts.sign_in("kim@example.com").await;
    assert_eq!(again.id, kim.id);
    assert_eq!(accounts.actions().await, ["person.sign_in"; 2]);
}

#[tokio::test]
async fn whom_nobody_admits_or_invited_is_refused_and_leaves_nothing() {
    let accounts = accounts().await;
    let mut unverified = identity("kim@example.com");
    unverified.email = None;
    for stranger in [identity("eve@evil.example"), unverified] {
        let refused = accounts
            .people
            .sign_in(&stranger, &policy(), None, None)
            .await;
        assert_eq!(status(refused), 403, "{stranger:?}");
    }
    let all = accounts.people.people(&scope(ALL), None, None, 10).await;
    assert!(all.unwrap().is_empty());
    assert!(accounts.actions().await.is_empty());
}

#[tokio::test]
async fn the_first_admin_gets_everything_once() {
    let accounts = accounts().await;
    // The local person of the open mode, and an admin who has not come yet, don't count.
    platform::auth::Accounts::local(&accounts.people)
        .await
        .unwrap();
    accounts
        .invite(ALL, "later@example.com", Role::Admin, ALL)
        .await
        .unwrap();
    let (root, _) = accounts.sign_in("Root@example.com").await;
    assert_eq!((root.role, root.scope.clone()), (Role::Admin, scope(ALL)));
    let (other, _) = accounts.sign_in("other@example.com").await;
    accounts
        .change(ALL, &other, role(Role::Admin))
        .await
        .unwrap();
    let everything = crate::common::rescoped(ALL);
    accounts.change(ALL, &other, everything).await.unwrap();
    // Whoever was lowered is not made an admin again while there is another one.
    accounts
        .change(ALL, &root, role(Role::Reader))
        .await
        .unwrap();
    let (root, _) = accounts.sign_in("root@example.com").await;
    assert_eq!(root.role, Role::Reader);
    let first = accounts.actions().await;
    let first = first.iter().filter(|it| *it == "person.first_admin");
    assert_eq!(first.count(), 1);
}

#[tokio::test]
async fn an_invitation_with_few_rights_does_not_keep_the_first_admin_out() {
    let accounts = accounts().await;
    let root = accounts.invite(SALES, "root@example.com", Role::Reader, SALES);
    let root = root.await.unwrap();
    accounts.change(SALES, &root, active(false)).await.unwrap();
    let (first, _) = accounts.sign_in("root@example.com").await;
    assert_eq!((first.id, first.role), (root.id, Role::Admin));
    assert_eq!(first.scope, scope(ALL));
    assert!(first.is_active);
    accounts.sign_in("root@example.com").await;
}

#[tokio::test]
async fn an_invitation_that_was_deactivated_is_refused_to_a_first_admin_who_comes_second() {
    let accounts = accounts().await;
    let (other, _) = accounts.sign_in("other@example.com").await;
    let rights = [role(Role::Admin), crate::common::rescoped(ALL)];
    for change in rights {
        accounts.change(ALL, &other, change).await.unwrap();
    }
    let root = accounts.invite(ALL, "root@example.com", Role::Reader, "{}");
    let root = root.await.unwrap();
    accounts.change(ALL, &root, active(false)).await.unwrap();
    let again = identity("root@example.com");
    let refused = accounts.people.sign_in(&again, &policy(), None, None).await;
    assert_eq!(status(refused), 403);
}

#[tokio::test]
async fn a_deactivated_person_who_had_signed_in_does_not_become_the_first_admin() {
    let accounts = accounts().await;
    let nobodys = Env::default().with("SIGN_IN_DOMAINS", "example.com");
    let before = Policy::of(&nobodys).unwrap();
    let mut root = identity("root@example.com");
    let signed_in = accounts.people.sign_in(&root, &before, None, None).await;
    let person = signed_in.ok().unwrap().person;
    accounts.change(ALL, &person, active(false)).await.unwrap();
    for subject in [root.subject.clone(), "another".to_owned()] {
        root.subject = subject;
        let refused = accounts.people.sign_in(&root, &policy(), None, None).await;
        assert_eq!(status(refused), 403, "{root:?}");
    }
}

#[tokio::test]
async fn an_invitation_is_taken_by_its_address_in_any_case_once() {
    let accounts = accounts().await;
    let invited = accounts.invite(ALL, "Lee@Partner.example", Role::Writer, SALES);
    let invited = invited.await.unwrap();
    assert!(!invited.has_signed_in);
    let (lee, _) = accounts.sign_in("lee@partner.example").await;
    assert_eq!((lee.id, lee.role), (invited.id, Role::Writer));
    assert_eq!(lee.scope, scope(SALES));
    assert!(lee.has_signed_in);
    // Another account with the same address is not the one who was invited.
    let mut other = identity("lee@partner.example");
    other.subject = "other".to_owned();
    let refused = accounts.people.sign_in(&other, &policy(), None, None).await;
    assert_eq!(status(refused), 403);
}

#[tokio::test]
async fn an_address_that_the_issuer_did_not_verify_takes_no_invitation() {
    let accounts = accounts().await;
    accounts
        .invite(ALL, "lee@partner.example", Role::Admin, ALL)
        .await
        .unwrap();
    let mut unverified = identity("lee@partner.example");
    unverified.email = None;
    let refused = accounts
        .people
        .sign_in(&unverified, &policy(), None, None)
        .await;
    assert_eq!(status(refused), 403);
}

#[tokio::test]
async fn who_has_signed_in_needs_no_policy_and_is_known_by_the_account_not_by_the_address() {
    let accounts = accounts().await;
    let (kim, _) = accounts.sign_in("kim@example.com").await;
    let nobody = Policy::of(&Env::default()).unwrap();
    let mut married = identity("kim@example.com");
    married.email = Some("kim.lee@other.example".to_owned());
    let known = accounts
        .people
        .sign_in(&married, &nobody, None, None)
        .await
        .unwrap();
    assert_eq!(known.person.id, kim.id);
    assert_eq!(known.person.email.as_deref(), Some("kim.lee@other.example"));
    let mut elsewhere = identity("kim@example.com");
    elsewhere.issuer = "https://other.example".to_owned();
    let other = accounts
        .people
        .sign_in(&elsewhere, &policy(), None, None)
        .await
        .unwrap();
    assert_ne!(other.person.id, kim.id);
}

#[tokio::test]
async fn a_deactivated_person_is_refused_until_activated_again() {
    let accounts = accounts().await;
    let (kim, _) = accounts.sign_in("kim@example.com").await;
    accounts.change(ALL, &kim, active(false)).await.unwrap();
    let refused = accounts
        .people
        .sign_in(&identity("kim@example.com"), &policy(), None, None)
        .await;
    let error = refused.err().unwrap().to_string();
    assert!(error.contains("deactivated"), "{error}");
    accounts.change(ALL, &kim, active(true)).await.unwrap();
    accounts.sign_in("kim@example.com").await;
    // The same for somebody who was only invited.
    let lee = accounts
        .invite(ALL, "lee@example.com", Role::Reader, "{}")
        .await
        .unwrap();
    accounts.change(ALL, &lee, active(false)).await.unwrap();
    let refused = accounts
        .people
        .sign_in(&identity("lee@example.com"), &policy(), None, None)
        .await;
    assert_eq!(status(refused), 403);
}

#[tokio::test]
async fn first_sign_ins_at_once_are_of_one_person() {
    let accounts = accounts().await;
    accounts
        .invite(ALL, "lee@partner.example", Role::Writer, "{}")
        .await
        .unwrap();
    for email in ["kim@example.com", "lee@partner.example", "root@example.com"] {
        let tries = (0..6).map(|_| accounts.sign_in(email));
        let signed_in = join_all(tries).await;
        let (first, _) = &signed_in[0];
        assert!(signed_in.iter().all(|(person, _)| person.id == first.id));
        let mut cookies: Vec<_> = signed_in.iter().map(|(_, cookie)| cookie).collect();
        cookies.sort_unstable();
        cookies.dedup();
        assert_eq!(cookies.len(), 6, "each sign-in has a cookie of its own");
    }
    let all = accounts.people.people(&scope(ALL), None, None, 10).await;
    assert_eq!(all.unwrap().len(), 3);
}

#[tokio::test]
async fn a_state_is_used_once_and_attempts_are_counted_per_minute() {
    let accounts = accounts().await;
    let people = &accounts.people;
    assert!(people.use_state("state").await.unwrap());
    assert!(!people.use_state("state").await.unwrap());
    assert!(people.use_state("another").await.unwrap());
    for expected in [true, true, false] {
        assert_eq!(people.may_try(b"source", 2).await.unwrap(), expected);
    }
    assert!(people.may_try(b"another", 2).await.unwrap());
    let minute = "update people.attempt set minute = minute - interval '1 minute'";
    accounts.database.run(minute).await;
    assert!(people.may_try(b"source", 2).await.unwrap());
}

#[tokio::test]
async fn an_attempt_writes_its_own_row_only_and_the_sweep_removes_what_has_expired() {
    let accounts = accounts().await;
    let people = &accounts.people;
    assert!(people.use_state("state").await.unwrap());
    assert!(people.may_try(b"source", 2).await.unwrap());
    let ago = "update people.sign_in set at = at - interval '2 hours';
               update people.attempt set minute = minute - interval '2 hours'";
    accounts.database.run(ago).await;
    assert!(people.use_state("another").await.unwrap());
    assert!(people.may_try(b"another", 2).await.unwrap());
    // The old state is still a used one.
    assert!(!people.use_state("state").await.unwrap());
    assert_eq!(people.remove_expired().await.unwrap(), 2);
    assert_eq!(people.remove_expired().await.unwrap(), 0);
}

#[tokio::test]
async fn a_sign_in_ends_the_one_that_the_browser_had_or_changes_nothing() {
    let accounts = accounts().await;
    let people = &accounts.people;
    let (kim, before) = accounts.sign_in("kim@example.com").await;
    let lee = identity("lee@example.com");
    let policy = policy();
    let sign_in = || people.sign_in(&lee, &policy, None, Some(&before));
    // The transaction fails at its end.
    let fault = "alter table people.audit add constraint fault check (action <> 'person.sign_in') not valid";
    accounts.database.run(fault).await;
    assert_eq!(status(sign_in().await), 500);
    let found = people.by_cookie(&before).await.unwrap().unwrap();
    assert_eq!(found.caller.person(), Some(kim.id));
    assert_eq!(accounts.actions().await, ["person.sign_in"]);

    accounts
        .database
        .run("alter table people.audit drop constraint fault")
        .await;
    sign_in().await.ok().unwrap();
    assert!(people.by_cookie(&before).await.unwrap().is_none());
    let expected = ["person.sign_in", "person.sign_out", "person.sign_in"];
    assert_eq!(accounts.actions().await, expected);
}

#[tokio::test]
async fn a_first_sign_in_beside_an_invitation_that_another_window_completes_meanwhile_is_known() {
    let accounts = accounts().await;
    let kim = identity("kim@example.com");
    let mut other_window = accounts.database.client().await;
    let transaction = other_window.transaction().await.unwrap();
    let first = "insert into people.person (id, issuer, subject, role)
                 values ('0190b2a0-0000-7000-8000-000000000001', 'https://id.example', 'subject of kim@example.com',
                         'reader')";
    transaction.batch_execute(first).await.unwrap();
    let invited = accounts.invite(ALL, "kim@example.com", Role::Writer, SALES);
    invited.await.unwrap();

    let policy = policy();
    let sign_in = accounts.people.sign_in(&kim, &policy, None, None);
    let commit = async {
        // The sign-in waits for the identity that the transaction has inserted.
        let waiting = "select count(*) from pg_locks join pg_stat_activity using (pid)
                       where not granted and datname = current_database()";
        let client = accounts.database.client().await;
        loop {
            let row = client.query_typed_one(waiting, &[]).await.unwrap();
            if row.get::<_, i64>(0) > 0 {
                break transaction.commit().await.unwrap();
            }
            tokio::task::yield_now().await;
        }
    };
    let (signed_in, ()) = tokio::join!(sign_in, commit);
    let person = signed_in.ok().unwrap().person;
    assert_eq!(
        person.id.to_string(),
        "0190b2a0-0000-7000-8000-000000000001"
    );
}

#[tokio::test]
async fn a_deactivated_person_does_not_come_back_under_another_subject_of_the_same_address() {
    let accounts = accounts().await;
    let (kim, _) = accounts.sign_in("kim@example.com").await;
    accounts.change(ALL, &kim, active(false)).await.unwrap();
    let mut again = identity("KIM@example.com");
    again.subject = "another".to_owned();
    let refused = accounts.people.sign_in(&again, &policy(), None, None).await;
    let error = refused.err().unwrap().to_string();
    assert!(error.contains("deactivated"), "{error}");
    let all = accounts.people.people(&scope(ALL), None, None, 10).await;
    assert_eq!(all.unwrap().len(), 1);
}

#[tokio::test]
async fn an_address_with_a_letter_that_folds_to_an_ascii_one_is_another_address() {
    let accounts = accounts().await;
    let invited = accounts.invite(ALL, "kim@partner.example", Role::Admin, ALL);
    let invited = invited.await.unwrap();
    // The Kelvin sign, whose lower case is k.
    let kelvin = "\u{212A}im@partner.example";
    let refused = accounts
        .people
        .sign_in(&identity(kelvin), &policy(), None, None)
        .await;
    assert_eq!(status(refused), 403);
    let found = accounts
        .people
        .people(&scope(ALL), Some(kelvin), None, 10)
        .await;
    assert!(found.unwrap().is_empty());
    let other = accounts.invite(ALL, kelvin, Role::Reader, "{}").await;
    assert_ne!(other.unwrap().id, invited.id);
    let (kim, _) = accounts.sign_in("KIM@partner.example").await;
    assert_eq!(kim.id, invited.id);
}
