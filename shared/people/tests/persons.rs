//! People: invited, changed, deactivated and erased.

use futures::future::join;
use people::grant::Grantor;
use people::invitation::{Invitation, Invited};
use people::person::{Change, Preferences};
use people::{Actor, RequestKey};
use platform::auth::{Role, Scope};
use platform::{Caller, Result};
use uuid::Uuid;

use crate::common::{ALL, Accounts, SALES, accounts, active, by, rescoped, role, scope, status};

#[tokio::test]
async fn an_invitation_needs_an_address_that_nobody_has() {
    let accounts = accounts().await;
    let invite = async |email: &str| status(accounts.invite(ALL, email, Role::Reader, "{}").await);
    for email in [
        "",
        "kim",
        "kim@",
        "@example.com",
        "kim lee@example.com",
        "kim@localhost",
    ] {
        assert_eq!(invite(email).await, 400, "{email}");
    }
    assert_eq!(
        invite(&format!("{}@example.com", "k".repeat(250))).await,
        400
    );
    assert_eq!(invite(" kim@example.com ").await, 400);
    assert_eq!(invite("kim@example.com").await, 200);
    assert_eq!(invite("KIM@example.com").await, 409);
    accounts.sign_in("lee@example.com").await;
    assert_eq!(invite("Lee@example.com").await, 409);
    let actions = accounts.actions().await;
    assert_eq!(actions, ["person.invite", "person.sign_in"]);
}

async fn invite_once(accounts: &Accounts, email: &str, caller: &str, key: &str) -> Result<Invited> {
    let caller = Caller::service(caller.into(), Role::Admin, Scope::all().into());
    let key = RequestKey::of(&caller, key);
    let invitation = Invitation {
        email: email.to_owned(),
        role: Role::Reader,
        scope: scope("{}"),
    };
    by(ALL, async |by| {
        accounts.people.invite(&invitation, Some(&key), &by).await
    })
    .await
}

#[tokio::test]
async fn requests_with_the_same_key_invite_once() {
    let accounts = accounts().await;
    let invite = async |email: &str, caller: &str, key: &str| {
        invite_once(&accounts, email, caller, key).await
    };
    let first = invite("kim@example.com", "a", "k1").await.unwrap();
    assert!(first.is_new);
    accounts
        .change(ALL, &first.person, role(Role::Writer))
        .await
        .unwrap();
    let again = invite("Kim@example.com", "a", "k1").await.unwrap();
    assert!(!again.is_new);
    assert_eq!(
        (again.person.id, again.person.role),
        (first.person.id, Role::Writer)
    );
    assert_eq!(status(invite("lee@example.com", "a", "k1").await), 422);
    // A key belongs to its caller.
    assert!(invite("lee@example.com", "b", "k1").await.unwrap().is_new);
    assert_eq!(status(invite("kim@example.com", "a", "k2").await), 409);
    let at_once = join(
        invite_once(&accounts, "park@example.com", "a", "k3"),
        invite_once(&accounts, "park@example.com", "a", "k3"),
    );
    let (one, other) = at_once.await;
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!(one.person.id, other.person.id);
    assert_ne!(one.is_new, other.is_new);
}

#[tokio::test]
async fn a_change_with_an_old_revision_is_refused() {
    let accounts = accounts().await;
    let kim = accounts
        .invite(ALL, "kim@example.com", Role::Reader, "{}")
        .await
        .unwrap();
    let change = async |revision: i64, change: &Change| {
        by(ALL, async |by| {
            accounts
                .people
                .change(kim.id, change, Some(revision), &by)
                .await
        })
        .await
    };
    let changed = change(kim.revision, &rescoped(SALES)).await.unwrap();
    assert!(changed.revision > kim.revision);
    assert_eq!(
        (changed.role, &changed.scope),
        (Role::Reader, &scope(SALES))
    );
    assert_eq!(status(change(kim.revision, &role(Role::Admin)).await), 412);
    let chosen = Preferences {
        language: Some("ko".to_owned()),
        time_zone: None,
    };
    let chosen = accounts.people.prefer(kim.id, &chosen).await.unwrap();
    assert_eq!(chosen.language.as_deref(), Some("ko"));
    assert_eq!(
        status(change(changed.revision, &role(Role::Admin)).await),
        412
    );
    change(chosen.revision, &role(Role::Admin)).await.unwrap();
}

#[tokio::test]
async fn nobody_changes_or_erases_themselves() {
    let accounts = accounts().await;
    let (root, _) = accounts.sign_in("root@example.com").await;
    let (other, _) = accounts.sign_in("other@example.com").await;
    let (actor, all) = (Actor::person(root.id, None), scope(ALL));
    let root_itself = Grantor {
        actor: &actor,
        reach: &all,
        person: Some(root.id),
    };
    let people = &accounts.people;
    for change in [
        role(Role::Admin),
        rescoped(ALL),
        active(true),
        active(false),
    ] {
        let changed = people.change(root.id, &change, None, &root_itself).await;
        assert_eq!(status(changed), 403, "{change:?}");
    }
    assert_eq!(status(people.erase(root.id, &root_itself).await), 403);
    let changed = people
        .change(other.id, &role(Role::Admin), None, &root_itself)
        .await;
    assert_eq!(status(changed), 200);
}

#[tokio::test]
async fn the_last_admin_of_everything_stays() {
    let accounts = accounts().await;
    let (root, _) = accounts.sign_in("root@example.com").await;
    // An admin who has not signed in yet may never do so, and an admin of a part is none of everything.
    accounts
        .invite(ALL, "later@example.com", Role::Admin, ALL)
        .await
        .unwrap();
    accounts
        .invite(ALL, "part@example.com", Role::Admin, SALES)
        .await
        .unwrap();
    let (part, _) = accounts.sign_in("part@example.com").await;
    for change in [role(Role::Writer), rescoped(SALES), active(false)] {
        let changed = accounts.change(ALL, &root, change.clone()).await;
        assert_eq!(status(changed), 409, "{change:?}");
    }
    let erase = async |id: Uuid| by(ALL, async |by| accounts.people.erase(id, &by).await).await;
    assert_eq!(status(erase(root.id).await), 409);
    let unchanged = accounts.people.person(&scope(ALL), root.id).await.unwrap();
    assert_eq!(unchanged.revision, root.revision);
    // With a second one, one of them may go.
    accounts.change(ALL, &part, rescoped(ALL)).await.unwrap();
    assert_eq!(status(erase(root.id).await), 200);
    assert_eq!(status(erase(part.id).await), 409);
}

#[tokio::test]
async fn of_two_admins_who_remove_each_other_at_once_one_stays() {
    let accounts = accounts().await;
    for round in 0..5 {
        let (one, _) = accounts.sign_in("root@example.com").await;
        let (other, _) = accounts.sign_in(&format!("other{round}@example.com")).await;
        for person in [&one, &other] {
            let both = Change {
                is_active: Some(true),
                ..rescoped(ALL)
            };
            accounts.change(ALL, person, both).await.unwrap();
            accounts
                .change(ALL, person, role(Role::Admin))
                .await
                .unwrap();
        }
        let outcomes = join(
            accounts.change(ALL, &one, role(Role::Reader)),
            accounts.change(ALL, &other, role(Role::Reader)),
        );
        let (first, second) = outcomes.await;
        let mut statuses = [status(first), status(second)];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409]);
        // For the next round, the first admin is the only one.
        accounts.change(ALL, &one, role(Role::Admin)).await.unwrap();
        accounts
            .change(ALL, &other, role(Role::Reader))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn an_erased_person_leaves_no_name_and_no_address() {
    let accounts = accounts().await;
    let people = &accounts.people;
    accounts.sign_in("root@example.com").await;
    let mut kim = crate::common::identity("kim.secret@example.com");
    kim.name = Some("Kim Very Secret".to_owned());
    kim.picture = Some("https://pictures.example/secret".to_owned());
    let address = "203.0.113.9".parse().ok();
    let signed_in = people
        .sign_in(&kim, &crate::common::policy(), address, None)
        .await
        .unwrap();
    let id = signed_in.person.id;
    accounts
        .change(ALL, &signed_in.person, rescoped(SALES))
        .await
        .unwrap();
    let before = accounts.database.dump().await;
    for text in ["kim.secret@example.com", "Very Secret", "203.0.113.9"] {
        assert!(before.contains(text), "{text}");
    }
    by(ALL, async |by| people.erase(id, &by).await)
        .await
        .unwrap();
    let dump = accounts.database.dump().await;
    for text in [
        "kim.secret",
        "Very Secret",
        "pictures.example",
        "203.0.113.9",
    ] {
        assert!(!dump.contains(text), "{text}");
    }
    assert_eq!(status(people.person(&scope(ALL), id).await), 404);
    let again = by(ALL, async |by| people.erase(id, &by).await).await;
    assert_eq!(status(again), 404);
    // What was done stays.
    let actions = accounts.actions().await;
    assert_eq!(
        actions.iter().map(String::as_str).collect::<Vec<_>>(),
        [
            "person.first_admin",
            "person.sign_in",
            "person.sign_in",
            "person.change",
            "person.erase"
        ]
    );
}

#[tokio::test]
async fn a_key_of_an_invitation_is_refused_for_another_one_whatever_became_of_the_person() {
    let accounts = accounts().await;
    let caller = Caller::service("a".into(), Role::Admin, Scope::all().into());
    let key = RequestKey::of(&caller, "k1");
    let invite = async |email: &str, role: Role, its: &str| {
        let (email, scope) = (email.to_owned(), scope(its));
        let invitation = Invitation { email, role, scope };
        by(ALL, async |by| {
            accounts.people.invite(&invitation, Some(&key), &by).await
        })
        .await
    };
    let kim = "kim@example.com";
    let first = invite(kim, Role::Reader, SALES).await.unwrap().person;
    for (email, its_role, its) in [
        (kim, Role::Admin, SALES),
        (kim, Role::Reader, ALL),
        ("lee@example.com", Role::Reader, SALES),
    ] {
        assert_eq!(
            status(invite(email, its_role, its).await),
            422,
            "{email} {its_role} {its}"
        );
    }
    let changed = accounts
        .change(ALL, &first, role(Role::Admin))
        .await
        .unwrap();
    let again = invite("KIM@example.com", Role::Reader, SALES)
        .await
        .unwrap();
    assert!(!again.is_new);
    assert_eq!(
        (again.person.id, again.person.role),
        (changed.id, Role::Admin)
    );
}

#[tokio::test]
async fn a_change_that_changes_nothing_leaves_the_revision_and_the_audit_log() {
    let accounts = accounts().await;
    let invited = accounts.invite(ALL, "kim@example.com", Role::Writer, SALES);
    let kim = invited.await.unwrap();
    let same = Change {
        role: Some(Role::Writer),
        scope: Some(scope(SALES)),
        is_active: Some(true),
    };
    let unchanged = accounts.change(ALL, &kim, same).await.unwrap();
    assert_eq!(unchanged.revision, kim.revision);
    let choice = |language: &str| Preferences {
        language: Some(language.to_owned()),
        time_zone: None,
    };
    let chosen = async |choice| {
        accounts
            .people
            .prefer(kim.id, &choice)
            .await
            .unwrap()
            .revision
    };
    assert_eq!(chosen(Preferences::default()).await, kim.revision);
    assert_eq!(chosen(choice("ko")).await, kim.revision + 1);
    assert_eq!(chosen(choice("ko")).await, kim.revision + 1);
    assert_eq!(accounts.actions().await, ["person.invite"]);
}
