//! Scopes within scopes: the reach of an admin.

use people::invitation::Invitation;
use people::person::Person;
use people::token::NewToken;
use platform::auth::Role;
use platform::postgres::types::{Json, Type};
use uuid::Uuid;

use crate::common::{ALL, SALES, accounts, active, by, rescoped, role, scope, status};

#[tokio::test]
async fn a_scope_includes_another_if_it_has_each_of_its_names_in_the_database_as_in_a_process() {
    let accounts = accounts().await;
    let client = accounts.database.client().await;
    // The outer scope, the inner one, and whether the outer one includes it.
    let cases = [
        ("{}", "{}", true),
        (ALL, "{}", true),
        (ALL, ALL, true),
        ("{}", ALL, false),
        ("{}", r#"{"robeings": []}"#, true),
        ("{}", r#"{"robeings": ["a"]}"#, false),
        (
            r#"{"robeings": ["a", "b"]}"#,
            r#"{"robeings": ["b"]}"#,
            true,
        ),
        (
            r#"{"robeings": ["a"]}"#,
            r#"{"robeings": ["a", "b"]}"#,
            false,
        ),
        (r#"{"robeings": ["a"]}"#, r#"{"robeings": ["*"]}"#, false),
        (r#"{"robeings": ["*"]}"#, r#"{"robeings": ["*"]}"#, true),
        (r#"{"robeings": ["*"]}"#, r#"{"robeings": ["a"]}"#, true),
        (r#"{"robeings": ["*"]}"#, r#"{"datasets": ["a"]}"#, false),
        (r#"{"robeings": ["*"]}"#, ALL, false),
        (ALL, r#"{"robeings": ["*"], "datasets": ["a"]}"#, true),
        // All kinds but one.
        (r#"{"*": ["*"], "robeings": ["a"]}"#, ALL, false),
        (
            r#"{"*": ["*"], "robeings": []}"#,
            r#"{"robeings": ["a"]}"#,
            false,
        ),
        (
            r#"{"*": ["*"], "robeings": ["a"]}"#,
            r#"{"robeings": ["a"]}"#,
            true,
        ),
        (
            r#"{"*": ["*"], "robeings": ["a"]}"#,
            r#"{"*": ["*"], "robeings": ["a"]}"#,
            true,
        ),
        (
            r#"{"*": ["*"], "robeings": ["a"]}"#,
            r#"{"*": ["*"], "robeings": ["b"]}"#,
            false,
        ),
        (
            r#"{"*": ["*"]}"#,
            r#"{"*": ["*"], "robeings": ["a"]}"#,
            true,
        ),
    ];
    for (outer, inner, expected) in cases {
        let (outer_scope, inner_scope) = (scope(outer), scope(inner));
        let row = client
            .query_typed_one(
                "select people.includes($1, $2)",
                &[
                    (&Json(&outer_scope), Type::JSONB),
                    (&Json(&inner_scope), Type::JSONB),
                ],
            )
            .await
            .unwrap();
        assert_eq!(row.get::<_, bool>(0), expected, "{outer} {inner}");
        assert_eq!(
            inner_scope.is_within(&outer_scope),
            expected,
            "{outer} {inner}"
        );
    }
}

#[tokio::test]
async fn an_admin_sees_and_changes_only_people_whose_scope_is_within_their_own() {
    let accounts = accounts().await;
    let people = &accounts.people;
    let mut invited = Vec::new();
    for (email, its) in [
        ("none@example.com", "{}"),
        ("sales@example.com", SALES),
        ("ops@example.com", r#"{"robeings": ["ops"]}"#),
        ("all@example.com", ALL),
    ] {
        let person = accounts.invite(ALL, email, Role::Reader, its).await;
        invited.push(person.unwrap());
    }
    let emails = |found: Vec<Person>| -> Vec<String> {
        found.into_iter().filter_map(|it| it.email).collect()
    };
    let seen = people.people(&scope(SALES), None, None, 10).await;
    assert_eq!(
        emails(seen.unwrap()),
        ["sales@example.com", "none@example.com"]
    );
    let all = people.people(&scope(ALL), None, None, 10).await;
    assert_eq!(emails(all.unwrap()).len(), 4);

    for (person, expected) in invited.iter().zip([200, 200, 404, 404]) {
        let id = person.id;
        assert_eq!(status(people.person(&scope(SALES), id).await), expected);
        let changed = accounts.change(SALES, person, role(Role::Writer)).await;
        assert_eq!(status(changed), expected, "{person:?}");
        let ended = by(SALES, async |by| people.end_sign_ins(id, &by).await);
        assert_eq!(status(ended.await), expected, "{person:?}");
        let erased = by(SALES, async |by| people.erase(id, &by).await);
        assert_eq!(status(erased.await), expected, "{person:?}");
    }
    let left = people.people(&scope(ALL), None, None, 10).await;
    assert_eq!(
        emails(left.unwrap()),
        ["all@example.com", "ops@example.com"]
    );
}

#[tokio::test]
async fn an_admin_grants_only_what_is_within_their_own_scope() {
    let accounts = accounts().await;
    let invite = async |email: &str, its: &str| {
        status(accounts.invite(SALES, email, Role::Admin, its).await)
    };
    for its in [ALL, r#"{"robeings": ["*"]}"#, r#"{"robeings": ["ops"]}"#] {
        assert_eq!(invite("kim@example.com", its).await, 403, "{its}");
        let created = accounts.create_token(SALES, "bot", its).await;
        assert_eq!(status(created), 403, "{its}");
    }
    // The role is not limited by the scope: an admin of sales makes other admins of sales.
    assert_eq!(invite("kim@example.com", SALES).await, 200);
    assert_eq!(
        status(accounts.create_token(SALES, "bot", SALES).await),
        200
    );
    let reach = scope(SALES);
    let found = accounts
        .people
        .people(&reach, Some("KIM@example.com"), None, 1);
    let kim = found.await.unwrap().remove(0);
    let change = accounts.change(SALES, &kim, rescoped(ALL)).await;
    assert_eq!(status(change), 403);
    assert_eq!(kim.scope, scope(SALES));
}

#[tokio::test]
async fn tokens_outside_the_reach_are_neither_seen_nor_revoked() {
    let accounts = accounts().await;
    let people = &accounts.people;
    let of_ops = accounts
        .create_token(ALL, "ops", r#"{"robeings": ["ops"]}"#)
        .await;
    let of_ops = of_ops.unwrap().token.id;
    let of_sales = accounts
        .create_token(ALL, "sales", SALES)
        .await
        .unwrap()
        .token
        .id;
    let seen = people.tokens(&scope(SALES), None, 10).await.unwrap();
    assert_eq!(seen.iter().map(|it| it.id).collect::<Vec<_>>(), [of_sales]);
    for (id, expected) in [(of_sales, 200), (of_ops, 404), (Uuid::now_v7(), 404)] {
        assert_eq!(status(people.token(&scope(SALES), id).await), expected);
        let revoked = by(SALES, async |by| people.revoke_token(id, &by).await);
        assert_eq!(status(revoked.await), expected);
    }
}

#[tokio::test]
async fn pages_follow_each_other_without_gaps() {
    let accounts = accounts().await;
    for n in 0..5 {
        let email = format!("p{n}@example.com");
        accounts
            .invite(ALL, &email, Role::Reader, "{}")
            .await
            .unwrap();
        accounts
            .create_token(ALL, &format!("t{n}"), "{}")
            .await
            .unwrap();
    }
    let (mut people, mut tokens) = (Vec::new(), Vec::new());
    let all = scope(ALL);
    for _ in 0..3 {
        let after = people.last().map(|it: &Person| it.id);
        people.extend(accounts.people.people(&all, None, after, 2).await.unwrap());
        let after = tokens.last().map(|it: &people::token::Token| it.id);
        tokens.extend(accounts.people.tokens(&all, after, 2).await.unwrap());
    }
    let emails: Vec<_> = people.iter().filter_map(|it| it.email.as_deref()).collect();
    let expected = ["p4", "p3", "p2", "p1", "p0"].map(|name| format!("{name}@example.com"));
    assert_eq!(emails, expected);
    let names: Vec<_> = tokens.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["t4", "t3", "t2", "t1", "t0"]);
}

#[tokio::test]
async fn a_scope_that_is_too_large_can_not_be_granted() {
    let accounts = accounts().await;
    let names: Vec<String> = (0..1_001).map(|n| format!("\"n{n}\"")).collect();
    let large = scope(&format!(r#"{{"robeings": [{}]}}"#, names.join(", ")));
    let invitation = Invitation {
        email: "kim@example.com".to_owned(),
        role: Role::Reader,
        scope: large.clone(),
    };
    let invited = by(ALL, async |by| {
        accounts.people.invite(&invitation, None, &by).await
    });
    assert_eq!(status(invited.await), 400);
    let new = NewToken {
        name: "bot".to_owned(),
        role: Role::Reader,
        scope: large.clone(),
        expires_at: None,
    };
    let created = by(ALL, async |by| {
        accounts.people.create_token(&new, None, &by).await
    });
    assert_eq!(status(created.await), 400);
    let kim = accounts
        .invite(ALL, "kim@example.com", Role::Reader, "{}")
        .await
        .unwrap();
    let changed = by(ALL, async |by| {
        let change = people::person::Change {
            scope: Some(large),
            ..active(true)
        };
        accounts.people.change(kim.id, &change, None, &by).await
    });
    assert_eq!(status(changed.await), 400);
}
