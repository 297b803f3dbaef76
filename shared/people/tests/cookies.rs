//! How long a sign-in lasts, and what ends it.

use people::Actor;
use platform::auth::{Accounts as _, Role};
use uuid::Uuid;

use crate::common::{ALL, Accounts, SALES, accounts, active, by, open, rescoped, scope, status};

/// Moves the times of all cookies into the past.
async fn pass(accounts: &Accounts, time: &str) {
    let sql = format!(
        "update people.cookie
         set created_at = created_at - interval '{time}', last_seen_at = last_seen_at - interval '{time}',
             expires_at = expires_at - interval '{time}'"
    );
    accounts.database.run(&sql).await;
}

/// Whether another process accepts the cookie, and whether it renews it.
async fn is_accepted(accounts: &Accounts, cookie: &str) -> Option<bool> {
    let signed_in = open(&accounts.database).by_cookie(cookie).await.unwrap();
    signed_in.map(|it| it.renewed.is_some())
}

#[tokio::test]
async fn a_cookie_leads_to_the_person_with_their_rights() {
    let accounts = accounts().await;
    let (kim, cookie) = accounts.sign_in("kim@example.com").await;
    accounts.change(ALL, &kim, rescoped(SALES)).await.unwrap();
    let found = accounts.people.by_cookie(&cookie).await.unwrap().unwrap();
    assert_eq!(found.caller.person(), Some(kim.id));
    assert_eq!(*found.caller.name, kim.id.to_string());
    assert_eq!(
        (found.caller.role, &*found.caller.scope),
        (Role::Reader, &scope(SALES))
    );
    for other in [
        "",
        "x",
        &"x".repeat(43),
        &cookie[1..],
        &format!("{cookie} "),
    ] {
        assert!(accounts.people.by_cookie(other).await.unwrap().is_none());
    }
    // The database has a digest of the value only.
    assert!(!accounts.database.dump().await.contains(&cookie));
}

#[tokio::test]
async fn a_cookie_lasts_24_hours_from_its_last_use_and_30_days_at_most() {
    let accounts = accounts().await;
    let (_, cookie) = accounts.sign_in("kim@example.com").await;
    // Within five minutes, nothing is written.
    assert_eq!(is_accepted(&accounts, &cookie).await, Some(false));
    pass(&accounts, "6 minutes").await;
    assert_eq!(is_accepted(&accounts, &cookie).await, Some(true));
    assert_eq!(is_accepted(&accounts, &cookie).await, Some(false));
    // Used every 23 hours, it ends after 30 days.
    let mut days = 0;
    while is_accepted(&accounts, &cookie).await.is_some() {
        pass(&accounts, "23 hours").await;
        days += 1;
        assert!(days < 40, "the cookie ends");
    }
    assert_eq!(days, 30 * 24 / 23 + 1);

    let (_, idle) = accounts.sign_in("kim@example.com").await;
    pass(&accounts, "23 hours 59 minutes").await;
    assert_eq!(is_accepted(&accounts, &idle).await, Some(true));
    pass(&accounts, "24 hours").await;
    assert_eq!(is_accepted(&accounts, &idle).await, None);
}

#[tokio::test]
async fn signing_out_ends_this_sign_in_and_its_tokens_and_no_other() {
    let accounts = accounts().await;
    let people = &accounts.people;
    let (kim, one) = accounts.sign_in("kim@example.com").await;
    let (_, other) = accounts.sign_in("kim@example.com").await;
    let (token, _) = people
        .token_of_person(&one, &Actor::command())
        .await
        .unwrap();
    let (others, _) = people
        .token_of_person(&other, &Actor::command())
        .await
        .unwrap();
    for token in [&token, &others] {
        assert!(people.is_token(token));
        let caller = people.by_token(token).await.unwrap().unwrap();
        assert_eq!(caller.person(), Some(kim.id));
    }
    let actor = people::Actor::person(kim.id, None);
    people.sign_out(&one, &actor).await.unwrap();
    people.sign_out(&one, &actor).await.unwrap();
    assert!(people.by_cookie(&one).await.unwrap().is_none());
    assert!(people.by_token(&token).await.unwrap().is_none());
    assert_eq!(
        status(people.token_of_person(&one, &Actor::command()).await),
        401
    );
    assert!(people.by_cookie(&other).await.unwrap().is_some());
    assert!(people.by_token(&others).await.unwrap().is_some());
    let actions = accounts.actions().await;
    let ended = actions.iter().filter(|it| *it == "person.sign_out");
    assert_eq!(ended.count(), 1);
}

#[tokio::test]
async fn an_admin_ends_all_sign_ins_and_a_deactivation_does_for_ever() {
    let accounts = accounts().await;
    let people = &accounts.people;
    let (kim, one) = accounts.sign_in("kim@example.com").await;
    let (_, two) = accounts.sign_in("kim@example.com").await;
    let end = async |id: Uuid| by(ALL, async |by| people.end_sign_ins(id, &by).await).await;
    assert_eq!(end(kim.id).await.unwrap(), 2);
    assert_eq!(status(end(Uuid::now_v7()).await), 404);
    for cookie in [&one, &two] {
        assert!(people.by_cookie(cookie).await.unwrap().is_none());
    }
    let (_, three) = accounts.sign_in("kim@example.com").await;
    let (token, _) = people
        .token_of_person(&three, &Actor::command())
        .await
        .unwrap();
    accounts.change(ALL, &kim, active(false)).await.unwrap();
    assert!(people.by_cookie(&three).await.unwrap().is_none());
    assert!(people.by_token(&token).await.unwrap().is_none());
    accounts.change(ALL, &kim, active(true)).await.unwrap();
    assert!(people.by_cookie(&three).await.unwrap().is_none());
    assert!(people.by_token(&token).await.unwrap().is_none());
}

#[tokio::test]
async fn a_token_of_a_person_lasts_an_hour() {
    let accounts = accounts().await;
    let (_, cookie) = accounts.sign_in("kim@example.com").await;
    let (token, expires_at) = accounts
        .people
        .token_of_person(&cookie, &Actor::command())
        .await
        .unwrap();
    let left = expires_at.as_second() - jiff::Timestamp::now().as_second();
    assert!((3_500..=3_600).contains(&left), "{left}");
    let passed = "update people.token set expires_at = now() - interval '1 second'";
    accounts.database.run(passed).await;
    let found = open(&accounts.database).by_token(&token).await.unwrap();
    assert!(found.is_none());
    // The next one removes it.
    accounts
        .people
        .token_of_person(&cookie, &Actor::command())
        .await
        .unwrap();
    let client = accounts.database.client().await;
    let rows = client
        .query_typed("select from people.token", &[])
        .await
        .unwrap();
    assert_eq!(rows.len(), 1);
}

#[tokio::test]
async fn a_token_waits_for_whoever_ends_the_sign_ins_of_its_person() {
    let accounts = accounts().await;
    let (kim, cookie) = accounts.sign_in("kim@example.com").await;
    let mut other = accounts.database.client().await;
    let ending = other.transaction().await.unwrap();
    let lock = format!(
        "select from people.person where id = '{}' for update",
        kim.id
    );
    ending.batch_execute(&lock).await.unwrap();
    let people = accounts.people.clone();
    let token = tokio::spawn(async move {
        let created = people.token_of_person(&cookie, &Actor::command()).await;
        created.map(drop)
    });
    let client = accounts.database.client().await;
    let waiting = "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    while client.query_typed(waiting, &[]).await.unwrap().is_empty() {}
    // The token must not have the cookie.
    let end = "delete from people.cookie";
    ending.batch_execute(end).await.unwrap();
    ending.commit().await.unwrap();
    assert_eq!(status(token.await.unwrap()), 401);
}

#[tokio::test]
async fn everybody_is_the_local_person_in_the_open_mode() {
    let accounts = accounts().await;
    let local = accounts.people.local().await.unwrap();
    assert_eq!((local.role, &*local.scope), (Role::Admin, &scope(ALL)));
    let again = open(&accounts.database).local().await.unwrap();
    assert_eq!(again.person(), local.person());
    assert!(local.person().is_some());
}
